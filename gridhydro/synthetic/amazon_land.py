"""Generated land surface of the Amazon, on its real river network: what HydroPy reads.

The network, the slope of the river beds and the soil water in the first metre are those of DDM30;
all else is generated. Names and units are those of HydroPy's land-surface file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter

from gridhydro.domain.domain import Domain
from gridhydro.io.hydropy import FIELDS
from gridhydro.synthetic.amazon_climate import Climate, wetness
from gridhydro.synthetic.random_fields import logistic, smooth_map

NORTH, SOUTH, WEST, EAST = 7, -23, -83, -47  # 60 rows and 72 columns
_MID_MONTH = pd.date_range("2001-01-15", periods=12, freq="MS").day_of_year.to_numpy() + 14

# of the grid, beside the fields of the land surface
_ROUTING = {
    "rout_lat": "row of the cell downstream, from 0; the cell itself: a sink",
    "rout_lon": "column of the cell downstream, from 0; the cell itself: a sink",
    "rivdir": "river direction as on a keypad, 0 where there is no land",
}


def amazon(path: Path) -> tuple[Domain, xr.Dataset]:
    """The largest river of the window in a DDM30 file, without gauges, and the file's window.

    Areas are those of the file, in which a lake counts as land.
    """
    with xr.open_dataset(path) as file:
        window = file.sel(lat=slice(NORTH, SOUTH), lon=slice(WEST, EAST)).load()
    directions = window["flow_direction"]
    area = window["continental_area"].assign_attrs(units="km2")
    everything = Domain.from_d8(directions, "watergap", area=area, crs="EPSG:4326")
    basin = everything.network.basin
    largest = np.bincount(basin, weights=everything.area).argmax()
    mask = everything.unpack(np.where(basin == largest, 1.0, 0.0)) == 1
    window["mask"] = directions.dims, mask.values
    return Domain.from_d8(directions, "watergap", area=area, mask=mask, crs="EPSG:4326"), window


def elevation(domain: Domain, window: xr.Dataset) -> np.ndarray:
    """Mean elevation (N,), m: the river beds climb from the mouth by their slopes and lengths."""
    rise = domain.pack(window["river_slope"]) * domain.pack(window["river_length"]) * 1000
    network, bed = domain.network, np.zeros(domain.size)
    for cell in range(domain.size - 1, -1, -1):  # downstream cells come last
        below = network.downstream[cell]
        bed[cell] = rise[cell] + (bed[below] if below >= 0 else 0)
    # the steepest beds are too steep to be so all along: no cell is higher than 5 km
    return (bed**-4.0 + 5000**-4.0) ** -0.25


def land_fields(domain: Domain, window: xr.Dataset, climate: Climate, rng) -> dict[str, np.ndarray]:
    """Fields (N,), fveg and lai (12, N), by the names of `FIELDS`; lsm and area are left out.

    Forest where it rains enough, savanna where not, grass on the heights; wetlands along large
    rivers and on wide plains; deep roots below forest.
    """

    def noise(power=2.0):
        return smooth_map(domain.shape, rng, power)[domain.row, domain.col]

    height, rain = climate.height, climate.precipitation
    upstream = np.log10(domain.network.accumulate(domain.area) / 1e6)  # km2
    relief = (25 + 0.75 * _roughness(domain, height)) * np.exp(0.25 * noise())
    slope = np.minimum(0.0035 * (relief / 50) ** 1.1, 0.25) * np.exp(0.2 * noise())
    flat = logistic(-(relief - 60) / 15)

    tree_line = logistic((height - 2900) / 350)
    forest = logistic((rain - 1680) / 130 + 0.9 * noise()) * (1 - tree_line)
    season = np.tanh(wetness(climate.lon, climate.lat, _MID_MONTH) - 1)
    leaves = (0.8 + 4.8 * forest) * np.exp(0.08 * noise())
    lai = leaves * (1 + (0.06 + 0.30 * (1 - forest)) * season)
    cover = (0.38 + 0.50 * forest) * np.exp(0.05 * noise())
    fveg = np.clip(cover * (1 + (0.02 + 0.22 * (1 - forest)) * season), 0.02, 0.98)

    floodplain = 0.28 * logistic((upstream - 5.3) / 0.35) * flat
    plains = 0.22 * logistic(3 * (noise(2.5) - 0.8)) * flat
    wetland = np.clip(0.01 + (floodplain + plains) * np.exp(0.3 * noise()), 0, 0.42)
    lake = np.clip(0.003 + 0.03 * logistic((upstream - 5.6) / 0.3), 0, 1) * np.exp(0.4 * noise())

    roots = (0.9 + 1.9 * forest) * np.exp(0.15 * noise())  # m
    available = np.maximum(domain.pack(window["available_water_capacity"]) * roots, 30)
    capacity = available / (1 - 0.28 - 0.16 * logistic(1.2 * noise()))
    shape = 0.12 + 0.35 * logistic(0.8 * noise() + 0.8 * np.tanh(relief / 300 - 1))
    least = capacity * (0.05 + 0.25 * logistic(noise()))
    cold = logistic((height - 4700) / 120)
    return {
        "glacier": 0.06 * cold,
        "srftopo": height,
        "topo_std": relief,
        "slope_avg": slope,
        "wcap": capacity,
        "wava": available,
        "wmin": least,
        # such that the capacities within the cell have the mean wcap
        "wmax": least + (capacity - least) * (1 + shape),
        "beta": shape,
        "fveg": fveg,
        "lai": lai,
        "flake": lake,
        "fwetl": wetland,
        "perm": 0.25 * cold,
        "ddfac": 2.5 + 3.5 * logistic((relief - 400) / 150),
    }


def as_file(domain: Domain, window: xr.Dataset, fields: dict[str, np.ndarray]) -> xr.Dataset:
    """The land-surface file: rasters (lat, lon), vegetation by month; no land outside the basin.

    As in HydroPy, the mouth drains into a cell of the sea, here the one east of it.
    """
    whole = domain.raster_grid.cell_area()
    rows, cols = np.indices(domain.shape)
    below = domain.network.downstream
    rows[domain.row, domain.col] = np.where(below < 0, domain.row, domain.row[below])
    cols[domain.row, domain.col] = np.where(below < 0, domain.col + 1, domain.col[below])
    land = np.clip(domain.area / whole[domain.row, domain.col], 0, 1)
    codes = np.where(window["mask"], window["flow_direction"], 0)
    codes[domain.row[below < 0], domain.col[below < 0]] = 6
    rasters = {"area": whole, "rout_lat": rows, "rout_lon": cols, "rivdir": codes}
    months = {"month": np.arange(1, 13)}
    for name, values in {"lsm": land, **fields}.items():
        raster = domain.unpack(values, dims=("month",) if values.ndim == 2 else (), coords={})
        rasters[name] = raster.fillna(0.0).values
    dataset = xr.Dataset(coords=months | {dim: window[dim].values for dim in ("lat", "lon")})
    for name in FIELDS:
        attrs = {"units": FIELDS[name].unit, "long_name": FIELDS[name].long_name}
        dims = ("month", "lat", "lon") if FIELDS[name].monthly else ("lat", "lon")
        dataset[name] = dims, rasters[name].astype(np.float32), attrs
    for name, long_name in _ROUTING.items():
        attrs = {"units": "1", "long_name": long_name}
        dataset[name] = ("lat", "lon"), rasters[name].astype(np.int32), attrs
    dataset["lat"].attrs.update(standard_name="latitude", units="degrees_north")
    dataset["lon"].attrs.update(standard_name="longitude", units="degrees_east")
    return dataset


def _roughness(domain: Domain, height) -> np.ndarray:
    """Standard deviation of the heights around each cell, within about 100 km."""
    raster = domain.unpack(height, dims=()).values
    inside = np.isfinite(raster)
    weight = gaussian_filter(inside.astype(float), 1)

    def around(values):
        return (gaussian_filter(np.where(inside, values, 0), 1) / np.maximum(weight, 1e-9))[
            domain.row, domain.col
        ]

    return np.sqrt(np.maximum(around(raster**2) - around(raster) ** 2, 0))
