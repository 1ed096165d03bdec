"""Several runs that differ by their seed only, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import xarray as xr

from gridhydro.model.run import Run
from gridhydro.model.storage_scores import mean_of, scores
from gridhydro.observations.storage import StorageObservations
from gridhydro.observations.targets import Target


@dataclass(frozen=True)
class Ensemble:
    """Runs of one model: their mean discharge is better than most of them.

    ValueError for no runs, and for runs with other gauges than the first.
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
    def load(cls, folder: str | Path, forcing: xr.Dataset | None = None) -> Ensemble:
        """The runs in the folders seed-0, seed-1, ... below `folder`."""
        folders = seeds(Path(folder))
        if not folders:
            raise FileNotFoundError(f"{folder} holds no finished runs seed-0, seed-1, ...")
        return cls([Run.load(one, forcing) for one in folders])

    def discharge(self, forcing: xr.Dataset | None = None) -> pd.DataFrame:
        """Mean discharge at every gauge, m3 s-1, from the first day of the forcing on."""
        return sum(run.discharge(forcing) for run in self.runs) / len(self.runs)

    def evaluate(self, discharge, period: tuple[str, str], name: str = "", simulated=None):
        """Scores of the mean; see `Run.evaluate`."""
        simulated = self.discharge() if simulated is None else simulated
        return self.runs[0].evaluate(discharge, period, name=name, simulated=simulated)

    def storage(self, observations: StorageObservations, forcing=None) -> xr.Dataset:
        """Anomalies of water storage, the mean of the runs; see `Run.storage`."""
        return mean_of([run.storage(observations, forcing) for run in self.runs])

    def evaluate_storage(self, observations, period, name: str = "", pairs=None) -> pd.DataFrame:
        """Scores of the mean; see `Run.evaluate_storage`."""
        return scores(self.storage(observations) if pairs is None else pairs, period, name)

    def target_series(self, target: Target):
        """Observations and the mean of the runs; see `Run.target_series`."""
        series = [run.target_series(target) for run in self.runs]
        return series[0][0], sum(simulated for _, simulated in series) / len(series)

    def evaluate_target(
        self, target: Target, period: tuple[str, str], name: str = "", simulated=None
    ) -> pd.DataFrame:
        """Scores of the mean; see `Run.evaluate_target`."""
        simulated = self.target_series(target) if simulated is None else simulated
        return self.runs[0].evaluate_target(target, period, name, simulated)


def seeds(folder: Path) -> list[Path]:
    """Finished runs of an ensemble, in the order of their seeds."""
    found = [path.parent for path in folder.glob("seed-*/run.json")]
    found = [path for path in found if path.name.removeprefix("seed-").isdecimal()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("seed-")))
