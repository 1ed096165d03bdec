"""A trained model and its forcing: scores, maps, series, and all of it on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.base import files
from gridhydro.base.periods import as_texts as period_of
from gridhydro.base.units import depth_of_flow
from gridhydro.evaluation import metrics
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.history import History
from gridhydro.io import export
from gridhydro.model import run_figures, run_folder, storage_scores, transfer
from gridhydro.model.model import Model, Simulation
from gridhydro.nets import SequenceParameterization
from gridhydro.observations import target_scores
from gridhydro.observations.discharge import discharge_table
from gridhydro.observations.storage import StorageObservations
from gridhydro.observations.target_series import TargetSeries
from gridhydro.observations.targets import Target

# days x basins that a run of lumped basins holds at once
_BASIN_DAYS = 2**20
# what is exported unless other fluxes or states are named
FLUXES = ("runoff", "actual_evapotranspiration", "snow_water_equivalent", "soil_moisture")


@dataclass
class Run:
    """model, forcing (packed), history (epoch, loss, seconds), about: all settings of the run."""

    model: Model
    forcing: Forcing
    history: pd.DataFrame
    about: dict

    def __repr__(self) -> str:
        last = f", last loss {self.history['loss'].iloc[-1]:.4g}" if len(self.history) else ""
        return f"Run of {self.model!r}\n  {len(self.history)} epochs{last}"

    @classmethod
    def of(cls, model: Model, forcing: xr.Dataset | Forcing) -> Run:
        """A model as it stands, not trained: with parameters that are given, say, to simulate."""
        forcing = Forcing.read(forcing, model.domain, model, device=model.area.device)
        return cls(model.eval(), forcing, pd.DataFrame(), model.options | {"gauges": []})

    @property
    def parameters(self) -> xr.Dataset:
        """Maps of all parameters, (y, x): the mean over the components, and days if they change."""
        return _unpacked(self.model, self._mean_parameters())

    def _mean_parameters(self) -> dict[str, np.ndarray]:
        model = self.model.eval()
        if not isinstance(model.network, SequenceParameterization):
            with torch.no_grad():
                values = model.cell_parameters()
            return {f.name: values[f.name].mean(-1).cpu().numpy() for f in model.fields}
        parts = []
        for cells, forcing in _chunks(model, self._forcing(None)):
            with torch.no_grad():
                values = model.cell_parameters(forcing, cells)
            means = {n: v.mean(-1) if v.ndim == 2 else v.mean((0, -1)) for n, v in values.items()}
            parts.append(means)
        return {f.name: torch.cat([p[f.name] for p in parts]).cpu().numpy() for f in model.fields}

    def _forcing(self, forcing) -> Forcing:
        forcing = self.forcing if forcing is None else forcing
        if forcing is None:
            raise ValueError("this run was loaded without its forcing: give it to Run.load or here")
        device = self.model.area.device
        return Forcing.read(forcing, self.model.domain, self.model, device=device)

    @property
    def cycles(self) -> int:
        """Runs over the record before it is run, as in training."""
        return self.about.get("spinup_cycles", 0)

    @property
    def balanced(self) -> bool:
        """Whether it starts near equilibrium, as in training."""
        return self.about.get("start") == "equilibrium"

    @property
    def whole(self) -> bool:
        """Whether all cells are run at once; otherwise lumped basins come a few at a time."""
        return bool(self.cycles) or self.balanced or not self.model.domain.lumped

    def trained_until(self, forcing: Forcing) -> int:
        """Days of the record up to the end of the training, all where it has none of them: those
        that `cycles` go over."""
        end = self.about["period"][1]
        return forcing.times.slice_indexer(None, end).stop or len(forcing.times)

    def near_equilibrium(self, record: torch.Tensor):
        """The state to start from, found in the first days of a record (F, T, N)."""
        first = record[:, : self.about["spinup"]].to(self.model.area)
        return self.model.near_equilibrium(first.contiguous())

    @torch.no_grad()
    def _simulation(
        self, forcing, outputs: Sequence[str], averages=None
    ) -> tuple[Forcing, Simulation]:
        forcing = self._forcing(forcing)
        self.model.eval()
        if self.whole:
            record, state = forcing.values.to(self.model.area.device), None
            if self.cycles:
                until = self.trained_until(forcing)
                state = self.model.spin_up(record[:, :until], self.cycles, outputs=outputs)
            elif self.balanced:
                state = self.near_equilibrium(record)
            return forcing, self.model(record, state, outputs, averages=averages)
        parts = [
            self.model(weather, None, outputs, cells=cells, averages=averages)
            for cells, weather in _chunks(self.model, forcing)
        ]
        whole = Simulation(
            torch.cat([p.discharge for p in parts], dim=1),
            {name: torch.cat([p.outputs[name] for p in parts], dim=1) for name in outputs},
            None,
            None if averages is None else torch.cat([p.storage for p in parts], dim=1),
        )
        return forcing, whole

    def discharge(self, forcing: xr.Dataset | None = None) -> pd.DataFrame:
        """Discharge at every gauge, m3 s-1, from the first day of the forcing on."""
        forcing, simulation = self._simulation(forcing, ())
        names = self.model.domain.gauges.index
        values = simulation.discharge.cpu().numpy()
        return pd.DataFrame(values, pd.DatetimeIndex(forcing.times, name="time"), list(names))

    def simulate(
        self, forcing: xr.Dataset | None = None, outputs: Sequence[str] | None = None
    ) -> xr.Dataset:
        """Daily fluxes and states (time, y, x) and discharge (time, gauge), from the first day on.

        forcing  another period or another climate; that of the training if left out
        outputs  names of fluxes and states of the column
        """
        outputs = self._outputs([outputs] if isinstance(outputs, str) else outputs)
        forcing, simulation = self._simulation(forcing, outputs)
        return export.dataset(
            self.model.domain,
            forcing.times,
            [self.model.output(name) for name in outputs],
            {name: value.cpu().numpy() for name, value in simulation.outputs.items()},
            simulation.discharge.cpu().numpy(),
        )

    def _outputs(self, outputs) -> tuple[str, ...]:
        if outputs is not None:
            return tuple(outputs)
        column = self.model.column
        known = {f.name for f in (*column.fluxes, *column.states)}
        return tuple(name for name in FLUXES if name in known)

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

    def evaluate(
        self,
        discharge,
        period: tuple[str, str],
        forcing: xr.Dataset | None = None,
        name: str = "",
        simulated: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Scores of every gauge with observations in the period, one row each.

        Errors are in m3 s-1, of lumped basins in mm d-1.

        The simulation starts on the first day of the forcing, with the column's initial stores
        (or after the `spinup_cycles` of the training): leave a year or so before the period for
        them to fill. The column `gauge_use` says whether a gauge was trained on. `simulated`, of
        `discharge`, spares the simulation where several periods are scored.
        """
        simulated = self.discharge(forcing) if simulated is None else simulated
        observed = discharge_table(discharge, self.model.domain)
        sites = [site for site in simulated if site in observed]
        if not sites:
            raise ValueError(
                f"none of the gauges {', '.join(simulated)} has observed discharge, which is given "
                f"for {', '.join(observed)}"
            )
        first, last = period_of(period)
        if simulated.loc[first:last].empty:
            raise ValueError(
                f"nothing is simulated from {first} to {last}: the forcing goes from "
                f"{simulated.index[0]:%Y-%m-%d} to {simulated.index[-1]:%Y-%m-%d}"
            )
        simulated = simulated.loc[first:last, sites]
        observed = observed[sites].reindex(simulated.index)
        if self.model.domain.lumped:  # basins are compared by depth of water
            depth = depth_of_flow(self.model.domain.gauges.loc[sites, "network_area_km2"])
            simulated, observed = simulated * depth, observed * depth
        table = metrics.table(simulated, observed, name or f"{first} to {last}")
        table.insert(2, "gauge_use", self._use(table["site"], "discharge"))
        return table

    def _use(self, sites, fitted: str) -> list[str]:
        """Whether each site was trained on what is called `fitted`."""
        parts = self.about.get("fitted", ("discharge",))
        trained = set(self.about.get("gauges", ())) if fitted in parts else set()
        return ["trained" if site in trained else "held out" for site in sites]

    def storage(self, observations: StorageObservations, forcing=None) -> xr.Dataset:
        """`modelled` and `observed` anomalies of water storage (solution, tile), mm.

        All solutions within the forcing; both relative to their mean over the baseline.
        """
        return storage_scores.anomalies(self, observations, forcing)

    def evaluate_storage(
        self, observations: StorageObservations, period, name: str = "", pairs=None
    ) -> pd.DataFrame:
        """NSE, correlation and RMSE (mm) of every tile over the solutions in the period.

        `pairs`, of `storage`, spares the simulation where several periods are scored.
        """
        pairs = self.storage(observations) if pairs is None else pairs
        return storage_scores.scores(pairs, period, name)

    def evaluate_target(
        self, target: Target, period: tuple[str, str], name: str = "", simulated=None
    ) -> pd.DataFrame:
        """Scores of one target in the period, one row for each cell that is observed there.

        Bias (mean error), ubrmse and rmse are in the unit of the observations (column `unit`);
        correlation, nse and kge have none. Of lumped basins `gauge_use` says whether the target was
        trained on there. The simulation starts on the first day of the forcing.
        `simulated`, of `target_series`, spares it where several periods are scored.
        """
        seen, values = self.target_series(target) if simulated is None else simulated
        first, last = period_of(period)
        days = seen.series.between(first, last)
        label = name or f"{first} to {last}"
        table = target_scores.scores(seen, values, self.model.domain, days, label)
        if self.model.domain.lumped:
            table.insert(2, "gauge_use", self._use(table["site"], target.name))
        return table

    def target_series(self, target: Target) -> tuple[TargetSeries, np.ndarray]:
        """The observations of a target on the days of the forcing, and the column's output at the
        same cells, (T, K)."""
        forcing = self._forcing(None)
        seen = TargetSeries.read(target, self.model, forcing.times)
        _, run = self._simulation(forcing, (target.name,))
        return seen, run.outputs[target.name].cpu()[:, seen.cells].numpy()

    def save(self, folder: str | Path, *, scores=None, discharge=None, outputs=None) -> None:
        """Everything on disk: model, maps, series, scores, figures, and what it takes to repeat.

        scores     tables of `evaluate`, written to metrics.csv
        discharge  observations, drawn beside the simulated hydrographs

        Fluxes of rasters over many years are saved as monthly means, discharge always by day.
        """
        folder = Path(folder)
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        self.save_model(folder)
        domain, fields = self.model.domain, self.model.fields
        maps = self._mean_parameters() if fields else {}
        if fields:
            export.write_parameters(folder, domain, fields, maps)
        series = self.simulate(outputs=outputs)
        export.write_series(folder, series)
        if scores is not None:
            files.replace(folder / "metrics.csv", lambda p: scores.to_csv(p, index=False))
        if len(history := self.history):  # without columns there would be nothing to read again
            files.replace(folder / "history.csv", lambda p: history.to_csv(p, index=False))
        run_figures.draw(
            folder / "figures", domain, fields, maps, series, history, scores, discharge
        )

    def save_model(self, folder: str | Path) -> None:
        """Weights, domain, attributes and settings: what `Run.load` needs."""
        run_folder.write(Path(folder), self.model, self.about)

    @classmethod
    def load(
        cls, folder: str | Path, forcing: xr.Dataset | Forcing | None = None, column=None
    ) -> Run:
        """A saved run; give the forcing again to simulate and evaluate with it.

        `column` is needed for a column of your own, which is not among those known by name.
        """
        model, history, about = run_folder.read(Path(folder), column)
        if forcing is not None:
            forcing = Forcing.read(forcing, model.domain, model)
        return cls(model, forcing, history, about)


def load(folder: str | Path, forcing: xr.Dataset | Forcing | None = None, column=None) -> Run:
    """A trained run from its folder; see `Run.load`."""
    return Run.load(folder, forcing, column)


def _chunks(model, forcing: Forcing) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Lumped basins a few at a time, with their forcing: a network's series are large."""
    count = max(1, _BASIN_DAYS // len(forcing.times))
    for first in range(0, forcing.size, count):
        cells = torch.arange(first, min(first + count, forcing.size))
        values = forcing.values[:, :, first : first + count].contiguous().to(model.area.device)
        yield cells.to(values.device), values


def _unpacked(model, values) -> xr.Dataset:
    domain = model.domain
    return xr.Dataset(
        {f.name: domain.unpack(values[f.name], f.name, f.attrs) for f in model.fields}
    )
