"""A generated Amazon: its network, land, weather, and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.domain.domain import Domain


@dataclass(frozen=True, eq=False)
class SyntheticAmazon:
    """The basin of N cells and T days, as `write_amazon` writes it.

    domain      with gauges; areas are of land
    file        fields of HydroPy's land-surface file, (lat, lon) and (month, lat, lon)
    times       (T,) days
    weather     name -> (T, N) float32, units as in `amazon_weather.VARIABLES`
    attributes  21 rasters (y, x)
    parameters  the true ones, name -> (N,)
    pet_error   (T, N) float32, mm d-1: true potential evapotranspiration less Penman-Monteith
    gauges      by name: lon, lat, area_km2
    grace       time_start, time_end (the first day after) of each solution within `times`
    """

    domain: Domain
    file: xr.Dataset
    times: pd.DatetimeIndex
    weather: dict[str, np.ndarray]
    attributes: xr.Dataset
    parameters: dict[str, np.ndarray]
    pet_error: np.ndarray
    gauges: pd.DataFrame
    grace: pd.DataFrame
