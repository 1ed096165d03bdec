"""A run taken a block of days at a time, the state carried on: daily series are never whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.base.memory import give_back
from gridhydro.inputs.forcing import Forcing
from gridhydro.model import equilibrium
from gridhydro.model.basin_groups import groups_of
from gridhydro.model.march import March, Recall, looks_everywhere
from gridhydro.model.state import Simulation, State
from gridhydro.model.state_file import Origin
from gridhydro.model.unit_hydrograph import ROUTED
from gridhydro.observations.averages import Averages


@dataclass(frozen=True, eq=False)
class Block:
    """T days of B cells.

    index       which of the blocks asked for
    cells       (B,) int64, the cells of the domain
    forcing     (F, T, B), in the order of the column's forcings, as it sees them
    simulation  discharge (T, G) and outputs (T, B); of lumped basins G is B
    """

    index: int
    cells: np.ndarray
    forcing: Tensor
    simulation: Simulation
    march: March
    start: State | None

    @property
    def before(self) -> np.ndarray:
        """(B,) m3, the water that the cells and their rivers hold at the start."""
        return self.march.storage(self.start)

    @property
    def after(self) -> np.ndarray:
        """(B,) m3, and at the end."""
        return self.march.storage(self.simulation.state)


def blocks(
    run, forcing: Forcing, parts: Sequence[slice], outputs: Sequence[str] = ()
) -> Iterator[Block]:
    """The days of each part, in order and one after another, as `Run.simulate` has them.

    run    a `Run`
    parts  slices of the days of the forcing, each where the one before ends. The days before the
           first only fill the stores. Lumped basins come in groups, all of them through a part
           before the next.
    """
    walk = Walk(run, forcing, outputs)
    for index, days in enumerate(parts):
        yield from walk.go(days, index)


class Walk:
    """A run on its way through a record: `go` takes it on by some days, from the last ones on.

    taken   (K,) which cells of the record the model takes, in its order; None: all
    chosen  which of the groups are run, by their numbers; None: all
    state   that it goes on from, of the model's cells, but its weather of those of the record; None
            begins as the training of the run did
    day     how far it has come: the first day that it has not seen
    changed  days of the record, each with other values (F, K) than it has
    phase   how many days lie between the beginning of a tile and the first day; see `Needed`
    groups  the cells that are run at once, each with its state; of a raster all
    """

    def __init__(
        self, run, record: Forcing, outputs: Sequence[str] = (), *,
        taken: Tensor | None = None, chosen: Sequence[int] | None = None,
        state: State | None = None,
    ):  # fmt: skip
        run.model.eval()
        self.run, self.record, self.outputs = run, record, tuple(dict.fromkeys(outputs))
        self.taken, self.state = taken, state
        origin = None if state is None else required("origin", state.origin)
        self.phase = 0 if origin is None else origin.phase
        every = list(enumerate(cells_at_once(run, record, origin)))
        every = every if chosen is None else [every[number] for number in chosen]
        self.groups = [_Group(self, number, cells) for number, cells in every]
        self.day: int | None = None
        self.changed: dict[int, Tensor] = {}
        self._held: tuple[slice, Tensor] | None = None

    @property
    def carried(self) -> list[str]:
        """Outputs whose water of the last days a state has to carry."""
        return [name for name in self.outputs if name.startswith(ROUTED)]

    @torch.no_grad()
    def go(self, days: slice, index: int = 0, averages: Averages | None = None) -> Iterator[Block]:
        """These days of each group; those since the last ones are passed over without outputs.

        averages  over periods within these days
        """
        self.pass_to(days.start)
        self.day = days.stop
        averages = None if averages is None else averages.to(self.run.model.area.device)
        for group in self.groups:
            start, places = group.state, group.places
            weather, found = group.march.go(self._placed(days), start, self.outputs, averages)
            group.state = found.state
            yield Block(index, places, weather, found, group.march, start)

    @torch.no_grad()
    def pass_to(self, day: int) -> None:
        """Go on to a day without outputs."""
        if self.day is None:
            for group in self.groups:
                group.begin()
            self.day = 0
        days = self._placed(slice(self.day, day))
        for group in self.groups:
            group.state = group.march.passed(days, group.state, self.carried)
        self.day = max(day, self.day)

    def _placed(self, days: slice) -> slice:
        """Days of the record, counted from the beginning of a tile."""
        return slice(days.start + self.phase, days.stop + self.phase)

    def take(self, days: slice, averages: Averages | None = None) -> Simulation:
        """These days of all cells as one simulation, on the CPU, without the state; see `go`."""
        give_back()  # what the days before have left
        parts = [block.simulation for block in self.go(days, averages=averages)]

        def joined(values: Iterable[Tensor | None], length: int) -> Tensor:
            there = [required("series", one).cpu() for one in values]
            if not there:
                return torch.empty(length, 0, dtype=self.run.model.area.dtype)
            return there[0] if len(there) == 1 else torch.cat(there, dim=1)

        length = days.stop - days.start
        flow = joined((part.discharge for part in parts), length)
        outputs = {n: joined((part.outputs[n] for part in parts), length) for n in self.outputs}
        storage = None
        if averages is not None:
            storage = joined((part.storage for part in parts), averages.count)
        return Simulation(flow, outputs, None, storage)

    @torch.no_grad()
    def weather(self, days: slice) -> Iterator[Tensor]:
        """The forcing (F, L, B) of these days as the column of each group sees it."""
        for group in self.groups:
            yield group.march.weather(self._placed(days))

    def read(self, days: slice) -> Tensor:
        """(F, L, N) of the record; the last days that were asked for are held, for other groups."""
        if self._held is None or self._held[0] != days:
            values = self.record.block(days)
            if self.taken is not None:
                values = values[..., self.taken.to(values.device)]
            self._held = days, values
        values = self._held[1]
        other = [day for day in self.changed if days.start <= day < days.stop]
        if other:
            values = values.clone()
            for day in other:
                values[:, day - days.start] = self.changed[day].to(values)
        return values

    def read_placed(self, days: slice) -> Tensor:
        """As `read`, of days that are counted from the beginning of a tile: those before the record
        are known by the state."""
        first = days.start - self.phase
        if first >= 0:
            return self.read(slice(first, days.stop - self.phase))
        known = required("weather of the state", required("state", self.state).weather)
        if self.taken is not None:
            known = known[..., self.taken.to(known.device)]
        early = known[:, known.shape[1] + first : known.shape[1] + min(days.stop - self.phase, 0)]
        if days.stop <= self.phase:
            return early
        late = self.read(slice(0, days.stop - self.phase))
        return torch.cat([early.to(late), late], dim=1)

    @property
    def settles(self) -> int:
        """The days of the record that are run again and again at first, until stores settle."""
        run = self.run
        if self.state or run.cycles or not run.settled or not run.model.column.states:
            return 0
        return equilibrium.first_years(run.trained_until(self.record), run.model.steps_a_day)

    def tensors(self, complete: bool = False) -> dict[str, Tensor]:
        """All that it takes to go on, by name; see `resume`. With all that another walk has to
        know, but the weather, where it is to be `complete`."""
        found = {}
        for group in self.groups:
            state = group.complete() if complete else group.state or State({}, None)
            state = replace(state, begun=group.march.recall.memory)
            for name, values in state.tensors().items():
                found[f"{group.number}/{name}"] = values
        return found

    def resume(self, day: int, tensors: dict[str, Tensor]) -> None:
        """Go on from what `tensors` gave before this day."""
        for group in self.groups:
            own = f"{group.number}/"
            group.resume(day, {
                name.removeprefix(own): values
                for name, values in tensors.items() if name.startswith(own)
            })  # fmt: skip
        self.day = day


def cells_at_once(run, record: Forcing, origin: Origin | None = None) -> list[Tensor | None]:
    """The cells (B,) that are run at once, in order; None: all. Behind a state of this origin as
    before it: the last bits of a product depend on how many cells it is of."""
    if origin is not None:
        size = record.size
        return [*torch.arange(size).split(origin.at_once)] if origin.at_once else [None]
    return [None] if run.whole else [*groups_of(record)]


class _Group:
    """Cells that are run at once, the number of them, and how far they have come."""

    def __init__(self, walk: Walk, number: int, cells: Tensor | None):
        self.walk, self.number = walk, number
        self.cells = None if cells is None else cells.to(walk.run.model.area.device)
        self.state: State | None = None
        steady = None if walk.state is None else self._own(walk.state).steady
        self.march = self._march(walk.phase + len(walk.record.times), steady)

    @property
    def places(self) -> np.ndarray:
        """(B,) which cells of the domain."""
        size = self.walk.run.model.domain.size
        return np.arange(size) if self.cells is None else self.cells.cpu().numpy()

    def _march(self, days: int, steady: dict[str, Tensor] | None = None) -> March:
        """Over the first days of the record."""
        return March(self.walk.run.model, self._read, days, self.cells, steady)

    def _read(self, days: slice) -> Tensor:
        values = self.walk.read_placed(days)
        return values if self.cells is None else values[:, :, self.cells.to(values.device)]

    def _own(self, state: State) -> State:
        """Of a state what the model needs in these cells, on its device; not the weather."""
        device = self.walk.run.model.area.device
        state = replace(state, weather=None).map(lambda v: v.to(device))
        return state if self.cells is None else state.at(self.cells)

    def begin(self) -> None:
        """Find the stores that it begins with: those of a state, or as in the training."""
        run, record, outputs = self.walk.run, self.walk.record, self.walk.outputs
        if self.walk.state is not None:
            self._begin_with(self.walk.phase, self._own(self.walk.state))
        elif run.cycles:
            until = run.trained_until(record)
            for _ in range(run.cycles):
                march = self._march(until)
                self.state = march.passed(slice(0, until), self.state, outputs)
        elif run.balanced:
            spinup = run.about["spinup"] * run.model.steps_a_day
            first = self._read(slice(0, min(spinup, len(record.times))))
            self.state = run.near_equilibrium(first)
        elif days := self.walk.settles:
            self.state = self._march(days).settled(self.walk.carried)

    def resume(self, day: int, tensors: dict[str, Tensor]) -> None:
        """See `Walk.resume`."""
        device = self.walk.run.model.area.device
        state = State.of_tensors(tensors).map(lambda v: v.to(device))
        self._begin_with(self.walk.phase + day, state)

    def _begin_with(self, day: int, state: State) -> None:
        """On a day that is counted from the beginning of a tile."""
        if state.begun is not None:
            self.march.recall = Recall(day // self.march.tile * self.march.tile, state.begun)
        self.state = State(state.column, state.river, state.hydrograph)

    def complete(self) -> State:
        """What it takes to go on with another record, but the weather."""
        day = self.walk.phase + required("day", self.walk.day)
        state = self.state or State({}, None)
        if not self.walk.run.model.network.reads_weather:
            return state
        if looks_everywhere(self.walk.run.model):
            self.march.recall = Recall()  # a longer record is another tile
        return replace(state, memory=self.march.remembered(day), steady=self.march.parameters)
