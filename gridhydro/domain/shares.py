"""Whole rivers shared out by their numbers of cells, to processes that run a domain together."""

from __future__ import annotations

import numpy as np

from gridhydro.base import ranks
from gridhydro.domain.network import Network


def share_of(network: Network) -> np.ndarray:
    """The cells (n,) that this process runs of a whole domain."""
    if ranks.count() == 1:
        return np.arange(network.size)
    return by_size(network, ranks.count())[ranks.number()]


def by_size(network: Network, count: int) -> list[np.ndarray]:
    """All cells in so many parts, (n,) each, of whole rivers: the largest first to where the
    fewest cells are."""
    outlets, sizes = np.unique(network.basin, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    load, holder = np.zeros(count, dtype=np.int64), np.empty(network.size, dtype=np.int64)
    for river in order:
        least = int(load.argmin())
        load[least] += sizes[river]
        holder[outlets[river]] = least
    of_cell = holder[network.basin]
    return [np.flatnonzero(of_cell == part) for part in range(count)]
