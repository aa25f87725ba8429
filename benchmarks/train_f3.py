"""Trains every variant on the labelled F3 tiles with several seeds and scores it on query against corpus.

    cargo build --release && python3 benchmarks/train_f3.py ../shared/data/f3-tiles [--seeds 5] [--refcon PATH] [--only NAME …]

Training sees `train/` alone, and holds out whole near-duplicate groups of it for validation. `gold.csv` is used for scoring only.
Prints a table: mean of the seeds and, in brackets, least and greatest.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

VARIANTS = {
    "texture, nothing trained": None,
    "linear, supervised contrastive": {},
    "linear, multi-similarity": {"loss": "multi_similarity"},
    "linear, ProxyAnchor": {"loss": "proxy_anchor"},
    "linear, sub-centre ArcFace": {"loss": "sub_centre_arcface"},
    "linear, triplets of the challenge": {"loss": "triplet", "sampling": "triplets"},
    "linear, cosine triplets, batch-hard": {
        "loss": "{kind: triplet, distance: cosine, margin: 0.2}", "mining": "batch_hard"
    },
    "linear, cosine triplets, semi-hard": {
        "loss": "{kind: triplet, distance: cosine, margin: 0.2}", "mining": "semi_hard"
    },
    "linear, cosine triplets, distance-weighted": {
        "loss": "{kind: triplet, distance: cosine, margin: 0.2}", "mining": "distance_weighted"
    },
    "linear not residual, 64 components, supervised contrastive": {
        "head": "{kind: linear, components: 64, residual: false}"
    },
    "perceptron of 256, residual, supervised contrastive": {"head": "{kind: perceptron, residual: true}"},
    "perceptron of 256 to 64, supervised contrastive": {"head": "{kind: perceptron, components: 64}"},
    "linear, supervised contrastive, weights averaged": {"optimiser.average": "0.99"},
    "linear, supervised contrastive, warm-up and cosine": {
        "schedule": "warm_up_cosine", "optimiser.learning_rate": "3e-3"
    },
}
MEASURES = ["mean_average_precision", "map_at_r", "precision_at_3"]


def run(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stderr}")
    return done.stdout


def scores(refcon, tiles, encoder, scratch):
    result = scratch / "ranking.json"
    test = tiles / "test"
    run(refcon, "-q", "predict", "--encoder", encoder, "--query", test / "query", "--corpus", test / "image_corpus",
        "-k", "all", "-o", result)
    table = json.loads(run(refcon, "--json", "score", result, "--gold", tiles / "gold.csv"))
    return [table["overall"][measure]["mean"] for measure in MEASURES]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tiles", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--refcon", default="target/release/refcon")
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    print("| variant | held-out MAP@R | mAP | MAP@R | P@3 | seconds |\n|---|---|---|---|---|---|")
    for name, settings in VARIANTS.items():
        if options.only and name not in options.only:
            continue
        rows = []
        for seed in range(1, options.seeds + 1):
            with tempfile.TemporaryDirectory() as scratch:
                scratch = Path(scratch)
                if settings is None:
                    rows.append([float("nan"), *scores(options.refcon, options.tiles, "texture", scratch), 0.0])
                    break
                began = time.time()
                given = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
                said = json.loads(run(options.refcon, "--json", "train", "--data", options.tiles / "train", "--groups",
                                      options.tiles / "groups.csv", "--set", f"seed={seed}", "--set", "tracking.report=false",
                                      "--runs", scratch / "runs",
                                      *given))
                seconds = time.time() - began
                rows.append([said["best"], *scores(options.refcon, options.tiles, said["encoder"], scratch), seconds])
        cells = []
        for column in zip(*rows):
            mean = statistics.mean(column)
            spread = f" ({min(column):.3f}–{max(column):.3f})" if len(column) > 1 and len(cells) < 4 else ""
            cells.append("–" if mean != mean else f"{mean:.3f}{spread}" if len(cells) < 4 else f"{mean:.0f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


main()
