"""The data of a training: forcing, observations, the days that are scored, and its batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import torch

from gridhydro.base import periods
from gridhydro.base.arguments import required
from gridhydro.base.periods import as_texts as period_of
from gridhydro.base.report import REFUSED, STRICT, Doors
from gridhydro.base.steps import steps_a_day
from gridhydro.inputs.forcing import Forcing, steps_of
from gridhydro.model import equilibrium
from gridhydro.model.base import CellModel
from gridhydro.model.basin_groups import basin_groups
from gridhydro.model.drift import Drift
from gridhydro.model.march import March
from gridhydro.model.state import State
from gridhydro.observations import runoff_ratio
from gridhydro.observations.discharge import by_step, observations, refuse_empty
from gridhydro.observations.storage_target import StorageTarget
from gridhydro.observations.target_series import TargetSeries, refuse_other
from gridhydro.observations.targets import Target
from gridhydro.training.batches import STATES, Batch, Batches, Epoch, minibatches
from gridhydro.training.drift import storage_drift
from gridhydro.training.options import Session, SpinUp
from gridhydro.training.plan import Options, Plan
from gridhydro.training.splits import Split

_RIVERS = 60  # days of a spin-up in which rivers fill


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Forcing and observations of a training on one time axis.

    model      on the device to train on
    forcing    of the whole record, packed
    period     first and last day, month or year that are scored; days: those of the record
    split      which `period` was given as, or None
    gauges     names of those to train on; places (G,): which of the domain's they are, of lumped
               basins the cells as well
    discharge  observed at all gauges of the domain, (1, T, G) mm d-1, or None
    targets    observed series of other outputs of the column; storage: water on tiles, or None
    by_step    whether the discharge is by the step of a record of parts of days, and not by the day
    """

    model: CellModel
    forcing: Forcing
    period: tuple[str, str]
    days: slice
    split: Split | None
    gauges: list[str]
    places: torch.Tensor
    discharge: Forcing | None
    targets: list[TargetSeries]
    storage: StorageTarget | None
    spinup: SpinUp
    batches: Batches | None
    by_step: bool = False

    @property
    def steps_a_day(self) -> int:
        """Steps of the record in a day: `days`, and all days of a batch, are counted in them."""
        return self.forcing.steps_a_day

    @property
    def spinup_steps(self) -> int:
        """The spin-up in steps of the record."""
        return self.spinup.days * self.steps_a_day

    @property
    def run_days(self) -> slice:
        """The days of a step through which gradients pass."""
        through = self.spinup_steps if self.spinup.near_equilibrium else 0
        return slice(self.days.start - through, self.days.stop)

    def epoch(self, number: int, seed: int) -> Epoch:
        """The minibatches of an epoch of lumped basins, which the seed decides."""
        seed = seed_of_epoch(seed, number)
        batches = required("minibatches", self.batches)
        return minibatches(batches, self.forcing, self.window, self.days, self.places, seed)

    def window(self, starts, length: int, cells) -> list[torch.Tensor]:
        """Observations (length, B) of discharge and of each target, from each cell's start on."""
        discharge = torch.full((length, len(cells)), torch.nan)
        if self.discharge is not None:
            discharge = self.discharge.window(starts, length, cells)[0]
        return [discharge, *(one.window(starts, length, cells) for one in self.targets)]

    def whole(self) -> Batch:
        """All days and cells at once, the spin-up before them."""
        spinup, days = self.spinup_steps, self.days
        start = self._begin()
        # a record that is packed on disk is on the CPU, whatever the model is on
        before, scored = (
            self.forcing.values[:, part].to(self.places.device)
            for part in (slice(start, days.start), days)
        )
        discharge = scored.new_full((days.stop - days.start, len(self.places)), torch.nan)
        if self.discharge is not None:
            values = self.discharge.values
            discharge = values[0, days][:, self.places.to(values.device)]
        series = [discharge.to(self.places.device), *(one.values[days] for one in self.targets)]
        if self.spinup.near_equilibrium:  # gradients pass through the spin-up as well
            series = [torch.cat([v.new_full((spinup, v.shape[1]), torch.nan), v]) for v in series]
            before, scored = before[:, :0], torch.cat([before, scored], dim=1)
        before, scored, discharge = before.contiguous(), scored.contiguous(), series[0]
        return Batch(before, scored, discharge, self.places, None, start, tuple(series[1:]))

    def _begin(self) -> int:
        """The first day of the spin-up; ValueError where the record begins later."""
        spinup, first = self.spinup.days, self.days.start // self.steps_a_day
        if spinup > first:
            day = self.forcing.times[self.days.start]
            raise ValueError(
                f"the spin-up needs {spinup} days before {day:%Y-%m-%d}, the "
                f"forcing has {first}: begin the period later, take spinup={first}, or give "
                f"spinup=SpinUp({first}, cycles=...) to run over the record beforehand"
            )
        return self.days.start - self.spinup_steps

    def state(self, batch: Batch) -> State | None:
        """The state that a step over the batch starts from; None: the column's initial stores."""
        if batch.part is not None:
            return batch.state
        if self.spinup.cycles:
            record = self.forcing.values[:, : self.days.stop].to(self.places.device)
            return self.model.spin_up(record, self.spinup.cycles)
        slow = bool(self.model.column.balancing)  # or it has no stores to put near equilibrium
        if self.spinup.near_equilibrium and slow:  # with a gradient: they depend on what is learned
            first = batch.forcing[:, : self.spinup_steps].contiguous()
            return self.model.near_equilibrium(first)
        if self.spinup.start != "empty" and self.batches is None:
            record = self.forcing.values[:, self._begin() : self.days.stop]
            return self.model.settled(record, routed=self.spinup.days < _RIVERS)
        return None

    @property
    def spinup_run(self) -> int:
        """The days that are run at once, without gradient, to find the `state` of a whole step."""
        spinup, stop = self.spinup, self.days.stop
        if self.batches is not None or (spinup.near_equilibrium and self.model.column.balancing):
            return 0
        if spinup.cycles:
            return stop
        begun = spinup.start != "empty" and self.model.column.states
        return equilibrium.first_years(stop - self._begin(), self.steps_a_day) if begun else 0

    @torch.no_grad()
    def drift(self) -> Drift | None:
        """How the water stored drifts over the scored days, in all cells."""
        if self.batches is None:
            whole = self.whole()
            values = self.forcing.values[:, : self.days.stop].to(self.places.device)
            groups = [(None, values, self.state(whole))]
            return storage_drift(self.model, groups, self._begin(), self.days)
        begin = max(self.days.start - self.batches.before * self.steps_a_day, 0)
        if not self.model.domain.lumped:
            begin = 0 if self.batches.from_states else begin
            everywhere = [(None, self.forcing.values[:, : self.days.stop], self.first_state())]
            return storage_drift(self.model, everywhere, begin, self.days)
        every = ((cells, values, None) for cells, values in basin_groups(self.model, self.forcing))
        return storage_drift(self.model, every, begin, self.days)

    def first_state(self) -> State | None:
        """Of minibatches the state with which a run over the record begins."""
        days, model = equilibrium.first_years(self.days.stop, self.steps_a_day), self.model
        if not self.spinup.settled or not model.column.states or not days:
            return None
        training = model.training
        model.eval()
        try:
            return March(model, self.forcing.block, days).settled()
        finally:
            model.train(training)

    def fit_inputs(self) -> None:
        """Scale what the model's networks read by the data of the training."""
        model, everywhere = self.model, torch.arange(self.forcing.size)
        if model.domain.lumped:
            model.fit_inputs(self._sample(self.places), self.places)
        elif model.network.reads_weather or model.correction is not None:
            model.fit_inputs(self._sample(everywhere))

    def _sample(self, cells: torch.Tensor) -> torch.Tensor:
        """Forcing (F, T, n) of the days that are scored, of 100 of the cells at most."""
        some = cells[torch.linspace(0, len(cells) - 1, min(len(cells), 100)).long()]
        starts = torch.full_like(some, self.days.start)
        length = self.days.stop - self.days.start
        return self.forcing.window(starts, length, some, self.places.device)


