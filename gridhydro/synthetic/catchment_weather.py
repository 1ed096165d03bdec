"""A stochastic weather generator for the demo: wet spells, smooth fields of rain, cold heights."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhydro.synthetic.random_fields import persistent, smooth_days

START = "2001-01-01"
KNOTS = 6  # of the daily fields: showers reach over about a sixth of the raster


def daily_weather(mean_precipitation, mean_temperature, years: int, rng):
    """Time, and (time, y, x) float32: precipitation, temperature, potential evapotranspiration.

    From (y, x) climatologies in mm yr-1 and degC; precipitation in mm d-1, temperature in degC.
    """
    time = pd.date_range(START, periods=years * 365 + years // 4)
    day = time.day_of_year.to_numpy()
    season = np.cos(2 * np.pi * (day - 15) / 365.25)  # 1 in mid-January, -1 in mid-July
    wet = _spells(season, rng)

    # it rains where the smooth field of the day is high; the rest of the region stays dry
    knots = rng.standard_normal((len(time), KNOTS, KNOTS), dtype=np.float32)
    field = smooth_days(knots, mean_precipitation.shape)
    storm = wet * rng.gamma(1.1, 1.0, len(time)) * (1 - 0.25 * season)
    rain = storm[:, None, None] * np.clip(field + 1, 0, None)
    rain[rain < 0.02] = 0
    rain *= mean_precipitation / (rain.mean() * 365.25)

    spread = 1 + 0.25 * season  # winters are less steady, and mild when wet
    anomaly = (
        -9 * season
        + 3.2 * persistent(rng.standard_normal(len(time)), 0.8) * spread
        + 1.5 * wet * season
    )
    temperature = mean_temperature + anomaly[:, None, None]

    # Oudin et al. (2005), with the radiation above the air at about 49 degrees north
    radiation = 25.5 - 17 * np.cos(2 * np.pi * (day + 9) / 365.25)  # MJ m-2 d-1
    demand = radiation[:, None, None] / 2.45 * np.clip(temperature + 5, 0, None) / 100
    return time, *(values.astype(np.float32) for values in (rain, temperature, demand))


def _spells(season, rng) -> np.ndarray:
    """Wet (1) and dry (0) days: a Markov chain, wet spells being longer in winter."""
    draws = rng.random(season.size)
    wet = np.zeros(season.size)
    for day in range(1, season.size):
        chance = 0.72 + 0.06 * season[day] if wet[day - 1] else 0.36 + 0.05 * season[day]
        wet[day] = draws[day] < chance
    return wet
