"""How the river of a domain is described to the routing: flow lengths, velocity, reservoirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyproj

from gridhydro.column import Field
from gridhydro.domain import Domain

SECONDS = 86400.0

VELOCITY = Field(
    name="river_velocity",
    unit="m s-1",
    long_name="mean flow velocity in the river",
    bounds=(0.05, 5.0),
)


@dataclass(frozen=True)
class River:
    """Options of the routing.

    reservoirs  linear reservoirs in a row in every cell, 1 to 5: more give a sharper wave
    substeps    routing steps a day
    delay       0: water may pass many cells within a sub-step, as it must where a day's way is
                longer than a cell; 1: one cell a sub-step (HydroPy, half-degree cells)
    velocity    flow velocity in m s-1; None: learned for every cell between 0.05 and 5
    """

    reservoirs: int = 1
    substeps: int = 4
    delay: int = 0
    velocity: float | None = None


def flow_length(domain: Domain) -> np.ndarray:
    """Length of the river in each cell, (N,) m: the way from its centre to the next one.

    Where water leaves, the side of a square of the cell's area; 0 for lumped basins, whose river
    is part of the column.
    """
    if domain.grid is None:
        return np.zeros(domain.size)
    downstream = domain.network.downstream
    target = np.where(downstream < 0, np.arange(domain.size), downstream)
    x, y = domain.x[domain.col], domain.y[domain.row]
    if domain.grid.geographic:
        geod = domain.crs.get_geod() or pyproj.Geod(ellps="WGS84")
        _, _, length = geod.inv(x, y, x[target], y[target])
    else:
        length = np.hypot(x[target] - x, y[target] - y) * domain.grid.metre
    return np.where(downstream < 0, np.sqrt(domain.area), length)
