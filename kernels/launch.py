"""Block sizes and launch settings: the only place for them."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, wraps
from itertools import pairwise
from threading import local
from typing import TypeVar, cast

import torch

Call = TypeVar("Call", bound=Callable)

# lanes of one CPU block: four 512-bit or eight 256-bit vectors of float32
LANES = 64
# days that a CPU block asks for memory ahead of use, and between the states it stores: with both,
# forward + adjoint runs 2.5 times as fast as plain streaming of every day's states
AHEAD = 3
SEGMENT = 32
# bytes of solved states up to which reading them back beats solving again by a fifth or more
SOLVED_BYTES = 2**30

# on the GPU the gradient of a network inside the step is made, in torch, of what the kernel hands
# out: about so many days and lanes at a time, which bounds its memory, but never few days
NETWORK_ROWS = 2**21
NETWORK_DAYS = 8

# Linux: the size of a huge page, and the advice to use them
HUGE_PAGE, MADV_HUGEPAGE = 2 * 2**20, 14

# routing on the CPU: cells side by side, a 512-bit vector of float32 (with more, narrow levels
# leave lanes idle); cells of a bundle and sub-steps of a tile: with smaller bundles more lanes
# are idle, with larger ones what a core works on leaves its caches; and into how many bundles a
# network of more than the fewest cells is cut at least, for cores to share
ROUTE_LANES = 16
ROUTE_BUNDLE, ROUTE_BUNDLE_LEAST, ROUTE_BUNDLES = 6000, 300, 10
# spans of days that a bundle is taken through, for each thread, and the cells x days of one at the
# least: the more spans, the sooner a bundle follows the one above it; to begin one takes as long as
# some hundred cell-days
ROUTE_SPANS, ROUTE_SPAN_LEAST = 3, 20_000
ROUTE_TILE = 128
# routing on the GPU: cells of one program, and the cost of a launch in sub-steps
ROUTE_BLOCK = 128
ROUTE_LAUNCH_COST = 4
# and bytes of what the adjoint keeps of a segment of the period, which it runs forward once more
ROUTE_SEGMENT = 2**28


class _Held(local):
    """The threads that torch had in a thread of ours before `one_thread`."""

    count: int | None = None


_held = _Held()


def threads() -> int:
    """The threads that kernels may take: torch's, also while its own operations have one."""
    return max(1, _held.count or torch.get_num_threads())


@contextmanager
def one_thread():
    """Operations of torch that are called in here have one thread.

    They are short beside kernels, and the threads that shared them would go on to wait for the next
    one, for milliseconds and at work, on the cores that kernels run on.
    """
    if _held.count is not None or torch.get_num_threads() == 1:
        yield
        return
    _held.count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(_held.count)
        _held.count = None


def undisturbed(function: Call) -> Call:
    """The function, with one thread for its operations of torch; a trace sees it as it is."""

    @wraps(function)
    def run(*arguments, **options):
        if torch.compiler.is_compiling():
            return function(*arguments, **options)
        with one_thread():
            return function(*arguments, **options)

    return cast(Call, run)


@lru_cache
def pool(threads: int) -> ThreadPoolExecutor:
    """Worker threads for kernels that have let go of the interpreter lock.

    Dry stores decay into denormal numbers, which slow some processors down a hundredfold: the
    workers flush them to zero, the caller's own thread is left as it is.
    """
    return ThreadPoolExecutor(
        threads, "gridhydro", initializer=torch.set_flush_denormal, initargs=(True,)
    )


if hasattr(os, "register_at_fork"):
    # threads do not survive a fork: a child (of multiprocessing, of a data loader) makes its own
    os.register_at_fork(after_in_child=pool.cache_clear)


@cache
def _madvise():
    """The C library's madvise, where there is one."""
    try:
        return ctypes.CDLL(None, use_errno=True).madvise
    except (AttributeError, OSError):
        return None


