"""How a call is to be answered, and answers that come bit by bit."""

import asyncio
import json
import os
import re
import signal
import threading
import time

import numpy
import pytest

import webpool
from conftest import EMBEDDER, SPEECH, add_model

FRANCE = [{"role": "user", "content": "What is the capital of France?"}]
COUNT = "Count from one to a thousand, in words."
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@pytest.fixture(scope="module")
def writer(pool):
    add_model("smollm2-135m")
    return pool.get_model("text_generation", "smollm2-135m", {"priority_list": ["cpu"]})


def test_options_beside_the_inputs_or_within_them(writer):
    for result in (
        writer(FRANCE, max_tokens=4),
        writer({"messages": FRANCE, "max_tokens": 4}),
        writer({"text": FRANCE[0]["content"], "max_tokens": 9}, max_tokens=4),
        writer.run_batch([{"messages": FRANCE, "max_tokens": 4}])[0],
    ):
        assert result["success"], result
        output = result["output"]
        assert output["finish_reason"] == "length" and output["completion_tokens"] == 4
        assert output["tokens_per_second"] > 0
        assert "The capital of France".startswith(output["text"].strip()), output


def test_numbers_of_numpy_are_numbers(writer):
    output = writer(
        FRANCE,
        max_tokens=numpy.int64(4),
        temperature=numpy.float32(0),
        top_k=numpy.array(3),
        seed=4.0,
        token_ids=numpy.bool_(True),
    )["output"]
    assert output["completion_tokens"] == 4 and len(output["tokens"]) == 4
    for name in ("max_tokens", "max_completion_tokens", "seed", "top_k"):
        with pytest.raises(webpool.Error, match=f"{name}: 4.5 is no whole number") as raised:
            writer(FRANCE, **{name: 4.5})
        assert raised.value.error_category == "invalid_argument"
        assert name in raised.value.recovery_suggestion


def test_a_file_holds_the_prompt(writer, tmp_path):
    file = tmp_path / "prompt.txt"
    file.write_text(FRANCE[0]["content"])
    expected = writer(FRANCE, max_tokens=8)["output"]["text"]
    for given in ({"path": str(file), "max_tokens": 8}, {"file": file, "max_tokens": 8}):
        assert writer(given)["output"]["text"] == expected
    assert writer(file, max_tokens=8)["output"]["text"] == expected
    assert "".join(writer.stream({"path": str(file)}, max_tokens=8)) == expected


def test_stop_and_chance(writer):
    output = writer(FRANCE, stop=" is", token_ids=True)["output"]
    assert output["text"] == "The capital of France" and output["finish_reason"] == "stop"
    assert len(output["tokens"]) >= 4
    # Of one token there is no time that tells anything.
    assert writer(FRANCE, max_tokens=1)["output"]["tokens_per_second"] is None
    told = [
        writer("Tell me a story.", temperature=1.5, seed=seed, max_tokens=12)["output"]["text"]
        for seed in (1, 1, 2)
    ]
    assert told[0] == told[1] != told[2]


def test_tools_are_called_and_answered(writer):
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    output = writer(asked, tools=[WEATHER], tool_choice="required", max_tokens=100)["output"]
    assert output["finish_reason"] == "tool_calls", output
    call = output["tool_calls"][0]
    assert call["function"]["name"] == "get_weather"
    assert isinstance(json.loads(call["function"]["arguments"])["city"], str)
    asked.append({"role": "assistant", "content": None, "tool_calls": output["tool_calls"]})
    asked.append({"role": "tool", "tool_call_id": call["id"], "content": "rain"})
    assert writer(asked, max_tokens=8)["success"]


@pytest.mark.parametrize(
    "parameters, key",
    [
        ({"properties": {"city": {"type": "zzz"}}}, "parameters.properties.city.type"),
        ({"properties": {"city": {"$ref": "#/$defs/City"}}}, "parameters.properties.city.$ref"),
        ({"properties": ["city"]}, "parameters.properties"),
    ],
)
def test_a_tool_without_a_schema_is_refused(writer, parameters, key):
    tool = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    for choice in ("auto", "required"):
        result = writer(FRANCE, tools=[WEATHER, tool], tool_choice=choice)
        assert result["error_type"] == "invalid_input", result
        assert result["error"].startswith(f"the tool 'weather': {key} "), result
        assert result["recovery_suggestion"] and result["browser"] is None


def test_a_reference_within_a_tool_is_followed(writer):
    parameters = {
        "type": "object",
        "properties": {"city": {"$ref": "#/$defs/City"}},
        "required": ["city"],
        "$defs": {"City": {"enum": ["Paris", "Rome"]}},
    }
    tool = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    result = writer("The weather in Rome?", tools=[tool], tool_choice="required", max_tokens=60)
    assert result["success"], result
    (call,) = result["output"]["tool_calls"]
    assert json.loads(call["function"]["arguments"])["city"] in ("Paris", "Rome")


# The others are tried without a model (src/tasks/tool_pattern_test.cpp): a long prompt takes long.
PATTERNS = [r"^.{2}$", r"^\d{1,4}$", r'^"?x"?$']


def test_a_call_matches_the_patterns_of_its_tool(writer):
    """llama.cpp alone takes \\d for the letter, and a quote that it lets through ends the text."""
    properties = {f"p{at}": {"type": "string", "pattern": p} for at, p in enumerate(PATTERNS)}
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    tool = {"type": "function", "function": {"name": "note", "parameters": parameters}}
    result = writer("Call it.", tools=[tool], tool_choice="required", max_tokens=300)
    assert result["success"], result
    (call,) = result["output"]["tool_calls"]
    arguments = json.loads(call["function"]["arguments"])
    assert list(arguments) == list(properties)
    for name, value in arguments.items():
        assert re.fullmatch(properties[name]["pattern"], value, re.ASCII), (name, value)


