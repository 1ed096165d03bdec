"""A vector network as tables of lines, unit basins and points, for any GIS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridhydro.domain.reaches import AXIS

if TYPE_CHECKING:
    import geopandas  # type: ignore[import-untyped]


def layers(domain) -> tuple[str, ...]:
    """The layers that a vector network has, by the geometries of its reaches."""
    reaches = domain.reaches
    found = [] if reaches.lines is None else ["rivers"]
    found += [] if reaches.polygons is None else ["basins", "cells"]
    return (*found, "gauges")


def table(domain, layer: str, minimum_km2: float = 0.0) -> geopandas.GeoDataFrame:
    """See `Domain.to_geodataframe`; ValueError for a layer without geometries."""
    import geopandas

    if layer not in layers(domain):
        what = "lines of rivers" if layer == "rivers" else "polygons of unit basins"
        raise ValueError(
            f"the network has no {what}, so no layer '{layer}', but {', '.join(layers(domain))}: "
            "give them to Domain.from_network"
        )
    reaches = domain.reaches
    if layer == "gauges":
        return _gauges(domain)
    if layer == "basins":
        return _basins(domain)
    found = _attributes(domain)
    shapes = reaches.lines if layer == "rivers" else reaches.polygons
    whole = geopandas.GeoDataFrame(found, geometry=shapes, crs=reaches.crs)
    if layer == "rivers":
        whole = whole[whole["upstream_km2"] >= minimum_km2].reset_index(drop=True)
    return whole


def _attributes(domain) -> dict[str, np.ndarray]:
    """Column -> (N,) of all reaches."""
    reaches, down = domain.reaches, domain.network.downstream
    after = np.where(down < 0, 0 if reaches.ids.dtype.kind == "i" else "", reaches.ids[down])
    return {
        AXIS: reaches.ids, f"downstream_{AXIS}": after, "cell": np.arange(domain.size),
        "length_km": reaches.length / 1000, "slope": reaches.slope, "area_km2": domain.area / 1e6,
        "upstream_km2": domain.network.accumulate(domain.area) / 1e6,
        "stream_order": domain.network.strahler_order(),
    }  # fmt: skip


def _gauges(domain) -> geopandas.GeoDataFrame:
    import geopandas

    found = domain.gauges.reset_index()
    found[AXIS] = domain.reaches.ids[domain.gauge_cells]
    found["stream_order"] = domain.network.strahler_order()[domain.gauge_cells]
    points = np.array(geopandas.points_from_xy(found["x"], found["y"]), dtype=object)
    points[found[["x", "y"]].isna().any(axis=1)] = None  # of those whose place is not known
    kept = found.drop(columns=["x", "y"])
    return geopandas.GeoDataFrame(kept, geometry=points, crs=domain.crs)


def _basins(domain) -> geopandas.GeoDataFrame:
    import geopandas
    import shapely

    upstream = [domain.network.upstream_cells(cell) for cell in domain.gauge_cells]
    shapes = [shapely.union_all(domain.reaches.polygons[cells]) for cells in upstream]
    found = domain.gauges[["cell", "area_km2", "network_area_km2"]].reset_index()
    found[AXIS] = domain.reaches.ids[domain.gauge_cells]
    found["cells"] = [len(cells) for cells in upstream]
    return geopandas.GeoDataFrame(found, geometry=shapes, crs=domain.crs)
