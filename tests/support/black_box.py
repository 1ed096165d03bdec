"""A bucket that is only a function, with forcing at a few cells: a model to make a surrogate of."""

from functools import cache

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro import fields, surrogate

PARAMETERS = fields(
    "capacity mm [20, 200]: what the soil holds",
    "recession d-1 [0.02, 0.5] log: recession rate of the ground",
)
OUTPUTS = fields("runoff mm d-1: runoff", "soil_wetness 1: water in the soil / capacity")
DAYS = 500
MIDDLE = {"capacity": torch.tensor([60.0, 150.0]), "recession": torch.tensor([0.05, 0.2])}


@cache
def forcing(cells: int = 4, days: int = DAYS, seed: int = 3) -> xr.Dataset:
    random = np.random.default_rng(seed)
    rain = np.where(random.random((days, cells)) < 0.4, random.exponential(8, (days, cells)), 0)
    season = np.sin(2 * np.pi * np.arange(days) / 365)[:, None]
    demand = np.maximum(2.5 + 1.5 * season + 0.3 * random.standard_normal((days, cells)), 0)
    units = {"units": "mm d-1"}
    series = {"precipitation": rain, "potential_evapotranspiration": demand}
    return xr.Dataset(
        {n: (("time", "gauge"), v.astype("float32"), units) for n, v in series.items()},
        {
            "time": pd.date_range("2000-01-01", periods=days),
            "gauge": [f"g{k}" for k in range(cells)],
        },
    )


def bucket(weather: xr.Dataset, values: dict) -> dict:
    """One day after the other, in numpy: one cell, or many at once."""
    rain, demand = (weather[n].values for n in ("precipitation", "potential_evapotranspiration"))
    capacity, recession = (np.asarray(values[f.name], float) for f in PARAMETERS)
    soil, ground = 0.5 * capacity + 0 * rain[0], 5 + 0 * rain[0]
    runoff, wetness = np.empty(rain.shape), np.empty(rain.shape)
    for day in range(len(rain)):
        soil = soil + rain[day]
        over = np.maximum(soil - capacity, 0)
        soil = soil - over
        soil = soil - np.minimum(demand[day] * soil / capacity, soil)
        ground = ground + over
        runoff[day] = recession * ground
        ground = ground - runoff[day]
        wetness[day] = soil / capacity
    return {"runoff": runoff, "soil_wetness": wetness}


def sample(sets: int = 12, at_once: int = 12, function=bucket, **options) -> surrogate.Runs:
    options = dict(outputs=OUTPUTS, progress=False) | options
    return surrogate.sample(function, PARAMETERS, forcing(), sets=sets, at_once=at_once, **options)


@cache
def small_surrogate() -> surrogate.Surrogate:
    """One trained for two seconds, once for all tests of a process: copy it to change it."""
    return surrogate.fit(
        sample(120, 120),
        hidden=16,
        training=surrogate.Training(epochs=20, learning_rate=0.02, batch=16),
        windows=surrogate.Windows(days=100, warmup=50),
        progress=False,
    )


def weather(column=None, cells=2, days=200) -> torch.Tensor:
    """The forcing of the first cells and days (F, T, N), as a column takes it."""
    data = forcing()
    names = [f.name for f in (column or small_surrogate()).forcings]
    rows = [torch.tensor(data[n].values[:days, :cells]) for n in names]
    return torch.stack(rows)
