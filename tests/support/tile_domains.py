"""Domains for tests of tiles: a plain raster, and the Amazon."""

import numpy as np
import xarray as xr

from gridhydro import Domain


def raster(south, west, shape, step, **how):
    """A domain of cells that all are outlets."""
    lat = south + step * (np.arange(shape[0]) + 0.5)
    lon = west + step * (np.arange(shape[1]) + 0.5)
    codes = xr.DataArray(np.zeros(shape), {"lat": lat, "lon": lon}, ("lat", "lon"))
    return Domain.from_d8(codes, "watergap", **how)


def amazon(path):
    """The Amazon of the DDM30 network in the file `path`."""
    with xr.open_dataset(path) as file:
        ddm = file.load()
    world = Domain.from_d8(ddm.flow_direction, "watergap")
    largest = world.network.basin[np.argmax(world.network.accumulate(world.area))]
    mask = world.unpack((world.network.basin == largest).astype(float))
    return Domain.from_d8(
        ddm.flow_direction, "watergap", area=ddm.continental_area,
        mask=mask.rename(y="lat", x="lon"),
    )  # fmt: skip
