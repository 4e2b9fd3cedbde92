"""What a model takes from Python, and what it gives."""

import io
import os
import pathlib
import wave

import numpy
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

import webpool
from conftest import SPEECH, add_model, random_model
from webpool import _webpool


def test_text_and_lists(embedder):
    one = embedder("a sentence")
    assert one["success"] and one["status"] == "success", one
    assert one["model_id"] == "text_embedding:all-minilm-l6-v2"
    assert one["platform"] == "cpu" and one["browser"] == "chromium"
    assert one["is_real_hardware"] is False
    vector = numpy.array(one["output"])
    assert vector.shape == (384,)
    assert numpy.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
    several = embedder(["a sentence", "another"])
    assert numpy.dot(several["output"][0], vector) > 0.999
    assert numpy.dot(several["output"][1], vector) < 0.999
    assert numpy.dot(embedder({"text": "a sentence"})["output"], vector) > 0.999


def test_what_no_model_takes_is_named(embedder):
    with pytest.raises(webpool.Error) as raised:
        embedder(object())
    assert raised.value.error_category == "invalid_input"
    assert "numpy" in raised.value.recovery_suggestion
    # What another model takes is a failed result.
    failed = embedder(b"no text")
    assert failed["success"] is False and failed["status"] == "error"
    assert failed["error_type"] == "invalid_input"
    assert failed["should_retry"] is False


def test_a_file_of_text_is_read(embedder, tmp_path):
    file = tmp_path / "note.txt"
    file.write_text("a sentence")
    vector = embedder("a sentence")["output"]
    for given in ({"path": str(file)}, {"file": str(file)}, {"path": file}, file):
        result = embedder(given)
        assert result["success"], result
        assert result["output"] == pytest.approx(vector, abs=1e-5)
    missing = embedder({"path": str(tmp_path / "none.txt")})
    assert missing["error_type"] == "not_found" and "none.txt" in missing["error"]
    file.write_bytes(b"\xff\xfe")
    wrong = embedder({"path": str(file)})
    assert wrong["error_type"] == "invalid_input" and "UTF-8" in wrong["error"]
    assert wrong["recovery_suggestion"]


def test_a_name_that_is_not_utf_8_is_one(pool, tmp_path):
    add_model("silero-vad-v5", "--dtype", "fp32")
    model = pool.get_model("audio", "silero-vad-v5", {"priority_list": ["cpu"]})
    file = tmp_path / os.fsdecode(b"talk\xff.wav")
    assert "talk" in model(file)["error"]
    file.write_bytes(SPEECH.read_bytes())
    assert model(file)["output"] == model(SPEECH)["output"]
    assert _webpool._through_content(file) == file


def sheet(text):
    picture = PIL.Image.new("RGB", (640, 80), "white")
    font = PIL.ImageFont.truetype("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", 36)
    PIL.ImageDraw.Draw(picture).text((20, 15), text, fill="black", font=font)
    return picture


def test_a_picture_as_pil_numpy_bytes_and_path(pool, tmp_path):
    add_model("pp-ocr-v6")
    model = pool.get_model("vision", "pp-ocr-v6", {"priority_list": ["cpu"]})
    picture = sheet("browsers compute")
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    path = tmp_path / "sheet.png"
    path.write_bytes(encoded.getvalue())
    outputs = []
    for given in (picture, numpy.asarray(picture), encoded.getvalue(), path, str(path)):
        result = model(given)
        assert result["success"], result
        outputs.append(result["output"])
    assert outputs[0]["lines"][0]["text"] == "browsers compute"
    assert all(output == outputs[0] for output in outputs)
    assert model(numpy.zeros((4, 4, 2), "uint8"))["error_type"] == "invalid_input"
    for no_file, kind in ((tmp_path, "a folder"), ("/dev/zero", "a device")):
        refused = model(no_file)
        assert refused["error_type"] == "invalid_input" and kind in refused["error"]
        assert refused["recovery_suggestion"]


