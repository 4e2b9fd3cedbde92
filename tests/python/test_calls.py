"""How calls behave: errors, batches, several at once, awaited, interrupted, after the end."""

import asyncio
import collections.abc
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import textwrap
import threading

import numpy
import pytest

import webpool
from conftest import CLI, EMBEDDER, SPEECH, add_model, left_processes


def test_errors_say_what_to_do_next(pool):
    with pytest.raises(webpool.Error) as raised:
        pool.get_model("vision", EMBEDDER)
    error = raised.value
    assert error.error_type == error.error_category == "invalid_argument"
    assert "text_embedding" in error.recovery_suggestion
    assert error.should_retry is False
    assert pickle.loads(pickle.dumps(error)).recovery_suggestion == error.recovery_suggestion
    with pytest.raises(webpool.Error, match="no platform 'cuda'"):
        pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["cuda"]})
    with pytest.raises(webpool.Error, match="have no 'priority'"):
        pool.get_model("text_embedding", EMBEDDER, {"priority": ["cpu"]})
    with pytest.raises(webpool.Error, match="not initialised"):
        webpool.ResourcePoolBridgeIntegration().get_model("text_embedding", EMBEDDER)
    with pytest.raises(webpool.Error) as raised:
        webpool.ResourcePoolBridgeIntegration(enable_circuit_breaker=False)
    assert raised.value.error_type == "unsupported"
    with pytest.raises(webpool.Error, match="at least 3 browsers and at most 2") as raised:
        webpool.ResourcePoolBridgeIntegration(max_connections=2, min_connections=3).initialize()
    assert "min_connections" in raised.value.recovery_suggestion
    with pytest.raises(webpool.Error, match="no model type 'video'"):
        webpool.ResourcePoolBridgeIntegration(browser_preferences={"video": "chrome"}).initialize()


def test_a_record_is_kept_where_one_is_asked_for(cache, tmp_path):
    file = tmp_path / "runs.duckdb"
    with webpool.ResourcePoolBridgeIntegration(
        db_path=file, ephemeral=True, browsers=["chromium"]
    ) as pool:
        assert pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["cpu"]})("x")["success"]
    shown = subprocess.run(
        [CLI, "stats", "--db-path", file, "--sql", "SELECT model, error FROM webpool.runs", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert EMBEDDER in shown.stdout


def test_a_record_that_cannot_be_written_is_told(cache, tmp_path):
    with webpool.ResourcePoolBridgeIntegration(
        db_path=tmp_path, ephemeral=True, browsers=["chromium"]
    ) as pool:
        result = webpool.accelerate(EMBEDDER, "x", {"pool": pool, "platform": "cpu"})
        assert result["success"] and result["results_stored"] is False
        assert str(tmp_path) in result["storing_failed"], result
        record = pool.get_execution_stats()["record"]
        assert record["stored"] is False and str(tmp_path) in record["trouble"], record
        bridge = pool.get_execution_stats()["bridge_stats"]
        for preferences in ({"priority_list": ["cpu"]}, {"priority_list": ["cpu", "webgpu"]}):
            pool.get_model("text_embedding", EMBEDDER, preferences)
        assert bridge["loaded_models"] == 1
        assert pool.get_execution_stats()["bridge_stats"]["loaded_models"] == 1


def test_what_needs_no_run_names_no_browser(pool):
    add_model("magika", "--dtype", "fp32")
    result = pool.get_model("text", "magika", {"priority_list": ["cpu"]})(b"")
    assert result["success"], result
    assert result["platform"] is None and result["browser"] is None and result["dtype"] == ""


def test_a_switched_off_platform_is_not_used(cache):
    with webpool.ResourcePoolBridgeIntegration(
        enable_gpu=False, ephemeral=True, browsers=["chromium"]
    ) as pool:
        assert pool.get_model("text_embedding", EMBEDDER)("x")["platform"] == "cpu"
        with pytest.raises(webpool.Error, match="enabled"):
            pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["webgpu"]})


