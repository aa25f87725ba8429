"""Draws the curves of the compact encoder's three trainings (Matplotlib).

    python3 curves.py MAE_RUN CONTRASTIVE_RUN CONTINUED_RUN curves.png
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


def draw_masked(axes, run):
    axes.plot(*series(run, "train/loss"), color="#9db8d6", label="training, masked patches")
    axes.plot(*series(run, "validation/reconstruction_loss"), "o-", color="#1f5a99", ms=4, label="held out")
    axes.set(title="Masked autoencoder", xlabel="epoch", ylabel="mean squared error, normalised patches")
    axes.legend(frameon=False)


def draw_contrastive(axes, run, title):
    axes.plot(*series(run, "train/loss"), color="#d6b49d", label="training loss (left)")
    axes.set(title=title, xlabel="epoch", ylabel="supervised contrastive loss")
    twin = axes.twinx()
    twin.spines.right.set_visible(True)
    twin.plot(*series(run, "validation/map_at_r"), "o-", color="#99481f", ms=4, label="held-out MAP@R (right)")
    twin.set(ylabel="MAP@R", ylim=(0, 1))
    lines = axes.get_lines() + twin.get_lines()
    axes.legend(lines, [line.get_label() for line in lines], frameon=False, loc="upper right")


def main(mae, contrastive, continued, output):
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 3.8), layout="constrained")
    draw_masked(left, mae)
    draw_contrastive(middle, contrastive, "Contrastive, 96 pixels, 58 surveys")
    draw_contrastive(right, continued, "Continued, 80 pixels, 148 surveys")
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
