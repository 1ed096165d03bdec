"""A generated globe: real river basins below generated weather and land, at any resolution.

The network is that of a file, or a finer one that follows it (`globe_network`). Weather, land and
the truth that a model is to find are generated from one seed (`globe_land`, `globe_weather`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.domain.domain import Domain
from gridhydro.model.model import Model
from gridhydro.model.river import VELOCITY
from gridhydro.synthetic.catchment_observations import KNOWN, RIVER
from gridhydro.synthetic.catchment_truth import parameters
from gridhydro.synthetic.globe_gauges import place_gauges
from gridhydro.synthetic.globe_land import climate, land
from gridhydro.synthetic.globe_network import parents, parts_of, read_network, refined
from gridhydro.synthetic.globe_weather import CellsOf, GlobeWeather
from gridhydro.synthetic.random_fields import logistic, standard

START = 2001
SPINUP = 730  # days before the first year, in which the stores fill
_SLOW, _FAST = 0.25, 1.6  # m s-1, of rivers in plains and in mountains


@dataclass(frozen=True, eq=False)
class SyntheticGlobe:
    """The land of N cells; of its weather any days can be had, none are held.

    domain      with gauges
    directions  (y, x) uint8, PCRaster's codes
    attributes  name -> (N,), see `globe_land.ATTRIBUTES`
    parameters  the true ones of HBV and its rivers, name -> (N,)
    weather     of all days, `spinup` of them before the first year
    gauges      by name: lon, lat, use ("trained", "basin" or "gauge"), area_km2
    """

    domain: Domain
    directions: xr.DataArray
    attributes: dict[str, np.ndarray]
    parameters: dict[str, np.ndarray]
    weather: GlobeWeather
    spinup: int
    gauges: pd.DataFrame

    @property
    def times(self) -> pd.DatetimeIndex:
        """The days of the years."""
        return self.weather.times[self.spinup :]

    def true_model(self, domain: Domain | None = None, cells=slice(None)) -> Model:
        """HBV and its rivers with the true parameters; on a part of the domain of these cells."""
        values = {name: value[cells] for name, value in self.parameters.items()}
        domain = self.domain if domain is None else domain
        return Model(domain, "hbv", network="none", defaults=values, routing=RIVER)


def make_globe(
    network: str | Path, resolution: float = 0.5, years: int = 10, seed: int = 0,
    spinup: int = SPINUP,
) -> SyntheticGlobe:  # fmt: skip
    """The globe of this seed with `years` of weather from `START` on.

    network     file of the rivers, see `read_network`
    resolution  degrees: that of the file, or its third, fifth, ... part
    spinup      days before the first year
    ValueError for a resolution that the network has no way to; FileNotFoundError.
    """
    seeds = np.random.SeedSequence(seed).spawn(5)
    ground, sky, hills, soils, places = (np.random.default_rng(one) for one in seeds)
    coarse, fields = read_network(network)
    parts = parts_of(coarse, resolution)
    means = climate(coarse, fields, ground)
    gauges = place_gauges(coarse, means, places)
    directions, steps = refined(coarse, parts, hills)
    domain = Domain.from_d8(directions, "ldd", gauges=gauges)
    parent = parents(domain, coarse, parts)
    cells = parent, steps[domain.row, domain.col].astype(float)
    attributes = land(domain, (coarse, fields, means), cells, soils)
    first = pd.Timestamp(START, 1, 1) - pd.Timedelta(spinup, "D")
    times = pd.date_range(first, f"{START + years - 1}-12-31")
    where = CellsOf.of(domain, parent, attributes, means)
    area = domain.gauges["network_area_km2"].round(1)
    return SyntheticGlobe(
        domain, directions, attributes, _truth(attributes),
        GlobeWeather(times, coarse, means, where, sky), spinup, gauges.assign(area_km2=area),
    )  # fmt: skip


def _truth(attributes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The hidden function: that of the generated catchment; rivers are the faster the steeper."""
    # skewed ones, as ranks would be: else the few highest cells had all the variation
    skewed = {n: np.log(np.maximum(attributes[n], 0.01)) for n in ("slope", "elevation")}
    told = {name: standard(values) for name, values in (attributes | skewed).items()}
    found = {n: v for n, v in parameters(told).items() if n != "river_lag"}
    found |= {name: np.full_like(told["slope"], value) for name, value in KNOWN.items()}
    speed = _SLOW * (_FAST / _SLOW) ** logistic(1.2 * told["slope"])
    return {n: v.astype(np.float32) for n, v in (found | {VELOCITY.name: speed}).items()}
