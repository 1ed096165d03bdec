"""Sums of one raster over one polygon, read a band of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from gridhydro.domain.grid import Grid, spacing, spatial_dims
from gridhydro.domain.layers import Layers
from gridhydro.domain.zones import by_turn

HOWS = ("mean", "fraction", "direction")
_BAND = 2**23  # cells of a raster that are in memory at once
_LOOKED = 1e-3  # of a cell in a polygon: less is not looked at for codes


def sums(raster: xr.DataArray, grid: Grid, shape, how: str):
    """Name -> sum by area over a shape; the part of it that has data, and that area."""
    total: dict[str, float] = {}
    reached, there, whole = 0.0, 0.0, 0.0
    y, x = spatial_dims(raster)
    height = Grid(grid.y, grid.x[:2], grid.crs).cell_area()[:, 0]
    for rows in bands(shape, grid):
        for row, col, part, reach in by_turn(shape, Grid(grid.y[rows], grid.x, grid.crs)):
            reached += reach
            if not row.size:
                continue
            row = row + rows.start
            corner = int(row.min()), int(col.min())
            window = raster.isel(
                {y: slice(corner[0], int(row.max()) + 1), x: slice(corner[1], int(col.max()) + 1)}
            )
            cells = (row - corner[0]) * window.sizes[x] + col - corner[1]
            layer = Layers(window, cells[part > _LOOKED], corner, how == "fraction")
            values, area = layer.read({}).ravel()[cells], part * height[row]
            valid = np.isfinite(values)
            there, whole = there + area[valid].sum(), whole + area.sum()
            for name, parts in _parts(str(raster.name), values[valid], how):
                total[name] = total.get(name, 0.0) + float(area[valid] @ parts)
    return total, (min(reached, 1.0) * there / whole if whole else 0.0), there


def bands(shape, grid: Grid) -> Iterator[slice]:
    """The rows of a grid that a shape may lie in, so many at a time that they fit into memory."""
    _, south, _, north = shape.bounds
    half = abs(spacing(grid.y)) / 2
    inside = np.flatnonzero((grid.y + half > south) & (grid.y - half < north))
    if not inside.size:
        return
    west, _, east, _ = shape.bounds
    width = min(grid.x.size, (east - west) / abs(spacing(grid.x)) + 2)
    step = max(2, int(_BAND // width))
    first, last = min(int(inside[0]), grid.y.size - 2), int(inside[-1]) + 1
    while first < last:
        # a raster of a single row would have no spacing
        stop = first + step if last - first - step > 1 else max(last, first + 2)
        yield slice(first, stop)
        first = stop


def _parts(name: str, values: np.ndarray, how: str) -> Iterator[tuple[str, np.ndarray]]:
    """What is averaged of the values of cells, by name."""
    if how == "mean":
        yield name, values.astype(np.float64)
    elif how == "direction":
        yield "northness", np.cos(np.deg2rad(values))
        yield "eastness", np.sin(np.deg2rad(values))
    else:
        for one in np.unique(values):
            yield f"{one:g}", (values == one).astype(np.float64)
