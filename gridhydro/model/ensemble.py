"""Several runs that differ by their seed only, and their mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from gridhydro.base import ranks
from gridhydro.base.arguments import required
from gridhydro.base.exchange import as_one, told_by
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel
from gridhydro.model.reduced import Wanted
from gridhydro.model.run import Run
from gridhydro.model.run_folder import finished
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
        return cls.of(folders, Run.load(folders[0], forcing))

    @classmethod
    def of(cls, folders: Sequence[Path], first: Run) -> Ensemble:
        """The runs in these folders, the first of which is loaded: its forcing is that of all.

        ValueError, naming folder and setting, for runs that differ in more than their seed.
        """
        found = [first]  # its forcing is read and checked once for all
        for folder in folders[1:]:
            run = Run.load(folder, first.forcing)
            _refuse_other(folder, run.about, folders[0], first.about)
            if not run.model.domain.gauges.index.equals(first.model.domain.gauges.index):
                raise ValueError(
                    f"{folder} has other gauges than {folders[0]}, or in another order: load each "
                    "by itself"
                )
            found.append(run)
        return cls(found)

    @property
    def model(self) -> CellModel:
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
        """The marks of its runs."""
        return tuple(run.mark() for run in self.runs)

    def simulate_anew(
        self, outputs: Sequence[Wanted], averages: Averages | None, forcing: Forcing | None
    ) -> Simulation:
        """The mean of the runs, one after the other: what none of them has kept it lets go.

        Processes that share it simulate one run each, or, where they are more than the runs, each
        run together.
        """
        weight = 1 / len(self.runs)
        total: Simulation | None = None
        for one in self._each(outputs, averages, forcing):
            total = _times(one, weight) if total is None else _plus(total, one, weight)
        return required("run", total)

    def _each(self, *asked) -> Iterator[Simulation]:
        """What the runs give, in turn."""
        count, me = ranks.count(), ranks.number()
        if count > len(self.runs):
            count = 1
        for first in range(0, len(self.runs), count):
            some = self.runs[first : first + count]
            if count == 1:
                yield _fresh(some[0], *asked)
                continue
            mine = None
            with as_one(), ranks.alone():
                if me < len(some):
                    mine = _fresh(some[me], *asked)
            for number in range(len(some)):
                yield told_by(number, mine)


def _fresh(run: Run, *asked) -> Simulation:
    """What a run gives, which it forgets if it had kept nothing before."""
    fresh = run.kept.simulation is None
    found = run.simulation(*asked)
    if fresh:
        run.forget()
    return found


def _times(one: Simulation, weight: float) -> Simulation:
    """weight x one, of discharge, outputs and storage."""
    return Simulation(
        required("discharge", one.discharge) * weight,
        {name: values * weight for name, values in one.outputs.items()},
        None,
        None if one.storage is None else one.storage * weight,
    )


def _plus(total: Simulation, one: Simulation, weight: float) -> Simulation:
    """total + weight x one; the total is added to in place."""
    required("discharge", total.discharge).add_(required("discharge", one.discharge), alpha=weight)
    for name, values in one.outputs.items():
        total.outputs[name].add_(values, alpha=weight)
    if one.storage is not None:
        required("storage", total.storage).add_(one.storage, alpha=weight)
    return total


def _refuse_other(folder: Path, about: dict, beside: Path, first: dict) -> None:
    """ValueError unless two runs were trained alike, but for their seeds."""
    mine, theirs = (_but_seeds(settings) for settings in (about, first))
    for name in sorted(mine.keys() | theirs.keys()):
        # earlier versions kept no digests of the data
        known = name != "data" or (name in mine and name in theirs)
        if known and mine.get(name) != theirs.get(name):
            raise ValueError(
                f"{folder} was not trained as {beside} was: its {name} is {mine.get(name)}, not "
                f"{theirs.get(name)}: train it again, or load each by itself"
            )


def _but_seeds(about: dict) -> dict:
    """The settings without the seeds, and without what was found with each."""
    network = about.get("network")
    if isinstance(network, dict):
        network = {name: value for name, value in network.items() if name != "seed"}
    return {
        name: value for name, value in about.items() if name not in ("seed", "storage_drift")
    } | {"network": network}


def seeds(folder: Path) -> list[Path]:
    """Finished runs of an ensemble, in the order of their seeds."""
    found = [p for p in folder.glob("seed-*") if p.name.removeprefix("seed-").isdecimal()]
    found = [path for path in found if finished(path)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("seed-")))
