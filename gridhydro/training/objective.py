"""What training makes small: the misfit of discharge, of water storage on tiles, of targets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from gridhydro.base.arguments import fraction
from gridhydro.evaluation import metrics
from gridhydro.evaluation.losses import NothingObserved, nse_loss
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.state import Simulation
from gridhydro.observations.discharge import per_area, variance
from gridhydro.observations.storage import StorageObservations
from gridhydro.observations.target_series import TargetSeries
from gridhydro.training.batches import Batch


class Objective:
    """The mean, by their weights, of the misfits of discharge, storage and targets.

    score     loss of discharge (L, G) in mm d-1; told the variance of each gauge in minibatches
    observed  discharge (1, T, G) mm d-1, or None
    times     (T,) of the record; run: the days of a step; days: those that are scored
    storage   observations of storage, whose misfit is 1 - NSE meaned over tiles, or None
    weight    of storage; discharge has the rest of 1
    targets   those of other outputs of the column
    """

    def __init__(
        self, model, score: Callable, observed: Forcing | None, times, run: slice, days: slice,
        batches, storage: StorageObservations | None = None, weight: float = 0.5,
        targets: Sequence[TargetSeries] = (),
    ):  # fmt: skip
        self.score, self.storage, self.targets = score, storage, targets
        weight = fraction("storage_weight", weight) if storage is not None else 0.0
        weights = {"discharge": 1 - weight if observed is not None else 0.0, "storage": weight}
        for target in targets:
            if target.name in weights:
                raise ValueError(f"there are two targets called '{target.name}': merge them")
            weights[target.name] = target.target.weight
        self.weights = {name: value for name, value in weights.items() if value > 0}
        if not self.weights:
            raise ValueError(
                "there is nothing to train on: give discharge, targets, or storage with a "
                "storage_weight above 0"
            )
        scored = days if batches is not None else None
        self.scores = [target.score(scored) for target in targets]
        self.to_depth, self.variance = per_area(model), None
        if scored and observed and "variance" in inspect.signature(score).parameters:
            self.variance = variance(observed, days)
        self.windows = self.seen = self.averages = None
        if storage is not None:
            if batches is not None:
                raise ValueError(
                    "storage is compared over the whole period: train on it without batches"
                )
            storage.tiles.check(model.domain)
            self.storage = storage.within(times[days.start], times[days.stop - 1])
            self.windows = self.storage.windows(times[run])
            self.seen = self.storage.observed(self.windows).to(self.to_depth)
            self.averages = self.windows.averages.to(self.to_depth.device)

    def __call__(self, run: Simulation, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The value to make small, and its parts by name."""
        parts = {}
        if "discharge" in self.weights:
            simulated = batch.gauged(run) * self.to_depth[batch.gauges]
            self._add(parts, "discharge", batch, self._scored(batch), simulated, batch.observed)
        if "storage" in self.weights:
            anomalies = self.storage.anomalies(run.storage, self.windows)
            parts["storage"] = nse_loss(anomalies, self.seen)
        for target, score, observed in zip(self.targets, self.scores, batch.seen, strict=True):
            columns = batch.cells  # of lumped basins, of which a target has every one
            simulated = run.outputs[target.name]
            simulated = simulated if columns is not None else simulated[:, target.cells]
            score = partial(score, columns=columns)
            simulated = target.of(simulated, columns)
            self._add(parts, target.name, batch, score, simulated, observed)
        if not parts:
            raise NothingObserved("nothing is observed in these days")
        total = sum(self.weights[name] for name in parts)
        return sum(self.weights[name] / total * part for name, part in parts.items()), parts

    def _add(self, parts, name, batch, score, simulated, observed) -> None:
        """One part of the loss; a minibatch in which there is nothing of it goes without."""
        try:
            parts[name] = score(simulated, observed)
        except NothingObserved as error:
            if batch.cells is None:
                raise NothingObserved(f"{name.replace('_', ' ')}: {error}") from None

    def _scored(self, batch: Batch) -> Callable:
        if self.variance is None:
            return self.score
        of_gauge = self.variance
        return partial(self.score, variance=of_gauge[batch.gauges.to(of_gauge.device)])

    @property
    def asked(self) -> dict:
        """What a run of the model has to give, as arguments of `Model.forward`."""
        rivers = any(name in self.weights for name in ("discharge", "storage"))
        outputs = tuple(target.name for target in self.targets)
        return dict(outputs=outputs, averages=self.averages, routed=rivers)

    @property
    def about(self) -> dict:
        """What there is to keep of it with a run."""
        targets = {
            "targets": [one.target.about() for one in self.targets],
            "fitted": list(self.weights),
        }
        if self.storage is None:
            return {"storage": None, **targets}
        solutions, tiles = int(self.windows.covered.sum()), self.storage.tiles.size
        return {
            "storage": {
                "weight": self.weights.get("storage", 0.0), "tiles": tiles, "solutions": solutions,
                "baseline": list(self.storage.baseline),
            },
            **targets,
        }  # fmt: skip


class Validation:
    """Scores of another period while training: medians of the NSE of gauges, and of tiles.

    days     the days that are run, from the beginning of the spin-up on
    scored   those of them that count
    """

    def __init__(self, model, observed: Forcing, days: slice, scored: slice, places, storage=None):
        self.days, self.start = days, scored.start - days.start
        self.places, self.to_depth = places, per_area(model)
        self.observed = observed.values[0, scored][:, places.to(observed.values.device)]
        self.storage = self.averages = None
        if storage is not None:
            times = observed.times[scored]
            # anomalies of the validation refer to its own mean: the baseline may lie outside
            baseline = tuple(f"{day:%Y-%m-%d}" for day in (times[0], times[-1]))
            self.storage = replace(storage, baseline=baseline).within(*baseline)
            if len(self.storage.start):
                self.windows = self.storage.windows(times)
                self.seen = self.storage.observed(self.windows).to(self.to_depth)
                self.averages = self.windows.averages.to(self.to_depth.device)

    @torch.no_grad()
    def __call__(self, model, forcing: Forcing, state=None) -> dict[str, float]:
        """Name -> median NSE."""
        values = forcing.values[:, self.days].to(self.to_depth.device)
        before, scored = (part.contiguous() for part in values.tensor_split([self.start], dim=1))
        was = model.training
        model.eval()
        run = model(scored, state, before=before, averages=self.averages)
        model.train(was)
        simulated = run.discharge[:, self.places] * self.to_depth[self.places]
        found = {"discharge": _median_nse(simulated, self.observed.to(simulated))}
        if self.averages is not None:
            anomalies = self.storage.anomalies(run.storage, self.windows)
            found["storage"] = _median_nse(anomalies, self.seen)
        return found


def _median_nse(simulated: Tensor, observed: Tensor) -> float:
    columns = zip(simulated.cpu().numpy().T, observed.cpu().numpy().T, strict=True)
    return float(np.nanmedian([metrics.nse(s, o) for s, o in columns]))