def test_batches_and_several_at_once(pool, embedder):
    before = embedder.get_performance_metrics()["stats"]
    embedder.set_max_batch_size(3)
    texts = [f"sentence {i}" for i in range(5)]
    batch = embedder.run_batch(texts)
    assert [result["success"] for result in batch] == [True] * 5
    stats = embedder.get_performance_metrics()["stats"]
    assert stats["total_calls"] - before["total_calls"] == 2
    assert stats["total_items"] - before["total_items"] == 5
    assert stats["batch_sizes"]["3"] == 1
    together = embedder.run_concurrent(texts[:2], [(embedder, texts[2])])
    for result, expected in zip(together, batch[:3], strict=True):
        assert result["output"] == pytest.approx(expected["output"], abs=2e-2)
    results = pool.execute_concurrent(
        [(embedder.model_id, "a"), (embedder, "b"), ("vision:none", "c")]
        + [(embedder, text) for text in texts]
    )
    assert [result["success"] for result in results] == [True, True, False] + [True] * 5
    assert results[2]["error_type"] == "not_found"
    stats = pool.get_execution_stats()
    assert stats["queue_peak"] == 8 - 3, "of eight three run at once: connections and one"
    assert stats["current_queue_size"] == 0
    assert stats["concurrent_peak"] >= 2
    assert stats["bridge_stats"]["peak_connections"] >= 1
    assert 0 < stats["resource_metrics"]["cpu_util"]
    assert 0 < stats["resource_metrics"]["connection_util"] <= 1
    assert stats["resource_metrics"]["webnn_util"] == 0
    with pytest.raises(webpool.Error):
        embedder.set_max_batch_size(0)


def test_a_text_that_was_cut_is_told(pool, embedder):
    long = "word " * 1000
    assert "truncated" not in embedder("short")
    assert embedder(long)["truncated"] == [True]
    assert embedder(["short", long])["truncated"] == [False, True]
    short, cut = embedder.run_batch(["short", long])
    assert "truncated" not in short and cut["truncated"] == [True]
    accelerated = webpool.accelerate(
        EMBEDDER, long, {"pool": pool, "platform": "cpu"}
    )
    assert accelerated["truncated"] == [True]


def test_one_bad_input_is_only_its_own_failure(pool, embedder):
    class NoContent:
        pass

    half = "\ud800"
    results = pool.execute_concurrent(
        [(embedder, "a"), (embedder, NoContent()), (embedder.model_id, half), (embedder, "b")]
    )
    assert [result["success"] for result in results] == [True, False, False, True]
    for result in results[1:3]:
        assert result["error_type"] == "invalid_input"
        assert result["recovery_suggestion"]
    assert results[1]["model_id"] == results[2]["model_id"] == embedder.model_id
    batch = embedder.run_batch(["a", half, "b"])
    assert [result["success"] for result in batch] == [True, False, True]
    both = embedder.run_concurrent([half, "a"], [(embedder, NoContent()), (embedder, "b")])
    assert [result["success"] for result in both] == [False, True, False, True]


def test_what_is_no_pair_of_model_and_inputs_is_told(pool, embedder):
    for given in ([5], [(embedder,)], [(5, "a")]):
        with pytest.raises(webpool.Error) as raised:
            pool.execute_concurrent(given)
        assert raised.value.error_category == "invalid_argument"
        assert raised.value.recovery_suggestion


def test_wrong_arguments_are_told(pool, embedder):
    functions = {"detection_function": lambda: True, "initialization_function": lambda model: len}
    make = webpool.ResourcePoolBridgeIntegration
    for call, names in (
        (lambda: embedder.set_max_batch_size("x"), "'x'"),
        (lambda: embedder.set_max_batch_size(2.5), "2.5"),
        (lambda: embedder.set_max_batch_size(2**40), str(2**40)),
        (lambda: embedder.run_batch(None), "None"),
        (lambda: embedder.run_concurrent(5), "5"),
        (lambda: embedder.run_concurrent(["a"], [embedder]), "no pair"),
        (lambda: embedder.run_concurrent(["a"], [("text:x", "a")]), "'text:x' is no model"),
        (lambda: embedder.run_concurrent(["a"], 5), "5"),
        (lambda: pool.execute_concurrent(None), "None"),
        (lambda: asyncio.run(pool.execute_concurrent_async(None)), "None"),
        (lambda: pool.get_model(5, EMBEDDER), "5"),
        (lambda: pool.get_model("text_embedding", None), "None"),
        (lambda: pool.get_model("text_embedding", EMBEDDER, ["cpu"]), "['cpu']"),
        (lambda: pool.register_hardware_backend("x", {**functions, "priority": "x"}), "'x'"),
        (lambda: pool.register_hardware_backend("x", {**functions, "priority": 2**31}), "priority"),
        (lambda: pool.register_hardware_backend("x", [5]), "[5]"),
        (lambda: pool.register_hardware_backend(5, functions), "5"),
        (lambda: make(browser_preferences=["audio"]), "['audio']"),
        (lambda: make(browser_preferences={"audio": 5}), "5"),
        (lambda: make(browsers="chromium"), "'chromium'"),
        (lambda: make(max_connections=-1), "-1"),
        (lambda: make(data_folder=5), "data_folder"),
        (lambda: make(headless="x"), "'x'"),
        (lambda: webpool.accelerate(5, "a"), "5"),
        (lambda: webpool.accelerate(EMBEDDER, "a", ["cpu"]), "['cpu']"),
        (lambda: webpool.accelerate(EMBEDDER, "a", {"pool": 5}), "5"),
        (lambda: webpool.accelerate(EMBEDDER, "a", {"pool": pool, "platform": 5}), "5"),
        (lambda: webpool.EnhancedWebModel("a:b", "a", "b", 5, None, None), "5"),
    ):
        with pytest.raises(webpool.Error) as raised:
            call()
        assert raised.value.error_category == "invalid_argument", raised.value
        assert names in raised.value.message
        assert raised.value.recovery_suggestion


