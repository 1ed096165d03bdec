"""A cascade of equal linear reservoirs, the river of HydroPy and the HD model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from gridhydro.columns.column import Field, fields
from gridhydro.reaches.reach import Reach


@dataclass(frozen=True)
class LinearCascade(Reach):
    """Linear reservoirs in a row, at most `most` of them in a cell.

    In a sub-step of dt = 1 / substeps days each reservoir takes what the one before hands on, and
    hands on the fraction dt / (lag + dt) of its content; lateral inflow joins below the last. This
    is the river of HydroPy 1.0.2 (Stacke and Hagemann 2021), after the Hydrological Discharge
    model (Hagemann and Dümenil 1997).
    """

    most: int = 5

    name = "linear_cascade"
    parameters = fields("lag d: mean residence time in each reservoir")
    properties = fields(
        "reservoirs 1: linear reservoirs in a row in the cell",
        "substeps d-1: routing steps a day",
    )

    @cached_property
    def states(self) -> tuple[Field, ...]:  # type: ignore[override]
        return fields(*(f"reservoir_{n} m3: water in reservoir {n}" for n in self._numbers))

    @property
    def _numbers(self) -> range:
        return range(1, self.most + 1)

    def step(self, s, inflow, lateral_inflow, p):
        release = 1.0 / (p.lag * p.substeps + 1.0)
        states, passed = {}, inflow
        for number in self._numbers:
            # a reservoir that the cell lacks holds nothing and lets all pass
            released = torch.where(p.reservoirs >= number, release, 1.0)
            filled = getattr(s, f"reservoir_{number}") + passed
            passed = released * filled
            states[f"reservoir_{number}"] = filled - passed
        return states, passed + lateral_inflow
