"""The machine that the numbers belong to: what it is, and how fast it copies memory."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import torch

from gridhydro.base.memory import give_back

PACKAGES = (
    "gridhydro", "torch", "triton", "numba", "numpy", "hydrodl2", "jfuse", "jax", "hydro-smash",
    "earthkit-hydro", "diffroute",
)  # fmt: skip


def describe(device: str) -> dict[str, str]:
    """Processor, memory, versions: the header of every result."""
    lines = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": f"{_first('/proc/cpuinfo', 'model name', platform.processor())}, "
        f"{len(os.sched_getaffinity(0))} cores, torch uses {torch.get_num_threads()} threads",
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal', '0').split()[0]) / 2**20:.0f} GiB",
        "load": f"{os.getloadavg()[0]:.1f} other processes wanted a core in the last minute",
        "python": platform.python_version(),
    }
    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        lines["gpu"] = f"{card.name}, {card.total_memory / 2**30:.0f} GiB"
    return lines | {name: _version(name) for name in PACKAGES}


def copy_bandwidth(device: str, mebibytes: int | None = None, repeats: int = 9) -> float:
    """Bytes per second read and written by the best of several copies of a large tensor."""
    mebibytes = mebibytes or (4096 if device == "cuda" else 256)
    source = torch.ones(mebibytes * 2**18, device=device)
    target = torch.empty_like(source)
    seconds = [timed(lambda: target.copy_(source), device)[0] for _ in range(repeats)]
    return 2 * source.nbytes / min(seconds)


def timed(
    call: Callable, device: str, clock: Callable[[], float] = perf_counter
) -> tuple[float, float]:
    """Seconds that a call takes, and the most bytes it held beyond those held before."""
    held = reset_peak(device)
    start = clock()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = clock() - start
    return seconds, peak(device) - held


def reset_peak(device: str) -> float:
    """Bytes that are held, from which on `peak` counts."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    try:
        # memory that the allocator has kept from earlier calls would hide what this one takes
        give_back()
        Path("/proc/self/clear_refs").write_text("5")
        return 1024 * float(_first("/proc/self/status", "VmRSS", "nan").split()[0])
    except OSError:
        return float("nan")


def peak(device: str) -> float:
    """The most bytes that were held since `reset_peak`."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return 1024 * float(_first("/proc/self/status", "VmHWM", "nan").split()[0])


def _first(path: str, key: str, otherwise: str) -> str:
    if Path(path).exists():
        for line in Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return otherwise


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
