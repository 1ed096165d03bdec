"""Functions that the CPU kernels of rivers share: lanes filled from cells, series turned.

A block of the workspace has one row of LANES values for each quantity; its lanes are cells of one
level, cells[begin:begin + width], and idle lanes repeat the first. Series of sub-steps lie the
other way round, one row of time for each cell, so that what flows together is added up along time.
No function takes a view of an array: numba would count its owners, with a lock, each time.
"""

from __future__ import annotations

from typing import Any

from numba import int64, uint64
from numba import njit as compile_for_numba

from gridhydro.kernels.launch import ROUTE_LANES
from gridhydro.kernels.vectors_numba import (
    EIGHT,
    WIDE,
    add_wide,
    clear_wide,
    copy_wide,
    prefetch,
    turn_back_four,
    turn_four,
)  # fmt: skip

LANES = ROUTE_LANES


OPTIONS: dict[str, Any] = dict(
    nogil=True, error_model="numpy", fastmath={"nsz", "contract"}
)  # fmt: skip


def njit(function) -> Any:  # only called by other compiled functions: no doors for Python and C
    alone: dict[str, Any] = dict(no_cpython_wrapper=True, no_cfunc_wrapper=True)
    return compile_for_numba(function, **alone, **OPTIONS)


@njit
def load_cells(w, row, source, cells, begin, width):
    for k in range(source.shape[0]):
        load_cells_on(w, row + k, source, k, cells, begin, width)


@njit
def load_cells_on(w, row, source, day, cells, begin, width):
    base, first, t = uint64(row * LANES), uint64(begin), uint64(day)
    for i in range(uint64(width)):
        w[base + i] = source[t, uint64(cells[first + i])]
    for i in range(uint64(width), uint64(LANES)):
        w[base + i] = w[base]


@njit
def store_cells(w, row, target, cells, begin, width):
    for k in range(target.shape[0]):
        store_cells_on(w, row + k, target, k, cells, begin, width)


@njit
def store_cells_on(w, row, target, day, cells, begin, width):
    base, first, t = uint64(row * LANES), uint64(begin), uint64(day)
    for i in range(uint64(width)):
        target[t, uint64(cells[first + i])] = w[base + i]


@njit
def add_cells(w, row, target, cells, begin, width):
    for k in range(uint64(target.shape[0])):
        base, first = (uint64(row) + k) * uint64(LANES), uint64(begin)
        for i in range(uint64(width)):
            target[k, uint64(cells[first + i])] += w[base + i]


@njit
def multiply_row(w, row, by):
    base, factor = uint64(row * LANES), uint64(by * LANES)
    for i in range(uint64(LANES)):
        w[base + i] *= w[factor + i]


@njit
def any_of(place, cells, begin, width):
    """Whether the outflow of any cell of a block is asked for."""
    asked = False
    for i in range(width):
        asked |= place[cells[begin + i]] >= 0
    return asked


@njit
def store_asked(w, row, target, day, place, cells, begin, width):
    for i in range(width):
        column = place[cells[begin + i]]
        if column >= 0:
            target[day, column] = w[row * LANES + i]


@njit
def load_asked(w, row, source, day, place, cells, begin, width):
    for i in range(width):
        column = place[cells[begin + i]]
        if column >= 0:
            w[row * LANES + i] = source[day, column]


@njit
def inflows(
    y,
    ring,
    handed,
    before,
    slot,
    cells,
    begin,
    width,
    upstream_start,
    sources,
    instant,
    transit,
    count,
):
    """Fill the rows of y with what arrives in each sub-step, and one later: the water in transit.

    What left upstream arrives one sub-step later, or at once: it is in `ring`, or was handed over
    by another bundle, `before` sub-steps after the start. `transit` becomes that of the end.
    """
    for i in range(width):
        cell = cells[begin + i]
        start, stop = upstream_start[cell], upstream_start[cell + 1]
        at = 0 if instant[cell] else 1
        if start == stop:
            for k in range(0, count, WIDE):
                clear_wide(y, i, k + at)
        for edge in range(start, stop):
            row = int64(sources[edge])
            if edge == start and row >= 0:
                for k in range(0, count, WIDE):
                    copy_wide(y, i, k + at, ring, row, k)
            elif row >= 0:
                for k in range(0, count, WIDE):
                    add_wide(y, i, k + at, ring, row, k)
            elif edge == start:
                for k in range(0, count, WIDE):
                    copy_wide(y, i, k + at, handed, -1 - row, before + k)
            else:
                for k in range(0, count, WIDE):
                    add_wide(y, i, k + at, handed, -1 - row, before + k)
        if at == 0:
            y[i, 0] += transit[cell]
            y[i, count] = 0
        else:
            y[i, 0] = transit[cell]
        transit[cell] = y[i, count]


