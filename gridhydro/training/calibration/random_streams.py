"""Random numbers by counting: a stream for each cell, wherever and beside whomever it is drawn."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

# of SplitMix64 (Steele et al. 2014, doi:10.1145/2714064.2660195), as signed 64-bit numbers
_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_FIRST, _SECOND = 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64


def uniform(seed: int, streams: Tensor, draw: int, shape: tuple[int, ...]) -> Tensor:
    """(n, *shape) float64 within (0, 1): draw number `draw` of the streams (n,), whole numbers."""
    start = _mixed(streams.long() + _mixed(torch.as_tensor(seed, device=streams.device)))
    start = _mixed(start + draw)
    count = torch.arange(1, prod(shape) + 1, device=streams.device)
    bits = _shifted(_mixed(start[:, None] + count), 12).double()
    # the middle of one of 2**52 intervals: neither 0 nor 1
    return ((bits + 0.5) * 2.0**-52).view(len(streams), *shape)


def _mixed(number: Tensor) -> Tensor:
    number = number * _GOLDEN
    number = (number ^ _shifted(number, 30)) * _FIRST
    number = (number ^ _shifted(number, 27)) * _SECOND
    return number ^ _shifted(number, 31)


def _shifted(number: Tensor, bits: int) -> Tensor:
    """To the right, as if there were no sign."""
    return (number >> bits) & (2 ** (64 - bits) - 1)