@pytest.mark.parametrize(
    "preferences, hint",
    [
        ({"precision": "x"}, "32, 16, 8 or 4"),
        ({"precision": 4.0}, "32, 16, 8 or 4"),
        ({"precision": -1}, "32, 16, 8 or 4"),
        ({"priority_list": "cpu"}, "['cpu']"),
        ({"priority_list": [5]}, "a list"),
        ({"browser": 5}, "'firefox'"),
        ({"mixed_precision": "x"}, "True"),
    ],
)
def test_wrong_preferences_say_what_they_are_to_be(pool, preferences, hint):
    with pytest.raises(webpool.Error) as raised:
        pool.get_model("text_embedding", EMBEDDER, preferences)
    assert raised.value.error_category == "invalid_argument"
    assert hint in raised.value.recovery_suggestion


def test_what_an_input_raises_itself_is_told(embedder):
    class Broken:
        def __array__(self, *more, **named):
            raise ValueError("not today")

    for content in (Broken(), {"text": Broken()}, [[1], [1, 2]], {"messages": 5}):
        with pytest.raises(webpool.Error) as raised:
            embedder(content)
        assert raised.value.error_category == "invalid_input"
        assert raised.value.recovery_suggestion


def test_bad_content_says_what_to_do(embedder):
    with pytest.raises(webpool.Error) as raised:
        embedder("\ud800")
    assert raised.value.error_category == "invalid_input"
    for content in ([], b"bytes", [1.5, 2.5]):
        result = embedder(content)
        assert not result["success"]
        assert result["error_category"] == "invalid_input"
        assert result["recovery_suggestion"] == "give it a text, or a list of texts"


HALF = "\ud800"
FUNCTIONS = {"detection_function": lambda: True, "initialization_function": lambda model: len}


def told(call, category, names):
    with pytest.raises(webpool.Error) as raised:
        call()
    error = raised.value
    assert error.error_type == error.error_category == category, error
    assert names in error.message
    assert error.recovery_suggestion and str(error).encode()
    return error


def test_half_a_surrogate_is_told_by_the_name_of_its_place(pool, embedder):
    make = webpool.ResourcePoolBridgeIntegration

    def preferring(**preferences):
        return lambda: pool.get_model("text_embedding", EMBEDDER, preferences)

    for call, names in (
        (lambda: pool.get_model("text_embedding", HALF), "a model's name"),
        (lambda: pool.get_model(HALF, EMBEDDER), "a model's type"),
        (lambda: asyncio.run(pool.get_model_async("text_embedding", HALF)), "a model's name"),
        (preferring(priority_list=[HALF]), "priority_list"),
        (preferring(priority_list=HALF), "priority_list"),
        (preferring(browser=HALF), "browser"),
        (preferring(**{HALF: 1}), "no '\\ud800'"),
        (lambda: make(data_folder=HALF), "data_folder"),
        (lambda: make(db_path=pathlib.Path(HALF)), "db_path"),
        (lambda: make(token=HALF), "token"),
        (lambda: make(browser_preferences={HALF: "chrome"}), "browser_preferences"),
        (lambda: pool.execute_concurrent([(HALF, "a")]), "a model's id"),
        (lambda: pool.register_hardware_backend(HALF, FUNCTIONS), "the name of a backend"),
        (lambda: pool.register_hardware_backend("x", {HALF: 1}), "ud800"),
        (lambda: webpool.accelerate(HALF, "a"), "a model's name"),
        (lambda: webpool.accelerate(EMBEDDER, "a", {"platform": HALF}), "platform"),
        (lambda: webpool.accelerate(EMBEDDER, "a", {HALF: 1}), "ud800"),
        (lambda: embedder("a", conversation=HALF), "conversation"),
        (lambda: embedder("a", **{HALF: 1}), "no option '\\ud800'"),
        (lambda: embedder({"text": "a", "stop": ["b", HALF]}), "stop"),
        (lambda: embedder({"text": "a", HALF: 1}), "no option '\\ud800'"),
    ):
        told(call, "invalid_argument", names)
    for inputs, names in (
        ({HALF: [1.0], "b": [2.0]}, "the name of a tensor"),
        (pathlib.Path(HALF), "can't be read"),
        ([{"role": "user", "content": HALF}], "a text"),
        ([{"role": "user", "content": "a", HALF: 1}], "no '\\ud800'"),
    ):
        told(lambda: embedder(inputs), "invalid_input", names)
    for call in (
        lambda: pool.get_model("text_embedding", HALF),
        lambda: make(data_folder=HALF),
        lambda: embedder("a", conversation=HALF),
        lambda: embedder(HALF),
    ):
        with pytest.raises(webpool.Error) as raised:
            call()
        assert isinstance(raised.value.__cause__, UnicodeEncodeError)


