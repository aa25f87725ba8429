"""Runs that refcon writes for TensorBoard and Weights & Biases, read by their own libraries: see requirements-tracking.txt."""

import gzip
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import warnings

import pytest

EXAMPLE = pathlib.Path(os.environ["REFCON"]).parent / "examples" / ("trackers" + pathlib.Path(os.environ["REFCON"]).suffix)
STEPS = [1, 2, 300]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    if not EXAMPLE.exists():
        pytest.skip("needs `cargo build -p refcon-training --example trackers`")
    folder = tmp_path_factory.mktemp("runs")
    subprocess.run([EXAMPLE, folder], check=True, capture_output=True)
    return folder


def test_tensorboard_reads_every_scalar(runs):
    pytest.importorskip("tensorboard", reason="needs requirements-tracking.txt")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(runs / "tensorboard"))
    accumulator.Reload()
    assert sorted(accumulator.Tags()["scalars"]) == ["train/loss", "validation/map_at_r"]
    losses = accumulator.Scalars("train/loss")
    assert [scalar.step for scalar in losses] == STEPS
    assert [scalar.value for scalar in losses] == pytest.approx([1 / step for step in STEPS])
    assert losses[0].wall_time == 1_700_000_001.0


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


def test_the_client_of_weights_and_biases_reads_the_whole_run(runs):
    (folder,) = (runs / "wandb").glob("offline-run-*")
    assert folder.name == "offline-run-20231114_221320-brave-fox-1"
    found = records(folder / "run-brave-fox-1.wandb")
    kinds = [record.WhichOneof("record_type") for record in found]
    assert kinds == ["header", "run", "files", *["summary", "history"] * len(STEPS), "exit"]
    assert [record.num for record in found] == list(range(1, len(found) + 1))
    run = found[1].run
    assert (run.run_id, run.project, run.display_name) == ("brave-fox-1", "refcon", "brave-fox-1")
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    # The note is longer than a block of the file.
    assert config == json.loads((folder / "files/refcon-config.json").read_text())
    assert config["learning_rate"] == 5e-6 and len(config["note"]) == 40_000
    rows = [
        {item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
        for record in found
        if record.WhichOneof("record_type") == "history"
    ]
    assert [row["_step"] for row in rows] == [record.history.step.num for record in found if record.HasField("history")] == STEPS
    assert rows[-1]["validation/map_at_r"] == 0.8 and rows[-1]["epoch"] == 3.0
    assert rows[0]["_timestamp"] == 1_700_000_001 and rows[0]["_runtime"] == 1
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
        run = {"id": "r", "name": "brave-fox-1", "displayName": "brave-fox-1", "config": "{}", "historyLineCount": 0, "project": project}
        host = f"http://127.0.0.1:{self.server.server_port}"
        if "upsertBucket" in asked["query"]:
            return self.answer({"data": {"upsertBucket": {"bucket": run, "inserted": True}}})
        if "createRunFiles" in asked["query"]:
            files = [{"name": name, "uploadUrl": f"{host}/upload/{name}"} for name in asked["variables"]["files"]]
            return self.answer({"data": {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}})
        viewer = {"id": "v", "entity": "somebody", "username": "somebody", "flags": "{}", "teams": {"edges": []}}
        return self.answer({"data": {"viewer": viewer, "serverInfo": None}})


def test_wandb_sync_uploads_the_whole_run(runs, tmp_path):
    pytest.importorskip("wandb", reason="needs requirements-tracking.txt")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder,) = (runs / "wandb").glob("offline-run-*")
    copy = shutil.copytree(folder, tmp_path / folder.name)
    host = f"http://127.0.0.1:{server.server_port}"
    environment = os.environ | {"WANDB_BASE_URL": host, "WANDB_API_KEY": "a" * 40, "WANDB_ERROR_REPORTING": "false", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "wandb", "sync", "-e", "somebody", "-p", "refcon", str(copy)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    server.shutdown()
    assert done.returncode == 0, done.stdout + done.stderr
    streams = [json.loads(body)["files"] for path, body in Server.received if path.endswith("/file_stream") and b'"files"' in body]
    history = [json.loads(line) for files in streams for line in files.get("wandb-history.jsonl", {}).get("content", [])]
    assert [row["_step"] for row in history] == STEPS
    assert [row["train/loss"] for row in history] == pytest.approx([1 / step for step in STEPS])
