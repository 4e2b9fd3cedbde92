"""tritonclient[http], unmodified."""

import json
import urllib.error
import urllib.request

import conftest
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


def bearer():
    """New for each call: the client adds to what it is given."""
    return {"Authorization": f"Bearer {conftest.TOKEN}"}


@pytest.fixture(scope="module")
def client(server):
    made = triton.InferenceServerClient(server.removeprefix("http://"), concurrency=8)
    made.load_model(conftest.EMBEDDER, headers=bearer())
    yield made
    made.close()


def texts(sentences, binary):
    tensor = triton.InferInput("text", [len(sentences)], "BYTES")
    data = np.array([sentence.encode() for sentence in sentences], dtype=np.object_)
    tensor.set_data_from_numpy(data, binary_data=binary)
    return [tensor]


def test_health_and_metadata(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(conftest.EMBEDDER, headers=bearer())
    assert client.get_server_metadata(headers=bearer())["name"] == "webpool"
    told = client.get_model_metadata(conftest.EMBEDDER, headers=bearer())
    assert told["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert client.get_model_metadata(conftest.EMBEDDER, "1", headers=bearer()) == told
    config = client.get_model_config(conftest.EMBEDDER, headers=bearer())
    assert config["input"][0]["data_type"] == "TYPE_STRING"


def test_repository_index(client, server):
    index = client.get_model_repository_index(headers=bearer())
    ready = {"name": conftest.EMBEDDER, "version": "1", "state": "READY", "reason": ""}
    assert ready in index
    # Of the catalogue, and nobody has asked for it.
    other = {"name": "magika", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"}
    assert other in index

    def asked(body):
        request = urllib.request.Request(
            f"{server}/v2/repository/index", data=body, headers=bearer(), method="POST"
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    only = asked(b'{"ready": true}')
    assert ready in only and {model["state"] for model in only} == {"READY"}
    assert asked(b'{"ready": false}') == asked(b"{}") == index
    for wrong in (b'{"ready": 1}', b"[]", b"{"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            asked(wrong)
        assert refused.value.code == 400 and "error" in json.load(refused.value)


def test_a_load_is_of_what_the_store_has(client):
    with pytest.raises(InferenceServerException, match="parameters.config: .*server's store"):
        client.load_model(conftest.EMBEDDER, headers=bearer(), config="{}")
    client.load_model(conftest.EMBEDDER, headers=bearer())
    assert client.is_model_ready(conftest.EMBEDDER, headers=bearer())


@pytest.mark.parametrize("binary", [True, False])
def test_classes(client, reference, binary):
    sentences = reference.sentences[:3]
    count = 5

    def embedding(**more):
        outputs = [triton.InferRequestedOutput("embedding", binary_data=binary, **more)]
        inputs = texts(sentences, True)
        answer = client.infer(conftest.EMBEDDER, inputs, outputs=outputs, headers=bearer())
        return answer.as_numpy("embedding")

    vectors = embedding()
    classes = embedding(class_count=count)
    assert classes.dtype == np.object_ and classes.shape == (3, count)
    for vector, row in zip(vectors, classes):
        told = [(text.decode() if binary else str(text)).split(":") for text in row]
        values = np.array([float(value) for value, _ in told])
        indices = [int(index) for _, index in told]
        assert len(set(indices)) == count
        np.testing.assert_allclose(values, np.sort(vector)[::-1][:count], atol=1e-4)
        np.testing.assert_allclose(values, vector[indices], atol=1e-4)
        assert list(values) == sorted(values, reverse=True)
    assert embedding(class_count=1000).shape == (3, vectors.shape[1]), "as many as there are"


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False, None])
def test_infer(client, reference, binary_in, binary_out):
    sentences = reference.sentences[:3]
    outputs = None  # then the client asks for binary ones
    if binary_out is not None:
        outputs = [triton.InferRequestedOutput("embedding", binary_data=binary_out)]
    answer = client.infer(
        conftest.EMBEDDER,
        texts(sentences, binary_in),
        outputs=outputs,
        request_id="mine",
        headers=bearer(),
    )
    assert answer.get_response()["id"] == "mine"
    assert answer.get_response()["parameters"]["browser"] == "chromium"
    vectors = answer.as_numpy("embedding")
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    reference.expect(vectors)


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_packed_requests(client, reference, binary_in, coding):
    answer = client.infer(
        conftest.EMBEDDER,
        texts(reference.sentences[:2], binary_in),
        request_compression_algorithm=coding,
        response_compression_algorithm=coding,
        headers=bearer(),
    )
    reference.expect(answer.as_numpy("embedding"))


def test_what_is_not_done_is_refused_by_name(client):
    def refused(match, **more):
        with pytest.raises(InferenceServerException, match=match):
            client.infer(conftest.EMBEDDER, texts(["x"], True), headers=bearer(), **more)

    refused("classification", outputs=[triton.InferRequestedOutput("embedding", class_count=-3)])
    refused("priority", priority=999999)
    refused("timeout", timeout=-1)
    refused("no_such", parameters={"no_such": 1})
    # Models here keep no state between the requests of a sequence.
    client.infer(
        conftest.EMBEDDER, texts(["x"], True), sequence_id=7, sequence_start=True, headers=bearer()
    )


def test_many_at_once(client, reference):
    sentences = reference.sentences
    asked = [
        client.async_infer(conftest.EMBEDDER, texts([sentence], True), headers=bearer())
        for sentence in sentences * 8
    ]
    for i, one in enumerate(asked):
        reference.expect(one.get_result().as_numpy("embedding"), first=i % len(sentences))


def test_errors_are_the_clients_own(client):
    with pytest.raises(InferenceServerException, match="unknown model"):
        client.infer("no-such-model", texts(["x"], True), headers=bearer())
    wrong = triton.InferInput("text", [1], "FP32")
    wrong.set_data_from_numpy(np.zeros(1, dtype=np.float32))
    with pytest.raises(InferenceServerException, match="400|text"):
        client.infer(conftest.EMBEDDER, [wrong], headers=bearer())
    with pytest.raises(InferenceServerException, match="no output"):
        outputs = [triton.InferRequestedOutput("nothing")]
        client.infer(conftest.EMBEDDER, texts(["x"], True), outputs=outputs, headers=bearer())
    with pytest.raises(InferenceServerException, match="token"):
        client.infer(conftest.EMBEDDER, texts(["x"], True))


def test_unload(client):
    client.unload_model(conftest.EMBEDDER, headers=bearer())
    assert not client.is_model_ready(conftest.EMBEDDER, headers=bearer())
    client.load_model(conftest.EMBEDDER, headers=bearer())
    assert client.is_model_ready(conftest.EMBEDDER, headers=bearer())
