"""The river network: where every cell drains to, and an order in which water can be followed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np


@dataclass(frozen=True, eq=False)
class Network:
    """A forest of N cells, sorted so that upstream cells come before downstream cells.

    downstream      (N,) int64, the cell that this cell drains to, -1 where water leaves
    sink            (N,) bool, a cell with no river store of its own: passes everything on at once
    level           (N,) int32, ascending; the downstream cell is on exactly the next level, and
                    all outlets are on the last one
    level_start     (L + 1,) int64, cells of level l are level_start[l]:level_start[l + 1]
    upstream_start  (N + 1,) int64, upstream[upstream_start[i]:upstream_start[i + 1]] are the
    upstream        (E,) int64      cells that drain into cell i
    basin           (N,) int64, the outlet that the cell drains to in the end
    """

    downstream: np.ndarray
    sink: np.ndarray
    level: np.ndarray
    level_start: np.ndarray
    upstream_start: np.ndarray
    upstream: np.ndarray
    basin: np.ndarray

    @classmethod
    def from_downstream(cls, downstream, sink=None) -> tuple[Network, np.ndarray]:
        """Sort a network given in any order; returns it with `order`, new[i] = old[order[i]].

        Cells of a level keep their order, so that sorting a sorted network changes nothing.
        Raises ValueError naming the cells if a target does not exist or cells drain in a circle.
        """
        downstream = np.asarray(downstream, dtype=np.int64).ravel()
        size = downstream.size
        sink = np.zeros(size, dtype=bool) if sink is None else np.asarray(sink, dtype=bool).ravel()
        if sink.size != size:
            raise ValueError(f"sink has {sink.size} cells, downstream has {size}")
        wrong = np.flatnonzero((downstream < -1) | (downstream >= size))
        if wrong.size:
            raise ValueError(
                f"cell {wrong[0]} drains to {downstream[wrong[0]]}, which is no cell of this "
                f"network (0 to {size - 1}, or -1 where water leaves); {wrong.size} such cells"
            )
        outlet, distance = follow(downstream)
        circles = cycles(downstream, outlet)
        if circles:
            raise ValueError(
                f"{len(circles)} groups of cells drain in a circle and never reach an outlet, "
                f"the first: {shorten(circles[0])}; let one cell of each group drain elsewhere"
            )

        deepest = distance.max(initial=0)
        order = np.argsort(deepest - distance, kind="stable")
        level = (deepest - distance[order]).astype(np.int32)
        rank = rank_of(order, size)  # downstream -1 stays -1
        downstream = rank[downstream[order]]
        inner = np.flatnonzero(downstream >= 0)
        inflows = np.bincount(downstream[inner], minlength=size)
        network = cls(
            downstream=downstream,
            sink=sink[order],
            level=level,
            level_start=np.searchsorted(level, np.arange(deepest + 2 if size else 1)),
            upstream_start=np.concatenate([[0], np.cumsum(inflows, dtype=np.int64)]),
            upstream=inner[np.argsort(downstream[inner], kind="stable")],
            basin=rank[outlet[order]],
        )
        return network, order

    def __repr__(self) -> str:
        levels, outlets = self.level_start.size - 1, self.outlets.size
        return f"Network of {self.size} cells in {levels} levels, {outlets} outlets"

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.downstream.size

    @property
    def outlets(self) -> np.ndarray:
        """The cells where water leaves the network, int64."""
        return np.flatnonzero(self.downstream < 0)

    def accumulate(self, values) -> np.ndarray:
        """Sum of `values` (..., N) over each cell and everything upstream of it, same shape.

        ValueError if `values` are not of N cells.
        """
        values = np.array(values)
        if values.shape[-1:] != (self.size,):
            raise ValueError(
                f"values end with {values.shape[-1:]}, the network has {self.size} cells"
            )
        if not self.upstream.size:
            return values
        kind = np.float64 if values.dtype.kind == "f" else np.int64
        total = values.reshape(-1, self.size).astype(kind)
        inner = np.flatnonzero(self.downstream >= 0)
        below = self.downstream[inner]
        # level by level: what drains into a cell is whole before it is handed on
        edges = np.searchsorted(inner, self.level_start)
        for row in total:
            for first, last in pairwise(edges):
                np.add.at(row, below[first:last], row[inner[first:last]])
        return total.reshape(values.shape).astype(values.dtype)

    def strahler_order(self) -> np.ndarray:
        """Strahler's order of the river of each cell, (N,) int64: one more where two of the highest
        meet."""
        order = np.ones(self.size, dtype=np.int64)
        highest, meeting = np.zeros((2, self.size), dtype=np.int64)
        for start, stop in pairwise(self.level_start):
            cells = np.arange(start, stop)
            joined = highest[cells] + (meeting[cells] > 1)
            order[cells] = np.maximum(joined, 1)
            inner = cells[self.downstream[cells] >= 0]
            below = self.downstream[inner]
            # all that drain into a cell are of the level before it
            np.maximum.at(highest, below, order[inner])
            np.add.at(meeting, below, order[inner] == highest[below])
        return order

    @cached_property
    def branches(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`place`, `count` and `cells`, (N,) int64 each: all that drains through cell i, itself
        first, is cells[place[i] : place[i] + count[i]]."""
        count = self.accumulate(np.ones(self.size, dtype=np.int64))
        # a branch begins behind the cell that it drains into and the branches beside it
        sums = np.cumsum(count[self.upstream]) - count[self.upstream]
        first = self.upstream_start[self.downstream[self.upstream]]
        place = np.zeros(self.size, dtype=np.int64)
        place[self.upstream] = 1 + sums - sums[first]
        place[self.outlets] = np.cumsum(count[self.outlets]) - count[self.outlets]
        for start, stop in reversed([*pairwise(self.level_start)]):
            inner = np.flatnonzero(self.downstream[start:stop] >= 0) + start
            place[inner] += place[self.downstream[inner]]
        cells = np.empty(self.size, dtype=np.int64)
        cells[place] = np.arange(self.size)
        return place, count, cells

    def upstream_cells(self, cells) -> np.ndarray:
        """All cells that drain through one of `cells` (a cell or several), those included; sorted,
        each once."""
        starts, ends = self._branches_of(cells)
        order = self.branches[2]
        parts = [order[start:end] for start, end in zip(starts, ends, strict=True)]
        return np.sort(np.concatenate([order[:0], *parts]))

    def upstream_count(self, cells) -> int:
        """The number of `upstream_cells`, without looking for them."""
        starts, ends = self._branches_of(cells)
        return int((ends - starts).sum())

    def outermost(self, cells) -> np.ndarray:
        """Those of the cells through which all `upstream_cells` of them drain, int64."""
        return self.branches[2][self._branches_of(cells)[0]]

    def _branches_of(self, cells) -> tuple[np.ndarray, np.ndarray]:
        """Where in `branches` those of these cells begin and end, without those within others."""
        cells = np.unique(np.asarray(cells, dtype=np.int64))
        place, count, _ = self.branches
        cells = cells[np.argsort(place[cells])]
        starts, ends = place[cells], place[cells] + count[cells]
        # of two branches one lies within the other, or they have nothing in common
        outer = ends > np.maximum.accumulate(np.append(0, ends[:-1]))[: len(ends)]
        return starts[outer], ends[outer]

    def subset(self, cells) -> tuple[Network, np.ndarray]:
        """The network of only these cells, and `order`: new[i] = old[order[i]].

        Water that would drain to a cell left out leaves the network.
        """
        cells = np.unique(np.asarray(cells, dtype=np.int64))
        rank = rank_of(cells, self.size)
        network, order = Network.from_downstream(rank[self.downstream[cells]], self.sink[cells])
        return network, cells[order]


