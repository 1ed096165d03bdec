"""Gauges: reading them, and finding the cell of the river network that each one stands for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhydro.domain.check import Report
from gridhydro.domain.grid import Grid, find, nearest, spacing, transform

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
        index=name_index(names),
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


def name_index(names) -> pd.Index:
    """The index of a gauge table, the same whatever the names come from."""
    return pd.Index([str(name) for name in names], dtype=object, name="name")


def place_gauges(gauges: pd.DataFrame, grid: Grid, upstream_area, snap=False):
    """The raster cell of each gauge, row * cols + col, -1 where there is none, and a Report.

    upstream_area  (rows, cols) km2, NaN where there is no cell
    snap           move a gauge to the cell within REACH that fits the reported area best
    """
    report = Report()
    # a gauge just outside may belong to the last row: the raster gets a margin, without data or,
    # around the globe, with that of the other side
    padded = Grid(_extend(grid.y), _extend(grid.x), grid.crs)
    area = np.pad(upstream_area, ((REACH, REACH), (0, 0)), constant_values=np.nan)
    margin = {"mode": "wrap"} if grid.wraps else {"constant_values": np.nan}
    area = np.pad(area, ((0, 0), (REACH, REACH)), **margin)
    rows = nearest(find(padded.y, gauges["y"]), padded.y.size)
    cols = nearest(find(padded.x, gauges["x"], 360.0 if grid.geographic else None), padded.x.size)

    cells = np.full(len(gauges), -1)
    for i, (name, gauge) in enumerate(gauges.iterrows()):
        here = int(rows[i]), int(cols[i])
        better = None if min(here) < 0 else _better(area, here, gauge.area_km2)
        if better is not None and snap:
            here = better
            report.notes.append(
                f"gauge '{name}' was moved from x {gauge.x:.10g}, y {gauge.y:.10g} to "
                f"{_cell(grid, here)}, which drains {area[here]:.5g} km2"
            )
        else:
            _judge(report, name, gauge, here, better, grid, area)
        cells[i] = (here[0] - REACH) * grid.shape[1] + (here[1] - REACH) % grid.shape[1]
    return cells, report


def _extend(axis):
    step = spacing(axis)
    before = axis[0] - step * np.arange(REACH, 0, -1)
    return np.concatenate([before, axis, axis[-1] + step * np.arange(1, REACH + 1)])


def _cell(grid, padded):
    return grid.name_cell(padded[0] - REACH, (padded[1] - REACH) % grid.shape[1])


def _better(area, here, reported):
    """The cell within REACH to move to, None if the gauge is best left where it is."""
    row, col = here
    top, left = max(row - REACH, 0), max(col - REACH, 0)
    window = area[top : row + REACH + 1, left : col + REACH + 1]
    if np.isnan(window).all():
        return None
    lost = np.isnan(area[here])
    i, j = np.indices(window.shape)
    away = np.hypot(i + top - row, j + left - col)
    if np.isnan(reported):
        if not lost:
            return None
        error = away
    else:
        error = np.abs(np.log(np.where(window > 0, window, np.nan) / reported))
        if np.isnan(error).all():
            return None
        now = error[row - top, col - left]
        # a cell that is about right already is kept: the report may be off by a few per cent
        if not lost and (now <= np.log1p(TOLERANCE) or np.nanmin(error) > now / 2):
            return None
    best = np.nanargmin(np.where(np.isnan(window), np.nan, error + 1e-6 * away))
    best_row, best_col = np.unravel_index(best, window.shape)
    return int(best_row + top), int(best_col + left)


def _judge(report, name, gauge, here, better, grid, area):
    """Report a gauge that stays where it is, though a better cell exists or its area is off."""
    who = f"gauge '{name}' at x {gauge.x:.10g}, y {gauge.y:.10g}"
    if better is None:
        remedy = f"no cell within {REACH} fits better: correct its position or leave it out"
    else:
        remedy = (
            f"a better cell is {_cell(grid, better)} with {area[better]:.5g} km2: "
            "move the gauge there, or pass snap=True"
        )
    rows, cols = grid.shape
    inside = REACH <= here[0] < rows + REACH and (grid.wraps or REACH <= here[1] < cols + REACH)
    if not inside:
        report.errors.append(
            f"{who} lies outside the raster (x {grid.x.min():.10g} to {grid.x.max():.10g}, "
            f"y {grid.y.min():.10g} to {grid.y.max():.10g}); {remedy}"
        )
    elif np.isnan(area[here]):
        report.errors.append(f"{who} is on {_cell(grid, here)}, which has no data; {remedy}")
    elif abs(area[here] / gauge.area_km2 - 1) > TOLERANCE:
        report.warnings.append(
            f"{who} is on {_cell(grid, here)}, which drains {area[here]:.5g} km2, not the "
            f"{gauge.area_km2:.5g} km2 reported; {remedy}"
        )
