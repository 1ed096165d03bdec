"""Checks of a flow-direction raster: what is wrong, where, and how to mend it, in sentences."""

from __future__ import annotations

import numpy as np

from gridhydro.base.report import Report
from gridhydro.base.words import count_of
from gridhydro.domain import d8
from gridhydro.domain.grid import Grid
from gridhydro.domain.network import cycles, follow, shorten

# codes of cells where water leaves that no-data cells are filled with, and the part of all cells
# that may lie amid others of them: of the global DDM30 network 0.7 % are islands side by side
_FILLS, _MOST_FILLED = {0, -1, 255}, 0.05
_MOST_STRAYED = 0.5  # of the cells may drain out of a raster of next cells


class DomainWarning(UserWarning):
    """What deserves a look about gauges, grids and rasters; said once, when it is found."""


def check_targets(target, strayed, codes, coding: str, grid: Grid, asked=False) -> Report:
    """Examine the `target` and `strayed` cells that `d8.targets` found for `codes`.

    asked  whether it was said which codes are no data
    """
    report = Report()
    if np.all(target == d8.NO_CELL):
        report.errors.append(
            "the flow-direction raster has no cell with data: check its coding and no-data value"
        )
        return report
    _unknown_codes(report, target, codes, coding, grid)
    if not asked:
        _filled(report, target, codes, coding, grid)
    circling = _circles(report, target, grid)
    cut = _cut(report, target, strayed, codes, coding, grid)
    if not cut:
        _jumps(report, target, grid)
    if strayed.size and not cut:
        _leaves(report, strayed, grid)
    _better_read(report, target, codes, coding, grid, (circling, strayed.size))
    return report


def _leaves(report, strayed, grid):
    """Cells whose water goes nowhere, by their places in the raster of directions, which may be
    finer than the domain is."""
    rows, columns = grid.shape
    raster = f"the flow-direction raster ({rows} rows, {columns} columns)"
    what = count_of(
        strayed.size, f"cell of {raster} drains out of it or to a cell without data:",
        f"cells of {raster} drain out of it or to cells without data, the first:",
    )  # fmt: skip
    whose = "its" if strayed.size == 1 else "their"
    report.warnings.append(f"{what} {_cells(grid, strayed)}; {whose} water leaves the domain there")


def _filled(report, target, codes, coding, grid):
    """Whether an end code looks like one that no-data cells were filled with."""
    if coding not in d8.CODINGS or not np.any(target >= 0):
        return
    inflow = np.bincount(target[target >= 0], minlength=target.size).reshape(grid.shape)
    active = int(np.sum(target != d8.NO_CELL))
    for code in set(d8.CODINGS[coding].ends) & _FILLS:
        where = codes == code
        # all nine cells around, beyond the raster too, have it
        from scipy.ndimage import minimum_filter

        inside = minimum_filter(where, 3, mode="constant", cval=True)
        count = int(np.sum(inside & (inflow == 0)))
        if count >= 4 and count > _MOST_FILLED * active:
            report.errors.append(
                f"{int(np.sum(where & (inflow == 0)))} of {active} cells have the code {code}, "
                f"which '{coding}' has where water leaves, but nothing drains into them and they "
                f"lie side by side, as around {_cells(grid, np.flatnonzero(inside), 1)}: they look "
                f"like no data; say nodata={code} if they are, or nodata='codes' if they are land"
            )


def _cut(report, target, strayed, codes, coding, grid) -> bool:
    """Whether the numbers of next cells are those of a larger raster."""
    if coding != d8.NEXTXY:
        return False
    off = d8.larger_raster(codes, grid.y[0] > grid.y[-1], grid.x[0] < grid.x[-1])
    active = int(np.sum(target != d8.NO_CELL))
    if off is not None:
        report.errors.append(
            f"the numbers of the next cells are those of a larger raster, {off[0]} rows and "
            f"{off[1]} columns off, and most cells would drain out or elsewhere: renumber them "
            f"with gridhydro.directions.renumber(raster, {off[0]}, {off[1]})"
        )
    elif strayed.size > max(3, _MOST_STRAYED * active):
        report.errors.append(
            f"{strayed.size} of {active} cells drain out of the raster, the first: "
            f"{_cells(grid, strayed)}: it looks like part of a larger one, whose rows and columns "
            "are counted; take the part with mask=, or renumber it with "
            "gridhydro.directions.renumber"
        )
    else:
        return False
    return True


def _cells(grid, cells, most=3):
    cells = np.asarray(cells)
    return shorten([grid.name_cell(*divmod(int(cell), grid.shape[1])) for cell in cells], most)


