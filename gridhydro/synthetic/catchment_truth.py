"""True parameters of the generated catchment: the function that a model is to find."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from gridhydro.columns import column
from gridhydro.columns.column import Field
from gridhydro.synthetic.catchment_grid import dataset, raster
from gridhydro.synthetic.random_fields import logistic, standard


def truth(attributes: xr.Dataset) -> xr.Dataset:
    """The parameters of HBV (y, x), and the lag of each river reservoir in days."""
    values = parameters({str(name): standard(v.values) for name, v in attributes.items()})
    known = {field.name: field for field in column("hbv").parameters}
    lag = Field("river_lag", "d", "lag of each river reservoir")
    found = {}
    for name, value in values.items():
        of = known.get(name, lag)
        found[name] = raster(value, of.unit, of.long_name)
    return dataset(found)


def parameters(a: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The hidden function of attributes, which are standardised: of HBV and `river_lag`, d.

    Every parameter lies between two plausible ends, well inside its bounds.
    """
    steep, deep, sandy = a["slope"], a["soil_depth"], a["sand_fraction"]
    wooded, high, position = a["forest_fraction"], a["elevation"], a["topographic_position"]
    ends = {  # low, high, and the score of a cell between them
        "beta": (1.2, 4.5, 1.1 * sandy - 0.7 * steep + 0.4 * np.tanh(deep)),
        "FC": (90, 520, 1.2 * deep + 0.5 * wooded - 0.5 * sandy),
        "K0": (0.15, 0.6, 0.8 * steep - 0.6 * wooded),
        "K1": (0.04, 0.32, 0.9 * steep - 0.6 * deep + 0.3 * sandy),
        "K2": (0.006, 0.07, 0.9 * sandy + 0.5 * position / (1 + position**2)),
        "LP": (0.4, 0.95, 0.8 * sandy - 0.6 * wooded),
        "PERC": (0.4, 3.5, 1.2 * sandy - 0.6 * steep),
        "UZL": (8, 60, 0.9 * deep + 0.5 * wooded - 0.4 * steep),
        "TT": (-0.8, 1.0, 0.9 * high - 0.4 * wooded),
        "CFMAX": (1.8, 6.0, -1.1 * wooded + 0.4 * high),
        "CFR": (0.02, 0.08, -0.7 * high + 0.5 * wooded),
        "CWH": (0.04, 0.14, 0.6 * wooded - 0.5 * high),
        "gamma": (0.5, 2.2, -1.0 * wooded + 0.4 * sandy * deep / (1 + np.abs(deep))),
        "C": (0.002, 0.06, -0.8 * sandy - 0.5 * position),
        "river_lag": (0.02, 0.12, -1.0 * steep),
    }
    return {n: low + (high - low) * logistic(score) for n, (low, high, score) in ends.items()}
