"""Parallel parameter sets of a cell, and the one flow that comes of them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gridhydro.base.arguments import one_of, whole


@dataclass(frozen=True)
class Components:
    """Parallel parameter sets in each cell under the same weather.

    count    their number M
    weights  "mean": fluxes are their mean; "learned": the network gives each a weight as well
    """

    count: int = 1
    weights: str = "mean"

    def __post_init__(self):
        object.__setattr__(self, "count", whole("components", self.count, 1))
        one_of("weights", self.weights, ("mean", "learned"))

    @classmethod
    def of(cls, given: int | Components) -> Components:
        """These, or so many whose fluxes are averaged."""
        return given if isinstance(given, Components) else cls(given)

    @property
    def weighted(self) -> bool:
        """Whether the network gives each a weight."""
        return self.weights == "learned"


def over_components(flow: Tensor, weights: Tensor | None) -> Tensor:
    """(T, N, M) -> (T, N), by weights (N, M) or all alike; (T, N) is averaged already."""
    if flow.ndim == 2:
        return flow
    return flow.mean(-1) if weights is None else (flow * weights).sum(-1)
