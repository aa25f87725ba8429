"""How well encoders find tiles of the same class that they have not seen: F3's queries in its corpus, and tiles of eight synthetic
surveys that were not trained on, in the other seven ("across") and in their own ("within"), for two such sets: of wavelets and noise as the
training's surveys have them ("alike"), and of ones that none of those has ("unlike": a wavelet of 68 to 92 Hz at 4 ms, or noise as strong
as the signal).

    python3 evaluate.py REFCON F3_TILES SYNTHETIC ENCODER...

SYNTHETIC/alike and SYNTHETIC/unlike are made where they are not there. Needs NumPy.
"""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np


# Seed, peak frequency in Hz, signal to noise.
SURVEYS = {
    "alike": [(2000 + n, 20 + n * 11 % 36, 3 + n * 4 % 12) for n in range(1, 9)],
    "unlike": [
        (3001, 68, 8), (3002, 76, 6), (3003, 84, 4), (3004, 92, 3),
        (3005, 25, 1), (3006, 30, 1), (3007, 35, 1), (3008, 45, 1),
    ],
}


def make_synthetic(refcon, folder, surveys):
    """Sixteen tiles of each class at most, of surveys whose seeds are no training's."""
    with tempfile.TemporaryDirectory() as scratch:
        for seed, frequency, signal_to_noise in surveys:
            survey = [
                refcon, "synth", "-q", "-o", f"{scratch}/survey.npy", "--seed", str(seed),
                "--inlines", "112", "--crosslines", "208", "--samples", "352",
                "--frequency", str(frequency), "--signal-to-noise", str(signal_to_noise),
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
    """Prints mAP and MAP@R of each encoder."""
    f3 = Path(f3)
    for kind, surveys in SURVEYS.items():
        if not Path(synthetic, kind).exists():
            make_synthetic(refcon, Path(synthetic, kind), surveys)
    with open(f3 / "gold.csv", newline="") as table:
        gold = {(row["part"], row["file"]): row["label"] for row in csv.DictReader(table)}
    columns = ["encoder", "F3", *(f"{kind}, {where}" for kind in SURVEYS for where in ("across", "within"))]
    print("|", " | ".join(columns), "|\n|" + "---|" * len(columns))
    for encoder in encoders:
        (queries, q), (corpus, c) = (embedded(refcon, encoder, f3 / "test" / part) for part in ("query", "image_corpus"))
        labels = [np.array([gold[part, name] for name in names]) for part, names in (("query", queries), ("image_corpus", corpus))]
        found = [measures(q @ c.T, *labels, np.ones((len(q), len(c)), bool))]
        for kind in SURVEYS:
            names, x = embedded(refcon, encoder, Path(synthetic, kind))
            labels = np.array([name.split("/")[0] for name in names])
            survey = np.array(["-".join(name.split("/")[1].split("-")[:2]) for name in names])
            same = survey[:, None] == survey[None, :]
            for searched in (~same, same & ~np.eye(len(x), dtype=bool)):
                found.append(measures(x @ x.T, labels, labels, searched))
        print("|", encoder, "|", " | ".join(f"{precision:.3f} {at_r:.3f}" for precision, at_r in found), "|", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
