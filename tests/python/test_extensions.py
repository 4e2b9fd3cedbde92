"""What a program adds to an integration: a backend, a say in placement, a say in memory."""

import numpy
import onnxruntime
import pytest

import webpool
from conftest import EMBEDDER, add_model

SILENCE = {
    "input": numpy.zeros((1, 576), "float32"),
    "state": numpy.zeros((2, 1, 128), "float32"),
    "sr": numpy.array(16000),
}


def native_onnx_runtime(model):
    """ONNX Runtime of PyPI, on this machine's CPU."""
    (graph,) = [data for path, data in model["files"].items() if path.endswith(".onnx")]
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


@pytest.fixture
def own_pool(cache):
    with webpool.ResourcePoolBridgeIntegration(ephemeral=True, browsers=["chromium"]) as pool:
        yield pool


def test_a_native_backend_in_a_priority_list(own_pool):
    add_model("silero-vad-v5", "--dtype", "fp32")
    own_pool.register_hardware_backend(
        "native",
        {
            "detection_function": lambda: True,
            "initialization_function": native_onnx_runtime,
            "priority": 3,
        },
    )
    own_pool.register_hardware_backend(
        "absent",
        {"detection_function": lambda: False, "initialization_function": native_onnx_runtime},
    )
    model = own_pool.get_model("text", "silero-vad-v5", {"priority_list": ["absent", "native"]})
    native = model(SILENCE)
    assert native["success"], native
    assert native["platform"] == native["hardware"] == model.platform == "native"
    assert native["browser"] is None and native["is_real_hardware"] is False
    assert native["ipfs_accelerated"] is False
    browser = own_pool.get_model("text", "silero-vad-v5", {"priority_list": ["cpu"]})(SILENCE)
    assert browser["platform"] == "cpu"
    for name, expected in browser["tensors"].items():
        assert native["tensors"][name] == pytest.approx(expected, abs=1e-4)
    assert own_pool.get_execution_stats()["resource_metrics"]["platform_usage"]["native"] == 1
    # Without a list the browsers come first: its priority is not below 0.
    assert own_pool.get_model("text", "silero-vad-v5")(SILENCE)["platform"] != "native"
    with pytest.raises(webpool.Error, match="'absent' was not detected") as raised:
        own_pool.get_model("text", "silero-vad-v5", {"priority_list": ["absent"]})
    assert raised.value.error_type == "unsupported" and raised.value.recovery_suggestion


