"""Some days of a run's record by themselves: the state before them, and their parameters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.continued import Stops
from gridhydro.model.kept_simulation import simulate_record
from gridhydro.model.model import Model
from gridhydro.model.state import State

RIVER = "river_storage"  # of a state, beside the stores of the column


def states_behind(run, record: Forcing, days: Sequence[int]) -> list[State]:
    """Those of a run behind so many days of a record each, in order; on the device of its model."""
    found: dict[str, State | None] = {}
    dates = [f"{record.times[day - 1]:%Y-%m-%d}" for day in days]
    stops = Stops.of(dates, record.times, found.__setitem__)
    simulate_record(run, record, (), days=slice(days[-1] - 1, days[-1]), stops=stops)
    device = run.model.area.device
    return [required("state", found[date]).map(lambda v: v.to(device)) for date in dates]


@torch.no_grad()
def parameters_from(model: Model, forcing: Tensor, state: State) -> dict[str, Tensor]:
    """Parameters over a forcing (F, T, N) that goes on from a state, without gradient."""
    given, _ = model.remembering(forcing, memory=state.memory)
    return given | (state.steady or {})