def test_what_arguments_raise_themselves_is_told(pool, embedder):
    class Torn(collections.abc.Mapping):
        def __iter__(self):
            raise ValueError("torn")

        def __getitem__(self, name):
            raise ValueError("torn")

        def __len__(self):
            return 1

    class Mute:
        def __repr__(self):
            raise ValueError("torn")

    def torn():
        yield "a"
        raise ValueError("torn")

    make = webpool.ResourcePoolBridgeIntegration
    truthless = numpy.zeros(2)
    for call, names in (
        (lambda: pool.get_model("text_embedding", EMBEDDER, Torn()), "preferences"),
        (lambda: webpool.accelerate(EMBEDDER, "a", Torn()), "the configuration"),
        (lambda: make(browser_preferences=Torn()), "browser_preferences"),
        (lambda: pool.register_hardware_backend("x", Torn()), "a backend"),
        (lambda: pool.execute_concurrent(torn()), "what is to run"),
        (lambda: embedder.run_batch(torn()), "a batch"),
        (lambda: embedder.run_concurrent(["a"], torn()), "what is to run"),
        (lambda: embedder("a", temperature=float("nan")), "temperature"),
        (lambda: embedder("a", tools=[{"x": float("inf")}]), "tools"),
    ):
        error = told(call, "invalid_argument", names)
        assert isinstance(error.__cause__, ValueError)
    for call, names in (
        (lambda: make(headless=truthless), "headless"),
        (lambda: make(adaptive_scaling=truthless), "adaptive_scaling"),
        (lambda: make(enable_ipfs=truthless), "enable_ipfs"),
        (lambda: make(enable_circuit_breaker=truthless), "enable_circuit_breaker"),
        (
            lambda: pool.register_hardware_backend(
                "x", {**FUNCTIONS, "is_real_hardware": truthless}
            ),
            "is_real_hardware",
        ),
        (
            lambda: webpool.accelerate(EMBEDDER, "a", {"use_resource_pool": truthless}),
            "use_resource_pool",
        ),
        (lambda: pool.get_model(Mute(), EMBEDDER), "<Mute>"),
        (lambda: pool.get_model("text", EMBEDDER, {"precision": Mute()}), "<Mute>"),
        (lambda: pool.execute_concurrent([(Mute(), "a")]), "<Mute>"),
    ):
        told(call, "invalid_argument", names)


