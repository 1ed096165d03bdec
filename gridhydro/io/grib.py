"""GRIB files, as ECMWF's archives give them, by the extra `grib`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base.damage import reason
from gridhydro.base.files import existing

SUFFIXES = (".grib", ".grb", ".grib1", ".grib2", ".grb1", ".grb2")
_TIME = "valid_time"


def is_grib(path: str | Path) -> bool:
    """Whether a file is GRIB by its name."""
    return Path(path).suffix.lower() in SUFFIXES


def open_grib(path: str | Path) -> xr.Dataset:
    """The fields of a file along the times that they are valid for, nothing of them read.

    Where fields have other times than the rest, as amounts have, their axis is valid_time_1, ...
    The file is searched once, and its index kept in memory, not beside it. FileNotFoundError;
    ImportError naming what is to be installed; ValueError for what is no GRIB.
    """
    path = existing(path)
    about = path.stat()
    return _opened(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=256)
def _opened(path: Path, *written: int) -> xr.Dataset:
    try:
        import cfgrib  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except (ImportError, RuntimeError, OSError) as error:
        raise ImportError(
            f"{path} is GRIB, which is read by cfgrib: pip install 'gridhydro[grib]', or make "
            f"NetCDF of it, for example with cdo -f nc copy ({reason(error)})"
        ) from error
    # an index beside the file would be a pickle; a message that is damaged is not passed over
    options = {"indexpath": "", "time_dims": [_TIME], "errors": "raise"}
    try:
        parts = cfgrib.open_datasets(str(path), backend_kwargs=options, cache=False)
    except Exception as error:  # whatever the library raises over damaged bytes
        raise ValueError(f"{path} cannot be read as GRIB: {reason(error)}") from error
    if not parts:
        raise ValueError(f"{path} has no fields of GRIB")
    return _together(parts, path)


def _together(parts: list[xr.Dataset], path: Path) -> xr.Dataset:
    """Datasets of one file in one, each of other times on an axis of its own."""
    found: dict[str, xr.DataArray] = {}
    axes: list[np.ndarray] = []
    for part in parts:
        if _TIME in part.coords and _TIME not in part.dims:  # of a single time
            part = part.expand_dims(_TIME)
        part = part.drop_vars([name for name in part.coords if not part[name].dims])
        times = part[_TIME].values if _TIME in part.coords else None
        if times is not None:
            alike = [i for i, axis in enumerate(axes) if np.array_equal(axis, times)]
            if not alike:
                axes.append(times)
            number = alike[0] if alike else len(axes) - 1
            part = part.rename({_TIME: f"{_TIME}_{number}"}) if number else part
        for name, array in part.data_vars.items():
            if name in found:
                raise ValueError(
                    f"{path} has '{name}' on several levels or grids: split the file by them, for "
                    "example with grib_copy"
                )
            found[str(name)] = array
    try:
        xr.align(*found.values(), join="exact", copy=False)
        return xr.Dataset(found)
    except ValueError as error:
        raise ValueError(f"{path} has fields on several grids: split it ({error})") from error
