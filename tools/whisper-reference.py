#!/usr/bin/env python3
"""What native ONNX Runtime makes of a Whisper model: the reference that browsers are compared with.

    build/tools/python/bin/python tools/whisper-reference.py FOLDER --dtype q8 a.wav b.wav
        the words of sounds (WAV, 16 kHz, one channel, up to 30 s), as JSON
    build/tools/python/bin/python tools/whisper-reference.py FOLDER --dtype q8 --golden
        the golden answer of src/store/catalogue/whisper-tiny.json for that dtype

FOLDER is in the Hugging Face layout: onnx/encoder_model*.onnx, generation_config.json, vocab.json.
The decoding is Whisper's own, greedy, with timestamps; it is written anew here, so that the page's
and this one check each other.
"""

import argparse
import json
import sys
import wave
from pathlib import Path

import numpy as np
import onnxruntime as ort

RATE, LENGTH, STEP, FRAMES = 16_000, 400, 160, 3_000
SUFFIX = {"fp32": "", "q8": "_quantized", "fp16": "_fp16", "int8": "_int8", "q4": "_q4"}


def slaney_filters(bands=80):
    def to_mel(hz):
        return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1) / 1000) / np.log(6.4))

    def to_hz(mel):
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))

    edges = to_hz(np.linspace(to_mel(np.float64(0)), to_mel(np.float64(RATE / 2)), bands + 2))
    bins = np.linspace(0, RATE / 2, LENGTH // 2 + 1)
    rising = (bins[None] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins[None]) / np.diff(edges)[1:, None]
    weights = np.maximum(0, np.minimum(rising, falling))
    return weights * (2 / (edges[2:] - edges[:-2]))[:, None]


def log_mel(samples):
    window = np.zeros(30 * RATE)
    window[: len(samples)] = samples[: 30 * RATE]
    padded = np.pad(window, LENGTH // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, LENGTH)[::STEP][:FRAMES]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(LENGTH) / LENGTH)
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    levels = np.log10(np.maximum(slaney_filters() @ power.T, 1e-10))
    return ((np.maximum(levels, levels.max() - 8) + 4) / 4).astype(np.float32)[None]


def tone():
    """The sample of the task: a second of a rising tone (src/pool/task.cpp)."""
    at = np.arange(RATE) / RATE
    return 0.3 * np.sin(2 * np.pi * (150 + 400 * at) * at) * np.sin(12 * at)


def read_wav(path):
    with wave.open(str(path)) as sound:
        if (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) != (RATE, 1, 2):
            sys.exit(f"{path} is not 16 kHz, one channel, 16 bit")
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16) / 32768


class Whisper:
    def __init__(self, folder, dtype):
        options = ort.SessionOptions()
        options.log_severity_level = 3
        open_graph = lambda name: ort.InferenceSession(
            str(folder / "onnx" / f"{name}{SUFFIX[dtype]}.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.encoder, self.decoder = open_graph("encoder_model"), open_graph("decoder_model_merged")
        self.config = json.loads((folder / "generation_config.json").read_text())
        vocabulary = json.loads((folder / "vocab.json").read_text())
        self.words = {id: token for token, id in vocabulary.items() if not token.startswith("<|")}

    def text(self, tokens):
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in printable]
        of = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
        return bytes(of[c] for t in tokens for c in self.words.get(t, "")).decode(errors="replace").strip()

    def begin(self, features, tokens):
        self.states = self.encoder.run(["last_hidden_state"], {"input_features": features})[0]
        self.cache = {}
        for port in self.decoder.get_inputs():
            if port.name.startswith("past_key_values."):
                shape = [size if isinstance(size, int) else (0 if axis else 1) for axis, size in enumerate(port.shape)]
                self.cache[port.name.removeprefix("past_key_values.")] = np.zeros(shape, np.float32)
        return self.step(tokens, False)

    def step(self, tokens, cached=True):
        feeds = {f"past_key_values.{name}": value for name, value in self.cache.items()}
        feeds |= {
            "input_ids": np.array([tokens], np.int64),
            "encoder_hidden_states": self.states,
            "use_cache_branch": np.array([cached]),
        }
        renewed = [name for name in self.cache if not cached or "encoder" not in name]
        logits, *new = self.decoder.run(["logits", *(f"present.{name}" for name in renewed)], feeds)
        self.cache |= dict(zip(renewed, new))
        return logits[0]

    def languages(self):
        return [id for _, id in sorted((mark[2:-2], id) for mark, id in self.config["lang_to_id"].items())]

    def transcribe(self, samples):
        config = self.config
        logits = self.begin(log_mel(samples), [config["decoder_start_token_id"]])[-1]
        languages = self.languages()
        language = languages[int(np.argmax(logits[languages]))]
        for token in (language, config["task_to_id"]["transcribe"]):
            logits = self.step([token])[-1]
        end, first = config["eos_token_id"], config["no_timestamps_token_id"] + 1
        said = []
        while len(said) < 224:
            allowed = logits.astype(np.float64).copy()
            allowed[config["suppress_tokens"]] = -np.inf
            allowed[first - 1] = -np.inf
            if not said:
                allowed[:first] = -np.inf
                allowed[first + config["max_initial_timestamp_index"] + 1 :] = -np.inf
            else:
                time = [token >= first for token in said]
                whole = len(said) < 2 or time[-2]
                if time[-1]:
                    allowed[first:] = -np.inf if whole else allowed[first:]
                    allowed[:end] = allowed[:end] if whole else -np.inf
                latest = max(token for token in said if token >= first)
                allowed[first : latest if time[-1] and not whole else latest + 1] = -np.inf
                if np.logaddexp.reduce(allowed[first:]) > allowed[:first].max():
                    allowed[:first] = -np.inf
            token = int(np.argmax(allowed))
            if token == end:
                break
            said.append(token)
            logits = self.step([token])[-1]
        return said


def golden(whisper):
    """Languages, and how likely a few words are: both graphs, with the cache and without."""
    config = whisper.config
    forced = [config["no_timestamps_token_id"] + 1, 220, 50, 1029, 11, 293, 370, 452, 3277]
    logits = whisper.begin(log_mel(tone()), [config["decoder_start_token_id"]])[-1]
    normal = lambda values: values - np.logaddexp.reduce(values.astype(np.float64))
    languages = normal(logits[whisper.languages()])
    best = whisper.languages()[int(np.argmax(languages))]
    for token in (best, config["task_to_id"]["transcribe"]):
        logits = whisper.step([token])[-1]
    logprobs = []
    for token in forced:
        logprobs.append(normal(logits)[token])
        logits = whisper.step([token])[-1]
    tensor = lambda name, values: {
        "name": name,
        "datatype": "FP32",
        "shape": [len(values)],
        "data": [round(float(value), 4) for value in values],
    }
    return {
        "task": "automatic-speech-recognition",
        "inputs": "sample",
        "parameters": {"force": forced},
        "outputs": [tensor("languages", languages), tensor("logprobs", logprobs)],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dtype", choices=SUFFIX, default="fp32")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("sounds", nargs="*", type=Path)
    arguments = parser.parse_intermixed_args()
    whisper = Whisper(arguments.folder, arguments.dtype)
    if arguments.golden:
        print(json.dumps({arguments.dtype: golden(whisper)}))
    else:
        texts = {path.name: whisper.text(whisper.transcribe(read_wav(path))) for path in arguments.sounds}
        print(json.dumps(texts, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
