"""Another truth of the generated catchment: its water moves as in HydroPy, not as in HBV.

No parameters make HBV this catchment, as none make it a real one: what a model of it finds is told
by the fluxes and the water stored, which are known here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.columns import column as column_named
from gridhydro.columns.column import Column, Field
from gridhydro.domain.domain import Domain
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.river import SECONDS
from gridhydro.model.routing import route
from gridhydro.model.simulate import simulate
from gridhydro.synthetic.catchment import SyntheticCatchment
from gridhydro.synthetic.catchment_grid import SHAPE, dataset
from gridhydro.synthetic.catchment_observations import RIVER
from gridhydro.synthetic.random_fields import logistic, persistent, smooth_days, standard

# what is compared with the model beside discharge
COMPARED = ("actual_evapotranspiration", "snow_water_equivalent", "soil_moisture", "runoff")
RAIN_ERROR = 0.3  # of the precipitation of a day, as gauges and their interpolation have it
_KNOTS, _MEMORY = 5, 0.3


@dataclass(frozen=True)
class Structure:
    """The true catchment.

    discharge   days by gauges, m3 s-1
    series      flux or store -> (T, N), of `COMPARED`; fields: their names and units
    parameters  Dataset of (y, x): of the true column, and river_lag
    """

    discharge: pd.DataFrame
    series: dict[str, np.ndarray]
    fields: list[Field]
    parameters: xr.Dataset


def structure(domain: Domain, world: SyntheticCatchment) -> Structure:
    """The catchment with HydroPy in every cell, of the true weather."""
    column = column_named("hydropy")
    a = {str(n): standard(domain.pack(v)) for n, v in world.attributes.items()}
    weather = Forcing.read(world.forcing, domain, column_named("hbv"))
    forcing = torch.cat([weather.values, _land(weather, world, domain)])
    values = {n: torch.as_tensor(v, dtype=torch.float32) for n, v in _parameters(a).items()}
    own = {n: torch.as_tensor(v, dtype=torch.float32) for n, v in _properties(a).items()}
    stores = None  # full at the start, as those of a real catchment
    for _ in range(4):
        found, stores = simulate(
            column, forcing, values, properties=own, initial=stores, outputs=COMPARED
        )
    lag = torch.as_tensor(domain.pack(world.truth["river_lag"]), dtype=torch.float32)
    volume = found["runoff"] * torch.as_tensor(domain.area / 1000, dtype=torch.float32)
    outflow, _ = route(
        volume, domain.network, lag, RIVER.reservoirs, substeps=RIVER.substeps, delay=RIVER.delay
    )
    flow = outflow[:, torch.as_tensor(domain.gauge_cells.copy())].numpy() / SECONDS
    return Structure(
        discharge=pd.DataFrame(flow, weather.times, domain.gauges.index),
        series={name: found[name].numpy() for name in COMPARED},
        fields=[column.output(name) for name in COMPARED],
        parameters=_rasters(domain, column, values, world),
    )


def measured(world: SyntheticCatchment, seed: int) -> SyntheticCatchment:
    """The catchment with the precipitation that is measured of it: with errors that last some days
    and reach over a part of it, without bias."""
    rng = np.random.default_rng([seed, 1])
    rain = world.forcing["precipitation"]
    knots = rng.standard_normal((rain.sizes["time"], _KNOTS, _KNOTS), dtype=np.float32)
    field = smooth_days(persistent(knots, _MEMORY), SHAPE)
    error = np.exp(RAIN_ERROR * field - RAIN_ERROR**2 / 2)
    forcing = world.forcing.copy()
    forcing["precipitation"] = rain.copy(data=(rain.values * error).astype(np.float32))
    return replace(world, forcing=forcing)


def _parameters(a: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """HydroPy's parameters (N,), well inside their bounds; lags are spaced as logarithms."""
    steep, deep, sandy = a["slope"], a["soil_depth"], a["sand_fraction"]
    wooded, position = a["forest_fraction"], a["topographic_position"]
    ends = {
        "drainage_min": (0.004, 0.08, 0.8 * sandy - 0.5 * steep),
        "drainage_max": (0.8, 8.0, 1.0 * sandy + 0.4 * np.tanh(position)),
        "drainage_low": (0.02, 0.15, -0.8 * sandy),
        "drainage_high": (0.4, 0.9, 0.9 * deep - 0.4 * steep),
        "transpiration_critical": (0.58, 0.92, -0.9 * wooded),
        "bare_soil_low": (0.02, 0.2, -0.8 * sandy),
        "surface_lag": (np.log(1.2), np.log(9.0), 0.7 * wooded - 1.0 * steep),
        "groundwater_lag": (np.log(40), np.log(400), 0.8 * deep - 0.7 * steep),
    }
    found = {n: low + (high - low) * logistic(score) for n, (low, high, score) in ends.items()}
    return {n: np.exp(v) if n.endswith("_lag") else v for n, v in found.items()}


def _properties(a: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What HydroPy knows of its soils (N,)."""
    deep, sandy, steep = a["soil_depth"], a["sand_fraction"], a["slope"]
    capacity = 90 + 380 * logistic(1.2 * deep + 0.4 * a["forest_fraction"] - 0.5 * sandy)
    return {
        "soil_capacity": capacity,
        "wilting_point": capacity * (0.15 + 0.2 * logistic(-sandy)),
        "soil_capacity_min": capacity * 0.15,
        "soil_capacity_max": capacity * 1.7,
        "arno_shape": 0.1 + 0.5 * logistic(steep),
        "water_fraction": 0.005 + 0.03 * logistic(-steep),
    }


def _land(weather: Forcing, world: SyntheticCatchment, domain: Domain) -> torch.Tensor:
    """Vegetation, leaves and melt (3, T, N): of forest, grass and crops, by the season."""
    forest = domain.pack(world.attributes["forest_fraction"])
    day = weather.times.day_of_year.to_numpy()
    summer = (0.5 - 0.5 * np.cos(2 * np.pi * (day - 30) / 365.25))[:, None]  # 1 at the end of July
    vegetation = np.clip(0.35 + 0.55 * forest + 0.2 * summer, 0, 0.95)
    leaves = 0.6 + 2.2 * forest + summer * (1.4 + 2.0 * forest)
    melt = (3.0 + 1.6 * summer) * (1.15 - 0.35 * forest)
    stacked = np.broadcast_arrays(vegetation, leaves, melt)
    return torch.as_tensor(np.stack(stacked), dtype=torch.float32)


def _rasters(
    domain: Domain, column: Column, values: dict[str, torch.Tensor], world: SyntheticCatchment
) -> xr.Dataset:
    found = {
        f.name: domain.unpack(values[f.name].numpy(), f.name, f.attrs, dims=())
        for f in column.parameters
    }
    return dataset({**found, "river_lag": world.truth["river_lag"]})
