"""The cell of the river network that each gauge stands for, and better ones nearby."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhydro.base.report import Report
from gridhydro.domain.grid import Grid, find, nearest, spacing

REACH = 2  # how many cells away a better cell is looked for
TOLERANCE = 0.1  # difference between network and reported area that is worth a warning
WRONG = 0.5  # difference of areas that is an error, unless the gauge says that it is accepted

# What makes a cell a worse place for a gauge, in units of the misfit TOLERANCE: the distance, as
# positions are off by a cell or so, and the river. The one that the position is on or drains to is
# hardly ever the wrong one, and cells of others have the area that is reported only by chance.
_PER_CELL, _TRIBUTARY, _OTHER_RIVER = 0.5, 0.5, 3.0


def place_gauges(gauges: pd.DataFrame, grid: Grid, upstream_area, target, snap=False):
    """The raster cell of each gauge, row * cols + col, -1 where there is none, and a Report.

    upstream_area  (rows, cols) km2, NaN where there is no cell
    target         (rows * cols,) the cell that each cell drains to, negative where water leaves
    snap           move a gauge to the best cell within REACH: near, of about the area reported, on
                   the river that its position is on or drains to; one that is accepted stays
    """
    report = Report()
    # a gauge just outside may belong to the last row: the raster gets a margin, without data or,
    # around the globe, with that of the other side
    padded = Grid(_extend(grid.y), _extend(grid.x), grid.crs)
    area = _pad(upstream_area, grid, np.nan)
    number = _pad(np.arange(target.size).reshape(grid.shape), grid, -1)
    rows = nearest(find(padded.y, gauges["y"]), padded.y.size)
    cols = nearest(find(padded.x, gauges["x"], 360.0 if grid.geographic else None), padded.x.size)

    cells = np.full(len(gauges), -1)
    for i, (name, gauge) in enumerate(gauges.iterrows()):
        here = int(rows[i]), int(cols[i])
        lost = min(here) < 0 or np.isnan(area[here])
        better, other_river = None, False
        if min(here) >= 0 and (lost or not gauge.accept):
            better, other_river = _better(area, number, target, here, gauge.area_km2)
        if better is not None and snap:
            text = (
                f"gauge '{name}' was moved from x {gauge.x:.10g}, y {gauge.y:.10g} to "
                f"{_cell(grid, better)}, which drains {area[better]:.5g} km2"
            )
            if other_river:
                text += ", but is on another river than the one at its position: see that it is"
            (report.warnings if other_river else report.notes).append(text)
            here, better = better, None
        _judge(report, name, gauge, here, better, grid, area, number)
        cells[i] = (here[0] - REACH) * grid.shape[1] + (here[1] - REACH) % grid.shape[1]
    return cells, report


def misfit(report: Report, text: str, found, wanted, accept: bool, remedy: str) -> bool:
    """Report a gauge by how far the area `found` is off the `wanted` one; False where it is not."""
    error = abs(found / wanted - 1)
    if not error > TOLERANCE:  # NaN: nothing is known of it
        return False
    if accept:
        report.notes.append(f"{text}; accepted as it is")
    elif error > WRONG:
        report.errors.append(
            f"{text}, {found / wanted - 1:+.0%}; {remedy}, or set accept to true for the gauge if "
            "it is right where it is"
        )
    else:
        report.warnings.append(f"{text}; {remedy}")
    return True


def _extend(axis):
    step = spacing(axis)
    before = axis[0] - step * np.arange(REACH, 0, -1)
    return np.concatenate([before, axis, axis[-1] + step * np.arange(1, REACH + 1)])


def _pad(values, grid, nothing):
    padded = np.pad(values, ((REACH, REACH), (0, 0)), constant_values=nothing)
    margin = {"mode": "wrap"} if grid.wraps else {"constant_values": nothing}
    return np.pad(padded, ((0, 0), (REACH, REACH)), **margin)


def _cell(grid, padded):
    return grid.name_cell(padded[0] - REACH, (padded[1] - REACH) % grid.shape[1])


def _better(area, number, target, here, reported):
    """The cell within REACH to move to, None if the gauge is best left where it is, and whether it
    is on another river."""
    row, col = here
    top, left = max(row - REACH, 0), max(col - REACH, 0)
    window = slice(top, row + REACH + 1), slice(left, col + REACH + 1)
    found = area[window]
    if np.isnan(found).all():
        return None, False
    lost = np.isnan(area[here])
    i, j = np.indices(found.shape)
    away = np.hypot(i + top - row, j + left - col)
    if np.isnan(reported):
        if not lost:
            return None, False
        river, cost = np.zeros(found.shape), np.where(np.isnan(found), np.nan, away)
    else:
        error = np.abs(np.log(np.where(found > 0, found, np.nan) / reported)) / np.log1p(TOLERANCE)
        if np.isnan(error).all():
            return None, False
        now = error[row - top, col - left]
        # a cell that is about right already is kept: the report may be off by a few per cent
        if not lost and now <= 1:
            return None, False
        river = np.zeros(found.shape) if lost else _river(number[window], target, number[here])
        cost = error + _PER_CELL * away + river
        same = (error <= 1) & (river < _OTHER_RIVER)
        cost = np.where(same, cost, np.nan) if same.any() else cost
    best = np.unravel_index(np.nanargmin(cost), found.shape)
    if not lost and error[best] > now / 2:
        return None, False
    return (int(best[0] + top), int(best[1] + left)), bool(river[best] == _OTHER_RIVER)


def _river(window, target, nominal):
    """What cells of a window of cell numbers cost for being of another river than the nominal."""
    inside = set(window.ravel().tolist())
    own = _path(target, nominal, inside)
    cost = np.full(window.shape, _OTHER_RIVER)
    for place, cell in np.ndenumerate(window):
        path = _path(target, cell, inside) if cell >= 0 else []
        if cell in own or nominal in path:
            cost[place] = 0.0
        elif set(path) & set(own):
            cost[place] = _TRIBUTARY
    return cost


def _path(target, cell, inside: set[int]) -> list[int]:
    """The cells that water flows through from a cell on, as far as it stays inside."""
    path: list[int] = []
    while cell >= 0 and cell in inside and len(path) < len(inside):
        path.append(int(cell))
        cell = target[cell]
    return path


def _suspected(gauge, grid: Grid) -> str:
    """What may be wrong with a position outside the raster, as far as it can be told."""
    if grid.geographic and not (abs(gauge.x) <= 360 and abs(gauge.y) <= 90):
        return (
            ": the raster is in degrees, and these are none: give lon and lat, or a GeoDataFrame "
            "in the gauge's own reference system"
        )
    fits = np.isfinite(find(grid.y, gauge.x)) and np.isfinite(find(grid.x, gauge.y))
    return ": are x and y (or lon and lat) exchanged?" if fits else ""


def _judge(report, name, gauge, here, better, grid, area, number):
    """Report a gauge that is nowhere, or whose area is off, with the better cell there is."""
    who = f"gauge '{name}' at x {gauge.x:.10g}, y {gauge.y:.10g}"
    if better is None:
        remedy = f"no cell within {REACH} fits better: correct its position or leave it out"
    else:
        remedy = (
            f"a better cell is {_cell(grid, better)} with {area[better]:.5g} km2: "
            "move the gauge there, or pass snap=True"
        )
    if min(here) < 0 or number[here] < 0:
        report.errors.append(
            f"{who} lies outside the raster (x {grid.x.min():.10g} to {grid.x.max():.10g}, "
            f"y {grid.y.min():.10g} to {grid.y.max():.10g}){_suspected(gauge, grid)}; {remedy}"
        )
    elif np.isnan(area[here]):
        report.errors.append(f"{who} is on {_cell(grid, here)}, which has no data; {remedy}")
    else:
        text = (
            f"{who} is on {_cell(grid, here)}, which drains {area[here]:.5g} km2, not the "
            f"{gauge.area_km2:.5g} km2 reported"
        )
        misfit(report, text, area[here], gauge.area_km2, gauge.accept, remedy)
