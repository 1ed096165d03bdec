"""Series of rasters: forcing from NetCDF files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base.files import existing
from gridhydro.domain.grid import spacing, spatial_dims
from gridhydro.io.raster import read_variable

# where within its cell a coordinate of the file lies, as fractions of it to the right and down
REFERENCES = {
    "center": (0.0, 0.0),
    "upper_left": (-0.5, -0.5),
    "lower_left": (-0.5, 0.5),
    "upper_right": (0.5, -0.5),
    "lower_right": (0.5, 0.5),
}


def read_series(
    path: str | Path,
    variable: str | None = None,
    *,
    crs=None,
    units: str | None = None,
    cell_reference: str = "center",
) -> xr.DataArray:
    """A variable (time, y, x) of a NetCDF file.

    units           where the file does not say, or says it wrongly
    cell_reference  the point of a cell that the file's coordinates stand for, if not its centre
    ValueError if the variable has no time, or for another `cell_reference`.
    """
    if cell_reference not in REFERENCES:
        raise ValueError(f"cell_reference is one of {', '.join(REFERENCES)}, not {cell_reference}")
    path = existing(path)
    series = read_variable(path, variable)
    if "time" not in series.dims:
        raise ValueError(f"'{series.name}' in {path} has no time axis, but {series.dims}")
    y, x = spatial_dims(series)
    right, down = REFERENCES[cell_reference]
    if cell_reference != "center":
        # longitudes and latitudes (y, x) may be of other points, as in mHM's files of weather,
        # where they are those of the centres, but with the rows upside down
        series = series.drop_vars([c for c in series.coords if series[c].ndim > 1])
        across, along = (np.asarray(series[d], dtype=np.float64) for d in (x, y))
        size_x, size_y = abs(spacing(across)), abs(spacing(along))
        series = series.assign_coords({x: across - right * size_x, y: along + down * size_y})
    if crs is not None:
        series = series.rio.write_crs(crs)
    return series if units is None else series.assign_attrs(units=units)