def _unknown_codes(report, target, codes, coding, grid):
    unknown = np.flatnonzero(target == d8.UNKNOWN)
    if not unknown.size:
        return
    flat = codes.reshape(-1, target.size)
    shown = shorten([f"{code:g}" for code in np.unique(flat[0, unknown])])
    others = d8.fitting(np.unique(codes[~np.isnan(codes)])) if coding != d8.NEXTXY else []
    hint = f"; these codes fit coding={' or '.join(map(repr, others))}" if others else ""
    report.errors.append(
        f"{count_of(unknown.size, 'cell has a code', 'cells have codes')} that '{coding}' does not "
        f"know ({shown}), the first: {_cells(grid, unknown)}; give the right coding or mark them "
        f"as no data{hint}"
    )


def _circles(report, target, grid) -> int:
    """Report the circles; returns how many cells cannot reach an outlet."""
    # cells without data stand by themselves
    downstream = np.maximum(target, -1)
    last, _ = follow(downstream)
    lost = np.flatnonzero(downstream[last] >= 0)
    circles = cycles(downstream, last)
    pairs = [circle for circle in circles if circle.size == 2]
    loops = [circle for circle in circles if circle.size != 2]
    if pairs:
        report.errors.append(
            f"{count_of(len(pairs), 'pair of cells drains', 'pairs of cells drain')} into each "
            "other, the first: "
            f"{_cells(grid, pairs[0])}; let one of the two drain elsewhere or make it an outlet, "
            "by hand or with gridhydro.directions.repair_loops; find_loops there lists them all"
        )
    if loops:
        report.errors.append(
            f"{count_of(len(loops), 'group of cells drains', 'groups of cells drain')} in a "
            "circle, the first: "
            f"{_cells(grid, loops[0], 8)}; let one cell of each drain elsewhere or be an outlet; "
            "gridhydro.directions.find_loops lists them all"
        )
    if lost.size:
        report.errors.append(
            f"{count_of(lost.size, 'cell reaches', 'cells reach')} no outlet because of that, the "
            f"first: {_cells(grid, lost)}"
        )
    if not np.any(target == d8.LEAVES):
        report.errors.append(
            "no cell is an outlet: mark the river mouth or the inland sink with an end code"
        )
    return lost.size


def _jumps(report, target, grid):
    cells = np.flatnonzero(target >= 0)
    row, col = np.divmod(cells, grid.shape[1])
    to_row, to_col = np.divmod(target[cells], grid.shape[1])
    across = np.abs(to_col - col)
    if grid.wraps:
        across = np.minimum(across, grid.shape[1] - across)
    far = cells[(np.abs(to_row - row) > 1) | (across > 1)]
    if far.size:
        what = count_of(
            far.size, "cell drains to a cell that is not its neighbour",
            "cells drain to a cell that is not their neighbour",
        )  # fmt: skip
        report.warnings.append(
            f"{what}, the first: {_cells(grid, far[:1])} to {_cells(grid, target[far[:1]])}; right "
            "for a raster of unit catchments, otherwise a sign of a cropped or shifted raster"
        )


def _better_read(report, target, codes, coding, grid, found):
    """Whether the raster would make far more sense in another coding, or with its rows reversed."""
    active, bad = int(np.sum(target != d8.NO_CELL)), sum(found)
    if coding not in d8.CODINGS or bad <= max(2, 0.01 * active):
        return
    y_down, x_right = grid.y[0] > grid.y[-1], grid.x[0] < grid.x[-1]
    mask = (target != d8.NO_CELL).reshape(grid.shape)

    # what is no data in this coding may be a direction in another
    wider = mask | np.isin(codes, d8.CODINGS[coding].missing)

    def faults(name, down):
        within = mask if name == coding else wider
        turned, strayed = d8.targets(
            codes, name, y_down=down, x_right=x_right, wraps=grid.wraps, mask=within
        )
        downstream = np.maximum(turned, -1)
        return int(np.sum(downstream[follow(downstream)[0]] >= 0)) + strayed.size

    if (bad_turned := faults(coding, not y_down)) * 10 < bad:
        report.errors.append(
            f"the raster looks upside down: {bad} of {active} cells drain in circles or out of the "
            f"data, with the rows turned round only {bad_turned}; its y coordinate should "
            f"{'rise' if y_down else 'fall'} from row to row, so turn the coordinate round, for "
            "example raster.assign_coords(y=raster.y.values[::-1])"
        )
    if not found[0]:  # a network without circles may be what it is, however it is cut
        return
    fits = [n for n in d8.fitting(np.unique(codes[wider & np.isfinite(codes)])) if n != coding]
    others = {name: faults(name, y_down) for name in fits}
    if others and min(others.values()) * 10 < bad:
        least = min(others.values())
        best = " or ".join(repr(name) for name, count in others.items() if count == least)
        report.errors.append(
            f"the raster looks like another coding: as '{coding}' {bad} of {active} cells drain in "
            f"circles or out of the data, as {best} only {least}; say coding={best}"
        )
