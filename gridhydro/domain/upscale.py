"""From a fine flow-direction raster to the network of a coarser model grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gridhydro.base.arguments import number
from gridhydro.domain import d8
from gridhydro.domain.grid import Grid, spacing
from gridhydro.domain.network import Network

if TYPE_CHECKING:
    import pyflwdir

_NO_AREA = -9999.0  # how pyflwdir has cells without one
_INT32_CELLS = 2**31 - 1  # rasters of this size or more are numbered in 64 bits


@dataclass(frozen=True, eq=False)
class Upscaled:
    """A coarse network and its tie to the fine cells.

    grid    the coarse grid
    target  (coarse cells,) as in `d8.targets`
    unit    (fine cells,) the coarse cell that a fine cell drains through first, -1 for none
    area    (coarse cells,) m2 of the fine cells of its unit
    """

    grid: Grid
    target: np.ndarray
    unit: np.ndarray
    area: np.ndarray


def scale_factor(grid: Grid, resolution: float) -> int:
    """Number of fine cells along the edge of a coarse one; ValueError if they do not fit evenly."""
    number("resolution", resolution)
    steps = abs(spacing(grid.y)), abs(spacing(grid.x))
    factor = round(resolution / steps[1])
    if factor < 1 or any(abs(resolution / step - factor) > 1e-3 * factor for step in steps):
        raise ValueError(
            f"a resolution of {resolution:g} is no whole number of raster cells "
            f"({steps[0]:g} x {steps[1]:g}): choose a multiple of the cell size"
        )
    return factor


def upscale(target, grid: Grid, fine_area, upstream_area, factor: int, method="ihu") -> Upscaled:
    """Join factor x factor cells of a fine network with pyflwdir.

    target         (fine cells,) without circles, as in `d8.targets`
    fine_area      (fine cells,) m2; upstream_area: the same, accumulated
    method         "ihu" (iterative hydrography upscaling, Eilander et al. 2021, HESS 25, 5287),
                   "eam_plus" or "dmm"
    Raises ValueError if rivers cross the seam of a global raster, which the method cannot follow.
    """
    _refuse_seam(target, grid)
    fine = as_flwdir(target, grid)
    area = np.where(target == d8.NO_CELL, _NO_AREA, upstream_area).reshape(grid.shape)
    coarse, outlets = fine.upscale(factor, method=method, uparea=area)
    outlets = outlets.astype(np.int64).ravel()
    ends = coarse.idxs_ds.astype(np.int64)
    joined = np.where(ends == np.arange(ends.size), d8.LEAVES, ends)
    joined[outlets < 0] = d8.NO_CELL

    # counted from one, zero where no outlet of a coarse cell lies downstream
    unit = fine.ucat_area(outlets, unit="cell")[0].ravel().astype(np.int64) - 1
    inside = unit >= 0
    coarse_area = np.bincount(unit[inside], fine_area[inside], minlength=joined.size)
    coarse_grid = Grid(_coarse_axis(grid.y, factor), _coarse_axis(grid.x, factor), grid.crs)
    return Upscaled(coarse_grid, joined, unit, coarse_area)


def as_flwdir(target, grid: Grid) -> pyflwdir.FlwdirRaster:
    """A network, `target` as in `d8.targets`, as pyflwdir has it."""
    import pyflwdir
    from affine import Affine

    cells = np.arange(target.size)
    links = np.where(target >= 0, target, np.where(target == d8.LEAVES, cells, -1))
    index = np.int32 if target.size < _INT32_CELLS else np.int64
    step_y, step_x = spacing(grid.y), spacing(grid.x)
    corner = grid.x[0] - step_x / 2, grid.y[0] - step_y / 2
    return pyflwdir.FlwdirRaster(
        links.astype(index),
        shape=grid.shape,
        ftype="d8",
        idxs_pit=np.flatnonzero(target == d8.LEAVES).astype(index),
        transform=Affine(step_x, 0.0, corner[0], 0.0, step_y, corner[1]),
        latlon=grid.geographic,
    )


def coarse_cell(unit_cell: int, network: Network, upstream_area, wanted: float) -> int:
    """The coarse cell for a fine one: its unit, or the cell above it that fits the area better.

    unit_cell      cell of the coarse network whose unit holds the fine cell
    upstream_area  (N,) of the coarse network; wanted: that of the fine cell, in the same unit

    The outlet of the unit lies on the same river as the fine cell, further down; cells above are
    tried as the unit may take in a tributary that joins below.
    """
    above = network.upstream[
        network.upstream_start[unit_cell] : network.upstream_start[unit_cell + 1]
    ]
    candidates = np.append(unit_cell, above)
    error = np.abs(np.log(upstream_area[candidates] / wanted))
    return int(candidates[np.argmin(error)])


def _coarse_axis(axis, factor):
    step = spacing(axis)
    count = -(-axis.size // factor)
    return axis[0] + step * ((np.arange(count) + 0.5) * factor - 0.5)


def _refuse_seam(target, grid):
    cells = np.flatnonzero(target >= 0)
    jump = np.abs(target[cells] % grid.shape[1] - cells % grid.shape[1])
    crossing = cells[jump > 1]
    if crossing.size:
        raise ValueError(
            f"{crossing.size} cells drain to no neighbour or over the seam of the raster, the "
            f"first: {grid.name_cell(*divmod(int(crossing[0]), grid.shape[1]))}; upscaling needs "
            "neighbours, so mask these basins out or turn the raster to put its seam in the sea"
        )
