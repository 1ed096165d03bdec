"""A window of a raster of flow directions, which grows towards where more drains into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.domain import d8
from gridhydro.domain.directions import Directions, read_directions, renumber
from gridhydro.domain.grid import Grid, find, nearest, spacing, spatial_dims
from gridhydro.domain.placing import REACH

FIRST = 64  # cells from the point to the edges of the first window, and that it grows at least
_MOST = 2**31  # cells of a window


@dataclass(frozen=True)
class Window:
    """Rows and columns of a raster; columns of one around the globe may go on over its edge."""

    raster: xr.DataArray | xr.Dataset
    whole: Grid
    rows: tuple[int, int]
    cols: tuple[int, int]

    @classmethod
    def around(cls, raster, whole: Grid, gauge: pd.DataFrame) -> Window:
        """The first window about a point; ValueError where it is far outside."""
        reach = REACH * np.abs([spacing(whole.y), spacing(whole.x)])
        x, y = gauge["x"].iloc[0], gauge["y"].iloc[0]
        period = 360.0 if whole.geographic else None
        row = nearest(find(whole.y, [np.clip(y, *_ends(whole.y, y, reach[0]))]), whole.y.size)[0]
        col = nearest(
            find(whole.x, [np.clip(x, *_ends(whole.x, x, reach[1], period))], period), whole.x.size
        )[0]
        if row < 0 or col < 0:
            raise ValueError(
                f"the point lies outside the raster, at x {x:.10g}, y {y:.10g}: it spans "
                f"{whole.x.min():.10g} to {whole.x.max():.10g} and {whole.y.min():.10g} to "
                f"{whole.y.max():.10g}"
            )
        one = cls(raster, whole, (int(row), int(row) + 1), (int(col), int(col) + 1))
        return one.grown(np.ones(4, bool), FIRST)

    def read(self, coding: str, crs, nodata) -> Directions:
        """The directions in the window."""
        y, x = spatial_dims(self.raster)
        count = self.whole.x.size
        part = self.raster.isel({y: slice(*self.rows)})
        pieces = [part.isel({x: piece}) for piece, _ in self._pieces()]
        for (_, turn), at in zip(self._pieces(), range(len(pieces)), strict=True):
            if turn:
                shifted = pieces[at][x].astype(np.float64) + 360.0 * turn
                pieces[at] = pieces[at].assign_coords({x: shifted})
        window = pieces[0] if len(pieces) == 1 else xr.concat(pieces, x)  # type: ignore[arg-type]
        if coding == d8.NEXTXY:
            window = self._renumbered(window, count)
        return read_directions(window, coding, crs=crs, nodata=nodata)

    def _pieces(self) -> list[tuple[slice, int]]:
        """The columns of the raster that the window is made of, and the turn that each is in."""
        count, found = self.whole.x.size, []
        sign = 1 if self.whole.x[0] < self.whole.x[-1] else -1
        for turn in (-1, 0, 1):
            first, last = (max(0, min(count, end - turn * count)) for end in self.cols)
            if first < last:
                found.append((slice(first, last), sign * turn))
        return found

    def _renumbered(self, window, count: int):
        """Next cells counted from the corner of the window."""
        north = self.rows[0]
        if self.whole.y[0] < self.whole.y[-1]:
            north = self.whole.y.size - self.rows[1]
        if self.cols[0] < 0 or self.cols[1] > count or self.whole.x[0] > self.whole.x[-1]:
            raise ValueError(
                "next cells are not followed across the edges of the raster: turn its longitudes "
                "so that the basin lies inside"
            )
        return renumber(window, north, self.cols[0])

    def can_grow(self, sides: np.ndarray) -> np.ndarray:
        """Those of the sides (upper, lower, left, right) behind which there are cells."""
        rows, cols = self.whole.shape
        if self.whole.wraps:
            across = self.cols[1] - self.cols[0] < cols
            room = [self.rows[0] > 0, self.rows[1] < rows, across, across]
        else:
            room = [self.rows[0] > 0, self.rows[1] < rows, self.cols[0] > 0, self.cols[1] < cols]
        return sides & np.array(room)

    def grown(self, sides: np.ndarray, by: int | None = None) -> Window:
        """A window half as large again towards some sides; MemoryError where it is too large."""
        rows, cols = self.whole.shape
        up, down, left, right = np.where(sides, 1, 0)
        high = max(FIRST, (self.rows[1] - self.rows[0]) // 2) if by is None else by
        wide = max(FIRST, (self.cols[1] - self.cols[0]) // 2) if by is None else by
        top, bottom = max(0, self.rows[0] - up * high), min(rows, self.rows[1] + down * high)
        first, last = self.cols[0] - left * wide, self.cols[1] + right * wide
        if not self.whole.wraps:
            first, last = max(0, first), min(cols, last)
        elif last - first > cols:
            first, last = max(first, self.cols[1] - cols), max(first, self.cols[1] - cols) + cols
        if (bottom - top) * (last - first) > _MOST:
            raise MemoryError(
                f"the basin needs a window of {bottom - top} x {last - first} cells: take a "
                "coarser raster"
            )
        top = min(top, rows - 2) if bottom - top < 2 else top  # a single row has no spacing
        return Window(self.raster, self.whole, (top, max(bottom, top + 2)), (first, last))


def _ends(axis: np.ndarray, value: float, reach: float, period=None) -> tuple[float, float]:
    """Bounds to which a point just outside an axis is moved; the point itself where it is far."""
    half = abs(spacing(axis)) / 2
    low, high = axis.min() - half, axis.max() + half
    if period is not None or not low - reach <= value <= high + reach:
        return value, value
    return low + half, high - half
