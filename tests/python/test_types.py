"""The packages are typed: mypy finds nothing, and the stubs are what the module has."""

import os
import subprocess
import sys

from conftest import BUILD, SOURCE


def run(*command):
    return subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        cwd=SOURCE,
        env={**os.environ, "MYPYPATH": str(BUILD / "python"), "MYPY_CACHE_DIR": os.devnull},
    )


def test_mypy():
    done = run("mypy")
    assert done.returncode == 0, done.stdout


def test_stubs_are_the_module():
    done = run("mypy.stubtest", "webpool._webpool", "--allowlist", "tests/python/stubs-allowlist.txt")
    assert done.returncode == 0, done.stdout
