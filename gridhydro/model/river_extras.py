"""What a river has beside its reach: lakes and reservoirs, and water that is taken out of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gridhydro.base.arguments import required
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
from gridhydro.reaches.reach import Reach
from gridhydro.reaches.withdrawals import SECONDS, WITHDRAWAL, WithWithdrawals

OPERATED = ("operated", "seasonal")
YEAR = 365.25
(DAY_OF_YEAR,) = fields("day_of_year d: day of the year, 1 to 366")
WITHDRAWN, UNMET = fields(
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
        return (WITHDRAWN, UNMET) if self.withdrawals else ()

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

    def series(self, values, properties, forcing: Tensor | None) -> tuple[Tensor, Tensor] | None:
        """The series (F, T, J) of the reach and their cells (J,), of forcing (F, T, N) in the order
        of `forcings`; None where it has none. `values`: parameters of the cells by name."""
        if not (self.operated or self.withdrawals):
            return None
        forcing = required("forcing", forcing)
        cells = torch.arange(forcing.shape[2], device=forcing.device)
        if self.operated and not self.withdrawals:
            cells = (properties[REGULATED.name] > 0).nonzero()[:, 0]
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
        return torch.stack(found), cells

    def told(self, fluxes, forcing: Tensor | None) -> dict[str, Tensor]:
        """The `fluxes` (T, N) m3 s-1 by name, of those of the reach (1, T, N) m3 d-1."""
        if not self.withdrawals:
            return {}
        withdrawn = fluxes[0][0] / SECONDS
        asked = torch.clamp(required("forcing", forcing)[-1], min=0)
        return {WITHDRAWN.name: withdrawn, UNMET.name: torch.clamp(asked - withdrawn, min=0)}