def test_sound_as_samples_and_path(pool):
    add_model("silero-vad-v5", "--dtype", "fp32")
    model = pool.get_model("audio", "silero-vad-v5", {"priority_list": ["cpu"]})
    with wave.open(str(SPEECH)) as file:
        assert file.getframerate() == 16000
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    samples = samples.astype("float32")
    by_path = model(SPEECH)
    assert by_path["success"] and by_path["output"]["speech"], by_path
    assert model(samples)["output"] == by_path["output"]
    assert model({"array": samples, "sampling_rate": 16000})["output"] == by_path["output"]
    # As data sets have it; where the samples came from does not matter.
    for path in ("elsewhere.flac", None):
        whole = {"path": path, "array": samples, "sampling_rate": 16000}
        assert model(whole)["output"] == by_path["output"]
    stereo = numpy.stack([2 * samples, 0 * samples])
    for same in (
        samples.astype("float64"),
        (samples * 2**15).astype("int16"),
        (samples * 2.0**31).astype("int32"),
        stereo,
        stereo.T,
        {"array": samples.tolist(), "sampling_rate": 16000.0},
    ):
        assert model(same)["output"] == by_path["output"]
    found = by_path["output"]["speech"]
    for coarse in (samples.astype("float16"), numpy.clip(samples * 128 + 128, 0, 255).astype("uint8")):
        assert len(model(coarse)["output"]["speech"]) == pytest.approx(len(found), abs=2)


def test_sound_of_another_rate_is_resampled(pool):
    add_model("silero-vad-v5", "--dtype", "fp32")
    model = pool.get_model("audio", "silero-vad-v5", {"priority_list": ["cpu"]})
    with wave.open(str(SPEECH)) as file:
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2")
    spans = model(SPEECH)["output"]["speech"]
    # Half the rate has lost what is above 4 kHz, the ends of words too.
    half = model({"array": samples[::2], "sampling_rate": 8000})["output"]["speech"]
    triple = model({"array": numpy.repeat(samples, 3), "sampling_rate": 48000})["output"]["speech"]
    for other in (half, triple):
        assert other[0]["start"] == pytest.approx(spans[0]["start"], abs=0.1)
        assert other[-1]["end"] == pytest.approx(spans[-1]["end"], abs=0.4)


def test_what_is_no_sound_is_told(pool):
    add_model("silero-vad-v5", "--dtype", "fp32")
    model = pool.get_model("audio", "silero-vad-v5", {"priority_list": ["cpu"]})
    silence = numpy.zeros(16000, "float32")
    for wrong, what in (
        (silence * numpy.nan, "no numbers"),
        (silence + numpy.inf, "no numbers"),
        (silence[:0], "without a sample"),
        (silence.astype("int64"), "INT64"),
        (numpy.zeros((20, 20), "float32"), r"[20, 20]"),
        ({"array": silence, "sampling_rate": 5}, "5 samples a second"),
    ):
        failed = model(wrong)
        assert failed["error_category"] == "invalid_input" and what in failed["error"], failed
        assert failed["recovery_suggestion"]
    for rate in (-5, 0, 1.5, "x", None):
        with pytest.raises(webpool.Error, match="sampling_rate") as raised:
            model({"array": silence, "sampling_rate": rate})
        assert raised.value.error_category == "invalid_input"
        assert raised.value.recovery_suggestion


def test_what_shines_through_is_on_white_however_a_picture_comes(pool):
    model = pool.get_model("vision", str(random_model("random-vit")), {"priority_list": ["cpu"]})
    pixels = numpy.zeros((40, 40, 4), "uint8")
    pixels[10:20, :, 0] = 200
    pixels[10:30, :, 3] = 128
    image = PIL.Image.fromarray(pixels, "RGBA")
    white = PIL.Image.new("RGBA", image.size, "white")
    flat = PIL.Image.alpha_composite(white, image).convert("RGB")
    wanted = model(flat)["output"]
    black = model(image.convert("RGB"))["output"]
    assert black != wanted, "the pictures differ"
    file = io.BytesIO()
    image.save(file, "PNG")
    for given in (file.getvalue(), image, PIL.Image.open(file), pixels):
        seen = model(given)["output"]
        assert [label["label"] for label in seen] == [label["label"] for label in wanted]
        assert [label["score"] for label in seen] == pytest.approx(
            [label["score"] for label in wanted], abs=1e-3
        )
    grey = image.convert("LA")
    palette = PIL.Image.new("P", (8, 8), 0)
    palette.putpalette([0, 0, 0, 255, 255, 255])
    palette.info["transparency"] = 0
    for given in (grey, palette):
        as_file = io.BytesIO()
        given.save(as_file, "PNG")
        assert model(given)["output"] == model(as_file.getvalue())["output"]


