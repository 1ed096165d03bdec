"""The basin of a point, out of a raster of flow directions of which only a window is read."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhydro.base.report import Report
from gridhydro.domain import builders, d8
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.directions import Directions
from gridhydro.domain.directions_window import Window
from gridhydro.domain.domain import Domain
from gridhydro.domain.gauges import read_gauges
from gridhydro.domain.grid import Grid, find, nearest, read_crs, read_grid
from gridhydro.domain.network import Network, follow, rank_of
from gridhydro.domain.placing import REACH, TOLERANCE, place_gauges
from gridhydro.domain.reference import centred


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
    window = Window.around(raster, whole, gauge)
    while True:
        read = window.read(coding, read_crs(raster, crs), nodata)
        basin = _Basin.of(read, gauge, snap)
        sides = window.can_grow(basin.open_sides)
        if not sides.any():
            break
        window = window.grown(sides)
    report = basin.report.raise_if_bad()
    ends = _SIDES[:2] if whole.wraps else _SIDES  # around the globe there is no left and right
    reached = [side for side, is_open in zip(_SIDES, basin.open_sides, strict=True) if is_open]
    reached = [side for side in reached if side in ends]
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
