"""Columns on one set of cells and rivers on another: the runoff of cells as water in reaches."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.domain import Domain
from gridhydro.domain.polygons import Polygons
from gridhydro.domain.zones import Zones

_LOST = 1e-3  # of the area of all cells: less that reaches no river is not worth a word


@dataclass(frozen=True, eq=False)
class Tributaries:
    """Which of R reaches the N cells of another domain drain to, and from how much of their area.

    cell, reach  (K,) int64, pairs of the two, in the order of the reaches
    area         (K,) float64, m2 of the cell that drains to the reach
    cells        N; reaches R
    """

    cell: np.ndarray
    reach: np.ndarray
    area: np.ndarray
    cells: int
    reaches: int

    @classmethod
    def of(cls, cells: Domain, rivers: Domain) -> Tributaries:
        """By the overlap of a raster's cells with the unit basins of a vector network.

        A cell whose area is not that of its square, as that of an upscaled network, gives it in the
        parts in which its square lies in unit basins; a cell in none gives no water, which is said.
        ValueError for a network without polygons, and where the two lie nowhere together.
        """
        reaches = required("vector network", rivers.reaches)
        if reaches.polygons is None:
            raise ValueError("the unit basins of the reaches have no polygons: give catchments")
        grid = cells.raster_grid
        zones = Zones.of(Polygons.of(list(reaches.names), reaches.polygons, reaches.crs), grid)
        pairs = zones.area.tocoo()
        row, col = np.divmod(zones.cells[pairs.coords[1]], zones.cols.stop - zones.cols.start)
        number = np.full(grid.shape, -1)
        number[cells.row, cells.col] = np.arange(cells.size)
        cell = number[row + zones.rows.start, col + zones.cols.start]
        inside = (cell >= 0) & (pairs.data > 0)
        cell, reach, area = cell[inside], pairs.coords[0][inside], pairs.data[inside]
        if not cell.size:
            raise ValueError("none of the cells lies in a unit basin of the network")
        whole = np.bincount(cell, area, cells.size)
        # squares that lie wholly within unit basins give all of their area
        square = grid.cell_area()[cells.row, cells.col]
        area = area / np.maximum(whole, square)[cell] * cells.area[cell]
        return cls.pairs(cell, reach, area, cells, rivers)

    @classmethod
    def pairs(cls, cell, reach, area, cells: Domain, rivers: Domain) -> Tributaries:
        """Of pairs (K,) of cells and reaches, numbers of them in their domains, and areas m2.

        ValueError for what is in neither domain, and for a cell that gives more than its area.
        """
        cell, reach = (np.asarray(v, dtype=np.int64) for v in (cell, reach))
        area = np.asarray(area, dtype=np.float64)
        for what, values, size in (("cell", cell, cells.size), ("reach", reach, rivers.size)):
            if values.shape != area.shape or ((values < 0) | (values >= size)).any():
                raise ValueError(f"a {what} of each pair is a number from 0 to {size - 1}")
        given = np.bincount(cell, area, cells.size)
        if not (area >= 0).all() or (given > cells.area * (1 + 1e-6)).any():
            worst = int(np.argmax(given / cells.area))
            raise ValueError(
                f"{cells.name_cell(worst)} has {cells.area[worst] / 1e6:.5g} km2, and "
                f"{given[worst] / 1e6:.5g} of it would drain to reaches"
            )
        lost = 1 - given.sum() / cells.area.sum()
        if lost > _LOST:
            none = int((given == 0).sum())
            warnings.warn(
                f"{lost:.1%} of the area of the cells drains to no reach ({none} of {cells.size} "
                "cells have none): their runoff is left out",
                DomainWarning,
                stacklevel=3,
            )
        order = np.argsort(reach, kind="stable")
        return cls(cell[order], reach[order], area[order], cells.size, rivers.size)

    def volume(self, runoff: Tensor) -> Tensor:
        """Runoff (T, N) mm d-1 of the cells as water (T, R) m3 d-1 in the reaches, as
        `gridhydro.route` takes it; gradients reach the runoff. ValueError for other cells."""
        if runoff.ndim != 2 or runoff.shape[1] != self.cells:
            raise ValueError(f"the runoff is {tuple(runoff.shape)}, not (days, {self.cells})")
        return (self._matrix(runoff) @ runoff.T).T.contiguous()

    def mean(self, values: Tensor) -> Tensor:
        """Values (N,) of the cells as means (R,) by area over what drains to each reach: parameters
        of its river, say; NaN for a reach that nothing drains to."""
        matrix = self._matrix(values)
        whole = matrix @ torch.ones(self.cells, dtype=values.dtype, device=values.device)
        return (matrix @ values) / whole

    def _matrix(self, like: Tensor) -> Tensor:
        """(R, N) m3 of one mm, sparse."""
        pairs = torch.as_tensor(np.stack([self.reach, self.cell]))
        depth = torch.as_tensor(self.area / 1000, dtype=like.dtype)
        shape = self.reaches, self.cells
        return torch.sparse_coo_tensor(pairs, depth, shape, device=like.device).coalesce()
