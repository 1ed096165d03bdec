"""Stores to begin a run with: after runs over a record, or where mean fluxes would bring them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import torch
from torch import Tensor

from gridhydro.model.state import State


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
    skip = days % 365 if days > 365 else 0
    years = weather[:, skip:].contiguous()
    parameters = {n: p[skip:] if p.ndim == 3 else p for n, p in parameters.items()}
    run = model.run(years, filled, model.column.balancing, parameters, None)
    means = {name: run.outputs[name].mean(0)[:, None] for name in model.column.balancing}
    column = model.column.balanced(filled.column, means, SimpleNamespace(**parameters))
    return State(column, filled.river, filled.hydrograph)


def _rivers(storage: Tensor) -> dict[str, Tensor]:
    return {f"river_{k}": row for k, row in enumerate(storage[:5])}


def _settled(store: Tensor, gain: Tensor, last: Tensor | None, until: float) -> bool:
    """HydroPy's rule for one store; gain since the run before, and the gain of that."""
    most = gain.flatten().argmax()
    content, gained = (float(v.flatten()[most]) for v in (store, gain))
    before = content - gained
    as_last = last is not None and float(last.flatten()[most]) == gained
    return content == 0 or as_last or (before > 0 and gained / before < until)
