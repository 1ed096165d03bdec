"""A run taken a block of days at a time, the state carried on: daily series are never whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.columns.components import over_components
from gridhydro.inputs.forcing import Forcing
from gridhydro.model import unit_hydrograph as hydrograph
from gridhydro.model.base import CellModel
from gridhydro.model.basin_groups import basin_groups
from gridhydro.model.corrected import around
from gridhydro.model.routing import in_rivers
from gridhydro.model.run import Run
from gridhydro.model.state import Simulation, State
from gridhydro.nets import WEIGHT

_YEAR = 366  # days that are passed over at a time


@dataclass(frozen=True, eq=False)
class Block:
    """T days of B cells.

    index       which of the blocks asked for
    cells       (B,) int64, the cells of the domain
    forcing     (F, T, B), in the order of the column's forcings, as it sees them
    simulation  discharge (T, G) and outputs (T, B); of lumped basins G is B
    before      (B,) m3, the water that the cells and their rivers hold at the start
    after       (B,) m3, and at the end
    """

    index: int
    cells: np.ndarray
    forcing: Tensor
    simulation: Simulation
    before: np.ndarray
    after: np.ndarray


@torch.no_grad()
def blocks(
    run: Run, forcing: Forcing, parts: Sequence[slice], outputs: Sequence[str] = ()
) -> Iterator[Block]:
    """The days of each part, in order and one after another, as `Run.simulate` has them.

    parts  slices of the days of the forcing, each where the one before ends. The days before the
           first only fill the stores. Lumped basins come in groups, each through all parts.
    """
    model = run.model.eval()
    groups = [(None, forcing.values)] if run.whole else basin_groups(model, forcing)
    for cells, values in groups:
        state = None
        if run.cycles:
            until = run.trained_until(forcing)
            for _ in range(run.cycles):
                state = _passed(March(model, values[:, :until], cells), until, state)
        elif run.balanced:
            state = run.near_equilibrium(values)
        elif run.settled:
            state = model.settled(values[:, : run.trained_until(forcing)], cells)
        march = March(model, values, cells)
        state = _passed(march, parts[0].start, state)
        places = np.arange(model.domain.size) if cells is None else cells.cpu().numpy()
        before = march.storage(state)
        for index, days in enumerate(parts):
            weather, simulation = march.go(days, state, outputs)
            state = simulation.state
            after = march.storage(state)
            yield Block(index, places, weather, simulation, before, after)
            before = after


class March:
    """A model over a record (F, T, B), any days of it at a time, its parameters computed once."""

    def __init__(self, model: CellModel, values: Tensor, cells: Tensor | None):
        self.model, self.values, self.cells = model, values, cells
        weather = values.to(model.area) if model.network.reads_weather else None
        self.parameters = model.cell_parameters(weather, cells)

    def go(self, days: slice, state: State | None, outputs=()) -> tuple[Tensor, Simulation]:
        """The weather of these days as the column sees it, and what comes of it."""
        weather = weather_of(self.model, self.values, days)
        now = {name: p[days] if p.ndim == 3 else p for name, p in self.parameters.items()}
        return weather, self.model.run(weather, state, outputs, now, self.cells)

    def storage(self, state: State | None) -> np.ndarray:
        return storage(self.model, state, self.parameters, self.cells)


def weather_of(model: CellModel, values: Tensor, days: slice) -> Tensor:
    """These days of a record (F, T, B) as the column sees them, corrected where the model does."""
    if model.correction is None:
        own = len(model.column.forcings)
        return values[:own, days].to(model.area).contiguous()
    # a correction looks at the days around, too
    seen = around(model.correction, days, values.shape[1])
    weather = model.weather(values[:, seen].to(model.area))
    return weather[:, days.start - seen.start : days.stop - seen.start].contiguous()


def _passed(march: March, days: int, state: State | None) -> State | None:
    """The state after the first days of the record."""
    for part in years(slice(0, days)):
        state = march.go(part, state)[1].state
    return state


def years(days: slice) -> list[slice]:
    """These days, a year at a time."""
    firsts = range(days.start, days.stop, _YEAR)
    return [slice(first, min(first + _YEAR, days.stop)) for first in firsts]


def storage(
    model: CellModel,
    state: State | None,
    parameters: Mapping[str, Tensor],
    cells: Tensor | None = None,
) -> np.ndarray:
    """All water of the cells (B,) m3, float64: in the column, the river, and on its way to gauges.

    `state` None is that of a run without one: the column's initial stores, no water in the rivers.
    The parameters are those of the run: on them depends how components are averaged.
    """
    area = (model.area if cells is None else model.area[cells]).double()
    weights = parameters.get(WEIGHT)
    stores = [field for field in model.column.states if field.unit == "mm"]
    if state is None:
        depth = torch.full_like(area, sum(field.initial for field in stores))
        return (depth * area / 1000).cpu().numpy()
    contents = (over_components(state.column[f.name].double()[None], weights)[0] for f in stores)
    depth = sum(contents, torch.zeros_like(area))
    if state.hydrograph is not None:
        depth = depth + _under_way(model, state.hydrograph, parameters)
    volume = depth * area / 1000
    if state.river is not None:
        volume = volume + in_rivers(state.river.double())
    return volume.cpu().numpy()


def _under_way(model: CellModel, tails: Mapping[str, Tensor], parameters) -> Tensor:
    """Runoff (B,) mm of the last days that the unit hydrograph has not yet let through."""
    shapes = {field.name: parameters[field.name].double() for field in hydrograph.SHAPE}
    method = required("unit hydrograph", model.unit_hydrograph).of
    tail = tails[required("runoff", model.column.runoff)].double()
    return hydrograph.under_way(tail, shapes, parameters.get(WEIGHT), method)[-1]
