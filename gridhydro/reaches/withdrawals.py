"""Water taken out of a river, or put into it, by day and cell: never more than there is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from gridhydro.columns.column import Field, fields
from gridhydro.reaches.reach import SECONDS, Reach

SOME = 1e-6  # m3: of less water than that nothing is taken
WITHDRAWAL, WITHDRAWN = fields(
    "river_withdrawal m3 s-1: water to be taken out of the river of the cell; below 0: put into it",
    "withdrawn m3: water that was taken out",
)


@dataclass(frozen=True)
class WithWithdrawals(Reach):
    """A reach that water is taken from before it moves on.

    `river_withdrawal` is taken alike of what is stored in the reach and of what arrives in the
    sub-step, up to all of it; below 0 it joins the lateral inflow. The flux `withdrawn` is what was
    taken: states before + inflow + lateral_inflow + what was put in = states after + outflow +
    withdrawn.
    """

    reach: Reach

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.reach.name}_withdrawn_from"

    @property
    def states(self) -> tuple[Field, ...]:  # type: ignore[override]
        return self.reach.states

    @property
    def parameters(self) -> tuple[Field, ...]:  # type: ignore[override]
        return self.reach.parameters

    @property
    def properties(self) -> tuple[Field, ...]:  # type: ignore[override]
        return self.reach.properties

    @cached_property
    def series(self) -> tuple[Field, ...]:  # type: ignore[override]
        return (*self.reach.series, WITHDRAWAL)

    @cached_property
    def fluxes(self) -> tuple[Field, ...]:  # type: ignore[override]
        return (*self.reach.fluxes, WITHDRAWN)

    @property
    def in_a_row(self) -> int:  # type: ignore[override]
        return max(1, self.reach.in_a_row // 2)

    def step(self, s, inflow, lateral_inflow, p):
        asked = p.river_withdrawal * (SECONDS / p.substeps)
        lateral_inflow = lateral_inflow + torch.clamp(-asked, min=0.0)
        water = inflow + lateral_inflow
        for one in vars(s).values():
            water = water + one
        taken = torch.minimum(torch.clamp(asked, min=0.0), water)
        taken = torch.where(water > SOME, taken, 0.0)
        left = 1.0 - taken / torch.clamp(water, min=SOME)
        now = type(s)(**{name: left * one for name, one in vars(s).items()})
        states, outflow, *told = self.reach.step(now, left * inflow, left * lateral_inflow, p)
        return states, outflow, (told[0] if told else {}) | {"withdrawn": taken}
