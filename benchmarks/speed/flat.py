"""Domains on a plane, made of numbers alone: no file, no map projection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import Grid
from gridhydro.domain.network import Network


class Plane:
    """A reference system in metres that lies on no globe."""

    name, is_geographic, axis_info = "a plane", False, ()


def draining_south(heights: Sequence[int], rows: int, spacing: float, gauges: int) -> Domain:
    """Columns of cells of these heights that flow south, into a river along the last row, east.

    rows     of the raster; spacing m, of its cells
    gauges   how many there are along the river
    """
    cols = len(heights)
    inside = np.arange(rows)[:, None] >= rows - np.asarray(heights)
    row, col = np.nonzero(inside)
    number = np.full((rows + 1, cols + 1), -1)
    number[row, col] = np.arange(row.size)
    last = row == rows - 1
    network, order = Network.from_downstream(number[row + ~last, col + last])
    row, col = row[order], col[order]
    y, x = spacing * np.arange(rows)[::-1], spacing * np.arange(cols)
    area = np.full(row.size, spacing**2)
    places = np.linspace(0, cols - 1, gauges).round().astype(int)
    along = np.empty(cols, dtype=np.int64)
    along[col[row == rows - 1]] = np.flatnonzero(row == rows - 1)
    cell = along[places]
    table = pd.DataFrame(
        {"x": x[places], "y": 0.0, "cell": cell, "area_km2": np.nan,
         "network_area_km2": network.accumulate(area)[cell] / 1e6},
        index=pd.Index([f"G{k}" for k in range(gauges)], name="name"),
    )  # fmt: skip
    return Domain(network, row, col, Grid(y, x, Plane()), area, table)


class SquareTiles:
    """Squares of cells x cells of a raster that are at least half as full as the fullest is.

    tile, weight (N,): the square of each cell and its part of the mean, 0 where it is of none.
    """

    def __init__(self, domain: Domain, cells: int):
        square = domain.row // cells * domain.shape[1] + domain.col // cells
        _, square, count = np.unique(square, return_inverse=True, return_counts=True)
        kept = 2 * count >= count.max()
        self.count = int(kept.sum())
        number = np.where(kept, np.cumsum(kept) - 1, 0)
        self.tile = torch.as_tensor(number[square])
        self.weight = torch.as_tensor(np.where(kept, 1 / count, 0)[square], dtype=torch.float32)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """(R, K) of values (R, N): no product of matrices, which a lower precision would spoil."""
        tile, weight = self.tile.to(values.device), self.weight.to(values)
        return values.new_zeros(len(values), self.count).index_add(1, tile, values * weight)
