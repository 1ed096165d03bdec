"""Observed discharge of the generated catchment: of the true model, with errors and gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from gridhydro.columns import column as column_named
from gridhydro.domain.domain import Domain
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.river import SECONDS, River
from gridhydro.model.routing import route
from gridhydro.model.simulate import simulate
from gridhydro.synthetic.catchment import SyntheticCatchment
from gridhydro.synthetic.random_fields import persistent

RIVER = River(reservoirs=1, substeps=4, delay=0)
# discharge says next to nothing of refreezing, of the water that snow holds and of capillary rise;
# gamma and beta shape the same curve, so one of them is given: what is left is plain HBV
KNOWN = {"C": 0.0, "CFR": 0.05, "CWH": 0.1, "gamma": 1.0}


def simplified(world: SyntheticCatchment) -> SyntheticCatchment:
    """The world with the known parameters at their constants everywhere."""
    truth = world.truth.copy()
    for name, value in KNOWN.items():
        truth[name] = truth[name].where(truth[name].isnull(), value)
    return replace(world, truth=truth)


def true_discharge(domain: Domain, world: SyntheticCatchment) -> pd.DataFrame:
    """Discharge at the gauges, m3 s-1, of the catchment with its true parameters."""
    column = column_named("hbv")
    forcing = Forcing.read(world.forcing, domain, column)
    truth = {
        f.name: torch.as_tensor(domain.pack(world.truth[f.name]), dtype=torch.float32)
        for f in column.parameters
    }
    stores = None  # full at the start, as those of a real catchment
    for _ in range(3):
        found, stores = simulate(column, forcing.values, truth, initial=stores)
    runoff = found["runoff"]
    lag = torch.as_tensor(domain.pack(world.truth["river_lag"]), dtype=torch.float32)
    volume = runoff * torch.as_tensor(domain.area / 1000, dtype=torch.float32)
    outflow, _ = route(
        volume, domain.network, lag, RIVER.reservoirs, substeps=RIVER.substeps, delay=RIVER.delay
    )
    cells = torch.as_tensor(domain.gauge_cells.copy())
    values = outflow[:, cells].numpy() / SECONDS
    return pd.DataFrame(values, forcing.times, domain.gauges.index)


def observe(
    discharge: pd.DataFrame, seed: int = 0, noise: float = 0.03, missing: float = 0.02
) -> pd.DataFrame:
    """Discharge (time by gauge) as it would be measured: with errors, and NaN on missing days.

    Errors are multiplicative and lognormal, of relative size `noise`, independent from day to day;
    a fraction `missing` of the days is lost, and at every gauge one spell of 10 to 40 days.
    """
    rng = np.random.default_rng(seed)
    days, gauges = discharge.shape
    measured = discharge * rng.lognormal(-(noise**2) / 2, noise, (days, gauges))
    lost = rng.random((days, gauges)) < missing
    for gauge in range(gauges):
        start, length = rng.integers(days), rng.integers(10, 41)
        lost[start : start + length, gauge] = True
    return measured.mask(lost)


def observe_as_real(discharge: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Discharge (time by gauge) as gauges of real rivers have it: noisy and patchy.

    A rating curve that is off by some percent at each gauge and drifts over months, errors of the
    day, three significant digits; days and months are lost, and every third gauge is younger than
    the record.
    """
    rng = np.random.default_rng([seed, 2])
    days, gauges = discharge.shape
    rating = rng.normal(0, 0.05, gauges)
    drift = 0.07 * persistent(rng.standard_normal((days, gauges)), 0.985)
    error = np.exp(rating + drift + rng.normal(0, 0.04, (days, gauges)))
    values = discharge.to_numpy() * error
    digits = 10.0 ** (2 - np.floor(np.log10(np.maximum(values, 1e-6))))
    lost = rng.random((days, gauges)) < 0.03
    for gauge in range(gauges):
        for _ in range(rng.integers(1, 5)):
            start, length = rng.integers(days), rng.integers(10, 120)
            lost[start : start + length, gauge] = True
        if gauge % 3 == 2:
            lost[: rng.integers(days // 6, days // 3), gauge] = True
    rounded = np.round(values * digits) / digits
    return pd.DataFrame(rounded, discharge.index, discharge.columns).mask(lost)
