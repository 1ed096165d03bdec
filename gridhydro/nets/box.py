"""Cells as rasters that a convolution can slide over, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from gridhydro.domain.domain import Domain


class Box(torch.nn.Module):
    """The smallest part (H, W) of a domain's raster that holds all N cells.

    inside  (H, W) bool, where there are cells. Columns beyond the edge are not joined at the date
            line.

    It belongs to the domain and is not kept with the weights: these go with any domain. Raises
    ValueError for lumped basins, which have no neighbours.
    """

    index: Tensor
    inside: Tensor

    def __init__(self, domain: Domain):
        super().__init__()
        if domain.lumped:
            raise ValueError("lumped basins have no neighbours to convolve: take a raster domain")
        row = torch.as_tensor(domain.row - domain.row.min())
        col = torch.as_tensor(domain.col - domain.col.min())
        self.shape = int(row.max()) + 1, int(col.max()) + 1
        index = row * self.shape[1] + col
        inside = torch.zeros(self.shape, dtype=torch.bool)
        inside.view(-1)[index] = True
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("inside", inside, persistent=False)

    @property
    def cells(self) -> int:
        """Number of cells N."""
        return len(self.index)

    def spread(self, values: Tensor) -> Tensor:
        """(..., N, C) -> (..., C, H, W), 0 outside; in memory the channels are innermost."""
        height, width = self.shape
        raster = values.new_zeros(*values.shape[:-2], height * width, values.shape[-1])
        raster = raster.index_copy(-2, self.index, values)
        return raster.unflatten(-2, self.shape).movedim(-1, -3)

    def gather(self, raster: Tensor) -> Tensor:
        """(..., C, H, W) -> (..., N, C)."""
        return raster.movedim(-3, -1).flatten(-3, -2).index_select(-2, self.index)
