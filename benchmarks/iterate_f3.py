"""Iterative training on the labelled F3 tiles, 10 % of them with their labels, the others as the unlabelled pool.

    cargo build --release && python3 benchmarks/iterate_f3.py ../shared/data/f3-tiles [--seeds 5] [--refcon PATH] [--only NAME …]

For each seed, near-duplicate groups of `train/` are drawn whole until a tenth of each class is labelled, so that the pool holds no
near-duplicate of a labelled tile; the class Fault is one group, of which single tiles are drawn. `refcon train` then sees the labelled tiles
alone, `refcon iterate` both folders; each holds out a fifth of the labelled tiles, by groups. Every round's encoder is scored on query against
corpus; `gold.csv` is used for that only. Purity is the share of right labels among the tiles found in round 1 (of all rounds, in brackets).
Prints a table: means of the seeds and, in brackets, each seed's MAP@R.
"""

import argparse
import csv
import json
import random
import shutil
import statistics
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

LABELLED = 0.1
# What `refcon iterate` is given beside the data; the training alone is given the same, without `iteration.…`.
ONE = {"iteration.rounds": "1"}
WIDE = {"iteration.neighbours": "10", "iteration.curated_threshold": "0.3"}
BY_LOSS = {"validation.choose_by": "triplet_loss"}
VARIANTS = {
    "one round, as it comes: nearest 1, distance 0 to 0.1": ONE,
    "nearest 3": ONE | {"iteration.neighbours": "3"},
    "nearest 10, to 0.3": ONE | WIDE,
    "nearest 10, to 0.3, mutual": ONE | WIDE | {"iteration.mutual": "true"},
    "to 0.02": ONE | {"iteration.curated_threshold": "0.02"},
    "from 0.05 to 0.3": ONE | {"iteration.duplicate_threshold": "0.05", "iteration.curated_threshold": "0.3"},
    "ProxyAnchor": ONE | {"loss": "proxy_anchor"},
    "triplets of the challenge": ONE | {"loss": "triplet", "sampling": "triplets"},
    "three rounds": {},
    "three rounds, chosen by triplet loss": BY_LOSS,
    "nearest 10, to 0.3, chosen by triplet loss": ONE | WIDE | BY_LOSS,
}


