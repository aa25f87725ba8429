"""How well encoders find tiles of the same class that they have not seen: F3's queries in its corpus, and tiles of eight synthetic
surveys that were not trained on, in the other seven ("across") and in their own ("within").

    python3 evaluate.py REFCON F3_TILES SYNTHETIC ENCODER...

SYNTHETIC is made where it is not there. Needs NumPy.
"""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np


def make_synthetic(refcon, folder):
    """Sixteen tiles of each class at most, of surveys whose seeds, wavelets and noise are no training's."""
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(1, 9):
            survey = [
                refcon, "synth", "-q", "-o", f"{scratch}/survey.npy", "--seed", str(2000 + number),
                "--inlines", "112", "--crosslines", "208", "--samples", "352",
                "--frequency", str(20 + number * 11 % 36), "--signal-to-noise", str(3 + number * 4 % 12),
            ]
            subprocess.run([*survey, "--tiles", folder, "--tiles-per-class", "16"], check=True)


def embedded(refcon, encoder, folder):
    """Names and embeddings of length 1 of a folder's tiles."""
    with tempfile.TemporaryDirectory() as scratch:
        to = Path(scratch) / "tiles.npy"
        subprocess.run([refcon, "embed", folder, "--encoder", encoder, "-o", to, "-q"], check=True)
        with open(to.with_suffix(".csv"), newline="") as table:
            names = [row["file"] for row in csv.DictReader(table)]
        embeddings = np.load(to).astype(np.float64)
    return names, embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


def measures(similarity, queries, corpus, searched):
    """mAP and MAP@R over the queries that have a tile of their class among those that are `searched` for them."""
    found = []
    for row, label, among in zip(similarity, queries, searched):
        places = np.flatnonzero(among)
        hits = (corpus[places[np.argsort(-row[places], kind="stable")]] == label).astype(float)
        if relevant := int(hits.sum()):
            precision = np.cumsum(hits) / np.arange(1, len(hits) + 1) * hits
            found.append((precision.sum() / relevant, precision[:relevant].sum() / relevant))
    return np.mean(found, axis=0)


def main(refcon, f3, synthetic, *encoders):
    f3 = Path(f3)
    if not Path(synthetic).exists():
        make_synthetic(refcon, synthetic)
    with open(f3 / "gold.csv", newline="") as table:
        gold = {(row["part"], row["file"]): row["label"] for row in csv.DictReader(table)}
    print("| encoder | F3 mAP | MAP@R | across surveys mAP | MAP@R | within a survey mAP | MAP@R |\n|---|---|---|---|---|---|---|")
    for encoder in encoders:
        (queries, q), (corpus, c) = (embedded(refcon, encoder, f3 / "test" / part) for part in ("query", "image_corpus"))
        labels = [np.array([gold[part, name] for name in names]) for part, names in (("query", queries), ("image_corpus", corpus))]
        numbers = [*measures(q @ c.T, *labels, np.ones((len(q), len(c)), bool))]
        names, x = embedded(refcon, encoder, synthetic)
        labels = np.array([name.split("/")[0] for name in names])
        survey = np.array(["-".join(name.split("/")[1].split("-")[:2]) for name in names])
        same = survey[:, None] == survey[None, :]
        for searched in (~same, same & ~np.eye(len(x), dtype=bool)):
            numbers += [*measures(x @ x.T, labels, labels, searched)]
        print("|", encoder, "|", " | ".join(f"{number:.3f}" for number in numbers), "|", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
