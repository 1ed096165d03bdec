"""The basin of a point, out of a raster of flow directions of which only a window is read."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.report import Report
from gridhydro.domain import builders, d8
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.directions import Directions, read_directions, renumber
from gridhydro.domain.domain import Domain
from gridhydro.domain.gauges import read_gauges
from gridhydro.domain.grid import Grid, find, nearest, read_crs, read_grid, spacing, spatial_dims
from gridhydro.domain.network import Network, follow, rank_of
from gridhydro.domain.placing import REACH, TOLERANCE, place_gauges
from gridhydro.domain.reference import centred

_FIRST = 64  # cells from the point to the edges of the first window
_MOST = 2**31  # cells of a window


def delineate(
    flow_directions,
    lon: float,
    lat: float,
    *,
    coding: str,
    area_km2: float | None = None,
    name: str = "outlet",
    snap: bool = False,
    crs=None,
    nodata=None,
    cell_reference: str = "center",
) -> Domain:
    """The domain of all cells upstream of a point, which is its gauge.

    flow_directions  raster as for `Domain.from_d8`; one that is not in memory
                     (`gridhydro.io.open_raster`) is read by a window that grows until nothing
                     drains into it from outside: whole continents need not fit into memory
    lon, lat   degrees, WGS84
    area_km2   reported for the point, if known: a basin more than half off it is refused
    snap       take the best cell within two, see `Domain.from_d8`
    name       of the gauge
    coding, crs, nodata, cell_reference  as for `Domain.from_d8`
    A raster that goes around the globe is followed across its edges. ValueError for a point outside
    it, or without data; a basin that reaches the raster's edge is said.
    """
    if isinstance(flow_directions, str) or not hasattr(flow_directions, "dims"):
        raise ValueError(
            "flow directions are a raster (DataArray) to be read by a window: open a file with "
            "gridhydro.io.open_raster"
        )
    coding = d8.check_coding(coding)
    raster = centred(flow_directions, cell_reference)
    whole = read_grid(raster, crs)
    point = {"name": name, "lon": lon, "lat": lat}
    if area_km2 is not None:
        point["area_km2"] = area_km2
    gauge = read_gauges([point], whole.crs)
    window = _Window.around(raster, whole, gauge, _FIRST)
    while True:
        read = window.read(coding, read_crs(raster, crs), nodata)
        basin = _Basin.of(read, gauge, snap)
        sides = window.can_grow(basin.open_sides)
        if not sides.any():
            break
        window = window.grown(sides)
    report = basin.report.raise_if_bad()
    reached = [side for side, is_open in zip(_SIDES, basin.open_sides, strict=True) if is_open]
    if reached:
        report.warnings.append(
            f"the basin of '{name}' reaches the {' and '.join(reached)} edge of the raster, and is "
            "cut there if more drains into it"
        )
    for text in report.warnings:
        warnings.warn(text, DomainWarning, stacklevel=2)
    return basin.domain(gauge)


_SIDES = ("upper", "lower", "left", "right")


@dataclass(frozen=True)
class _Window:
    """Rows and columns of a raster; columns of one around the globe may go on over its edge."""

    raster: xr.DataArray | xr.Dataset
    whole: Grid
    rows: tuple[int, int]
    cols: tuple[int, int]

    @classmethod
    def around(cls, raster, whole: Grid, gauge: pd.DataFrame, half: int) -> _Window:
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
        return one.grown(np.ones(4, bool), half)

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

    def grown(self, sides: np.ndarray, by: int | None = None) -> _Window:
        """A window half as large again towards some sides; MemoryError where it is too large."""
        rows, cols = self.whole.shape
        up, down, left, right = np.where(sides, 1, 0)
        high = max(_FIRST, (self.rows[1] - self.rows[0]) // 2) if by is None else by
        wide = max(_FIRST, (self.cols[1] - self.cols[0]) // 2) if by is None else by
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
        return _Window(self.raster, self.whole, (top, max(bottom, top + 2)), (first, last))


def _ends(axis: np.ndarray, value: float, reach: float, period=None) -> tuple[float, float]:
    """Bounds to which a point just outside an axis is moved; the point itself where it is far."""
    half = abs(spacing(axis)) / 2
    low, high = axis.min() - half, axis.max() + half
    if period is not None or not low - reach <= value <= high + reach:
        return value, value
    return low + half, high - half


@dataclass(frozen=True)
class _Basin:
    """The cells of a window that drain to the gauge.

    inside      (rows * cols,) bool
    open_sides  (4,) whether more than the window may drain to it: upper, lower, left, right
    """

    read: Directions
    outlet: int
    inside: np.ndarray
    open_sides: np.ndarray
    report: Report

    @classmethod
    def of(cls, read: Directions, gauge: pd.DataFrame, snap: bool) -> _Basin:
        """The basin of the gauge's cell, or of a better one nearby."""
        grid, target = read.grid, read.target
        edges: np.ndarray = _edges(grid.shape)
        network, cells = _without_circles(target)
        height = np.repeat(Grid(grid.y, grid.x[:2], grid.crs).cell_area()[:, 0], grid.shape[1])
        upstream = np.full(grid.shape, np.nan)
        upstream.ravel()[cells] = network.accumulate(height[cells]) / 1e6
        is_open = np.zeros(target.size, bool)
        is_open[cells] = network.accumulate(edges[:, cells].any(axis=0).astype(np.int64)) > 0
        (outlet,), report = place_gauges(gauge, grid, upstream, target, snap)
        wanted = [outlet] if outlet >= 0 else []
        # a cell whose basin goes on beyond the window may yet turn out to have the reported area
        if not np.isnan(gauge["area_km2"].iloc[0]):
            near = _near(gauge, grid)
            may_be = upstream.ravel()[near] <= (1 + TOLERANCE) * gauge["area_km2"].iloc[0]
            wanted += near[is_open[near] & may_be].tolist()
        rank = rank_of(cells, target.size)
        places = rank[np.array(wanted, np.int64)]
        of_these = cells[network.upstream_cells(places[places >= 0])]
        inside = np.zeros(target.size, bool)
        if outlet >= 0 and rank[outlet] >= 0:
            inside[cells[network.upstream_cells(rank[outlet])]] = True
        return cls(read, int(outlet), inside, np.asarray(edges[:, of_these].any(axis=1)), report)

    def domain(self, gauge: pd.DataFrame) -> Domain:
        """The domain of the basin alone."""
        grid, target = self.read.grid, np.where(self.inside, self.read.target, d8.NO_CELL)
        target[self.outlet] = d8.LEAVES
        read = Directions(
            target, np.zeros(0, np.int64), self.read.codes, self.read.coding, grid, True
        )
        row, col = divmod(self.outlet, grid.shape[1])
        at = pd.DataFrame(
            {
                "name": gauge.index, "x": grid.x[col], "y": grid.y[row],
                "area_km2": gauge["area_km2"].to_numpy(), "accept": True,
            }
        )  # fmt: skip
        made = builders.from_d8(
            Domain, read, gauges=at, area=None, resolution=None, snap=False, method="ihu"
        )
        return made.crop()


