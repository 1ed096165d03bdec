"""The mascons of NASA GSFC as they are solved for, in HDF5, as a raster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base.calendar import DAY
from gridhydro.io.grace_times import coordinates

NATIVE = {".h5", ".hdf5", ".hdf"}
_SIZE = 0.5  # degrees; mascons are about one
_WATER = 90
# day 1 of the file is the first of January 2002
_DAY_ZERO = np.datetime64("2001-12-31", "D")


def read_native(path: Path) -> xr.Dataset:
    """`twsa` (time, lat, lon), mm, and `land_mask` on half a degree, from GSFC's HDF5 file.

    Every cell has the value of the mascon that its centre lies in. Layout and days ("days since
    Jan 0 2002", both ends included) as in GSFC's "Mascon HDF5 format" of RL06 v2.0.
    ValueError naming what the file lacks.
    """
    import netCDF4

    try:
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            north, tall, east, wide, kind, first, last, cm = (
                _values(file, name, path)
                for name in (
                    "mascon/lat_center", "mascon/lat_span", "mascon/lon_center", "mascon/lon_span",
                    "mascon/location", "time/ref_days_first", "time/ref_days_last", "solution/cmwe",
                )
            )  # fmt: skip
    except OSError as error:
        raise ValueError(f"{path} cannot be read as HDF5: {error}") from None
    if cm.shape != (north.size, first.size):
        raise ValueError(
            f"{path}: solution/cmwe has the shape {cm.shape}, not that of {north.size} mascons and "
            f"{first.size} solutions"
        )
    lat = np.arange(-90 + _SIZE / 2, 90, _SIZE)
    lon = np.arange(_SIZE / 2, 360, _SIZE)
    mascon = np.full((lat.size, lon.size), -1)
    for i in range(north.size):
        rows = slice(*np.searchsorted(lat, [north[i] - tall[i] / 2, north[i] + tall[i] / 2]))
        across = np.abs((lon - east[i] + 180) % 360 - 180)
        mascon[rows, across <= wide[i] / 2] = i
    there = mascon >= 0
    values = np.where(there, 10 * cm.astype(np.float32).T[:, mascon], np.float32(np.nan))
    land = np.where(there, kind[mascon] != _WATER, False).astype(float)
    days = [_DAY_ZERO + np.floor(d).astype(np.int64) * DAY for d in (first, last)]
    return xr.Dataset(
        {"twsa": (("time", "lat", "lon"), values), "land_mask": (("lat", "lon"), land)},
        {"lat": lat, "lon": lon} | coordinates(days[0], days[1] + DAY),
        {"baseline": "2004 to 2009"},
    )


def _values(file, name: str, path) -> np.ndarray:
    group, variable = name.split("/")
    if group not in file.groups or variable not in file[group].variables:
        raise ValueError(f"{path} has no '{name}': it is not GSFC's file of mascons")
    values = np.asarray(file[group][variable][:], np.float64)
    return values if variable == "cmwe" else values.ravel()
