"""The reach of a vector network that each gauge stands for: by its id, or the nearest one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhydro.base.identifiers import identifiers
from gridhydro.base.report import Report
from gridhydro.domain.gauges import name_index, read_gauges
from gridhydro.domain.grid import known_crs, transform
from gridhydro.domain.placing import TOLERANCE, misfit
from gridhydro.domain.polygons import WGS84
from gridhydro.domain.reaches import AXIS, Reaches

NEAR, FAR = 2.0, 5.0  # km: where a better reach is looked for, and what lies at no river
COLUMNS = ("x", "y", "cell", "area_km2", "network_area_km2")
ALL = "all"
_DEGREE = 111.2  # km


def gauges_on(gauges, reaches: Reaches, upstream, snap: bool, report: Report) -> pd.DataFrame:
    """The table of gauges of a domain; see `Domain.from_network`.

    upstream  (N,) km2 that drain through each reach
    What deserves a look is noted in the `report`, errors too. ValueError for a gauge without id and
    place, for an id that is none, and naming gauges of two rows.
    """
    x, y = transform(reaches.lon, reaches.lat, WGS84, reaches.crs)
    if isinstance(gauges, str):
        if gauges != ALL:
            raise ValueError(f"gauges are a table, or '{ALL}' for every reach, not '{gauges}'")
        cells = np.arange(len(reaches))
        table = {"x": x, "y": y, "cell": cells, "area_km2": np.nan, "network_area_km2": upstream}
        return pd.DataFrame(table, index=name_index(reaches.names))
    if gauges is None or not len(gauges):
        empty = {name: np.zeros(0, np.int64 if name == "cell" else float) for name in COLUMNS}
        return pd.DataFrame(empty, index=name_index([]))
    table, cells = _read(gauges, reaches, x, y)
    for row, (name, gauge) in enumerate(table.iterrows()):
        remedy = "give the right reach"
        if cells[row] < 0:
            cells[row], remedy = _nearest(gauge, reaches, upstream, snap, report)
        cell = cells[row]
        if cell < 0:
            continue
        text = (
            f"gauge '{name}' is on reach {reaches.ids[cell]}, which drains {upstream[cell]:.5g} km2"
        )
        if not upstream[cell] > 0:
            report.errors.append(f"{text}: nothing flows there; put it on another reach")
            continue
        text += f", not the {gauge.area_km2:.5g} km2 reported"
        misfit(report, text, upstream[cell], gauge.area_km2, bool(gauge.accept), remedy)
    table = table.assign(cell=cells.astype(np.int64), network_area_km2=upstream[cells])
    return table[list(COLUMNS)]


def _read(gauges, reaches: Reaches, x, y) -> tuple[pd.DataFrame, np.ndarray]:
    """Gauges as `read_gauges` gives them, and the reach (G,) that is named by each, or -1.

    Those that are named need no place.
    """
    table = pd.DataFrame(gauges).copy()
    if AXIS not in table.columns:
        return read_gauges(gauges, reaches.crs), np.full(len(table), -1)
    ids = table[AXIS].to_numpy()
    cells = reaches.places(ids, "the reaches of gauges")
    lost = np.flatnonzero((cells < 0) & ~identifiers(ids, "the reaches of gauges")[1])
    if lost.size:
        raise ValueError(
            f"there is no reach {ids[lost[0]]} in the network, which a gauge is to be on (row "
            f"{lost[0] + 1} of the gauges)"
        )
    if hasattr(gauges, "crs"):
        return read_gauges(gauges, reaches.crs), cells
    pair, own = ("lon", "lat"), (reaches.lon, reaches.lat)
    if {"x", "y"} <= set(table.columns) and not set(pair) <= set(table.columns):
        pair, own = ("x", "y"), (x, y)
    places = table.reindex(columns=list(pair))
    without = ((cells >= 0) & places.isna().any(axis=1)).to_numpy()
    unknown = without & ~np.isfinite(reaches.lon[cells])
    for name, values in zip(pair, own, strict=True):
        table[name] = places[name].where(~without, np.where(unknown, 0.0, values[cells]))
    found = read_gauges(table, reaches.crs)
    found.loc[unknown, ["x", "y"]] = np.nan
    return found, cells


def _nearest(gauge, reaches: Reaches, upstream, snap: bool, report: Report) -> tuple[int, str]:
    """The reach nearest to the place of a gauge, or with `snap` a better one nearby, and what to do
    where its area is off; -1 with an error in the report where there is none."""
    usual = "correct its position, or give the right reach"
    found = _distances(gauge, reaches)
    who = f"gauge '{gauge.name}' at x {gauge.x:.10g}, y {gauge.y:.10g}"
    if found is None:
        report.errors.append(
            f"{who}: the reaches have no geometries and no places to find it by: give its reach, a "
            f"column '{AXIS}' of the gauges"
        )
        return -1, usual
    cells, away = found
    if not len(cells):
        report.errors.append(
            f"{who} lies more than {FAR:g} km from any reach: correct its position, or give its "
            f"reach, a column '{AXIS}'"
        )
        return -1, usual
    # of those that it lies on equally the one with most water, as at a confluence the one below
    first = away <= away.min() + 1e-3
    here = int(cells[first][np.argmax(upstream[cells[first]])])
    wanted = gauge.area_km2
    text = f"{who} was put on reach {reaches.ids[here]}, {away.min():.3g} km away"
    if np.isnan(wanted) or gauge.accept or abs(upstream[here] / wanted - 1) <= TOLERANCE:
        report.notes.append(text)
        return here, usual
    near = cells[away <= max(NEAR, float(away.min()))]
    with np.errstate(divide="ignore"):
        error = np.abs(np.log(upstream[near] / wanted))
        best = int(near[np.argmin(error)])
        better = error.min() <= np.abs(np.log(upstream[here] / wanted)) / 2
    if not better:
        return here, usual
    where = f"reach {reaches.ids[best]} with {upstream[best]:.5g} km2"
    if not snap:
        return here, f"{where} is near and fits better: put it there, or pass snap=True"
    report.notes.append(f"{text}, and moved from there to {where}")
    return best, usual


def _distances(gauge, reaches: Reaches):
    """Reaches (K,) around a gauge and how far away they are, km; None where none has a place."""
    import shapely

    lon, lat = (float(v) for v in transform(gauge.x, gauge.y, reaches.crs, WGS84))
    shapes = reaches.lines if reaches.lines is not None else reaches.polygons
    if shapes is None:
        if not np.isfinite(reaches.lon).any():
            return None
        shapes, own = shapely.points(reaches.lon, reaches.lat), known_crs(WGS84)
    else:
        own = reaches.crs
    wide = FAR / _DEGREE
    across = wide / max(np.cos(np.radians(lat)), 0.01)
    corners = shapely.box(lon - across, lat - wide, lon + across, lat + wide)
    edge = shapely.get_coordinates(shapely.segmentize(corners, wide / 8))
    ex, ey = transform(edge[:, 0], edge[:, 1], WGS84, own)
    box = shapely.box(ex.min(), ey.min(), ex.max(), ey.max())
    cells = np.flatnonzero(shapely.intersects(shapes, box))
    flat = shapely.transform(
        shapes[cells],
        lambda p: _around(*transform(p[:, 0], p[:, 1], own, WGS84), lon, lat),
    )
    away = shapely.distance(flat, shapely.points(0.0, 0.0))
    near = away <= FAR
    return cells[near], away[near]


def _around(lon, lat, middle_lon: float, middle_lat: float) -> np.ndarray:
    """Kilometres (K, 2) east and north of a point, of places near it."""
    east = (np.asarray(lon) - middle_lon + 180.0) % 360.0 - 180.0
    east = east * _DEGREE * np.cos(np.radians(middle_lat))
    return np.column_stack([east, (np.asarray(lat) - middle_lat) * _DEGREE])
