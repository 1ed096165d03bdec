"""Parallel parameter sets of a cell, and the one flow that comes of them."""

from __future__ import annotations

from torch import Tensor


def over_components(flow: Tensor, weights: Tensor | None) -> Tensor:
    """(T, N, M) -> (T, N), by weights (N, M) or all alike; (T, N) is averaged already."""
    if flow.ndim == 2:
        return flow
    return flow.mean(-1) if weights is None else (flow * weights).sum(-1)
