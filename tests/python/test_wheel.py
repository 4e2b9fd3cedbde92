"""The wheel holds all that a program needs beside NumPy and a browser."""

import os
import subprocess
import sys
import zipfile

import pytest

from conftest import EMBEDDER, SOURCE, add_model, left_processes

PROGRAM = f"""
import pathlib, sys
import webpool, fixed_web_platform.resource_pool_bridge, ipfs_accelerate_py
print(webpool.__file__)
record = pathlib.Path(sys.argv[1])
with webpool.ResourcePoolBridgeIntegration(
    ephemeral=True, browsers=["chromium"], db_path=record
) as pool:
    model = pool.get_model("text_embedding", "{EMBEDDER}", {{"priority_list": ["cpu"]}})
    print(len(model("a sentence")["output"]))
print(record.exists())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    # With the flags of the dev build: the compiler cache has most of it.
    flags = ["build-dir=build/wheel-dev", "cmake.build-type=Debug"]
    flags += [f"cmake.define.WEBPOOL_{flag}=ON" for flag in ("OPTIMISE_DEBUG", "PRECOMPILED")]
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "-w", folder]
        # Debian's pip knows no -C.
        + [f"--config-settings={flag}" for flag in flags]
        + [SOURCE],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout[-5000:] + built.stderr[-5000:]
    (file,) = folder.glob("webpool-*.whl")
    return file


def test_it_is_typed_and_whole(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for package in ("webpool", "fixed_web_platform", "ipfs_accelerate_py"):
        assert f"{package}/__init__.py" in names
        assert f"{package}/py.typed" in names
    assert "webpool/_webpool.pyi" in names
    extensions = [name for name in names if name.endswith(".so")]
    assert sorted(name.split(".")[0] for name in extensions) == [
        "webpool/_webpool",
        "webpool/libduckdb",
    ]
    top = {name.split("/")[0] for name in names}
    assert top == {
        "webpool",
        "fixed_web_platform",
        "ipfs_accelerate_py",
        "webpool-0.1.0.dist-info",
    }


def test_it_runs_a_model_from_anywhere(wheel, tmp_path):
    add_model(EMBEDDER, "--dtype", "q4")
    site = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", site]
    subprocess.run([*command, wheel], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(site), "WEBPOOL_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path / "runs.duckdb"],
        capture_output=True,
        text=True,
        cwd="/",
        env=environment,
    )
    assert done.stdout == f"{site}/webpool/__init__.py\n384\nTrue\n", done.stderr
    assert left_processes(tmp_path) == []