def test_a_nul_ends_no_path(pool, embedder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make = webpool.ResourcePoolBridgeIntegration
    for call, names in (
        (lambda: make(1, db_path="a\0b"), "db_path"),
        (lambda: make(1, db_path=pathlib.Path("a\0b")), "db_path"),
        (lambda: make(1, data_folder="a\0b"), "data_folder"),
        (lambda: make(1, cache_folder="a\0b"), "cache_folder"),
        (lambda: make(url="http://127.0.0.1:1\0"), "url"),
        (lambda: make(token="a\0b"), "token"),
        (lambda: webpool.accelerate(EMBEDDER, "a", {"db_path": "a\0b"}), "db_path"),
        (lambda: pool.get_model("text_embedding", EMBEDDER + "\0b"), "a model's name"),
        (lambda: pool.get_model("text_embedding\0b", EMBEDDER), "a model's type"),
        (lambda: webpool.accelerate(EMBEDDER + "\0b", "a"), "a model's name"),
        (lambda: pool.execute_concurrent([(f"{embedder.model_id}\0", "a")]), "a model's id"),
        (lambda: pool.register_hardware_backend("x\0", FUNCTIONS), "the name of a backend"),
    ):
        told(call, "invalid_argument", names)
    assert list(tmp_path.iterdir()) == []
    add_model("silero-vad-v5", "--dtype", "fp32")
    hearer = pool.get_model("audio", "silero-vad-v5", {"priority_list": ["cpu"]})
    assert hearer(str(SPEECH))["success"]
    longer = f"{SPEECH}\0zzz"
    for call in (
        lambda: hearer(pathlib.Path(longer)),
        lambda: hearer({"audio": longer}),
        lambda: hearer({"file": pathlib.Path(longer)}),
        lambda: hearer({"images": [longer], "texts": ["a"]}),
    ):
        told(call, "invalid_input", "NUL")
    # Only the model tells that a text is a path.
    for heard in (hearer(longer), *hearer.run_batch([longer])):
        assert heard["error_type"] == "invalid_input" and "NUL" in heard["error"], heard
    assert embedder("a\0b")["success"], "a text may have one"


def test_only_a_flag_is_a_flag_and_no_number(pool, embedder):
    make = webpool.ResourcePoolBridgeIntegration
    flags = ("x", "False", 3, 1, 0.5, [], numpy.zeros(2))
    arguments = (
        "adaptive_scaling enable_ipfs enable_circuit_breaker enable_browser_history headless "
        "ephemeral enable_gpu enable_cpu p2p_optimization"
    ).split()
    preferences = (
        "mixed_precision p2p_optimization enable_ipfs compute_shaders precompile_shaders "
        "parallel_loading"
    ).split()
    configured = (
        "store_results use_resource_pool adaptive_scaling headless p2p_optimization mixed_precision"
    ).split()
    for wrong in flags:
        for name in arguments:
            told(lambda: make(**{name: wrong}), "invalid_argument", name)
        for name in preferences:
            given = {"priority_list": ["cpu"], name: wrong}
            told(
                lambda: pool.get_model("text_embedding", EMBEDDER, given), "invalid_argument", name
            )
        for name in configured:
            given = {"pool": pool, "platform": "cpu", name: wrong}
            told(lambda: webpool.accelerate(EMBEDDER, "a", given), "invalid_argument", name)
    for wrong in ("x", -1, 0, float("nan"), float("inf"), True, numpy.ones(1), numpy.ones(2)):
        told(lambda: make(monitoring_interval=wrong), "invalid_argument", "monitoring_interval")
    for wrong in (True, numpy.bool_(True), 2.5, numpy.ones(1)):
        for name in ("max_connections", "min_connections", "max_memory_mb"):
            told(lambda: make(**{name: wrong}), "invalid_argument", name)
        for name in ("precision", "context_length"):
            given = {"priority_list": ["cpu"], name: wrong}
            told(
                lambda: pool.get_model("text_embedding", EMBEDDER, given), "invalid_argument", name
            )
    told(lambda: embedder.set_max_batch_size(True), "invalid_argument", "True")
    told(
        lambda: pool.get_model("text_embedding", EMBEDDER, {"model_family": 3}),
        "invalid_argument",
        "model_family",
    )
    # What is one is taken, NumPy's too; None is left out.
    yes = numpy.bool_(True)
    make(headless=yes, adaptive_scaling=yes, max_connections=numpy.int64(2), enable_ipfs=None)
    make(monitoring_interval=numpy.float32(0.5), p2p_optimization=yes)


def test_what_is_refused_to_the_integration_is_refused_to_a_model(pool):
    refused = {"priority_list": ["cpu"], "enable_ipfs": False}
    told(lambda: pool.get_model("text_embedding", EMBEDDER, refused), "unsupported", "CIDs")
    told(lambda: webpool.ResourcePoolBridgeIntegration(enable_ipfs=False), "unsupported", "CIDs")


def test_the_family_that_was_given_is_the_models(pool, embedder):
    preferences = {"priority_list": ["cpu"], "model_family": "bert", "enable_ipfs": True}
    model = pool.get_model("text_embedding", EMBEDDER, preferences)
    assert model.family == model.get_performance_metrics()["family"] == "bert"
    assert embedder.get_performance_metrics()["family"] == "text_embedding"
    awaited = asyncio.run(pool.get_model_async("text_embedding", EMBEDDER, preferences))
    assert awaited.get_performance_metrics()["family"] == "bert"


def test_an_error_has_a_category_that_there_is():
    for category in ("zzz", "", HALF, None, 3):
        told(lambda: webpool.Error("a", category), "invalid_argument", "no category")
    assert webpool.Error("a", "timeout").error_category == "timeout"


def test_arguments_that_no_function_has_are_pythons_own_errors(pool, embedder):
    make = webpool.ResourcePoolBridgeIntegration
    for call in (
        lambda: make(nonsense=1),
        lambda: make(1, {}, True, 1),
        lambda: pool.get_model("text_embedding"),
        lambda: webpool.accelerate(EMBEDDER, "a", nonsense=1),
        lambda: webpool.accelerate(EMBEDDER),
        lambda: embedder(),
    ):
        with pytest.raises(TypeError):
            call()
    # Their options and keys are none of the function's own.
    told(lambda: embedder("a", nonsense=1), "invalid_argument", "nonsense")


def test_the_result_is_the_output(pool, embedder):
    result = embedder("a sentence")
    assert len(result["output"]) == 384 and result["result"] is result["output"]
    for result in (
        webpool.accelerate(EMBEDDER, "a", {"pool": pool, "platform": "cpu"}),
        *embedder.run_batch(["a", "b"]),
        *pool.execute_concurrent([(embedder, "a")]),
    ):
        assert result["output"] and result["result"] is result["output"]
    for failed in (
        pool.execute_concurrent([("vision:none", "a")])[0],
        webpool.accelerate(EMBEDDER, "a", {"pool": pool, "precision": 8}),
    ):
        assert failed["status"] == "error" and failed["result"] is failed["output"] is None


def test_the_shared_pool_is_not_asked_for_another(cache, tmp_path, monkeypatch):
    monkeypatch.delenv("BENCHMARK_DB_PATH", raising=False)
    webpool.close_default_pool()
    add_model(EMBEDDER, "--dtype", "q4")
    file = tmp_path / "runs.duckdb"
    config = {"platform": "cpu", "browser": "chromium", "max_connections": 1, "db_path": file}
    assert webpool.accelerate(EMBEDDER, "a", config)["status"] == "success"
    try:
        monkeypatch.chdir(tmp_path)
        for more in (
            {},
            {"headless": True, "adaptive_scaling": True, "url": ""},
            {"db_path": str(file)},
            {"db_path": pathlib.Path("runs.duckdb")},
            {"db_path": None, "max_connections": None},
        ):
            assert webpool.accelerate(EMBEDDER, "a", {**config, **more})["status"] == "success"
        for name, other in (
            ("max_connections", 2),
            ("headless", False),
            ("adaptive_scaling", False),
            ("url", "http://127.0.0.1:1"),
            ("token", "a-secret"),
            ("db_path", tmp_path / "others.duckdb"),
        ):
            given = {**config, name: other}
            error = told(lambda: webpool.accelerate(EMBEDDER, "a", given), "invalid_argument", name)
            assert "close_default_pool()" in error.recovery_suggestion
            assert not [one for one in config if one != name and one in error.message]
            assert "a-secret" not in str(error)
        two = {**config, "headless": False, "max_connections": 4}
        error = told(lambda: webpool.accelerate(EMBEDDER, "a", two), "invalid_argument", "headless")
        assert "max_connections" in error.message
        # What is no setting at all is told as that.
        none = {**config, "max_connections": "x"}
        told(lambda: webpool.accelerate(EMBEDDER, "a", none), "invalid_argument", "'x'")
        assert not (tmp_path / "others.duckdb").exists()
        alone = {**config, "db_path": tmp_path / "others.duckdb", "use_resource_pool": False}
        assert webpool.accelerate(EMBEDDER, "a", alone)["status"] == "success"
        assert (tmp_path / "others.duckdb").exists()
    finally:
        webpool.close_default_pool()


def test_what_would_be_without_effect_is_refused(embedder):
    make = webpool.ResourcePoolBridgeIntegration
    told(lambda: make(max_connections=0).initialize(), "invalid_argument", "max_connections")
    error = told(lambda: make(log_level="loud").initialize(), "invalid_argument", "'loud'")
    assert "debug" in error.recovery_suggestion
    two = {"platform": "webgpu", "hardware": "cpu"}
    told(lambda: webpool.accelerate(EMBEDDER, "a", two), "invalid_argument", "hardware 'cpu'")


def test_the_gil_is_released(embedder):
    seen = []
    done = threading.Event()

    def count():
        while not done.is_set():
            seen.append(1)

    thread = threading.Thread(target=count)
    thread.start()
    before = len(seen)
    assert embedder("a sentence")["success"]
    after = len(seen)
    done.set()
    thread.join()
    assert after > before, "the other thread ran meanwhile"


def test_calls_from_other_threads(embedder):
    results = []
    threads = [
        threading.Thread(target=lambda i=i: results.append(embedder(f"text {i}")["success"]))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


def test_awaited(cache):
    async def main():
        async with webpool.ResourcePoolBridgeIntegration(
            ephemeral=True, browsers=["chromium"]
        ) as pool:
            model = await pool.get_model_async("text_embedding", EMBEDDER)
            one, batch, both = await asyncio.gather(
                model.call_async("a"),
                model.run_batch_async(["a", "b"]),
                pool.execute_concurrent_async([(model, "a"), (model, "b")]),
            )
            assert one["success"] and len(batch) == len(both) == 2
            # A cancelled await ends the run in the browser: the record counts it as an error.
            writer = await pool.get_model_async("text_generation", "smollm2-135m")
            task = asyncio.ensure_future(writer.call_async("Count from one to a thousand."))
            while pool.get_execution_stats()["concurrent_peak"] < 1 or not _running(pool):
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while _running(pool):
                await asyncio.sleep(0.01)
            return await model.call_async("after")

    add_model("smollm2-135m")
    assert asyncio.run(main())["success"]


def _running(pool):
    return pool._native.under_way()


def run_script(script, cache, **more):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "WEBPOOL_CACHE_DIR": str(cache)},
        **more,
    )


