"""Rasters of other grids onto a domain: by the areas they share, or between their centres."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from gridhydro.base.arguments import fraction, one_of
from gridhydro.base.missing import declared
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.grid import (
    Grid,
    crs_or,
    find,
    nearest,
    read_grid,
    refuse_other_crs,
    same_crs,
    spatial_dims,
    transform,
)
from gridhydro.domain.layers import Layers
from gridhydro.domain.overlap import Overlap
from gridhydro.domain.reference import centred, suspect_corners

HOWS = ("mean", "sum", "majority", "fraction")
METHODS = ("linear", "nearest", "conservative")

_CLASSES = ("majority", "fraction")


def aggregate(
    domain,
    raster,
    how: str = "mean",
    gaps: bool = False,
    minimum: float = 0.0,
    cell_reference: str = "center",
    lazy: bool = False,
):
    """See `Domain.aggregate`."""
    one_of("how", how, HOWS)
    fraction("minimum", minimum)
    _need_grid(domain, "aggregate")
    if isinstance(raster, xr.Dataset):
        return _each(domain, raster, aggregate, how, gaps, minimum, cell_reference, lazy)
    _need_numbers(raster)
    refuse_other_crs(raster, domain.crs)
    raster = centred(raster, cell_reference)
    source = read_grid(raster, domain.crs)
    suspect_corners(raster.name, source, domain.grid)
    rows, cols, overlap = Overlap.of(domain.grid, source).window()
    y, x = spatial_dims(raster)
    raster = raster.isel({y: rows, x: cols})
    looked = np.array([], int) if declared(raster) is not None else _touched(domain, overlap)
    layers = Layers(raster, looked, (rows.start, cols.start), how in _CLASSES)
    dims = layers.dims
    if how in ("mean", "sum"):

        def bring(values: np.ndarray) -> np.ndarray:
            found = [
                _mean_or_sum(domain, layer, overlap, how, minimum)
                for layer in values.reshape(-1, *values.shape[-2:])
            ]
            packed = np.array(found).reshape(*values.shape[:-2], domain.size)
            if not gaps:
                _refuse_gaps(domain, packed, raster.name, minimum)
            return packed

        return _brought(domain, layers, bring, lazy)
    if dims:
        raise ValueError(f"how='{how}' takes a raster of rows and columns, not {raster.dims}")
    layer = layers.read({})
    classes, fractions = _fractions(domain, layer, overlap, minimum)
    if not gaps:
        _refuse_gaps(domain, fractions, raster.name, minimum)
    if how == "majority":
        most = np.where(np.isnan(fractions[0]), np.nan, classes[fractions.argmax(0)])
        return domain.unpack(most, raster.name, raster.attrs)
    attrs = {"units": "1", "long_name": f"fraction of each class of {raster.name or 'the raster'}"}
    return domain.unpack(fractions, raster.name, attrs, ["class"], {"class": classes})


def _each(domain, dataset, bring, *options):
    """The maps of a Dataset brought over one by one; what is odd about their grid is said once."""
    found: dict = {}
    for name, values in domain.maps(dataset).items():
        with warnings.catch_warnings():
            if found:
                warnings.simplefilter("ignore", DomainWarning)
            found[name] = bring(domain, values, *options)
    return xr.Dataset(found, attrs=dataset.attrs)


def _brought(domain, layers: Layers, bring, lazy: bool):
    """The raster on the domain, read a block at a time, or when a window of it is asked for."""
    raster = layers.raster
    if lazy and layers.dims:
        return layers.lazily(domain, bring)
    coords = {dim: raster[dim] for dim in layers.dims if dim in raster.coords}
    return domain.unpack(layers.each(bring), raster.name, raster.attrs, layers.dims, coords)


def _touched(domain, overlap: Overlap) -> np.ndarray:
    """Which cells of the other grid, by row and column in one number, lie in cells of the domain.

    Those that do so by a sliver are left out, which may be rounding.
    """
    active = np.zeros(domain.grid.shape)
    active[domain.row, domain.col] = 1.0
    part = overlap.parts()
    return np.flatnonzero((part.rows.T @ (part.cols.T @ active.T).T).ravel() > 1e-3)


def _mean_or_sum(domain, layer, overlap, how, minimum):
    """Mean or sum (N,) of one layer over the cells, NaN where it has no data."""
    valid = np.isfinite(layer)
    covered = _covered(domain, valid, overlap)
    layer = layer if valid.all() else np.where(valid, layer, 0)
    enough = _enough(domain, covered, overlap, minimum)
    part = overlap.parts() if how == "sum" else overlap
    total = part.total(layer.astype(np.float64, copy=False))[domain.row, domain.col]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(enough, total if how == "sum" else total / covered, np.nan)


def _fractions(domain, layer, overlap, minimum):
    """The classes (K,) of a layer in the cells, and the fraction (K, N) that each covers."""
    valid = np.isfinite(layer)
    covered = _covered(domain, valid, overlap)
    enough = _enough(domain, covered, overlap, minimum)
    found = []
    for c in np.unique(layer[valid]):
        area = _covered(domain, layer == c, overlap)
        if area.any():
            found.append((c, area))
    if not found:
        return np.zeros(1), np.full((1, domain.size), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        fractions = np.array([np.where(enough, area / covered, np.nan) for _, area in found])
    return np.array([c for c, _ in found]), fractions


def _covered(domain, where, overlap):
    """The area (N,) of each cell that the cells of a layer cover where it is true."""
    if where.all():
        height, width = (np.asarray(m.sum(axis=1)) for m in (overlap.rows, overlap.cols))
        return height[domain.row] * width[domain.col]
    return overlap.total(where.astype(np.float64))[domain.row, domain.col]


def _enough(domain, covered, overlap, minimum):
    height, width = overlap.whole
    # rounding aside
    return covered > max(minimum - 1e-6, 1e-9) * height[domain.row] * width[domain.col]


def _refuse_gaps(domain, packed, name, minimum):
    empty = np.flatnonzero(np.isnan(packed).any(axis=tuple(range(packed.ndim - 1))))
    if empty.size:
        lacks = f"data on less than {minimum:.0%} of the area" if minimum > 0 else "no data"
        raise ValueError(
            f"'{name or 'the raster'}' has {lacks} in {empty.size} of {domain.size} cells, the "
            f"first: {domain.name_cell(empty[0])}; fill the gaps first, mask these cells out, or "
            "pass gaps=True to have them missing"
        )


def finer(source: Grid, grid: Grid) -> bool:
    """Whether the cells of a source are so small that a cell of the grid holds several."""
    # all columns are alike
    areas = [np.median(Grid(g.y, g.x[:2], g.crs).cell_area()) for g in (source, grid)]
    return bool(areas[0] < 0.6 * areas[1])


def regrid(
    domain,
    dataset,
    method: str = "linear",
    gaps: bool = False,
    cell_reference: str = "center",
    lazy: bool = False,
):
    """See `Domain.regrid`. Between the outermost centres and the edge the nearest value holds."""
    one_of("method", method, METHODS)
    _need_grid(domain, "regrid")
    if isinstance(dataset, xr.Dataset):
        return _each(domain, dataset, regrid, method, gaps, cell_reference, lazy)
    _need_numbers(dataset)
    if method == "conservative":
        return aggregate(domain, dataset, "mean", gaps, 0.0, cell_reference, lazy)
    dataset = centred(dataset, cell_reference)
    source = read_grid(dataset, crs_or(dataset, domain.crs))
    suspect_corners(dataset.name, source, domain.grid)
    if finer(source, domain.grid):
        first = (
            "" if same_crs(dataset, domain.crs) else "raster.rio.reproject(domain.crs) and then "
        )
        raise ValueError(
            f"'{dataset.name}' is finer than the domain, {np.median(source.cell_area()) / 1e6:.4g} "
            f"km2 a cell and not {np.median(domain.grid.cell_area()) / 1e6:.4g}: method='{method}' "
            f"would look at a few of its cells and skip the rest; use {first}domain.aggregate, "
            "which takes all of them"
        )
    rows, cols, weights = stencil(domain, dataset, method, gaps)
    y, x = spatial_dims(dataset)
    top, left = int(rows.min()), int(cols.min())
    part = {y: slice(top, int(rows.max()) + 1), x: slice(left, int(cols.max()) + 1)}
    box = dataset.isel(part)
    rows, cols = rows - top, cols - left
    cells = np.unique((rows * box.sizes[x] + cols)[weights > 0])
    layers = Layers(box, cells, (top, left))

    def bring(values: np.ndarray) -> np.ndarray:
        found = _weighted(values, rows, cols, weights)
        if lazy and not gaps:
            _refuse_empty(domain, found, dataset.name)
        return found

    if lazy and layers.dims:
        return layers.lazily(domain, bring)
    found = layers.each(bring)
    if not gaps:
        _refuse_empty(domain, found, dataset.name)
    coords = {dim: dataset[dim] for dim in layers.dims if dim in dataset.coords}
    return domain.unpack(found, dataset.name, dataset.attrs, layers.dims, coords)


def _weighted(values: np.ndarray, rows, cols, weights) -> np.ndarray:
    """Means (..., N) of the four neighbours (4, N) that have data, NaN where none has."""
    kind = np.result_type(values.dtype, np.float32)
    total = np.zeros((*values.shape[:-2], rows.shape[1]), dtype=kind)
    weight_there = np.zeros_like(total)
    for row, col, weight in zip(rows, cols, weights.astype(kind), strict=True):
        near = values[..., row, col]
        there = ~np.isnan(near) & (weight > 0)
        total += np.where(there, near * weight, 0)
        weight_there += there * weight
    with np.errstate(invalid="ignore"):
        total /= np.where(weight_there > 0, weight_there, np.nan)
    return total


def _refuse_empty(domain, found: np.ndarray, name) -> None:
    """ValueError for cells that have no data in any layer."""
    empty = np.flatnonzero(np.isnan(found).all(axis=tuple(range(found.ndim - 1))))
    if empty.size:
        raise ValueError(
            f"'{name}' has no data around {empty.size} of {domain.size} cells, the first: "
            f"{domain.name_cell(empty[0])}; fill the gaps or mask these cells out"
        )


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


def _need_numbers(raster):
    if not isinstance(raster, xr.DataArray):
        raise TypeError(
            f"a raster to bring over is a DataArray or Dataset with coordinates, not {type(raster)}"
        )
    if raster.dtype.kind not in "biuf":
        raise TypeError(f"'{raster.name}' holds {raster.dtype}, and numbers are needed")


def _need_grid(domain, what):
    if domain.lumped:
        raise ValueError(f"lumped basins have no raster to {what} to: give one value per basin")
    if domain.grid is None:
        raise ValueError(
            f"a vector network has no raster to {what} to: give one value per reach, or means over "
            "the polygons of its unit basins, gridhydro.basins.from_polygons"
        )
