#!/usr/bin/env python3
"""Models of known architectures with random weights, in the Hugging Face layout: what tests run
where no trained weights are to be had. Each says so itself: "weights": "random" in webpool.json.

    tools/random-models.py --webpool build/dev/bin/webpool --out FOLDER [NAME…]

The tokenizer is MiniLM's (BERT's uncased words): a folder with tokenizer.json and
tokenizer_config.json, or --webpool PROGRAM, whose store has them.
The weights are the same on every machine: NumPy's RandomState(seed) is frozen.

    pip install tokenizers==0.22.1 -r tools/requirements.txt
    tools/random-models.py --tokenizer FOLDER --out FOLDER --reference

prints what native ONNX Runtime answers, with the Python tokenizer and Pillow:
tests/vectors/reference/random-models.json.
"""
import argparse
import hashlib
import json
import pathlib
import shutil

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from precisions import make_weights, stored_files

HIDDEN, LAYERS, HEADS, INNER, PATCH, SIDE = 64, 2, 4, 128, 16, 224
POSITIONS = 128
PROJECTION = 32


class Graph:
    """Nodes as they are written down, weights as they are needed."""

    def __init__(self, seed):
        self.draw = np.random.RandomState(seed)
        self.nodes, self.weights, self.count = [], [], 0

    def weight(self, *shape, scale=None):
        scale = scale if scale is not None else 1 / np.sqrt(shape[0])
        return self.constant((self.draw.standard_normal(shape) * scale).astype(np.float32))

    def constant(self, value):
        self.count += 1
        name = f"w{self.count}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def __call__(self, kind, *inputs, out=None, **attributes):
        self.count += 1
        out = out or f"v{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], f"n{self.count}", **attributes))
        return out

    def linear(self, x, width, to, out=None):
        return self("Add", self("MatMul", x, self.weight(width, to)), self.weight(to, scale=0.02), out=out)

    def norm(self, x):
        scale = self.constant(np.ones(HIDDEN, np.float32))
        return self("LayerNormalization", x, scale, self.weight(HIDDEN, scale=0.02), axis=-1, epsilon=1e-12)

    def gelu(self, x):
        inner = self("Erf", self("Mul", x, self.constant(np.float32(1 / np.sqrt(2)))))
        half = self("Mul", x, self.constant(np.float32(0.5)))
        return self("Mul", half, self("Add", inner, self.constant(np.float32(1))))

    def heads(self, x, order):
        shape = self.constant(np.array([0, -1, HEADS, HIDDEN // HEADS], np.int64))
        return self("Transpose", self("Reshape", x, shape), perm=order)

    def layer(self, x, bias):
        query = self.heads(self.linear(x, HIDDEN, HIDDEN), [0, 2, 1, 3])
        key = self.heads(self.linear(x, HIDDEN, HIDDEN), [0, 2, 3, 1])
        value = self.heads(self.linear(x, HIDDEN, HIDDEN), [0, 2, 1, 3])
        scores = self("Div", self("MatMul", query, key), self.constant(np.float32(np.sqrt(HIDDEN // HEADS))))
        if bias:
            scores = self("Add", scores, bias)
        mixed = self("MatMul", self("Softmax", scores, axis=-1), value)
        shape = self.constant(np.array([0, -1, HIDDEN], np.int64))
        joined = self("Reshape", self("Transpose", mixed, perm=[0, 2, 1, 3]), shape)
        x = self.norm(self("Add", x, self.linear(joined, HIDDEN, HIDDEN)))
        inner = self.gelu(self.linear(x, HIDDEN, INNER))
        return self.norm(self("Add", x, self.linear(inner, INNER, HIDDEN)))

    def model(self, inputs, outputs):
        graph = helper.make_graph(self.nodes, "random", inputs, outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
                                  producer_name="webpool random-models")
        onnx.checker.check_model(model)
        return model


def tensor(name, kind, *shape):
    return helper.make_tensor_value_info(name, kind, list(shape))


TEXT_INPUTS = [tensor(name, TensorProto.INT64, "batch", "tokens")
               for name in ("input_ids", "attention_mask", "token_type_ids")]


def text_states(graph, words):
    length = graph("Slice", graph("Shape", "input_ids"), graph.constant(np.array([1], np.int64)),
                   graph.constant(np.array([2], np.int64)))
    places = graph("Slice", graph.weight(POSITIONS, HIDDEN, scale=0.1), graph.constant(np.array([0], np.int64)),
                   length, graph.constant(np.array([0], np.int64)))
    x = graph("Add", graph("Gather", graph.weight(words, HIDDEN, scale=1), "input_ids"), places)
    x = graph.norm(graph("Add", x, graph("Gather", graph.weight(2, HIDDEN, scale=0.1), "token_type_ids")))
    mask = graph("Cast", "attention_mask", to=TensorProto.FLOAT)
    away = graph("Mul", graph("Sub", graph.constant(np.float32(1)), mask), graph.constant(np.float32(-10000)))
    bias = graph("Unsqueeze", away, graph.constant(np.array([1, 2], np.int64)))
    for _ in range(LAYERS):
        x = graph.layer(x, bias)
    return x


def picture_states(graph):
    patches = (SIDE // PATCH) ** 2
    weight = graph.weight(HIDDEN, 3, PATCH, PATCH, scale=1 / np.sqrt(3 * PATCH * PATCH))
    x = graph("Conv", "pixel_values", weight, kernel_shape=[PATCH, PATCH], strides=[PATCH, PATCH])
    x = graph("Transpose", graph("Reshape", x, graph.constant(np.array([0, HIDDEN, -1], np.int64))), perm=[0, 2, 1])
    count = graph("Slice", graph("Shape", "pixel_values"), graph.constant(np.array([0], np.int64)),
                  graph.constant(np.array([1], np.int64)))
    shape = graph("Concat", count, graph.constant(np.array([1, HIDDEN], np.int64)), axis=0)
    first = graph("Expand", graph.weight(1, 1, HIDDEN, scale=1), shape)
    x = graph("Add", graph("Concat", first, x, axis=1), graph.weight(1, patches + 1, HIDDEN, scale=0.1))
    for _ in range(LAYERS):
        x = graph.layer(x, None)
    return x


def first_of(graph, x):
    return graph("Gather", x, graph.constant(np.int64(0)), axis=1)


def classifier(words):
    graph = Graph(1)
    graph.linear(first_of(graph, text_states(graph, words)), HIDDEN, 3, out="logits")
    return {"model": graph.model(TEXT_INPUTS, [tensor("logits", TensorProto.FLOAT, "batch", 3)])}


def tokens(words):
    graph = Graph(2)
    graph.linear(text_states(graph, words), HIDDEN, 5, out="logits")
    return {"model": graph.model(TEXT_INPUTS, [tensor("logits", TensorProto.FLOAT, "batch", "tokens", 5)])}


def fill_mask(words):
    graph = Graph(3)
    graph.linear(text_states(graph, words), HIDDEN, words, out="logits")
    return {"model": graph.model(TEXT_INPUTS, [tensor("logits", TensorProto.FLOAT, "batch", "tokens", words)])}


def states(words):
    graph = Graph(4)
    graph("Identity", text_states(graph, words), out="last_hidden_state")
    return {"model": graph.model(TEXT_INPUTS, [tensor("last_hidden_state", TensorProto.FLOAT, "batch", "tokens", HIDDEN)])}


def vit(_):
    graph = Graph(5)
    graph.linear(first_of(graph, picture_states(graph)), HIDDEN, 10, out="logits")
    return {"model": graph.model([tensor("pixel_values", TensorProto.FLOAT, "batch", 3, SIDE, SIDE)],
                                 [tensor("logits", TensorProto.FLOAT, "batch", 10)])}


def clip(words):
    text = Graph(6)
    text("MatMul", first_of(text, text_states(text, words)), text.weight(HIDDEN, PROJECTION), out="text_embeds")
    picture = Graph(7)
    picture("MatMul", first_of(picture, picture_states(picture)), picture.weight(HIDDEN, PROJECTION), out="image_embeds")
    return {"text_model": text.model(TEXT_INPUTS, [tensor("text_embeds", TensorProto.FLOAT, "batch", PROJECTION)]),
            "vision_model": picture.model([tensor("pixel_values", TensorProto.FLOAT, "batch", 3, SIDE, SIDE)],
                                          [tensor("image_embeds", TensorProto.FLOAT, "batch", PROJECTION)])}


LABELS = ["negative", "neutral", "positive"]
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
VIT_PICTURE = {"do_resize": True, "size": {"height": SIDE, "width": SIDE}, "resample": 2, "do_rescale": True,
               "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
CLIP_PICTURE = {"do_resize": True, "size": {"shortest_edge": SIDE}, "resample": 3, "do_center_crop": True,
                "crop_size": {"height": SIDE, "width": SIDE}, "do_rescale": True, "do_normalize": True,
                "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}


def bert_config(architecture, labels=None):
    config = {"architectures": [architecture], "model_type": "bert", "hidden_size": HIDDEN,
              "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "max_position_embeddings": POSITIONS}
    if labels:
        config["id2label"] = {str(i): label for i, label in enumerate(labels)}
    return config


MODELS = {  # name: (maker, config, of text, preprocessor)
    "random-bert-classifier": (classifier, bert_config("BertForSequenceClassification", LABELS), True, None),
    "random-bert-tokens": (tokens, bert_config("BertForTokenClassification", TAGS), True, None),
    "random-bert-fill-mask": (fill_mask, bert_config("BertForMaskedLM"), True, None),
    "random-bert-states": (states, bert_config("BertModel"), True, None),
    "random-vit": (vit, {"architectures": ["ViTForImageClassification"], "model_type": "vit",
                         "id2label": {str(i): f"thing {i}" for i in range(10)}}, False, VIT_PICTURE),
    "random-clip": (clip, {"architectures": ["CLIPModel"], "model_type": "clip",
                           "max_position_embeddings": POSITIONS}, True, CLIP_PICTURE),
}


def write(name, out, tokenizer):
    make, config, of_text, preprocessor = MODELS[name]
    folder = out / name
    # Made by this very program: nothing to do.
    stamp, program = out / f".{name}.made-by", hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == program:
        return
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    words = max(json.loads((tokenizer / "tokenizer.json").read_text())["model"]["vocab"].values()) + 1
    for graph, model in make(words).items():
        path = folder / "onnx" / f"{graph}.onnx"
        onnx.save(model, path)
        if name == "random-vit":
            make_weights(path, path.parent, ["q4f16"])
    (folder / "config.json").write_text(json.dumps(config))
    if of_text:
        shutil.copyfile(tokenizer / "tokenizer.json", folder / "tokenizer.json")
        settings = json.loads((tokenizer / "tokenizer_config.json").read_text())
        settings["model_max_length"] = POSITIONS
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    if preprocessor:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    (folder / "webpool.json").write_text(json.dumps({"weights": "random"}))
    stamp.write_text(program)


TEXTS = ["Ada Lovelace lived in London, where Charles Babbage showed her his engine.",
         "Él vive en Zürich — 東京 is far away, isn't it? 😀 ok",
         "word " * 300]
MASKED = ["Paris is the [MASK] of France.", "The [MASK] sat on the [MASK]."]


def picture(width, height):
    """Something with edges, slopes and noise; the C++ test draws the same."""
    y, x = np.mgrid[0:height, 0:width]
    red = (x * 5 + y * 3) % 256
    green = np.where((x // 16 + y // 16) % 2 == 0, 220, 30)
    blue = (x * x + 7 * y) % 256
    return np.stack([red, green, blue], -1).astype(np.uint8)


PICTURES = [(300, 200), (64, 480)]


def reference(out):
    import onnxruntime
    from PIL import Image
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(out / "random-bert-states" / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(POSITIONS)
    run = lambda name, feeds, graph="model": onnxruntime.InferenceSession(
        out / name / "onnx" / f"{graph}.onnx", providers=["CPUExecutionProvider"]).run(None, feeds)[0]

    def feeds(encoding):
        row = lambda values: np.array([values], np.int64)
        return {"input_ids": row(encoding.ids), "attention_mask": row(encoding.attention_mask),
                "token_type_ids": row(encoding.type_ids)}

    def softmax(x):
        x = np.exp(x - x.max(-1, keepdims=True))
        return x / x.sum(-1, keepdims=True)

    def planes(pixels, how):
        image = Image.fromarray(pixels)
        if "height" in how["size"]:
            image = image.resize((SIDE, SIDE), how["resample"])
        else:
            shorter, longer = sorted(image.size)
            long = int(SIDE * longer / shorter)
            image = image.resize((SIDE, long) if image.size[0] < image.size[1] else (long, SIDE), how["resample"])
            left, top = (image.size[0] - SIDE) // 2, (image.size[1] - SIDE) // 2
            image = image.crop((left, top, left + SIDE, top + SIDE))
        x = np.asarray(image, np.float32) / 255
        x = (x - np.array(how["image_mean"], np.float32)) / np.array(how["image_std"], np.float32)
        return {"pixel_values": x.transpose(2, 0, 1)[None]}

    floats = lambda array: [round(float(x), 6) for x in np.asarray(array).reshape(-1)]
    result = {"made_by": "tools/random-models.py", "texts": [], "masked": [], "pictures": [], "clip_texts": []}
    for text in TEXTS:
        encoding = tokenizer.encode(text)
        special = encoding.special_tokens_mask
        labelled = run("random-bert-tokens", feeds(encoding))[0]
        shares = softmax(labelled)
        states_of = run("random-bert-states", feeds(encoding))[0]
        result["texts"].append({
            "text": text,
            "scores": floats(softmax(run("random-bert-classifier", feeds(encoding))[0])),
            "tokens": [{"token": token, "label": TAGS[int(row.argmax())], "score": round(float(row.max()), 6),
                        "start": start, "end": end}
                       for token, (start, end), row, skip in zip(encoding.tokens, encoding.offsets, shares, special) if not skip],
            "first_states": floats(states_of[:2]), "token_count": len(encoding.ids)})
    mask = tokenizer.token_to_id("[MASK]")
    for text in MASKED:
        encoding = tokenizer.encode(text)
        shares = softmax(run("random-bert-fill-mask", feeds(encoding))[0])
        best = []
        for i, token in enumerate(encoding.ids):
            if token == mask:
                ids = np.argsort(-shares[i], kind="stable")[:5]
                best.append([{"token": int(t), "score": round(float(shares[i][t]), 8)} for t in ids])
        result["masked"].append({"text": text, "masks": best})
    for width, height in PICTURES:
        pixels = picture(width, height)
        result["pictures"].append({
            "width": width, "height": height,
            "scores": floats(softmax(run("random-vit", planes(pixels, VIT_PICTURE))[0])),
            "image_embeds": floats(run("random-clip", planes(pixels, CLIP_PICTURE), "vision_model")[0])})
    for text in TEXTS[:2]:
        result["clip_texts"].append(floats(run("random-clip", feeds(tokenizer.encode(text)), "text_model")[0]))
    print(json.dumps(result, ensure_ascii=False))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=pathlib.Path, help="a folder that has it")
    parser.add_argument("--webpool", help="the program whose store has it")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.webpool:
        options.tokenizer = options.out / "tokenizer"
        options.tokenizer.mkdir(parents=True, exist_ok=True)
        for path, stored in stored_files(options.webpool, "q4").items():
            if path.startswith("tokenizer"):
                shutil.copyfile(stored, options.tokenizer / path)
    elif not options.tokenizer:
        parser.error("one of --tokenizer and --webpool is needed")
    for name in options.names or MODELS:
        write(name, options.out, options.tokenizer)
    if options.reference:
        reference(options.out)


if __name__ == "__main__":
    main()
