"""Stores to begin a run with: after runs over a record, or where mean fluxes would bring them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace

import torch
from torch import Tensor

from gridhydro.base import ranks
from gridhydro.base.arguments import required
from gridhydro.base.exchange import as_one
from gridhydro.model.state import State

YEAR = 365.25
YEARS = 10  # of the record that `settled` goes over again and again, at most
PASSES = 6  # runs over them, at most
# it is done when a run changes the water of a cell by less than this fraction, in so many cells:
# where snow never melts away its stores grow for ever
STILL, CELLS = 0.01, 0.95
SLOWEST = 0.9  # a gain that is not smaller than this fraction of the one before has no end in sight


@torch.no_grad()
def spin_up(
    model,
    forcing: Tensor,
    cycles: int = 1,
    state: State | None = None,
    outputs: Sequence[str] = (),
    until: float | None = None,
) -> State | None:
    """The state after `cycles` runs over this forcing; without gradient.

    Flows that are to be routed afterwards are named in `outputs`, as there. With `until`, such
    as HydroPy's 0.001, it ends as soon as the stores change no more: of each, the cell that
    gains most gains less than this fraction in a run (or is empty, or gains exactly as in the run
    before, as eternal snow does).
    """
    if forcing.shape[1] == 0:
        return state
    parameters, weather = model.cell_parameters(forcing), model.weather(forcing)
    before: dict[str, Tensor] | None = None
    gains: dict[str, Tensor] = {}
    for _ in range(cycles):
        state = model.run(weather, state, outputs, parameters, None).state
        if until is not None:
            stores = dict(state.column) | ({} if state.river is None else _rivers(state.river))
            if before is not None:
                last, gains = gains, {n: stores[n] - before[n] for n in stores}
                if all(_settled(stores[n], gains[n], last.get(n), until) for n in stores):
                    break
            before = stores
    return state


def near(model, forcing: Tensor) -> State:
    """A state to start from: after a run over these days (F, T, N), with the stores that fill
    over many years put where the mean fluxes of a second run over them (over whole years, if
    there are any) would bring them. The gradient passes through these means."""
    parameters, weather = model.cell_parameters(forcing), model.weather(forcing)
    with torch.no_grad():
        filled = model.run(weather, None, (), parameters, None).state
    days = weather.shape[1]
    year = 365 * model.steps_a_day
    skip = days % year if days > year else 0
    years = weather[:, skip:].contiguous()
    parameters = {n: p[skip:] if p.ndim == 3 else p for n, p in parameters.items()}
    run = model.run(years, filled, model.column.balancing, parameters, None)
    means = {name: run.outputs[name].mean(0)[:, None] for name in model.column.balancing}
    column = model.column.balanced(filled.column, means, SimpleNamespace(**parameters))
    return State(column, filled.river, filled.hydrograph)


@torch.no_grad()
def settled(
    model, forcing: Tensor, cells: Tensor | None = None, routed: bool = True
) -> State | None:
    """The state that runs over these days, again and again, lead to; without gradient.

    Of a record (F, T, N) the first years are taken, see `first_years`. Without `routed` rivers are
    left out, and begin empty. None for a column without stores.
    """
    days = first_years(forcing.shape[1], model.steps_a_day)
    if not model.column.states or not days:
        return None
    training = model.training
    model.eval()  # dropout is none of the stores' business
    try:
        first = forcing[:, :days].to(model.area).contiguous()
        parameters, weather = model.cell_parameters(first, cells), model.weather(first)
        weather = weather.contiguous()
        return settle(lambda s: model.run(weather, s, (), parameters, cells, routed=routed).state)
    finally:
        model.train(training)


def first_years(days: int, steps_a_day: int = 1) -> int:
    """How many days of a record of so many `settled` goes over: whole years and `YEARS` at most, so
    that the season at their end is that at their beginning. Or steps, of so many in a day."""
    if steps_a_day > 1:
        return first_years(days // steps_a_day) * steps_a_day
    # calendar years may be a day and a half shorter than as many mean ones
    years = min(int((days + 1.5) / YEAR), YEARS)
    return min(round(years * YEAR), days) if years else days


def settle(passed: Callable[[State | None], State | None]) -> State:
    """The state that runs over some days, again and again, lead to.

    passed  the state after these days, of the one before them (None: the column's initial stores)
    Every second gain of a store is extrapolated as that of a linear reservoir; see `PASSES` and
    `STILL` for when it ends.
    """
    state: State | None = None
    before: dict[str, Tensor] = {}
    gains: dict[str, Tensor] = {}
    for left in reversed(range(PASSES)):
        with as_one():  # those of other rivers wait to hear whether it is still
            state = required("state after a pass", passed(state))
        last, gains = gains, {n: v - before[n] for n, v in state.column.items() if before}
        if gains and _still(state.column, gains):
            break
        if gains and last and left:
            stores = {n: _ahead(v, gains[n], last[n]) for n, v in state.column.items()}
            state, gains = replace(state, column=stores), {}
        before = state.column
    return required("pass over the record", state)


def settled_beside() -> None:
    """Go through `settle` without any cells, while other processes have them."""
    settle(lambda state: State({"store": torch.zeros(0, 1)}, None))


def _still(stores: dict[str, Tensor], gains: dict[str, Tensor]) -> bool:
    """Whether a run with these gains has changed next to nothing in nearly all cells."""
    # of a store that may be below zero, what it lacks
    water = sum((v.abs() for v in stores.values()), torch.tensor(0.0)).mean(-1)
    gained = sum(gains.values(), torch.tensor(0.0)).mean(-1)
    still = gained.abs() / water.clamp(min=1.0) < STILL  # of 1 mm at least
    counts = ranks.summed(torch.stack([still.sum(), still.new_ones(still.shape).sum()]))
    return bool(counts[0] >= CELLS * counts[1])


def _ahead(store: Tensor, gain: Tensor, last: Tensor) -> Tensor:
    """Where a store goes whose gains shrink by one ratio; as it is, where they do not shrink."""
    ratio = torch.where(last == 0, 0.0, gain / last)
    ratio = torch.where((ratio > 0) & (ratio < SLOWEST), ratio, 0.0)
    ahead = store + gain * ratio / (1 - ratio)
    return torch.where(store < 0, ahead, ahead.clamp(min=0))


def _rivers(storage: Tensor) -> dict[str, Tensor]:
    return {f"river_{k}": row for k, row in enumerate(storage[:5])}


def _settled(store: Tensor, gain: Tensor, last: Tensor | None, until: float) -> bool:
    """HydroPy's rule for one store; gain since the run before, and the gain of that."""
    most = gain.flatten().argmax()
    content, gained = (float(v.flatten()[most]) for v in (store, gain))
    before = content - gained
    as_last = last is not None and float(last.flatten()[most]) == gained
    return content == 0 or as_last or (before != 0 and gained / abs(before) < until)
