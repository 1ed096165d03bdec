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
from gridhydro.io.stores import stays_open

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
    raster = read_variable(path, variable) if _is_netcdf(path) else _of_gdal(path)
    with reading(path, "a raster"):
        raster = raster.load()
    return _placed(raster, path, variable, crs, cell_reference)


def open_raster(
    path: str | Path, variable: str | None = None, crs=None, cell_reference: str = "center"
) -> xr.DataArray:
    """As `read_raster`, but the file stays open, and only windows that are asked for are read."""
    path = existing(path)
    raster = variable_of(stays_open(path), path, variable) if _is_netcdf(path) else _of_gdal(path)
    return _placed(raster, path, variable, crs, cell_reference)


def _is_netcdf(path: Path) -> bool:
    return path.suffix.lower() in NETCDF or path.is_dir()


def _of_gdal(path: Path) -> xr.DataArray:
    """A raster of one band in a file that GDAL reads, nothing of it read."""
    import rioxarray

    try:
        found = rioxarray.open_rasterio(path, mask_and_scale=True)
    except Exception as error:  # rasterio's errors have no common base that is public
        raise ValueError(f"{path} cannot be read as a raster: {error}") from error
    if not isinstance(found, xr.DataArray):
        raise ValueError(f"{path} holds several rasters: save the one that is meant by itself")
    if found.sizes.get("band", 1) != 1:
        raise ValueError(f"{path} has {found.sizes['band']} bands, a raster of one is needed")
    return found.squeeze("band", drop=True)


def _placed(raster, path: Path, variable: str | None, crs, cell_reference: str) -> xr.DataArray:
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