def run(*arguments):
    done = subprocess.run([str(part) for part in arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stderr}")
    return done.stdout


def labelled_tiles(rows, seed):
    """Names of the tiles that keep their labels."""
    draw = random.Random(seed)
    chosen = set()
    by_class = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_class[row["label"]][row["near_duplicate_group"]].append(row["path"])
    for label in sorted(by_class):
        groups = [by_class[label][group] for group in sorted(by_class[label])]
        wanted = round(LABELLED * sum(map(len, groups)))
        if len(groups) == 1:
            groups = [[tile] for tile in groups[0]]
        draw.shuffle(groups)
        count = 0
        for group in groups:
            if count < wanted and count + len(group) <= wanted + wanted // 2:
                chosen.update(group)
                count += len(group)
    return chosen


def lay_out(tiles, seed, folder):
    """train/<class>/, pool/, groups.csv, and gold.csv with the classes of the pool."""
    with open(tiles / "groups.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    chosen = labelled_tiles(rows, seed)
    (folder / "pool").mkdir(parents=True)
    with open(folder / "groups.csv", "w", newline="") as groups, open(folder / "gold.csv", "w", newline="") as gold:
        groups, gold = csv.writer(groups), csv.writer(gold)
        groups.writerow(["path", "near_duplicate_group"])
        gold.writerow(["part", "file", "label"])
        for row in rows:
            name = Path(row["path"]).name
            if row["path"] in chosen:
                place = f"train/{row['label']}/{name}"
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
            else:
                # The pool's names say nothing of the class.
                name = f"{row['label'][0].lower()}{len(row['label'])}-{name}"
                place = f"pool/{name}"
                gold.writerow(["image_corpus", name, row["label"]])
            assert not (folder / place).exists(), place
            shutil.copy(tiles / row["path"], folder / place)
            groups.writerow([place, row["near_duplicate_group"]])


def map_at_r(refcon, tiles, encoder, scratch):
    result, test = scratch / "ranking.json", tiles / "test"
    run(refcon, "-q", "predict", "--encoder", encoder, "--query", test / "query", "--corpus", test / "image_corpus",
        "-k", "all", "-o", result)
    return json.loads(run(refcon, "--json", "score", result, "--gold", tiles / "gold.csv"))["overall"]["map_at_r"]["mean"]


def trained_alone(options, data, given, training, scratch, known={}):
    """MAP@R without iteration; the same for all variants that train alike."""
    key = (data, *training)
    if key not in known:
        alone = json.loads(run(options.refcon, "--json", "train", *given, *training, "--runs", scratch / "runs"))
        known[key] = map_at_r(options.refcon, options.tiles, alone["encoder"], scratch)
    return known[key]


def measured(options, data, seed, settings):
    """Of one seed: MAP@R without iteration, of round 1, of the round that the validation chose; what the rounds found."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        given = ["--data", data / "train", "--groups", data / "groups.csv", "--set", f"seed={seed}",
                 "--set", "tracking.report=false"]
        training = [part for key, value in settings.items() if not key.startswith("iteration.")
                    for part in ("--set", f"{key}={value}")]
        iteration = [part for key, value in settings.items() if key.startswith("iteration.")
                     for part in ("--set", f"{key}={value}")]
        alone = trained_alone(options, data, given, training, scratch)
        done = json.loads(run(options.refcon, "--json", "iterate", *given, *training, *iteration, "--unlabelled", data / "pool",
                              "--gold", data / "gold.csv", "-o", scratch / "iteration"))
        def score(encoder):
            return map_at_r(options.refcon, options.tiles, encoder, scratch)
        of_rounds = [score(scratch / "iteration" / "rounds" / f"round-{round['round']}" / "best")
                     for round in done["rounds"] if round["added"] is not None]
        found = [round for round in done["rounds"] if round["found"]]
        count = sum(round["purity"]["known"] for round in found)
        return {
            "alone": alone,
            "first": of_rounds[min(1, len(of_rounds) - 1)],
            "chosen": of_rounds[done["best_round"]],
            "chosen_round": done["best_round"],
            "validation": [round["validation"] for round in done["rounds"]],
            "found": found[0]["found"] if found else 0,
            "purity": found[0]["purity_share"] if found else None,
            "purity_of_all": sum(round["purity"]["right"] for round in found) / count if count else None,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tiles", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--refcon", default="target/release/refcon")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--details", action="store_true", help="also print every seed's numbers, as JSON")
    options = parser.parse_args()
    print("| variant | held-out, rounds 0 and 1 | MAP@R, no iteration | round 1 | chosen round | found in round 1 | purity |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        seeds = range(1, options.seeds + 1)
        for seed in seeds:
            lay_out(options.tiles, seed, folder / str(seed))
        for name, settings in VARIANTS.items():
            if options.only and name not in options.only:
                continue
            rows = [measured(options, folder / str(seed), seed, settings) for seed in seeds]
            if options.details:
                for row in rows:
                    print(json.dumps(row))
            def mean(key, digits=4, each=False):
                values = [row[key] for row in rows if row[key] is not None]
                if not values:
                    return "–"
                spread = f" ({', '.join(f'{value:.3f}' for value in values)})" if each else ""
                return f"{statistics.mean(values):.{digits}f}{spread}"
            rounds = [statistics.mean(row["validation"][place] for row in rows
                                      if len(row["validation"]) > place and row["validation"][place] is not None)
                      for place in (0, 1)]
            print(f"| {name} | {rounds[0]:.4f}, {rounds[1]:.4f} | {mean('alone', each=True)} | {mean('first', each=True)} | "
                  f"{mean('chosen', each=True)} | {mean('found', 0)} | {mean('purity', 3)} ({mean('purity_of_all', 3)}) |", flush=True)


main()