def read_data(
    model: CellModel, forcing, discharge, plan: Plan, options: Options, doors: Doors = STRICT
) -> TrainingData:
    """The data of a training as people give them, packed and checked; moves the model to its
    device. ValueError for what does not fit together; the arguments are those of `train`."""
    period, session = plan.period, options.session
    batches = None if options.batches is None else doors(Batches.shared, options.batches)
    doors(refuse_batches, batches, options.spinup, model)
    place = doors(_placed, model, session)
    weather = doors(_weather, forcing, model, session, doors)
    times = doors(steps_of, forcing if weather is REFUSED else weather, model.steps_a_day)
    split = period if isinstance(period, Split) else None
    period = doors(period_of, period) if split is None else split.train_period
    days = doors(_scored, times, period, batches)
    names = doors(_names, model, discharge, split)
    places, observed = doors(places_of, model, names), None
    if discharge is not None:
        observed = doors(_observed, discharge, times, model, names, session, place)
    others, storage = doors(_others, plan.targets), doors(_of_storage, plan.targets)
    series = doors(_series, others, model, times, place, places, doors)
    doors(_refuse_empty, model, observed, series, days, places, names)
    if observed is not None:
        doors(runoff_ratio.refuse, observed, weather, model, days)
    return doors(
        TrainingData, model, weather, period, days, split, names, places, observed, series,
        storage, doors(_start, options.spinup, batches), batches,
        doors(by_step, discharge, model.steps_a_day),
    )  # fmt: skip


