"""Work in a process of its own, so that its memory is its own, with the times of its parts."""

from __future__ import annotations

import gc
import os
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import torch

from benchmarks.machine import peak, reset_peak

GIGABYTE = 2**30


class Clock:
    """Seconds of the wall and of all threads' CPU, by part."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        for kind, now, began in (
            ("s", time.perf_counter(), wall),
            ("cpu", time.process_time(), cpu),
        ):
            name = f"{part}_{kind}"
            self.seconds[name] = self.seconds.get(name, 0.0) + now - began


class Watch(Clock):
    """As `Clock`, with the most memory (GB) that the process held in each part."""

    def __init__(self):
        super().__init__()
        self.peaks: dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        reset_peak("cpu")
        with super().__call__(part):
            yield
        self.peaks[part] = max(self.peaks.get(part, 0.0), peak("cpu") / GIGABYTE)


def apart(call: Callable[..., dict], *given, threads: int) -> dict:
    """What a function returns, called in a fresh process, with the most memory it had (GB)."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, call, given, threads).result()


def _measured(call, given, threads: int) -> dict:
    import numba

    torch.set_num_threads(threads)
    numba.set_num_threads(threads)
    found = call(*given)
    gc.collect()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return found | {"peak_gb": most / GIGABYTE, "others": busy()}


def busy() -> float:
    """How many processes wanted a core in the last minute, this one's among them."""
    return os.getloadavg()[0]
