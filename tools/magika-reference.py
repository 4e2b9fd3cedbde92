#!/usr/bin/env python3
"""What the PyPI package magika (1.0.3) itself says of some contents: tests/vectors/reference/magika.json.

    pip install magika==1.0.3
    tools/magika-reference.py > tests/vectors/reference/magika.json
"""

import base64
import gzip
import json
import random
import struct
import zlib

from magika import Magika


def png():
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((x * y) % 256 for x in range(3 * 16)) for y in range(16))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def contents():
    yield "empty", b""
    yield "few bytes", b"ab"
    yield "few bytes, not text", b"\xff\xfe"
    yield "blanks", b" \n\t" * 40
    yield "blanks around a word", b" " * 20 + b"word" + b"\n" * 20
    yield "python", b"import os\n\nfor name in os.listdir('.'):\n    print(name.upper())\n"
    yield "c++", b"#include <vector>\n\nint main() {\n  std::vector<int> v{1, 2};\n  return v.size();\n}\n"
    yield "json", json.dumps({"names": ["a", "b"], "count": 2, "nested": {"yes": True}}, indent=2).encode()
    yield "csv", b"id,name,price\n" + b"".join(b"%d,thing %d,%d.5\n" % (i, i, i) for i in range(20))
    yield "html", b"<!DOCTYPE html>\n<html><head><title>x</title></head><body><p>Hello</p></body></html>\n"
    yield "markdown", b"# Title\n\nSome *words* and a [link](x).\n\n- one\n- two\n"
    yield "prose", b"The quick brown fox jumps over the lazy dog, and then it goes home again.\n"
    yield "png", png()
    yield "gzip", gzip.compress(b"some text " * 50, mtime=0)
    yield "shell", b"#!/bin/sh\nset -e\nfor f in *.txt; do\n  echo \"$f\"\ndone\n"
    draw = random.Random(1)
    yield "random bytes", bytes(draw.randrange(256) for _ in range(5000))
    yield "random letters", bytes(draw.choice(b"abcdefghij klmnop\n") for _ in range(3000))
    yield "long python", b"def f(x):\n    return x + 1\n\n\n" * 1000
    yield "latin-1 text", "Füße und Größe, überall Ärger.".encode("latin-1") * 4


def main():
    magika = Magika()
    files = []
    for name, content in contents():
        result = magika.identify_bytes(content)
        files.append(
            {
                "name": name,
                "content": base64.b64encode(content).decode(),
                "label": str(result.output.label),
                "model_said": None if str(result.dl.label) == "undefined" else str(result.dl.label),
                "score": round(float(result.score), 5),
            }
        )
    print(json.dumps({"made_by": "tools/magika-reference.py", "files": files}, indent=2))


if __name__ == "__main__":
    main()
