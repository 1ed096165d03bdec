"""A handful of generated lumped basins with weather, attributes and discharge, for tests."""

from functools import cache

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.columns import column
from gridhydro.model.simulate import simulate

PERIOD = ("2001", "2002")
DAYS = pd.date_range("2000-01-01", "2002-12-31", name="time")
NAMES = [f"b{i:02d}" for i in range(12)]
# a domain file for them, written as basins.nc
FILE = """
[basins]
format = "netcdf"
path = "basins.nc"
pet = "given"
attributes = ["sand", "slope", "rock"]

[model]
network = { hidden = [8] }
components = 2
routing = "unit_hydrograph"

[training]
period = ["2001", "2001"]
validation = ["2002", "2002"]
epochs = 2
batches = { gauges = 6, days = 120, warmup = 120 }
"""


@cache
def small_basins() -> xr.Dataset:
    """A basins Dataset: three years of weather, attributes that tell the parameters, discharge."""
    random = np.random.default_rng(5)
    days, n = len(DAYS), len(NAMES)
    season = np.sin(2 * np.pi * (DAYS.day_of_year.to_numpy() - 110) / 365)[:, None]
    wet = random.random((days, n)) < 0.4
    weather = {
        "precipitation": np.where(wet, random.exponential(7, (days, n)), 0),
        "temperature": 9 + 10 * season + random.normal(0, 3, (days, n)),
        "potential_evapotranspiration": np.maximum(0, 2 + 1.8 * season + np.zeros((days, n))),
    }
    sand, slope = random.random(n), random.lognormal(0, 1, n)
    forcing = torch.tensor(np.stack(list(weather.values())), dtype=torch.float32)
    truth = {f.name: torch.full((n,), sum(f.bounds) / 2) for f in column("hbv").parameters}
    truth |= {"FC": torch.tensor(100 + 500 * sand), "K1": torch.tensor(0.05 + 0.3 * sand)}
    runoff = simulate("hbv", forcing, truth)[0]["runoff"].numpy()
    runoff[random.random((days, n)) < 0.02] = np.nan
    units = {"precipitation": "mm d-1", "temperature": "degC"}
    series = {
        name: (("time", "gauge"), values.astype("float32"), {"units": units.get(name, "mm d-1")})
        for name, values in (weather | {"discharge": runoff}).items()
    }
    rock = np.where(sand > 0.5, "sandstone", "clay")
    places = {"sand": ("gauge", sand), "slope": ("gauge", slope), "rock": ("gauge", rock)}
    return xr.Dataset(
        series | places,
        {
            "time": DAYS,
            "gauge": NAMES,
            "area": ("gauge", 100.0 + np.arange(n), {"units": "km2"}),
            "latitude": ("gauge", np.linspace(40, 45, n)),
            "longitude": ("gauge", np.linspace(-100, -90, n)),
        },
    )
