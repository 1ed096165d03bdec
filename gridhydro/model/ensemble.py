"""Several runs that differ by their seed or their component only, and their mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.base import ranks
from gridhydro.base.arguments import required
from gridhydro.base.exchange import as_one, told_by
from gridhydro.base.steps import steps_a_day
from gridhydro.columns.column import Field
from gridhydro.evaluation import spread
from gridhydro.inputs.forcing import Forcing
from gridhydro.io import export
from gridhydro.model.base import CellModel
from gridhydro.model.part import component_of
from gridhydro.model.reduced import Wanted
from gridhydro.model.run import Run
from gridhydro.model.run_folder import finished
from gridhydro.model.scored import Scored
from gridhydro.model.state import Simulation
from gridhydro.observations.averages import Averages

SPREAD = "_spread"  # behind the name of a parameter


@dataclass
class Ensemble(Scored):
    """Runs of one model: their mean discharge is better than most of them.

    What it gives (`discharge`, `evaluate`, `storage`, ...) is of the mean of the runs, each of
    which is simulated once; `members` and `quantiles` are of all of them. ValueError for no runs,
    and for runs with other gauges than the first.
    """

    runs: Sequence[Run]
    _flows: _Flows = field(default_factory=lambda: _Flows(), init=False, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"Ensemble of {len(self.runs)} runs, the first: {self.runs[0]!r}"

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

    @classmethod
    def of_components(cls, run: Run | Ensemble) -> Ensemble:
        """The components of a run, or of all runs of an ensemble, as runs of their own.

        Their mean is the run itself: where it routes the mean of its components, each of them is
        routed as the mean is. ValueError for a model of one component, or of learned weights.
        """
        runs = run.runs if isinstance(run, Ensemble) else [run]
        return cls(
            [
                Run(component_of(one.model, number), one.forcing, one.history, one.about)
                for one in runs
                for number in range(one.model.components)
            ]
        )

    @property
    def parameters(self) -> xr.Dataset:
        """Maps of all parameters, (y, x): the mean over the runs, and of two runs or more, as
        NAME_spread, their standard deviation (that of a sample: n - 1)."""
        values, domain = self.parameter_values(), self.model.domain
        return xr.Dataset(
            {
                field.name: domain.unpack(values[field.name], field.name, field.attrs)
                for field in (*self.model.fields, *self.spread_fields)
            }
        )

    @property
    def spread_fields(self) -> list[Field]:
        """The spreads in `parameters`; none of a single run."""
        return [
            replace(
                field, name=f"{field.name}{SPREAD}", bounds=None,
                unit="K" if field.unit == "degC" else field.unit,
                long_name=f"{field.long_name}, standard deviation over the runs",
            )
            for field in self.model.fields if len(self.runs) > 1
        ]  # fmt: skip

    def parameter_values(self) -> dict[str, np.ndarray]:
        """Name -> (N,), as `parameters`."""
        found: dict[str, np.ndarray] = {}
        runs = [run.mean_parameters() for run in self.runs]
        for name in runs[0]:
            values = np.stack([one[name] for one in runs]).astype(float)
            found[name] = values.mean(0)
            if len(runs) > 1:
                found[f"{name}{SPREAD}"] = values.std(0, ddof=1)
        return found

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
        """The mean of the runs, one after the other: what none of them has kept it lets go, but
        for their discharge.

        Processes that share it simulate one run each, or, where they are more than the runs, each
        run together.
        """
        weight, flows = 1 / len(self.runs), []
        total: Simulation | None = None
        for one in self._each(outputs, averages, forcing):
            flows.append(required("discharge", one.discharge).clone())
            total = _times(one, weight) if total is None else _plus(total, one, weight)
        self._flows = _Flows(self.mark() if forcing is None else None, forcing, torch.stack(flows))
        return required("run", total)

    def forget(self) -> None:
        """Let go of what was simulated, and of the scores of it."""
        super().forget()
        self._flows = _Flows()

    def members(self, forcing: xr.Dataset | Forcing | None = None) -> xr.DataArray:
        """Discharge (member, time, gauge) of every run, m3 s-1, in the order of the runs."""
        record = self.record(forcing)
        given = None if forcing is None else record
        if not self._flows.are_of(self.mark(), given):
            self.simulate_anew((), None, given)
        coords = {
            "member": np.arange(len(self.runs)), "time": record.times,
            "gauge": [str(name) for name in self.model.domain.gauges.index],
        }  # fmt: skip
        values = required("discharge", self._flows.values).numpy()
        return xr.DataArray(values, coords, name="discharge", attrs=export.DISCHARGE)

    def quantiles(
        self,
        levels: float | Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95),
        forcing: xr.Dataset | Forcing | None = None,
    ) -> xr.DataArray:
        """Quantiles of the runs' discharge at these levels, (quantile, time, gauge) m3 s-1.

        ValueError for a level that is not between 0 and 1.
        """
        chosen = np.atleast_1d(levels)
        if not chosen.size or not all(0 <= level <= 1 for level in chosen):
            raise ValueError(f"levels of quantiles lie between 0 and 1, not {chosen.tolist()}")
        members = self.members(forcing)
        # without gaps all at once: else xarray looks for them series by series
        skip = None if members.isnull().any() else False
        found = members.quantile(chosen, "member", skipna=skip).astype(np.float32)
        return found.rename("discharge").assign_attrs(export.DISCHARGE)

    def scores_of_members(
        self, forcing: Forcing | None, observed: pd.DataFrame, factors: pd.Series | None
    ) -> pd.DataFrame | None:
        """CRPS, coverage and width of the central 90 % of the runs, see `evaluation.spread`; None
        of a single run."""
        if len(self.runs) < 2:
            return None
        found = self.members(forcing).sel(gauge=list(observed.columns))
        count = self.model.steps_a_day
        if count > 1 and steps_a_day(pd.DatetimeIndex(observed.index)) == 1:
            found = found.coarsen(time=count, coord_func="min").mean()
        values = found.sel(time=observed.index).values
        values = values if factors is None else values * factors[observed.columns].to_numpy()
        return spread.table(values, observed)

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


@dataclass(frozen=True, eq=False)
class _Flows:
    """Discharge (M, T, G) of all runs as they were last simulated: with their own forcing, when
    the ensemble had this `mark`, or with another one."""

    mark: tuple | None = None
    forcing: Forcing | None = None
    values: torch.Tensor | None = None

    def are_of(self, mark: tuple, forcing: Forcing | None) -> bool:
        """Whether they are those of the ensemble as it is."""
        if self.values is None or self.forcing is not forcing:
            return False
        return forcing is not None or self.mark == mark


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
        name: value
        for name, value in about.items()
        if name not in ("seed", "storage_drift", "kept_epoch")
    } | {"network": network}


def seeds(folder: Path) -> list[Path]:
    """Finished runs of an ensemble, in the order of their seeds."""
    found = [p for p in folder.glob("seed-*") if p.name.removeprefix("seed-").isdecimal()]
    found = [path for path in found if finished(path)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("seed-")))


def refuse_several(folder: Path) -> None:
    """ValueError for the folder of an ensemble, where one run is asked for."""
    if members := seeds(folder):
        raise ValueError(f"{folder} holds an ensemble: name one of its runs, {members[0]}")
