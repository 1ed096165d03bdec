"""Parallel parameter sets of a cell, and the one flow that comes of them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gridhydro.base.arguments import one_of, whole

_MOST = 10_000  # parameter sets in a cell


@dataclass(frozen=True)
class Components:
    """Parallel parameter sets in each cell under the same weather.

    count    their number M
    weights  "mean": fluxes are their mean; "learned": the network gives each a weight as well

    ValueError for a count below 1 and other weights.
    """

    count: int = 1
    weights: str = "mean"

    def __post_init__(self):
        object.__setattr__(self, "count", whole("components", self.count, 1, _MOST))
        one_of("weights", self.weights, ("mean", "learned"))

    @classmethod
    def of(cls, given: int | Components) -> Components:
        """Components as given, or so many whose fluxes are averaged."""
        return given if isinstance(given, Components) else cls(given)

    @property
    def weighted(self) -> bool:
        """Whether the network gives each a weight."""
        return self.weights == "learned"


def over_components(flow: Tensor, weights: Tensor | None) -> Tensor:
    """Flow of the cells (T, N) from that of their components (T, N, M), in the same unit.

    The sum by weights (N, M), or the mean without them; (T, N) is averaged already.
    """
    if flow.ndim == 2:
        return flow
    return flow.mean(-1) if weights is None else (flow * weights).sum(-1)
