"""Real browsers, models of the build's test store, and nothing left behind."""

import os
import pathlib
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEBPOOL_BUILD", SOURCE / "build/dev"))
CLI = os.environ.get("WEBPOOL_CLI", str(BUILD / "bin/webpool"))
STORE = BUILD / "test-store"
SPEECH = pathlib.Path(
    "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav"
)
EMBEDDER = "all-minilm-l6-v2"

os.environ["WEBPOOL_DATA_DIR"] = str(STORE)


def add_model(name, *more):
    done = subprocess.run(
        [CLI, "models", "add", name, *more], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def random_model(name):
    """The folder of a model with random weights (tools/random-models.py), made the first time."""
    models = STORE / "random-models"
    command = [sys.executable, SOURCE / "tools/random-models.py", "--webpool", CLI, "--out", models]
    made = subprocess.run([*command, name], capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return models / name


def left_processes(cache):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            folder = os.readlink(entry / "cwd")
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        # A zombie has ended.
        if state != "Z" and (str(cache) in command or folder.startswith(str(cache))):
            found.append(f"{entry.name} {command}")
    return found


@pytest.fixture(scope="session", autouse=True)
def runtime(tmp_path_factory):
    """No other pool of this machine leaves its cores to one of these tests."""
    os.environ["WEBPOOL_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("webpool-running"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder for browser profiles; fails where a browser of it is left."""
    folder = tmp_path_factory.mktemp("webpool-cache")
    before = os.environ.get("WEBPOOL_CACHE_DIR")
    os.environ["WEBPOOL_CACHE_DIR"] = str(folder)
    yield folder
    if before is None:
        del os.environ["WEBPOOL_CACHE_DIR"]
    else:
        os.environ["WEBPOOL_CACHE_DIR"] = before
    assert left_processes(folder) == []


@pytest.fixture(scope="module")
def pool(cache):
    import webpool

    with webpool.ResourcePoolBridgeIntegration(
        max_connections=2, ephemeral=True, browsers=["chromium"]
    ) as integration:
        yield integration


@pytest.fixture(scope="module")
def embedder(pool):
    add_model(EMBEDDER, "--dtype", "q4")
    return pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["cpu"]})
