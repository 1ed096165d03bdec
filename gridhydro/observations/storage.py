"""Observed storage anomalies on tiles, and what they are of a model's storage."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
import torch
import xarray as xr

from gridhydro.base import calendar, periods, refuse, steps
from gridhydro.base.calendar import DAY
from gridhydro.base.missing import declared
from gridhydro.base.quantities import OBSERVED
from gridhydro.base.units import to_unit
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import read_values
from gridhydro.domain.packing import arranged
from gridhydro.domain.resample import stencil
from gridhydro.domain.tiles import Tiles
from gridhydro.evaluation.losses import varying
from gridhydro.observations.averages import Averages

_STORAGE = OBSERVED["twsa"]
BASELINE = ("2004-01-01", "2009-12-31")
_COVERED = 0.5  # a tile with data on a smaller fraction of its area has no value


@dataclass(frozen=True, eq=False)
class Windows:
    """Weights by which the days of a run make the means over S solutions of K tiles.

    averages   over R disjoint periods, for the kernels
    matrix     (S, R) float64, the weight of each period in a solution: solutions may overlap
    covered    (S,) bool, solutions that lie in the run
    reference  (S, K) float64, the weight of each solution in the mean that anomalies are taken
               from: equal over those that are covered, observed and in the baseline; 0 elsewhere
    """

    averages: Averages
    matrix: torch.Tensor
    covered: torch.Tensor
    reference: torch.Tensor

    def __repr__(self) -> str:
        return f"Windows: {int(self.covered.sum())} of {len(self.covered)} solutions in the run"


@dataclass(frozen=True, eq=False)
class StorageObservations:
    """Anomalies of total water storage over S solutions and K tiles.

    tiles     the areas
    start     (S,) datetime64[D], the first day of each solution
    end       (S,) datetime64[D], the first day after it
    values    (S, K) float64, mm, NaN where missing
    baseline  first and last day of the period that anomalies refer to; a solution is in it when
              its middle is
    """

    tiles: Tiles
    start: np.ndarray
    end: np.ndarray
    values: np.ndarray
    baseline: tuple[str, str] = BASELINE

    def __post_init__(self):
        shape = len(self.start), self.tiles.size
        if len(self.end) != shape[0] or self.values.shape != shape:
            raise ValueError(
                f"{shape[0]} solutions of {shape[1]} tiles have values of that shape, not "
                f"{self.values.shape}, and as many ends, not {len(self.end)}"
            )
        wrong = np.flatnonzero(~(self.start < self.end))
        if wrong.size:
            first, after = self.start[wrong[0]], self.end[wrong[0]]
            raise ValueError(f"the solution from {first} ends before {after}: it has no day")
        never = np.flatnonzero(np.isnan(self.values).all(axis=0))
        if never.size and len(self.start):
            raise ValueError(
                f"{never.size} tiles have no observation at all, the first: "
                f"{self.tiles.names[never[0]]}; choose tiles with a higher minimum, or data that "
                "reach them"
            )

    def __repr__(self) -> str:
        missing = np.isnan(self.values).mean()
        return (
            f"StorageObservations: {len(self.start)} solutions from {self.start.min()} to "
            f"{self.end.max()} on {self.tiles.size} tiles, {missing:.0%} missing, "
            f"relative to {self.baseline[0]} to {self.baseline[1]}"
        )

    @classmethod
    def on(cls, tiles: Tiles, domain: Domain, twsa: xr.Dataset, baseline=BASELINE):
        """Observations (as `io.read_grace` gives them) on the tiles of a domain.

        A raster is interpolated linearly to the cells of the domain, and these are averaged with
        the tiles' own weights: model and observation have one footprint. Cells without data are
        left out; a tile with less than half of its area observed is missing. For lumped basins
        `twsa` has the dimension gauge, and basins are found by name.
        ValueError for another unit, and if a variable or the axis of gauges is missing.
        """
        for name in ("twsa", "time_start", "time_end"):
            if name not in twsa.variables:
                raise ValueError(f"the observations have no '{name}': read them with io.read_grace")
        series = _in_mm(domain, twsa["twsa"])
        if domain.lumped:
            values, weights = domain.pack(series), tiles.matrix
        else:
            rows, cols, parts = stencil(domain, series, "linear")
            values = read_values(series)
            width = values.shape[-1]
            values = values.reshape(len(values), -1)
            cell = np.broadcast_to(np.arange(domain.size), rows.shape)
            shape = domain.size, values.shape[-1]
            where = cell.ravel(), (rows * width + cols).ravel()
            weights = tiles.matrix @ scipy.sparse.coo_array((parts.ravel(), where), shape).tocsr()
        values = _looked_at(values, twsa["time"].values, declared(twsa["twsa"]) is not None)
        start, end = (
            calendar.days_of_each(twsa[name], f"'{name}' of the observed storage")
            .to_numpy()
            .astype("datetime64[D]")
            for name in ("time_start", "time_end")
        )
        baseline = periods.days(baseline, "baseline")
        return cls(tiles, start, end, _means(values, weights), baseline)

    def within(self, first, last) -> StorageObservations:
        """Those of solutions that lie wholly between two days, both included."""
        kept = self.lies_within(first, last)
        return StorageObservations(
            self.tiles, self.start[kept], self.end[kept], self.values[kept], self.baseline
        )

    def lies_within(self, first, last) -> np.ndarray:
        """(S,) which solutions lie wholly between two days, both included."""
        first, last = (np.datetime64(day) for day in periods.days((first, last)))
        return (self.start >= first) & (self.end <= last + DAY)

    def only(self, tiles: np.ndarray, cells: np.ndarray) -> StorageObservations:
        """Those of some of the tiles, over some of the cells, see `Tiles.only`."""
        return replace(self, tiles=self.tiles.only(tiles, cells), values=self.values[:, tiles])

    def windows(self, times) -> Windows:
        """The periods of a run's days, daily and in order, and how they make up the solutions.

        ValueError if no solution lies in the run, or none of a tile in both run and baseline.
        """
        axis, _ = steps.found_in(times, "the run")
        days = axis.floor("D").to_numpy().astype("datetime64[D]")
        if not days.size:
            raise ValueError("the run has no days")
        run = f"the run from {days[0]} to {days[-1]}"
        covered = (self.start >= days[0]) & (self.end <= days[-1] + DAY)
        if not covered.any():
            span = f"{self.start.min()} to {self.end.max() - DAY}" if covered.size else "none left"
            raise ValueError(f"no solution ({span}) lies within {run}: lengthen the run")
        start, end = self.start[covered], self.end[covered]
        edges = np.unique(np.concatenate([start, end]))
        inside = (start[:, None] <= edges[:-1]) & (edges[1:] <= end[:, None])
        used = inside.any(axis=0)  # edges also bound the gaps between solutions
        label = np.concatenate([[-1], np.where(used, np.cumsum(used) - 1, -1), [-1]])
        label = label[np.searchsorted(edges, days, side="right")]
        length = np.diff(edges)[used] / DAY
        matrix = np.zeros((len(self.start), length.size))
        matrix[covered] = inside[:, used] * length / ((end - start) / DAY)[:, None]
        return Windows(
            Averages.of_labels(label, length.size), torch.from_numpy(matrix),
            torch.from_numpy(covered), torch.from_numpy(self._reference(covered, run)),
        )  # fmt: skip

    def _reference(self, covered, run):
        first, last = (np.datetime64(day) for day in self.baseline)
        middle = self.start + (self.end - self.start) / 2
        chosen = covered & (middle >= first) & (middle < last + DAY)
        use = (chosen[:, None] & np.isfinite(self.values)).astype(float)
        without = np.flatnonzero(use.sum(axis=0) == 0)
        if without.size:
            raise ValueError(
                f"no solution of {without.size} of {self.tiles.size} tiles (the first: "
                f"{self.tiles.names[without[0]]}) lies within both {run} and the baseline from "
                f"{first} to {last}: lengthen the run, or choose another baseline"
            )
        return use / use.sum(axis=0)

    def observed(self, windows: Windows) -> torch.Tensor:
        """(S, K) mm, relative to the mean over the same solutions as the model's anomalies.

        NaN where missing, and for solutions outside the run. What does not vary is 0, not what
        rounding leaves of it.
        """
        values = torch.from_numpy(self.values)
        mean = (windows.reference * torch.nan_to_num(values)).sum(0)
        covered = windows.covered[:, None]
        anomalies = torch.where(covered, values - mean, torch.nan)
        constant = ~varying(values, covered & ~values.isnan())
        return torch.where(constant & ~anomalies.isnan(), 0.0, anomalies)

    def anomalies(self, means: torch.Tensor, windows: Windows) -> torch.Tensor:
        """(S, K) mm, anomalies of a model's storage, with gradients; NaN outside the run.

        means  (R, N) mm, storage of the cells averaged over the periods of `windows`
        Every tile is relative to its own mean over the solutions in the baseline that are
        observed there.
        """
        solutions = windows.matrix.to(means) @ self.tiles.mean(means)
        mean = (windows.reference.to(means) * solutions).sum(0)
        covered = windows.covered.to(means.device)[:, None]
        return torch.where(covered, solutions - mean, torch.nan)


def _in_mm(domain: Domain, series: xr.DataArray) -> xr.DataArray:
    """Storage (time, y, x) or (time, gauge) in mm; ValueError for other axes and units."""
    if domain.lumped and "gauge" not in series.dims:
        raise ValueError(
            f"'twsa' has the axes {series.dims}: lumped basins need a series for each gauge "
            "(time, gauge)"
        )
    return to_unit(arranged(domain, series, ("time",), "'twsa'"), _STORAGE.unit)


def _looked_at(values: np.ndarray, times, known: bool) -> np.ndarray:
    """The values (S, G) as numbers; ValueError for codes and what no storage has."""
    place = refuse.at(times, lambda cell: f"in place {cell} of the observations")
    values = refuse.numbers("'twsa'", values, place)
    mend = "read it with io.read_grace, or set what is missing to NaN"
    refuse.codes("'twsa'", values, place, _STORAGE, mend, declared=known)
    refuse.outside("'twsa'", values, place, _STORAGE)
    return values


def _means(values: np.ndarray, weights) -> np.ndarray:
    """Means (S, K) of the values (S, G) that are there, by sparse weights (K, G)."""
    there = np.isfinite(values)
    total = weights @ np.where(there, values, 0).astype(np.float64).T
    covered = weights @ there.T.astype(np.float64)
    return np.where(covered >= _COVERED, total / np.maximum(covered, _COVERED), np.nan).T
