"""The data of one step of training: the whole period, or gauges x windows of days."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gridhydro.base import ranks
from gridhydro.base.arguments import one_of, required, whole
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel
from gridhydro.model.state import Simulation, State
from gridhydro.observations.target_series import TargetSeries
from gridhydro.training import draws
from gridhydro.training.compared_storage import ComparedStorage

STATES = "states"


@dataclass(frozen=True)
class Batches:
    """Minibatches of gauges x windows of days, each behind a warm-up of its own.

    gauges  of a minibatch, at most; of a raster all cells upstream of them are run, over one window
            of days. Minibatches for water storage are of so many tiles, with all that drains
            through them
    days    of a window
    warmup  days before each window that only fill the stores, from empty ones. Or "states", of
            rasters: a run of the whole domain over the record without gradient, from where
            `SpinUp(start=...)` says, gives the state that each window begins with, anew in each
            epoch: that is its cost
    cells   of a raster: at most so many in a minibatch, of which a gauge that would be more begins
            another. ValueError, before anything runs, for a gauge with more than that upstream
    together  minibatches whose mean gradient is one step: memory is that of one, and several
            processes (torchrun) deal them out. None: one for each process
    steps   how many minibatches an epoch has. "once": as many as it takes to go over the training
            data once (on average). "hydrodl": so many random ones that each day of a basin is in
            one of them with a probability of 0.99, which is what hydroDL, the program of Feng et
            al. (2022), calls an epoch: about 4.6 times as many
    """

    gauges: int = 100
    days: int = 365
    warmup: int | str = 365
    cells: int | None = None
    together: int | None = None
    steps: str = "once"

    def __post_init__(self):
        one_of("batches: steps", self.steps, draws.STEPS)
        for name in ("gauges", "days", "warmup", "cells", "together"):
            given, least = getattr(self, name), 0 if name == "warmup" else 1
            if given is not None and (name, given) != ("warmup", STATES):
                object.__setattr__(self, name, whole(name, given, least))

    def shared(self) -> Batches:
        """With `together` said; ValueError where the processes cannot have as many of them each."""
        count, together = ranks.count(), self.together
        if together is not None and together % count:
            raise ValueError(
                f"{together} minibatches together cannot be dealt out to {count} processes: take "
                f"Batches(together={-(-together // count) * count}), or another number of processes"
            )
        return replace(self, together=together or count)

    @property
    def before(self) -> int:
        """Days that are run before each window."""
        return 0 if isinstance(self.warmup, str) else self.warmup

    @property
    def from_states(self) -> bool:
        """Whether windows begin with the states of a run over the record."""
        return self.warmup == STATES

    @classmethod
    def of(cls, given) -> Batches | None:
        """Minibatches as they are given, or None without any; ValueError for anything else."""
        if given is not None and not isinstance(given, cls):
            raise ValueError(f"batches is a gridhydro.Batches(gauges=..., ...), not {given!r}")
        return given


@dataclass(frozen=True, eq=False)
class Batch:
    """The data of one step of training.

    before    (F, W, B) forcing of the days that only fill the stores
    forcing   (F, L, B) forcing of the days that are scored
    observed  (L, G) mm d-1 with gaps
    gauges    (G,) which gauges of the domain these are
    cells     (B,) cells of the domain: those that are run; None: all
    first     (B,) or one number: the day of the record on which `before` begins
    targets   (L, K) with gaps, observations of each target
    number    which of the minibatches of its epoch it is
    part      of a raster's minibatch: the model of its cells, and `at` (G,) which of the gauges
              there they are
    state     that it begins with, if that is known
    shared    of a step that processes share, (B,) which of the domain's cells this one runs, and
              own (n,) which of the gauges lie in them
    of        "discharge" or "storage", which alone it is compared with (beside targets), and how
              often it counts; None: with all
    storage   observed on its tiles
    """

    before: Tensor
    forcing: Tensor
    observed: Tensor
    gauges: Tensor
    cells: Tensor | None
    first: Tensor | int
    targets: tuple[Tensor, ...] = ()
    number: int = 0
    part: CellModel | None = None
    at: Tensor | None = None
    state: State | None = None
    shared: Tensor | None = None
    own: Tensor | None = None
    of: str | None = None
    scale: float = 1.0
    storage: ComparedStorage | None = None

    @property
    def early(self) -> Tensor | None:
        """The days before, if there are any."""
        return self.before if self.before.shape[1] else None

    @property
    def chosen(self) -> Tensor | None:
        """Of lumped basins the cells that the model is told to run."""
        return self.cells if self.part is None else None

    def simulate(self, model, state=None, objective=None) -> Simulation:
        """The model's run over these days, with what an `Objective` asks for."""
        asked = {} if objective is None else objective.asked(self)
        run = self.part or model
        with warnings.catch_warnings():
            if self.part is not None:  # its state was made of days corrected as in the whole
                warnings.filterwarnings("ignore", message=".*looks ahead: the last days before")
            return run(self.forcing, state, cells=self.chosen, before=self.early, **asked)

    def gauged(self, run: Simulation) -> Tensor:
        """Discharge of a run at the observed gauges, (L, G) m3 s-1."""
        discharge = required("discharge", run.discharge)
        if self.own is not None:
            return ranks.columns(discharge[:, self.at], self.own, len(self.gauges))
        if self.at is not None:
            return discharge[:, self.at]
        return discharge if self.cells is not None else discharge[:, self.gauges]

    def compared(self, run: Simulation, target: TargetSeries) -> tuple[Tensor, Tensor | None]:
        """What a run has of a target, (L, K), and which of its cells these are, None for all."""
        values = run.outputs[target.name]
        if self.shared is not None:
            place = draws.places(self.shared, target.cells)
            own = (place >= 0).nonzero().squeeze(1)
            return ranks.columns(values[:, place[own]], own, len(place)), None
        columns, places = self.columns(target)
        return values[:, places], columns

    def columns(self, target: TargetSeries) -> tuple[Tensor | None, Tensor | slice]:
        """Which of a target's cells are compared, None for all, and where they are in the run."""
        if self.cells is None:
            return None, target.cells
        if self.part is None:  # of lumped basins a target has every one
            return self.cells, slice(None)
        place = draws.places(self.cells, target.cells)
        columns = (place >= 0).nonzero().squeeze(1)
        return columns, place[columns]

    def day(self, step: int, cell: int) -> int:
        """The day of the record of a step since the beginning of `before`."""
        return (self.first if isinstance(self.first, int) else int(self.first[cell])) + step


