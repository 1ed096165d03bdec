"""Observations other than discharge: what a column holds or gives, on cells, to train and score."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from gridhydro.base.arguments import one_of
from gridhydro.base.units import to_unit
from gridhydro.domain.domain import Domain
from gridhydro.evaluation import metrics
from gridhydro.evaluation.losses import LOSSES, name_of
from gridhydro.evaluation.losses import loss as loss_named
from gridhydro.inputs.forcing import Forcing, by_cell
from gridhydro.observations.discharge import variance
from gridhydro.observations.target_values import per_cell, series_of, values_on

SCORES = {
    "bias": lambda s, o: float(np.nanmean(s - o)),
    "correlation": metrics.correlation,
    "ubrmse": metrics.ubrmse,
    "rmse": metrics.rmse,
    "nse": metrics.nse,
    "kge": metrics.kge,
}


@dataclass(frozen=True, eq=False)
class Target:
    """Observations of a flux or a state of the column.

    name      such as "soil_wetness", "actual_evapotranspiration" or "snow_water_equivalent"
    observed  DataArray (time, y, x) on the domain's grid; of lumped basins (time, gauge), or a
              table of days by sites in the unit of the column. Daily with gaps: days and sites
              that are missing, and NaN.
    weight    beside those of the other parts of the loss: discharge has 1 - storage_weight
    loss      "rmse" (over all cells and days of a step, in the unit of the observations), "nse",
              "kge", or a function (simulated, observed), both (T, K) with NaN where not observed
    scale, offset  observed = offset + scale x simulated: numbers, or one for each cell: an array
              (N,), a DataArray (y, x) or (gauge), a Series by site. With either, observations keep
              their own unit; without, their `units` are converted to the column's.
    """

    name: str
    observed: xr.DataArray | pd.DataFrame
    weight: float = 1.0
    loss: str | Callable = "rmse"
    scale: object = 1.0
    offset: object = 0.0

    def __post_init__(self):
        if not callable(self.loss):
            one_of("loss", self.loss, tuple(LOSSES))
        if not (isinstance(self.weight, int | float) and 0 < self.weight < np.inf):
            raise ValueError(f"the weight of '{self.name}' is a number above 0, not {self.weight}")
        if not isinstance(self.observed, xr.DataArray | pd.DataFrame):
            raise ValueError(
                f"the observations of '{self.name}' are a {type(self.observed).__name__}: give a "
                "DataArray (time, y, x) or (time, gauge), or a table of days by sites"
            )

    @property
    def own_unit(self) -> bool:
        """Whether the observations are in a unit of their own."""
        return not (np.isscalar(self.scale) and np.isscalar(self.offset)) or (
            (self.scale, self.offset) != (1, 0)
        )

    def about(self) -> dict:
        """What there is to keep of it with a run; of a scale or offset by cell its digest."""
        kept = dict(name=self.name, weight=float(self.weight), loss=name_of(self.loss))
        for key in ("scale", "offset"):
            values = np.asarray(getattr(self, key), np.float64)
            digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:12]
            kept[key] = float(values) if values.ndim == 0 else digest
        return kept


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
        return self.target.name

    @property
    def values(self) -> Tensor:
        return self.series.values[0]

    @classmethod
    def read(cls, target: Target, model, times: pd.DatetimeIndex, device=None) -> TargetSeries:
        """The observations on these days; ValueError where they do not fit model or days."""
        field, domain = model.output(target.name), model.domain
        array = series_of(target, domain, field.unit)
        unit = array.attrs.get("units", "") if target.own_unit else field.unit
        if not target.own_unit:
            array = to_unit(array, field.unit)
        rows, cells = values_on(target.name, array, domain, times)
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

    def within(self, first: str, last: str) -> bool:
        """Whether something is observed in a period."""
        return bool(torch.isfinite(self.values[self.series.between(first, last)]).any())

    def of(self, simulated: Tensor, columns: Tensor | None = None) -> Tensor:
        """What would be observed, (..., K), of the column's output at these cells; or of some of
        the K."""
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


def read_all(targets: Sequence[Target], model, times, device=None) -> list[TargetSeries]:
    """All targets on the days of a record."""
    for target in targets:
        if not isinstance(target, Target):
            raise ValueError(
                "targets is a list of gridhydro.Target(name, observed), not of "
                f"{type(target).__name__}"
            )
    return [TargetSeries.read(target, model, times, device) for target in targets]


def scores(seen: TargetSeries, simulated: np.ndarray, domain: Domain, days: slice, period: str):
    """Table of `SCORES` (bias, ubrmse and rmse in the unit of the observations), a row a cell with
    observations in these days.

    simulated  (T, K) of the column, on the cells and days of `seen`
    """
    observed = seen.values[days].cpu().numpy().astype(np.float64)
    modelled = seen.of(torch.as_tensor(simulated[days]).to(seen.scale)).cpu().numpy()
    lon, lat = domain.lonlat
    rows = []
    for k, cell in enumerate(seen.cells.tolist()):
        o, s = observed[:, k], modelled[:, k].astype(np.float64)
        if np.isnan(o).all():
            continue
        site = domain.gauges.index[cell] if domain.lumped else domain.name_cell(cell)
        row = {"site": site, "period": period, "target": seen.name, "unit": seen.unit}
        row |= {"lon": float(lon[cell]), "lat": float(lat[cell])}
        rows.append(
            row | {n: f(s, o) for n, f in SCORES.items()} | {"days": int((~np.isnan(o)).sum())}
        )
    if not rows:
        raise ValueError(f"'{seen.name}' is not observed from {period}: choose another period")
    return pd.DataFrame(rows)