def test_a_backend_before_the_browsers_and_its_failures(own_pool):
    def broken(model):
        raise ValueError("no such operator")

    own_pool.register_hardware_backend(
        "broken",
        {"detection_function": lambda: True, "initialization_function": broken, "priority": -1},
    )
    # It is tried first and can't: the browser runs it.
    assert own_pool.get_model("text_embedding", EMBEDDER)("a")["browser"] == "chromium"
    with pytest.raises(webpool.Error, match="ValueError: no such operator") as raised:
        own_pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["broken"]})
    assert raised.value.error_type == "internal" and raised.value.recovery_suggestion

    def lost():
        raise OSError("no driver")

    own_pool.register_hardware_backend(
        "lost", {"detection_function": lost, "initialization_function": native_onnx_runtime}
    )
    with pytest.raises(webpool.Error, match="detection_function.*OSError: no driver") as raised:
        own_pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["lost"]})
    assert raised.value.error_type == "internal" and raised.value.recovery_suggestion
    own_pool.register_hardware_backend(
        "lengths",
        {
            "detection_function": lambda: True,
            "initialization_function": lambda model: lambda text: {"length": len(text)},
        },
    )
    model = own_pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["lengths"]})
    assert model("four")["output"] == {"length": 4}
    failed = model(numpy.array(1.0))
    assert failed["success"] is False and "TypeError" in failed["error"]
    assert failed["error_type"] == "internal", "the backend failed, the input may be right"
    assert failed["recovery_suggestion"]
    own_pool.register_hardware_backend(
        "choosy",
        {
            "detection_function": lambda: True,
            "initialization_function": lambda model: lambda text: float("nan"),
        },
    )
    no_json = own_pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["choosy"]})("a")
    assert no_json["error_type"] == "internal" and "NaN" in no_json["recovery_suggestion"]
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    def mute(model):
        def run(inputs):
            raise Mute

        if model["model_type"] == "text":
            raise Mute
        return run

    own_pool.register_hardware_backend(
        "mute", {"detection_function": lambda: True, "initialization_function": mute}
    )
    add_model("silero-vad-v5", "--dtype", "fp32")
    with pytest.raises(webpool.Error, match="'mute' failed: Mute") as raised:
        own_pool.get_model("text", "silero-vad-v5", {"priority_list": ["mute"]})
    assert raised.value.error_type == "internal" and raised.value.recovery_suggestion
    wordless = own_pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["mute"]})("a")
    assert wordless["error_type"] == "internal" and "Mute" in wordless["error"]
    with pytest.raises(webpool.Error, match="no platform 'cuda'") as raised:
        own_pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["cuda"]})
    for name in ("webgpu", "'lost'", "'mute'"):
        assert name in raised.value.recovery_suggestion
    with pytest.raises(webpool.Error, match="'mute' already") as raised:
        own_pool.register_hardware_backend(
            "mute", {"detection_function": lambda: True, "initialization_function": mute}
        )
    assert "another name" in raised.value.recovery_suggestion
    for name in ("webgpu", "cpu", "auto", "mixed", "", "broken"):
        with pytest.raises(webpool.Error) as raised:
            own_pool.register_hardware_backend(
                name,
                {"detection_function": lambda: True, "initialization_function": broken},
            )
        assert raised.value.error_type == "invalid_argument"
    with pytest.raises(webpool.Error, match="lacks its functions"):
        own_pool.register_hardware_backend("empty", {})


def test_the_answer_of_a_backend_streams_as_one_piece(own_pool):
    add_model(EMBEDDER, "--dtype", "q4")
    asked = []

    def backend(answer):
        def run(inputs):
            asked.append(inputs)
            return answer

        return {"detection_function": lambda: True, "initialization_function": lambda model: run}

    def model(name, answer):
        own_pool.register_hardware_backend(name, backend(answer))
        return own_pool.get_model("text_embedding", EMBEDDER, {"priority_list": [name]})

    says = model("says", "Hello.")
    stream = says.stream("a")
    assert list(stream) == ["Hello."] == [stream.result["output"]]
    messages = [{"role": "user", "content": "a"}]
    assert list(says.stream(messages)) == ["Hello."]
    assert list(says.stream("a", max_tokens=4)) == ["Hello."]
    # It is asked as by a call.
    assert asked == ["a", messages, {"messages": messages, "max_tokens": 4}]
    assert list(model("tells", {"text": "Hi.", "tokens": 2}).stream("a")) == ["Hi."]
    with pytest.raises(webpool.Error, match="'counts' gave an answer without a text") as raised:
        list(model("counts", [1, 2]).stream("a"))
    assert raised.value.error_type == "unsupported" and raised.value.recovery_suggestion


def test_a_browser_integration_fills_in_what_is_open(own_pool):
    asked = []

    class Integration:
        def optimize_for_browser(self, browser_name, model_type):
            asked.append((browser_name, model_type))
            return {"priority_list": ["cpu"], "precision": 4}

    own_pool.set_browser_integration(Integration())
    add_model(EMBEDDER, "--dtype", "q4")
    result = own_pool.get_model("text_embedding", EMBEDDER)("a")
    assert asked == [("chromium", "text_embedding")]
    assert result["platform"] == "cpu" and result["dtype"] == "q4"
    assert result["requested"]["priority_list"] == []
    # What the caller says outranks it.
    with pytest.raises(webpool.Error, match="of 8 bits"):
        own_pool.get_model("text_embedding", EMBEDDER, {"precision": 8})

    class Broken:
        def optimize_for_browser(self, browser_name, model_type):
            return {"priority": 1}

    own_pool.set_browser_integration(Broken())
    with pytest.raises(webpool.Error, match="'priority'"):
        own_pool.get_model("text_embedding", EMBEDDER, {"browser": "chrome"})

    class Raising:
        def optimize_for_browser(self, browser_name, model_type):
            raise ValueError("no opinion")

    own_pool.set_browser_integration(Raising())
    with pytest.raises(webpool.Error, match="optimize_for_browser.*no opinion") as raised:
        own_pool.get_model("text_embedding", EMBEDDER, {"browser": "chrome"})
    assert "set_browser_integration(None)" in raised.value.recovery_suggestion