def large(tensor: torch.Tensor) -> torch.Tensor:
    """The same new CPU tensor, on huge pages if it is large: touching small ones takes as long as
    computing what is written to them. Only advice: where the system has none, nothing changes.
    """
    first = -(-tensor.data_ptr() // HUGE_PAGE) * HUGE_PAGE
    size = tensor.data_ptr() + tensor.nbytes - first
    if size >= HUGE_PAGE and _madvise() is not None:
        _madvise()(ctypes.c_void_p(first), ctypes.c_size_t(size), MADV_HUGEPAGE)
    return tensor


def over_blocks(function: Callable, blocks: int, *arguments) -> None:
    """Call `function(first, last, *arguments)` for ranges of blocks, on all threads."""
    count = min(threads(), blocks) or 1
    parts = min(blocks, count * 4) if count > 1 else 1
    edges = [blocks * i // parts for i in range(parts + 1)]
    futures = [
        pool(count).submit(function, first, last, *arguments) for first, last in pairwise(edges)
    ]
    for future in futures:
        future.result()


def in_turns(function: Callable, given: Sequence) -> list:
    """`function(one)` for each of these, of operations of torch, on all threads. Each has one
    thread for its operations, so the numbers are the same however many there are."""
    workers = pool(threads())

    def alone(one):
        with one_thread():
            return function(one)

    futures = [workers.submit(alone, one) for one in given]
    return [future.result() for future in futures]


def recorded(values: torch.Tensor) -> bool:
    """Whether what is done with these is being recorded as a CUDA graph: then no value of them can
    be read, and what is computed on the host is computed once for all replays."""
    return values.is_cuda and torch.cuda.is_current_stream_capturing()


def route_bundle(cells: int) -> int:
    """Cells of a bundle, at the least, of a network of so many cells."""
    return max(ROUTE_BUNDLE_LEAST, min(ROUTE_BUNDLE, cells // ROUTE_BUNDLES))


def route_cpu_spans(steps: int, bundles: int, threads: int) -> int:
    """Spans of days in which the CPU takes so many bundles, of so many cells x days together,
    through the period."""
    if threads == 1:
        return 1
    return max(1, min(ROUTE_SPANS * threads, steps // (max(bundles, 1) * ROUTE_SPAN_LEAST)))


def route_cpu_tile_days(substeps: int) -> int:
    """Days that the CPU routes in one go."""
    return max(1, ROUTE_TILE // substeps)


def route_gpu_tile_days(days: int, levels: int, substeps: int) -> int:
    """Days that a launch on the GPU routes: with few there are many launches, with many the wave
    front is slow. L levels and tiles of K days take L + T / K launches of K substeps sub-steps.
    """
    best = math.sqrt(days * ROUTE_LAUNCH_COST / (levels * substeps))
    return max(1, min(64, days, round(best)))


# fused multiply-add, said aloud because the default differs between Triton's versions
TRITON_OPTIONS = {"enable_fp_fusion": True}


# values in a series from which on offsets in it take 64 bits
NARROW = 2**32


def offset_type(longest: int) -> str:
    """The type of offsets within arrays of so many values at most, as Triton calls it."""
    return "uint32" if longest < NARROW else "int64"


# lanes of one program of a column, each on a thread of its own; a warp at least
COLUMN_LANES, WARP = 128, 32
# programs of so many lanes for each multiprocessor below which programs are narrower: they would
# not spread evenly. With half of them, threads may have all registers, and wait for memory most
EVEN, FEW = 4, 2


@dataclass(frozen=True)
class ColumnSettings:
    """How the columns of a grid are launched on a GPU.

    lanes  of one program, cells x components, each on a thread of its own
    ahead  whether what a day needs is asked for a day before, and held in registers until then
    """

    lanes: int = COLUMN_LANES
    ahead: bool = False

    def cells(self, components: int) -> int:
        """Cells of one program, of so many components with what fills them up to a power of two."""
        return max(1, self.lanes // components)

    def options(self, all_registers: bool = False) -> dict:
        """Triton's own. How many registers a thread takes is left to the assembler: that is a fifth
        to a half fewer than where it is told that it may take them all, but it asks for memory
        late, and of the largest kernels it spills a few bytes."""
        enough = {"maxnreg": 255} if self.lanes == WARP or self.ahead or all_registers else {}
        return {"num_warps": self.lanes // WARP, **enough, **TRITON_OPTIONS}


def column_settings(lanes: int, multiprocessors: int, real: str) -> ColumnSettings:
    """Settings for a grid of so many lanes: of a small one, narrow programs reach more processors.

    2,000 cells are 16 programs of 128 lanes on, say, 132 multiprocessors; of 32 lanes, they are 63.
    In double precision there are no registers left to read ahead.
    """
    width = COLUMN_LANES
    while width > WARP and lanes < EVEN * multiprocessors * width:
        width //= 2
    few = lanes <= FEW * multiprocessors * COLUMN_LANES
    return ColumnSettings(width, ahead=few and real == "float32")


# left to itself the assembler spills the forward kernel for sm_80 to fit more blocks
ROUTE_OPTIONS = {"num_warps": ROUTE_BLOCK // 32, "maxnreg": 255, **TRITON_OPTIONS}
