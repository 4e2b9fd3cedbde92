"""The openai package, unmodified."""

import base64
import json

import conftest
import numpy as np
import openai
import pytest


@pytest.fixture(scope="module")
def client(server):
    # A mistake is to be seen, not tried again.
    with openai.OpenAI(base_url=f"{server}/v1", api_key=conftest.TOKEN, max_retries=0) as made:
        yield made


def test_models(client):
    names = [model.id for model in client.models.list()]
    assert conftest.EMBEDDER in names
    assert client.models.retrieve(conftest.WRITER).id == conftest.WRITER


# The client asks for base64 where nobody says what he wants.
@pytest.mark.parametrize("more", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}])
def test_embeddings(client, reference, more):
    answer = client.embeddings.create(
        model=conftest.EMBEDDER, input=reference.sentences[:2], **more
    )
    assert [item.index for item in answer.data] == [0, 1]
    assert answer.usage.prompt_tokens == sum(reference.tokens[:2])
    vectors = [item.embedding for item in answer.data]
    if more.get("encoding_format") == "base64":
        vectors = [np.frombuffer(base64.b64decode(vector), dtype="<f4") for vector in vectors]
    reference.expect(vectors)


def ask_for_capital(client, **more):
    return client.chat.completions.create(
        model=conftest.WRITER,
        messages=[{"role": "user", "content": "What is the capital of France?"}],
        temperature=0,
        max_tokens=16,
        **more,
    )


def test_chat(client):
    answer = ask_for_capital(client)
    assert "Paris" in answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_chat_as_it_comes(client):
    whole = ask_for_capital(client)
    chunks = list(ask_for_capital(client, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert len(chunks) > 4, "it came bit by bit"
    assert chunks[-1].usage == whole.usage


def test_chat_with_tools(client):
    answer = client.chat.completions.create(
        model=conftest.WRITER,
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        temperature=0,
        max_tokens=64,
        tools=[
            {
                "type": "function",
                "function": {
                    "name": "get_weather",
                    "description": "The weather in a city",
                    "parameters": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}},
                        "required": ["city"],
                    },
                },
            }
        ],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
    )
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert len(choice.message.tool_calls[0].id) > len("call_0")
    call = choice.message.tool_calls[0].function
    assert call.name == "get_weather"
    assert isinstance(json.loads(call.arguments)["city"], str)


def test_completions(client):
    asked = {
        "model": conftest.WRITER,
        "prompt": "The capital of France is",
        "temperature": 0,
        "max_tokens": 6,
    }
    whole = client.completions.create(**asked)
    assert "Paris" in whole.choices[0].text
    assert whole.choices[0].finish_reason == "length"
    assert whole.usage.completion_tokens == 6
    chunks = list(client.completions.create(**asked, stream=True))
    assert "".join(c.choices[0].text for c in chunks) == whole.choices[0].text
    with pytest.raises(openai.BadRequestError):
        client.completions.create(**asked, echo=True)


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("response_format", {"type": "json_object"}),
        ("logprobs", True),
        ("frequency_penalty", 0.5),
        ("n", 2),
        ("max_tokens", 2.5),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(client, param, value):
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model=conftest.WRITER, messages=[{"role": "user", "content": "a"}], **{param: value}
        )
    assert refused.value.param == param


def test_transcriptions(client):
    with conftest.SPEECH.open("rb") as file:
        plain = client.audio.transcriptions.create(model=conftest.LISTENER, file=file)
    assert "young man" in plain.text
    verbose = client.audio.transcriptions.create(
        model=conftest.LISTENER,
        file=conftest.SPEECH,
        response_format="verbose_json",
        timestamp_granularities=["segment"],
        language="en",
    )
    assert verbose.text == plain.text
    assert 0 <= verbose.segments[0].start < verbose.segments[-1].end <= verbose.duration
    subtitles = client.audio.transcriptions.create(
        model=conftest.LISTENER, file=conftest.SPEECH, response_format="vtt"
    )
    assert subtitles.startswith("WEBVTT")


def test_errors_are_the_clients_own(server, client):
    with pytest.raises(openai.NotFoundError) as unknown:
        client.embeddings.create(model="no-such-model", input="x")
    assert unknown.value.code == "not_found"
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model=conftest.WRITER, input="x")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=conftest.WRITER, messages=[])
    wrong = openai.OpenAI(base_url=f"{server}/v1", api_key="another", max_retries=0)
    with wrong, pytest.raises(openai.AuthenticationError):
        wrong.models.list()
