"""Flow directions as people have them: read, looked through for circles, repaired, renumbered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gridhydro.base.missing import refuse_packed
from gridhydro.base.report import Report
from gridhydro.domain import d8
from gridhydro.domain.check import check_targets
from gridhydro.domain.grid import Grid, known_crs, read_crs, read_grid, read_values, spatial_dims
from gridhydro.domain.network import cycles
from gridhydro.domain.packing import on_grid
from gridhydro.domain.reference import centred, suspect_corners

CODES = "codes"  # nodata= of a raster whose no-data tag is a code as any other
_FTYPES = {"d8": "esri", "ldd": "ldd", "nextxy": "nextxy"}


@dataclass(frozen=True, eq=False)
class Directions:
    """A flow-direction raster: the cell that each drains to, `target` and `strayed` as `d8.targets`
    has them, with the codes (None of a `pyflwdir.FlwdirRaster`), their coding and the grid."""

    target: np.ndarray
    strayed: np.ndarray
    codes: np.ndarray | None
    coding: str
    grid: Grid
    asked: bool

    def check(self) -> Report:
        """What is wrong with them, and how to mend it."""
        return check_targets(
            self.target, self.strayed, self.codes, self.coding, self.grid, self.asked
        )


def read_directions(
    raster, coding=None, *, mask=None, crs=None, nodata=None, cell_reference="center"
) -> Directions:
    """Directions from a raster of codes or a `pyflwdir.FlwdirRaster`; see `Domain.from_d8`."""
    if _of_pyflwdir(raster):
        if nodata is not None or cell_reference != "center":
            raise ValueError("nodata and cell_reference are for rasters of codes: leave them out")
        return _read_pyflwdir(raster, coding, mask, crs)
    if coding is None:
        raise ValueError(f"missing 'coding' of the flow directions: one of {', '.join(d8.NAMES)}")
    coding = d8.check_coding(coding)
    if coding == d8.NEXTXY and isinstance(raster, xr.Dataset):
        raster = xr.concat([raster["nextx"], raster["nexty"]], "next")
    raster = centred(_layer(raster), cell_reference)
    grid = read_grid(raster, crs)
    suspect_corners(raster.name, grid)
    how = {"y_down": grid.y[0] > grid.y[-1], "x_right": grid.x[0] < grid.x[-1]}
    # an integer code is kept as it is, and so is the NaN of a decoded one
    codes = _without_data(raster, coding, nodata, how | {"wraps": grid.wraps}, grid)
    target, strayed = d8.targets(
        codes, coding, wraps=grid.wraps, mask=_mask(mask, grid), **how
    )  # fmt: skip
    return Directions(target, strayed, codes, coding, grid, nodata is not None)


def _layer(raster):
    """The raster without axes of one value, as a band; ValueError for what is no raster."""
    if not isinstance(raster, xr.DataArray):
        raise ValueError(
            f"flow directions are a DataArray with coordinates, not a {type(raster).__name__}: "
            "choose the variable of a Dataset, and give an array its axes and crs with "
            "xarray.DataArray(..., dims=('y', 'x'), coords=...)"
        )
    refuse_packed(raster)
    more = [dim for dim in raster.dims if raster.sizes[dim] == 1]
    return raster.squeeze([dim for dim in more if dim not in spatial_dims(raster)], drop=True)


def _mask(mask, grid):
    return None if mask is None else on_grid(mask, grid, "mask") > 0


def _without_data(raster, coding, nodata, how, grid):
    """The codes with NaN where there are no data.

    ValueError for a no-data tag that is also a code, unless `nodata` says what is meant.
    """
    values = raster.transpose(..., *spatial_dims(raster)).values
    wanted = 3 if coding == d8.NEXTXY else 2
    if values.ndim != wanted:
        over = ", ".join(f"{dim} ({size})" for dim, size in raster.sizes.items())
        raise ValueError(
            f"a raster of '{coding}' has {wanted} dimensions, this one is over {over}: choose one "
            "layer with .isel()"
        )
    tag = _tag(raster)
    ends, ways = d8.meanings(coding)
    if nodata == CODES:
        # what was decoded to NaN becomes the code again
        return values if tag is None else np.where(np.isnan(values), tag, values)
    found = read_values(raster)
    if nodata is not None:
        try:
            code = float(nodata)
        except (TypeError, ValueError):
            raise ValueError(f"nodata is a code, or '{CODES}', not {nodata!r}") from None
        if code != tag:
            found = np.where(values == code, np.nan, found.astype(np.float64))
    where = np.isnan(found) if found.dtype.kind == "f" else np.zeros(found.shape, bool)
    if tag is None or nodata == tag or tag not in (*ends, *ways) or not where.any():
        return found
    tagged = where.reshape(-1, *grid.shape)[0]
    into = _drain_into(np.where(where, tag, values), tagged, coding, how)
    if tag in ways or into.size:
        first = grid.name_cell(*divmod(int(into[0]), grid.shape[1])) if into.size else ""
        raise ValueError(
            f"the no-data tag of the raster is {tag:g}, which is also a code of '{coding}': "
            f"{int(tagged.sum())} cells have it"
            + (f", and {into.size} drain into them, the first: {first}" if into.size else "")
            + f"; say nodata={tag:g} if they are no data, or nodata='{CODES}' if the tag is wrong"
        )
    return found


def _tag(raster) -> float | None:
    """The no-data value that a raster states, or stated in its file; None without one."""
    for tag in (
        raster.rio.encoded_nodata, raster.encoding.get("missing_value"), raster.rio.nodata
    ):  # fmt: skip
        if tag is not None and not np.isnan(tag):
            return float(tag)
    return None


def _drain_into(codes, tagged, coding, how):
    """The cells that drain into tagged ones, were their tag a code."""
    options = {key: value for key, value in how.items() if coding != d8.NEXTXY or key != "wraps"}
    target, _ = d8.targets(codes, coding, **options)
    cells = np.flatnonzero((target >= 0) & ~tagged.ravel())
    return cells[tagged.ravel()[target[cells]]]


def _of_pyflwdir(raster) -> bool:
    from pyflwdir import FlwdirRaster

    return isinstance(raster, FlwdirRaster)


def _read_pyflwdir(raster, coding, mask, crs):
    own = _FTYPES[raster.ftype]
    if coding is not None and str(coding).lower() not in (own, raster.ftype):
        raise ValueError(f"the FlwdirRaster was read as '{raster.ftype}': leave coding out")
    a, b, c, d, e, f = tuple(raster.transform)[:6]
    if b or d or (a, e, c, f) == (1.0, -1.0, 0.0, 0.0):
        raise ValueError(
            "the FlwdirRaster is not on a grid along x and y: make it with transform= and latlon= "
            "of the raster, as in pyflwdir.from_array(codes, transform=raster.rio.transform())"
        )
    if crs is None and not raster.latlon:
        raise ValueError("a FlwdirRaster does not say its reference system: give it as crs=")
    rows, cols = raster.shape
    y, x = f + e * (np.arange(rows) + 0.5), c + a * (np.arange(cols) + 0.5)
    empty = xr.DataArray(np.zeros((rows, cols)), {"y": y, "x": x}, ("y", "x"))
    grid = read_grid(empty, read_crs(empty, known_crs("EPSG:4326") if crs is None else crs))
    links = np.asarray(raster.idxs_ds).astype(np.int64).ravel()
    target = np.where(links == np.arange(links.size), d8.LEAVES, links)
    target[~np.asarray(raster.mask).ravel()] = d8.NO_CELL
    within = _mask(mask, grid)
    if within is not None:
        target[~within.ravel()] = d8.NO_CELL
    onto = target >= 0
    strayed = np.flatnonzero(onto & (target[np.where(onto, target, 0)] == d8.NO_CELL))
    target[strayed] = d8.LEAVES
    if raster.idxs_outlet is not None:  # the other pits are where pyflwdir had rivers leave
        pits = np.flatnonzero(links == np.arange(links.size))
        pits = np.setdiff1d(pits, np.asarray(raster.idxs_outlet, dtype=np.int64))
        strayed = np.union1d(strayed, pits[target[pits] == d8.LEAVES])
    return Directions(target, strayed, None, "pyflwdir", grid, True)


def find_loops(raster, coding=None, **options):
    """A GeoDataFrame of all cells that drain in a circle, in the order of flow.

    raster, coding, options  as for `Domain.from_d8`: mask, crs, nodata, cell_reference
    Columns: loop (their number), cells (2 is a pair that drain into each other), row, col and, of
    the next cell, to_row, to_col; the geometry is the cell's centre in the raster's reference
    system. Empty if there are none.
    """
    # slow to load, and wanted here only
    import geopandas  # type: ignore[import-untyped]

    found = read_directions(raster, coding, **options)
    loops = cycles(np.maximum(found.target, -1))
    cells = np.concatenate([*loops, np.zeros(0)]).astype(np.int64)
    sizes = [loop.size for loop in loops]
    row, col = np.divmod(cells, found.grid.shape[1])
    to_row, to_col = np.divmod(found.target[cells], found.grid.shape[1])
    table = {
        "loop": np.repeat(np.arange(len(loops)), sizes), "cells": np.repeat(sizes, sizes),
        "row": row, "col": col, "to_row": to_row, "to_col": to_col,
    }  # fmt: skip
    points = geopandas.points_from_xy(found.grid.x[col], found.grid.y[row])
    return geopandas.GeoDataFrame(table, geometry=points, crs=found.grid.crs)


def repair_loops(raster, coding=None, inland=False, **options):
    """The raster with one cell of each pair that drain into each other made an outlet, and a table.

    Pairs beside a cell without data or the edge of the raster, as they stand at river mouths; with
    `inland` all pairs, which become inland sinks. Of the two it is the cell beside no data, and of
    two of those the one with the larger number of cells upstream. Circles of more cells are left:
    nobody knows which way is wrong.
    raster, coding, options  as for `Domain.from_d8`: mask, crs, nodata, cell_reference
    The table is that of `find_loops`, with the column repaired: the cell that is an outlet now.
    """
    if _of_pyflwdir(raster):
        raise TypeError("a FlwdirRaster repairs itself with its own repair_loops: use that")
    found = read_directions(raster, coding, **options)
    table = find_loops(raster, coding, **options)
    rows, cols = found.grid.shape
    land = np.pad((found.target != d8.NO_CELL).reshape(rows, cols), 1)
    around = np.lib.stride_tricks.sliding_window_view(land, (3, 3))
    at_edge = ~around.all(axis=(2, 3)).ravel()
    cells = table["row"].to_numpy() * cols + table["col"].to_numpy()
    upstream = _upstream(found.target, cells)
    repaired = np.zeros(len(table), dtype=bool)
    for _, pair in table[table["cells"] == 2].groupby("loop"):
        places = pair.index.to_numpy()
        edge = at_edge[cells[places]]
        if edge.any() or inland:
            repaired[max(places, key=lambda i: (at_edge[cells[i]], upstream[i]))] = True
    table["repaired"] = repaired
    row, col = (table.loc[repaired, name].to_numpy() for name in ("row", "col"))
    if coding == d8.NEXTXY and isinstance(raster, xr.Dataset):
        parts = {name: _written(raster[name], row, col, coding) for name in ("nextx", "nexty")}
        return raster.assign(parts), table
    return _written(raster, row, col, d8.check_coding(coding)), table


def _upstream(target, cells):
    """Number of cells upstream of each cell of a circle, without those of the circle."""
    cut = np.maximum(target, -1).copy()
    cut[cells] = -1
    last = np.arange(cut.size)
    while True:
        further = np.where(cut[last] >= 0, cut[last], last)
        if np.array_equal(further, last):
            break
        last = further
    return np.bincount(last, minlength=cut.size)[cells]


def _written(raster, row, col, coding):
    """The raster with an end code in these cells."""
    tag = _tag(raster)
    ends = (d8.NEXTXY_OUTLET,) if coding == d8.NEXTXY else d8.CODINGS[coding].ends
    limits = np.iinfo(raster.dtype) if raster.dtype.kind in "iu" else None
    fits = [c for c in ends if c != tag and (limits is None or limits.min <= c <= limits.max)]
    if row.size and not fits:
        raise ValueError(
            f"'{coding}' has no code for an outlet that {raster.dtype} can hold and that is not "
            "the raster's tag for no data: change its type or its tag"
        )
    y, x = spatial_dims(raster)
    values = raster.transpose(..., y, x).copy(deep=True)
    if row.size:
        values.values[..., row, col] = fits[0]
    return values.transpose(*raster.dims)


def renumber(raster, rows: int, cols: int):
    """Next cells of CaMa-Flood's part of a larger raster, counted from the part's own corner.

    raster      (2, rows, cols), or a Dataset of nextx and nexty, cut from the larger one
    rows, cols  of the larger raster that lie north and west of the part
    Next cells outside the part become outlets; what ends and what has no data stays.
    """
    if isinstance(raster, xr.Dataset):
        both = renumber(xr.concat([raster["nextx"], raster["nexty"]], "next"), rows, cols)
        return raster.assign(nextx=both[0], nexty=both[1])
    y, x = spatial_dims(raster)
    lead = [dim for dim in raster.dims if dim not in (y, x)]
    values = raster.transpose(*lead, y, x)
    if len(lead) != 1 or values.shape[0] != 2:
        raise ValueError(
            f"nextxy needs the next column and the next row stacked, (2, rows, cols), not "
            f"{values.shape}"
        )
    numbers = values.values.copy()
    ahead = (numbers[0] > 0) & (numbers[1] > 0)
    moved = numbers - np.array([cols, rows], dtype=numbers.dtype)[:, None, None]
    size = np.array([values.sizes[x], values.sizes[y]])[:, None, None]
    inside = ahead & ((moved >= 1) & (moved <= size)).all(axis=0)
    numbers = np.where(inside, moved, np.where(ahead, d8.NEXTXY_OUTLET, numbers))
    return values.copy(data=numbers).transpose(*raster.dims)
