"""Functions that the CPU kernels of rivers share: lanes filled from cells, series turned.

A block of the workspace has one row of LANES values for each quantity; its lanes are the cells
cells[begin:begin + width], and idle lanes repeat the first. Series of sub-steps lie the other way
round, one row of time for each cell, so that what flows together is added up along time.
Most blocks have cells that do not flow to one another. Where a network is too narrow for that, a
cell follows one of the same block, `late` by some days: the block is then at work for as many days
more, a cell in the days of its own, and in all others with no water that anybody sees.
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
    add_four,
    add_wide,
    clear_wide,
    copy_eight,
    copy_four,
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
def load_lanes(w, row, source, cells, begin, start, stop):
    """Of some lanes alone."""
    for k in range(source.shape[0]):
        for i in range(start, stop):
            w[(row + k) * LANES + i] = source[k, cells[begin + i]]


@njit
def store_cells(w, row, target, cells, begin, start, stop):
    """Lanes start:stop."""
    for k in range(uint64(target.shape[0])):
        base, first = (uint64(row) + k) * uint64(LANES), uint64(begin)
        for i in range(uint64(start), uint64(stop)):
            target[k, uint64(cells[first + i])] = w[base + i]


@njit
def add_cells(w, row, target, cells, begin, width):
    for k in range(uint64(target.shape[0])):
        base, first = (uint64(row) + k) * uint64(LANES), uint64(begin)
        for i in range(uint64(width)):
            target[k, uint64(cells[first + i])] += w[base + i]


@njit
def clear_lanes(w, row, count, start, stop):
    for k in range(row, row + count):
        for i in range(start, stop):
            w[k * LANES + i] = 0


@njit
def until(late, begin, width, days, lane):
    """How many lanes are late by at most so many days: they are in that order. About `lane`."""
    while lane < width and late[begin + lane] <= days:
        lane += 1
    while lane > 0 and late[begin + lane - 1] > days:
        lane -= 1
    return lane


@njit
def groups_of(blocks, late, longest, parts):
    """Sub-steps that all blocks of a bundle are at work in a tile."""
    total = int64(0)
    for end in blocks[1:]:
        total += longest + late[end - 1] * parts
    return total


@njit
def most_of(values):
    most = int64(0)
    for value in values:
        most = max(most, int64(value))
    return most


@njit
def any_of(place, cells, begin, width):
    """Whether the outflow of any cell of a block is asked for."""
    asked = False
    for i in range(width):
        asked |= place[cells[begin + i]] >= 0
    return asked


@njit
def gather(rows, at, source, first, last, column, factor):
    """One lane of a block's days: times `factor`, what a column of a series has on its own days."""
    place, c = uint64(at), uint64(column)
    for day in range(uint64(first), uint64(last)):
        rows[place] = source[day, c] * factor
        place += uint64(LANES)


@njit
def scatter(rows, at, target, first, last, column, factor):
    place, c = uint64(at), uint64(column)
    for day in range(uint64(first), uint64(last)):
        target[day, c] = rows[place] * factor
        place += uint64(LANES)


@njit
def gather_cells(rows, source, first, last, share, cells, late, begin, width):
    """The days of a block, a row of lanes each, where all read them one after another.

    Read one by one between the sub-steps they would be waited for one by one.
    """
    for i in range(width):
        cell = cells[begin + i]
        gather(rows, late[begin + i] * LANES + i, source, first, last, cell, share[0, cell])


@njit
def scatter_cells(rows, target, first, last, share, cells, late, begin, width):
    for i in range(width):
        cell = cells[begin + i]
        scatter(rows, late[begin + i] * LANES + i, target, first, last, cell, share[0, cell])


@njit
def gather_asked(rows, source, first, last, place, cells, late, begin, width):
    for i in range(width):
        column, at, one = place[cells[begin + i]], late[begin + i] * LANES + i, rows.dtype.type(1)
        if column >= 0:
            gather(rows, at, source, first, last, column, one)
        else:
            for day in range(last - first):
                rows[at + day * LANES] = 0


