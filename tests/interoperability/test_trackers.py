"""What `refcon train` writes for TensorBoard and Weights & Biases, read by their own libraries: see requirements-tracking.txt."""

import gzip
import http.server
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib

import numpy as np
import pytest

SETTINGS = ["tracking.wandb=true", "sampling={kind: shuffled, batch: 4}", "stopping={epochs: 40, patience: null}", "checkpoint_every_steps=2"]


def png(levels):
    """An image of 8-bit grey."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = levels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run that was killed once and taken up again."""
    folder = tmp_path_factory.mktemp("trackers")
    rows, columns = np.mgrid[0:48, 0:48]
    for number, period in enumerate([5.0, 9.0, 14.0]):
        (folder / "train" / f"class-{number}").mkdir(parents=True)
        for tile in range(8):
            levels = 128 + 100 * np.sin(2 * np.pi * (rows + 0.05 * tile * columns) / (period + 0.1 * tile))
            (folder / "train" / f"class-{number}" / f"{tile}.png").write_bytes(png(levels.astype(np.uint8)))
    command = [os.environ["REFCON"], "train", "--data", "train", *(word for setting in SETTINGS for word in ("--set", setting))]
    training = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not any(len(metrics.read_bytes()) > 10_000 for metrics in folder.glob("runs/*/metrics.jsonl")):
        assert training.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    training.kill()
    training.wait()
    (run,) = folder.glob("runs/*")
    assert len(numbers(run)["train/loss"]) < 200
    subprocess.run([os.environ["REFCON"], "train", "--resume", run], cwd=folder, check=True, capture_output=True)
    return run


def numbers(run):
    """Steps and values of `metrics.jsonl` by name."""
    found = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue  # cut short by a kill
        found.setdefault(record["name"], []).append((record["step"], record["value"]))
    return found


def test_tensorboard_reads_every_number_once(run):
    pytest.importorskip("tensorboard", reason="needs requirements-tracking.txt")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    accumulator.Reload()
    expected = numbers(run)
    assert len(expected["train/loss"]) == 200 and len(expected["validation/map_at_r"]) == 40
    assert sorted(accumulator.Tags()["scalars"]) == sorted(expected)
    times = [scalar.wall_time for scalar in accumulator.Scalars("train/loss")]
    assert times == sorted(times) and times[0] >= json.loads((run / "run.json").read_text())["started"]
    for name, values in expected.items():
        found = [(scalar.step, scalar.value) for scalar in accumulator.Scalars(name)]
        assert found == [(step, pytest.approx(value, rel=1e-6)) for step, value in values], name


def records(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wandb = pytest.importorskip("wandb", reason="needs requirements-tracking.txt")
        datastore = pytest.importorskip("wandb.sdk.internal.datastore", reason="needs a client up to 0.21")
        from wandb.proto.wandb_internal_pb2 import Record
    wandb._assert_is_internal_process = True
    store = datastore.DataStore()
    store.open_for_scan(str(path))
    found = []
    while (data := store.scan_data()) is not None:
        found.append(Record())
        found[-1].ParseFromString(data)
    return found


def test_the_client_of_weights_and_biases_reads_the_whole_run(run):
    (folder,) = (run / "wandb").glob("offline-run-*")
    (log,) = folder.glob("*.wandb")
    run_id = log.stem.removeprefix("run-")
    assert run_id.startswith(f"{run.name}-")
    # Longer than two of its blocks.
    assert log.stat().st_size > 2 * 32768
    found = records(log)
    kinds = [record.WhichOneof("record_type") for record in found]
    assert kinds == ["header", "run", "files", *["summary", "history"] * 200, "exit"]
    assert [record.num for record in found] == list(range(1, len(found) + 1))
    about = found[1].run
    assert (about.run_id, about.project, about.display_name) == (run_id, "refcon", run.name)
    config = {item.key: json.loads(item.value_json) for item in about.config.update}
    assert config == json.loads((folder / "files/refcon-config.json").read_text())
    assert config["optimiser"]["learning_rate"] == 1e-3 and config["run"]["tiles"] == [18, 6]
    rows = [
        {item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
        for record in found
        if record.WhichOneof("record_type") == "history"
    ]
    steps = [row["_step"] for row in rows]
    assert steps == [record.history.step.num for record in found if record.HasField("history")] == list(range(1, 201))
    for name, values in numbers(run).items():
        assert [(row["_step"], row[name]) for row in rows if name in row] == values, name
    assert rows[-1]["epoch"] == 40 and rows[0]["_runtime"] > 0
    assert found[-1].exit.exit_code == 0


class Server(http.server.BaseHTTPRequestHandler):
    """As much of a Weights & Biases server, on this machine, as `wandb sync` talks to."""

    received = []

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while length := int(self.rfile.readline().strip(), 16):
                body += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def answer(self, content):
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer({})

    def do_PUT(self):
        self.received.append((self.path, self.body()))
        self.answer({})

    def do_POST(self):
        body = self.body()
        self.received.append((self.path, body))
        if self.path != "/graphql":
            return self.answer({})
        asked = json.loads(body)
        project = {"id": "p", "name": "refcon", "entity": {"id": "e", "name": "somebody"}}
        run = {"id": "r", "name": "deep-salt-1", "displayName": "deep-salt-1", "config": "{}", "historyLineCount": 0, "project": project}
        host = f"http://127.0.0.1:{self.server.server_port}"
        if "upsertBucket" in asked["query"]:
            return self.answer({"data": {"upsertBucket": {"bucket": run, "inserted": True}}})
        if "createRunFiles" in asked["query"]:
            files = [{"name": name, "uploadUrl": f"{host}/upload/{name}"} for name in asked["variables"]["files"]]
            return self.answer({"data": {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}})
        viewer = {"id": "v", "entity": "somebody", "username": "somebody", "flags": "{}", "teams": {"edges": []}}
        return self.answer({"data": {"viewer": viewer, "serverInfo": None}})


def test_wandb_sync_uploads_the_whole_run(run, tmp_path):
    pytest.importorskip("wandb", reason="needs requirements-tracking.txt")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder,) = (run / "wandb").glob("offline-run-*")
    copy = shutil.copytree(folder, tmp_path / folder.name)
    host = f"http://127.0.0.1:{server.server_port}"
    environment = os.environ | {"WANDB_BASE_URL": host, "WANDB_API_KEY": "a" * 40, "WANDB_ERROR_REPORTING": "false", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "wandb", "sync", "-e", "somebody", "-p", "refcon", str(copy)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    server.shutdown()
    assert done.returncode == 0, done.stdout + done.stderr
    streams = [json.loads(body)["files"] for path, body in Server.received if path.endswith("/file_stream") and b'"files"' in body]
    history = [json.loads(line) for files in streams for line in files.get("wandb-history.jsonl", {}).get("content", [])]
    assert [(row["_step"], row["train/loss"]) for row in history] == numbers(run)["train/loss"]