def rank_of(cells: np.ndarray, size: int) -> np.ndarray:
    """Position of each of `size` cells among `cells`; -1 for others, and for the index -1."""
    rank = np.full(size + 1, -1, dtype=np.int64)
    rank[cells] = np.arange(cells.size)
    return rank


def follow(downstream: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The last cell on the flow path of each cell, and the number of steps to it.

    Cells that drain into a circle end somewhere on that circle. The step is doubled in every
    round, so the longest river of D cells takes log2(D) rounds.
    """
    cells = np.arange(downstream.size)
    last = np.where(downstream < 0, cells, downstream)
    distance = (downstream >= 0).astype(np.int64)
    for _ in range(int(downstream.size).bit_length()):
        further = last[last]
        if np.array_equal(further, last):
            break
        distance += distance[last]
        last = further
    return last, distance


def cycles(downstream: np.ndarray, last: np.ndarray | None = None) -> list[np.ndarray]:
    """The circles of a network, each in the order of flow; `last` as `follow` returns it."""
    last = follow(downstream)[0] if last is None else last
    # far enough downstream every cell that never ends is on its circle, and fills it
    circling = np.unique(last[downstream[last] >= 0]).tolist()
    left = set(circling)
    found = []
    for cell in circling:
        if cell not in left:
            continue
        circle = []
        while cell in left:
            left.remove(cell)
            circle.append(cell)
            cell = int(downstream[cell])
        found.append(np.array(circle))
    return found


def shorten(cells, most: int = 6) -> str:
    """Cells (or anything printable) for a message: the first few, and how many more."""
    shown = ", ".join(str(cell) for cell in cells[:most])
    return shown if len(cells) <= most else f"{shown} and {len(cells) - most} more"
