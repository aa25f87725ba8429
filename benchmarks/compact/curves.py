"""Draws the curves of the compact encoder's two trainings (Matplotlib).

    python3 curves.py MAE_RUN CONTRASTIVE_RUN curves.png
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def series(run, name):
    """Epochs and values of a measure, the mean of each twentieth of an epoch where it is one of every step."""
    cells = {}
    with open(Path(run) / "metrics.jsonl") as records:
        for record in map(json.loads, records):
            if record["name"] == name:
                cells.setdefault(round(20 * record["epoch"]), []).append(record["value"])
    return [cell / 20 for cell in cells], [sum(values) / len(values) for values in cells.values()]


def main(mae, contrastive, output):
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    left.plot(*series(mae, "train/loss"), color="#9db8d6", label="training, masked patches")
    left.plot(*series(mae, "validation/reconstruction_loss"), "o-", color="#1f5a99", ms=4, label="held out")
    left.set(title="Masked autoencoder", xlabel="epoch", ylabel="mean squared error, normalised patches")
    left.legend(frameon=False)
    right.plot(*series(contrastive, "train/loss"), color="#d6b49d", label="training loss (left)")
    right.set(title="Contrastive fine-tuning", xlabel="epoch", ylabel="supervised contrastive loss")
    twin = right.twinx()
    twin.spines.right.set_visible(True)
    twin.plot(*series(contrastive, "validation/map_at_r"), "o-", color="#99481f", ms=4, label="held-out MAP@R (right)")
    twin.set(ylabel="MAP@R", ylim=(0, None))
    lines = right.get_lines() + twin.get_lines()
    right.legend(lines, [line.get_label() for line in lines], frameon=False, loc="center right")
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
