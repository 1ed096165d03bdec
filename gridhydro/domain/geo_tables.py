"""A domain as tables of points, lines and polygons, for any GIS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridhydro.base.arguments import one_of
from gridhydro.domain import reach_tables
from gridhydro.domain.grid import Grid, spacing, transform

if TYPE_CHECKING:
    import geopandas  # type: ignore[import-untyped]

LAYERS = ("rivers", "basins", "gauges", "cells")
_OF_BASINS = ("gauges",)  # those that lumped basins have


def to_geodataframe(domain, layer: str, minimum_km2: float = 0.0) -> geopandas.GeoDataFrame:
    """See `Domain.to_geodataframe`."""
    one_of("layer", layer, LAYERS)
    if domain.reaches is not None:
        return reach_tables.table(domain, layer, minimum_km2)
    if domain.lumped and layer not in _OF_BASINS:
        raise ValueError(
            f"lumped basins have no {layer}: they have 'gauges', and the polygons that they were "
            "made of"
        )
    if layer == "gauges":
        return _gauges(domain)
    if layer == "basins":
        return _basins(domain)
    return _cells(domain) if layer == "cells" else _rivers(domain, minimum_km2)


def stream_order(domain) -> np.ndarray:
    """Strahler's order of the river of each cell, (N,) int64: one more where two of the highest
    meet."""
    order = domain.to_flwdir().stream_order(type="strahler")
    return order[domain.row, domain.col].astype(np.int64)


def _gauges(domain) -> geopandas.GeoDataFrame:
    import geopandas

    table = domain.gauges.reset_index()
    if not domain.lumped:
        table["stream_order"] = stream_order(domain)[domain.gauge_cells]
    crs = "EPSG:4326" if domain.lumped else domain.crs
    points = np.array(geopandas.points_from_xy(table["x"], table["y"]), dtype=object)
    points[table[["x", "y"]].isna().any(axis=1)] = None  # of basins whose place is not known
    kept = table.drop(columns=["x", "y"])
    return geopandas.GeoDataFrame(kept, geometry=points, crs=crs)


def _basins(domain) -> geopandas.GeoDataFrame:
    import geopandas

    shapes = [
        union(domain.raster_grid, domain.row[cells], domain.col[cells])
        for cells in map(domain.network.upstream_cells, domain.gauge_cells)
    ]
    table = domain.gauges[["cell", "area_km2", "network_area_km2"]].reset_index()
    table["cells"] = [domain.network.upstream_count(cell) for cell in domain.gauge_cells]
    return geopandas.GeoDataFrame(table, geometry=shapes, crs=domain.crs)


def _cells(domain) -> geopandas.GeoDataFrame:
    import geopandas
    import shapely

    grid = domain.raster_grid
    x, y = grid.x[domain.col], grid.y[domain.row]
    dx, dy = abs(spacing(grid.x)) / 2, abs(spacing(grid.y)) / 2
    table = {
        "cell": np.arange(domain.size), "row": domain.row, "col": domain.col,
        "downstream": domain.network.downstream, "area_km2": domain.area / 1e6,
        "upstream_km2": domain.network.accumulate(domain.area) / 1e6,
        "stream_order": stream_order(domain),
    }  # fmt: skip
    boxes = shapely.box(x - dx, y - dy, x + dx, y + dy)
    return geopandas.GeoDataFrame(table, geometry=boxes, crs=domain.crs)


def _rivers(domain, minimum_km2: float) -> geopandas.GeoDataFrame:
    """Reaches between sources, confluences and outlets, of rivers that drain `minimum_km2`."""
    import geopandas
    import shapely

    network = domain.network
    upstream = network.accumulate(domain.area) / 1e6
    river = upstream >= minimum_km2
    down = np.where(river, network.downstream, -1)
    inflows = np.bincount(down[down >= 0], minlength=domain.size)
    # a reach begins where no river comes in, or several do
    starts = np.flatnonzero(river & (inflows != 1))
    order = stream_order(domain)
    rows, lines = [], []
    for start in starts:
        cells = [int(start)]
        while down[cells[-1]] >= 0:
            cells.append(int(down[cells[-1]]))
            if inflows[cells[-1]] > 1:
                break
        if len(cells) < 2:
            continue  # a source that is an outlet has no length
        end = cells[-2] if inflows[cells[-1]] > 1 else cells[-1]  # above the confluence
        rows.append((start, cells[-1], order[start], upstream[end], int(network.basin[start])))
        lines.append(_line(domain, cells))
    names = ["from_cell", "to_cell", "stream_order", "upstream_km2", "outlet_cell"]
    table = pd.DataFrame(rows, columns=names)
    shapes = [shapely.LineString(line) for line in lines]
    found = geopandas.GeoDataFrame(table, geometry=shapes, crs=domain.crs)
    found["length_km"] = _lengths(domain, lines)
    return found


def _line(domain, cells: list[int]) -> np.ndarray:
    """Centres of cells (K, 2), with longitudes that go on where they cross the raster's edge."""
    grid = domain.raster_grid
    x = grid.x[domain.col[cells]].astype(np.float64)
    if grid.geographic:
        x = np.unwrap(x, period=360.0)
    return np.column_stack([x, grid.y[domain.row[cells]]])


def _lengths(domain, lines: list[np.ndarray]) -> np.ndarray:
    """Lengths on the ellipsoid, km."""
    import pyproj

    geod = pyproj.Geod(ellps="WGS84")
    whole = [transform(line[:, 0], line[:, 1], domain.crs, "EPSG:4326") for line in lines]
    return np.array([geod.line_length(lon, lat) / 1000 for lon, lat in whole])


def union(grid: Grid, row: np.ndarray, col: np.ndarray):
    """The outline of cells of a grid, as a polygon or several."""
    import shapely

    order = np.lexsort((col, row))
    row, col = row[order], col[order]
    # cells side by side are one box: there are far fewer of these
    first = np.flatnonzero(np.diff(row, prepend=-1).astype(bool) | (np.diff(col, prepend=-9) != 1))
    last = np.append(first[1:], row.size) - 1
    # edges are whole and half numbers until the end, so that neighbours share them to the last bit
    left, right, top = col[first] - 0.5, col[last] + 0.5, row[first] - 0.5
    places = shapely.union_all(shapely.box(left, top, right, top + 1))
    step = np.array([spacing(grid.x), spacing(grid.y)])
    start = np.array([grid.x[0], grid.y[0]])
    return shapely.transform(places, lambda p: start + p * step)