def test_who_is_set_anew_is_asked_of_models_that_are_there(own_pool):
    asked = []

    class Say:
        def __init__(self, name):
            self.name = name

        def optimize_for_browser(self, browser_name, model_type):
            asked.append(self.name)
            return {"priority_list": ["cpu"], "precision": 4}

        def allocate_memory(self, model_type, model_size):
            asked.append(self.name)
            return self.name != "no"

    def get():
        return own_pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["cpu"]})

    add_model(EMBEDDER, "--dtype", "q4")
    first = get()
    assert get()._native is first._native and asked == []
    own_pool.set_browser_integration(Say("one"))
    assert get()("a")["success"] and get()("a")["dtype"] == "q4"
    assert asked == ["one"], "once: the second time it is the same model"
    own_pool.set_browser_integration(Say("two"))
    get()
    assert asked == ["one", "two"]
    own_pool.set_memory_policy(Say("no"))
    with pytest.raises(webpool.Error, match="memory policy refused"):
        get()
    own_pool.set_memory_policy(Say("yes"))
    assert get()("a")["success"]
    assert asked == ["one", "two", "two", "no", "two", "yes"]
    # Those of before go on, and are given again where nobody is asked, as then.
    assert first("a")["success"]
    own_pool.set_browser_integration(None)
    own_pool.set_memory_policy(None)
    assert get()._native is first._native
    assert own_pool.get_execution_stats()["bridge_stats"]["loaded_models"] == 1


def test_what_has_nothing_to_say_is_refused_where_it_is_set(own_pool):
    class Mistaken:
        optimize_for_browser = allocate_memory = 3

    for wrong in (3, "x", object(), Mistaken()):
        for setter, name in (
            (own_pool.set_browser_integration, "optimize_for_browser"),
            (own_pool.set_memory_policy, "allocate_memory"),
        ):
            with pytest.raises(webpool.Error, match=name) as raised:
                setter(wrong)
            assert raised.value.error_type == "invalid_argument"
            assert name in raised.value.recovery_suggestion


def test_a_memory_policy_may_refuse(own_pool):
    asked = []

    class Policy:
        answer = False

        def allocate_memory(self, model_type, model_size):
            asked.append((model_type, model_size))
            return self.answer

    policy = Policy()
    own_pool.set_memory_policy(policy)
    with pytest.raises(webpool.Error, match="memory policy refused") as raised:
        own_pool.get_model("text_embedding", EMBEDDER, {"precision": 4})
    assert raised.value.error_type == "out_of_memory"
    assert asked[0][0] == "text_embedding" and asked[0][1] > 50_000_000
    policy.answer = None
    assert own_pool.get_model("text_embedding", EMBEDDER, {"precision": 4})("a")["success"]
    assert len(asked) == 2

    class Raising:
        def allocate_memory(self, model_type, model_size):
            raise ValueError("no table")

    own_pool.set_memory_policy(Raising())
    with pytest.raises(webpool.Error, match="allocate_memory.*no table") as raised:
        own_pool.get_model("text_embedding", EMBEDDER, {"precision": 4, "browser": "chrome"})
    assert raised.value.error_type == "internal"
    assert "set_memory_policy(None)" in raised.value.recovery_suggestion
