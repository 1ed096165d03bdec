"""Rasters of other grids onto a domain: averaging finer ones, interpolating coarser ones."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base import refuse
from gridhydro.base.missing import declared, masked
from gridhydro.base.quantities import CODES, Quantity
from gridhydro.domain.grid import (
    crs_or,
    find,
    nearest,
    read_grid,
    read_values,
    refuse_other_crs,
    spatial_dims,
    transform,
)

_CLASSES = ("majority", "fraction")


def aggregate(domain, raster: xr.DataArray, how: str = "mean", gaps: bool = False) -> xr.DataArray:
    """See `Domain.aggregate`. All fine cells with data whose centre lies in the cell count."""
    if how not in ("mean", "sum", "majority", "fraction"):
        raise ValueError(f"how='{how}' is not one of mean, sum, majority, fraction")
    _need_grid(domain, "aggregate")
    if isinstance(raster, xr.Dataset):
        maps = {name: aggregate(domain, v, how, gaps) for name, v in domain.maps(raster).items()}
        return xr.Dataset(maps, attrs=raster.attrs)
    refuse_other_crs(raster, domain.crs)
    fine = read_grid(raster, domain.crs)
    period = 360.0 if domain.grid.geographic else None
    rows = nearest(find(domain.y, fine.y), domain.y.size)
    cols = nearest(find(domain.x, fine.x, period), domain.x.size)
    cell = np.full((domain.y.size + 1, domain.x.size + 1), -1)  # the last ones: outside
    cell[domain.row, domain.col] = np.arange(domain.size)
    cell = cell[rows[:, None], cols].ravel()

    values = read_values(masked(raster))
    lead = values.shape[:-2]
    layers = values.reshape(-1, cell.size).astype(np.float64)
    _refuse_codes(raster, layers, np.flatnonzero(cell >= 0), classes=how in _CLASSES)
    dims = [dim for dim in raster.dims if dim not in spatial_dims(raster)]
    coords = {dim: raster[dim] for dim in dims if dim in raster.coords}
    if how in ("mean", "sum"):
        packed = np.stack(
            [_gather(domain, layer, cell, how, raster.name, gaps) for layer in layers]
        )
        return domain.unpack(packed.reshape(*lead, -1), raster.name, raster.attrs, dims, coords)
    if lead:
        raise ValueError(f"how='{how}' takes a raster of rows and columns, not {raster.dims}")
    layer = layers[0]
    classes = np.unique(layer[np.isfinite(layer) & (cell >= 0)])
    fractions = np.stack(
        [
            _gather(
                domain, np.where(np.isnan(layer), np.nan, layer == c), cell, "mean", raster.name
            )
            for c in classes
        ]
    )
    if how == "majority":
        return domain.unpack(classes[fractions.argmax(0)], raster.name, raster.attrs)
    attrs = {"units": "1", "long_name": f"fraction of each class of {raster.name or 'the raster'}"}
    return domain.unpack(fractions, raster.name, attrs, ["class"], {"class": classes})


def _refuse_codes(raster: xr.DataArray, layers: np.ndarray, cells, classes: bool = False) -> None:
    """ValueError for codes for missing values in what is averaged, (L, K) with these K cells.

    Of classes any number may be one, but those below zero.
    """
    if declared(raster) is not None or not cells.size:
        return
    width = raster.sizes[spatial_dims(raster)[1]]

    def place(layer: int, cell: int) -> str:
        row, col = divmod(int(cells[cell]), width)
        where = f"at row {row}, column {col}"
        return where if len(layers) == 1 else f"in layer {layer} {where}"

    codes = tuple(code for code in CODES if code < 0) if classes else CODES
    unknown = Quantity(str(raster.attrs.get("units", "")), "", codes=codes)
    refuse.codes(f"'{raster.name or 'the raster'}'", layers[:, cells], place, unknown)


def _gather(domain, layer, cell, how, name, gaps=False):
    """Mean or sum (N,) of one fine layer over the cells; with gaps NaN where it has no data."""
    valid = np.isfinite(layer) & (cell >= 0)
    count = np.bincount(cell[valid], minlength=domain.size)
    empty = np.flatnonzero(count == 0)
    if empty.size and not gaps:
        raise ValueError(
            f"'{name or 'the raster'}' has no data in {empty.size} of {domain.size} cells, the "
            f"first: {domain.name_cell(empty[0])}; fill the gaps first, or use domain.regrid if "
            "it is coarser than the domain"
        )
    total = np.bincount(cell[valid], layer[valid], minlength=domain.size)
    found = total if how == "sum" else total / np.maximum(count, 1)
    return np.where(count > 0, found, np.nan)


def regrid(domain, dataset, method: str = "linear", gaps: bool = False):
    """See `Domain.regrid`. Between the outermost centres and the edge the nearest value holds."""
    if method not in ("linear", "nearest"):
        raise ValueError(f"method='{method}' is not one of linear, nearest")
    _need_grid(domain, "regrid")
    if isinstance(dataset, xr.Dataset):
        maps = {name: regrid(domain, v, method, gaps) for name, v in domain.maps(dataset).items()}
        return xr.Dataset(maps, attrs=dataset.attrs)
    rows, cols, weights = stencil(domain, dataset, method, gaps)
    values = read_values(masked(dataset))
    cells = np.unique((rows * values.shape[-1] + cols)[weights > 0])
    _refuse_codes(dataset, values.reshape(-1, values.shape[-2] * values.shape[-1]), cells)
    kind = np.result_type(values.dtype, np.float32)
    total = np.zeros((*values.shape[:-2], domain.size), dtype=kind)
    weight_there = np.zeros_like(total)
    for row, col, weight in zip(rows, cols, weights.astype(kind), strict=True):
        part = values[..., row, col]
        there = ~np.isnan(part) & (weight > 0)
        total += np.where(there, part * weight, 0)
        weight_there += there * weight
    with np.errstate(invalid="ignore"):
        total /= np.where(weight_there > 0, weight_there, np.nan)
    leading = tuple(range(total.ndim - 1))
    empty = np.flatnonzero(np.isnan(total).all(axis=leading))
    if empty.size and not gaps:
        raise ValueError(
            f"'{dataset.name}' has no data around {empty.size} of {domain.size} cells, the first: "
            f"{domain.name_cell(empty[0])}; fill the gaps or mask these cells out"
        )
    dims = [dim for dim in dataset.dims if dim not in spatial_dims(dataset)]
    coords = {dim: dataset[dim] for dim in dims if dim in dataset.coords}
    return domain.unpack(total, dataset.name, dataset.attrs, dims, coords)


def stencil(domain, source, method, gaps=False):
    """Four neighbours of every cell in the source, (4, N) rows, columns and weights; with gaps no
    weight where it does not reach.

    ValueError naming the first cell that the source does not cover, if gaps are not allowed.
    """
    grid = read_grid(source, crs_or(source, domain.crs))
    x, y = transform(domain.x[domain.col], domain.y[domain.row], domain.crs, grid.crs)
    row = find(grid.y, y)
    col = find(grid.x, x, 360.0 if grid.geographic else None)
    missed = np.flatnonzero(np.isnan(row) | np.isnan(col))
    if missed.size and gaps and missed.size < domain.size:
        row[missed], col[missed] = 0, 0
    elif missed.size:
        raise ValueError(
            f"'{source.name}' does not cover {missed.size} of {domain.size} cells, the first: "
            f"{domain.name_cell(missed[0])}; it spans {grid.x.min():g} to {grid.x.max():g} and "
            f"{grid.y.min():g} to {grid.y.max():g}: extend it, or mask these cells out"
        )
    if method == "nearest":
        row, col = nearest(row, grid.y.size), nearest(col, grid.x.size)
    top, left = np.floor(row).astype(np.int64), np.floor(col).astype(np.int64)
    down, right = row - top, col - left
    rows = np.clip([top, top, top + 1, top + 1], 0, grid.y.size - 1)
    cols = np.array([left, left + 1, left, left + 1])
    cols = cols % grid.x.size if grid.wraps else np.clip(cols, 0, grid.x.size - 1)
    up, back = 1 - down, 1 - right
    weights = np.array([up * back, up * right, down * back, down * right])
    weights[:, missed] = 0  # only where gaps are allowed
    return rows, cols, weights


def _need_grid(domain, what):
    if domain.lumped:
        raise ValueError(f"lumped basins have no raster to {what} to: give one value per basin")
