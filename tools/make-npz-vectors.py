#!/usr/bin/env python3
"""Writes tests/vectors/npz: archives made by NumPy and what they hold, for src/onnx/npz_test.cpp.

    python3 -m venv /tmp/vectors && /tmp/vectors/bin/pip install numpy==2.4.6
    /tmp/vectors/bin/python tools/make-npz-vectors.py          # write
    /tmp/vectors/bin/python tools/make-npz-vectors.py --check  # let NumPy read webpool's archives

webpool.npz and webpool-deflated.npz are the other direction: the unit test asserts that webpool
writes exactly those bytes, and --check asserts that numpy.load reads them as the values below.
"""

import io
import json
import pathlib
import sys
import zipfile

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "vectors" / "npz"

NAMES = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64",
    "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
    "float16": "FP16", "float32": "FP32", "float64": "FP64",
}

EVERY_TYPE = {
    "bool": np.array([True, False, True]),
    "uint8": np.array([0, 255], np.uint8),
    "uint16": np.array([[1], [65535]], np.uint16),
    "uint32": np.array([4294967295], np.uint32),
    "uint64": np.array([18446744073709551615, 9007199254740993], np.uint64),
    "int8": np.array([-128, 127], np.int8),
    "int16": np.array([-32768], np.int16),
    "int32": np.array([[-2147483648, 2147483647]], np.int32),
    "int64": np.array([-9223372036854775808, 9007199254740993], np.int64),
    "float16": np.array([1.5, -0.0, 65504, 6e-8, np.inf], np.float16),
    "float32": np.array([[1.0, 0.1, -3.4e38], [np.nan, np.inf, 1e-45]], np.float32),
    "float64": np.array([0.1, 1e308, -5e-324]),
}

SHAPES = {
    "scalar": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
    "deep": np.arange(24, dtype=np.int32).reshape(1, 2, 3, 4),
    "größe/α": np.arange(3, dtype=np.float32),
}

# What webpool writes in the unit test; keep both in step.
WEBPOOL = {
    "flags": np.array([True, False]),
    "ids": np.array([[1, -2, 9007199254740993]], np.int64),
    "values": np.array([[0.5, -1.25], [3.0, 1e-45]], np.float32),
    "scalar": np.array(2.5),
    "empty": np.zeros((2, 0), np.uint8),
}


def saved(save, **arrays):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def in_version(version, **arrays):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=version)
            info = zipfile.ZipInfo(name + ".npy")
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def described(arrays):
    return [
        {
            "name": name,
            "datatype": NAMES[array.dtype.name],
            "shape": list(array.shape),
            "hex": array.tobytes("C").hex(),
        }
        for name, array in arrays.items()
    ]


def write():
    FOLDER.mkdir(parents=True, exist_ok=True)
    fortran = {
        "two": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        "three": np.asfortranarray(np.arange(24, dtype=np.int16).reshape(2, 3, 4)),
    }
    long = {"ramp": np.repeat(np.arange(64, dtype=np.float32), 64).reshape(64, 64)}
    good = {
        "every-type": (saved(np.savez, **EVERY_TYPE), EVERY_TYPE),
        "every-type-compressed": (saved(np.savez_compressed, **EVERY_TYPE), EVERY_TYPE),
        "shapes": (saved(np.savez, **SHAPES), SHAPES),
        "fortran": (saved(np.savez, **fortran), fortran),
        "long-compressed": (saved(np.savez_compressed, **long), long),
        "version-2": (in_version((2, 0), **SHAPES), SHAPES),
        "version-3": (in_version((3, 0), **SHAPES), SHAPES),
    }
    record = np.zeros(2, np.dtype([("a", "<f4"), ("b", "<i4", (2,))]))
    refused = {
        "object": (np.array([1, "x", None], dtype=object), "Python objects"),
        "big-endian": (np.array([1, 2], ">i4"), "big-endian"),
        "strings": (np.array(["a", "bc"]), "strings"),
        "complex": (np.array([1j]), "a type that tensors don't have"),
        "record": (record, "records"),
        "date": (np.array(["2020-01-01"], "datetime64[D]"), "a type that tensors don't have"),
    }
    expected = {"numpy": np.__version__, "good": {}, "refused": {}}
    for name, (data, arrays) in good.items():
        (FOLDER / f"{name}.npz").write_bytes(data)
        expected["good"][f"{name}.npz"] = described(arrays)
    for name, (array, reason) in refused.items():
        (FOLDER / f"{name}.npz").write_bytes(saved(np.savez, x=array))
        expected["refused"][f"{name}.npz"] = reason
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (FOLDER / "expected.json").write_text(text + "\n", encoding="utf-8")


def check():
    for name in ("webpool.npz", "webpool-deflated.npz"):
        with np.load(FOLDER / name) as archive:
            assert archive.files == list(WEBPOOL), (name, archive.files)
            for key, array in WEBPOOL.items():
                got = archive[key]
                assert got.dtype == array.dtype and got.shape == array.shape, (name, key, got)
                assert got.tobytes() == array.tobytes(), (name, key, got)
        print(f"{name}: numpy {np.__version__} reads all {len(WEBPOOL)} arrays")


if __name__ == "__main__":
    check() if "--check" in sys.argv[1:] else write()
