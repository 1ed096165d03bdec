"""A calibrated model: a run, with the evolutions that led to it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from torch import Tensor

from gridhydro.base import files
from gridhydro.model.run import Run
from gridhydro.training.calibration.evolution import STOPS, Evolution
from gridhydro.training.calibration.objective import put


@dataclass
class Calibration(Run):
    """A `Run` with the `evolution` of each of these `cells` (K,) of the domain.

    In its history an epoch is a run of every cell, `loss` the mean over the cells of the lowest so
    far, and `running` how many have not ended. `rows`: the learned parameters that are calibrated.
    """

    evolution: Evolution
    cells: Tensor
    rows: list[int]

    def __repr__(self) -> str:
        stops = [(self.evolution.stopped == i).sum().item() for i in range(len(STOPS))]
        why = ", ".join(f"{n} by {name}" for name, n in zip(STOPS, stops, strict=True) if n)
        runs = self.evolution.spent.double().mean()
        return f"Calibration of {self.model!r}\n  {runs:.0f} runs a cell; ended {why}"

    def after(self, runs: int) -> Run:
        """The run with what was best in each cell within this number of runs of it.

        Found at shuffles: as of the last one before. ValueError where not even the first
        population was complete.
        """
        within = (self.evolution.runs <= runs).sum(0) - 1
        if (within < 0).any():
            raise ValueError(f"the first population takes {int(self.evolution.runs[0, 0])} runs")
        best = self.evolution.best.take_along_dim(within[None, :, None], 0)[0]
        # all but the domain, which nothing changes
        model = copy.deepcopy(self.model, {id(self.model.domain): self.model.domain})
        put(model, self.cells, self.rows, best)
        return Run(model, self.forcing, self.history, self.about)

    @property
    def trace(self) -> xr.Dataset:
        """`runs` and lowest `loss` so far at every shuffle, the first population included: (loop,
        cell), the cells by their number in the domain."""
        found = {"runs": self.evolution.runs, "loss": self.evolution.lowest}
        data = {name: (("loop", "cell"), value.cpu().numpy()) for name, value in found.items()}
        loops = np.arange(len(self.evolution.runs))
        return xr.Dataset(data, {"loop": loops, "cell": self.cells.cpu().numpy()})

    def write_more(self, folder: Path) -> None:
        """The trace, as calibration.nc."""
        files.replace(folder / "calibration.nc", lambda p: self.trace.to_netcdf(p))
