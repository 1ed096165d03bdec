"""A run on its way through a record, of which several processes have some of the cells each."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gridhydro.base import ranks
from gridhydro.base.arguments import required
from gridhydro.base.exchange import as_one, gathered
from gridhydro.domain import builders
from gridhydro.domain.network import rank_of
from gridhydro.domain.shares import by_size
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.stream import Stream
from gridhydro.model import equilibrium
from gridhydro.model.blocks import Walk, cells_at_once
from gridhydro.model.continued import Needed, origin_of
from gridhydro.model.model import Model
from gridhydro.model.part import simulated_part
from gridhydro.model.reduced import AtCells, Wanted
from gridhydro.model.state import Simulation, State
from gridhydro.observations.averages import Averages

_DAYS = 16  # that are summed at once


class SharedWalk:
    """As `Walk`, of the rivers of a raster that this process has, or of its groups of basins.

    One process alone has all. Rivers are shared out by their cells; where there are more processes
    than rivers or groups some have nothing to do. The numbers are those of one process: to the last
    bit, but for networks that read the weather and for corrections, whose products are of fewer
    cells.
    cells   for each process (n,) which cells of the domain its series have, in their order
    gauges  for each (g,) which of the gauges
    """

    def __init__(self, run, record: Forcing, outputs=(), state: State | None = None):
        domain, count, me = run.model.domain, ranks.count(), ranks.number()
        self.run, self.record, self.begins = run, record, state
        self.of_rivers = count > 1 and not domain.lumped and isinstance(run.model, Model)
        groups = cells_at_once(run, record, None if state is None else state.origin)
        self.at_once = 0 if groups[0] is None else len(groups[0])
        if self.of_rivers:
            mine = by_size(domain.network, count)[me]
            self.walk, cells = _of_rivers(run, record, outputs, mine, state)
            gauges = np.flatnonzero(np.isin(domain.gauge_cells, cells))
        else:
            chosen = range(len(groups))[me::count]
            self.walk = Walk(run, record, outputs, chosen=chosen, state=state)
            places = [group.places for group in self.walk.groups]
            cells = np.concatenate([np.empty(0, np.int64), *places])
            gauges = cells if domain.lumped else np.arange(len(domain.gauges) * len(chosen))
        told = ranks.told((cells, gauges))
        self.cells, self.gauges = [one[0] for one in told], [one[1] for one in told]

    @property
    def day(self) -> int | None:
        """How far it has come: the first day that it has not seen."""
        return self.walk.day

    @property
    def own(self) -> Tensor:
        """(n,) the cells of this process."""
        return torch.from_numpy(self.cells[ranks.number()])

    @property
    def own_gauges(self) -> Tensor:
        """(g,) the gauges of this process."""
        return torch.from_numpy(self.gauges[ranks.number()])

    def of_own(self, wanted: Wanted) -> tuple[Wanted, Tensor]:
        """What is to be gathered here of something wanted, and where in all of it that stands."""
        if not isinstance(wanted, AtCells):
            return wanted, self.own
        place = rank_of(self.cells[ranks.number()], self._size)[np.asarray(wanted.cells, np.int64)]
        there = np.flatnonzero(place >= 0)
        return replace(wanted, cells=tuple(place[there].tolist())), torch.from_numpy(there)

    def take(self, days: slice, averages: Averages | None = None) -> Simulation:
        """As `Walk.take`, of these cells and gauges."""
        self._begin_beside()
        with self._apart():
            return self.walk.take(days, averages)

    def pass_to(self, day: int) -> None:
        """As `Walk.pass_to`."""
        self._begin_beside()
        with self._apart():
            self.walk.pass_to(day)

    def _begin_beside(self) -> None:
        """Where this process has no river, it goes along while the others find their stores."""
        walk = self.walk
        if walk.day is None and not walk.groups and self.of_rivers and walk.settles:
            equilibrium.settled_beside()

    def _apart(self) -> AbstractContextManager:
        """Groups of basins have nothing to do with one another, as in one process."""
        return nullcontext() if self.of_rivers else ranks.alone()

    def digest(self, days: slice) -> int:
        """A number that says which forcing these days have; those of all processes add up to that
        of one, modulo 2**64: another value anywhere makes it another."""
        values = self.walk.read(days)
        here = self.own if not self.of_rivers else torch.arange(len(self.own))
        array = values[..., here.to(values.device)].cpu().numpy()
        bits = np.ascontiguousarray(array).view(f"u{array.itemsize}")
        series, length, _ = bits.shape
        of_days, total = _odd(0, series * length).reshape(series, length), np.uint64(0)
        for first in range(0, length, _DAYS):  # some at a time: they are twice as long as they were
            some = slice(first, first + _DAYS)
            for weights, row in zip(of_days, bits, strict=True):
                total = total + weights[some] @ row[some].astype(np.uint64)
        return int((total * self._of_cells).sum(dtype=np.uint64))

    @property
    def _size(self) -> int:
        return sum(map(len, self.cells))

    @cached_property
    def _of_cells(self) -> np.ndarray:
        return _odd(1, self._size)[self.cells[ranks.number()]]

    def state(self) -> State | None:
        """The state of all cells where it has come to, of which another run goes on. None but in
        the first process."""
        with as_one():
            own = self.walk.tensors(complete=True)
        found = self._gathered(own)
        if found is None:
            return None
        model, times = self.run.model, self.record.times
        stop = required("day", self.day)
        day = self.walk.phase + stop
        needed = Needed.of(model, day)
        groups: dict[str, list[Tensor]] = {}
        for key in sorted(found, key=lambda key: int(key.partition("/")[0])):
            groups.setdefault(key.partition("/")[2], []).append(found[key])
        tensors = {
            name: torch.cat(parts, State.axis_of_cells(name)) for name, parts in groups.items()
        }
        if needed.first < day:
            walk = self.walk
            if self.of_rivers:  # which reads its own cells alone
                walk = Walk(self.run, self.record, chosen=(), state=self.begins)
            tensors["weather"] = walk.read_placed(slice(needed.first, day)).cpu()
        origin = origin_of(model, times[stop - 1], needed.phase, self.at_once)
        return State.of_tensors(tensors, origin)

    def tensors(self) -> dict[str, Tensor] | None:
        """All that it takes to go on, with any number of processes: those of the `Walk` of one.
        None but in the first process."""
        return self._gathered(self.walk.tensors())

    def _gathered(self, own: dict[str, Tensor]) -> dict[str, Tensor] | None:
        told = gathered(own)
        if told is None or not self.of_rivers:
            return None if told is None else {k: v for one in told for k, v in one.items()}
        found = {}
        for name, first in told[0].items():
            axis = State.axis_of_cells(name.partition("/")[2])
            whole = first.new_empty(*first.shape[:axis], self._size, *first.shape[axis + 1 :])
            for cells, one in zip(self.cells, told, strict=True):
                if name in one:
                    whole.index_copy_(axis, torch.from_numpy(cells), one[name])
            found[name] = whole
        return found

    def resume(self, day: int, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave before this day."""
        if self.of_rivers:
            tensors = {
                name: values.index_select(State.axis_of_cells(name.partition("/")[2]), self.own)
                for name, values in tensors.items()
            }
        self.walk.resume(day, dict(tensors))