@njit
def scatter_asked(rows, target, first, last, place, cells, late, begin, width):
    for i in range(width):
        column, at, one = place[cells[begin + i]], late[begin + i] * LANES + i, rows.dtype.type(1)
        if column >= 0:
            scatter(rows, at, target, first, last, column, one)


@njit
def clear_days(rows, days):
    for i in range(0, days * LANES, WIDE):
        clear_wide(rows, 0, i)


@njit
def bring_day(w, row, rows, day):
    for i in range(0, LANES, WIDE):
        copy_wide(w, 0, row * LANES + i, rows, 0, day * LANES + i)


@njit
def keep_day(w, row, rows, day):
    for i in range(0, LANES, EIGHT):
        copy_eight(rows, 0, day * LANES + i, w, 0, row * LANES + i)


@njit
def inflows(
    y,
    ring,
    handed,
    before,
    slot,
    cells,
    late,
    begin,
    width,
    upstream_start,
    sources,
    instant,
    transit,
    parts,
    count,
):
    """Fill the rows of y with what arrives in each sub-step, and one later: the water in transit.

    What left upstream arrives one sub-step later, or at once: it is in `ring`, or was handed over
    by another bundle, `before` sub-steps after the start; or it is of this block, and `join` adds
    it. A row begins as many columns late as its cell.
    """
    wait = late[begin + width - 1] * parts
    for i in range(width):
        cell, start = cells[begin + i], late[begin + i] * parts
        at = start if instant[cell] else start + 1
        empty = True
        if wait:
            for k in range(0, wait + count + 1, WIDE):
                clear_wide(y, i, k)
        for edge in range(upstream_start[cell], upstream_start[cell + 1]):
            row = int64(sources[edge])
            if row >= begin:
                continue
            if empty and row >= 0:
                for k in range(0, count, WIDE):
                    copy_wide(y, i, k + at, ring, row, k)
            elif row >= 0:
                for k in range(0, count, WIDE):
                    add_wide(y, i, k + at, ring, row, k)
            elif empty:
                for k in range(0, count, WIDE):
                    copy_wide(y, i, k + at, handed, -1 - row, before + k)
            else:
                for k in range(0, count, WIDE):
                    add_wide(y, i, k + at, handed, -1 - row, before + k)
            empty = False
        if empty:
            for k in range(0, count, WIDE):
                clear_wide(y, i, k + at)
        if at == start:
            y[i, start] += transit[cell]
            y[i, start + count] = 0
        else:
            y[i, start] = transit[cell]
        if wait:
            clear_wide(y, i, start + count + 1)


@njit
def join(y, k, parts, together, cells, late, link, instant, begin, start, stop):
    """What lanes start:stop are sent today, at columns k:k + parts, from others of the block."""
    for i in range(start, stop):
        upper = int64(link[begin + i])
        if upper >= 0:
            at = 0 if instant[cells[begin + i]] else 1
            there = k - (late[begin + i] - late[begin + upper]) * parts
            if together == 4:
                for part in range(0, parts, 4):
                    add_four(y, i, k + at + part, y, upper, there + part)
            else:
                for part in range(parts):
                    y[i, k + at + part] += y[upper, there + part]


@njit
def settle(y, transit, cells, late, instant, begin, start, stop, parts, count):
    """What is in transit to the cells of some lanes when a tile ends."""
    for i in range(start, stop):
        cell = cells[begin + i]
        transit[cell] = 0 if instant[cell] else y[i, late[begin + i] * parts + count]


@njit
def store_series(y, ring, handed, before, slot, hands, cells, late, begin, width, parts, count):
    """What leaves: into the ring, and to another bundle."""
    for i in range(width):
        cell, start = cells[begin + i], late[begin + i] * parts
        row = int64(slot[cell])
        for k in range(0, count, WIDE):
            copy_wide(ring, row, k, y, i, start + k)
        row = int64(hands[cell])
        if row >= 0:
            for k in range(count):
                handed[row, before + k] = y[i, start + k]