def test_tensors_as_arrays(pool):
    add_model("silero-vad-v5", "--dtype", "fp32")
    model = pool.get_model("text", "silero-vad-v5", {"priority_list": ["cpu"]})
    result = model(
        {
            "input": numpy.zeros((1, 576), "float32"),
            "state": numpy.zeros((2, 1, 128), "float32"),
            "sr": numpy.array(16000),
        }
    )
    assert result["success"], result
    assert result["tensors"]["output"].shape == (1, 1)
    assert result["tensors"]["stateN"].dtype == numpy.float32
    wrong = model({"input": numpy.zeros((1, 576), "float32")})
    assert wrong["error_type"] == "invalid_input"


def test_messages(pool):
    add_model("smollm2-135m")
    model = pool.get_model("text_generation", "smollm2-135m", {"priority_list": ["cpu"]})
    result = model([{"role": "user", "content": "What is the capital of France?"}])
    assert result["success"], result
    assert "Paris" in result["output"]["text"]


def test_a_context_of_so_many_tokens(pool):
    add_model("smollm2-135m")
    small = {"priority_list": ["cpu"], "context_length": 256}
    model = pool.get_model("text_generation", "smollm2-135m", small)
    failed = model("word " * 400)
    assert failed["error_category"] == "invalid_input", failed
    assert "larger context" in failed["recovery_suggestion"]
    assert failed["requested"]["context_length"] == 256
    for tokens, hint in ((100_000, "8192"), (-1, "tokens"), ("x", "tokens")):
        with pytest.raises(webpool.Error) as raised:
            pool.get_model("text_generation", "smollm2-135m", {"context_length": tokens})
        assert raised.value.error_category == "invalid_argument"
        assert hint in raised.value.recovery_suggestion


@pytest.mark.parametrize("dtype", "bool uint8 int8 int16 int32 int64 float16 float32 float64".split())
def test_arrays_come_back_as_they_went(dtype):
    array = numpy.arange(12).reshape(3, 4).astype(dtype)
    # Neither order in memory nor order of bytes matters.
    for given in (array, numpy.asfortranarray(array), array.astype(array.dtype.newbyteorder(">"))):
        back = _webpool._through_content(given)
        assert back.dtype == array.dtype and (back == array).all()
    named = _webpool._through_content({"x": array, "y": [1, 2]})
    assert (named["x"] == array).all() and named["y"].dtype == numpy.int64


def test_other_inputs_come_back_as_they_went():
    for given in ("text", ["a", "b"], b"bytes", pathlib.Path("/a path"), []):
        assert _webpool._through_content(given) == given
    assert _webpool._through_content(bytearray(b"ab")) == b"ab"
    assert _webpool._through_content([0.5, 1]).dtype == numpy.float32


def test_pictures_and_texts_together(pool):
    model = pool.get_model(
        "multimodal", str(random_model("random-clip")), {"priority_list": ["cpu"]}
    )
    white = PIL.Image.new("RGB", (40, 30), "white")
    one = model({"image": white, "text": "a cat"})
    assert one["weights"] == "random"
    assert numpy.shape(one["output"]["similarity"]) == (1, 1)
    several = model({"images": [white, numpy.zeros((8, 8), numpy.uint8)], "texts": ["a cat", "a dog"]})
    assert numpy.shape(several["output"]["similarity"]) == (2, 2)
    assert numpy.allclose(several["output"]["similarity"][0][0], one["output"]["similarity"][0][0], atol=1e-4)
    assert numpy.allclose(numpy.linalg.norm(several["output"]["image_embeds"], axis=1), 1, atol=1e-4)
    with pytest.raises(webpool.Error, match="a text is a str"):
        model({"image": white, "text": [1]})


def test_texts_get_labels_and_words(pool):
    cpu = {"priority_list": ["cpu"]}
    labels = pool.get_model("text", str(random_model("random-bert-classifier")), cpu)("a text")
    assert {entry["label"] for entry in labels["output"]} == {"negative", "neutral", "positive"}
    filler = pool.get_model("text", str(random_model("random-bert-fill-mask")), cpu)
    (words,) = filler("Paris is the [MASK] of France.")["output"]
    assert all(word["token_str"] in word["sequence"] for word in words)
    none = filler("no mask")
    assert not none["success"] and none["error_type"] == "invalid_input"