def _of_rivers(
    run, record: Forcing, outputs, mine: np.ndarray, state: State | None
) -> tuple[Walk, np.ndarray]:
    """The walk of a part of the rivers, and its cells in their order."""
    if not mine.size:
        return Walk(run, record, outputs, chosen=(), state=state), mine
    part, taken = simulated_part(run.model, mine)
    cells, held = taken[: part.domain.size].cpu().numpy(), None
    if isinstance(record.values, Stream):  # nothing is read around the cells of others
        domain, order = builders.only(run.model.domain, taken.cpu().numpy())
        record = replace(record, values=record.values.of_cells(domain))
        places = rank_of(order, run.model.domain.size)[taken.cpu().numpy()]
        taken, held = torch.from_numpy(places), torch.from_numpy(order)
    if state is not None:
        weather = state.weather
        if weather is not None and held is not None:
            weather = weather[..., held]
        own = replace(state, weather=None).at(torch.from_numpy(cells))
        state = replace(own, weather=weather, origin=state.origin)
    run = replace(run, model=part)
    return Walk(run, record, outputs, taken=taken, state=state), cells


def _odd(seed: int, count: int) -> np.ndarray:
    """(count,) odd numbers of 64 bits: a product with one loses nothing."""
    drawn = np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)
    return drawn | np.uint64(1)
