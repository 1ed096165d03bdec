"""Domains of vector networks: reaches, each with the unit basin that drains into it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from gridhydro.base.report import Report
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.network import Network
from gridhydro.domain.reach_gauges import gauges_on
from gridhydro.domain.reach_layouts import LAYOUTS, columns_of
from gridhydro.domain.reach_links import links
from gridhydro.domain.reach_table import (
    catchment_rows,
    lengths,
    numbers,
    placed,
    shapes_of,
    unit_areas,
)
from gridhydro.domain.reaches import Reaches


def from_network(cls, table, layout, *, columns, units, nexus, catchments, gauges, snap: bool, crs):
    """See `Domain.from_network`."""
    if isinstance(table, str | Path):
        raise ValueError(
            f"reaches are a table: read the file with gridhydro.io.read_reaches('{table}') first"
        )
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"reaches are a table or a GeoDataFrame, not a {type(table).__name__}")
    table = _with_ids(table, columns)
    report = Report()
    known = columns_of(table, layout, columns, units)
    found = links(table, known, nexus, report)
    network, order = Network.from_downstream(found.downstream)
    shapes = shapes_of(table, found, catchments, known, crs)
    area = numbers(table, found, known, "area")
    if area is None and catchments is not None:
        area = _of_catchments(catchments, found, known)
    upstream = numbers(table, found, known, "upstream_area")
    area = unit_areas(area, upstream, shapes, found, (network, order), report)
    length = lengths(numbers(table, found, known, "length"), shapes, area, found, report)
    slope = numbers(table, found, known, "slope")
    slope = np.full(len(area), np.nan) if slope is None else slope
    reaches = Reaches(
        found.ids, length, slope, *placed(table, found, known, shapes), shapes.crs,
        shapes.lines, shapes.polygons,
    )[order]  # fmt: skip
    area = area[order]
    upstream = network.accumulate(area) / 1e6
    table_of_gauges = gauges_on(gauges, reaches, upstream, snap, report)
    report.raise_if_bad()
    for text in report.warnings:
        warnings.warn(text, DomainWarning, stacklevel=3)
    cells = np.arange(len(area))
    return cls(network, np.zeros_like(cells), cells, None, area, table_of_gauges, report, reaches)


def _with_ids(table: pd.DataFrame, columns) -> pd.DataFrame:
    """The table, with ids that are its index as a column."""
    name = table.index.name
    wanted = (columns or {}).get("id", name)
    if name is not None and name == wanted and name not in table.columns:
        return table.reset_index()
    return table


def _of_catchments(catchments, found, known) -> np.ndarray | None:
    """Areas (N,) m2 that the table of unit basins has; None where it has no such column."""
    layout = LAYOUTS.get(known.layout or "")
    name = None if layout is None else layout.columns.get("area")
    lower = {str(c).lower(): str(c) for c in catchments.columns}
    if not isinstance(name, str) or name.lower() not in lower:
        return None
    rows = catchment_rows(catchments, found, known)
    columns = replace(
        known,
        names=known.names | {"area": lower[name.lower()]},
        units=known.units | {"area": "km2"},
    )
    return numbers(catchments, replace(found, rows=rows), columns, "area")
