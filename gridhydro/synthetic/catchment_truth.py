"""True parameters of the generated catchment: the function that a model is to find."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.columns import column
from gridhydro.synthetic.catchment_grid import dataset, raster
from gridhydro.synthetic.random_fields import logistic, standard


def truth(attributes: xr.Dataset) -> xr.Dataset:
    """The hidden function: every parameter between two plausible ends, well inside its bounds."""
    a = {name: standard(values.values) for name, values in attributes.items()}
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
    known = {field.name: field for field in column("hbv").parameters}
    found = {}
    for name, (low, high_end, score) in ends.items():
        values = low + (high_end - low) * logistic(score)
        if name in known:
            found[name] = raster(values, known[name].unit, known[name].long_name)
        else:
            found[name] = raster(values, "d", "lag of each river reservoir")
    return dataset(found)
