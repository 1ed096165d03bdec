"""Building domains: from a flow-direction raster, from lumped basins, from part of a domain."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd

from gridhydro.base import refuse
from gridhydro.base.quantities import COORDINATES
from gridhydro.domain import d8
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.gauges import name_index, read_gauges
from gridhydro.domain.grid import Grid
from gridhydro.domain.network import Network, rank_of
from gridhydro.domain.packing import on_grid
from gridhydro.domain.placing import misfit, place_gauges
from gridhydro.domain.upscale import coarse_cell, scale_factor, upscale

_EMPTY = {"x": float, "y": float, "cell": np.int64, "area_km2": float, "network_area_km2": float}


def from_d8(cls, read, *, gauges, area, resolution, snap, method):
    """See `Domain.from_d8`; `read` are the `Directions`."""
    target, grid = read.target, read.grid
    report = read.check().raise_if_bad()
    known = len(report.warnings)
    cell_area = _cell_area(area, grid, target)

    network, cells = _network(target)
    upstream = network.accumulate(cell_area[cells]) / 1e6
    placed = pd.DataFrame(columns=list(_EMPTY), index=name_index([])).astype(_EMPTY)
    if gauges is not None:
        placed = read_gauges(gauges, grid.crs)
        where, found = place_gauges(placed, grid, _spread(upstream, cells, grid), target, snap)
        report = (report + found).raise_if_bad()
        placed["cell"] = rank_of(cells, target.size)[where]
    if resolution is not None and scale_factor(grid, resolution) > 1:
        fine = (target, grid, cell_area, cells, upstream)
        domain = _upscaled(cls, fine, placed, report, resolution, method)
    else:
        domain = _domain(cls, network, cells, grid, cell_area[cells], placed, report)
    # what was found of the directions themselves stays in the report: every cut basin has an outlet
    for text in domain.report.warnings[known:]:
        warnings.warn(text, DomainWarning, stacklevel=3)
    return domain


def _domain(cls, network, cells, grid, area, gauges, report):
    gauges = gauges.astype({"cell": np.int64})
    gauges["network_area_km2"] = network.accumulate(area)[gauges["cell"]] / 1e6
    row, col = np.divmod(cells, grid.shape[1])
    return cls(network, row, col, grid, area, gauges[list(_EMPTY)], report)


def _upscaled(cls, fine, gauges, report, resolution, method):
    """The domain on the coarse grid, with the gauges on the cells of the rivers they are on."""
    target, grid, cell_area, fine_cells, fine_upstream = fine
    factor = scale_factor(grid, resolution)
    accumulated = _spread(fine_upstream, fine_cells, grid)
    coarse = upscale(target, grid, cell_area, accumulated.ravel(), factor, method)
    network, cells = _network(coarse.target)
    upstream = network.accumulate(coarse.area[cells]) / 1e6

    left_out = (coarse.unit < 0) & (target != d8.NO_CELL)
    if left_out.any():
        lost, total = cell_area[left_out].sum() / 1e6, cell_area[target != d8.NO_CELL].sum() / 1e6
        report.warnings.append(
            f"{lost:.5g} km2 ({lost / total:.1%}) of small basins end inside a model cell that "
            "belongs to a larger river, and are not part of the domain; use a finer resolution "
            "if they matter"
        )
    rank = rank_of(cells, coarse.target.size)
    for name, gauge in gauges.iterrows():
        pixel, wanted = fine_cells[int(gauge.cell)], fine_upstream[int(gauge.cell)]
        if coarse.unit[pixel] < 0:
            report.errors.append(
                f"gauge '{name}' is on a river too small for a cell of {resolution:g}: "
                "use a finer resolution or leave it out"
            )
            continue
        cell = coarse_cell(rank[coarse.unit[pixel]], network, upstream, wanted)
        gauges.loc[name, "cell"] = cell
        text = (
            f"gauge '{name}' drains {upstream[cell]:.5g} km2 on the model grid and "
            f"{wanted:.5g} km2 on the raster ({upstream[cell] / wanted - 1:+.1%})"
        )
        remedy = "use a finer resolution or leave the gauge out"
        if not misfit(report, text, upstream[cell], wanted, gauge.accept, remedy):
            report.notes.append(text)
    report.raise_if_bad()
    return _domain(cls, network, cells, coarse.grid, coarse.area[cells], gauges, report)


def lumped(cls, area_km2, names, latitude=None, longitude=None):
    """See `Domain.lumped`."""
    names = name_index(names)
    area = np.asarray(area_km2)
    if area.shape != (len(names),):
        raise ValueError(f"{len(names)} names were given, but areas of shape {area.shape}")
    if names.has_duplicates:
        raise ValueError(f"the basin '{names[names.duplicated()][0]}' is given twice")
    area = _of_basins("area", area, names)
    bad = names[~(area > 0)]
    if bad.size:
        raise ValueError(f"the area of basin '{bad[0]}' is not above zero")
    x, y = _of_basins("longitude", longitude, names), _of_basins("latitude", latitude, names)
    network, _ = Network.from_downstream(np.full(len(names), -1))
    cells = np.arange(len(names))
    gauges = pd.DataFrame(
        {
            "x": x,
            "y": y,
            "cell": cells,
            "area_km2": area,
            "network_area_km2": area,
        },
        index=names,
    )
    return cls(network, np.zeros_like(cells), cells, None, area * 1e6, gauges)


def _of_basins(name: str, values, names: pd.Index) -> np.ndarray:
    """One number a basin (N,), NaN where unknown; ValueError for what the quantity cannot have."""
    if values is None:
        return np.full(len(names), np.nan)

    def place(basin: int) -> str:
        return f"of basin '{names[basin]}'"

    found = refuse.numbers(f"the {name}", values, place)
    if found.shape != (len(names),):
        raise ValueError(f"{len(names)} names were given, but {name}s of shape {found.shape}")
    quantity = COORDINATES[name]
    if name == "area":  # zero and less have a sentence of their own
        quantity = replace(quantity, low=-np.inf)
    refuse.outside(f"the {name}", found, place, quantity, f"give it in {quantity.unit}")
    return found


def upstream(domain, names=None):
    """See `Domain.upstream`."""
    names = domain.gauges.index if names is None else names
    names = [names] if isinstance(names, str) else list(names)
    unknown = [name for name in names if name not in domain.gauges.index]
    if unknown or not names:
        known = ", ".join(map(str, domain.gauges.index[:10])) or "none"
        raise ValueError(f"there is no gauge {unknown or names} in the domain, which has {known}")
    return domain.network.upstream_cells(domain.gauges.loc[names, "cell"].to_numpy())


def only(domain, cells):
    """The domain of only these cells, and which they are, in its order.

    Water that would drain to a cell left out leaves the domain.
    """
    network, cells = domain.network.subset(cells)
    rank = rank_of(cells, domain.size)
    gauges = domain.gauges[rank[domain.gauges["cell"]] >= 0].copy()
    gauges["cell"] = rank[gauges["cell"]]
    row, col, grid = domain.row[cells], domain.col[cells], None
    if domain.grid is None:
        col = np.arange(cells.size)
    else:
        whole = domain.raster_grid
        top, bottom = _window(row, whole.shape[0])
        left, right = _window(col, whole.shape[1])
        grid = Grid(whole.y[top:bottom], whole.x[left:right], whole.crs)
        row, col = row - top, col - left
    reaches = None if domain.reaches is None else domain.reaches[cells]
    area = domain.area[cells]
    part = type(domain)(network, row, col, grid, area, gauges, domain.report, reaches)
    return part, cells


def _window(places, size):
    # a raster of a single row would have no spacing
    start = min(int(places.min()), size - 2)
    return start, max(int(places.max()) + 1, start + 2)


def _network(target):
    """The network of the active cells of a raster, and their cell numbers in its order."""
    active = np.flatnonzero(target != d8.NO_CELL)
    network, order = Network.from_downstream(rank_of(active, target.size)[target[active]])
    return network, active[order]


def _spread(values, cells, grid):
    """Values of the cells as a raster (rows, cols), NaN elsewhere."""
    raster = np.full(grid.shape, np.nan)
    raster.ravel()[cells] = values
    return raster


def _cell_area(area, grid, target):
    """Area of every raster cell (rows * cols,), m2, above zero on all active cells."""
    if area is None:
        return grid.cell_area().ravel()
    units = str(getattr(area, "attrs", {}).get("units", "")).replace(" ", "").replace("^", "")
    if units not in ("km2", "m2"):
        raise ValueError(
            f"the units of the cell areas are '{units}': write m2 or km2 to area.attrs"
        )
    values = on_grid(area, grid, "area").astype(np.float64).ravel()
    bad = np.flatnonzero((target != d8.NO_CELL) & ~(np.nan_to_num(values) > 0))
    if bad.size:
        raise ValueError(
            f"{bad.size} active cells have no area above zero, the first: "
            f"{grid.name_cell(*divmod(int(bad[0]), grid.shape[1]))}; mask them out or fill the area"
        )
    return values * 1e6 if units == "km2" else values
