"""Rasters from GeoTIFF, ESRI ASCII grid and NetCDF files."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from gridhydro.base import calendar
from gridhydro.base.damage import reading
from gridhydro.base.files import existing
from gridhydro.domain.grid import known_crs
from gridhydro.domain.reference import centred
from gridhydro.io.lazy import opened

NETCDF = {".nc", ".nc4", ".cdf"}


def read_raster(
    path: str | Path, variable: str | None = None, crs=None, cell_reference: str = "center"
) -> xr.DataArray:
    """A raster (y, x) as floating numbers, NaN where there is no data, with its CRS.

    variable  its name in a NetCDF file, needed when the file holds several
    crs       for files that do not say (ESRI ASCII grids)
    cell_reference  the point of a cell that the file's coordinates stand for: "center", or a corner
                    such as "upper_left"
    Raises FileNotFoundError, or ValueError naming file and variables.
    """
    path = existing(path)
    if path.suffix.lower() in NETCDF:
        raster = read_variable(path, variable)
    else:
        import rioxarray

        try:
            found = rioxarray.open_rasterio(path, mask_and_scale=True)
        except Exception as error:  # rasterio's errors have no common base that is public
            raise ValueError(f"{path} cannot be read as a raster: {error}") from error
        if not isinstance(found, xr.DataArray):
            raise ValueError(f"{path} holds several rasters: save the one that is meant by itself")
        raster = found
        if raster.sizes.get("band", 1) != 1:
            raise ValueError(f"{path} has {raster.sizes['band']} bands, a raster of one is needed")
        raster = raster.squeeze("band", drop=True)
    with reading(path, "a raster"):
        raster = raster.load()
    raster = centred(raster, cell_reference)
    raster.name = variable or raster.name or path.stem
    return raster if crs is None else raster.rio.write_crs(known_crs(crs))


def read_variable(path: Path, variable: str | None) -> xr.DataArray:
    """A variable of a NetCDF file, or its only one, read into memory; the file is closed again.

    ValueError, with their names, if it is not clear which.
    """
    with reading(path, "a NetCDF file"), opened(path) as dataset:
        return variable_of(dataset, path, variable).load()


def variable_of(dataset: xr.Dataset, path: Path, variable: str | None) -> xr.DataArray:
    """A variable of the Dataset of a file, or its only one, on the days of its bounds; see
    `read_variable`."""
    names = [str(name) for name in dataset.data_vars if dataset[name].ndim >= 2]
    if variable is None and len(names) == 1:
        variable = names[0]
    if variable not in dataset:
        problem = f"has no variable '{variable}'" if variable else "holds several variables"
        raise ValueError(f"{path} {problem}: name one of {', '.join(names)}")
    return calendar.by_bounds(dataset[variable], dataset, f"{path}: 'time'")
