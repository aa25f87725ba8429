"""Libraries of tiles, opened by other programs. Skipped without them: see requirements-library.txt."""

import csv
import json
import os
import subprocess

import numpy as np
import pytest

pyarrow = pytest.importorskip("pyarrow", reason="needs requirements-library.txt")
faiss = pytest.importorskip("faiss", reason="needs requirements-library.txt")
import pyarrow.feather  # noqa: E402
import pyarrow.parquet  # noqa: E402

SIZE = ["--inlines", 64, "--crosslines", 64, "--samples", 128, "--interval", "2", "--frequency", "50"]


def refcon(*arguments):
    command = [os.environ["REFCON"], "--json", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    refcon("synth", "-o", folder / "survey.npy", *SIZE)
    refcon("index", folder / "survey.npy", "--library", folder / "L", "--size", "20x24", "--every", 16, "--thumbnails")
    refcon("library", "export", folder / "L", "-o", folder / "all.npy")
    return folder


@pytest.fixture(scope="module")
def vectors(folder):
    return np.load(folder / "all.npy")


def fragments(folder):
    return [pyarrow.ipc.open_file(pyarrow.memory_map(str(path))).read_all() for path in sorted((folder / "L/fragments").glob("*.arrow"))]


def test_fragments_are_arrow_files(folder, vectors):
    table = pyarrow.concat_tables(fragments(folder), promote_options="permissive").combine_chunks()
    table.validate(full=True)
    assert table["id"].to_pylist() == list(range(len(vectors)))
    assert set(table["survey"].to_pylist()) == {"survey"}
    assert set(table["direction"].to_pylist()) == {"inline", "crossline"}
    assert table["class"].null_count == len(vectors)
    np.testing.assert_array_equal(np.array(table["embedding"].to_pylist(), dtype=np.float32), vectors)
    assert all(image.startswith(b"\x89PNG") for image in table["thumbnail"].to_pylist())
    assert table.schema.metadata[b"refcon.encoder"] == b"texture"


def test_codes_lie_as_close_as_they_say(folder, vectors):
    for table in fragments(folder):
        codes = np.array(table["code"].to_pylist(), dtype=np.float64)[:, : vectors.shape[1]]
        scale, error = (table[name].to_numpy().astype(np.float64) for name in ("code_scale", "code_error"))
        embeddings = np.array(table["embedding"].to_pylist(), dtype=np.float64)
        lost = np.linalg.norm(embeddings - scale[:, None] * (codes - 128), axis=1)
        assert (lost <= error * (1 + 1e-6)).all()


def test_parquet_holds_every_tile(folder, vectors):
    refcon("library", "export", folder / "L", "-o", folder / "all.parquet")
    table = pyarrow.parquet.read_table(folder / "all.parquet")
    assert table["id"].to_pylist() == list(range(len(vectors)))
    assert str(table.schema.field("id").type) == "uint64"
    np.testing.assert_array_equal(np.array(table["embedding"].to_pylist(), dtype=np.float32), vectors)
    arrow = pyarrow.concat_tables(fragments(folder), promote_options="permissive")
    for column in ("survey", "width", "direction", "line", "first_crossline", "start", "end", "domain", "first_x", "white"):
        assert table[column].to_pylist() == arrow[column].to_pylist(), column


@pytest.mark.parametrize(
    ("metric", "kind"), [("cosine", "IndexFlatIP"), ("inner-product", "IndexFlatIP"), ("l2", "IndexFlatL2")]
)
def test_faiss_opens_an_index_and_answers_alike(folder, vectors, metric, kind):
    refcon("library", "export", folder / "L", "-o", folder / "index.faiss", "--metric", metric)
    index = faiss.read_index(str(folder / "index.faiss"))
    assert (type(index).__name__, index.ntotal, index.d) == (kind, *vectors.shape)
    wide = vectors.astype(np.float64)
    unit = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    stored = unit if metric == "cosine" else wide
    np.testing.assert_allclose(index.reconstruct_n(0, index.ntotal), stored, rtol=1e-6, atol=1e-7)
    queries = stored[::7].astype(np.float32)
    distances, rows = index.search(queries, 5)
    if metric == "l2":
        expected = ((queries[:, None] - stored[None]) ** 2).sum(-1)
        best = np.sort(expected, axis=1)[:, :5]
    else:
        expected = queries @ stored.T
        best = -np.sort(-expected, axis=1)[:, :5]
    np.testing.assert_allclose(distances, best, rtol=1e-4, atol=1e-3)
    with open(folder / "index.csv", newline="") as lines:
        table = list(csv.DictReader(lines))
    assert [int(line["row"]) for line in table] == list(range(index.ntotal))
    # A file that FAISS wrote itself is the same, byte for byte.
    own = getattr(faiss, kind)(index.d)
    own.add(index.reconstruct_n(0, index.ntotal))
    faiss.write_index(own, str(folder / "own.faiss"))
    assert (folder / "own.faiss").read_bytes() == (folder / "index.faiss").read_bytes()


def test_vectors_of_numpy_are_imported(folder, vectors):
    np.save(folder / "mine.npy", vectors.astype(np.float64)[:5])
    (folder / "mine.csv").write_text("file,class\n" + "".join(f"{n}.png,Salt\n" for n in range(5)))
    refcon("library", "import", folder / "M", "--embeddings", folder / "mine.npy", "--table", folder / "mine.csv", "--made-by", "mine")
    info = refcon("library", "info", folder / "M")
    assert (info["tiles"], info["classes"], info["surveys"]) == (5, {"Salt": 5}, {"mine": 5})
