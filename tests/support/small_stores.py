"""Weather on a raster that is larger than the domain in it, in files of chunks."""

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.domain.domain import Domain

UNITS = {
    "precipitation": "kg m-2 s-1",
    "temperature": "K",
    "potential_evapotranspiration": "mm d-1",
}
CHUNKS = (64, 5, 6)
ROWS, COLS = slice(6, 10), slice(9, 14)  # of the domain in the raster


def weather(days=200, rows=14, cols=20, seed=0) -> xr.Dataset:
    """Daily forcing of HBV, float32, in the units of files; latitudes from the north."""
    rng = np.random.default_rng(seed)
    shape = days, rows, cols
    values = (
        rng.gamma(0.5, 6, shape) / 86400, rng.normal(281, 6, shape), rng.gamma(2, 1, shape)
    )  # fmt: skip
    series = {
        name: (("time", "lat", "lon"), one.astype("f4"), {"units": unit})
        for (name, unit), one in zip(UNITS.items(), values, strict=True)
    }
    lat, lon = 50.25 - 0.5 * np.arange(rows), 8.25 + 0.5 * np.arange(cols)
    times = pd.date_range("2001-01-01", periods=days)
    return xr.Dataset(series, {"time": times, "lat": lat, "lon": lon})


def domain_in(data: xr.Dataset) -> Domain:
    """Some cells in the middle, one of them no part of it."""
    box = data["temperature"].isel(lat=ROWS, lon=COLS)
    directions = np.full(box.shape[1:], 1, "u1")
    directions[1, 0] = 247
    coords = {"lat": box["lat"], "lon": box["lon"]}
    raster = xr.DataArray(directions, coords, ("lat", "lon"))
    return Domain.from_d8(raster, "esri", crs="EPSG:4326")


def written(data: xr.Dataset, path):
    """The Dataset as a NetCDF file or Zarr store of chunks."""
    if str(path).endswith(".nc"):
        data.to_netcdf(path, encoding={name: {"chunksizes": CHUNKS} for name in data})
    else:
        encoding = {name: {"chunks": CHUNKS} for name in data}
        data.to_zarr(path, encoding=encoding, zarr_format=2, mode="w")
    return path
