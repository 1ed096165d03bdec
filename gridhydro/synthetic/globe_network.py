"""The river network of a generated globe: that of a file, or a finer one that follows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base.arguments import number
from gridhydro.base.files import existing
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import spacing
from gridhydro.io.lazy import opened

NOWHERE = 255  # no land, in the raster of directions
NEEDED = ("flow_direction", "river_slope", "river_length")
_CHANCE = 0.6  # that a cell beside a brook drains into it, in a round
_AROUND = [(row, col) for row in (-1, 0, 1) for col in (-1, 0, 1) if row or col]


def read_network(path: str | Path) -> tuple[Domain, xr.Dataset]:
    """The rivers of a file such as DDM30's, without gauges, and its fields cut to the rows of land.

    path  NetCDF of `flow_direction` (as `from_d8` has "watergap"), `river_slope` (1) and
          `river_length` (km), (lat, lon) from north to south
    FileNotFoundError; ValueError for what the file lacks.
    """
    path = existing(path)
    with opened(path) as file:
        lacking = [name for name in NEEDED if name not in file]
        if lacking:
            raise ValueError(
                f"lacks {', '.join(lacking)}: a network has {', '.join(NEEDED)} (lat, lon)"
            )
        fields = file[list(NEEDED)].transpose("lat", "lon").sortby("lat", ascending=False).load()
        rows = np.flatnonzero(fields["flow_direction"].notnull().any("lon"))
        if not rows.size:
            raise ValueError("has no cell with a flow direction")
        fields = fields.isel(lat=slice(rows[0], rows[-1] + 1))
        return Domain.from_d8(fields["flow_direction"], "watergap", crs="EPSG:4326"), fields


def parts_of(domain: Domain, resolution: float) -> int:
    """Into how many cells along a side each cell is cut; ValueError where they are no odd number,
    as a river runs from the middle one to the next cell's."""
    own = abs(spacing(domain.raster_grid.x))
    parts = own / number("resolution", resolution, 1e-3)
    if round(parts) % 2 != 1 or abs(parts - round(parts)) > 1e-3 * parts:
        finer = ", ".join(f"{own / odd:.4g}" for odd in (1, 3, 5, 7))
        raise ValueError(
            f"resolution is {resolution:g}, should be that of the network by an odd number: "
            f"{finer}, ... degrees"
        )
    return round(parts)


def refined(domain: Domain, parts: int, rng) -> tuple[xr.DataArray, np.ndarray]:
    """Directions of a grid `parts` times as fine, PCRaster's codes (lat, lon), and for each of its
    cells (rows, cols) how many steps it lies from a river of the coarse network.

    Rivers go straight from the middle of a coarse cell to that of the next, and so each keeps its
    basin. The cells beside them join them one after the other, at random, within their coarse cell.
    """
    code, steps = _rivers(domain, parts)
    _hillslopes(code, steps, rng)
    grid, rows, cols = domain.raster_grid, *domain.shape
    places = domain.row, slice(None), domain.col
    rasters = []
    for values, empty in ((code, NOWHERE), (steps, 0)):
        raster = np.full((rows, parts, cols, parts), empty, dtype=np.uint8)
        raster[places] = values
        rasters.append(raster.reshape(rows * parts, cols * parts))
    axes = {"y": _cut(grid.y, parts), "x": _cut(grid.x, parts)}
    attrs = {"long_name": "local drain direction (PCRaster)", "_FillValue": np.uint8(NOWHERE)}
    directions = xr.DataArray(rasters[0], axes, ("y", "x"), "flow_direction", attrs)
    return directions.rio.write_crs(grid.crs), rasters[1]


def parents(domain: Domain, coarse: Domain, parts: int) -> np.ndarray:
    """The coarse cell (N,) in which each cell of a refined domain lies."""
    number = np.full(coarse.shape, -1)
    number[coarse.row, coarse.col] = np.arange(coarse.size)
    return number[domain.row // parts, domain.col // parts]


def _cut(axis: np.ndarray, parts: int) -> np.ndarray:
    """The centres of cells cut in parts."""
    step = spacing(axis) / parts
    return (axis[:, None] + step * (np.arange(parts) - parts // 2)).ravel()


def _rivers(domain: Domain, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the rivers in each coarse cell (N, parts, parts), NOWHERE beside them, and steps."""
    down, middle = domain.network.downstream, parts // 2
    inner = np.flatnonzero(down >= 0)
    south = domain.row[down[inner]] - domain.row[inner]
    east = domain.col[down[inner]] - domain.col[inner]
    east = np.where(np.abs(east) > 1, -np.sign(east), east)  # around the globe
    code = np.full((domain.size, parts, parts), NOWHERE, dtype=np.uint8)
    code[:, middle, middle] = 5  # where water leaves
    way = 5 - 3 * south + east
    for step in range(middle + 1):
        code[inner, middle + step * south, middle + step * east] = way
        if step:  # the half of it in the next cell
            code[down[inner], middle - step * south, middle - step * east] = way
    return code, np.zeros_like(code)


def _hillslopes(code: np.ndarray, steps: np.ndarray, rng) -> None:
    """Let all other cells drain into one beside them that drains already, the lowest of random
    heights."""
    size, parts, _ = code.shape
    height = np.full((size, parts + 2, parts + 2), np.inf, dtype=np.float32)
    known = (slice(None), slice(1, -1), slice(1, -1))
    heights = rng.random(code.shape, dtype=np.float32)
    height[known] = np.where(code != NOWHERE, heights, np.inf)
    for turn in range(1, 100 * parts):
        left = code == NOWHERE
        if not left.any():
            return
        lowest = np.full(code.shape, np.inf, dtype=np.float32)
        way = np.zeros_like(code)
        for south, east in _AROUND:
            there = height[:, 1 + south : 1 + south + parts, 1 + east : 1 + east + parts]
            lower = there < lowest
            lowest = np.where(lower, there, lowest)
            way[lower] = 5 - 3 * south + east
        joins = left & np.isfinite(lowest) & (rng.random(code.shape, dtype=np.float32) < _CHANCE)
        code[joins] = way[joins]
        steps[joins] = turn
        height[known] = np.where(joins, heights, height[known])
