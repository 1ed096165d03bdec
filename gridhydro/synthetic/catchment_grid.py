"""The raster of the generated catchment, and its quantities as labelled rasters."""

from __future__ import annotations

import numpy as np
import rioxarray  # noqa: F401, gives rasters their CRS
import xarray as xr

SHAPE, CELL, CORNER, CRS = (40, 50), 2000.0, (4_200_000.0, 2_950_000.0), "EPSG:3035"
NOWHERE = 255  # no cell of the catchment, in the raster of flow directions


def axes() -> tuple[np.ndarray, np.ndarray]:
    """x and y of the cells' centres, m."""
    x = CORNER[0] + CELL * (np.arange(SHAPE[1]) + 0.5)
    y = CORNER[1] - CELL * (np.arange(SHAPE[0]) + 0.5)
    return x, y


def raster(values, unit: str, long_name: str, time=None) -> xr.DataArray:
    """A raster (y, x), or with `time` (time, y, x), with unit and reference system."""
    x, y = axes()
    coords = {"y": y, "x": x} if time is None else {"time": time, "y": y, "x": x}
    attrs = {"units": unit, "long_name": long_name}
    return xr.DataArray(values, coords, tuple(coords), attrs=attrs).rio.write_crs(CRS)


def dataset(rasters: dict[str, xr.DataArray]) -> xr.Dataset:
    """The rasters as one dataset with their reference system."""
    return xr.Dataset(rasters).rio.write_crs(CRS)
