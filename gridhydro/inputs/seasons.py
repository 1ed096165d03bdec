"""Seasonal series: monthly means as daily values, the length of days, the melt of snow.

Equations and numbers are those of HydroPy 1.0.2 (Stacke and Hagemann, 2021, Geosci. Model Dev. 14),
the melt season those of SNOW-17.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

MELT_SCHEMES = ("temporal", "spatial", "both")


def monthly_weights(times) -> np.ndarray:
    """(T, 12) weights that make daily values of monthly ones: daily = weights @ monthly.

    Between the middles of months, linear in time at 00:00 of the day. The middle of a month is the
    mean of the beginnings of its days; December is repeated 365 days before, and January 365 days
    after their place in each calendar year, leap years included.
    """
    times = pd.DatetimeIndex(times)
    found = np.empty((len(times), 12))
    for leap in (False, True):
        days = np.flatnonzero(times.is_leap_year == leap)
        lengths = np.array([31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
        middles = np.cumsum(lengths) - lengths + (lengths - 1) / 2
        middles = np.concatenate([middles[-1:] - 365, middles, middles[:1] + 365])
        day = times[days].day_of_year.to_numpy() - 1.0
        after = np.searchsorted(middles, day, side="right")
        weight = (day - middles[after - 1]) / (middles[after] - middles[after - 1])
        weights = np.zeros((days.size, 12))
        row = np.arange(days.size)
        weights[row, (after - 2) % 12] = 1 - weight
        weights[row, (after - 1) % 12] = weight
        found[days] = weights
    return found


def day_length(times, latitude) -> np.ndarray:
    """Hours of daylight (T, N) at latitudes (N,) in degrees north; 0 to 24 beyond the circles."""
    times = pd.DatetimeIndex(times)
    turn = (283 + times.day_of_year.to_numpy()) / np.where(times.is_leap_year, 366, 365)
    declination = np.radians(23.45) * np.sin(2 * np.pi * turn)
    height = -np.tan(np.radians(latitude)) * np.tan(declination)[:, None]
    return 2 / 15 * np.degrees(np.arccos(np.clip(height, -1, 1)))


def melt_factor(times, latitude, scheme: str = "temporal", orographic=None) -> np.ndarray:
    """Snow melt per degree (T, N), mm d-1 K-1, at latitudes (N,) in degrees north.

    scheme      "temporal" follows the length of the day, "spatial" is `orographic` every day,
                "both" is the orographic one by the length of the day
    orographic  (N,) mm d-1 K-1, needed for all but the first scheme
    ValueError for other schemes, and if the orographic factor is lacking.
    """
    if scheme not in MELT_SCHEMES:
        raise ValueError(f"the melt scheme is one of {', '.join(MELT_SCHEMES)}, not '{scheme}'")
    light = day_length(times, latitude) / 24
    if scheme == "temporal":
        return 8.3 * light + 0.7
    if orographic is None:
        raise ValueError(
            f"the melt scheme '{scheme}' needs the orographic melt factor 'ddfac', mm K-1 d-1: "
            "add it to the land surface, or take the scheme 'temporal'"
        )
    if scheme == "spatial":
        return np.broadcast_to(np.asarray(orographic, float), light.shape)
    return np.maximum(1.33 * np.asarray(orographic, float) * light, 0.7)


def melt_season(times, latitude) -> np.ndarray:
    """Place of SNOW-17's melt factor between its least, 0, and its greatest, 1: (T, N) float32.

    A sine with the day of the year; from 54 degrees on, at `latitude` (N,) in degrees north, it is
    nothing in winter and rises and falls faster (Anderson 2006, as its program has it, where years
    have no 29 February). South of the equator half a year later: that is ours.
    """
    times = pd.DatetimeIndex(times)
    common = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
    # days since 21 March
    spring = common[times.month.to_numpy() - 1] + times.day.to_numpy() - 80
    degrees = np.asarray(latitude, float)
    day = np.where(degrees < 0, spring[:, None] + 182, spring[:, None]) % 365
    season = 0.5 + 0.5 * np.sin(2 * np.pi / 366 * day)
    # of the half year around the solstice: 1 where days are longest, 0 where they are shortest
    high = np.where(day < 92, 91 + day, np.where(day < 275, 275 - day, day - 275)) / 183
    high = np.clip((high - 0.48) / (0.70 - 0.48), 0, 1)
    return np.where(np.abs(degrees) < 54, season, season * high).astype(np.float32)
