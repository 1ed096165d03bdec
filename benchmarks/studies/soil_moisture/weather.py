"""Daily weather of the soil moisture study's world, of any of its cells.

Smooth patterns in space times series in time, and rain of each cell's own: any cells' weather is
computed from a few megabytes, and is the same whichever other cells are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from gridhydro.inputs.pet import oudin
from gridhydro.synthetic.random_fields import logistic, persistent, reach

TIMES = pd.date_range("2001-01-01", "2005-12-31", name="time")
# of systems that cross half the domain in days, of fronts, and of warm and cold spells: knots over
# the raster, and correlation from day to day
PATTERNS = {"systems": ((6, 9), 0.5), "fronts": ((18, 28), 0.1), "spells": ((5, 7), 0.75)}


@dataclass(frozen=True, eq=False)
class Weather:
    """shape of the raster; knots name -> (T, a, b); seed of what each cell has for itself."""

    shape: tuple[int, int]
    knots: dict[str, np.ndarray]
    seed: int

    def field(self, name: str, cells) -> np.ndarray:
        """The days of a pattern at these cells, (T, n), of unit variance."""
        knots, (row, col) = self.knots[name], np.divmod(cells, self.shape[1])
        down, across = (
            reach(size, count)[place]
            for size, count, place in zip(self.shape, knots.shape[1:], (row, col), strict=True)
        )
        weights = (down[:, :, None] * across[:, None, :]).reshape(len(cells), -1)
        return knots.reshape(len(knots), -1) @ weights.T

    def own(self, stream: int, cells) -> np.ndarray:
        """White noise of each cell, (T, n)."""
        series = [
            np.random.default_rng((self.seed, stream, int(cell))).standard_normal(len(TIMES))
            for cell in cells
        ]
        return np.stack(series, axis=1)


def make_weather(shape: tuple[int, int], rng, seed: int) -> Weather:
    knots = {
        name: persistent(rng.standard_normal((len(TIMES), *count)), memory)
        for name, (count, memory) in PATTERNS.items()
    }
    return Weather(shape, knots, seed)


def forcing(weather: Weather, land, cells) -> dict[str, np.ndarray]:
    """Precipitation and potential evapotranspiration mm d-1, temperature degC: (T, n) float32."""
    cells = np.asarray(cells)
    about = {name: values[cells] for name, values in land.attributes.items()}
    summer = -np.cos(2 * np.pi * (TIMES.day_of_year.to_numpy()[:, None] - 22) / 365.25)

    # showers in summer are a cell's own, the rain of winter comes with fronts
    local = 0.35 + 0.2 * summer
    sky = 0.75 * weather.field("systems", cells) + 0.5 * weather.field("fronts", cells)
    sky = (sky + local * weather.own(1, cells)) / np.sqrt(0.8125 + local**2)
    annual = about["annual_precipitation"]
    threshold = 1.15 - 0.75 * np.tanh(annual / 900) + 0.45 * summer * land.dry_summer[cells]
    rain = np.clip(sky - threshold, 0, None) ** 1.4
    rain *= annual / 365.25 / rain.mean(0)
    rain[rain < 0.1] = 0

    spells = 3.4 * weather.field("spells", cells) * (1 - 0.25 * summer)
    temperature = about["annual_temperature"] + land.temperature_range[cells] * summer
    temperature = temperature + spells - 0.9 * summer * sky
    day = torch.tensor(TIMES.day_of_year.to_numpy(), dtype=torch.float64)[:, None]
    latitude = torch.as_tensor(land.lat[cells])
    demand = oudin(torch.as_tensor(temperature), latitude, day).numpy()
    demand *= 1.2 - 0.4 * logistic(1.5 * (sky - 0.3))
    series = dict(precipitation=rain, temperature=temperature)
    series["potential_evapotranspiration"] = demand
    return {name: values.astype(np.float32) for name, values in series.items()}