def test_a_pattern_that_no_grammar_can_keep_is_refused(writer):
    schema = {"properties": {"a": {"type": "string", "pattern": "^a(?=b)b$"}}}
    tool = {"type": "function", "function": {"name": "note", "parameters": schema}}
    result = writer(FRANCE, tools=[tool], tool_choice="required")
    assert result["error_type"] == "invalid_input" and result["browser"] is None, result
    assert result["error"].endswith('properties.a.pattern is "^a(?=b)b$": "(?=" looks ahead'), result
    assert result["recovery_suggestion"]


def test_a_call_of_no_tool_is_refused(writer):
    result = writer(FRANCE, tool_choice="required")
    assert result["error_type"] == "invalid_input" and "no tool" in result["error"], result


def test_what_is_no_option_is_named(pool, writer):
    for inputs in (
        {"messages": FRANCE, "max_token": 4},
        {"text": "x", "max_token": 4},
        {"role": "user", "content": "x", "max_token": 4},
    ):
        with pytest.raises(webpool.Error, match="'max_token'") as raised:
            writer(inputs)
        assert raised.value.recovery_suggestion
    with pytest.raises(webpool.Error, match="max_tokens: no number") as raised:
        writer(FRANCE, max_tokens="many")
    assert raised.value.error_category == "invalid_argument" and raised.value.recovery_suggestion
    with pytest.raises(webpool.Error, match="'language'"):
        writer(FRANCE, language="en")
    with pytest.raises(webpool.Error, match="can't be JSON"):
        writer(FRANCE, tools=[object()])
    # One that fails does not keep the others.
    refused, said = pool.execute_concurrent(
        [
            (writer, {"text": "x", "max_token": 4}),
            (writer, {"messages": FRANCE, "max_tokens": 2}),
        ]
    )
    assert refused["error_type"] == "invalid_argument" and refused["recovery_suggestion"]
    assert said["output"]["completion_tokens"] == 2
    # A model that writes nothing has no use for them.
    add_model(EMBEDDER, "--dtype", "q4")
    embedder = pool.get_model("text_embedding", EMBEDDER, {"priority_list": ["cpu"]})
    assert embedder("a", max_tokens=4)["error_type"] == "invalid_input"


def test_an_answer_comes_bit_by_bit(writer):
    stream = writer.stream(FRANCE)
    pieces = list(stream)
    assert len(pieces) > 1  # what comes while a piece is read comes with the next one
    assert "".join(pieces) == stream.result["output"]["text"] == "The capital of France is Paris."
    assert list(stream) == []


def test_who_leaves_a_stream_ends_it(pool, writer):
    errors = pool.get_execution_stats()["errors"]
    with writer.stream(COUNT) as stream:
        assert next(stream)
    rest = list(stream)
    output = stream.result["output"]
    assert output["finish_reason"] == "cancelled" and len(rest) < 100
    # It is no success, as of any other cancelled call, and has what there was.
    assert not stream.result["success"] and stream.result["error_type"] == "cancelled"
    assert output["text"] and pool.get_execution_stats()["errors"] == errors + 1
    for _ in writer.stream(COUNT, max_tokens=4000):
        break  # nobody holds it any more, so that this ends long before its 4,000 tokens
    while pool._native.under_way():
        time.sleep(0.01)
    assert writer("Say hello.", max_tokens=2)["success"]


def test_several_may_read_one_stream(writer):
    stream = writer.stream(FRANCE)
    parts = [[], []]
    threads = [threading.Thread(target=lambda part=part: part.extend(stream)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(map(len, parts)) > 3
    assert sorted("".join(map("".join, parts))) == sorted(stream.result["output"]["text"])


def test_ctrl_c_in_a_stream_ends_it(pool, writer):
    stream = writer.stream(COUNT, max_tokens=4000)
    next(stream)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        for _ in stream:
            pass
    # Still held, and yet it ends, long before its 4,000 tokens.
    while pool._native.under_way():
        time.sleep(0.01)
    list(stream)
    assert stream.result["output"]["finish_reason"] == "cancelled"


def test_a_stream_to_be_awaited(writer):
    async def main():
        stream = writer.stream(FRANCE, max_tokens=5)
        pieces = [piece async for piece in stream]
        assert stream.result["output"]["completion_tokens"] == 5
        return "".join(pieces)

    assert asyncio.run(main()).startswith("The capital of France")


def test_what_fails_in_a_stream_is_raised(pool, writer):
    with pytest.raises(webpool.Error, match="context"):
        list(writer.stream("word " * 20_000))
    # What can be told at once is.
    with pytest.raises(webpool.Error, match="bit by bit"):
        writer.stream(b"bytes")
    with pytest.raises(webpool.Error, match="'max_token'"):
        writer.stream(FRANCE, max_token=4)
    with pytest.raises(webpool.Error, match="max_tokens: no number"):
        writer.stream({"messages": FRANCE, "max_tokens": 0})
    with pytest.raises(webpool.Error, match="surrogate"):
        writer.stream("\ud800")


def test_a_sound_has_a_language(pool):
    add_model("whisper-tiny", "--dtype", "q8")
    model = pool.get_model("audio", "whisper-tiny", {"priority_list": ["cpu"]})
    told = model(str(SPEECH))
    assert told["output"]["language"] == "en"
    asked = model({"audio": SPEECH, "language": "en"})
    assert asked["success"], asked
    assert asked["output"]["text"] == told["output"]["text"]
    wrong = model(SPEECH, language="klingon")
    assert wrong["success"] is False and "klingon" in wrong["error"]
    assert wrong["recovery_suggestion"]
    with pytest.raises(webpool.Error, match="'seed'"):
        model(SPEECH, seed=1)
