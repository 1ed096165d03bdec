"""Lakes and reservoirs on the river: cells whose water is level and leaves by how much there is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace

import torch

from gridhydro.columns.column import Field, fields
from gridhydro.reaches.channel import reference
from gridhydro.reaches.reach import Reach

# of the capacity of a reservoir: what is never released, and the highest target
DEAD, HIGHEST = 0.1, 0.97

LAKE = fields(
    "lake_rate d-1 [1e-4, 1] log: outflow of a full lake, or a reservoir's release at its target, "
    "over the capacity",
    "lake_exponent 1 [1, 3]: exponent of the outflow over the storage of a lake",
)
RESERVOIR = fields(
    "lake_flood 1 [1, 20] log: release of a full reservoir over that at its target",
)
CAPACITY, REGULATED = fields(
    "lake_capacity m3: active storage of the lake of a cell when it is full, 0 where there is none",
    "lake_regulated 1: whether the lake is a reservoir that is operated, 1 or 0",
)
(TARGET,) = fields("lake_target 1: storage that a reservoir is held at, of its capacity")
(HELD,) = fields("lake_storage m3: water of the lake, mean of the day")
# of what the target of a day is made
TARGETS = fields("lake_target 1 [0.3, 0.95]: storage that a reservoir is held at, of its capacity")
SEASON = fields(
    "lake_target_winter 1 [-0.3, 0.3]: by how much more it is held at the beginning of the year",
    "lake_target_spring 1 [-0.3, 0.3]: by how much more it is held at the end of March",
)


@dataclass(frozen=True)
class WithLakes(Reach):
    """A reach with a lake in the place of the river in some cells, those with a capacity.

    All that comes to such a cell, its own runoff too, enters the lake, and the first state of the
    reach is the lake's water: its active storage, above the sill of the outflow.

    A lake lets out the power of its storage S of Meigh et al. (1999) and Döll et al. (2003,
    doi:10.1016/S0022-1694(02)00283-4), `lake_rate` S (S / capacity)^(`lake_exponent` - 1), at the
    end of the sub-step: implicit, so that it is positive and stable for any step. These two took
    the rate 0.01 d-1 and the exponent 2.5; that of a weir under a lake with steep shores is 1.5.

    `reservoirs`: where `lake_regulated` is 1 the release is linear between targets of the storage,
    a rule of zones as those of LISFLOOD (Zajac et al. 2017, doi:10.1016/j.jhydrol.2017.03.022) and
    of DZTR (Yassin et al. 2019, doi:10.5194/hess-23-3735-2019) with fewer of them: nothing up to a
    tenth of the capacity, `lake_rate` x capacity at the target of the day, `lake_flood` times that
    at the capacity, and what is above it spills within the sub-step. This is implicit too.

    The flux `lake_storage` is of cells with a lake; of others it means nothing.
    """

    reach: Reach
    reservoirs: bool = False

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.reach.name}_with_{'reservoirs' if self.reservoirs else 'lakes'}"

    @property
    def states(self) -> tuple[Field, ...]:  # type: ignore[override]
        return self.reach.states

    @cached_property
    def parameters(self) -> tuple[Field, ...]:  # type: ignore[override]
        return (*self.reach.parameters, *LAKE, *(RESERVOIR * self.reservoirs))

    @cached_property
    def properties(self) -> tuple[Field, ...]:  # type: ignore[override]
        return (*self.reach.properties, CAPACITY, *((REGULATED,) * self.reservoirs))

    @property
    def series(self) -> tuple[Field, ...]:  # type: ignore[override]
        return (*self.reach.series, *((TARGET,) * self.reservoirs))

    @property
    def fluxes(self) -> tuple[Field, ...]:  # type: ignore[override]
        return (*self.reach.fluxes, HELD)

    @property
    def in_a_row(self) -> int:  # type: ignore[override]
        return max(1, self.reach.in_a_row // 2)

    def step(self, s, inflow, lateral_inflow, p):
        first, is_lake = self.states[0].name, p.lake_capacity > 0.0
        river, passed, *told = self.reach.step(s, inflow, lateral_inflow, p)
        supply = getattr(s, first) + inflow + lateral_inflow
        capacity = torch.where(is_lake, p.lake_capacity, 1.0)
        filled = supply / capacity
        leaves = _lake(filled, p) * supply
        if self.reservoirs:
            release = torch.minimum(_release(filled, p) * capacity, supply)
            leaves = torch.where(p.lake_regulated > 0.0, release, leaves)
        # what an earlier river left in other states of a lake's cell stays there
        states = {name: torch.where(is_lake, getattr(s, name), one) for name, one in river.items()}
        held = supply - leaves
        states[first] = torch.where(is_lake, held, river[first])
        fluxes = (told[0] if told else {}) | {HELD.name: held / p.substeps}
        return states, torch.where(is_lake, leaves, passed), fluxes


def _lake(filled, p):
    """The part of the water of a lake, storage and what comes, that leaves in a sub-step.

    The storage is a power of the outflow, as the water in a channel is: `reference` solves for
    both, and one more step of Newton's method leaves 1e-4 of the outflow at most. Below a
    thousandth of the capacity it is a linear reservoir.
    """
    exponent = 1.0 / p.lake_exponent
    log_fill = -exponent * torch.log2(p.lake_rate / p.substeps)
    lake = SimpleNamespace(area_exponent=exponent, log_seconds=0.0, log_fill=log_fill)
    leaves, _, _ = reference(filled, lake)
    held = torch.log2(torch.clamp(filled, min=1e-3))
    stays = torch.exp2(log_fill + (exponent - 1.0) * held + exponent * torch.log2(leaves))
    closer = (1.0 - leaves - stays) / (leaves + exponent * stays)
    return torch.clamp(leaves * (1.0 + closer), max=1.0)


def _release(filled, p):
    """What a reservoir releases in a sub-step, of its capacity.

    Linear between storages, and so linear between what there is before the release as well.
    """
    target = torch.clamp(p.lake_target, min=DEAD, max=HIGHEST)
    usual = p.lake_rate / p.substeps
    more = (p.lake_flood - 1.0) * usual
    below, above = target + usual - DEAD, 1.0 - target + more
    release = usual * torch.clamp((filled - DEAD) / below, min=0.0, max=1.0)
    release = release + more * torch.clamp((filled - DEAD - below) / above, min=0.0, max=1.0)
    return release + torch.clamp(filled - (1.0 + usual + more), min=0.0)