@dataclass(frozen=True)
class Epoch:
    """The minibatches of an epoch, each by its number: None where nothing is observed in it."""

    count: int
    batch: Callable[[int], Batch | None]

    def __iter__(self) -> Iterator[Batch]:
        """Those in which something is observed, in turn."""
        found = map(self.batch, range(self.count))
        return (batch for batch in found if batch is not None)

    def turns(self, together: int, skip: int = 0) -> Iterator[tuple[int, Batch | None]]:
        """What this process runs, without the first minibatches, with the number of the step it is
        of: of `together` minibatches in a row those that are its own, None where it has none."""
        for step, begin in enumerate(range(skip, self.count, together)):
            end = min(begin + together, self.count)
            own = range(begin + ranks.number(), end, ranks.count())
            yield from ((step, self.batch(number)) for number in own)
            if not own:
                yield step, None


def minibatches(
    options: Batches, forcing: Forcing, observed: Callable, days: slice, gauges: Tensor, seed: int
) -> Epoch:
    """The minibatches of one epoch of lumped basins; `seed` decides which.

    observed(starts, length, gauges) gives the observations (L, B) of discharge and of each target;
    days are those that may be scored, gauges (g,) those to draw from, on the device to train on.
    They come in an order shuffled anew each round.
    """
    steps = forcing.steps_a_day
    warmup = options.before * steps
    length, drawn = draws.of_basins(options, draws.whole_days(days, steps), gauges.cpu(), seed)
    length = length * steps

    def batch(number: int) -> Batch | None:
        cells, starts = drawn[number]
        starts = starts * steps
        begin = starts - warmup
        series = observed(starts, length, cells)
        if all(torch.isnan(values).all() for values in series):
            return None
        weather = forcing.window(begin, warmup + length, cells, gauges.device)
        before, scored = weather.split([warmup, length], dim=1)
        discharge, *targets = (values.to(gauges.device) for values in series)
        cells = cells.to(gauges.device)
        before, scored = before.contiguous(), scored.contiguous()
        return Batch(before, scored, discharge, cells, cells, begin, tuple(targets), number)

    return Epoch(len(drawn), batch)
