"""A run that is taken on a day at a time, by a hand that may change weather and stores between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.blocks import Walk
from gridhydro.model.continued import DAY, Needed, refuse_unfit
from gridhydro.model.shared_walk import SharedWalk
from gridhydro.model.state import State


class DayByDay:
    """A `Run` through a record, with what it reads and holds on a day as arrays to read and change.

    outputs  names of fluxes and states, beside discharge
    state    that it goes on from; None begins as in the training
    day      how many days are behind it
    weather  name -> (N,), the forcing of the day that comes
    stores   name -> (N,), at the end of the last day, means over the components. One that is set
             takes its components along in proportion
    fluxes   name -> (N,) of the last day; NaN before the first. discharge: (G,) m3 s-1
    The numbers are those of `Run.simulate`, to the last bit where nothing is changed.
    """

    def __init__(
        self, run, record: Forcing, outputs: Sequence[str] = (), state: State | None = None
    ):
        run.model.refuse_steps("a run that is taken on by the day")
        if state is not None:
            refuse_unfit(state, run.model, record)
        self.run, self.record, self.outputs, self.day = run, record, tuple(outputs), 0
        self.shared = SharedWalk(run, record, self.outputs, state)
        self.shared.pass_to(0)
        model, size = run.model, run.model.domain.size
        self.weather = {f.name: np.empty(size, np.float32) for f in model.forcings}
        self.stores = {f.name: np.empty(size, np.float32) for f in model.column.states}
        self.fluxes = {name: np.full(size, np.nan, np.float32) for name in self.outputs}
        self.discharge = np.full(len(model.domain.gauges), np.nan, np.float32)
        self._given: dict[str, np.ndarray] = {}
        self._held: dict[str, np.ndarray] = {}
        self._show()

    @property
    def walk(self) -> Walk:
        """The run on its way."""
        return self.shared.walk

    @property
    def days(self) -> int:
        """Of the record."""
        return len(self.record.times)

    def advance(self) -> None:
        """Take it on by a day; ValueError behind the last one."""
        if self.day >= self.days:
            last = f"{self.record.times[-1]:%Y-%m-%d}" if self.days else "nothing"
            raise ValueError(f"the forcing ends with {last}: there is no day behind it")
        self._take_weather()
        self._take_stores()
        found = self.walk.take(slice(self.day, self.day + 1))
        self.day += 1
        self.discharge[:] = required("discharge", found.discharge)[0].numpy()
        for name, values in self.fluxes.items():
            values[:] = found.outputs[name][0].numpy()
        phase = self.walk.phase
        first = Needed.of(self.run.model, phase + self.day).first - phase
        for day in [day for day in self.walk.changed if day < first]:  # which nobody reads again
            del self.walk.changed[day]
        self._show()

    def state(self) -> State:
        """Where it has come to, for another run to go on from. ValueError before the first day."""
        if not self.day:
            raise ValueError("there is no state to keep before the first day is run")
        self._take_stores()
        return required("state", self.shared.state())

    def _show(self) -> None:
        """The weather of the day that comes, which is that of the last one behind the end."""
        if self.days:
            day = min(self.day, self.days - 1)
            for values, row in zip(
                self.weather.values(), self.walk.read(slice(day, day + 1))[:, 0], strict=True
            ):
                values[:] = row.cpu().numpy()
        for name, values in self.stores.items():
            for group in self.walk.groups:
                values[group.places] = self._store(group, name).mean(-1).cpu().numpy()
        self._given = {name: values.copy() for name, values in self.weather.items()}
        self._held = {name: values.copy() for name, values in self.stores.items()}

    def _take_weather(self) -> None:
        if any(_differ(self.weather[name], old) for name, old in self._given.items()):
            rows = np.stack(list(self.weather.values()))
            _refuse_gaps(self.weather, f"{self.record.times[self.day]:%Y-%m-%d}")
            self.walk.changed[self.day] = torch.from_numpy(rows)

    def _take_stores(self) -> None:
        other = {n: v for n, v in self.stores.items() if _differ(v, self._held[n])}
        if not other:
            return
        _refuse_gaps(other, f"the end of {self.record.times[0] + (self.day - 1) * DAY:%Y-%m-%d}")
        for group in self.walk.groups:
            column = {name: self._store(group, name).clone() for name in self.stores}
            for name, values in other.items():
                column[name] = _set(column[name], torch.from_numpy(values[group.places]))
            before = group.state or State({}, None)
            group.state = replace(before, column=column)
        self._held |= {name: values.copy() for name, values in other.items()}

    def _store(self, group, name: str) -> Tensor:
        """(B, M) of a group's cells."""
        if group.state is not None:
            return group.state.column[name]
        model = self.run.model
        (initial,) = [f.initial for f in model.column.states if f.name == name]
        return model.area.new_full((len(group.places), model.components), initial)


def _set(store: Tensor, values: Tensor) -> Tensor:
    """A store (B, M) whose means are these values; as it is where they are already."""
    wanted, mean = values.to(store)[:, None], store.mean(-1, keepdim=True)
    ratio = torch.where(mean == 0, 0.0, wanted / mean)
    changed = torch.where(mean == 0, wanted, store * ratio) if store.shape[1] > 1 else wanted
    return torch.where(wanted == mean, store, changed.expand_as(store)).contiguous()


def _differ(one: np.ndarray, other: np.ndarray) -> bool:
    return not np.array_equal(one, other)


def _refuse_gaps(values: dict[str, np.ndarray], where: str) -> None:
    for name, row in values.items():
        if not np.isfinite(row).all():
            cell = int(np.flatnonzero(~np.isfinite(row))[0])
            raise ValueError(f"'{name}' of {where} is {row[cell]} in cell {cell}: give a number")