@njit
def store_series(y, ring, handed, before, slot, hands, cells, begin, width, count):
    """What leaves: into the ring, and to another bundle."""
    for i in range(width):
        cell = cells[begin + i]
        row = int64(slot[cell])
        for k in range(0, count, WIDE):
            copy_wide(ring, row, k, y, i, k)
        row = int64(hands[cell])
        if row >= 0:
            for k in range(count):
                handed[row, before + k] = y[i, k]


@njit
def cotangents_below(
    g, ring, handed, before, slot, hands, cells, begin, width, downstream, instant, ahead, count
):
    """Fill the rows of g with the cotangent of what leaves: that of the inflow downstream.

    `ahead` is that of the sub-step after the last, and becomes that of the first.
    """
    for i in range(width):
        cell = cells[begin + i]
        below, row = downstream[cell], int64(hands[cell])
        if below < 0:
            for k in range(0, count, WIDE):
                clear_wide(g, i, k)
            continue
        at = 0 if instant[below] else 1
        if row >= 0:
            for k in range(0, count, WIDE):
                copy_wide(g, i, k, handed, row, before + k + at)
        else:
            row = int64(slot[below])
            for k in range(0, count, WIDE):
                copy_wide(g, i, k, ring, row, k + at)
            if at == 1:
                g[i, count - 1] = ahead[cell]
                ahead[cell] = ring[row, 0]


@njit
def store_cotangents(
    g, ring, handed, before, slot, cells, begin, width, upstream_start, sources, count
):
    """The cotangent of what arrives: into the ring, and to the bundles that it came from."""
    for i in range(width):
        cell = cells[begin + i]
        row = int64(slot[cell])
        for k in range(0, count, WIDE):
            copy_wide(ring, row, k, g, i, k)
        for edge in range(upstream_start[cell], upstream_start[cell + 1]):
            row = -1 - int64(sources[edge])
            if row >= 0:
                for k in range(count):
                    handed[row, before + k] = g[i, k]


@njit
def fetch_days(source, first, last, cell):
    """Ask for the rows of a tile where the next block will read or write."""
    for day in range(first, last):
        prefetch(source, day, int64(cell))


@njit
def keep(w, kept, slot, row, count):
    """Copy `count` rows of the workspace to the same place in a slot of what is kept."""
    for i in range(row * LANES, (row + count) * LANES, WIDE):
        copy_wide(kept, slot, i, w, 0, i)


@njit
def bring_back(w, kept, slot, row, count):
    for i in range(row * LANES, (row + count) * LANES, WIDE):
        copy_wide(w, 0, i, kept, slot, i)


@njit
def to_lanes(series, first, w, row, together):
    """Turn sub-steps first:first + together of every row of series into rows of the workspace."""
    if together == 4:
        for i in range(0, LANES, EIGHT):
            turn_four(series, i, first, w, row * LANES + i, LANES)
    else:
        for i in range(uint64(LANES)):
            for k in range(uint64(together)):
                w[(uint64(row) + k) * uint64(LANES) + i] = series[i, uint64(first) + k]


@njit
def to_series(w, row, series, first, together):
    """The other way round."""
    if together == 4:
        for i in range(0, LANES, EIGHT):
            turn_back_four(series, i, first, w, row * LANES + i, LANES)
    else:
        for i in range(uint64(LANES)):
            for k in range(uint64(together)):
                series[i, uint64(first) + k] = w[(uint64(row) + k) * uint64(LANES) + i]