@njit
def cotangents_below(
    g,
    ring,
    handed,
    before,
    slot,
    hands,
    cells,
    late,
    begin,
    width,
    downstream,
    instant,
    ahead,
    parts,
    count,
):
    """Fill the rows of g with the cotangent of what leaves: that of the inflow downstream.

    `ahead` is that of the sub-step after the last, and becomes that of the first. Within the block
    `join_back` does it.
    """
    wait = late[begin + width - 1] * parts
    for i in range(width):
        cell, start = cells[begin + i], late[begin + i] * parts
        below, row = downstream[cell], int64(hands[cell])
        if wait:
            for k in range(0, wait + count + 1, WIDE):
                clear_wide(g, i, k)
        if below < 0:
            for k in range(0, count, WIDE):
                clear_wide(g, i, start + k)
            continue
        at = 0 if instant[below] else 1
        if row >= 0:
            for k in range(0, count, WIDE):
                copy_wide(g, i, start + k, handed, row, before + k + at)
        elif int64(slot[below]) >= begin + width:
            row = int64(slot[below])
            for k in range(0, count, WIDE):
                copy_wide(g, i, start + k, ring, row, k + at)
            if at == 1:
                g[i, start + count - 1] = ahead[cell]
                ahead[cell] = ring[row, 0]
        if wait:
            clear_wide(g, i, start + count)


@njit
def join_back(g, k, parts, together, cells, late, link, instant, begin, width, start, stop):
    """The cotangents of what lanes start:stop send to others of the block today."""
    for i in range(width):
        upper = int64(link[begin + i])
        if start <= upper < stop:
            at = 0 if instant[cells[begin + i]] else 1
            there = k + (late[begin + i] - late[begin + upper]) * parts + at
            if together == 4:
                for part in range(0, parts, 4):
                    copy_four(g, upper, k + part, g, i, there + part)
            else:
                for part in range(parts):
                    g[upper, k + part] = g[i, there + part]


@njit
def look_ahead(g, ahead, cells, late, link, begin, start, stop, parts, count):
    """Where lanes start:stop are sent water from the block: its cotangent after the last day."""
    for i in range(start, stop):
        upper = int64(link[begin + i])
        if upper >= 0:
            g[i, late[begin + i] * parts + count] = ahead[cells[begin + upper]]


@njit
def look_back(g, ahead, cells, late, link, begin, width, parts):
    """And what it is before the first, for the tile before."""
    for i in range(width):
        upper = int64(link[begin + i])
        if upper >= 0:
            ahead[cells[begin + upper]] = g[i, late[begin + i] * parts]


@njit
def store_cotangents(
    g,
    ring,
    handed,
    before,
    slot,
    cells,
    late,
    begin,
    width,
    upstream_start,
    sources,
    d_transit,
    parts,
    count,
):
    """The cotangent of what arrives: into the ring, and to the bundles that it came from."""
    for i in range(width):
        cell, start = cells[begin + i], late[begin + i] * parts
        row = int64(slot[cell])
        for k in range(0, count, WIDE):
            copy_wide(ring, row, k, g, i, start + k)
        for edge in range(upstream_start[cell], upstream_start[cell + 1]):
            row = -1 - int64(sources[edge])
            if row >= 0:
                for k in range(count):
                    handed[row, before + k] = g[i, start + k]
        d_transit[cell] = g[i, start]


@njit
def fetch_days(source, first, last, cells, begin, end):
    """Ask for the rows of a tile where a block will read or write; cells side by side are asked
    for once."""
    asked = int64(-1)
    for i in range(begin, end):
        cell = int64(cells[i])
        if cell // WIDE != asked:
            asked = cell // WIDE
            for day in range(first, last):
                prefetch(source, day, cell)


@njit
def fetch_asked(source, first, last, place, cells, begin, end):
    """The same where the outflow of cells is asked for."""
    asked = int64(-1)
    for i in range(begin, end):
        column = int64(place[cells[i]])
        if column >= 0 and column // WIDE != asked:
            asked = column // WIDE
            for day in range(first, last):
                prefetch(source, day, column)


@njit
def keep(w, kept, slot, row, count):
    """Copy `count` rows of the workspace to the same place in a slot of what is kept."""
    for i in range(row * LANES, (row + count) * LANES, EIGHT):
        copy_eight(kept, slot, i, w, 0, i)


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