def _edges(shape: tuple[int, int]) -> np.ndarray:
    """(4, rows * cols) bool: the cells along the upper, lower, left and right edge."""
    found = np.zeros((4, *shape), bool)
    found[0, 0], found[1, -1], found[2, :, 0], found[3, :, -1] = True, True, True, True
    return found.reshape(4, -1)


def _without_circles(target: np.ndarray) -> tuple[Network, np.ndarray]:
    """The network of the cells that end somewhere, and their numbers in its order."""
    down = np.maximum(target, -1)
    last, _ = follow(down)
    active = np.flatnonzero((target != d8.NO_CELL) & (down[last] < 0))
    network, order = Network.from_downstream(rank_of(active, target.size)[down[active]])
    return network, active[order]


def _near(gauge: pd.DataFrame, grid: Grid) -> np.ndarray:
    """The cells with a network within REACH of the gauge."""
    period = 360.0 if grid.geographic else None
    row = nearest(find(grid.y, gauge["y"]), grid.y.size)[0]
    col = nearest(find(grid.x, gauge["x"], period), grid.x.size)[0]
    rows = np.arange(max(0, row - REACH), min(grid.y.size, row + REACH + 1))
    cols = np.arange(max(0, col - REACH), min(grid.x.size, col + REACH + 1))
    return (rows[:, None] * grid.x.size + cols).ravel()
