"""Lag and route: water is delayed as it is, and then spread by a linear reservoir."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gridhydro.columns.column import fields
from gridhydro.reaches.reach import SECONDS, Reach

LONGEST = 4  # sub-steps of delay


@dataclass(frozen=True)
class LagAndRoute(Reach):
    """A delay by the time of travel, then one linear reservoir: translation and attenuation apart.

    The "lag and K" of Linsley, Kohler and Paulhus (1982, Hydrology for Engineers, chapter 9). What
    arrives waits length / velocity, a number of sub-steps that need not be whole: it is parted
    between the two whole ones on either side, so that the mean delay is exact and the gradient to
    the velocity is known. Longer than four sub-steps it does not wait: a longer time of travel
    counts as four. The reservoir is that of a `LinearCascade`, and lateral inflow joins below it.
    """

    name = "lag_and_route"
    states = fields(
        "reservoir m3: water in the reservoir",
        *(f"delayed_{n} m3: water that reaches it {n} sub-steps on" for n in range(1, LONGEST + 1)),
    )
    parameters = fields(
        "velocity m s-1 [0.05, 5] log: mean flow velocity in the river",
        "lag d [0.01, 5] log: mean residence time in the reservoir of the river",
    )
    properties = fields(
        "length m: length of the river in the cell",
        "substeps d-1: routing steps a day",
    )

    def step(self, s, inflow, lateral_inflow, p):
        delay = torch.clamp(p.length / p.velocity * (p.substeps / SECONDS), max=float(LONGEST))
        waits = [s.delayed_1, s.delayed_2, s.delayed_3, s.delayed_4, 0.0]
        after = [
            water + torch.clamp(1.0 - torch.abs(delay - k), min=0.0) * inflow
            for k, water in enumerate(waits)
        ]
        release = torch.where(p.length > 0.0, 1.0 / (p.lag * p.substeps + 1.0), 1.0)
        filled = s.reservoir + after[0]
        passed = release * filled
        states = {f"delayed_{k}": after[k] for k in range(1, LONGEST + 1)}
        return {"reservoir": filled - passed, **states}, passed + lateral_inflow
