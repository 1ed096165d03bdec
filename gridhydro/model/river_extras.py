"""What a river has beside its reach: lakes and reservoirs, and water that is taken out of it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from gridhydro.columns.column import Field, fields
from gridhydro.model.routing_values import RESERVOIRS
from gridhydro.reaches.lakes import (
    CAPACITY,
    LAKE,
    REGULATED,
    RESERVOIR,
    SEASON,
    TARGETS,
    WithLakes,
)
from gridhydro.reaches.reach import SECONDS, Reach
from gridhydro.reaches.withdrawals import WITHDRAWAL, WithWithdrawals

OPERATED = ("operated", "seasonal")
YEAR = 365.25
LEAST = 1e-4  # of what is asked for: what single precision may lack
(DAY_OF_YEAR,) = fields("day_of_year d: day of the year, 1 to 366")
HELD, WITHDRAWN, UNMET = fields(
    "lake_storage m3: water in the lake of the cell that takes part, mean of the day",
    "river_withdrawn m3 s-1: water taken out of the river of the cell",
    "river_withdrawal_unmet m3 s-1: water that was to be taken out of the river and was not there",
)


@dataclass(frozen=True)
class Extras:
    """Options as in `River`: what they bring to a reach, its forcing and its fields."""

    lakes: str | None
    lake_fill: float
    withdrawals: bool

    def __bool__(self) -> bool:
        return self.lakes is not None or self.withdrawals

    @property
    def operated(self) -> bool:
        return self.lakes in OPERATED

    @property
    def forcings(self) -> tuple[Field, ...]:
        seasonal = (DAY_OF_YEAR,) * (self.lakes == "seasonal")
        return (*seasonal, *((WITHDRAWAL,) * self.withdrawals))

    @property
    def fluxes(self) -> tuple[Field, ...]:
        taken = (WITHDRAWN, UNMET) if self.withdrawals else ()
        return (*((HELD,) * (self.lakes is not None)), *taken)

    @property
    def parameters(self) -> tuple[Field, ...]:
        natural = LAKE * (self.lakes is not None)
        rule = (*RESERVOIR, *TARGETS) * self.operated
        return (*natural, *rule, *(SEASON * (self.lakes == "seasonal")))

    @property
    def properties(self) -> tuple[Field, ...]:
        return (*((CAPACITY,) * (self.lakes is not None)), *((REGULATED,) * self.operated))

    def around(self, reach: Reach) -> Reach:
        """The reach with all of it."""
        if self.lakes is not None:
            reach = WithLakes(reach, self.operated)
        return WithWithdrawals(reach) if self.withdrawals else reach

    def start(self, like: Tensor, properties) -> Tensor | None:
        """The storage (6, N) m3 before the first day, of N cells as in `like` (..., N); None where
        it is empty."""
        if self.lakes is None or not self.lake_fill:
            return None
        full = properties[CAPACITY.name].to(like) * self.lake_fill
        rest = full.new_zeros(RESERVOIRS, len(full))
        return torch.cat([full[None], rest])

    def series(self, values, properties, forcing: Tensor) -> tuple[Tensor, Tensor]:
        """The series (F, T, J) of the reach and the cells (J,) of its series and fluxes: those with
        a lake, or all; of forcing (R, T, N) in the order of `forcings`, R may be 0.

        values  parameters of the cells by name
        """
        cells = torch.arange(forcing.shape[2], device=forcing.device)
        if not self.withdrawals:
            cells = (properties[CAPACITY.name] > 0).nonzero()[:, 0]
        found = []
        if self.operated:
            target = values["lake_target"][cells].expand(forcing.shape[1], -1)
            if self.lakes == "seasonal":
                turned = (2 * torch.pi / YEAR) * (forcing[0, :, :1] - 1)
                winter, spring = (values[field.name][cells] for field in SEASON)
                target = target + winter * torch.cos(turned) + spring * torch.sin(turned)
            found.append(target)
        if self.withdrawals:
            found.append(forcing[-1])
        none = forcing.new_zeros(0, forcing.shape[1], len(cells))
        return torch.stack(found) if found else none, cells

    def told(self, fluxes, cells, properties, forcing: Tensor, ends) -> dict[str, Tensor]:
        """The fluxes that the `Ends` want by name, (T, N); of those (E, T, J) of the reach."""
        found = {}
        if HELD.name in ends.outputs:
            lake = properties[CAPACITY.name][cells] > 0
            held = fluxes.new_zeros(fluxes.shape[1], len(properties[CAPACITY.name]))
            # the reach divides by all sub-steps of a day
            means = fluxes[0][:, lake] * ends.steps_a_day
            found[HELD.name] = held.index_copy(1, cells[lake], means)
        if self.withdrawals:
            withdrawn = fluxes[-1] / (SECONDS / ends.steps_a_day)
            asked = torch.clamp(forcing[-1], min=0)
            found[WITHDRAWN.name] = withdrawn
            found[UNMET.name] = torch.clamp(asked - withdrawn, min=0)
        return {name: one for name, one in found.items() if name in ends.outputs}


def tell_unmet(withdrawn: Tensor, unmet: Tensor) -> None:
    """A warning where of what was to be taken (N,) some was not there, in the unit of both."""
    short = unmet > LEAST * (withdrawn + unmet)
    if short.any():
        part = (unmet.sum() / (withdrawn + unmet).sum()).item()
        warnings.warn(
            f"{part:.2g} of the water that was to be taken out of rivers was not there, in "
            f"{int(short.sum())} cells: see {UNMET.name}",
            stacklevel=2,
        )
