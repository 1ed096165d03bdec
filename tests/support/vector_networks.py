"""Rasters as vector networks: every cell a reach of a table, in any order."""

import geopandas
import numpy as np
import pandas as pd
import shapely

from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import spacing
from gridhydro.model.river import flow_length

LAYOUT = {"columns": {"id": "seg", "downstream": "to", "length": "length_m", "area": "area_m2"}}


def cells_as_reaches(domain: Domain, seed: int = 0) -> tuple[geopandas.GeoDataFrame, np.ndarray]:
    """A table of the cells with their squares, in random order, and the id (N,) of each cell."""
    rng = np.random.default_rng(seed)
    ids = rng.permutation(domain.size) + 71_000_000
    down = domain.network.downstream
    grid = domain.raster_grid
    x, y = grid.x[domain.col], grid.y[domain.row]
    half = abs(spacing(grid.x)) / 2
    table = pd.DataFrame(
        {
            "seg": ids,
            "to": np.where(down < 0, 0, ids[down]),
            "length_m": flow_length(domain),
            "area_m2": domain.area,
        }
    )
    boxes = shapely.box(x - half, y - half, x + half, y + half)
    found = geopandas.GeoDataFrame(table, geometry=boxes, crs=domain.crs)
    return found.iloc[rng.permutation(domain.size)].reset_index(drop=True), ids