def test_ctrl_c_ends_a_call_and_its_browser(tmp_path):
    add_model("smollm2-135m")
    process = run_script(
        """
        import threading, webpool
        with webpool.ResourcePoolBridgeIntegration(ephemeral=True, browsers=["chromium"]) as pool:
            model = pool.get_model("text_generation", "smollm2-135m")
            def tell():
                while not pool._native.under_way():
                    pass
                print("running", flush=True)
            threading.Thread(target=tell).start()
            try:
                model("Count from one to a thousand, in words.")
                print("answered")
            except KeyboardInterrupt:
                print("interrupted")
            print(model("Say hello.")["success"])
        """,
        tmp_path,
    )
    assert process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert out == "interrupted\nTrue\n", err
    assert left_processes(tmp_path) == []


def test_accelerate_shares_a_pool_that_ends_with_python(tmp_path):
    process = run_script(
        f"""
        import webpool, ipfs_accelerate_py
        config = {{"platform": "cpu", "browser": "chrome", "max_connections": 1,
                   "store_results": True, "db_path": {str(tmp_path / "runs.duckdb")!r}}}
        for _ in range(2):
            result = ipfs_accelerate_py.accelerate("{EMBEDDER}", "a sentence", config)
            assert result["status"] == "success" and result["results_stored"] is True, result
            assert result["storing_failed"] is None
            print(result["model_type"], result["platform"], result["resource_pool_used"])
        from webpool import _accelerate
        print(_accelerate._default.get_execution_stats()["bridge_stats"]["created_connections"])
        """,
        tmp_path,
    )
    out, err = process.communicate()
    assert out == "text_embedding cpu True\n" * 2 + "1\n", err
    assert process.returncode == 0, err
    assert left_processes(tmp_path) == []
    assert (tmp_path / "runs.duckdb").stat().st_size > 0


