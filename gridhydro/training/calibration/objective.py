"""Cells side by side: the loss of many parameter sets of each, in one call of the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.domain.domain import Domain
from gridhydro.evaluation.losses import OVER_MEAN, undefined
from gridhydro.inputs.forcing import Forcing
from gridhydro.model import unit_hydrograph as hydrograph
from gridhydro.model.base import CellModel
from gridhydro.model.simulate import simulate
from gridhydro.nets.base import MARGIN
from gridhydro.nets.free import FreeParameters
from gridhydro.observations import runoff_ratio
from gridhydro.observations.discharge import observations, refuse_empty
from gridhydro.observations.target_series import TargetSeries
from gridhydro.observations.targets import Target
from gridhydro.training.calibration.losses import loss_by_cell
from gridhydro.training.data import places_of, training_gauges

# simulated values that are held at once
_VALUES = 2**23
# of runoff, the days before that the unit hydrograph still brings
_BEFORE = hydrograph.DAYS - 1


@dataclass(frozen=True, eq=False)
class Observed:
    """One observed series a cell: `values` (L, K), NaN where there is none, of the output `name`
    in its unit; `cells` (K,) of the domain; `gauges` are their names, if they have any.

    With a target, `series` brings simulated series to the unit of its observations; its columns
    are `columns` (K,).
    """

    name: str
    cells: Tensor
    values: Tensor
    gauges: tuple[str, ...] = ()
    series: TargetSeries | None = None
    columns: Tensor | None = None

    @classmethod
    def discharge(cls, discharge, model: CellModel, forcing: Forcing, days: slice, split=None):
        """Of lumped basins, as depth; ValueError for rasters and for gauges without any."""
        refuse_rivers(model.domain)
        names = training_gauges(model, split)
        cells = places_of(model, names)
        found = observations(discharge, forcing.times, model, names, cells.device, None)
        refuse_empty([found], days, cells, names)
        runoff_ratio.refuse(found, forcing, model, days)
        name = required("flow in this column to compare discharge with", model.column.runoff)
        return cls(name, cells, found.values[0, days][:, cells], tuple(names))

    @classmethod
    def target(cls, target: Target, model: CellModel, forcing: Forcing, days: slice, split=None):
        """Of the cells that are observed in these days, of lumped basins as for discharge."""
        if not isinstance(target, Target):
            raise ValueError(
                f"target is a gridhydro.Target(name, observed), not a {type(target).__name__}"
            )
        if target.name.startswith(hydrograph.ROUTED):
            raise ValueError(f"'{target.name}' is discharge: give it as discharge")
        series = TargetSeries.read(target, model, forcing.times, model.area.device)
        values = series.values[days]
        names: list[str] = []
        if model.domain.lumped:
            names = training_gauges(model, split)
            columns = places_of(model, names)
            refuse_empty([series.series], days, columns, names)
        elif split is not None:
            raise ValueError(
                "cells of a raster are calibrated, not its gauges: give period=(first, last)"
            )
        else:
            columns = values.isfinite().any(0).nonzero().flatten()
        if not len(columns):
            first, last = (f"{forcing.times[d]:%Y-%m-%d}" for d in (days.start, days.stop - 1))
            raise ValueError(f"no cell has '{target.name}' observed from {first} to {last}")
        cells, values = series.cells[columns], values[:, columns].contiguous()
        return cls(target.name, cells, values, tuple(names), series, columns)

    @property
    def about(self) -> dict | None:
        """The settings of a target, for the JSON file of a run."""
        return None if self.series is None else self.series.target.about()

    def of(self, simulated: Tensor, places: Tensor) -> Tensor:
        """The column's output (T, n, M) in these cells (n,), in the unit of the observations."""
        if self.series is None or self.columns is None or not self.series.target.own_unit:
            return simulated
        return self.series.of(simulated.transpose(1, 2), self.columns[places]).transpose(1, 2)


def refuse_rivers(domain: Domain) -> None:
    """ValueError for a raster, where discharge is of many cells."""
    if not domain.lumped:
        raise ValueError(
            "discharge at a gauge of a raster is the water of all cells above it: no cell's "
            "parameters can be calibrated alone. Take gridhydro.train, lumped basins, or a target "
            "that is observed on cells"
        )


