"""The value that training minimizes: losses of discharge, of water storage on tiles, of targets."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from torch import Tensor

from gridhydro.base.steps import day_means
from gridhydro.evaluation.losses import (
    NEEDS,
    OBSERVED,
    NothingObserved,
    name_of,
    undefined,
)
from gridhydro.evaluation.losses import loss as loss_named
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.state import Simulation
from gridhydro.observations.discharge import per_area, variance, without_score
from gridhydro.training.batches import Batch
from gridhydro.training.compared_storage import ComparedStorage
from gridhydro.training.data import TrainingData

POOLED = ("discharge", "storage")  # the parts that minibatches of a raster are drawn for


class Objective:
    """The mean, by their weights, of the losses of discharge, storage and targets.

    loss of discharge: a name, or a function of simulated and observed (L, G) in mm d-1, which is
    told the variance of each gauge in minibatches. That of storage is 1 - NSE meaned over tiles.
    """

    def __init__(self, data: TrainingData, loss: str | Callable):
        self.score, self.loss, self.targets = loss_named(loss), name_of(loss), data.targets
        self.weights = _weights(data)
        scored = data.days if data.batches is not None else None
        self.scores = [target.score(scored) for target in self.targets]
        self.steps, self.data_by_step = data.steps_a_day, data.by_step
        self.to_depth, self.variance = per_area(data.model), None
        if scored and data.discharge and "variance" in inspect.signature(self.score).parameters:
            self.variance = variance(data.discharge, scored)
        self.storage = _storage(data)
        _say_left_out(data, self.loss)
        _refuse_nothing(self, data)

    def __call__(self, run: Simulation, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The value to minimize, and its parts by name."""
        parts = self.parts(run, batch)
        return total(parts, self.shares(parts, batch)), parts

    def parts(self, run: Simulation, batch: Batch) -> dict[str, Tensor]:
        """The losses by name; NothingObserved where there are none."""
        parts: dict[str, Tensor] = {}
        if self._compared("discharge", batch):
            simulated = batch.gauged(run) * self.to_depth[batch.gauges]
            both = self._by_day(simulated, batch.observed, self.data_by_step)
            self._add(parts, "discharge", batch, self._scored(batch), *both)
        storage = self._storage_of(batch)
        if storage is not None:
            parts["storage"] = storage.loss(run, batch.shared)
        for target, score, observed in zip(self.targets, self.scores, batch.targets, strict=True):
            simulated, columns = batch.compared(run, target)
            simulated = target.of(simulated, columns)
            score = partial(score, columns=columns)
            both = self._by_day(simulated, observed)
            self._add(parts, target.name, batch, score, *both)
        if not parts:
            raise NothingObserved("nothing is observed in these days")
        return parts

    def _by_day(
        self, simulated: Tensor, observed: Tensor, by_step: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Means of the days of a record of parts of days, and what is observed of the days, which
        stands at all of their parts; as they are where it is observed `by_step`."""
        if self.steps == 1 or by_step:
            return simulated, observed
        return day_means(simulated, self.steps), observed[:: self.steps]

    def shares(self, parts: Mapping[str, Tensor], batch: Batch) -> dict[str, float]:
        """What each of the parts of a batch counts, by their weights."""
        # what other minibatches are compared with has its weight there
        total = sum(
            w for name, w in self.weights.items() if name in parts or self._apart(name, batch)
        )
        scales = {batch.of: batch.scale}
        return {name: self.weights[name] * scales.get(name, 1.0) / total for name in parts}

    def _apart(self, name: str, batch: Batch) -> bool:
        """Whether this is a part of the loss that other minibatches are drawn for."""
        return batch.of is not None and name in POOLED and name != batch.of

    def _compared(self, name: str, batch: Batch) -> bool:
        return name in self.weights and not self._apart(name, batch)

    def _storage_of(self, batch: Batch) -> ComparedStorage | None:
        """The storage that a batch is compared with, if any."""
        if self.storage is None or not self._compared("storage", batch):
            return None
        return batch.storage or self.storage

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

    def asked(self, batch: Batch) -> dict:
        """The outputs that a run over a batch needs, as arguments of `Model.forward`."""
        rivers = any(name in self.weights for name in POOLED)
        outputs = tuple(target.name for target in self.targets)
        storage = self._storage_of(batch)
        averages = None if storage is None else storage.averages
        return dict(outputs=outputs, averages=averages, routed=rivers)

    @property
    def about(self) -> dict:
        """Its settings, for the JSON file of a run."""
        targets, storage = [one.target.about() for one in self.targets], None
        if self.storage is not None:
            storage = self.storage.about | {"weight": self.weights.get("storage", 0.0)}
        return {"storage": storage, "targets": targets, "fitted": list(self.weights)}


def total(parts: Mapping[str, Tensor], shares: Mapping[str, float]) -> Tensor:
    """The sum of the parts, each by what it counts."""
    first, *others = (shares[name] * part for name, part in parts.items())
    return sum(others, first)


def _say_left_out(data: TrainingData, loss: str) -> None:
    """Warn of observed gauges and cells from which nothing is learned, as the loss is undefined."""
    why = "their observations do not vary, or have a mean of nearly zero"
    if data.discharge is not None and data.places.numel():
        without = without_score(loss, data.discharge, data.days).cpu()[data.places.cpu()].tolist()
        names = [name for name, out in zip(data.gauges, without, strict=True) if out]
        if names:
            some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            warnings.warn(
                f"{len(names)} of {len(without)} gauges are left out of the loss '{loss}' "
                f"({some}): {why} in the period",
                stacklevel=4,
            )
    for target in data.targets:
        function = name_of(target.target.loss)
        count = int(without_score(function, target.series, data.days).sum())
        if count:
            warnings.warn(
                f"{count} of {len(target.cells)} cells of '{target.name}' are left out of its loss "
                f"'{function}': {why} in the period",
                stacklevel=4,
            )


def _refuse_nothing(objective: Objective, data: TrainingData) -> None:
    """ValueError for a part of the loss that has nothing to be learned from in the period; of
    minibatches where no part has anything."""
    there: dict[str, tuple[str, bool]] = {}
    if data.discharge is not None and "discharge" in objective.weights:
        places = data.places.to(data.discharge.values.device)
        found = _learnable(objective.loss, data.discharge, data.days, places)
        there["discharge"] = objective.loss, found
    for target in data.targets:
        function = name_of(target.target.loss)
        there[target.name] = function, _learnable(function, target.series, data.days)
    if objective.storage is not None and "storage" in objective.weights:
        observed = objective.storage.observed
        some = ~observed.isnan().all(0) & ~undefined("nse", observed)
        there["storage"] = "nse", bool(some.any())
    lacking = [name for name, (_, found) in there.items() if not found]
    cell = "gauge" if data.model.domain.lumped else "cell"
    sites = dict.fromkeys(there, cell) | {"discharge": "gauge", "storage": "tile"}
    if lacking and (data.batches is None or len(lacking) == len(there)):
        name, (loss, _) = lacking[0], there[lacking[0]]
        first, last = (data.forcing.times[day] for day in (data.days.start, data.days.stop - 1))
        raise NothingObserved(
            f"{name.replace('_', ' ')}: nothing to train on: no {sites[name]} has "
            f"{NEEDS.get(loss, OBSERVED)} from {first:%Y-%m-%d} to {last:%Y-%m-%d}; check the "
            "period and the names of the observations"
        )


def _learnable(loss: str, observed: Forcing, days: slice, places: Tensor | None = None) -> bool:
    """Whether the loss of this name has something in these days, at these places or anywhere."""
    values = observed.values[0, days]
    for part in range(values.shape[1]) if places is None else places.tolist():
        one = values[:, part : part + 1].contiguous()
        if bool((~one.isnan()).any()) and not bool(undefined(loss, one).any()):
            return True
    return False


def _storage(data: TrainingData) -> ComparedStorage | None:
    """Storage in the days of the training; ValueError for other tiles, and for minibatches of
    lumped basins."""
    if data.storage is None:
        return None
    if data.batches is not None and data.model.domain.lumped:
        raise ValueError(
            "storage of lumped basins is compared over the whole period: train on it without "
            "batches"
        )
    observations, times = data.storage.observations, data.forcing.times
    observations.tiles.check(data.model.domain)
    first, last = times[data.days.start], times[data.days.stop - 1]
    if data.batches is not None:  # anomalies of a window are its own, and a baseline means nothing
        observations = replace(observations, baseline=(f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"))
    return ComparedStorage(observations.within(first, last), times[data.run_days], data.model)


def _weights(data: TrainingData) -> dict[str, float]:
    """The parts of the loss that count, with their weights; ValueError where there is none."""
    of_storage = data.storage.weight if data.storage is not None else 0.0
    of_discharge = 1 - of_storage if data.discharge is not None else 0.0
    weights = {"discharge": of_discharge, "storage": of_storage}
    for target in data.targets:
        if target.name in weights:
            raise ValueError(f"there are two targets called '{target.name}': merge them")
        weights[target.name] = target.target.weight
    weights = {name: value for name, value in weights.items() if value > 0}
    if not weights:
        raise ValueError(
            "there is nothing to train on: give discharge, targets, or a StorageTarget with a "
            "weight above 0"
        )
    return weights
