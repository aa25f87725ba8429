"""Exact search by inner product with FAISS's flat index: python search.py VECTORS FOLDER ROWS,ROWS DIMENSION,K,SINGLES,FILTERED

VECTORS holds raw f32 vectors, FOLDER/queries.f32 the queries; an index of the first ROWS vectors is made for each number. A filter
lets one of FILTERED rows pass. Works: `one-ROWS` (SINGLES queries one after the other), `filter-ROWS` (the same with the
filter), `batch-ROWS` (all queries at once); `…-answers` of the last two writes what was found to FOLDER.
"""

import sys
from pathlib import Path

import faiss
import numpy
from peer import serve

FOLDER = Path(sys.argv[2])
SIZES = [int(rows) for rows in sys.argv[3].split(",")]
DIMENSION, K, SINGLES, FILTERED = (int(number) for number in sys.argv[4].split(","))
VECTORS = numpy.memmap(sys.argv[1], dtype="<f4", mode="r").reshape(-1, DIMENSION)
QUERIES = numpy.fromfile(FOLDER / "queries.f32", dtype="<f4").reshape(-1, DIMENSION)
ROWS_AT_A_TIME = 50_000


def index_of(rows):
    index = faiss.IndexFlatIP(DIMENSION)
    for first in range(0, rows, ROWS_AT_A_TIME):
        index.add(numpy.ascontiguousarray(VECTORS[first : min(first + ROWS_AT_A_TIME, rows)]))
    return index


def filter_of(rows):
    """The rows that refcon's side lets pass."""
    numbers = numpy.arange(rows, dtype=numpy.uint64) * numpy.uint64(2_654_435_761)
    passing = numbers % numpy.uint64(1 << 32) < numpy.uint64((1 << 32) // FILTERED)
    return faiss.SearchParameters(sel=faiss.IDSelectorBitmap(numpy.packbits(passing, bitorder="little")))


def one_by_one(index, **options):
    return sum(index.search(QUERIES[at : at + 1], K, **options)[1].size for at in range(SINGLES))


def at_once(index):
    return index.search(QUERIES, K)[1].size


def answers(index, name, queries, **options):
    scores, ids = index.search(queries, K, **options)
    scores.astype("<f4").tofile(FOLDER / f"{name}.scores")
    ids.astype("<i8").tofile(FOLDER / f"{name}.ids")
    return len(queries)


def works_of(rows):
    index, passing = index_of(rows), filter_of(rows)
    batch, filtered = f"batch-{rows}-answers", f"filter-{rows}-answers"
    return {
        f"one-{rows}": {"IndexFlatIP": lambda: one_by_one(index)},
        f"filter-{rows}": {"IndexFlatIP, IDSelectorBitmap": lambda: one_by_one(index, params=passing)},
        f"batch-{rows}": {"IndexFlatIP": lambda: at_once(index)},
        batch: {"IndexFlatIP": lambda: answers(index, batch, QUERIES)},
        filtered: {"IndexFlatIP": lambda: answers(index, filtered, QUERIES[:SINGLES], params=passing)},
    }


serve(
    f"FAISS {faiss.__version__}",
    {work: ways for rows in SIZES for work, ways in works_of(rows).items()},
)
