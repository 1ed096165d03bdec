"""The base of runs and ensembles: one simulation, compared with all that is observed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.arguments import required
from gridhydro.base.periods import as_texts as period_of
from gridhydro.base.periods import days as days_of
from gridhydro.base.steps import day_means
from gridhydro.base.units import depth_of_flow
from gridhydro.base.words import Advice
from gridhydro.evaluation import metrics
from gridhydro.inputs.forcing import Forcing
from gridhydro.model import storage_scores
from gridhydro.model.base import CellModel
from gridhydro.model.kept_simulation import Kept
from gridhydro.model.reduced import AtCells, Wanted
from gridhydro.model.state import Simulation
from gridhydro.observations import target_scores
from gridhydro.observations.averages import Averages
from gridhydro.observations.discharge import compared, discharge_table
from gridhydro.observations.storage import StorageObservations
from gridhydro.observations.target_series import TargetSeries
from gridhydro.observations.targets import Target

WARMUP = 365  # days that stores take to fill, as most published models are given
_READY = ("settled", "equilibrium")  # starts with stores that are full


@dataclass
class Scored:
    """A run, or the mean of several: simulated once, and compared with what is observed.

    A class of it has `model`, `forcing`, `about`, `record`, `mark` and `simulate_anew`.
    """

    if TYPE_CHECKING:  # fields of a run, properties of an ensemble

        @property
        def model(self) -> CellModel: ...

        @property
        def about(self) -> dict: ...

    kept: Kept = field(default_factory=Kept, init=False, repr=False, compare=False)

    def record(self, forcing: xr.Dataset | Forcing | None = None) -> Forcing:
        """The forcing to simulate with: its own, or another one as its model takes it."""
        raise NotImplementedError

    def mark(self) -> tuple:
        """All that a simulation of its own forcing depends on."""
        raise NotImplementedError

    def simulate_anew(
        self, outputs: Sequence[Wanted], averages: Averages | None, forcing: Forcing | None
    ) -> Simulation:
        """A simulation on the CPU of which nothing is kept; see `simulation`."""
        raise NotImplementedError

    def simulation(
        self,
        outputs: Sequence[Wanted] = (),
        averages: Averages | None = None,
        forcing: xr.Dataset | Forcing | None = None,
    ) -> Simulation:
        """Discharge (T, G) m3 s-1 and `outputs` (T, N) from the first day of the forcing on, and
        with `averages` the water stored as means over their periods, (R, N) mm; on the CPU.

        Where the daily series of all cells are too large, ask for `model.reduced.AtCells` or
        `Monthly` of an output; what comes of it has that for its key.
        Of its own forcing all is kept until the weights change, or `forget`: what is asked for
        again is not simulated again, what is asked for beside is simulated once more and kept too.
        Ask for all at once where several things are wanted. Of storage the last periods are kept.
        """
        outputs = tuple(dict.fromkeys(outputs))
        if forcing is not None:
            return self.simulate_anew(outputs, averages, self.record(forcing))
        kept = self.kept.at(self.mark())
        lacking, known = kept.lacking(outputs), kept.has_means(averages)
        if kept.simulation is None or lacking or not known:
            wanted = None if known else averages
            kept.add(self.simulate_anew(lacking, wanted, None), wanted)
        return kept.part(outputs, averages)

    def forget(self) -> None:
        """Let go of what was simulated, and of the scores of it."""
        self.kept = Kept()

    def discharge(self, forcing: xr.Dataset | Forcing | None = None) -> pd.DataFrame:
        """Discharge at every gauge, m3 s-1, from the first day of the forcing on."""
        record = self.record(forcing)
        found = self.simulation(forcing=None if forcing is None else record)
        index = pd.DatetimeIndex(record.times, name="time")
        values = required("discharge", found.discharge).numpy()
        return pd.DataFrame(values, index, list(self.model.domain.gauges.index))

    @property
    def scores(self) -> pd.DataFrame | None:
        """All tables of `evaluate` so far, of the run as it is; None without any."""
        tables = list(self.kept.at(self.mark()).scores.values())
        return pd.concat(tables, ignore_index=True) if tables else None

    @property
    def periods(self) -> dict[str, tuple[str, str]]:
        """First and last day of the training and of what was scored so far, by name."""
        trained = self.about.get("period")
        found = {} if trained is None else {"training": days_of(period_of(trained))}
        for name, days in self.kept.at(self.mark()).periods.items():
            if days != found.get("training"):
                found[name] = days
        return found

    def hydrographs(self, discharge, gauges: Sequence[str] | None = None, log: bool = False):
        """Observed and simulated discharge, with flow duration and monthly climatology: a figure.

        discharge  observations, as for `evaluate`, whose scores so far choose and name the gauges
        gauges     names; six from the best to the worst if left out
        log        discharge on axes of logarithms
        """
        from gridhydro.evaluation.plot_hydrographs import hydrographs

        observed, simulated = compared(discharge, self.discharge(), self.model.domain)
        observed = observed.reindex(simulated.index)
        return hydrographs(
            observed, simulated, self.scores, periods=self.periods, gauges=gauges, log=log
        )

    def evaluate(
        self,
        discharge,
        period: tuple[str, str],
        forcing: xr.Dataset | Forcing | None = None,
        name: str = "",
    ) -> pd.DataFrame:
        """Scores of every gauge with observations in the period, one row each.

        Errors are in the `unit` of the table: m3 s-1, of lumped basins mm d-1. bias is simulated
        minus observed, percent_bias that in percent of what is observed.

        The simulation starts on the first day of the forcing, with the stores as the spin-up of the
        training has them. Where those are the column's initial ones, leave a year or so before the
        period for them to fill: there is a warning of less. The column `gauge_use` says whether a
        gauge was trained on. `name` is that of the period in the table. With its own forcing the
        scores are kept for `Run.save`.
        """
        domain = self.model.domain
        count = self.model.steps_a_day
        observed = discharge_table(discharge, domain, steps_a_day=count)
        gauges = [gauge for gauge in domain.gauges.index if gauge in observed]
        if not gauges:
            raise ValueError(
                f"none of the gauges {', '.join(domain.gauges.index)} has observed discharge, "
                f"which is given for {', '.join(observed)}"
            )
        first, last = period_of(period)
        record = None if forcing is None else self.record(forcing)
        times = self.record(record).times
        if times[slice(*times.slice_locs(first, last))].empty:
            raise ValueError(
                f"nothing is simulated from {first} to {last}: the forcing goes from "
                f"{times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}"
            )
        flow, unit, depth = self.discharge(record), "m3 s-1", None
        if count > 1:
            observed, flow = compared(discharge, flow, domain)
        simulated = flow.loc[first:last, gauges]
        observed = observed[gauges].reindex(simulated.index)
        if domain.lumped:  # basins are compared by depth of water
            depth, unit = depth_of_flow(domain.gauges.loc[gauges, "network_area_km2"]), "mm d-1"
            simulated, observed = simulated * depth, observed * depth
        self._say_where_stores_fill(times, first)
        label = name or f"{first} to {last}"
        table = metrics.table(simulated, observed, label, unit)
        table.insert(2, "gauge_use", self.gauge_use(table["gauge"], "discharge"))
        more = self.scores_of_members(record, observed, depth)
        table = table if more is None else table.merge(more, "left", "gauge")
        if forcing is None:
            self.kept.note(label, table, days_of((first, last)))
        return table

    def scores_of_members(
        self, forcing: Forcing | None, observed: pd.DataFrame, factors: pd.Series | None
    ) -> pd.DataFrame | None:
        """More scores of each gauge (column) of the observations, of an ensemble: from discharge in
        m3 s-1 times `factors`, with the forcing or the own one. None where there are none."""
        return None

    def _say_where_stores_fill(self, times: pd.DatetimeIndex, first) -> None:
        """Warn of a period that is scored while the stores fill, from empty ones."""
        before = (pd.Timestamp(first) - times[0]).days
        if not self._begins_full and before < WARMUP:
            day, start = max(before, 0) + 1, pd.Timestamp(first)
            what = (
                f"the period from {start:%Y-%m-%d} is scored from day {day} of a run that begins "
                f"with empty stores, on {times[0]:%Y-%m-%d}: its first year is worse while they "
                "fill"
            )
            later, settled = "Begin the period a year after the record", ("", "")
            # what else helps, of a training that takes it: not of minibatches or a calibration
            if "start" in self.about and not self.about.get("batches"):
                settled = "SpinUp(start='settled')", 'spinup = { start = "settled" } in its file'
            remedies = [later + (f", or train with {one}" if one else "") for one in settled]
            warnings.warn(Advice(what, *remedies), stacklevel=3)

    @property
    def _begins_full(self) -> bool:
        """Whether its stores begin as if there had been days before."""
        return bool(self.about.get("spinup_cycles")) or self.about.get("start") in _READY

    def say_where_cold(self, times: pd.DatetimeIndex, days: slice) -> None:
        """Warn of days of a record that are simulated while the stores fill: from empty ones, or
        from those that less than a year would bring them to."""
        column = self.model.column
        filling = column.states or self.model.network.reads_weather
        count = self.model.steps_a_day
        if not filling or days.start >= min(WARMUP * count, len(times)):
            return
        if not (self._begins_full and column.states):
            what = "with empty stores" if column.states else "without a memory of the days before"
        elif len(times) < WARMUP * count:
            alone = f"its {len(times) // count} days alone"
            what = f"with stores as {alone}, again and again, would fill them"
        else:
            return
        told = (
            f"the run begins {what}, on {times[0]:%Y-%m-%d}: its first year is worse while they "
            f"fill, and {times[days.start]:%Y-%m-%d} is day {days.start // count + 1} of it"
        )
        remedies = [
            f"Give the state of the day before ({state}, which {save} of an earlier run keeps), or "
            f"{weather} that begins a year earlier, and {period}"
            for state, save, weather, period in (
                ("state=", "save_state=", "a forcing", "period="),
                ("--state", "--save-state", "weather (--forcing)", "--period"),
            )
        ]
        warnings.warn(Advice(told, *remedies), stacklevel=3)

    def gauge_use(self, gauges, fitted: str) -> list[str]:
        """Whether each gauge was "trained" on what is called `fitted`, or "held out"."""
        parts = self.about.get("fitted", ("discharge",))
        trained = set(self.about.get("gauges", ())) if fitted in parts else set()
        return ["trained" if gauge in trained else "held out" for gauge in gauges]

    def storage(self, observations: StorageObservations, forcing=None) -> xr.Dataset:
        """`modelled` and `observed` anomalies of water storage (solution, tile), mm.

        All solutions within the forcing; both relative to their mean over the baseline.
        """
        return storage_scores.anomalies(self, observations, forcing)

    def evaluate_storage(
        self, observations: StorageObservations, period: tuple[str, str], name: str = ""
    ) -> pd.DataFrame:
        """NSE, correlation and RMSE (mm) of every tile over the solutions in the period."""
        self._say_where_stores_fill(self.record().times, period_of(period)[0])
        return storage_scores.scores(self.storage(observations), period, name)

    def target_series(self, target: Target) -> tuple[TargetSeries, np.ndarray]:
        """The observations of a target on the days of the forcing, and the column's output at the
        same cells, (T, K)."""
        observed = TargetSeries.read(target, self.model, self.record().times)
        wanted = at_target(observed)
        return observed, self.simulation((wanted,)).outputs[wanted].numpy()

    def evaluate_target(
        self, target: Target, period: tuple[str, str], name: str = ""
    ) -> pd.DataFrame:
        """Scores of one target in the period, one row for each cell that is observed there.

        bias (simulated minus observed), ubrmse and rmse are in the unit of the observations (column
        `unit`), percent_bias in percent of their mean; correlation, nse and kge have none. The
        column `cell` names the cells of a raster, `gauge` lumped basins, of which `gauge_use` says
        whether the target was trained on there.
        """
        observed, values = self.target_series(target)
        first, last = period_of(period)
        self._say_where_stores_fill(self.record().times, first)
        days = observed.series.between(first, last)
        count = self.model.steps_a_day
        if count > 1:
            observed, values = observed.by_day(), day_means(values, count)
            days = slice(days.start // count, days.stop // count)
        label = name or f"{first} to {last}"
        table = target_scores.scores(observed, values, self.model.domain, days, label)
        if self.model.domain.lumped:
            table.insert(2, "gauge_use", self.gauge_use(table["gauge"], target.name))
        return table


def at_target(observed: TargetSeries) -> AtCells:
    """What is asked of a run to compare it with a target."""
    return AtCells(observed.name, tuple(observed.cells.tolist()))
