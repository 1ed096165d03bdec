"""Several runs that differ by their seed only, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from gridhydro.inputs.forcing import Forcing
from gridhydro.model.model import Model
from gridhydro.model.run import Run
from gridhydro.model.scored import Scored
from gridhydro.model.state import Simulation
from gridhydro.observations.averages import Averages


@dataclass
class Ensemble(Scored):
    """Runs of one model: their mean discharge is better than most of them.

    What it gives (`discharge`, `evaluate`, `storage`, ...) is of the mean of the runs, each of
    which is simulated once. ValueError for no runs, and for runs with other gauges than the first.
    """

    runs: Sequence[Run]

    def __post_init__(self):
        if not self.runs:
            raise ValueError("an ensemble has one run or more")
        first = list(self.runs[0].model.domain.gauges.index)
        for run in self.runs[1:]:
            if list(run.model.domain.gauges.index) != first:
                raise ValueError("the runs of an ensemble have the same gauges in one order")

    @classmethod
    def load(cls, folder: str | Path, forcing: xr.Dataset | Forcing | None = None) -> Ensemble:
        """The runs in the folders seed-0, seed-1, ... below `folder`."""
        folders = seeds(Path(folder))
        if not folders:
            raise FileNotFoundError(f"{folder} holds no finished runs seed-0, seed-1, ...")
        first = Run.load(folders[0], forcing)
        # read and checked once for all
        return cls([first, *(Run.load(one, first.forcing) for one in folders[1:])])

    @property
    def model(self) -> Model:
        """That of the first run: all have its domain and column."""
        return self.runs[0].model

    @property
    def forcing(self) -> Forcing | None:
        """That of the first run."""
        return self.runs[0].forcing

    @property
    def about(self) -> dict:
        """Settings of the first run."""
        return self.runs[0].about

    def record(self, forcing: xr.Dataset | Forcing | None = None) -> Forcing:
        """As `Run.record`, of the first run."""
        return self.runs[0].record(forcing)

    def mark(self) -> tuple:
        """What a simulation depends on."""
        return tuple(run.mark() for run in self.runs)

    def simulate_anew(
        self, outputs: Sequence[str], averages: Averages | None, forcing: Forcing | None
    ) -> Simulation:
        """The mean of the runs, one after the other: what none of them has kept it lets go."""
        weight, total = 1 / len(self.runs), None
        for run in self.runs:
            fresh = run.kept.simulation is None
            one = run.simulation(outputs, averages, forcing)
            if fresh:
                run.forget()
            total = _plus(total, one, weight)
        return total


def _plus(total: Simulation | None, one: Simulation, weight: float) -> Simulation:
    """total + weight x one, of discharge, outputs and storage; the total is added to in place."""

    def added(before, values):
        return values * weight if before is None else before.add_(values, alpha=weight)

    if total is None:
        total = Simulation(None, dict.fromkeys(one.outputs), None)
    return Simulation(
        added(total.discharge, one.discharge),
        {name: added(total.outputs[name], values) for name, values in one.outputs.items()},
        None,
        None if one.storage is None else added(total.storage, one.storage),
    )


def seeds(folder: Path) -> list[Path]:
    """Finished runs of an ensemble, in the order of their seeds."""
    found = [path.parent for path in folder.glob("seed-*/run.json")]
    found = [path for path in found if path.name.removeprefix("seed-").isdecimal()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("seed-")))