def _placed(model: CellModel, session: Session) -> torch.device:
    """The device to train on, with the model on it."""
    model.to(session.place)
    return session.place


def _weather(forcing, model: CellModel, session: Session, doors: Doors) -> Forcing:
    return Forcing.read(
        forcing, model.domain, model, device=session.place, cache=session.cache,
        progress=session.progress, doors=doors,
    )  # fmt: skip


def _start(spinup: SpinUp, batches: Batches | None) -> SpinUp:
    """Windows have warm-ups, from empty stores, or states of a run that begins as the spin-up."""
    if batches is None or batches.from_states or not spinup.settled:
        return spinup
    return replace(spinup, start="empty")


def _names(model: CellModel, discharge, split: Split | None) -> list[str]:
    """Names of the gauges that are trained on, of rasters where discharge is given."""
    if discharge is not None or model.domain.lumped:
        return training_gauges(model, split)
    if split is not None:
        raise ValueError(
            "there is no discharge whose gauges could be split: give period=(first, last)"
        )
    return []


def _observed(discharge, times, model, names, session: Session, place) -> Forcing:
    cache, progress = session.cache, session.progress
    return observations(discharge, times, model, names, place, cache, progress)


def _series(targets, model: CellModel, times, place, places, doors: Doors) -> list[TargetSeries]:
    """The targets on the days of the record, of lumped basins at the gauges to train on."""
    series = [doors(TargetSeries.read, one, model, times, place) for one in targets]
    if any(one is REFUSED for one in series):
        return REFUSED
    return [one.only(places) for one in series] if model.domain.lumped else series


def _refuse_empty(model: CellModel, observed, series, days: slice, places, names) -> None:
    """ValueError naming the gauges that have nothing to be trained on."""
    compared = [observed] if observed is not None else []
    if model.domain.lumped:
        compared += [one.series for one in series]
    if compared and names:
        refuse_empty(compared, days, places, names)


def refuse_batches(batches: Batches | None, spinup: SpinUp, model: CellModel) -> None:
    """ValueError where minibatches do not go with the domain or the spin-up."""
    if batches is None:
        return
    if model.domain.lumped and (batches.cells is not None or batches.from_states):
        what = "cells" if batches.cells is not None else f'warmup="{STATES}"'
        raise ValueError(f"Batches({what}) is for rasters: leave it out for lumped basins")
    if spinup.cycles:
        raise ValueError("minibatches have warm-ups of their own: leave the spin-up's cycles out")
    if spinup.near_equilibrium:
        raise ValueError(
            "a start near equilibrium is found in the days of a spin-up, which minibatches do not "
            'have: take SpinUp(start="settled"), in a domain file spinup = { start = "settled" }, '
            "or train without batches"
        )


def _scored(times: pd.DatetimeIndex, period, batches: Batches | None) -> slice:
    """The days of the record that are scored, behind the warm-up of minibatches."""
    days = periods.within(times, period, "the forcing")
    if batches is None:
        return days
    before = batches.before * steps_a_day(times)
    days = slice(max(days.start, before), days.stop)  # the warm-up lies in the record
    if days.start >= days.stop:
        raise ValueError(
            f"a warm-up of {batches.before} days leaves nothing of the period to score: take a "
            "shorter one, or begin the forcing earlier"
        )
    return days


def _listed(targets) -> list:
    return list(targets) if isinstance(targets, list | tuple) else [targets]


def _others(targets) -> list[Target]:
    """Targets of the column's outputs; ValueError for what is no target at all."""
    others = [one for one in _listed(targets) if not isinstance(one, StorageTarget)]
    refuse_other(others)
    return others


def _of_storage(targets) -> StorageTarget | None:
    """The target of water storage."""
    storage = [one for one in _listed(targets) if isinstance(one, StorageTarget)]
    if len(storage) > 1:
        raise ValueError(f"there are {len(storage)} targets of water storage: give one")
    return storage[0] if storage else None


def training_gauges(model: CellModel, split: Split | None) -> list[str]:
    """Names of the gauges to train on, in the domain's order; ValueError for one not there."""
    known = list(model.domain.gauges.index)
    if split is None:
        return known
    chosen = set(split.train_gauges)
    unknown = sorted(chosen - set(known))
    if unknown:
        some = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        raise ValueError(f"no gauge is called {', '.join(unknown)}; there is {some}")
    return [gauge for gauge in known if gauge in chosen]


def places_of(model: CellModel, names: Sequence[str]) -> torch.Tensor:
    """Which of the domain's gauges these are, (g,); of lumped basins the cells as well."""
    known = list(model.domain.gauges.index)
    return torch.tensor([known.index(n) for n in names], device=model.area.device).long()


def seed_of_epoch(seed: int, number: int) -> int:
    """The seed of what the minibatches of an epoch are."""
    return seed * 1_000_003 + number
