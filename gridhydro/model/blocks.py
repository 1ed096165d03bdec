"""A run taken a block of days at a time, the state carried on: daily series are never whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.base.memory import give_back
from gridhydro.inputs.forcing import Forcing
from gridhydro.model import equilibrium
from gridhydro.model.basin_groups import groups_of
from gridhydro.model.march import March, Recall
from gridhydro.model.state import Simulation, State
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
    day     how far it has come: the first day that it has not seen
    groups  the cells that are run at once, each with its state; of a raster all
    """

    def __init__(
        self, run, record: Forcing, outputs: Sequence[str] = (), *,
        taken: Tensor | None = None, chosen: Sequence[int] | None = None,
    ):  # fmt: skip
        run.model.eval()
        self.run, self.record, self.outputs = run, record, tuple(dict.fromkeys(outputs))
        self.taken = taken
        every = list(enumerate(cells_at_once(run, record)))
        every = every if chosen is None else [every[number] for number in chosen]
        self.groups = [_Group(self, number, cells) for number, cells in every]
        self.day: int | None = None
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
        if self.day is None:
            for group in self.groups:
                group.begin()
            self.day = 0
        for group in self.groups:
            before = slice(self.day, days.start)
            group.state = group.march.passed(before, group.state, self.carried)
        self.day = days.stop
        averages = None if averages is None else averages.to(self.run.model.area.device)
        for group in self.groups:
            start, places = group.state, group.places
            weather, found = group.march.go(days, start, self.outputs, averages)
            group.state = found.state
            yield Block(index, places, weather, found, group.march, start)

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
            yield group.march.weather(days)

    def read(self, days: slice) -> Tensor:
        """(F, L, N) of the record; the last days that were asked for are held, for other groups."""
        if self._held is None or self._held[0] != days:
            values = self.record.block(days)
            if self.taken is not None:
                values = values[..., self.taken.to(values.device)]
            self._held = days, values
        return self._held[1]

    @property
    def settles(self) -> int:
        """The days of the record that are run again and again at first, until stores settle."""
        run = self.run
        if run.cycles or not run.settled or not run.model.column.states:
            return 0
        return equilibrium.first_years(run.trained_until(self.record))

    def tensors(self) -> dict[str, Tensor]:
        """All that it takes to go on, by name; see `resume`."""
        found = {}
        for group in self.groups:
            state = group.state or State({}, None)
            memory = group.march.recall.memory
            for name, values in state.carrying(memory, None).tensors().items():
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


def cells_at_once(run, record: Forcing) -> list[Tensor | None]:
    """The cells (B,) that are run at once, in order; None: all."""
    return [None] if run.whole else [*groups_of(record)]


class _Group:
    """Cells that are run at once, the number of them, and how far they have come."""

    def __init__(self, walk: Walk, number: int, cells: Tensor | None):
        self.walk, self.number = walk, number
        self.cells = None if cells is None else cells.to(walk.run.model.area.device)
        self.state: State | None = None
        self.march = self._march(len(walk.record.times))

    @property
    def places(self) -> np.ndarray:
        """(B,) which cells of the domain."""
        size = self.walk.run.model.domain.size
        return np.arange(size) if self.cells is None else self.cells.cpu().numpy()

    def _march(self, days: int) -> March:
        """Over the first days of the record."""
        return March(self.walk.run.model, self._read, days, self.cells)

    def _read(self, days: slice) -> Tensor:
        values = self.walk.read(days)
        return values if self.cells is None else values[:, :, self.cells.to(values.device)]

    def begin(self) -> None:
        """Find the stores that it begins with, as in the training of the run."""
        run, record, outputs = self.walk.run, self.walk.record, self.walk.outputs
        if run.cycles:
            until = run.trained_until(record)
            for _ in range(run.cycles):
                march = self._march(until)
                self.state = march.passed(slice(0, until), self.state, outputs)
        elif run.balanced:
            first = self._read(slice(0, min(run.about["spinup"], len(record.times))))
            self.state = run.near_equilibrium(first)
        elif days := self.walk.settles:
            self.state = self._march(days).settled(self.walk.carried)

    def resume(self, day: int, tensors: dict[str, Tensor]) -> None:
        """See `Walk.resume`."""
        device = self.walk.run.model.area.device
        state = State.of_tensors(tensors).map(lambda v: v.to(device))
        if state.memory is not None:
            self.march.recall = Recall(day // self.march.tile * self.march.tile, state.memory)
        self.state = state.carrying(None, None)
