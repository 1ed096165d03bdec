"""A trained model and its forcing: maps, series, scores, and all of it on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.base import ranks
from gridhydro.base.arguments import required
from gridhydro.base.exchange import as_one
from gridhydro.base.periods import as_texts
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.history import History
from gridhydro.inputs.stream import Stream
from gridhydro.io import export
from gridhydro.model import run_folder, streamed, transfer
from gridhydro.model.assimilation import Assimilated, Errors, assimilate
from gridhydro.model.base import CellModel
from gridhydro.model.basin_groups import mean_parameters
from gridhydro.model.continued import Stops, refuse_unfit
from gridhydro.model.drift import Drift
from gridhydro.model.kept_simulation import mark_of, simulate_record
from gridhydro.model.reduced import Wanted
from gridhydro.model.run_gis import parameters_on
from gridhydro.model.run_notebook import run_html
from gridhydro.model.scored import Scored
from gridhydro.model.sensitivity import Place, sensitivity
from gridhydro.model.state import Simulation, State
from gridhydro.observations.averages import Averages

# what is exported unless other fluxes or states are named
FLUXES = ("runoff", "actual_evapotranspiration", "snow_water_equivalent", "soil_moisture")


@dataclass
class Run(Scored):
    """model, forcing (packed), history (epoch, loss, seconds), about: all settings of the run.

    Its own forcing is simulated once: scores, series, storage and targets read that one
    simulation, see `simulation`.
    """

    model: CellModel
    forcing: Forcing | None
    history: pd.DataFrame
    about: dict

    def __repr__(self) -> str:
        last = f", last loss {self.history['loss'].iloc[-1]:.4g}" if len(self.history) else ""
        drift = f"\n  {self.drift}" if self.drift else ""
        return f"Run of {self.model!r}\n  {len(self.history)} epochs{last}{drift}"

    def _repr_html_(self) -> str:
        return run_html(self)

    @classmethod
    def of(cls, model: CellModel, forcing: xr.Dataset | Forcing) -> Run:
        """A model as it stands, not trained: with parameters that are given, say, to simulate."""
        record = _taken(forcing, model)
        return cls(model.eval(), record, pd.DataFrame(), model.options | {"gauges": []})

    @property
    def parameters(self) -> xr.Dataset:
        """Maps of all parameters, (y, x): the mean over the components, and days if they change."""
        domain, values = self.model.domain, self.mean_parameters()
        return xr.Dataset(
            {f.name: domain.unpack(values[f.name], f.name, f.attrs) for f in self.model.fields}
        )

    def mean_parameters(self) -> dict[str, np.ndarray]:
        """Name -> (N,), as `parameters`."""
        model = self.model.eval()
        if not model.network.reads_weather:
            with torch.no_grad():
                values = model.cell_parameters()
            return {f.name: values[f.name].mean(-1).cpu().numpy() for f in model.fields}
        return mean_parameters(model, self.record())

    def to_geodataframe(self, layer: str = "cells", polygons=None, names: str | None = None):
        """A layer of the domain (see `Domain.to_geodataframe`) with the parameters of its cells, or
        of lumped basins, as columns.

        polygons  of lumped basins, for layer="basins": a file or GeoDataFrame, see
                  `basins.from_polygons`
        names     column that names them
        """
        return parameters_on(self, layer, polygons, names)

    def record(self, forcing: xr.Dataset | Forcing | None = None) -> Forcing:
        """The forcing to simulate with: its own, or another one as its model takes it.

        ValueError for a run without forcing, and for one that the model cannot take.
        """
        forcing = self.forcing if forcing is None else forcing
        if forcing is None:
            raise ValueError("this run was loaded without its forcing: give it to Run.load or here")
        return _taken(forcing, self.model)

    def mark(self) -> tuple:
        """All that a simulation of its forcing depends on: weights, forcing, and how it starts."""
        start = [self.about.get(name) for name in ("period", "spinup", "start")]
        return mark_of(self.model, self.forcing, self.cycles, self.balanced, str(start))

    def simulate_anew(
        self, outputs: Sequence[Wanted], averages: Averages | None, forcing: Forcing | None
    ) -> Simulation:
        """A simulation on the CPU of which nothing is kept; see `simulation`."""
        return simulate_record(self, self.record(forcing), outputs, averages)

    @property
    def drift(self) -> str | None:
        """A line on how the water stored drifted over the training period; None if not known."""
        found = self.about.get("storage_drift")
        return None if found is None else Drift(**found).line

    @property
    def cycles(self) -> int:
        """Runs over the record before it is run, as in training."""
        return self.about.get("spinup_cycles", 0)

    @property
    def balanced(self) -> bool:
        """Whether it starts near equilibrium, as in training."""
        return self.about.get("start") == "equilibrium" and bool(self.model.column.balancing)

    @property
    def settled(self) -> bool:
        """Whether its stores begin where runs over the record would bring them, as in training."""
        return self.about.get("start") in ("settled", "equilibrium") and not self.balanced

    @property
    def whole(self) -> bool:
        """Whether all cells are run at once; otherwise lumped basins come a few at a time."""
        return bool(self.cycles) or self.balanced or not self.model.domain.lumped

    def trained_until(self, forcing: Forcing) -> int:
        """Days of the record up to the end of the training, all where it has none of them: those
        that `cycles` go over."""
        end = self.about["period"][1]
        return forcing.times.slice_indexer(None, end).stop or len(forcing.times)

    def near_equilibrium(self, record: torch.Tensor) -> State:
        """The state to start from, found in the first days of a record (F, T, N)."""
        days = self.about["spinup"] * self.model.steps_a_day
        first = record[:, :days].to(self.model.area)
        return self.model.near_equilibrium(first.contiguous())

    @overload
    def simulate(
        self,
        forcing: xr.Dataset | Forcing | None = None,
        outputs: Sequence[str] | None = None,
        *,
        period: tuple[str, str] | None = None,
        state: State | None = None,
    ) -> xr.Dataset: ...

    @overload
    def simulate(
        self,
        forcing: xr.Dataset | Forcing | None = None,
        outputs: Sequence[str] | None = None,
        *,
        period: tuple[str, str] | None = None,
        state: State | None = None,
        save_state: Sequence | str,
    ) -> tuple[xr.Dataset, dict[str, State]]: ...

    @overload
    def simulate(
        self,
        forcing: xr.Dataset | Forcing | None = None,
        outputs: Sequence[str] | None = None,
        *,
        period: tuple[str, str] | None = None,
        state: State | None = None,
        out: str | Path,
        block: str | int = "year",
        progress: bool = True,
    ) -> Path: ...

    @overload
    def simulate(
        self,
        forcing: xr.Dataset | Forcing | None = None,
        outputs: Sequence[str] | None = None,
        *,
        period: tuple[str, str] | None = None,
        state: State | None = None,
        save_state: Sequence | str,
        out: str | Path,
        block: str | int = "year",
        progress: bool = True,
    ) -> tuple[Path, dict[str, State]]: ...

    def simulate(
        self, forcing=None, outputs=None, *, period=None, state=None, save_state=None, out=None,
        block="year", progress=True,
    ):  # fmt: skip
        """Daily fluxes and states (time, y, x) and discharge (time, gauge), from the first day on.

        forcing  another period or another climate; that of the training if left out
        outputs  names of fluxes and states of the column, of parameters that change by day, which
                 are means over the components, and of rivers with lakes or withdrawals
        period   two dates, months or years, both ends included: what is returned or written; the
                 days before it only fill the stores. All days of the forcing if left out
        state    a `State` that an earlier call has saved, of the day before the forcing begins: the
                 run goes on from it to the last bit as if it had not been cut. Without one it
                 begins as in the training, and there is a warning of days on which stores still
                 fill
        save_state  days at whose end the state is kept, anywhere in the forcing: the result is then
                 series and states, these by their date "YYYY-MM-DD"
        out      where the series are written as they come, instead of being held in memory: a Zarr
                 store NAME.zarr, or a folder of NetCDF files. One file NAME.nc is held in memory
                 first. The path is returned; states are beside it, NAME-state-YYYY-MM-DD.nc
        block    days that are in memory at once, and in a NetCDF file: "year", "month", or so many
        progress  whether a bar is shown

        With `out` memory does not depend on how many days there are, if the forcing is not in
        memory either (`Forcing.open`); the numbers are the same to the last bit. The same call goes
        on where an earlier one was stopped or killed: what is under way lies in OUT.unfinished.
        There, of a forcing that stays in its file, the first and the last block that are written
        are compared with it, else all.
        Processes that torchrun started, or that are in a group of torch.distributed, share it: all
        of them have to call it. Each simulates some of the rivers, or some of the basins, and
        writes some of the chunks of the store, which is that of one process to the last bit (to
        rounding where a network reads the weather of a raster, or a correction its cells); however
        many go on with it. A folder of NetCDF files is for one process.
        A correction that looks ahead changes the last days of a forcing without those that follow:
        a state of its last day is not that of a longer one.
        ValueError where `out` is there already, for what is under way there of another model,
        forcing or choice of days, and for a state of another model, other cells or another day.
        """
        outputs = (outputs,) if isinstance(outputs, str) else outputs
        outputs = self.usual_outputs if outputs is None else tuple(dict.fromkeys(outputs))
        for name in outputs:  # what there is not is told before anything is run
            self.model.output(name)
        record = self.record(forcing)
        days = slice(0, len(record.times)) if period is None else record.between(*as_texts(period))
        dates = () if save_state is None else save_state
        series: Path | xr.Dataset
        if state is None:
            self.say_where_cold(record.times, days)
        else:
            refuse_unfit(state, self.model, record)
        with nullcontext() if out is None else ranks.sharing():
            if out is not None and Path(out).suffix != ".nc":
                dates = Stops.of(dates, record.times).dates(record.times)
                series, states = (
                    Path(out),
                    streamed.simulate_into(
                        self, record, outputs, Path(out), days, block, progress, state, dates
                    ),
                )
            else:
                own = forcing is None
                found, states = self._in_memory(record, own, outputs, days, state, dates)
                series = found
                if out is not None:
                    series = _written(Path(out), found, states)
                    if not ranks.first():
                        dates = Stops.of(dates, record.times).dates(record.times)
                        states = {d: State.from_file(streamed.state_beside(out, d)) for d in dates}
        return series if save_state is None else (series, states)

    def _in_memory(
        self, record: Forcing, own: bool, outputs: Sequence[str], days: slice, state: State | None,
        dates: Sequence,
    ) -> tuple[xr.Dataset, dict[str, State]]:  # fmt: skip
        """Series of these days and states of the dates; what the `own` record gives is kept."""
        states: dict[str, State] = {}

        def keep(date: str, state: State | None) -> None:
            if state is not None:  # of several processes the first has it
                states[date] = state

        stops = Stops.of(dates, record.times, keep)
        there = days
        if state is None and not stops.days:
            found = self.simulation(outputs, forcing=None if own else record)
        else:
            found = simulate_record(self, record, outputs, days=days, state=state, stops=stops)
            there = slice(None)
        series = export.dataset(
            self.model.domain,
            record.times[days],
            [self.model.output(name) for name in outputs],
            {name: found.outputs[name][there].numpy() for name in outputs},
            required("discharge", found.discharge)[there].numpy(),
        )
        return series, states

    @property
    def usual_outputs(self) -> tuple[str, ...]:
        """The fluxes and states that are exported where none are named, those of rivers too."""
        column = self.model.column
        known = {f.name for f in (*column.fluxes, *column.states)}
        own = (name for name in (*FLUXES, column.export) if name in known)
        return (*own, *self.model.of_river)

    def sensitivity(
        self,
        of: str,
        gauge: str | None = None,
        *,
        period: tuple[str, str],
        since: str | None = None,
        by: str = "all",
        relative: bool = False,
        forcing: xr.Dataset | Forcing | None = None,
    ) -> xr.Dataset:
        """Gradients of the mean of an output over a period, as maps (y, x) or by gauge: how much it
        would change with every parameter, every series of the forcing and every store of each cell.

        of       "discharge" at the gauge; or a flux or state of the column, whose mean by area over
                 the cells upstream of the gauge, or over the domain if none is named, is taken
        period   over which it is the mean: two dates, months or years, both ends included
        since    the day from which weather counts and at whose beginning the stores are; a year
                 before the period if left out
        by       how days of the forcing are put together: "all" of them in one map, or a map for
                 each "year", "month" or "day" (time, y, x)
        relative False: unit of the output for one unit more, on every day; the fraction of the
                 output for one times more (an elasticity), of all that is not in degC, otherwise
        forcing  as for `simulate`

        Parameters shift together in all components, and on all days where they change by day. What
        a network reads off the weather stays as it is when weather changes. Water behind a unit
        hydrograph is none of the stores, and a correction sees no day after the period. It is one
        backward pass over the days from `since` on, all of which are in memory. To first order:
        where a store is empty, or water runs over, a large change does something else.
        ValueError for a gauge, an output or a day that there is not, and for a model without a
        column.
        """
        place = Place(of, gauge, as_texts(period), since)
        return sensitivity(self, place, by, relative, forcing)

    def assimilate(
        self,
        discharge,
        window: tuple[str, str],
        *,
        store_error: float = 0.5,
        discharge_error: float = 0.1,
        steps: int = 50,
        forcing: xr.Dataset | Forcing | None = None,
    ) -> Assimilated:
        """The stores fitted to the discharge of the last weeks, through the adjoint: its `state`,
        at the end of the window, is where a forecast begins.

        discharge  observations as for `evaluate`, of some or all gauges, with gaps or without
        window     two dates, both ends included: the days that are fitted. Stores at its beginning
                   are multiplied by factors, of each store in the area of each gauge
        store_error  standard deviation of the logarithm of a factor: at 0.5, a store is as likely
                   as not within 0.7 to 1.4 times what it was taken to be
        discharge_error  standard deviation of an observation, as a fraction of it
        steps      of the minimization (L-BFGS)
        forcing    as for `simulate`, up to the end of the window at least; its days before the
                   window fill the stores

        The window is in memory at once. Cells above no gauge, parameters and weather stay as they
        are. ValueError for a window without observations or days before it.
        """
        errors = Errors(store_error, discharge_error)
        return assimilate(self, discharge, as_texts(window), errors, steps, forcing)

    def predict(
        self,
        basins: xr.Dataset,
        outputs: Sequence[str] = (),
        *,
        names: Sequence[str] | None = None,
        pet: str | None = None,
        history: History | xr.Dataset | None = None,
    ) -> xr.Dataset:
        """Daily discharge (time, gauge) of basins that the run was not trained on.

        basins   a basins Dataset (see `gridhydro.io`): forcing (time, gauge), the attributes that
                 the network was trained with (gauge), the coordinate `area` in km2
        outputs  names of fluxes and states to return as well
        names    of some of the basins
        pet      method of the potential evapotranspiration, or "given" to take that of the basins;
                 that of the training if left out
        history  of network "gz": Dataset (time, gauge) of what it reads beside the forcing of the
                 basins, over the same period as in training; or a `History` of another period
        Missing attributes are taken as the mean of the training, with a warning.
        """
        return self.transferred(basins, names, pet, history).simulate(outputs=outputs)

    def transferred(
        self,
        basins: xr.Dataset,
        names: Sequence[str] | None = None,
        pet: str | None = None,
        history: History | xr.Dataset | None = None,
    ) -> Run:
        """The same run for other lumped basins; see `predict`."""
        basins = basins if names is None else basins.sel(gauge=list(names))
        method = pet or self.about.get("pet") or "given"
        model, weather = transfer.carried_over(self.model, basins, method, history)
        forcing = Forcing.read(weather, model.domain, model)
        return Run(model, forcing, self.history, self.about)

    def save(
        self,
        folder: str | Path,
        *,
        scores: pd.DataFrame | None = None,
        discharge=None,
        outputs: Sequence[str] | None = None,
    ) -> None:
        """Everything on disk: model, maps, series, scores, figures, and what it takes to repeat.

        scores     tables of `evaluate`; those of all its calls so far if left out
        discharge  observations, drawn beside the simulated hydrographs and written beside them
        outputs    names of fluxes and states, as for `simulate`

        Scores go to metrics.csv, discharge to discharge.csv (and discharge_observed.csv), what the
        columns of all tables are to columns.csv. Fluxes of rasters over many years are saved as
        monthly means, discharge always by day.
        All of a run changes at once: whatever ends the process, the folder holds this run, or what
        it held before.
        """
        scores = self.scores if scores is None else scores
        with run_folder.saving(folder) as part:
            run_folder.write_results(self, part, scores, discharge, outputs)
            self.write_more(part)

    def write_more(self, folder: Path) -> None:
        """Write what a run of another kind has beside all that."""

    def save_model(self, folder: str | Path) -> None:
        """Weights, domain, attributes and settings: what `Run.load` needs."""
        with run_folder.saving(folder) as part:
            run_folder.write(part, self.model, self.about)

    @classmethod
    def load(
        cls, folder: str | Path, forcing: xr.Dataset | Forcing | None = None, column=None
    ) -> Run:
        """A saved run; give the forcing again to simulate and evaluate with it.

        `column` is needed for a column of your own, which is not among those known by name.
        """
        model, history, about = run_folder.read(Path(folder), column)
        record = None if forcing is None else _taken(forcing, model)
        return cls(model, record, history, about)


def _written(out: Path, series: xr.Dataset, states: Mapping[str, State]) -> Path:
    """The file of series, with states beside it; the first of the processes writes."""
    with as_one():
        if ranks.first():
            for date, state in states.items():
                state.to_file(streamed.state_beside(out, date))
            export.write_dataset(out, series)
    return out


def _taken(forcing: xr.Dataset | Forcing, model: CellModel) -> Forcing:
    """A forcing as the model takes it; what stays in its file stays there."""
    if isinstance(forcing, Forcing) and isinstance(forcing.values, Stream):
        return forcing.chosen(model.domain, model)
    return Forcing.read(forcing, model.domain, model, device=model.area.device)


def load(folder: str | Path, forcing: xr.Dataset | Forcing | None = None, column=None) -> Run:
    """A trained run from its folder; see `Run.load`."""
    return Run.load(folder, forcing, column)
