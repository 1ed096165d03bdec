"""Observations in the synthetic Amazon: discharge at its gauges, and storage as GRACE would see it.

Both come from the column "hydropy_ramp" under the true parameters and the true potential
evapotranspiration, and both have errors.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.domain.tiles import Tiles
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.land_surface import LandSurface, land_surface
from gridhydro.model.model import Model
from gridhydro.model.river import River
from gridhydro.observations.storage import StorageObservations
from gridhydro.synthetic.amazon_weather import VARIABLES, reference_evapotranspiration
from gridhydro.synthetic.amazon_world import SyntheticAmazon
from gridhydro.synthetic.catchment_observations import observe
from gridhydro.synthetic.random_fields import smooth_map

COLUMN = "hydropy_ramp"
SPINUP = 730  # days, in which the stores find their equilibrium
STORAGE_ERROR = 12.0  # mm, of a solution, smooth over hundreds of kilometres


def surface(world: SyntheticAmazon) -> LandSurface:
    """The land surface as a model is told of it."""
    return land_surface(world.domain, world.file)


def forcing(world: SyntheticAmazon, land: LandSurface, demand: np.ndarray | None = None) -> Forcing:
    """Forcing of the column, followed by the further series that Penman-Monteith takes.

    demand  potential evapotranspiration (T, N) mm d-1; that of Penman-Monteith if left out
    """
    demand = reference_evapotranspiration(world.weather) if demand is None else demand
    seasons = land.forcing(world.times)
    rows = [world.weather["precipitation"], world.weather["temperature"], demand]
    rows += [world.domain.pack(seasons[name]) for name in seasons]
    rows += [world.weather[n] for n in VARIABLES if n not in ("precipitation", "temperature")]
    return Forcing(world.times, torch.from_numpy(np.stack(rows, dtype=np.float32)))


@torch.no_grad()
def observations(world: SyntheticAmazon, seed: int = 0) -> tuple[pd.DataFrame, xr.Dataset]:
    """Discharge (days by gauges, m3 s-1) with errors of 5 % and gaps, and anomalies of storage.

    The second has `twsa` (time, y, x) mm and the days of each solution, `time_start` and
    `time_end` (the first day after), as `io.read_grace` gives them.
    """
    land = surface(world)
    truth = Model(
        world.domain, COLUMN, properties=land.properties, network="none",
        defaults=world.parameters, routing=River.hydropy(),
    )  # fmt: skip
    demand = reference_evapotranspiration(world.weather) + world.pet_error
    values = forcing(world, land, demand).values[: len(truth.forcings)]
    start, end = (world.grace[n].to_numpy("datetime64[D]") for n in ("time_start", "time_end"))
    tiles = Tiles.of(world.domain)
    nothing = np.zeros((len(world.grace), tiles.size))
    whole = f"{world.times[0]:%Y-%m-%d}", f"{world.times[-1]:%Y-%m-%d}"
    windows = StorageObservations(tiles, start, end, nothing, whole).windows(world.times)
    stores = truth.near_equilibrium(values[:, :SPINUP].contiguous())
    run = truth(values, stores, averages=windows.averages)
    storage = (windows.matrix @ run.storage.double()).numpy()
    names = list(world.domain.gauges.index)
    index = pd.DatetimeIndex(world.times, name="time")
    discharge = pd.DataFrame(run.discharge.double().numpy(), index, names)
    return observe(discharge, seed, noise=0.05), _grace(world, storage, seed)


def _grace(world: SyntheticAmazon, storage: np.ndarray, seed: int) -> xr.Dataset:
    """Storage (S, N) mm as anomalies with errors, (time, y, x)."""
    rng, domain = np.random.default_rng(seed), world.domain
    anomalies = storage - storage.mean(0)
    for solution in anomalies:
        error = smooth_map(domain.shape, rng)[domain.row, domain.col]
        solution += STORAGE_ERROR * error
    first, end = (world.grace[name].to_numpy() for name in ("time_start", "time_end"))
    attrs = {"units": "mm", "long_name": "anomaly of the water stored on and in the ground"}
    middle = first + (end - first) / 2
    series = domain.unpack(anomalies.astype(np.float32), "twsa", attrs, ["time"], {"time": middle})
    return series.to_dataset().assign_coords(time_start=("time", first), time_end=("time", end))
