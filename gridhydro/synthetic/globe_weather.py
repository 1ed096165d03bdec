"""Generated weather of a globe, any block of days by itself: nothing of a record is ever whole.

Smooth random fields of each day are made of knots, which are few; from them follow rain and warmth
of the coarse cells, and of these those of the finer ones, by height. Potential evapotranspiration
is Oudin's. All arrays are (days, cells) float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from gridhydro.domain.domain import Domain
from gridhydro.inputs.pet import oudin
from gridhydro.synthetic.amazon_weather import rounded
from gridhydro.synthetic.globe_land import GlobeClimate
from gridhydro.synthetic.random_fields import persistent, smooth_days

# memory from day to day, knots along latitude and longitude, weight: slow and wide, of some days
# and regional, of a day and local; the last is of warmth alone
SCALES = ((0.94, (6, 12), 0.35), (0.6, (18, 36), 0.66), (0.0, (45, 90), 0.66), (0.8, (9, 18), 1.0))
_POWER = 1.5  # of the rain above its threshold
_HOT = 95.0  # degC, at which Oudin's formula gives all water that the sun's radiation could


@dataclass(frozen=True)
class CellsOf:
    """Where N cells lie in a coarse network, as tensors (N,).

    parent     the coarse cell; wetter, warmer: its rain by the one and its warmth and the other
    latitudes  those there are, degrees, and which of them each cell has
    """

    parent: torch.Tensor
    wetter: torch.Tensor
    warmer: torch.Tensor
    latitudes: tuple[torch.Tensor, torch.Tensor]

    @classmethod
    def of(cls, domain: Domain, parent: np.ndarray, attributes, climate: GlobeClimate) -> CellsOf:
        """Of a domain whose cells lie in these coarse ones, by their attributes."""
        wetter = attributes["mean_precipitation"] / climate.precipitation[parent]
        warmer = attributes["mean_temperature"] - climate.temperature[parent]
        y = domain.raster_grid.y
        return cls(
            torch.from_numpy(parent),
            torch.as_tensor(wetter, dtype=torch.float32),
            torch.as_tensor(warmer, dtype=torch.float32),
            (torch.as_tensor(y, dtype=torch.float32), torch.from_numpy(domain.row)),
        )

    def some(self, cells: np.ndarray) -> CellsOf:
        """Of some of the cells, in order."""
        lat, place = self.latitudes
        return CellsOf(
            self.parent[cells], self.wetter[cells], self.warmer[cells], (lat, place[cells])
        )


class GlobeWeather:
    """Weather of the days of `times` on N cells of a domain.

    coarse   the network that knots are spread over, and its climate
    parent   (N,) the coarse cell of each cell; `wetter` (N,) times its rain, `warmer` (N,) degC
    rng      of the knots, of which all days are drawn at once
    """

    def __init__(
        self, times: pd.DatetimeIndex, coarse: Domain, climate: GlobeClimate, cells: CellsOf, rng
    ):
        self.times, self.coarse, self.climate, self.cells = times, coarse, climate, cells
        self.knots = [
            persistent(rng.standard_normal((len(times), *knots), dtype=np.float32), memory)
            for memory, knots, _ in SCALES
        ]
        self.scale = (climate.precipitation / 365.25 / self._usual()).astype(np.float32)

    def days(self, days: slice, cells: np.ndarray | None = None) -> torch.Tensor:
        """Precipitation mm d-1, temperature degC, and potential evapotranspiration mm d-1 of these
        days, (3, days, N): what HBV takes. Of some `cells` (B,), or of all."""
        return self.brought(self.measured(days), days, cells)

    def brought(self, measured, days: slice, cells: np.ndarray | None = None) -> torch.Tensor:
        """As `days`, with the weather of the coarse cells given."""
        rain, warmth = map(torch.from_numpy, measured)
        of = self.cells if cells is None else self.cells.some(cells)
        values = torch.empty(3, len(rain), len(of.parent))
        torch.index_select(rain, 1, of.parent, out=values[0]).mul_(of.wetter)
        torch.index_select(warmth, 1, of.parent, out=values[1]).add_(of.warmer)
        lat, place = of.latitudes
        day = torch.as_tensor(np.array(self.times[days].day_of_year), dtype=torch.float32)
        water = oudin(torch.tensor(_HOT), lat, day[:, None])
        torch.index_select(water, 1, place, out=values[2])
        values[2] *= (values[1] + 5).clamp_(min=0).div_(_HOT + 5)
        return values

    def measured(self, days: slice) -> tuple[np.ndarray, np.ndarray]:
        """Precipitation mm d-1 and temperature degC of the coarse cells, (days, cells)."""
        c, day = self.climate, np.array(self.times[days].day_of_year)
        slow, regional, local, air = (self._field(number, days) for number in range(len(SCALES)))
        field = slow + regional + local
        rain = np.maximum(field + self._threshold(day), 0) ** _POWER * self.scale
        rain[rain < 0.05] = 0
        north = np.where(c.lat < 0, -1, 1)
        season = -np.cos(2 * np.pi * (day[:, None] - 20) / 365.25) * (c.season * north)
        warmth = c.temperature + season - 0.8 * field + (1 + 0.04 * np.abs(c.lat)) * air
        return rounded(rain), rounded(np.clip(warmth, -85, 55))

    def _field(self, number: int, days: slice) -> np.ndarray:
        whole = smooth_days(self.knots[number][days], self.coarse.shape)
        return SCALES[number][2] * whole[:, self.coarse.row, self.coarse.col]

    def _threshold(self, day: np.ndarray) -> np.ndarray:
        """What the field of a day may lack for rain, (days, cells): it rains most where the sun
        stands high in the tropics, and beyond them evenly."""
        lat = self.climate.lat
        summer = -np.cos(2 * np.pi * (day[:, None] - 25) / 365.25) * np.tanh(lat / 8)
        return (0.75 * summer * np.exp(-((lat / 26) ** 2)) - 0.1).astype(np.float32)

    def _usual(self) -> np.ndarray:
        """The mean (cells,) of rain before it is scaled, of a normal field over the year."""
        z = np.linspace(-5, 5, 401)
        weight = np.exp(-(z**2) / 2)
        above = np.linspace(-1.2, 1.2, 49)
        means = [np.average(np.maximum(z + a, 0) ** _POWER, weights=weight) for a in above]
        return np.interp(self._threshold(np.arange(8, 365, 15)), above, means).mean(0)
