"""A run as tables with geometries: its parameters on cells, gauges or the polygons of basins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from gridhydro.domain import reach_tables
from gridhydro.domain.geo_tables import to_geodataframe
from gridhydro.io.vector import polygon_table

if TYPE_CHECKING:
    import geopandas  # type: ignore[import-untyped]


def parameters_on(run, layer: str, polygons=None, names=None) -> geopandas.GeoDataFrame:
    """See `Run.to_geodataframe`."""
    domain = run.model.domain
    if polygons is not None:
        if not domain.lumped or layer != "basins":
            raise ValueError("polygons are those of lumped basins, of the layer 'basins'")
        table = polygon_table(polygons, names, list(domain.gauges.index))
    else:
        table = to_geodataframe(domain, layer)
    per_cell = ("cells", "rivers") if domain.reaches is not None else ("cells",)
    if layer not in per_cell and not domain.lumped:
        return table
    values = pd.DataFrame(run.mean_parameters())
    clash = [name for name in values if name in table.columns]
    values = values.rename(columns={name: f"parameter_{name}" for name in clash})
    return table.join(values)


def layers_of(run, scores: pd.DataFrame | None = None, polygons=None, names=None) -> dict:
    """All layers of a run by name; the scores of gauges of the last period in the table of
    `Run.evaluate` become columns of theirs.

    polygons, names  of lumped basins: see `Run.to_geodataframe`
    """
    lumped, domain = run.model.domain.lumped, run.model.domain
    if domain.reaches is not None:
        found = {layer: parameters_on(run, layer) for layer in reach_tables.layers(domain)}
        return _with_scores(found, scores)
    found = {} if lumped else {"rivers": to_geodataframe(run.model.domain, "rivers")}
    if not lumped or polygons is not None:
        found["basins"] = parameters_on(run, "basins", polygons, names)
    found["gauges"] = parameters_on(run, "gauges")
    if not lumped:
        found["cells"] = parameters_on(run, "cells")
    return _with_scores(found, scores)


def _with_scores(found: dict, scores: pd.DataFrame | None) -> dict:
    if scores is not None and len(scores):
        last = scores.groupby("gauge").tail(1).set_index("gauge")
        last = last.rename(columns={"period": "period_of_scores"})
        for layer in {"basins", "gauges"} & found.keys():
            own = last.drop(columns=[c for c in last if c in found[layer].columns])
            found[layer] = found[layer].join(own, on="name")
    return found
