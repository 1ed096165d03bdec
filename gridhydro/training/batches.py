"""The data of one step of training: the whole period, or basins x windows of days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gridhydro.base.arguments import required, whole
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.state import Simulation


@dataclass(frozen=True)
class Batches:
    """Minibatches of lumped basins x windows of days, each behind a warm-up of its own.

    basins, days  size of a minibatch; warmup: days before each window that only fill the stores
    An epoch has as many of them as it takes to go over the training data once (on average).
    """

    basins: int = 100
    days: int = 365
    warmup: int = 365

    def __post_init__(self):
        for name, least in (("basins", 1), ("days", 1), ("warmup", 0)):
            object.__setattr__(self, name, whole(name, getattr(self, name), least))

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
    targets   (L, K) with gaps, observations of each target
    number    which of the minibatches of its epoch it is
    gauges    (G,) which gauges of the domain these are
    cells     (B,) of lumped basins: those that the forcing is for; None: all cells of the domain
    first     (B,) or one number: the day of the record on which `before` begins
    """

    before: Tensor
    forcing: Tensor
    observed: Tensor
    gauges: Tensor
    cells: Tensor | None
    first: Tensor | int
    targets: tuple[Tensor, ...] = ()
    number: int = 0

    @property
    def early(self) -> Tensor | None:
        """The days before, if there are any."""
        return self.before if self.before.shape[1] else None

    def simulate(self, model, state=None, objective=None) -> Simulation:
        """The model's run over these days, with what an `Objective` asks for."""
        asked = {} if objective is None else objective.asked
        return model(self.forcing, state, cells=self.cells, before=self.early, **asked)

    def gauged(self, run: Simulation) -> Tensor:
        """Discharge of a run at the observed gauges, (L, G) m3 s-1."""
        discharge = required("discharge", run.discharge)
        return discharge if self.cells is not None else discharge[:, self.gauges]

    def day(self, step: int, cell: int) -> int:
        """The day of the record of a step since the beginning of `before`."""
        return (self.first if isinstance(self.first, int) else int(self.first[cell])) + step


def minibatches(
    options: Batches,
    forcing: Forcing,
    observed: Callable,
    days: slice,
    gauges: Tensor,
    seed: int,
    skip: int = 0,
) -> Iterator[Batch]:
    """The minibatches of one epoch; `seed` decides which.

    observed(starts, length, gauges) gives the observations (L, B) of discharge and of each target;
    days are those that may be scored, gauges (g,) those to draw from, on the device to train on.
    They come in turn, in an order shuffled anew each round; the first `skip` are left out.
    """
    random = torch.Generator().manual_seed(seed)
    first = max(days.start, options.warmup)
    length = min(options.days, days.stop - first)
    size = min(options.basins, len(gauges))
    count = max(1, round(len(gauges) * (days.stop - first) / (size * length)))
    rounds = -(-count * size // len(gauges))
    order = [torch.randperm(len(gauges), generator=random) for _ in range(rounds)]
    chosen = gauges.cpu()[torch.cat(order)]
    for i in range(count):
        cells = chosen[i * size : (i + 1) * size]
        starts = torch.randint(first, days.stop - length + 1, (size,), generator=random)
        if i < skip:
            continue
        begin = starts - options.warmup
        series = observed(starts, length, cells)
        if all(torch.isnan(values).all() for values in series):
            continue
        weather = forcing.window(begin, options.warmup + length, cells, gauges.device)
        before, scored = weather.split([options.warmup, length], dim=1)
        discharge, *targets = (values.to(gauges.device) for values in series)
        cells = cells.to(gauges.device)
        before, scored = before.contiguous(), scored.contiguous()
        yield Batch(before, scored, discharge, cells, cells, begin, tuple(targets), i)
