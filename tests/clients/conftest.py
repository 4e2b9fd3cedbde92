"""`webpool serve` with a real browser, for clients from PyPI that know nothing of it."""

import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEBPOOL_BUILD", SOURCE / "build/dev"))
CLI = os.environ.get("WEBPOOL_CLI", str(BUILD / "bin/webpool"))
STORE = BUILD / "test-store"
SPEECH = pathlib.Path(
    "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav"
)
EMBEDDER = "all-minilm-l6-v2"
WRITER = "smollm2-135m"
LISTENER = "whisper-tiny"
TOKEN = "a-token-of-the-tests"


def add_model(name, dtype):
    command = [CLI, "models", "add", name, "--dtype", dtype]
    environment = os.environ | {"WEBPOOL_DATA_DIR": str(STORE)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Reference:
    """What native ONNX Runtime makes of some sentences."""

    def __init__(self):
        file = SOURCE / "tests/vectors/reference/minilm.json"
        read = json.loads(file.read_text(encoding="utf-8"))
        self.sentences = read["sentences"]
        self.vectors = [
            np.frombuffer(base64.b64decode(text), dtype="<f4") for text in read["q4"]
        ]
        self.tokens = [len(ids) for ids in read["input_ids"]]

    def expect(self, vectors, first=0):
        """They are those of the sentences from the first on."""
        for vector, right in zip(vectors, self.vectors[first:]):
            cosine = np.dot(vector, right) / (np.linalg.norm(vector) * np.linalg.norm(right))
            assert cosine > 0.999


@pytest.fixture(scope="session")
def reference():
    return Reference()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Its address. Models are loaded on demand."""
    for name, dtype in ((EMBEDDER, "q4"), (WRITER, "q4_1"), (LISTENER, "q8")):
        add_model(name, dtype)
    environment = os.environ | {
        "WEBPOOL_DATA_DIR": str(STORE),
        "WEBPOOL_CACHE_DIR": str(tmp_path_factory.mktemp("cache")),
        "WEBPOOL_RUNTIME_DIR": str(tmp_path_factory.mktemp("running")),
        "WEBPOOL_API_TOKEN": TOKEN,
    }
    command = [CLI, "serve", "--browser", "chromium", "--ephemeral", "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, env=environment
    )
    url = None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "api":
            url = event["url"]
        if event["event"] == "local":
            break
    assert url, "it ended without saying where it listens"
    # A line a request: the pipe must not fill.
    reader = threading.Thread(target=process.stdout.read)
    reader.start()
    yield url
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    reader.join()
