"""Gauges of a generated globe: on rivers of all sizes and in many basins, some of them held out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhydro.domain.domain import Domain
from gridhydro.synthetic.globe_land import GlobeClimate

GAUGES = 500
SMALLEST = 5000.0  # km2
LEAST_RAIN, COLDEST = 400.0, 14.0  # mm yr-1 at 0 degC, degC below it: means of the basin
# fractions of the gauges: those of whole basins, and single ones of basins that others are in
BASINS, SINGLE = 0.12, 0.08
_APART = 1.25  # times the area of another gauge in the same basin, at the least


def place_gauges(domain: Domain, climate: GlobeClimate, rng, most: int = GAUGES) -> pd.DataFrame:
    """Gauges by name: lon, lat, and use, which is "trained", "basin" or "gauge".

    domain  the network, with its climate; no gauge lies on a river smaller than SMALLEST, or on one
            that is dry for most of the year
    B001, B002, ...  are held out with all others of their basins, H001, ... by themselves, and
    G001, ... are to be trained on, each from the largest to the smallest.
    """
    area = domain.network.accumulate(domain.area) / 1e6
    # warm land needs more rain for a river, mm yr-1, and where it never thaws none flows
    surplus = climate.precipitation - LEAST_RAIN - 24 * np.maximum(climate.temperature, 0)
    thaw = climate.temperature + COLDEST
    flows = np.all(domain.network.accumulate(domain.area * [surplus, thaw]) > 0, axis=0)
    suits = np.flatnonzero((area >= SMALLEST) & flows)
    cells = np.array(_cells(suits, area, domain.network.basin, rng, most), dtype=np.int64)
    basin = domain.network.basin[cells]
    use = np.full(cells.size, "trained", dtype=object)
    use[_of_whole_basins(basin, round(BASINS * cells.size), rng)] = "basin"
    count = pd.Series(basin).map(pd.Series(basin).value_counts()).to_numpy()
    shared = np.flatnonzero((use == "trained") & (count > 2))
    single = rng.permutation(shared)[: round(SINGLE * cells.size)]
    use[single] = "gauge"
    table = pd.DataFrame({"cell": cells, "area": area[cells], "use": use})
    table = table.sort_values(["area", "cell"], ascending=[False, True])
    letter = table["use"].map({"trained": "G", "basin": "B", "gauge": "H"})
    number = table.groupby("use").cumcount() + 1
    lon, lat = (axis[table["cell"]] for axis in domain.lonlat)
    names = [f"{one}{n:03d}" for one, n in zip(letter, number, strict=True)]
    found = pd.DataFrame({"lon": lon, "lat": lat, "use": table["use"].to_numpy()})
    return found.set_index(pd.Index(names, name="name")).sort_index()


def _cells(suits, area: np.ndarray, basin: np.ndarray, rng, most: int) -> list[int]:
    """Cells of gauges among those that suit: in turns of each size of river, at random."""
    ways = rng.permutation(suits)
    size = np.floor(np.log2(area[ways])).astype(int)
    queues = [list(ways[size == one]) for one in np.unique(size)[::-1]]
    chosen: list[int] = []
    taken: dict[int, list[float]] = {}
    while queues and len(chosen) < most:
        for queue in queues:
            while queue:
                cell = queue.pop()
                others = taken.setdefault(basin[cell], [])
                if all(max(area[cell] / one, one / area[cell]) > _APART for one in others):
                    others.append(area[cell])
                    chosen.append(int(cell))
                    break
        queues = [queue for queue in queues if queue]
    return chosen[:most]


def _of_whole_basins(basin: np.ndarray, wanted: int, rng) -> np.ndarray:
    """Places of all gauges of some basins, as many as wanted or somewhat fewer."""
    held: list[int] = []
    for one in rng.permutation(np.unique(basin)):
        members = np.flatnonzero(basin == one)
        if len(held) + members.size <= wanted:
            held += members.tolist()
    return np.array(held, dtype=np.int64)
