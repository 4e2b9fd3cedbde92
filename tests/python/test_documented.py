"""The documented snippets (documented.md) do the real thing: usage blocks run unedited, in order,
sharing what they define; reference blocks are compared with what is there."""

import ast
import inspect
import pathlib
import re
import subprocess
import sys

import PIL.Image
import PIL.ImageDraw
import pytest

import ipfs_accelerate_py
from conftest import CLI, SOURCE, SPEECH, STORE, add_model, random_model
from fixed_web_platform import resource_pool_bridge
from test_extensions import SILENCE, native_onnx_runtime
from webpool import EnhancedWebModel, ResourcePoolBridgeIntegration

TEXT = pathlib.Path(__file__).with_name("documented.md").read_text()
BLOCKS = re.findall(r"^## ([^\n]*)\n\n```python\n(.*?)^```$", TEXT, re.M | re.S)
REFERENCE = BLOCKS[3:6]
BERT = "bert-base-uncased"
VIT = "vit-base-patch16-224"


def is_stored(name, *dtype):
    command = [CLI, "models", "show", name] + [part for one in dtype for part in ("--dtype", one)]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.fixture(scope="module", autouse=True)
def stand_in():
    """There are no trained weights of these names to be had: MiniLM, another model of BERT's kind, is
    put behind it, and a ViT with random weights, which its results say, behind the other. Results
    name what ran by its CID."""
    folder = STORE / "minilm-8-bit"
    if not (folder / "golden.json").exists():
        made = subprocess.run(
            [sys.executable, SOURCE / "tools/precisions.py"]
            + ["--webpool", CLI, "--out", folder, "--dtypes", "q8"],
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stdout + made.stderr
    if not is_stored(BERT):
        add_model(str(folder), "--name", BERT)
    if not is_stored(VIT, "q4f16"):
        add_model(str(random_model("random-vit")), "--name", VIT)
    add_model("whisper-tiny")


@pytest.fixture(scope="module")
def document(cache):
    """The names that the blocks share; the inputs and callbacks that they leave undefined."""
    picture = PIL.Image.new("RGB", (224, 224), "white")
    PIL.ImageDraw.Draw(picture).ellipse((50, 50, 170, 170), fill="red")
    names = {
        "inputs": "a sentence",
        "text_input": "a sentence",
        "text_inputs": ["a sentence", "another"],
        "image_input": picture,
        "image_inputs": picture,
        "audio_input": SPEECH,
        "detect_custom_hardware": lambda: True,
        "init_custom_hardware": native_onnx_runtime,
    }
    opened = []
    begin = ResourcePoolBridgeIntegration.initialize

    def noted(self):
        opened.append(self)
        return begin(self)

    ResourcePoolBridgeIntegration.initialize = noted
    yield names
    ResourcePoolBridgeIntegration.initialize = begin
    for integration in opened:
        integration.close()
    import webpool

    webpool.close_default_pool()


def run(index, names):
    heading, code = BLOCKS[index]
    # A body of a comment alone is no body: it gets the one statement that it lacks.
    code = re.sub(r"^( +)(# Custom [^\n]* logic)\n", r"\1\2\n\1return\n", code, flags=re.M)
    before = {id(value): value for value in names.values()}
    exec(compile(code, f"documented.md, block {index} ({heading})", "exec"), names)
    # Browsers that no block can reach any more make room for the next ones.
    now = {id(value) for value in names.values()}
    for key, value in before.items():
        if isinstance(value, ResourcePoolBridgeIntegration) and key not in now:
            value.close()


def expect_success(result, model_type):
    assert result["status"] == "success", result
    assert result["model_type"] == model_type
    assert result["output"]


def test_there_are_the_blocks_that_are_told_apart():
    assert len(BLOCKS) == 12
    assert [heading for heading, _ in REFERENCE] == [
        "ResourcePoolBridgeIntegration",
        "EnhancedWebModel",
        "IPFS Acceleration Integration",
    ]


def documented_functions():
    for _, code in REFERENCE:
        for node in ast.parse(code).body:
            if isinstance(node, ast.FunctionDef):
                yield ipfs_accelerate_py, node
            else:
                for function in node.body:
                    yield getattr(resource_pool_bridge, node.name), function


@pytest.mark.parametrize(
    "owner, function", list(documented_functions()), ids=lambda part: getattr(part, "name", "")
)
def test_reference(owner, function):
    signature = inspect.signature(getattr(owner, function.name))
    parameters = list(signature.parameters.values())
    names = [argument.arg for argument in function.args.args]
    assert [parameter.name for parameter in parameters[: len(names)]] == names
    defaults = [ast.literal_eval(default) for default in function.args.defaults]
    wanted = [inspect.Parameter.empty] * (len(names) - len(defaults)) + defaults
    assert [parameter.default for parameter in parameters[: len(names)]] == wanted
    for more in parameters[len(names) :]:
        # What we add can be left out.
        assert more.kind is inspect.Parameter.VAR_KEYWORD or (
            more.kind is inspect.Parameter.KEYWORD_ONLY and more.default is not more.empty
        )


def test_basic_usage(document):
    run(0, document)
    expect_success(document["result"], "text_embedding")
    assert document["result"]["platform"] in ("webgpu", "cpu")
    assert document["result"]["browser"] == "chromium", "of Edge's family, which is not here"
    assert document["model"].cid.startswith("bafy")


def test_concurrent_execution(document):
    run(1, document)
    expect_success(document["results"][0], "text_embedding")
    expect_success(document["results"][1], "vision")
    assert document["results"][1]["weights"] == "random"


def test_ipfs_acceleration(document):
    run(2, document)
    expect_success(document["result"], "text_embedding")
    # "mixed": of 8-bit weights less than 90 % of the nodes have a WebGPU kernel.
    assert document["result"]["platform"] in ("webgpu", "mixed")
    assert document["result"]["precision"] == 8


def test_browser_integration(document):
    run(6, document)
    integration = document["integration"]
    custom = document["CustomBrowserIntegration"](integration)
    integration.set_browser_integration(custom)
    model = integration.get_model("text_embedding", BERT, {"priority_list": ["cpu"]})
    expect_success(model("a"), "text_embedding")
    integration.set_browser_integration(None)


def test_hardware_backend(document):
    run(7, document)
    add_model("silero-vad-v5", "--dtype", "fp32")
    model = document["integration"].get_model(
        "text", "silero-vad-v5", {"priority_list": ["custom_hardware"]}
    )
    result = model(SILENCE)
    expect_success(result, "text")
    assert result["platform"] == "custom_hardware"


def test_memory_policy(document):
    run(8, document)
    integration = document["integration"]
    integration.set_memory_policy(document["CustomMemoryPolicy"](integration))
    model = integration.get_model("text_embedding", BERT, {"priority_list": ["cpu"], "precision": 8})
    expect_success(model("a"), "text_embedding")
    integration.set_memory_policy(None)


def test_whisper_on_firefox(document):
    run(9, document)
    expect_success(document["result"], "audio")
    assert document["result"]["browser"] == "firefox"
    # "mixed": of the q8 weights' nodes less than 90 % have a WebGPU kernel.
    assert document["result"]["platform"] in ("webgpu", "mixed")


def test_embedding_on_edge(document):
    run(10, document)
    expect_success(document["result"], "text_embedding")
    assert document["result"]["platform"] in ("webnn", "webgpu")


def test_memory_constrained_device(document):
    run(11, document)
    expect_success(document["result"], "vision")
    assert document["result"]["weights"] == "random"
    # Where Chromium's adapter computes no fp16, Firefox's may.
    assert document["result"]["precision"] == 4 and document["result"]["mixed_precision"]


def test_each_usage_block_has_a_test():
    source = pathlib.Path(__file__).read_text()
    used = {int(index) for index in re.findall(r"^    run\((\d+), document\)", source, re.M)}
    assert used == set(range(len(BLOCKS))) - {3, 4, 5}
    assert EnhancedWebModel is resource_pool_bridge.EnhancedWebModel
