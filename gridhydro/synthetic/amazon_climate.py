"""Generated climate of the Amazon: annual means, the passage of the rain belt, El Nino."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridhydro.domain.domain import Domain
from gridhydro.synthetic.random_fields import logistic, smooth_map, standard

_EL_NINO = 3.6  # years from one to the next, about


@dataclass(frozen=True)
class Climate:
    """Climate of N cells that the weather varies about: positions, height and annual means, (N,).

    lon, lat       degrees; height m
    precipitation  mm yr-1
    temperature    degC
    """

    lon: np.ndarray
    lat: np.ndarray
    height: np.ndarray
    precipitation: np.ndarray
    temperature: np.ndarray


def climate(domain: Domain, height: np.ndarray, rng) -> Climate:
    """Wettest in the north-west and at the foot of the Andes, driest on their heights.

    height  (N,) m
    """
    lon, lat = domain.lonlat
    spots = 0.10 * smooth_map(domain.shape, rng, power=2.0)[domain.row, domain.col]
    north_west = 950 * np.exp(-(((lon + 71) / 7) ** 2) - ((lat + 1) / 5) ** 2)
    mouth = 500 * np.exp(-(((lon + 50) / 4) ** 2) - ((lat - 1) / 4) ** 2)
    foot = 1000 * np.exp(-(((height - 1100) / 450) ** 2)) * logistic(-(lon + 65))
    rain = 2200 - 52 * np.maximum(-lat - 4, 0) - 110 * np.maximum(lat, 0)
    rain -= 250 * np.exp(-(((lon + 56) / 4) ** 2))
    rain = (rain + north_west + mouth + foot) * np.exp(spots)
    rain *= np.exp(-np.maximum(height - 1400, 0) / 2600)  # behind the first range
    cooling = 0.0056 * height + 0.13 * np.maximum(-lat - 9, 0)
    return Climate(lon, lat, height, rain, 27.4 - cooling)


def wetness(lon, lat, day) -> np.ndarray:
    """Nearness of the rain belt (days, cells), 1 on average over the year.

    The belt lies at 12.5 degrees south at the end of January and 6 degrees north at the end of
    July, and is stronger while it moves north; the far west near the equator is wet all year.
    """

    def belt(day):
        turn = 2 * np.pi * np.asarray(day)[:, None] / 365.25
        north = -3.3 - 9.3 * np.cos(turn - 0.48)
        return np.exp(-(((lat - north) / 9) ** 2)) * (1 + 0.45 * np.cos(turn - 1.6))

    near = belt(day) / belt(np.arange(0, 365, 5)).mean(0)
    always = 0.75 * logistic(-(lon + 66) / 2.5) * np.exp(-(((lat + 1) / 6) ** 2))
    return ((1 - always) * near + always).astype(np.float32)


def el_nino(days: int, rng) -> np.ndarray:
    """A slow oscillation (days,) of unit variance: El Nino above 1, La Nina below -1."""
    months = days // 30 + 2
    memory, turn = 0.97, 2 * np.pi / (12 * _EL_NINO)
    kicks, series = rng.standard_normal(months + 240), np.zeros(months + 240)
    for month in range(2, series.size):
        last, before = series[month - 1], series[month - 2]
        series[month] = 2 * memory * np.cos(turn) * last - memory**2 * before + kicks[month]
    # unit variance over the first 20 years and these: few years may well have no El Nino
    series = standard(series)[-months:]
    return np.interp(np.arange(days) / 30, np.arange(months), series)
