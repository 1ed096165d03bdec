"""Tables of a river network that the routing kernels read, made once for each network."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch

# cuts at gauges that are kept of a network, the latest ones
CUTS = 4

# cells of a block that are enough to begin another, rather than have one wait for those before it
ENOUGH = 12

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


@dataclass(frozen=True)
class Bundle:
    """Cells that the CPU routes together: whole pieces of rivers, closed upstream but for `above`.

    cells   (n,) int32 in topological order; blocks (B + 1,) int32: cells[blocks[b]:blocks[b + 1]]
            are computed together, and of what flows to them none is in a later block
    late    (n,) int32: the days that a cell is behind the first of its block, growing in a block;
            0 where nothing flows to it within the block
    link    (n,) int32: which of the block's cells flows to it, the one there may be; -1 for none
    above   numbers of the bundles that drain into this one
    """

    cells: np.ndarray
    blocks: np.ndarray
    late: np.ndarray
    link: np.ndarray
    above: tuple[int, ...]

    @property
    def arrays(self):
        """As kernels take them."""
        return self.blocks, self.cells, self.late, self.link


@dataclass(frozen=True)
class Bundles:
    """A network in bundles, each after those above it, and what joins them.

    slot      (N,) int32, place of a cell in its bundle
    sources   (E,) int32 beside `upstream`: the slot of the upstream cell where it is in the same
              bundle, else -1 - the row of what it hands over
    handed    (N,) int32, the row in which a cell hands over to another bundle, -1 for none
    below     (rows,) int64, the cell that each row is handed to
    unseen    numbers of the bundles of which no cell drains through one that is asked for
    """

    all: tuple[Bundle, ...]
    slot: np.ndarray
    sources: np.ndarray
    handed: np.ndarray
    below: np.ndarray
    unseen: frozenset[int] = frozenset()

    @cached_property
    def unseen_rows(self) -> np.ndarray:
        """The rows that are handed to these."""
        cells = [bundle.cells for n, bundle in enumerate(self.all) if n in self.unseen]
        return np.flatnonzero(np.isin(self.below, np.concatenate([self.below[:0], *cells])))

    @cached_property
    def orders(self):
        """Downstream, then upwards: the bundles after each, and how many each waits for."""
        above = {number: bundle.above for number, bundle in enumerate(self.all)}
        below: dict[int, list[int]] = {number: [] for number in above}
        for number, uppers in above.items():
            for upper in uppers:
                below[upper].append(number)
        return tuple(
            (after, {number: len(first[number]) for number in above})
            for after, first in ((below, above), (above, below))
        )


def bundles(network, lanes, least, asked: tuple[int, ...] | None = None) -> Bundles:
    """The network cut where `least` or more cells have come together since the last cut.

    Basins that are smaller share a bundle with others. With the cells that are `asked` for, it is
    cut below them as well: no bundle has cells that drain through one of them beside others.
    Nothing of it depends on the number of threads, so neither do the numbers.
    """
    tables = _tables(network, lanes, least)
    if asked not in tables:
        tables[asked] = _bundles(network, lanes, least, asked)
        for old in [key for key in tables if key is not None][:-CUTS]:
            tables.pop(old, None)
    return tables[asked]


@once_per_network
def _tables(network, lanes, least) -> dict:
    return {}


def _draining(network, asked) -> np.ndarray:
    """(N,) whether a cell drains through one that is asked for; all where none is named."""
    if asked is None:
        return np.ones(network.downstream.size, dtype=bool)
    seen = np.zeros(network.downstream.size + 1, dtype=bool)  # the last: where water leaves
    seen[list(asked)] = True
    for start, stop in reversed([*pairwise(network.level_start)]):
        seen[start:stop] |= seen[network.downstream[start:stop]]
    return seen[:-1]


def _bundles(network, lanes, least, asked) -> Bundles:
    downstream, size = network.downstream, network.downstream.size
    levels, seen = list(pairwise(network.level_start)), _draining(network, asked)
    gathered, cut = np.ones(size + 1, dtype=np.int64), downstream < 0
    cut |= seen & ~seen[downstream]
    for start, stop in levels:
        here = slice(start, stop)
        cut[here] |= gathered[here] >= least
        flows = np.flatnonzero(~cut[here]) + start
        np.add.at(gathered, downstream[flows], gathered[flows])
    root = np.arange(size)
    for start, stop in reversed(levels):
        inner = np.flatnonzero(~cut[start:stop]) + start
        root[inner] = root[downstream[inner]]
    hands = np.flatnonzero(cut & (downstream >= 0))
    roots = np.flatnonzero(cut)
    bundle_of = _numbered(roots, root, gathered, root[downstream[hands]], least, seen)
    order = np.argsort(bundle_of, kind="stable")
    uppers = _sent_from(network, bundle_of, order)
    starts = np.searchsorted(bundle_of[order], np.arange(bundle_of.max(initial=-1) + 2))
    handed = np.full(size, -1, dtype=np.int32)
    handed[hands] = np.arange(hands.size)
    above: list[set[int]] = [set() for _ in starts[1:]]
    for upper, lower in zip(bundle_of[hands], bundle_of[downstream[hands]], strict=True):
        above[lower].add(int(upper))
    slot, found = np.empty(size, dtype=np.int32), []
    for number, (start, stop) in enumerate(pairwise(starts.tolist())):
        before, last = (of[start:stop] - start for of in uppers)
        inner, *others = (np.array(of, dtype=np.int32) for of in _blocks(before, last, lanes))
        cells = order[start:stop][inner].astype(np.int32)
        slot[cells] = np.arange(stop - start)
        blocks, late, link = others
        found.append(Bundle(cells, blocks, late, link, tuple(sorted(above[number]))))
    over = handed[network.upstream]
    sources = np.where(over >= 0, -1 - over, slot[network.upstream]).astype(np.int32)
    unseen = frozenset(np.unique(bundle_of[~seen]).tolist())
    return Bundles(tuple(found), slot, sources, handed, downstream[hands], unseen)


def _sent_from(network, bundle_of, order):
    """For each place in an order of cells the last but for one, and the last place from which it is
    sent water, of those of the same bundle; -1 for none."""
    size, upstream = order.size, network.upstream
    place = np.empty(size, dtype=np.int64)
    place[order] = np.arange(size)
    below = np.repeat(np.arange(size), np.diff(network.upstream_start))
    inside = bundle_of[upstream] == bundle_of[below]
    below, above = place[below[inside]], place[upstream[inside]]
    last, before = np.full((2, size), -1)
    np.maximum.at(last, below, above)
    others = above != last[below]
    np.maximum.at(before, below[others], above[others])
    return before, last


def _blocks(before, last, lanes):
    """Cut a bundle into blocks: of cells in a row, as many as there are lanes, unless what flows to
    one of them is in the same block, and it cannot or need not follow that some days late.

    `last` and `before` are of `_sent_from`, counted within the bundle. Returns the order of its
    cells, the blocks, `late` and `link` of a `Bundle`.
    """
    before, last, size = before.tolist(), last.tolist(), len(last)
    order, blocks, late, link = [], [0], [], []
    begin = 0
    while begin < size:
        stop = min(begin + lanes, size)
        days, end = [0], begin + 1
        while end < stop:
            upper = last[end]
            if upper < begin:
                days.append(0)
            elif before[end] >= begin or (end - begin >= ENOUGH and not any(days)):
                break
            else:
                days.append(days[upper - begin] + 1)
            end += 1
        block = sorted(range(end - begin), key=days.__getitem__)
        where = sorted(range(end - begin), key=block.__getitem__)
        order += [begin + i for i in block]
        late += [days[i] for i in block]
        link += [where[last[begin + i] - begin] if days[i] else -1 for i in block]
        blocks.append(end)
        begin = end
    return order, blocks, late, link


def _numbered(roots, root, gathered, joined, least, seen):
    """The bundle of each cell, numbered so that water flows to higher numbers.

    `roots` are the last cells of the pieces, `root` that of each cell; the pieces that end in one
    of `joined` have others above them.
    """
    alone = (gathered[roots] < least) & ~np.isin(roots, joined)
    number = np.zeros(roots.size, dtype=np.int64)
    # small ones in a row, as many as make a bundle: nothing drains to them
    number[alone] = (np.cumsum(gathered[roots[alone]]) - 1) // max(least, 1)
    _, number[alone] = np.unique(2 * number[alone] + seen[roots[alone]], return_inverse=True)
    number[~alone] = number[alone].max(initial=-1) + 1 + np.arange((~alone).sum())
    of_root = np.zeros(root.size, dtype=np.int64)
    of_root[roots] = number
    return of_root[root]


@once_per_network
def programs_by_level(network, block):
    """GPU programs of up to `block` cells of one level, sorted by level.

    Returns rows of level, first cell, cell past the last, most inflows of a cell and where they
    begin in `inflows_by_program`, and where in the rows each level starts.
    """
    rows, starts, begin = [], [0], 0
    inflows = np.diff(network.upstream_start)
    for level in range(len(network.level_start) - 1):
        start, stop = network.level_start[level], network.level_start[level + 1]
        for first in range(start, stop, block):
            past = min(first + block, stop)
            most = int(inflows[first:past].max())
            rows.append((level, first, past, most, begin))
            begin += most * block
        starts.append(len(rows))
    return np.array(rows, dtype=np.int64).reshape(-1, 5), starts


def inflows_by_program(network, block):
    """The cells upstream, by program (inflows, block) int32; N where a cell has fewer inflows.

    So the lanes of a program read side by side, and none has to ask whether there is one more.
    """
    programs, _ = programs_by_level(network, block)
    _, first, past, most, begin = programs.T
    inflows = np.full((most * block).sum(), network.downstream.size, dtype=np.int32)
    start = network.upstream_start
    below = np.repeat(np.arange(network.downstream.size), np.diff(start))
    number = np.arange(below.size) - start[below]  # which of the inflows of the cell it is
    program = np.repeat(np.arange(len(programs)), past - first)[below]
    inflows[begin[program] + number * block + below - first[program]] = network.upstream
    return inflows


@once_per_network
def on_device(network, device, block):
    """The programs, their inflows and the downstream cells as tensors."""
    programs, _ = programs_by_level(network, block)
    arrays = (programs, inflows_by_program(network, block), network.downstream.astype(np.int32))
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
