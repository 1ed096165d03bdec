"""Tables of a river network that the routing kernels read, made once for each network."""

from __future__ import annotations

import weakref
from itertools import pairwise

import numpy as np
import torch

_known: weakref.WeakKeyDictionary[object, dict] = weakref.WeakKeyDictionary()


def once_per_network(make):
    """Keep the result of `make(network, *arguments)` for as long as the network lives."""

    def kept(network, *arguments):
        results = _known.setdefault(network, {})
        key = (make, *arguments)
        if key not in results:
            results[key] = make(network, *arguments)
        return results[key]

    return kept


@once_per_network
def parts_by_thread(network, threads):
    """Subtrees shared out greedily by size, one list of cells a thread, and the trunk below them.

    A subtree is a cell with all that drains to it, or a whole basin; none is larger than a small
    part of what one thread gets. Cells are in topological order everywhere.
    """
    size = network.accumulate(np.ones(network.downstream.size, dtype=np.int64))
    limit = max(64, network.downstream.size // (8 * threads)) if threads > 1 else size.max()
    trunk = size > limit
    root = np.arange(size.size)
    levels = list(pairwise(network.level_start))
    for start, stop in reversed(levels):
        cells = np.arange(start, stop)
        below = network.downstream[cells]
        inner = (below >= 0) & ~trunk[below]
        root[cells[inner]] = root[below[inner]]
    roots, tree, sizes = np.unique(root[~trunk], return_inverse=True, return_counts=True)
    load, owner = np.zeros(threads), np.empty(roots.size, dtype=np.int64)
    for index in np.argsort(-sizes, kind="stable"):
        owner[index] = load.argmin()
        load[owner[index]] += sizes[index]
    cells = np.flatnonzero(~trunk)
    parts = [cells[owner[tree] == thread] for thread in range(threads)]
    return [part for part in parts if part.size], np.flatnonzero(trunk)


@once_per_network
def blocks_by_thread(network, threads, lanes):
    """The same as pairs of blocks and cells: cells[blocks[b]:blocks[b + 1]], up to `lanes` cells
    of one level; for the trunk a list of one pair, or of none."""
    subtrees, trunk = parts_by_thread(network, threads)
    return (
        [_in_blocks(network, cells, lanes) for cells in subtrees],
        [_in_blocks(network, trunk, lanes)] * bool(trunk.size),
    )


def _in_blocks(network, cells, lanes):
    place = _place_in_level(network, cells)
    return np.append(np.flatnonzero(place % lanes == 0), cells.size), cells


def _place_in_level(network, cells):
    """How many of these cells, in topological order, come before each on its own level."""
    level = np.searchsorted(network.level_start, cells, side="right")
    first = np.flatnonzero(np.diff(level, prepend=-1))
    return np.arange(cells.size) - np.repeat(first, np.diff(first, append=cells.size))


@once_per_network
def slots_by_thread(network, threads):
    """A row of a ring for each cell (N,), and the number of rows.

    A cell of a subtree needs its row until the next level has been: two levels take turns. Cells
    of the trunk, and those that drain into it, keep a row of their own.
    """
    subtrees, trunk = parts_by_thread(network, threads)
    slot, rows = np.zeros(network.downstream.size, dtype=np.int64), 0
    for cells in subtrees:
        place = _place_in_level(network, cells)
        level = np.searchsorted(network.level_start, cells, side="right")
        width = place.max() + 1
        slot[cells] = rows + level % 2 * width + place
        rows += 2 * width
    in_trunk = np.zeros(slot.size + 1, dtype=bool)
    in_trunk[trunk] = True
    own = np.flatnonzero(in_trunk[:-1] | in_trunk[network.downstream])
    slot[own] = rows + np.arange(own.size)
    return slot, rows + own.size


@once_per_network
def programs_by_level(network, block):
    """GPU programs of up to `block` cells of one level, sorted by level.

    Returns rows of level, first cell, cell past the last, most inflows of a cell, and where in
    the rows each level starts.
    """
    rows, starts = [], [0]
    inflows = np.diff(network.upstream_start)
    for level in range(len(network.level_start) - 1):
        start, stop = network.level_start[level], network.level_start[level + 1]
        for first in range(start, stop, block):
            past = min(first + block, stop)
            rows.append((level, first, past, inflows[first:past].max()))
        starts.append(len(rows))
    return np.array(rows, dtype=np.int64), starts


@once_per_network
def on_device(network, device, block):
    """The programs, the downstream cells and the lists of upstream cells as tensors."""
    programs, _ = programs_by_level(network, block)
    arrays = (programs, network.downstream, network.upstream_start, network.upstream)
    return tuple(torch.as_tensor(array).to(device) for array in arrays)


def diagonals(level_programs, days, tile_days):
    """(diagonal, first program, number of programs) of every launch, in the order of flow.

    Launch d takes level l through time tile d - l, where there is such a tile.
    """
    tiles, levels = -(-days // tile_days), len(level_programs) - 1
    launches = []
    for diagonal in range(levels + tiles - 1):
        first = level_programs[max(0, diagonal - tiles + 1)]
        past = level_programs[min(levels, diagonal + 1)]
        launches.append((diagonal, first, past - first))
    return launches