class CellLosses:
    """The losses (n, M) of many runs: called with fractions of the parameters' ranges (n, M, P) and
    places (n,) among the cells that are observed, it runs them all."""

    def __init__(
        self,
        model: CellModel,
        forcing: Forcing,
        observed: Observed,
        days: slice,
        spinup: int,
        loss: str,
    ):
        self.model, self.observed, self.spinup, self.loss = model, observed, spinup, loss
        # the target's runoff is the column's, discharge is what the unit hydrograph makes of it
        self.routed = observed.series is None and model.unit_hydrograph is not None
        self.rows = calibrated(model, self.routed)
        record = slice(days.start - spinup, days.stop)
        self.weather = forcing.values[:, record][:, :, observed.cells].contiguous()
        lacking = "no two different observations, which"
        if loss in OVER_MEAN:
            lacking = "no two different observations or a mean of nearly zero, which"
        self._refuse(undefined(loss, observed.values), f"have {lacking} '{loss}' takes")

    @torch.no_grad()
    def __call__(self, points: Tensor, places: Tensor) -> Tensor:
        size = max(1, _VALUES // (self.weather.shape[1] * points.shape[1]))
        parts = zip(points.split(size), places.split(size), strict=True)
        return torch.cat([self._losses(*part) for part in parts])

    def _losses(self, points: Tensor, places: Tensor) -> Tensor:
        model, cells = self.model, self.observed.cells[places]
        all_of_them = len(places) == self.weather.shape[2]
        weather = self.weather if all_of_them else self.weather[:, :, places].contiguous()
        parameters = free(model).named(raw(model, self.rows, points.transpose(1, 2)))
        properties = model.cell_properties(cells)
        name = self.observed.name
        outputs, _ = simulate(
            model.column, weather, {f.name: parameters[f.name] for f in model.column.parameters},
            properties={f.name: properties[f.name] for f in model.column.properties},
            outputs=(name,), components="separate", scheme=model.stepping,
        )  # fmt: skip
        series, spinup = outputs[name], self.spinup
        if self.routed:
            first = max(spinup - _BEFORE, 0)
            ordinates = hydrograph.ordinates(*(parameters[f.name] for f in hydrograph.SHAPE))
            series, spinup = hydrograph.convolve(series[first:], ordinates)[0], spinup - first
        series = self.observed.of(series[spinup:], places)
        return loss_by_cell(self.loss, series, self.observed.values[:, places])

    def refuse_infinite(self, lowest: Tensor) -> None:
        """ValueError naming the cells (K,) in which nothing finite was found."""
        self._refuse(~lowest.isfinite(), "have no finite run: look at their forcing")

    def _refuse(self, wrong: Tensor, why: str) -> None:
        if wrong.any():
            places = wrong.nonzero().flatten().tolist()
            domain = self.model.domain
            names = ", ".join(domain.name_cell(int(self.observed.cells[p])) for p in places[:5])
            raise ValueError(f"{len(places)} of {len(wrong)} cells {why}: {names}")


def calibrated(model: CellModel, routed: bool) -> list[int]:
    """Which of the learned parameters a cell's series depends on; the others are left alone."""
    names = [f.name for f in (*model.column.parameters, *(hydrograph.SHAPE if routed else ()))]
    rows = [row for row, f in enumerate(model.network.learned) if f.name in names]
    if not rows:
        raise ValueError(f"nothing to calibrate: all parameters of '{model.column.name}' are fixed")
    return rows


def free(model: CellModel) -> FreeParameters:
    """The parameters of every cell by itself; ValueError for a model with another network."""
    network = model.network
    if not (isinstance(network, FreeParameters) and network.raw.requires_grad):
        raise ValueError(
            "the parameters of every cell are calibrated by themselves: make the model with "
            'network="free", or train it'
        )
    return network


def raw(model: CellModel, rows: list[int], fractions: Tensor) -> Tensor:
    """Raw values (n, Q, M) of all learned parameters, from fractions of the ranges (n, P, M) of
    some; the others are 0. A bound is kept as near as the ranges allow."""
    values = fractions.new_zeros(len(fractions), len(model.network.learned), fractions.shape[2])
    values[:, rows] = torch.logit(fractions, MARGIN)
    return values.to(free(model).raw)


@torch.no_grad()
def put(model: CellModel, cells: Tensor, rows: list[int], fractions: Tensor) -> None:
    """Make fractions (K, P) of the ranges those of the model's cells (K,); its other parameters
    stay what they are."""
    values = raw(model, rows, fractions[..., None])
    places = torch.as_tensor(rows, device=cells.device)
    free(model).raw[cells[:, None], places] = values[:, rows]
