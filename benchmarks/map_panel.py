"""Rasters in the panels of a figure, drawn as all maps of gridhydro are (`domain/map_frame.py`)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.domain.grid import read_grid, spacing, spatial_dims
from gridhydro.domain.map_colours import Limits
from gridhydro.domain.map_frame import Frame, dress

DEGREES = "EPSG:4326"


def north_up(raster: xr.DataArray) -> xr.DataArray:
    """The raster (y, x) with its first row in the north and its first column in the west."""
    y, x = spatial_dims(raster)
    return raster.transpose(y, x).sortby(y, ascending=False).sortby(x)


def frame_of(raster: xr.DataArray) -> Frame:
    """Around all cells of a raster (y, x), of degrees if it has no reference system."""
    grid = read_grid(raster, DEGREES if raster.rio.crs is None else None)
    ends: list[float] = []
    for axis in (grid.x, grid.y):
        half = abs(spacing(axis)) / 2
        ends += [float(axis.min() - half), float(axis.max() + half)]
    return Frame((ends[0], ends[1], ends[2], ends[3]), grid.crs)


def draw(
    axis, raster: xr.DataArray, limits: Limits, cmap="viridis", furniture: bool = False,
    lines: bool = True,
):  # fmt: skip
    """Draw a raster (y, x), with `lines` coasts and borders too, and with `furniture` scale and
    north; returns the image, for its colour bar."""
    frame, values = frame_of(raster), north_up(raster).values
    image = axis.imshow(
        values, extent=frame.drawn, norm=limits.norm, cmap=cmap, interpolation="nearest", zorder=1
    )
    row, col = np.nonzero(np.isfinite(values))
    left, right, bottom, top = frame.drawn
    step = (right - left) / values.shape[1], (top - bottom) / values.shape[0]
    occupied = np.array([left + step[0] * (col + 0.5), top - step[1] * (row + 0.5)])
    dress(axis, frame, occupied, furniture=furniture, lines=lines)
    return image
