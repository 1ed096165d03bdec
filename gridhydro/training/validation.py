"""Scores of a later period, which training does not use, while it goes on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.evaluation import metrics
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.march import March, years
from gridhydro.observations.discharge import per_area, refuse_empty
from gridhydro.training.compared_storage import ComparedStorage
from gridhydro.training.data import TrainingData


class Validation:
    """Scores of another period while training: medians of the NSE of gauges, and of tiles."""

    def __init__(self, data: TrainingData, period: tuple[str, str]):
        self.data, places = data, data.places
        scored = data.forcing.between(*period)
        observed = _observed(data, scored)
        begin = max(data.days.start - data.spinup.days, 0)
        self.days, self.start = slice(begin, scored.stop), scored.start - begin
        self.to_depth = per_area(data.model)
        self.observed = observed.values[0, scored][:, places.to(observed.values.device)]
        self.storage = _storage(data, scored)

    @torch.no_grad()
    def __call__(self, state=None) -> dict[str, float]:
        """Name -> median NSE of the model as it is, started from a state."""
        model, places = self.data.model, self.data.places
        was = model.training
        model.eval()
        flow, storage = self._flow(state) if self.storage is None else self._with_storage(state)
        model.train(was)
        simulated = flow[:, places] * self.to_depth[places]
        return {"discharge": _median_nse(simulated, self.observed.to(simulated))} | storage

    def _flow(self, state) -> tuple[Tensor, dict[str, float]]:
        """Discharge (T, G) m3 s-1, a year of the record at a time."""
        first, forcing, found = self.days.start, self.data.forcing, []

        def read(part: slice) -> Tensor:
            return forcing.block(slice(first + part.start, first + part.stop))

        march = March(self.data.model, read, self.days.stop - first)
        state = march.passed(slice(0, self.start), state)
        for part in years(slice(self.start, march.length)):
            _, run = march.go(part, state)
            state = run.state
            found.append(required("discharge", run.discharge))
        return torch.cat(found), {}

    def _with_storage(self, state) -> tuple[Tensor, dict[str, float]]:
        """Discharge, and the score of storage, whose means are over all days at once."""
        compared = required("storage", self.storage)
        values = self.data.forcing.values[:, self.days].to(self.to_depth.device)
        before, scored = (part.contiguous() for part in values.tensor_split([self.start], dim=1))
        run = self.data.model(scored, state, before=before, averages=compared.averages)
        score = _median_nse(compared.simulated(run), compared.observed)
        return required("discharge", run.discharge), {"storage": score}


def _storage(data: TrainingData, scored: slice) -> ComparedStorage | None:
    """Storage over the solutions within these days; None where there are none."""
    if data.storage is None:
        return None
    times = data.forcing.times[scored]
    # anomalies of the validation refer to its own mean: the baseline may lie outside
    first, last = (f"{day:%Y-%m-%d}" for day in (times[0], times[-1]))
    within = replace(data.storage.observations, baseline=(first, last)).within(first, last)
    return ComparedStorage(within, times, data.model) if len(within.start) else None


def _observed(data: TrainingData, scored: slice) -> Forcing:
    """The observed discharge; ValueError for days that cannot be scored while training."""
    times, days = data.forcing.times, data.days
    if data.discharge is None:
        raise ValueError("validation while training is of discharge, of which there is none")
    if scored.start < days.stop:
        raise ValueError(
            f"the validation begins on {times[scored.start]:%Y-%m-%d}, before the training ends "
            f"on {times[days.stop - 1]:%Y-%m-%d}: take a later one"
        )
    if data.model.domain.lumped and data.model.network.reads_weather:
        raise ValueError("validation while training is not for networks that read the weather")
    refuse_empty([data.discharge], scored, data.places, data.gauges)
    return data.discharge


def _median_nse(simulated: Tensor, observed: Tensor) -> float:
    columns = zip(simulated.cpu().numpy().T, observed.cpu().numpy().T, strict=True)
    scores = np.array([metrics.nse(s, o) for s, o in columns])
    return float(np.median(scores[~np.isnan(scores)])) if not np.isnan(scores).all() else np.nan
