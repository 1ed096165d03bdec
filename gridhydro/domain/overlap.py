"""How much of the cells of one regular grid lies in those of another: exact areas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gridhydro.domain.grid import Grid, area_below, spacing

if TYPE_CHECKING:
    import scipy.sparse


@dataclass(frozen=True, eq=False)
class Overlap:
    """Areas that the cells of two grids share, as the product of two sparse matrices.

    rows   (rows of the one, rows of the other): the height shared; of geographic grids the area of
           the band shared, which on a sphere goes with the sine of latitude
    cols   (columns of the one, columns of the other): the width shared
    whole  height and width, (rows,) and (columns,), of the cells of the one
    other  the same of the other
    """

    rows: scipy.sparse.csr_array
    cols: scipy.sparse.csr_array
    whole: tuple[np.ndarray, np.ndarray]
    other: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, one: Grid, other: Grid) -> Overlap:
        """Overlap of two grids of one reference system.

        Longitudes meet whatever turn of the globe they are counted in.
        """

        def heights(y):
            return area_below(y, other.crs) if other.geographic else y

        below, edges = _edges(one.y), _edges(other.y)
        rows = _shared(below, edges, heights)
        cols_edges = _edges(other.x)
        turns = [0.0]
        if other.geographic:
            turns = [360.0 * turn for turn in range(-2, 3)]
            # a first column that is repeated at the end counts once
            cols_edges = cols_edges[: round(360 / abs(spacing(other.x))) + 1]
        left = _edges(one.x)
        cols = sum((_shared(left + turn, cols_edges) for turn in turns[1:]),
                   _shared(left + turns[0], cols_edges))  # fmt: skip
        cols.resize(one.x.size, other.x.size)
        return cls(
            rows, cols, (_size(heights(below)), _size(left)),
            (_size(heights(edges)), _size(_edges(other.x))),
        )  # fmt: skip

    def window(self) -> tuple[slice, slice, Overlap]:
        """The rows and columns of the other grid that count at all, and the overlap with only them.

        Of columns on both sides of a seam all in between are taken too.
        """
        rows, cols = _used(self.rows), _used(self.cols)
        part = Overlap(
            self.rows[:, rows], self.cols[:, cols], self.whole,
            (self.other[0][rows], self.other[1][cols]),
        )  # fmt: skip
        return rows, cols, part

    def parts(self) -> Overlap:
        """The same as fractions of the cells of the other grid: 1 for one that lies inside."""
        import scipy.sparse

        rows, cols = (
            scipy.sparse.csr_array(
                matrix @ scipy.sparse.diags_array(np.divide(1, size, where=size > 0, out=0 * size))
            )
            for matrix, size in zip((self.rows, self.cols), self.other, strict=True)
        )
        return Overlap(rows, cols, self.whole, self.other)

    def total(self, values: np.ndarray) -> np.ndarray:
        """Sums (rows, columns) over the other's values (rows, columns), times what is shared."""
        return (self.cols @ (self.rows @ values).T).T


def _edges(axis):
    """The bounds of the cells (n + 1,) of an evenly spaced axis of n centres."""
    return axis[0] + spacing(axis) * (np.arange(axis.size + 1) - 0.5)


def _size(bounds):
    return np.abs(np.diff(bounds))


def _shared(bounds, edges, measure=lambda x: x) -> scipy.sparse.csr_array:
    """How much of the intervals between `bounds` lies in those between `edges`, by a measure."""
    import scipy.sparse

    # places of the bounds in intervals of the other axis; a bound that lies on an edge but for the
    # precision of the coordinates is taken to lie on it
    step = (edges[-1] - edges[0]) / (edges.size - 1)
    place = (bounds - edges[0]) / step
    slack = 1e-6 + 4e-7 * max(np.abs(edges).max(), np.abs(bounds).max()) / abs(step)
    on_edge = np.abs(place - np.round(place)) < min(slack, 0.02)
    place = np.clip(np.where(on_edge, np.round(place), place), 0, edges.size - 1)
    low, high = np.minimum(place[:-1], place[1:]), np.maximum(place[:-1], place[1:])
    first = np.floor(low).astype(np.int64)
    count = np.where(high > low, np.ceil(high).astype(np.int64) - first, 0)
    of = np.repeat(np.arange(low.size), count)
    cell = np.arange(of.size) - np.repeat(np.cumsum(count) - count, count) + first[of]
    begin = measure(edges[0] + step * np.maximum(low[of], cell))
    end = measure(edges[0] + step * np.minimum(high[of], cell + 1))
    shape = bounds.size - 1, edges.size - 1
    return scipy.sparse.coo_array((np.abs(end - begin), (of, cell)), shape=shape).tocsr()


def _used(matrix) -> slice:
    columns = matrix.indices
    return slice(int(columns.min()), int(columns.max()) + 1) if columns.size else slice(0, 1)
