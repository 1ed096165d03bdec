"""The drift of the water stored over the days that a training scores."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gridhydro.io.packed_file import let_go
from gridhydro.model.base import CellModel
from gridhydro.model.drift import HIDDEN, Drift
from gridhydro.model.march import March, years
from gridhydro.model.state import State

# a gain in one run that is not smaller than this fraction of the one before goes on for ever
ENDLESS = 0.9


@torch.no_grad()
def storage_drift(model: CellModel, groups, begin: int, days: slice) -> Drift | None:
    """The drift over the scored days of a record; None for a column without water.

    groups  cells (B,) or None for all, their forcing (F, T, B), and the state that they begin with
    begin   the day of the record on which they do; days: those that are scored
    Cells that gather water in every run alike, as eternal snow, settle nowhere: they are left out.
    None as well where there are no others.
    """
    if not any(field.unit == "mm" for field in model.column.states):
        return None
    training = model.training
    model.eval()
    try:
        parts = [_of_cells(model, *group, begin=begin, days=days) for group in groups]
    finally:
        model.train(training)
    *water, area = np.concatenate(parts, axis=1).sum(1)
    if area == 0:
        return None
    return Drift(*(float(value / area * 1000) for value in water))


def _of_cells(model: CellModel, cells, values: Tensor, state, *, begin: int, days: slice):
    """Start, end, settled and runoff, m3, and area, m2, (5, B) of the cells that settle."""

    def read(part: slice) -> Tensor:
        let_go(values)  # what was read before
        return values[:, part]

    march = March(model, read, values.shape[1], cells)
    before = slice(begin, days.start)
    flow = () if model.column.runoff is None else (model.column.runoff,)
    area = (model.area if cells is None else model.area[cells]).double().cpu().numpy()
    state, _ = _through(march, before, state)
    start = march.storage(state)
    state, left = _through(march, days, state, flow)
    end = march.storage(state)
    state, _ = _through(march, before, state)
    settled = march.storage(state)
    left = left / model.steps_a_day if flow else left  # rates of steps
    runoff = left.cpu().numpy() * area / 1000 if flow else np.full_like(area, np.nan)
    found = np.stack([start, end, settled, runoff, area])
    gain = settled - start
    if gain.sum() > HIDDEN * runoff.sum():  # is it of cells that have no end?
        state, _ = _through(march, before, _through(march, days, state)[0])
        found = found[:, ~((gain > 0) & (march.storage(state) - settled > ENDLESS * gain))]
    return found


def _through(march: March, days: slice, state: State | None, outputs=()) -> tuple:
    """The state after these days, and the sum of an output over them, (B,) mm (times the steps of
    a day)."""
    total: Tensor | float = 0.0
    for part in years(days):
        _, simulation = march.go(part, state, outputs)
        state = simulation.state
        for name in outputs:
            total = total + simulation.outputs[name].double().sum(0)
    return state, total
