"""The value that training minimizes: losses of discharge, of water storage on tiles, of targets."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import partial

from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.evaluation.losses import (
    NEEDS,
    OBSERVED,
    NothingObserved,
    name_of,
    nse_loss,
    undefined,
)
from gridhydro.evaluation.losses import loss as loss_named
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.state import Simulation
from gridhydro.observations.discharge import per_area, variance, without_score
from gridhydro.observations.storage import StorageObservations
from gridhydro.training.batches import Batch
from gridhydro.training.data import TrainingData


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
        self.to_depth, self.variance = per_area(data.model), None
        if scored and data.discharge and "variance" in inspect.signature(self.score).parameters:
            self.variance = variance(data.discharge, scored)
        self.storage = _storage(data)
        _say_left_out(data, self.loss)
        _refuse_nothing(self, data)

    def __call__(self, run: Simulation, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The value to minimize, and its parts by name."""
        parts: dict[str, Tensor] = {}
        if "discharge" in self.weights:
            simulated = batch.gauged(run) * self.to_depth[batch.gauges]
            self._add(parts, "discharge", batch, self._scored(batch), simulated, batch.observed)
        if self.storage is not None and "storage" in self.weights:
            parts["storage"] = nse_loss(self.storage.simulated(run), self.storage.observed)
        for target, score, observed in zip(self.targets, self.scores, batch.targets, strict=True):
            columns = batch.cells  # of lumped basins, of which a target has every one
            simulated = run.outputs[target.name]
            simulated = simulated if columns is not None else simulated[:, target.cells]
            score = partial(score, columns=columns)
            simulated = target.of(simulated, columns)
            self._add(parts, target.name, batch, score, simulated, observed)
        if not parts:
            raise NothingObserved("nothing is observed in these days")
        total = sum(self.weights[name] for name in parts)
        first, *others = (self.weights[name] / total * part for name, part in parts.items())
        return sum(others, first), parts

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
        """The outputs that a run of the model needs, as arguments of `Model.forward`."""
        rivers = any(name in self.weights for name in ("discharge", "storage"))
        outputs = tuple(target.name for target in self.targets)
        averages = None if self.storage is None else self.storage.averages
        return dict(outputs=outputs, averages=averages, routed=rivers)

    @property
    def about(self) -> dict:
        """Its settings, for the JSON file of a run."""
        targets, storage = [one.target.about() for one in self.targets], None
        if self.storage is not None:
            storage = self.storage.about | {"weight": self.weights.get("storage", 0.0)}
        return {"storage": storage, "targets": targets, "fitted": list(self.weights)}


class ComparedStorage:
    """Storage on tiles over the solutions within a run: observed (S, K) mm, and simulated.

    observations  of these solutions; times: of the days of the run
    """

    def __init__(self, observations: StorageObservations, times, model):
        self.observations = observations
        self.windows = observations.windows(times)
        self.observed = observations.observed(self.windows).to(model.area)
        self.averages = self.windows.averages.to(model.area.device)

    def simulated(self, run: Simulation) -> Tensor:
        """Anomalies (S, K) mm of a run that has these `averages`, with gradients."""
        storage = required("storage", run.storage)
        return self.observations.anomalies(storage, self.windows)

    @property
    def about(self) -> dict:
        """Its settings, for the JSON file of a run."""
        observations, solutions = self.observations, int(self.windows.covered.sum())
        baseline = list(observations.baseline)
        return {"tiles": observations.tiles.size, "solutions": solutions, "baseline": baseline}


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
    """Storage in the days of the training; ValueError for minibatches and for other tiles."""
    if data.storage is None:
        return None
    if data.batches is not None:
        raise ValueError("storage is compared over the whole period: train on it without batches")
    observations, times = data.storage.observations, data.forcing.times
    observations.tiles.check(data.model.domain)
    scored = observations.within(times[data.days.start], times[data.days.stop - 1])
    return ComparedStorage(scored, times[data.run_days], data.model)


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
