#!/usr/bin/env python3
"""How far correct runtimes are from each other, by precision: the source of the tolerances in
src/pool/agreement.cpp and of the table in docs/benchmarks.md.

Makes weights of every precision from MiniLM's fp32 (precisions.py), runs each in
native ONNX Runtime and in browsers through `webpool run --task tensors`, and prints the largest
relative error |a - r| / |r| over the sentences, of the token states and of the mean-pooled vector.

  pip install -r tools/requirements.txt
  tools/measure-spread.py --fp32 all-minilm-l6-v2.onnx [--q4 onnx/model_q4.onnx] \\
      --webpool build/release/bin/webpool --work /tmp/spread \\
      chromium:wasm chromium:webgpu firefox:wasm firefox:webgpu webkit:wasm
"""
import argparse
import json
import logging
import os
import pathlib
import subprocess

import numpy as np
import onnxruntime

import precisions

REFERENCE = precisions.REFERENCE


def make_weights(fp32, q4, folder):
    """The file of each precision, made once; one that cannot be made is named and left out."""
    files = {}
    for dtype in precisions.MAKERS:
        try:
            files |= precisions.make_weights(fp32, folder, [dtype])
        except Exception as error:  # pylint: disable=broad-except
            print(f"{dtype}: could not be made: {type(error).__name__}: {error}")
    if q4:
        files["q4-published"] = pathlib.Path(q4)
    return files


def error_of(answer, reference):
    a, r = answer.astype(np.float64).ravel(), reference.astype(np.float64).ravel()
    return np.linalg.norm(a - r) / np.linalg.norm(r)


def pooled(states):
    mean = states.astype(np.float64)[0].mean(axis=0)
    return mean / np.linalg.norm(mean)


def worst(answers, references):
    """Over the sentences: of the token states, and of the vectors."""
    return (max(error_of(a, r) for a, r in zip(answers, references)),
            max(error_of(pooled(a), pooled(r)) for a, r in zip(answers, references)))


def inputs_of(ids):
    row = np.array([ids], np.int64)
    return {"input_ids": row, "attention_mask": np.ones_like(row),
            "token_type_ids": np.zeros_like(row)}


def native(path, sentences):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options,
                                           providers=["CPUExecutionProvider"])
    output = session.get_outputs()[0].name
    return output, [session.run([output], inputs_of(ids))[0] for ids in sentences]


def in_browser(options, path, output, where, sentences):
    """The token states, or the error that webpool ended with."""
    browser, backend = where.split(":")
    answers = []
    for ids in sentences:
        command = [options.webpool, "run", "--model", str(path), "--task", "tensors",
                   "--browser", browser, "--backend", backend, "--inputs", "-", "--json"]
        given = json.dumps({name: array.tolist() for name, array in inputs_of(ids).items()})
        environment = dict(os.environ, WEBPOOL_DATA_DIR=str(options.work / "data"),
                           WEBPOOL_CACHE_DIR=str(options.work / "cache"))
        done = subprocess.run(command, input=given, capture_output=True, text=True,
                              env=environment, check=False)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("webpool: ")]
            return said[0].removeprefix("webpool: ") if said else done.stderr.strip()[-200:]
        for tensor in json.loads(done.stdout)["outputs"]:
            if tensor["name"] == output:
                data = np.array(tensor["data"], np.float32)
                answers.append(data.reshape(tensor["shape"]))
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fp32", required=True, help="MiniLM's fp32 weights")
    parser.add_argument("--q4", help="the published q4 weights, with their data beside them")
    parser.add_argument("--webpool", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="a folder for weights")
    parser.add_argument("--dtypes", help="only these, by comma")
    parser.add_argument("--sentences", type=int, default=8, help="how many of the reference's")
    parser.add_argument("where", nargs="+", help="BROWSER:BACKEND")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.INFO)  # the quantizers name every node
    files = make_weights(options.fp32, options.q4, options.work)
    # By length: the shortest, the longest, and what lies evenly between.
    ids = sorted(json.loads(REFERENCE.read_text())["input_ids"], key=len)
    picks = np.linspace(0, len(ids) - 1, options.sentences).round().astype(int)
    sentences = [ids[i] for i in picks]
    print(f"{len(sentences)} sentences of {', '.join(str(len(s)) for s in sentences)} tokens; "
          f"native ONNX Runtime {onnxruntime.__version__}")
    _, fp32 = native(files["fp32"], sentences)
    print("| weights | runtime | off from native on the same weights: token states, vector "
          "| from native fp32: token states, vector |\n|---|---|---|---|")
    for dtype, path in files.items():
        if options.dtypes and dtype not in options.dtypes.split(","):
            continue
        try:
            output, same = native(path, sentences)
        except Exception as error:  # pylint: disable=broad-except
            print(f"| {dtype} | native | {type(error).__name__}: {str(error)[:200]} | |")
            continue
        print("| {} | native | – | {:.4f}, {:.4f} |".format(dtype, *worst(same, fp32)))
        for where in options.where:
            answers = in_browser(options, path, output, where, sentences)
            if isinstance(answers, str):
                print(f"| {dtype} | {where} | {answers} | |", flush=True)
                continue
            print("| {} | {} | {:.4f}, {:.4f} | {:.4f}, {:.4f} |".format(
                dtype, where, *worst(answers, same), *worst(answers, fp32)), flush=True)


if __name__ == "__main__":
    main()
