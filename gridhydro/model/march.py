"""A model taken through a record some days at a time, as if all were run at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.columns.components import over_components
from gridhydro.model import equilibrium
from gridhydro.model import unit_hydrograph as hydrograph
from gridhydro.model.base import CellModel
from gridhydro.model.corrected import around
from gridhydro.model.routing import in_rivers
from gridhydro.model.state import State
from gridhydro.nets import WEIGHT
from gridhydro.nets.lstm import Memory

YEAR = 366  # days that are run at a time, where nothing else is said
# Days of a tile. The last bits of what a matrix product or a convolution gives depend on how many
# days it is of: networks go over the weather in tiles that begin with the record, wherever it is
# cut into blocks
TILE = 64


def years(days: slice) -> list[slice]:
    """These days, a year at a time."""
    return _pieces(days.start, days.stop, YEAR)


def _pieces(start: int, stop: int, length: int) -> list[slice]:
    return [slice(a, min(a + length, stop)) for a in range(start, stop, length)]


def looks_everywhere(model: CellModel) -> bool:
    """Whether a correction looks at the whole record, which is then one tile."""
    correction = model.correction
    return correction is not None and None in (correction.back, correction.ahead)


@dataclass(frozen=True)
class Recall:
    """What an LSTM over the weather remembers before a day: at the beginning of its tile."""

    day: int = 0
    memory: Memory | None = None


class March:
    """A model over a record of T days, any of them at a time; quickest in order.

    read    days -> the forcing (F, L, B) of these days
    length  T
    cells   (B,) of lumped basins; None: all
    Its `recall` is where an LSTM over the weather goes on from.
    Columns, rivers and unit hydrographs go from day to day, and what networks read of the weather
    is computed in tiles of the record: the numbers are the same to the last bit however the days
    are cut. A `Surrogate` is as exact as its matrix products are.

    steady  parameters that do not change by day, where they are known already: those of the run
            that this one goes on from
    """

    def __init__(
        self,
        model: CellModel,
        read: Callable[[slice], Tensor],
        length: int,
        cells: Tensor | None = None,
        steady: dict[str, Tensor] | None = None,
    ):
        self.model, self.read, self.length, self.cells = model, read, length, cells
        self.steady, self.recall = steady, Recall()
        self.tile = length if looks_everywhere(model) else TILE

    @cached_property
    def parameters(self) -> dict[str, Tensor]:
        """The parameters that do not change by day, of all days alike."""
        network = self.model.network
        if not network.reads_weather:
            return self.model.cell_parameters(None, self.cells)
        if self.steady is not None:
            return self.steady
        days = self.length
        last = not getattr(network, "steady_by_attributes", True)  # read off the last day
        days = days if last else min(days, self.tile)
        steady: dict[str, Tensor] = {}
        for _, found, _ in self._read_off(Recall(), days, self._weather_of, last):
            steady = {name: value for name, value in found.items() if value.ndim < 3}
        return steady

    def go(self, days: slice, state: State | None, outputs=(), averages=None):
        """The weather (F, L, B) of these days as the column sees it, and what comes of it."""
        seen = self._seen(days)
        raw = self.read(seen)

        def given(part: slice) -> Tensor:
            return raw[:, part.start - seen.start : part.stop - seen.start].to(self.model.area)

        weather = self._corrected(days, given)
        parameters = self._parameters(days, given)
        model = self.model
        return weather, model.run(weather, state, outputs, parameters, self.cells, averages)

    def weather(self, days: slice) -> Tensor:
        """The weather (F, L, B) of these days as the column sees it."""
        return self._corrected(days, self._weather_of)

    def passed(self, days: slice, state: State | None, outputs=()) -> State | None:
        """The state after these days."""
        for part in years(days):
            state = self.go(part, state, outputs)[1].state
        return state

    @torch.no_grad()
    def settled(self, outputs=()) -> State:
        """The state that runs over all of these days, again and again, lead to: as that of
        `equilibrium.settled`, in the memory of a year. It carries what these outputs go on with."""
        days = slice(0, self.length)
        return equilibrium.settle(lambda state: self.passed(days, state, outputs))

    def remembered(self, day: int) -> Memory | None:
        """What an LSTM over the weather remembers on a day that has been come to."""
        start = self._start(slice(day, day))
        if not self.model.network.reads_weather or start.day == day:
            return start.memory
        weather = _alike(self._weather_of(slice(start.day, day)))
        return self.model.remembering(weather, self.cells, None, start.memory)[1]

    def storage(self, state: State | None) -> np.ndarray:
        """All water of the cells and rivers, (B,) m3; see `storage`."""
        return storage(self.model, state, self.parameters, self.cells)

    def _weather_of(self, days: slice) -> Tensor:
        return self.read(days).to(self.model.area)

    def _seen(self, days: slice) -> slice:
        """The days that are read for these: tiles whole, and what a correction looks at."""
        model, first, last = self.model, days.start, days.stop
        if model.network.reads_weather or model.correction is not None:
            first = first // self.tile * self.tile
            last = min(-(-last // self.tile) * self.tile, self.length)
        if model.network.reads_weather:
            first = min(first, self._start(days).day)
        seen = slice(first, last)
        return seen if model.correction is None else around(model.correction, seen, self.length)

    def _corrected(self, days: slice, read: Callable[[slice], Tensor]) -> Tensor:
        model = self.model
        own = len(model.column.forcings) + len(model.to_river)
        if model.correction is None:
            return read(days)[:own].contiguous()
        parts = []
        for tile in _pieces(days.start // self.tile * self.tile, days.stop, self.tile):
            tile = slice(tile.start, min(tile.start + self.tile, self.length))
            seen = around(model.correction, tile, self.length)
            wanted = slice(max(tile.start, days.start), min(tile.stop, days.stop))
            found = model.weather(_alike(read(seen)))
            parts.append(found[:, wanted.start - seen.start : wanted.stop - seen.start])
        return torch.cat(parts, dim=1)

    def _start(self, days: slice) -> Recall:
        """Where the LSTM begins to reach these days: where it has come to, or the first day."""
        return self.recall if self.recall.day <= days.start else Recall()

    def _parameters(self, days: slice, read: Callable[[slice], Tensor]) -> dict[str, Tensor]:
        if not self.model.network.reads_weather:
            return self.parameters
        parts: dict[str, list[Tensor]] = {}
        for tile, found, after in self._read_off(self._start(days), days.stop, read):
            first = max(days.start - tile.start, 0)
            for name, value in found.items():
                if value.ndim == 3:
                    parts.setdefault(name, []).append(value[first : days.stop - tile.start])
            if tile.stop <= days.stop and self._is_full(tile):
                self.recall = Recall(tile.stop, after)
        return self.parameters | {name: torch.cat(values) for name, values in parts.items()}

    def _read_off(
        self, start: Recall, stop: int, read: Callable[[slice], Tensor], as_it_ends: bool = False
    ) -> Iterator[tuple[slice, dict[str, Tensor], Memory | None]]:
        """Tiles from a day on, what the network makes of their weather, what it remembers then.

        A tile in which the record ends is filled up with its last day, unless it is wanted
        `as_it_ends`: the numbers of a day do not depend on how many days follow.
        """
        memory = start.memory
        for first in range(start.day, stop, self.tile):
            tile = slice(first, min(first + self.tile, self.length))
            weather = read(tile)
            if not self._is_full(tile) and not as_it_ends:
                more = self.tile - weather.shape[1]
                weather = torch.cat([weather, weather[:, -1:].expand(-1, more, -1)], dim=1)
            found, memory = self.model.remembering(_alike(weather), self.cells, None, memory)
            yield tile, found, memory

    def _is_full(self, tile: slice) -> bool:
        return tile.stop - tile.start == self.tile


def _alike(values: Tensor) -> Tensor:
    """A copy that lies in memory as any other of its shape, for the same bits come of it."""
    return values.clone(memory_format=torch.contiguous_format)


def storage(
    model: CellModel,
    state: State | None,
    parameters: Mapping[str, Tensor],
    cells: Tensor | None = None,
) -> np.ndarray:
    """All water of the cells (B,) m3, float64: in the column, the river, and on its way to gauges.

    `state` None is that of a run without one: the column's initial stores, no water in the rivers
    but what lakes begin with.
    The parameters are those of the run: on them depends how components are averaged.
    """
    area = (model.area if cells is None else model.area[cells]).double()
    weights = parameters.get(WEIGHT)
    stores = [field for field in model.column.states if field.unit == "mm"]
    if state is None:
        volume = torch.full_like(area, sum(field.initial for field in stores)) * area / 1000
        if model.river is not None:  # of lakes
            start = model.river.extras.start(area[None], model.cell_properties())
            volume = volume if start is None else volume + in_rivers(start)
        return volume.cpu().numpy()
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
    steps = model.steps_a_day
    return hydrograph.under_way(tail, shapes, parameters.get(WEIGHT), method, steps_a_day=steps)[-1]
