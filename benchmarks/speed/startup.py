"""How long a user waits for the first numbers: a fresh process, with and without a kernel cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

SCRIPT = """
import sys, time
import torch
from gridhydro import simulate
from gridhydro.columns import column
device, hbv = sys.argv[1], column("hbv")
weather = torch.rand(3, 365, 100, device=device)
middle = {f.name: torch.full((100,), sum(f.bounds) / 2, device=device) for f in hbv.parameters}
simulate(hbv, weather, middle)[0]["runoff"].sum().item()
print(time.time())
leaves = {name: value.requires_grad_() for name, value in middle.items()}
simulate(hbv, weather, leaves)[0]["runoff"].sum().backward()
leaves["beta"].grad.sum().item()
print(time.time())
"""


def run(device: str) -> Iterator[dict]:
    """Seconds from process start to the first discharge, and to the first gradient after it."""
    with tempfile.TemporaryDirectory() as cache:
        for code in ("cold cache", "warm cache", "warm cache"):
            seconds = _seconds(device, cache)
            row = {"case": "start", "code": code, "size": "100 cells x 1 x 365 d"}
            for kind, value in zip(("forward", "adjoint"), seconds, strict=True):
                row[f"{kind}_best_s"] = row[f"{kind}_median_s"] = value
            yield row | {"note": "from process start, imports included, to the first result"}


def _seconds(device: str, cache: str) -> list[float]:
    # Triton keeps its compiled kernels in a folder of its own
    environment = os.environ | {"GRIDHYDRO_CACHE": cache, "TRITON_CACHE_DIR": f"{cache}/triton"}
    began = time.time()
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, device],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        raise SystemExit(f"a fresh process does not run the column:\n{result.stderr[-2000:]}")
    return [float(line) - began for line in result.stdout.split()]
