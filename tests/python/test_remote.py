"""A pool whose browsers are those of a running `webpool serve`."""

import asyncio
import concurrent.futures
import json
import pathlib
import signal
import subprocess
import threading
import time

import pytest

import ipfs_accelerate_py
import webpool
from conftest import CLI, EMBEDDER, add_model


@pytest.fixture(scope="module")
def server(cache, tmp_path_factory):
    """Its address; it wants a token."""
    add_model(EMBEDDER, "--dtype", "q4")
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("a-secret\n")
    command = [CLI, "serve", "--browser", "chromium", "--ephemeral", "--json", "--model", EMBEDDER]
    process = subprocess.Popen(
        [*command, "--api-token-file", token], stdout=subprocess.PIPE, text=True
    )
    url = None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "api":
            url = event["url"]
            break
    assert url
    yield url
    process.terminate()
    process.stdout.read()
    assert process.wait() == 143


def test_a_pool_is_a_servers(server):
    with webpool.ResourcePoolBridgeIntegration(url=server, token="a-secret") as pool:
        model = pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["cpu"]})
        result = model("a sentence")
        assert result["success"], result
        assert result["server"] == server
        assert result["browser"] == "chromium"
        assert len(result["output"]) == 384
        assert len(model.run_batch(["one", "two", "three"])) == 3
        assert asyncio.run(model.call_async("a sentence"))["output"] == pytest.approx(
            result["output"], abs=1e-4
        )
        assert pool.get_execution_stats()["executed_tasks"] == 3, "texts of a batch go together"
    assert model("a sentence")["success"] is False


def test_why_the_server_scaled_is_told(cache):
    add_model(EMBEDDER, "--dtype", "q4")
    command = [CLI, "serve", "--browser", "chromium", "--ephemeral", "--json", "--model", EMBEDDER]
    process = subprocess.Popen(
        [*command, "--max-connections", "2", "--max-batch", "1"], stdout=subprocess.PIPE, text=True
    )
    url = None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "api":
            url = event["url"]
            break
    assert url
    reader = threading.Thread(target=process.stdout.read)  # the pipe must not fill
    reader.start()
    with webpool.ResourcePoolBridgeIntegration(url=url) as pool:
        model = pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["cpu"]})
        until = time.monotonic() + 120

        def decisions():
            return pool.get_execution_stats()["scaling_decisions"]

        def call(caller):
            number = 0
            while not decisions() and time.monotonic() < until:
                number += 1
                assert model(f"caller {caller} call {number}")["success"]

        with concurrent.futures.ThreadPoolExecutor(6) as callers:
            list(callers.map(call, range(6)))
        told = decisions()
        assert told, "six callers keep one browser busy"
        assert set(told[0]) == {"model", "action", "workers", "foreseen", "reason"}
        assert (told[0]["model"], told[0]["action"], told[0]["workers"]) == (EMBEDDER, "add", 2)
    process.terminate()
    reader.join()
    assert process.wait() == 143


def test_the_environment_says_it_too(server, monkeypatch):
    monkeypatch.setenv("WEBPOOL_URL", server)
    with pytest.raises(webpool.Error) as raised:
        webpool.ResourcePoolBridgeIntegration().initialize()
    assert raised.value.error_type == "unauthorized"
    monkeypatch.setenv("WEBPOOL_API_TOKEN", "a-secret")
    with webpool.ResourcePoolBridgeIntegration() as pool:
        assert pool.get_model("text_embedding", EMBEDDER)("x")["server"] == server
    result = ipfs_accelerate_py.accelerate(EMBEDDER, "x", {"use_resource_pool": False})
    assert result["status"] == "success", result
    assert result["server"] == server


def test_accelerate_takes_a_url(server):
    config = {"url": server, "token": "a-secret"}
    try:
        result = ipfs_accelerate_py.accelerate(EMBEDDER, "a sentence", config)
    finally:
        webpool.close_default_pool()
    assert result["status"] == "success", result
    assert result["server"] == server
    gone = ipfs_accelerate_py.accelerate(
        EMBEDDER, "x", {"url": "http://127.0.0.1:1", "use_resource_pool": False}
    )
    assert gone["status"] == "error"
    assert gone["error_type"] == "fetch"
    assert "webpool serve" in gone["recovery_suggestion"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_ends_under_a_stream_is_a_lost_worker(cache, how):
    add_model("smollm2-135m")
    command = [CLI, "serve", "--browser", "chromium", "--ephemeral", "--json"]
    process = subprocess.Popen([*command, "--model", "smollm2-135m"], stdout=subprocess.PIPE, text=True)
    events = map(json.loads, process.stdout)
    url = next(event["url"] for event in events if event["event"] == "api")
    next(event for event in events if event["event"] == "model")
    with webpool.ResourcePoolBridgeIntegration(url=url) as pool:
        model = pool.get_model("text_generation", "smollm2-135m")
        with pytest.raises(webpool.Error) as raised:
            for _ in model.stream("Count from one to a thousand, in words.", max_tokens=2000):
                process.send_signal(how)
        assert raised.value.error_category == "worker_lost", raised.value
        assert raised.value.recovery_suggestion
    process.stdout.close()
    process.wait()


def chromium_memory(server):
    """Bytes that the Chromium of a server has in its own process, which no page runs in."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            facts = dict(line.split(":", 1) for line in (entry / "status").open())
            command = (entry / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue  # Not a process, or one that has ended.
        if int(facts["PPid"]) == server and b"--user-data-dir" in command:
            return int(facts["RssAnon"].split()[0]) * 1024
    raise AssertionError(f"process {server} has no browser")


def test_two_loads_at_once_in_one_chromium(cache):
    """What pages keep in Blobs lies there, and Chromium refuses more than 500 MB as it starts."""
    add_model("smollm2-135m")
    command = [CLI, "serve", "--browser", "chromium", "--ephemeral", "--json"]
    process = subprocess.Popen([*command, "--model", "smollm2-135m"], stdout=subprocess.PIPE, text=True)
    events = map(json.loads, process.stdout)
    url = next(event["url"] for event in events if event["event"] == "api")
    try:
        with webpool.ResourcePoolBridgeIntegration(url=url) as pool:
            wanted = {"priority_list": ["cpu"], "context_length": 1024}
            model = pool.get_model("text_generation", "smollm2-135m", wanted)
            next(event for event in events if event["event"] == "model")
            for own in (model, pool.get_model("text_generation", "smollm2-135m")):
                result = own("Say hello.", max_tokens=4)
                assert result["success"], result
            one_model = 98_400_000
            assert chromium_memory(process.pid) < one_model
    finally:
        process.terminate()
        process.stdout.read()
        process.wait()


def test_an_empty_url_is_a_pool_of_ones_own(server, monkeypatch):
    monkeypatch.setenv("WEBPOOL_URL", server)
    with webpool.ResourcePoolBridgeIntegration(
        url="", ephemeral=True, browsers=["chromium"]
    ) as pool:
        result = pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["cpu"]})("x")
        assert result["success"], result
        assert result["server"] is None