def test_accelerate_in_a_given_pool(pool, embedder):
    before = pool.get_execution_stats()["executed_tasks"]
    result = webpool.accelerate(EMBEDDER, "a sentence", {"pool": pool, "hardware": "cpu"})
    assert result["status"] == "success" and result["resource_pool_used"] is True
    assert result["results_stored"] is False
    assert result["ipfs_load_time"] > 0 and result["launch_time"] > 0 and result["compile_time"] > 0
    assert result["load_time"] < result["ipfs_load_time"], "an earlier call has loaded it"
    assert pool.get_execution_stats()["executed_tasks"] == before + 1
    failed = webpool.accelerate(EMBEDDER, "a", {"pool": pool, "precision": 8})
    assert failed["status"] == "error" and failed["error_type"] == "not_found"
    failed = webpool.accelerate(EMBEDDER, "a", {"pool": pool, "browser": "zz"})
    assert "no browser 'zz'" in failed["error"]
    # What the content is tells what a graph without a task is asked for.
    add_model("silero-vad-v5", "--dtype", "fp32")
    for sound in (str(SPEECH), SPEECH, SPEECH.read_bytes()):
        heard = webpool.accelerate("silero-vad-v5", sound, {"pool": pool, "hardware": "cpu"})
        assert heard["status"] == "success" and heard["model_type"] == "audio", heard
        assert heard["output"]["speech"]
    quiet = numpy.zeros(16000, "float32")
    heard = webpool.accelerate("silero-vad-v5", quiet, {"pool": pool, "hardware": "cpu"})
    assert heard["model_type"] == "audio" and heard["output"] == {"speech": []}, heard
    graph = {
        "input": numpy.zeros((1, 576), "float32"),
        "state": numpy.zeros((2, 1, 128), "float32"),
        "sr": numpy.array(16000),
    }
    ran = webpool.accelerate("silero-vad-v5", graph, {"pool": pool, "hardware": "cpu"})
    assert ran["success"] and ran["model_type"] != "audio" and len(ran["output"]["outputs"]) == 2
    with pytest.raises(webpool.Error, match="has no 'hardwear'"):
        webpool.accelerate(EMBEDDER, "a", {"hardwear": "cpu"})


