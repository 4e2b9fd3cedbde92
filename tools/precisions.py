#!/usr/bin/env python3
"""A model's weights in other precisions, made from its fp32 with ONNX Runtime's own tools.

  pip install -r tools/requirements.txt
  tools/precisions.py --webpool build/release/bin/webpool --out /tmp/minilm --dtypes fp16

writes a model folder that `webpool models add` takes: MiniLM's tokenizer and fp32 weights as the
catalogue has them, the weights that were asked for, and golden.json: what native ONNX Runtime
answers with the fp32 weights, which every precision is then held against.
"""
import argparse
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers import float16

ROOT = pathlib.Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "src/store/catalogue/all-minilm-l6-v2.json"
REFERENCE = ROOT / "tests/vectors/reference/minilm.json"
SUFFIXES = {"fp32": "", "fp16": "_fp16", "q8": "_quantized", "int8": "_int8", "uint8": "_uint8",
            "q4": "_q4", "q4f16": "_q4f16", "bnb4": "_bnb4"}


def half(model):
    return float16.convert_float_to_float16(model, keep_io_types=True)


def four_bits(model):
    quantizer = MatMulNBitsQuantizer(model, block_size=32, is_symmetric=True)
    quantizer.process()
    return quantizer.model.model


def nf4(model):
    quantizer = MatMulBnb4Quantizer(model, MatMulBnb4Quantizer.NF4, 64)
    quantizer.process()
    return quantizer.model.model


MAKERS = {
    "fp32": shutil.copyfile,
    "fp16": lambda fp32, path: onnx.save(half(onnx.load(fp32)), path),
    "q8": lambda fp32, path: quantize_dynamic(fp32, path, weight_type=QuantType.QUInt8),
    "int8": lambda fp32, path: quantize_dynamic(fp32, path, weight_type=QuantType.QInt8,
                                                per_channel=True),
    "uint8": lambda fp32, path: quantize_dynamic(fp32, path, weight_type=QuantType.QUInt8,
                                                 per_channel=True),
    "q4": lambda fp32, path: onnx.save(four_bits(onnx.load(fp32)), path),
    "q4f16": lambda fp32, path: onnx.save(half(four_bits(onnx.load(fp32))), path),
    "bnb4": lambda fp32, path: onnx.save(nf4(onnx.load(fp32)), path),
}


def make_weights(fp32, folder, dtypes=tuple(MAKERS)):
    """The file of each dtype, made once: written beside its place and renamed, so that what is
    there is whole. A dtype whose maker fails raises its error."""
    files = {}
    for dtype in dtypes:
        path = folder / f"model{SUFFIXES[dtype]}.onnx"
        if not path.exists():
            unfinished = folder / f".{path.name}.part"
            MAKERS[dtype](fp32, unfinished)
            unfinished.rename(path)
        files[dtype] = path
    return files


def stored_files(webpool, dtype="fp32"):
    """Where the content store keeps MiniLM's files (docs/store.md): path in the model -> file."""
    subprocess.run([webpool, "models", "add", "all-minilm-l6-v2", "--dtype", dtype, "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    data = os.environ.get("WEBPOOL_DATA_DIR")
    if not data:
        home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
        data = os.path.join(home, "webpool")
    files = json.loads(CATALOGUE.read_text())["files"]
    return {file["path"]: pathlib.Path(data) / "store/files" / file["sha256"]
            for file in files if file.get("dtype", dtype) == dtype}


def golden_answers(sentences=(0, 10)):
    """A short and a longer sentence with the vectors of native ONNX Runtime, as a golden file."""
    reference = json.loads(REFERENCE.read_text())
    answers = []
    for i in sentences:
        vector = np.frombuffer(base64.b64decode(reference["fp32"][i]), "<f4")
        answers.append({
            "inputs": [{"name": "text", "shape": [1], "datatype": "BYTES",
                        "data": [reference["sentences"][i]]}],
            "outputs": [{"name": "embedding", "shape": [1, len(vector)], "datatype": "FP32",
                         "data": [float(x) for x in vector]}]})
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--webpool", required=True, help="the program that fetches the model")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the model's folder")
    parser.add_argument("--dtypes", default="fp16", help="by comma; fp32 always comes along")
    options = parser.parse_args()
    dtypes = [dtype for dtype in options.dtypes.split(",") if dtype != "fp32"]
    unknown = [dtype for dtype in dtypes if dtype not in MAKERS]
    if unknown:
        sys.exit(f"unknown dtype {unknown[0]}: one of {', '.join(MAKERS)}")
    (options.out / "onnx").mkdir(parents=True, exist_ok=True)
    files = stored_files(options.webpool)
    for path, stored in files.items():
        if not path.startswith("onnx/"):
            shutil.copyfile(stored, options.out / path)
    make_weights(files["onnx/model.onnx"], options.out / "onnx", ["fp32", *dtypes])
    (options.out / "golden.json").write_text(json.dumps(golden_answers()))


if __name__ == "__main__":
    main()
