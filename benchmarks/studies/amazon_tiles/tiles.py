"""Storage on the tiles of the Amazon: what is read, and statistics of each tile and the basin."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

import numpy as np
import pandas as pd

import gridhydro as gh
from benchmarks.studies.storage import middles
from gridhydro.io import read_grace
from gridhydro.synthetic.amazon import DDM30, GRACE
from gridhydro.synthetic.amazon_land import amazon


@dataclass(frozen=True)
class Found:
    domain: gh.Domain
    tiles: gh.Tiles
    storage: gh.StorageObservations

    @property
    def basin(self) -> pd.Series:
        """Mean over the tiles by the area that the basin has in them, (S,) mm."""
        area = (self.tiles.matrix > 0) @ self.domain.area
        return pd.Series(self.storage.values @ (area / area.sum()), middles(self.storage))


def read(given: Namespace) -> Found:
    """The cells of DDM30 that drain to the mouth, tiles over them, and GRACE on these."""
    domain, _ = amazon(given.data / DDM30)
    tiles = gh.Tiles.of(domain, 3.0, 0.5)
    twsa = read_grace(given.data / GRACE, domain=domain)
    return Found(domain, tiles, gh.StorageObservations.on(tiles, domain, twsa))


def statistics(found: Found) -> pd.DataFrame:
    """Of each tile: fraction inside, annual range, months of the extremes, trend, departures."""
    times = middles(found.storage)
    values = pd.DataFrame(found.storage.values, times, found.tiles.names)
    year = values.groupby(times.month).mean()
    departures = values - year.loc[times.month].to_numpy()
    age = (times - times[0]).days / 365.25
    return pd.DataFrame(
        {
            "fraction inside": found.tiles.fraction,
            "annual range mm": np.ptp(year.to_numpy(), axis=0),
            "wettest month": year.idxmax(),
            "driest month": year.idxmin(),
            "trend mm/a": np.polyfit(age, departures, 1)[0],
            "departures mm": departures.std(),
            "spread mm": values.std(),
        }
    ).rename_axis("tile")


def examples(found: Found) -> list[str]:
    """The tile of the largest annual range, and those furthest north, west and south."""
    west, south = found.tiles.bounds[:, 0], found.tiles.bounds[:, 1]
    largest = statistics(found)["annual range mm"].argmax()
    places = [largest, south.argmax(), west.argmin(), south.argmin()]
    return list(dict.fromkeys(found.tiles.names[k] for k in places))