def test_after_the_end(tmp_path):
    pool = webpool.ResourcePoolBridgeIntegration(
        ephemeral=True, browsers=["chromium"], cache_folder=tmp_path
    )
    assert pool.initialize() is True
    model = pool.get_model("text_embedding", EMBEDDER)
    pool.close()
    pool.close()
    assert left_processes(tmp_path) == []
    assert model("late")["success"] is False
    with pytest.raises(webpool.Error, match="closed") as raised:
        pool.get_model("text_embedding", EMBEDDER)
    assert "initialize" in raised.value.recovery_suggestion
    late = model("late")
    assert late["error_type"] == "cancelled" and "initialize()" in late["recovery_suggestion"]
    # It can be opened again; models of before stay ended.
    assert pool.initialize() is True
    assert pool.get_model("text_embedding", EMBEDDER)("again")["success"]
    late = model("late")
    assert late["success"] is False
    assert late["recovery_suggestion"] == "ask the integration for the model again (get_model)"
    pool.close()
    assert left_processes(tmp_path) == []


def test_a_preference_that_cannot_be_met_falls_to_what_is_there(cache):
    add_model("silero-vad-v5", "--dtype", "fp32")
    add_model(EMBEDDER, "--dtype", "q4")
    with webpool.ResourcePoolBridgeIntegration(
        max_connections=1,
        ephemeral=True,
        browsers=["chromium", "firefox"],
        browser_preferences={"audio": "firefox", "text_embedding": "edge", "text": "safari"},
    ) as pool:
        # Chromium is of Edge's family, and then the only browser that there may be.
        model = pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["cpu"]})
        result = model("a")
        assert result["browser"] == "chromium" and result["requested"]["browser_preference"] == "edge"
        assert "edge is not here" in result["fallback_reason"]
        for preferences in ({"priority_list": ["cpu"]}, None):
            model = pool.get_model("audio", "silero-vad-v5", preferences)
            result = model(SPEECH)
            assert result["success"], result
            assert result["browser"] == "chromium"
            assert result["requested"]["browser_preference"] == "firefox"
            assert "in firefox: the pool has 1 browsers" in result["fallback_reason"]
        result = pool.get_model("text", "silero-vad-v5", {"priority_list": ["cpu"]})
        assert result.get_performance_metrics()["platform"] == "cpu"
        # Who names a browser is bound to it.
        with pytest.raises(webpool.Error, match="may have no more"):
            pool.get_model("audio", "silero-vad-v5", {"browser": "firefox"})


def test_a_model_made_by_hand(pool, embedder):
    made = webpool.EnhancedWebModel(
        embedder.model_id, "text_embedding", EMBEDDER, pool, "cpu", None
    )
    assert made("a sentence")["success"]
    with pytest.raises(webpool.Error, match="not text:x"):
        webpool.EnhancedWebModel("text:x", "text_embedding", EMBEDDER, pool, "cpu", None)


def test_a_browser_that_does_not_start_takes_no_place(cache, monkeypatch):
    add_model(EMBEDDER, "--dtype", "q4")
    monkeypatch.setenv("WEBPOOL_FIREFOX", "/bin/false")
    with webpool.ResourcePoolBridgeIntegration(
        max_connections=1,
        ephemeral=True,
        browsers=["firefox", "chromium"],
        browser_preferences={"text_embedding": "firefox"},
    ) as pool:
        for preferences in ({"priority_list": ["cpu"]}, {"browser": "chromium"}):
            result = pool.get_model("text_embedding", EMBEDDER, preferences)("a")
            assert result["success"] and result["browser"] == "chromium", result
        result = pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["cpu"]})("a")
        assert "is no firefox" in result["fallback_reason"]
    # Where a browser is the matter, no other platform in the list helps.
    with webpool.ResourcePoolBridgeIntegration(ephemeral=True, browsers=["firefox"]) as pool:
        for platforms in (["webgpu"], ["webgpu", "webnn"]):
            with pytest.raises(webpool.Error, match="is no firefox") as raised:
                pool.get_model("text_embedding", EMBEDDER, {"priority_list": platforms})
            assert "the list" not in raised.value.recovery_suggestion
            assert raised.value.recovery_suggestion
