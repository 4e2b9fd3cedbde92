"""curl, and the OpenAPI document against what its validator knows."""

import json
import shutil
import subprocess

import conftest
import openapi_spec_validator
import pytest

BEARER = ("-H", f"Authorization: Bearer {conftest.TOKEN}")


def curl(*arguments):
    command = ["curl", "--silent", "--show-error", "--max-time", "300", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_document_is_valid(server):
    document = json.loads(curl(f"{server}/openapi.json"))
    assert document["openapi"].startswith("3.1")
    openapi_spec_validator.validate(document)


def test_embeddings(server):
    body = json.dumps({"model": conftest.EMBEDDER, "input": "a sentence"})
    answer = json.loads(curl(f"{server}/v1/embeddings", *BEARER, "-d", body))
    assert len(answer["data"][0]["embedding"]) == 384
    assert len(json.loads(curl(f"{server}/embed", *BEARER, "-d", '{"inputs": "a"}'))[0]) == 384


def test_generate(server):
    body = json.dumps({"text_input": "What is the capital of France?"})
    target = f"{server}/v2/models/{conftest.WRITER}"
    whole = json.loads(curl(f"{target}/generate", *BEARER, "-d", body))
    assert "Paris" in whole["text_output"]
    events = curl("--no-buffer", f"{target}/generate_stream", *BEARER, "-d", body)
    parts = [json.loads(line[6:]) for line in events.splitlines() if line.startswith("data: ")]
    assert "".join(part["text_output"] for part in parts) == whole["text_output"]


def test_generate_has_a_deadline_and_its_own_parameters(server):
    def status(action, parameters):
        body = json.dumps({"text_input": "Tell a long story.", "parameters": parameters})
        target = f"{server}/v2/models/{conftest.WRITER}/{action}"
        return curl(target, *BEARER, "-d", body, "-o", "/dev/null", "-w", "%{http_code}")

    for action in ("generate", "generate_stream"):
        assert status(action, {"max_tokens": 900, "timeout": 1}) == "504"
        assert status(action, {"max_token": 5}) == "400"
        assert status(action, {"max_tokens": 5, "timeout": 600_000_000}) == "200"


def test_transcription(server):
    text = curl(
        f"{server}/v1/audio/transcriptions",
        *BEARER,
        "-F",
        f"model={conftest.LISTENER}",
        "-F",
        f"file=@{conftest.SPEECH}",
        "-F",
        "response_format=text",
    )
    assert "young man" in text


@pytest.mark.parametrize(
    ("path", "status"), [("/v2", 401), ("/v1/models", 401), ("/health", 200), ("/none", 404)]
)
def test_without_a_token(server, path, status):
    assert curl("-o", "/dev/null", "-w", "%{http_code}", server + path) == str(status)


def test_curl_is_there():
    assert shutil.which("curl"), "scripts/setup test installs it"
