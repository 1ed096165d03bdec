"""A trained model and its forcing: scores, maps, series, and all of it on disk."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch
import xarray as xr
from safetensors.torch import load_file, save_file

from gridhydro import checkpoint, export, metrics, plot
from gridhydro.domain import Domain
from gridhydro.forcing import Forcing
from gridhydro.model import Model, Simulation
from gridhydro.observed import discharge_table
from gridhydro.river import River

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

    @property
    def parameters(self) -> xr.Dataset:
        """Maps of all parameters, (y, x); the mean over the components."""
        with torch.no_grad():
            values = self.model.cell_parameters()
        domain = self.model.domain
        return xr.Dataset(
            {
                field.name: domain.unpack(
                    values[field.name].mean(-1).cpu().numpy(), field.name, field.attrs
                )
                for field in self.model.fields
            }
        )

    @torch.no_grad()
    def _simulation(self, forcing, outputs: Sequence[str]) -> tuple[Forcing, Simulation]:
        device = self.model.area.device
        forcing = self.forcing if forcing is None else forcing
        if forcing is None:
            raise ValueError("this run was loaded without its forcing: give it to Run.load or here")
        forcing = Forcing.read(forcing, self.model.domain, self.model.column, device=device)
        cycles, end = self.about.get("spinup_cycles", 0), self.about["period"][1]
        # as in training: over the days up to the end of its period, where the forcing has them
        until = forcing.times.slice_indexer(None, end).stop or len(forcing.times)
        before = forcing.values[:, :until]
        state = self.model.spin_up(before, cycles) if cycles else None
        return forcing, self.model(forcing.values, state, outputs)

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
            [self.model.column.output(name) for name in outputs],
            {name: value.cpu().numpy() for name, value in simulation.outputs.items()},
            simulation.discharge.cpu().numpy(),
        )

    def _outputs(self, outputs) -> tuple[str, ...]:
        if outputs is not None:
            return tuple(outputs)
        column = self.model.column
        known = {f.name for f in (*column.fluxes, *column.states)}
        return tuple(name for name in FLUXES if name in known)

    def evaluate(
        self, discharge, period: tuple[str, str], forcing: xr.Dataset | None = None, name: str = ""
    ) -> pd.DataFrame:
        """Scores of every gauge with observations in the period, one row each.

        The simulation starts on the first day of the forcing, with the column's initial stores
        (or after the `spinup_cycles` of the training): leave a year or so before the period for
        them to fill. The column `gauge_use` says whether a gauge was trained on.
        """
        simulated = self.discharge(forcing)
        observed = discharge_table(discharge, self.model.domain)
        sites = [site for site in simulated if site in observed]
        if not sites:
            raise ValueError(
                f"none of the gauges {', '.join(simulated)} has observed discharge, which is given "
                f"for {', '.join(observed)}"
            )
        first, last = map(str, period)
        if simulated.loc[first:last].empty:
            raise ValueError(
                f"nothing is simulated from {first} to {last}: the forcing goes from "
                f"{simulated.index[0]:%Y-%m-%d} to {simulated.index[-1]:%Y-%m-%d}"
            )
        simulated = simulated.loc[first:last, sites]
        observed = observed[sites].reindex(simulated.index)
        table = metrics.table(simulated, observed, name or f"{first} to {last}")
        trained = set(self.about.get("gauges", ()))
        use = ["trained" if site in trained else "held out" for site in table["site"]]
        table.insert(2, "gauge_use", use)
        return table

    def save(self, folder: str | Path, *, scores=None, discharge=None, outputs=None) -> None:
        """Everything on disk: model, maps, series, scores, figures, and what it takes to repeat.

        scores     tables of `evaluate`, written to metrics.csv
        discharge  observations, drawn beside the simulated hydrographs
        """
        folder = Path(folder)
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        self.save_model(folder)
        domain, fields = self.model.domain, self.model.fields
        maps = {name: domain.pack(raster) for name, raster in self.parameters.items()}
        export.write_parameters(folder, domain, fields, maps)
        series = self.simulate(outputs=outputs)
        export.write_dataset(folder / "fluxes.nc", series)
        if scores is not None:
            checkpoint.replace(folder / "metrics.csv", lambda p: scores.to_csv(p, index=False))
        history = self.history
        checkpoint.replace(folder / "history.csv", lambda p: history.to_csv(p, index=False))
        self._figures(folder / "figures", maps, series, scores, discharge)

    def _figures(self, folder: Path, maps, series, scores, discharge) -> None:
        domain, fields = self.model.domain, self.model.fields
        if domain.grid is not None:
            plot.save(plot.parameter_maps(domain, maps, fields), folder / "parameters.png")
        if len(self.history):
            plot.save(plot.training_curve(self.history), folder / "training.png")
        if discharge is not None:
            simulated = series["discharge"].transpose("time", "gauge").to_pandas()
            observed = discharge_table(discharge, domain).reindex(simulated.index)
            figure = plot.hydrographs(observed, simulated, scores)
            plot.save(figure, folder / "hydrographs.png")

    def save_model(self, folder: str | Path) -> None:
        """Weights, domain, attributes and settings: what `Run.load` needs."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {k: v.detach().cpu().contiguous() for k, v in self.model.state_dict().items()}
        checkpoint.replace(folder / "model.safetensors", lambda p: save_file(tensors, p))
        self.model.domain.to_file(folder / "domain.nc")
        packages = ("gridhydro", "torch", "numba", "numpy", "xarray", "pyflwdir")
        content = {
            "model": self.model.options | {"attributes": list(self.model.network.names)},
            "training": self.about,
            "versions": {name: version(name) for name in packages},
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        }
        text = json.dumps(content, indent=1)
        checkpoint.replace(folder / "run.json", lambda p: p.write_text(text))

    @classmethod
    def load(
        cls, folder: str | Path, forcing: xr.Dataset | Forcing | None = None, column=None
    ) -> Run:
        """A saved run; give the forcing again to simulate and evaluate with it.

        `column` is needed for a column of your own, which is not among those known by name.
        """
        folder = Path(folder)
        if not (folder / "run.json").exists():
            raise FileNotFoundError(
                f"{folder} holds no finished run (run.json is missing): train into it first"
            )
        content = json.loads((folder / "run.json").read_text())
        options = dict(content["model"])
        domain = Domain.from_file(folder / "domain.nc")
        tensors = load_file(folder / "model.safetensors")
        columns = zip(options.pop("attributes"), tensors["attributes"].numpy().T, strict=True)
        options["river"] = River(**options["river"])
        if column is not None:
            options["column"] = column
        model = Model(domain, attributes=dict(columns), **options)
        model.load_state_dict(tensors)
        history = folder / "history.csv"
        table = pd.read_csv(history) if history.exists() else pd.DataFrame()
        if forcing is not None:
            forcing = Forcing.read(forcing, domain, model.column)
        return cls(model, forcing, table, content["training"])
