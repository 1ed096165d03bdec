"""Functions that all CPU kernels share: rows of lanes moved and summed, elementary functions.

They are printed into a module of their own, one for each number type and count of components, that
kernels import: numba then compiles each of them once in a process, not once in every kernel. The
compiled code of a kernel on disk refers to that module by its name, which the import has loaded.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

from numba.core.dispatcher import Dispatcher

from gridhydro.kernels import build, numba_math

_HEADER = '''"""Rows of lanes and elementary functions, printed by gridhydro for its kernels."""

import math

from numba import {real} as real, int32, int64, uint64, njit as compile_cached

from gridhydro.kernels.numba_math import bits_from_float, float_from_bits, prefetch, select

OPTIONS = dict(nogil=True, error_model="numpy", fastmath={{"nsz", "contract"}})
LANES = {lanes}  # values computed together
COMPONENTS = {components}


def njit(function):  # only called by other compiled functions: no doors for Python and C
    return compile_cached(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)

'''

# unsigned counters: numba would look for negative indices, and LLVM could not vectorise the copies
_MOVING = """
@njit
def fetch_ahead(source, t, first, last):
    if 0 <= t < source.shape[1]:
        for k in range(source.shape[0]):
            for i in range(first, last, 16):
                prefetch(source, k, t, i)


@njit
def fetch_lanes(source, row, cell, width):
    if 0 <= row < source.shape[0]:
        for k in range(source.shape[1]):
            for i in range(cell * COMPONENTS, (cell + width) * COMPONENTS, 16):
                prefetch(source, row, k, i)


@njit
def load_row(w, row, source, cell, width):
    base, first, count = uint64(row * LANES), uint64(cell * COMPONENTS), uint64(width * COMPONENTS)
    for l in range(count):
        w[base + l] = source[first + l]
    for l in range(count, uint64(LANES)):  # idle lanes repeat the first
        w[base + l] = w[base]


@njit
def store_row(w, row, target, cell, width):
    base, first = uint64(row * LANES), uint64(cell * COMPONENTS)
    for l in range(uint64(width * COMPONENTS)):
        target[first + l] = w[base + l]


@njit
def load(w, row, source, cell, width):
    for k in range(source.shape[0]):
        load_row(w, row + k, source[k], cell, width)


@njit
def store(w, row, target, cell, width):
    for k in range(target.shape[0]):
        store_row(w, row + k, target[k], cell, width)


@njit
def load_weights(w, row, weights):  # by hand: numba compiles seconds of error messages for a slice
    for i in range(uint64(weights.size)):
        w[uint64(row * LANES) + i] = weights[i]


@njit
def load_day(w, row, source, t, cell, width):
    for k in range(source.shape[0]):
        load_row(w, row + k, source[k, t], cell, width)


@njit
def store_day(w, row, target, t, cell, width):
    for k in range(target.shape[0]):
        store_row(w, row + k, target[k, t], cell, width)


@njit
def load_shared(w, row, source, t, cell, width, share):
    for k in range(source.shape[0]):
        values, base, first = source[k, t], uint64((row + k) * LANES), uint64(cell)
        for c in range(uint64(width)):
            for m in range(uint64(COMPONENTS)):
                w[base + c * uint64(COMPONENTS) + m] = values[first + c] * share


@njit
def store_sum(w, row, target, t, cell, width, share):
    for k in range(target.shape[0]):
        values, base, first = target[k, t], uint64((row + k) * LANES), uint64(cell)
        for c in range(uint64(width)):
            total = real(0.0)
            for m in range(uint64(COMPONENTS)):
                total += w[base + c * uint64(COMPONENTS) + m]
            values[first + c] = total * share


@njit
def add_day(w, row, target, t, cell, width, share):
    for k in range(target.shape[0]):
        values, base, first = target[k, t], uint64((row + k) * LANES), uint64(cell * COMPONENTS)
        for l in range(uint64(width * COMPONENTS)):
            values[first + l] += w[base + l] * share


@njit
def add_sum(w, row, target, t, cell, width, share):
    for k in range(target.shape[0]):
        values, base, first = target[k, t], uint64((row + k) * LANES), uint64(cell)
        for c in range(uint64(width)):
            total = real(0.0)
            for m in range(uint64(COMPONENTS)):
                total += w[base + c * uint64(COMPONENTS) + m]
            values[first + c] += total * share


@njit
def scale(w, row, count, share):
    for i in range(uint64(row * LANES), uint64((row + count) * LANES)):
        w[i] *= share


@njit
def zeros(w, row, count):
    found = int32(0)
    for i in range(uint64(row * LANES), uint64((row + count) * LANES)):
        found |= int32(w[i] != 0)
    return found == 0


@njit
def nothing_in(source, first, count):  # from the last day back: it is read next if there is some
    for k in range(source.shape[0]):
        for t in range(source.shape[1] - 1, -1, -1):
            found, start = int32(0), uint64(first)
            for l in range(uint64(count)):
                found |= int32(source[k, t, start + l] != 0)
            if found:
                return False
    return True


@njit
def store_total(w, row, target, width):
    for k in range(target.size):
        total, base = 0.0, uint64((row + k) * LANES)
        for l in range(uint64(width * COMPONENTS)):
            total += w[base + l]
        target[k] = total


@njit
def clear(w, row, count):
    for i in range(uint64(row * LANES), uint64((row + count) * LANES)):
        w[i] = real(0.0)


@njit
def move(source, target, start, count):
    for i in range(uint64(start), uint64(start + count)):
        target[i] = source[i]
"""


@lru_cache
def load(real: str, lanes: int, components: int) -> ModuleType:
    """The module of a number type ("float32", "float64"), lanes in a block, and components."""
    header = _HEADER.format(real=real, lanes=lanes, components=components)
    functions = [text.strip() for text in numba_math.source(real).values()]
    source = "\n\n\n".join([header.strip(), *functions, _MOVING.strip()]) + "\n"
    return build.load(f"lanes_{real}_{lanes}_{components}", source)


def functions(module: ModuleType) -> list[str]:
    """Names of the functions that it has for kernels."""
    return [name for name, value in vars(module).items() if isinstance(value, Dispatcher)]
