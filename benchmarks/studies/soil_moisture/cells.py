"""Cells of the soil moisture world as a model takes them, and scores of parameters there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from benchmarks.studies.soil_moisture.world import TEST, TRAINING, World
from gridhydro.columns import column
from gridhydro.inputs.forcing import Forcing

NAME = "soil_wetness"
# the soil's water does not depend on what happens below it, as long as nothing rises
BELOW = ("K0", "K1", "K2", "PERC", "UZL")
MIDDLE = {f.name: sum(f.bounds) / 2 for f in column("hbv").parameters}
FIXED = {name: MIDDLE[name] for name in BELOW} | {"C": 0.0}
LEARNED = tuple(name for name in MIDDLE if name not in FIXED)


@dataclass(frozen=True, eq=False)
class Cells:
    """n cells; forcing, observed and evapotranspiration of the truth (time, gauge)."""

    world: World
    cells: np.ndarray
    domain: gh.Domain
    attributes: xr.Dataset
    forcing: xr.Dataset
    observed: xr.DataArray
    evapotranspiration: xr.DataArray

    @classmethod
    def of(cls, world: World, cells: np.ndarray) -> Cells:
        truth = world.truth(cells)
        return cls(
            world, cells, world.domain(cells), world.attributes(cells), world.forcing(cells),
            world.observed(cells, truth), truth["actual_evapotranspiration"],
        )  # fmt: skip

    def only(self, cells: np.ndarray) -> Cells:
        """Some of them."""
        places = np.searchsorted(self.cells, cells)
        if not np.array_equal(self.cells[places], cells):
            raise ValueError("there are cells among these that are not here")
        series = (self.attributes, self.forcing, self.observed, self.evapotranspiration)
        parts = (part.isel(gauge=places) for part in series)
        return Cells(self.world, cells, self.world.domain(cells), *parts)

    @property
    def target(self) -> gh.Target:
        return gh.Target(NAME, self.observed)

    @property
    def past(self) -> xr.Dataset:
        """Forcing and observations of the training period."""
        return self.forcing.assign({NAME: self.observed}).sel(time=slice(*TRAINING))

    @property
    def basins(self) -> xr.Dataset:
        """Forcing, attributes and places in the form of `Run.predict`."""
        gauges = self.domain.gauges
        places = {
            "area": ("gauge", gauges["area_km2"].to_numpy(), {"units": "km2"}),
            "latitude": ("gauge", gauges["y"].to_numpy()),
            "longitude": ("gauge", gauges["x"].to_numpy()),
        }
        return xr.merge([self.forcing, self.attributes]).assign_coords(places)

    def run(self, parameters: dict[str, np.ndarray]) -> gh.Run:
        """HBV under these parameters (n,); those left out are at mid-range."""
        model = gh.Model(self.domain, "hbv", network="none", defaults=parameters, fixed=FIXED)
        forcing = Forcing.read(self.forcing, self.domain, model)
        return gh.Run(model, forcing, pd.DataFrame(), {"period": list(TRAINING)})

    def scores(self, parameters: dict[str, np.ndarray]) -> pd.DataFrame:
        """Of the test period, a row a cell: scores of soil wetness, and the mean of
        evapotranspiration beside that of the truth, mm yr-1."""
        run, test = self.run(parameters), slice(*TEST)
        table = run.evaluate_target(self.target, TEST).set_index("gauge")
        modelled = run.simulate(outputs="actual_evapotranspiration")["actual_evapotranspiration"]
        for name, series in (("et", modelled), ("et_truth", self.evapotranspiration)):
            table[name] = 365.25 * series.sel(time=test).mean("time").to_series()
        table.insert(0, "cell", self.cells)
        return table.drop(columns=["period", "target", "unit"])


def rmse(simulated: torch.Tensor, observed: torch.Tensor) -> torch.Tensor:
    """Of each cell (n,), of series (T, n) with gaps in what is observed."""
    return (simulated - observed).square().nanmean(0).sqrt()
