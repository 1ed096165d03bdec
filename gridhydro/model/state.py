"""The state of a model and the results of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class State:
    """All water at one moment.

    column      stores by name (N, M) mm
    river       (6, N) m3; None for lumped basins
    hydrograph  flow -> (14, N) or (14, N, M) mm d-1 that has not all reached the gauge, if routed
    """

    column: dict[str, Tensor]
    river: Tensor | None
    hydrograph: dict[str, Tensor] | None = None


@dataclass(frozen=True)
class Simulation:
    """The results of a run.

    discharge  (T, G) m3 s-1 at the gauges; None of a raster whose rivers were left out
    outputs    daily fluxes and states by name, (T, N)
    state      all water at the end
    storage    (R, N) mm, water in all stores and in the rivers as means over periods, if asked for
    """

    discharge: Tensor | None
    outputs: dict[str, Tensor]
    state: State | None
    storage: Tensor | None = field(default=None)
