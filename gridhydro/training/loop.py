"""The epochs of a training: batches, the steps over them, and the scores of a validation period."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NoReturn

import torch

from gridhydro.base import ranks
from gridhydro.base.ahead import Ahead
from gridhydro.base.arguments import required
from gridhydro.base.exchange import as_one
from gridhydro.base.interrupt import Interrupt
from gridhydro.domain.shares import share_of
from gridhydro.evaluation.losses import NothingObserved
from gridhydro.model.march import YEAR
from gridhydro.training import divergence, draws, memory
from gridhydro.training.balance import Balancing
from gridhydro.training.batches import Batch
from gridhydro.training.callbacks import numbers_of
from gridhydro.training.data import TrainingData, seed_of_epoch
from gridhydro.training.memory import Demand
from gridhydro.training.objective import Objective, total
from gridhydro.training.options import Optimizer, Session
from gridhydro.training.record import Record, means
from gridhydro.training.river_batches import RiverBatches
from gridhydro.training.shares import whole_step
from gridhydro.training.validation import Scores


@dataclass
class Loop:
    """Training epoch by epoch, by the gradient of the objective.

    weights  the torch optimizer of the model's weights, as `options` say
    folder   where a case that diverges is kept
    """

    data: TrainingData
    objective: Objective
    options: Optimizer
    weights: torch.optim.Optimizer
    session: Session
    folder: Path

    def __post_init__(self):
        data, batches = self.data, self.data.batches
        self.rivers = None
        if batches is not None and not data.model.domain.lumped:
            self.rivers = RiverBatches(data, self.objective)
        chosen = self.session.selection
        self.scores = None if chosen is None else Scores(data, chosen)
        self.balance = Balancing(
            self.options.shares, self.objective.weights, data.model.area.device
        )
        if self.balance.by == "guarded" and self.rivers is not None:
            raise ValueError(
                'balance "guarded" compares the gradients of one step, but minibatches of a raster '
                "are of discharge or of storage: take another balance, or train without batches"
            )
        for learned in self.balance.learned:
            self.weights.add_param_group({"params": [learned]})
        with as_one():  # another process may have less memory
            for demand in self._demands():
                demand.refuse(data.model.area.device, self.session.memory)
        self.share = None if batches is not None else whole_step(data)
        # what this process runs: all, or some rivers of a step that processes share
        self.local = data if self.share is None else self.share.data

    def run(self, record: Record, epochs: int) -> None:
        """Train up to the last epoch, or to that at which the validation ends it, each noted in the
        record; the model has the weights that are kept then."""
        self._training(True)
        if not record.resumed:
            torch.manual_seed(self.session.seed)
        ranks.alike(list(self.data.model.state_dict().values()))
        with Interrupt() as interrupt:
            record.begin()
            for epoch in record.bar:
                if record.ended:
                    break
                for group in self.weights.param_groups:
                    group["lr"] = self.options.rate(epoch, epochs)
                found, steps, seconds = self._epoch(epoch, record, interrupt)
                found |= self._validated(epoch, epochs, record.about)
                with as_one():
                    if ranks.first():
                        with ranks.alone():
                            self._watched(epoch, found, seconds)
                record.note(found, seconds, steps, interrupt)
        record.choose()
        self._training(False)

    def _training(self, on: bool) -> None:
        """Whether the model trains; and the part of it that this process runs."""
        self.data.model.train(on)
        self.local.model.train(on)

    def _demands(self) -> Iterator[Demand]:
        """What needs memory: the largest step that there may be, and what is run beside it."""
        data, batches, model = self.data, self.data.batches, self.data.model
        days = data.run_days.stop - data.run_days.start
        if batches is None:
            cells = share_of(model.domain.network).size
            before = 0 if data.spinup.near_equilibrium else data.spinup_steps
        else:
            lumped = min(len(data.places), batches.gauges)
            cells = lumped if self.rivers is None else self.rivers.most
            steps = data.steps_a_day
            before, days = batches.before * steps, min(batches.days * steps, days)
        outputs = 1 + len(data.targets)
        yield memory.of_step(model, cells, before, days, outputs, batches is not None)
        if data.spinup_run:
            yield memory.of_spinup(model, cells, data.spinup_run, before + days)
        if self.scores is not None:
            yield memory.of_validation(model, min(self.scores.days.stop, YEAR), before + days)

    def _turns(self, epoch: int, record: Record) -> Iterator[tuple[int, Batch | None]]:
        """What this process runs in an epoch, with the number of the step it is of."""
        if self.share is not None:
            yield 0, self.share.batch
            return
        batches, skip = required("minibatches", self.data.batches), record.within()["batches"]
        if self.rivers is not None:
            begun = record.begun() if batches.from_states else None
            drawn = self.rivers.epoch(seed_of_epoch(self.session.seed, epoch), begun)
        else:
            drawn = self.data.epoch(epoch, self.session.seed)
        yield from drawn.turns(required("together", batches.together), skip)

    def _epoch(
        self, epoch: int, record: Record, interrupt: Interrupt
    ) -> tuple[dict[str, float], int, float]:
        """The means of the loss and of its parts, how many days of cells were run, and how long it
        took; of an epoch that was cut off the rest is run."""
        within, began = record.within(), time.perf_counter()
        before, waited = within["seconds"], within.get("waited", 0.0)
        batches, place = self.data.batches, self.session.place
        with Ahead(self._turns(epoch, record), place, threaded=batches is not None) as turns:
            # the minibatches of a step come one by one: memory is that of two
            for _, own in groupby(turns, itemgetter(0)):
                found, days = self.step((batch for _, batch in own), epoch)
                within["found"] += found
                within["steps"] += days * self.data.model.components
                within["seconds"] = before + time.perf_counter() - began
                within["waited"] = waited + turns.waited
                if batches is not None:
                    within["batches"] += batches.together
                    record.pause(within, interrupt)
        if not within["found"]:
            raise ValueError(f"no minibatch of epoch {epoch + 1} has observations to learn from")
        numbers = means(within["found"], tuple(self.objective.weights)) | self.balance.shown
        if batches is not None:
            numbers["waiting"] = within["waited"] / within["seconds"]
        return numbers, within["steps"] * ranks.count(), within["seconds"]

    def step(self, own: Iterable[Batch | None], epoch: int) -> tuple[list[dict[str, float]], int]:
        """Follow the mean gradient of some minibatches, of which this process has its own, or that
        of a whole step that it has a share of.

        Of each its loss, and the parts of it by name, none of a window in which nothing varies; and
        how many days of cells this process ran. NotFinite where the numbers are no longer.
        """
        weights = self._learning
        self.weights.zero_grad()
        found, days, bad, batch = [], 0, None, None
        for batch in own:
            if batch is None:
                continue
            values, finite = self._gradient(batch, epoch)
            days += _cell_days(batch)
            found += [] if values is None else [values]
            bad = bad if finite else batch
        count = 1
        if self.share is None:
            found = [one for told in ranks.told(found) for one in told]
            count = len(found)
        if not count:
            return [], days
        self.balance.gather(weights, count, self.share is not None)
        norm = torch.nn.utils.clip_grad_norm_(weights, self.options.clip)
        finite = all(math.isfinite(one["loss"]) for one in found)
        if not (finite and torch.isfinite(norm)):  # the same in all processes
            # one process keeps its case: one with a bad number, if there is any
            kinds = ranks.told((bad is None, batch is None))
            mine = kinds.index(min(kinds)) == ranks.number()
            self._diverged((bad or batch) if mine else None, epoch)
        self.balance.step(self.weights, found, epoch)
        return found, days

    def _gradient(self, batch: Batch, epoch: int) -> tuple[dict[str, float] | None, bool]:
        """Add the gradient of a batch to that of the weights; its loss and the parts of it by name,
        None where nothing varies, and whether they are finite."""
        data = self.local
        parts: dict[str, torch.Tensor] = {}
        # dropout is that of the minibatch, whichever process runs it and whenever it began
        part = 0 if self.share is None else ranks.number()
        torch.manual_seed(draws.seed_of_step(self.session.seed, epoch, batch.number, part))
        try:
            run = batch.simulate(data.model, data.state(batch), self.objective)
            parts = self.objective.parts(run, batch)
            shares = self.objective.shares(parts, batch)
            self.balance.add(parts, shares, self._learning)
            value = total(parts, shares)
        except NothingObserved:
            if batch.cells is None:
                raise
            return None, True
        except ValueError:
            # the routing refuses NaN; anything else is for the caller
            if divergence.first(data.model, batch, self._times) is None:
                raise
            if self.share is not None:  # other processes may wait for what is not to come
                self._diverged(batch, epoch)
            value = torch.tensor(torch.nan)
        values = {"loss": value.item()} | {name: part.item() for name, part in parts.items()}
        return values, bool(torch.isfinite(value))

    @property
    def _learning(self) -> list[torch.nn.Parameter]:
        """The weights of the model that are learned."""
        return [w for w in self.data.model.parameters() if w.requires_grad]

    @property
    def _times(self):
        return self.data.forcing.times

    def _diverged(self, batch: Batch | None, epoch: int) -> NoReturn:
        """Raise NotFinite, with the case where this process has one."""
        data = self.local
        if batch is None:
            raise divergence.NotFinite(f"epoch {epoch + 1}: the gradient is not finite")
        raise divergence.NotFinite(
            divergence.report(data.model, batch, self._times, epoch, self.folder)
        )

    def _validated(self, epoch: int, epochs: int, about: dict) -> dict[str, float]:
        """Scores of the validation period where they are due, the same in all processes."""
        chosen, scores = self.session.selection, {}
        if chosen is None or self.scores is None or not chosen.due(epoch, epochs):
            return {}
        with as_one():
            if ranks.first():
                with ranks.alone():
                    scores = self.scores(about)
        return {f"validation_{name}_nse": one for name, one in ranks.told(scores)[0].items()}

    @torch.no_grad()
    def _watched(self, epoch: int, found: dict[str, float], seconds: float) -> None:
        """Call what is to be called after an epoch, and add the numbers that it returns."""
        model = self.data.model.eval()
        for callback in self.session.callbacks:
            said = callback(epoch + 1, model, {**found, "seconds": seconds})
            found |= numbers_of(said, ("epoch", "seconds", *found))
        model.train()


def _cell_days(batch: Batch) -> int:
    """Days of cells that a batch runs."""
    return (batch.before.shape[1] + batch.forcing.shape[1]) * batch.forcing.shape[2]
