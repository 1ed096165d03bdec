"""Gauges: reading them, and finding the cell of the river network that each one stands for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhydro.check import Report
from gridhydro.grid import Grid, find, nearest, transform

REACH = 2  # how many cells away a better cell is looked for
TOLERANCE = 0.1  # difference between network and reported area that is worth a warning

_ALIASES = {"longitude": "lon", "latitude": "lat", "area": "area_km2", "id": "name"}


def read_gauges(gauges, crs) -> pd.DataFrame:
    """Gauges as a table indexed by name: x and y in the reference system `crs`, area_km2 (or NaN).

    `gauges`: DataFrame, GeoDataFrame of points, or a list of dicts with name, lon and lat (degrees,
    WGS84) or x and y (in `crs`), and area_km2 where known. Raises ValueError naming the gauge.
    """
    table = pd.DataFrame(gauges).copy()
    points = getattr(gauges, "geometry", None)
    if "name" not in table.columns and table.index.name is not None:
        table = table.reset_index(names="name")
    table = table.rename(columns={a: b for a, b in _ALIASES.items() if b not in table.columns})
    if "name" not in table.columns:
        raise ValueError(f"the gauges need a 'name'; they have {list(table.columns)}")
    names = table["name"].astype(str)
    twice = names[names.duplicated()].unique()
    if twice.size:
        raise ValueError(f"the gauge '{twice[0]}' is given twice: names must differ")

    if points is not None:
        if points.crs is None:
            raise ValueError("the gauges have geometries without a reference system: set their crs")
        x, y = transform(points.x, points.y, points.crs, crs)
    elif {"lon", "lat"} <= set(table.columns):
        x, y = transform(table["lon"], table["lat"], "EPSG:4326", crs)
    elif {"x", "y"} <= set(table.columns):
        x, y = table["x"], table["y"]
    else:
        raise ValueError(
            f"the gauges need lon and lat, or x and y; they have {list(table.columns)}"
        )
    area = table["area_km2"] if "area_km2" in table.columns else np.nan
    found = pd.DataFrame(
        {"x": np.asarray(x, float), "y": np.asarray(y, float), "area_km2": np.asarray(area, float)},
        index=pd.Index(names.to_numpy(dtype=object), name="name"),
    )
    bad = found.index[~np.isfinite(found["x"] * found["y"])]
    if bad.size:
        raise ValueError(f"the gauge '{bad[0]}' has no position: give it or leave the gauge out")
    wrong = found.index[found["area_km2"] <= 0]
    if wrong.size:
        raise ValueError(
            f"the area of gauge '{wrong[0]}' is not above zero: leave it NaN if unknown"
        )
    return found


def place_gauges(gauges: pd.DataFrame, grid: Grid, upstream_area, snap=False):
    """The raster cell of each gauge, row * cols + col, -1 where there is none, and a Report.

    upstream_area  (rows, cols) km2, NaN where there is no cell
    snap           move a gauge to the cell within REACH that fits the reported area best
    """
    report = Report()
    period = 360.0 if grid.geographic else None
    rows = nearest(find(grid.y, gauges["y"]), grid.y.size)
    cols = nearest(find(grid.x, gauges["x"], period), grid.x.size)
    cells = np.full(len(gauges), -1)
    for i, (name, gauge) in enumerate(gauges.iterrows()):
        if rows[i] < 0 or cols[i] < 0:
            report.errors.append(
                f"gauge '{name}' at x {gauge.x:g}, y {gauge.y:g} lies outside the raster "
                f"(x {grid.x.min():g} to {grid.x.max():g}, y {grid.y.min():g} to {grid.y.max():g})"
                ": correct its position or leave it out"
            )
            continue
        here = (int(rows[i]), int(cols[i]))
        better = _better(upstream_area, here, gauge.area_km2)
        if better is not None and snap:
            report.notes.append(
                f"gauge '{name}' was moved from {grid.name_cell(*here)} "
                f"to {grid.name_cell(*better)}, which drains {upstream_area[better]:.5g} km2"
            )
            here = better
        else:
            _judge(report, name, gauge.area_km2, here, better, grid, upstream_area)
        cells[i] = here[0] * grid.shape[1] + here[1]
    return cells, report


def _better(upstream_area, here, reported):
    """The cell within REACH to move to, None if the gauge is best left where it is."""
    row, col = here
    top, left = max(row - REACH, 0), max(col - REACH, 0)
    window = upstream_area[top : row + REACH + 1, left : col + REACH + 1]
    if np.isnan(window).all():
        return None
    lost = np.isnan(upstream_area[here])
    across, along = np.indices(window.shape)
    away = np.hypot(across + top - row, along + left - col)
    if np.isnan(reported):
        if not lost:
            return None
        misfit = away
    else:
        misfit = np.abs(np.log(np.where(window > 0, window, np.nan) / reported))
        if np.isnan(misfit).all():
            return None
        now = misfit[row - top, col - left]
        # a cell that is about right already is kept: the report may be off by a few per cent
        if not lost and (now <= np.log1p(TOLERANCE) or np.nanmin(misfit) > now / 2):
            return None
    best = np.nanargmin(np.where(np.isnan(window), np.nan, misfit + 1e-6 * away))
    best_row, best_col = np.unravel_index(best, window.shape)
    return int(best_row + top), int(best_col + left)


def _judge(report, name, reported, here, better, grid, upstream_area):
    """Report a gauge that stays where it is, though a better cell exists or its area is off."""
    area = upstream_area[here]
    where = f"gauge '{name}' is on {grid.name_cell(*here)}, which"
    if better is None:
        remedy = f"no cell within {REACH} fits better: correct its position or leave it out"
    else:
        remedy = (
            f"a better cell is {grid.name_cell(*better)} with {upstream_area[better]:.5g} km2: "
            "move the gauge there, or pass snap=True"
        )
    if np.isnan(area):
        report.errors.append(f"{where} has no data; {remedy}")
    elif abs(area / reported - 1) > TOLERANCE:
        report.warnings.append(
            f"{where} drains {area:.5g} km2, not the {reported:.5g} km2 reported; {remedy}"
        )
