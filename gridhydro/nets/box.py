"""Cells as rasters that a convolution can slide over, and back."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from gridhydro.domain.domain import Domain


class Box(torch.nn.Module):
    """The smallest part (H, W) of a domain's raster that holds all N cells.

    inside  (H, W) bool, where there are cells. Columns beyond the edge are not joined at the date
            line.
    given   the first so many of the cells are given back by `gather`; see `around`

    It belongs to the domain and is not kept with the weights: these go with any domain. Raises
    ValueError for lumped basins and vector networks, which have no neighbours.
    """

    index: Tensor
    inside: Tensor

    def __init__(self, row: Tensor, col: Tensor, given: int | None = None):
        super().__init__()
        row, col = row - row.min(), col - col.min()
        self.shape = int(row.max()) + 1, int(col.max()) + 1
        self.given = len(row) if given is None else given
        index = row * self.shape[1] + col
        inside = torch.zeros(self.shape, dtype=torch.bool, device=row.device)
        inside.view(-1)[index] = True
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("inside", inside, persistent=False)

    @classmethod
    def of(cls, domain: Domain) -> Box:
        """The box of all cells of a domain."""
        if domain.grid is None:
            who = "lumped basins" if domain.lumped else "reaches of a vector network"
            raise ValueError(f"{who} have no neighbours to convolve: take a raster domain")
        return cls(torch.as_tensor(domain.row), torch.as_tensor(domain.col))

    def around(self, cells: Tensor, reach: int) -> tuple[Box, Tensor]:
        """The box that gives some of the cells (B,), and which cells (K,) it takes for that: these,
        then all others up to `reach` rows and columns from one of them."""
        chosen = torch.zeros(self.shape, device=self.index.device)
        chosen.view(-1)[self.index[cells]] = 1
        near = max_pool2d(chosen[None, None], 2 * reach + 1, stride=1, padding=reach).view(-1)
        beside = near[self.index] > chosen.view(-1)[self.index]
        taken = torch.cat([cells, beside.nonzero().squeeze(1)])
        row, col = self.index[taken] // self.shape[1], self.index[taken] % self.shape[1]
        return Box(row, col, len(cells)), taken

    @property
    def cells(self) -> int:
        """Number of cells N that are taken."""
        return len(self.index)

    def spread(self, values: Tensor) -> Tensor:
        """(..., N, C) -> (..., C, H, W), 0 outside; in memory the channels are innermost."""
        height, width = self.shape
        raster = values.new_zeros(*values.shape[:-2], height * width, values.shape[-1])
        raster = raster.index_copy(-2, self.index, values)
        return raster.unflatten(-2, self.shape).movedim(-1, -3)

    def gather(self, raster: Tensor) -> Tensor:
        """(..., C, H, W) -> (..., N, C), or of the first `given` cells."""
        index = self.index[: self.given]
        return raster.movedim(-3, -1).flatten(-3, -2).index_select(-2, index)
