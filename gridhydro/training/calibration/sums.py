"""Sums whose every bit is the same, whatever stands beside what is summed."""

from __future__ import annotations

import torch
from torch import Tensor


def fold(values: Tensor, dim: int) -> Tensor:
    """Sum over a dimension, in an order that the other dimensions have no say in.

    The last bits of `torch.sum` depend on how many sums there are, and a calibration would carry
    that into every number.
    """
    while (length := values.shape[dim]) > 1:
        half = length // 2
        pairs = values.narrow(dim, 0, half) + values.narrow(dim, half, half)
        if length % 2:
            pairs = torch.cat([pairs, values.narrow(dim, length - 1, 1)], dim)
        values = pairs
    return values.squeeze(dim)
