"""The epochs of a training: batches, the steps over them, and the scores of a validation period."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from gridhydro.base.ahead import Ahead
from gridhydro.base.interrupt import Interrupt
from gridhydro.evaluation.losses import NothingObserved
from gridhydro.training import divergence
from gridhydro.training.batches import Batch
from gridhydro.training.data import TrainingData
from gridhydro.training.objective import Objective
from gridhydro.training.options import Optimizer, Session
from gridhydro.training.record import Record, means
from gridhydro.training.validation import Validation


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
        period = self.session.validation
        self.whole = None if self.data.batches is not None else self.data.whole()
        self.validation = None if period is None else Validation(self.data, period)

    def run(self, record: Record, epochs: int) -> None:
        """Train up to the last epoch, each noted in the record."""
        model = self.data.model.train()
        if not record.resumed:
            torch.manual_seed(self.session.seed)
        with Interrupt() as interrupt:
            record.begin()
            for epoch in record.bar:
                self.weights.param_groups[0]["lr"] = self.options.rate(epoch, epochs)
                found, steps, seconds = self._epoch(epoch, record, interrupt)
                if (epoch + 1) % max(1, epochs // 10) == 0:
                    found |= self._validated()
                found |= self._watched(epoch)
                record.note(found, seconds, steps, interrupt)
        model.eval()

    def _batches(self, epoch: int, skip: int) -> Iterable[Batch]:
        if self.whole is not None:
            return [self.whole]
        return self.data.epoch(epoch, self.session.seed, skip)

    def _epoch(
        self, epoch: int, record: Record, interrupt: Interrupt
    ) -> tuple[dict[str, float], int, float]:
        """The means of the loss and of its parts, how many days of cells were run, and how long it
        took; of an epoch that was cut off the rest is run."""
        within, began = record.within(), time.perf_counter()
        before, waited = within["seconds"], within.get("waited", 0.0)
        items, place = self._batches(epoch, within["batches"]), self.session.place
        with Ahead(items, place, threaded=self.whole is None) as batches:
            for batch in batches:
                values = self.step(batch, epoch)
                if values is not None:
                    within["found"].append(values)
                    lanes = batch.forcing.shape[2] * self.data.model.components
                    within["steps"] += (batch.before.shape[1] + batch.forcing.shape[1]) * lanes
                within["seconds"] = before + time.perf_counter() - began
                within["waited"] = waited + batches.waited
                if self.whole is None:
                    within["batches"] = batch.number + 1
                    record.pause(within, interrupt)
        if not within["found"]:
            raise ValueError(f"no minibatch of epoch {epoch + 1} has observations to learn from")
        numbers = means(within["found"], tuple(self.objective.weights))
        if self.whole is None:
            numbers["waiting"] = within["waited"] / within["seconds"]
        return numbers, within["steps"], within["seconds"]

    def step(self, batch: Batch, epoch: int) -> dict[str, float] | None:
        """Follow the gradient of one batch; its loss and the parts of it by name.

        None for a window in which nothing varies; NotFinite where the numbers are no longer.
        """
        model = self.data.model
        parts: dict[str, torch.Tensor] = {}
        self.weights.zero_grad()
        try:
            run = batch.simulate(model, self.data.state(batch), self.objective)
            value, parts = self.objective(run, batch)
            value.backward()
        except NothingObserved:
            if batch.cells is None:
                raise
            return None
        except ValueError:
            # the routing refuses NaN; anything else is for the caller
            if divergence.first(model, batch, self.data.forcing.times) is None:
                raise
            value = torch.tensor(torch.nan)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), self.options.clip)
        if not (torch.isfinite(value) and torch.isfinite(norm)):
            raise divergence.NotFinite(
                divergence.report(model, batch, self.data.forcing.times, epoch, self.folder)
            )
        self.weights.step()
        return {"loss": value.item()} | {name: part.item() for name, part in parts.items()}

    @torch.no_grad()
    def _validated(self) -> dict[str, float]:
        """Scores of the validation period, if there is one."""
        if self.validation is None:
            return {}
        state = None if self.whole is None else self.data.state(self.whole)
        scores = self.validation(state)
        return {f"validation_{name}_nse": score for name, score in scores.items()}

    @torch.no_grad()
    def _watched(self, epoch: int) -> dict[str, float]:
        """The numbers that the caller's own function returns after an epoch."""
        if self.session.each is None:
            return {}
        model = self.data.model
        found = self.session.each(epoch + 1, model.eval())
        model.train()
        return dict(found or {})
