"""Scores of a period that training does not use, while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.base.steps import day_means
from gridhydro.evaluation import metrics
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.kept_simulation import simulate_record
from gridhydro.model.run import Run
from gridhydro.observations.discharge import per_area, refuse_empty
from gridhydro.training.compared_storage import ComparedStorage
from gridhydro.training.data import TrainingData
from gridhydro.training.selection import Validation


class Scores:
    """Medians of the NSE of gauges, and of tiles, over another period than that of the training.

    The model is run as `Run.evaluate` does afterwards: from the first day of the record, started
    as in the training, by blocks of days.
    """

    def __init__(self, data: TrainingData, validation: Validation):
        self.data, places = data, data.places
        self.days = data.forcing.between(*validation.period)
        observed = _observed(data, self.days)
        self.observed = observed.values[0, self.days][:, places.to(observed.values.device)].cpu()
        # the steps of which means are scored: those of a day where it is observed by the day
        self.steps = 1 if data.by_step else data.steps_a_day
        self.observed = self.observed[:: self.steps]
        self.to_depth = per_area(data.model).cpu()
        self.storage = _storage(data, self.days)
        if validation.score == "storage" and self.storage is None:
            raise ValueError(
                "validation: score='storage', but no water storage is compared within "
                f"{' to '.join(validation.period)}"
            )

    @torch.no_grad()
    def __call__(self, about: Mapping) -> dict[str, float]:
        """Name -> median NSE of the model as it is, of a training with these settings."""
        model, places = self.data.model, self.data.places.cpu()
        run = Run(model, self.data.forcing, pd.DataFrame(), dict(about))
        averages = None if self.storage is None else self.storage.averages
        was = model.training
        found = simulate_record(run, self.data.forcing, (), averages, self.days)
        model.train(was)
        simulated = required("discharge", found.discharge)[:, places] * self.to_depth[places]
        simulated = day_means(simulated, self.steps)
        scores = {"discharge": _median_nse(simulated, self.observed.to(simulated))}
        if self.storage is not None:
            here = replace(found, storage=required("storage", found.storage).to(model.area))
            scores["storage"] = _median_nse(self.storage.simulated(here), self.storage.observed)
        return scores


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
    if scored.start < days.stop and days.start < scored.stop:
        first, last = max(scored.start, days.start), min(scored.stop, days.stop) - 1
        raise ValueError(
            f"the validation has days that are trained on, {times[first]:%Y-%m-%d} to "
            f"{times[last]:%Y-%m-%d}: take a period before or after the training"
        )
    refuse_empty([data.discharge], scored, data.places, data.gauges)
    return data.discharge


def _median_nse(simulated: Tensor, observed: Tensor) -> float:
    columns = zip(simulated.cpu().numpy().T, observed.cpu().numpy().T, strict=True)
    scores = np.array([metrics.nse(s, o) for s, o in columns])
    return float(np.median(scores[~np.isnan(scores)])) if not np.isnan(scores).all() else np.nan
