"""Targets on the days and cells of a record, as a training compares them with a simulation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from gridhydro.evaluation.losses import loss as loss_named
from gridhydro.inputs.forcing import Forcing, by_cell
from gridhydro.observations.discharge import variance
from gridhydro.observations.target_values import per_cell, series_of, values_on
from gridhydro.observations.targets import Target


@dataclass(frozen=True, eq=False)
class TargetSeries:
    """A target on the days of a record: of all cells of lumped basins, of rasters of those that
    are observed.

    cells    (K,) which cells of the domain; values: (T, K), NaN where missing; unit: of the values
    scale, offset  (K,) float32
    """

    target: Target
    cells: Tensor
    series: Forcing
    scale: Tensor
    offset: Tensor
    unit: str

    @property
    def name(self) -> str:
        """Name of the target, an output of the column."""
        return self.target.name

    @property
    def values(self) -> Tensor:
        """Observations (T, K), NaN where there are none."""
        return self.series.values[0]

    @classmethod
    def read(cls, target: Target, model, times: pd.DatetimeIndex, device=None) -> TargetSeries:
        """The observations on these days; ValueError where they do not fit model or days."""
        field, domain = model.output(target.name), model.domain
        array = series_of(target, domain, field.unit)
        unit = array.attrs.get("units", "") if target.own_unit else field.unit
        kept = None if target.own_unit else field.unit
        rows, cells = values_on(target.name, array, kept, domain, times, target.days)
        tensor = by_cell(torch.from_numpy(rows)[None]).to(device)
        scale, offset = (
            torch.as_tensor(per_cell(target, key, domain, cells), dtype=torch.float32).to(device)
            for key in ("scale", "offset")
        )
        chosen = torch.as_tensor(cells).to(device)
        return cls(target, chosen, Forcing(times, tensor), scale, offset, unit)

    def only(self, columns: Tensor) -> TargetSeries:
        """The same where the other columns are not observed."""
        values = torch.full_like(self.series.values, torch.nan)
        values[:, :, columns] = self.series.values[:, :, columns]
        return replace(self, series=replace(self.series, values=values))

    def by_day(self) -> TargetSeries:
        """Of a record of parts of days, at all of which that of a day stands, each day once."""
        count = self.series.steps_a_day
        series = Forcing(self.series.times[::count], self.series.values[:, ::count])
        return replace(self, series=series)

    def within(self, first: str, last: str) -> bool:
        """Whether something is observed in a period."""
        return bool(torch.isfinite(self.values[self.series.between(first, last)]).any())

    def of(self, simulated: Tensor, columns: Tensor | None = None) -> Tensor:
        """Simulated counterpart of the observations, (..., K): offset + scale * `simulated`, the
        column's output at these cells, or at `columns`, some of the K."""
        scale, offset = self.scale, self.offset
        if columns is not None:
            scale, offset = scale[columns], offset[columns]
        return offset + scale * simulated

    def window(self, starts, length: int, columns) -> Tensor:
        """(length, B): for each of these columns (B,) the days from its own start (B,) on."""
        return self.series.window(starts, length, columns)[0]

    def score(self, days: slice | None = None) -> Callable:
        """The loss (simulated, observed, columns=None) as it is called with a step's values; with
        `days` those of minibatches, whose variance is that of the cells over these days."""
        function = loss_named(self.target.loss)
        if days is None or "variance" not in inspect.signature(function).parameters:
            return lambda simulated, observed, columns=None: function(simulated, observed)
        spread = variance(self.series, days)

        def scored(simulated, observed, columns):
            return partial(function, variance=spread[columns])(simulated, observed)

        return scored


def refuse_other(targets: Sequence) -> None:
    """ValueError for anything but a list of `Target`."""
    for target in targets:
        if not isinstance(target, Target):
            raise ValueError(
                "targets is a list of gridhydro.Target(name, observed), not of "
                f"{type(target).__name__}"
            )
        if not target.fitted:
            raise ValueError(
                f"the target '{target.name}' has the weight 0, and nothing is learned from it: "
                "leave it out, and score it with run.evaluate_target"
            )
