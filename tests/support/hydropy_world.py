"""A small raster with the HydroPy column: land surface, two years of weather, gauges, tiles."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.inputs.forcing import Forcing
from gridhydro.nets.correction import SIX
from tests.support.hydropy_land import flat_land
from tests.support.options import grouped

LAT, LON = np.arange(1.75, -2, -0.5), np.arange(-69.75, -66, 0.5)
PERIOD, SPINUP = ("2004-01", "2004-12"), 365


@cache
def hydropy_world(seed=0):
    """domain (64 cells, 2 gauges), land, attributes, forcing, discharge, storage observations.

    Discharge and storage are those of a model whose parameters vary with the attributes.
    """
    rng = np.random.default_rng(seed)
    shape = len(LAT), len(LON)
    ramp = np.broadcast_to(np.linspace(0, 1, shape[1]), shape)
    land_file = flat_land(
        LAT, LON, srftopo=500 - 300 * ramp, slope_avg=0.001 + 0.02 * rng.random(shape),
        topo_std=50 + 300 * rng.random(shape), flake=0.3 * rng.random(shape),
    )  # fmt: skip
    codes = np.full(shape, 6)  # all rivers go east, and along the last column to the middle
    codes[: shape[0] // 2, -1], codes[shape[0] // 2 :, -1], codes[shape[0] // 2, -1] = 2, 8, 5
    coords = dict(lat=LAT, lon=LON)
    gauges = pd.DataFrame(
        dict(lon=[LON[-1], LON[3]], lat=[LAT[shape[0] // 2], LAT[1]]), index=["mouth", "branch"]
    ).rename_axis("name")
    raster = xr.DataArray(codes, coords, ("lat", "lon"))
    domain = gh.Domain.from_d8(raster, "ldd", gauges=gauges.reset_index(), crs="EPSG:4326")
    land = gh.land_surface(domain, land_file)
    domain = land.land_domain()
    times = pd.date_range("2003-01-01", "2004-12-31")
    forcing = _weather(domain, land, times, rng)
    attributes = {n: rng.standard_normal(domain.size) for n in ("first", "second")}
    score = 1 / (1 + np.exp(-attributes["first"]))
    truth = land.defaults | dict(
        surface_lag=5 + 60 * score, river_lag=0.05 + 0.5 * score, drainage_max=1 + 4 * score
    )
    model = hydropy_model(domain, land, network="none", defaults=truth)
    tiles = gh.Tiles.of(domain, 2.0)
    months = pd.date_range("2003-01-01", "2005-01-01", freq="MS").to_numpy().astype("M8[D]")
    dates = months[:-1], months[1:]
    empty = np.zeros((24, tiles.size))
    baseline = ("2003-01-01", "2004-12-31")
    windows = gh.StorageObservations(tiles, *dates, empty, baseline).windows(times)
    with torch.no_grad():
        run = model(forcing.values[: len(model.forcings)], averages=windows.averages)
    anomalies = (windows.matrix.float() @ tiles.mean(run.storage)).double().numpy()
    storage = gh.StorageObservations(tiles, *dates, anomalies, ("2004-01-01", "2004-12-31"))
    discharge = pd.DataFrame(run.discharge.numpy(), times, ["mouth", "branch"])
    return SimpleNamespace(
        domain=domain, land=land, file=land_file, forcing=forcing, attributes=attributes,
        truth=truth, discharge=discharge, storage=storage, tiles=tiles,
    )  # fmt: skip


def hydropy_model(domain, land, attributes=None, **options) -> gh.Model:
    return gh.Model(
        domain, "hydropy_ramp", attributes, properties=land.properties,
        **grouped(**dict(defaults=land.defaults, routing=gh.River.hydropy()) | options),
    )  # fmt: skip


def own(world, model) -> Forcing:
    """The part of the world's forcing that a model takes."""
    return Forcing(world.forcing.times, world.forcing.values[: len(model.forcings)])


def _weather(domain, land, times, rng) -> Forcing:
    shape = len(times), domain.size
    season = np.sin(2 * np.pi * np.arange(len(times)) / 365)[:, None]
    wet = rng.random((len(times), 1)) < 0.5 + 0.3 * season
    series = {
        "precipitation": wet * rng.gamma(0.7, 14, shape),
        "temperature": 25 + 2 * season + rng.standard_normal(shape),
        "potential_evapotranspiration": 4 - 0.8 * season + 0.5 * rng.random(shape),
    }
    daily = land.forcing(times)
    series |= {name: domain.pack(daily[name]) for name in daily}
    scales = dict(zip(SIX[1:], (0.016, 9.8e4, 2.0, 200.0, 400.0), strict=True))
    series |= {name: v * (1 + 0.1 * rng.standard_normal(shape)) for name, v in scales.items()}
    values = np.stack(list(series.values())).astype(np.float32)
    return Forcing(times, torch.from_numpy(values))
