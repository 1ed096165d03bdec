"""The tests that need a GPU, in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks.gpu.place import Place

ROOT = Path(__file__).parents[2]
LOG = "pytest.log"
# how a test says that it needs a GPU
MARK = "mark.gpu"
# in miniature all of them are skipped, which one file is enough to show
FEW = "tests/kernels/test_column_backends.py"
# these take the GPU where there is one
MORE = ("tests/kernels/test_column_launch.py",)


def run(place: Place) -> Iterator[dict]:
    """What pytest says at the end; all else is in pytest.log."""
    if find_spec("pytest") is None:
        yield dict(case="pytest -m gpu", note="not run: pytest is not installed")
        return
    (place.folder / LOG).unlink(missing_ok=True)
    # no others are read: they may import what is not installed
    files = [str(path) for path in (ROOT / "tests").rglob("test_*.py") if MARK in path.read_text()]
    runs = {"pytest -m gpu": ["-m", "gpu", *([FEW] if place.small else sorted(files))]}
    if not place.small:
        runs["pytest " + " ".join(MORE)] = list(MORE)
    for case, arguments in runs.items():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        with open(place.folder / LOG, "a") as file:
            file.write(f"{case}\n{done.stdout}{done.stderr}\n")
        said = [line for line in done.stdout.splitlines() if line.strip()]
        yield dict(case=case, right=done.returncode == 0, note=said[-1] if said else "no output")
