"""A generated world of 160 x 256 cells whose soil moisture is observed from space.

Truth comes from HydroPy under hidden properties and parameters. The model that is to fit it is
another one, so that no parameters make it right. One seed gives one world; nothing of the size of
cells x days is ever held: ask for the cells that are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from scipy.special import ndtri

import gridhydro as gh
from benchmarks.studies.soil_moisture.land import CELL, UNITS, Land, make_land
from benchmarks.studies.soil_moisture.weather import TIMES, Weather, forcing, make_weather
from gridhydro.columns import column
from gridhydro.inputs.seasons import melt_factor, monthly_weights
from gridhydro.synthetic.random_fields import persistent

SHAPE = (160, 256)
TRAINING, TEST = ("2002", "2003"), ("2004", "2005")
# one cell of each patch of so many rows and columns; the cells of one are among those of the next
DENSITIES = {"s16": 16, "s8": 8, "s4": 4}
FIRST = (7, 8)  # row and column of the first cell of the sparsest
NORTHWARD, EASTWARD = 3, 3  # from a cell to its neighbour, on which nothing is trained

NOISE, MEMORY = 0.035, 0.4  # of what is observed: standard deviation, and from one day to the next
# of the eight days of an orbit's round, when a satellite passes: every two to three days
PASSES = (0, 3, 5)
LOST = 0.05  # fraction of these that is lost
TRUE_START = 3  # times that the truth goes through the first year beforehand


def make_world(seed: int = 0, shape: tuple[int, int] = SHAPE) -> World:
    """The world of a seed."""
    land, sky = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    return World(shape, make_land(shape, land), make_weather(shape, sky, seed))


@dataclass(frozen=True, eq=False)
class World:
    """Maps and weather; cells are numbered row by row from the north-west."""

    shape: tuple[int, int]
    land: Land
    sky: Weather

    def cells(self, density: str) -> np.ndarray:
        """The cells of a density, one of each patch."""
        step = DENSITIES[density]
        rows = np.arange(FIRST[0] % step, self.shape[0], step)
        cols = np.arange(FIRST[1] % step, self.shape[1], step)
        return (rows[:, None] * self.shape[1] + cols).ravel()

    def neighbours(self, cells) -> np.ndarray:
        """The cell three rows north and three columns east of each."""
        row, col = np.divmod(cells, self.shape[1])
        row, col = row - NORTHWARD, col + EASTWARD
        if (row < 0).any() or (col >= self.shape[1]).any():
            raise ValueError("a neighbour three rows north and three columns east is outside")
        return row * self.shape[1] + col

    def names(self, cells) -> list[str]:
        return [f"r{row:03d}c{col:03d}" for row, col in zip(*self.places(cells), strict=True)]

    def places(self, cells) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of each."""
        return np.divmod(np.asarray(cells), self.shape[1])

    def domain(self, cells) -> gh.Domain:
        """The cells as a domain without rivers."""
        lon, lat = self.land.lon[cells], self.land.lat[cells]
        area = (CELL * 111.2) ** 2 * np.cos(np.radians(lat))
        return gh.Domain.of_basins(area, self.names(cells), latitude=lat, longitude=lon)

    def attributes(self, cells) -> xr.Dataset:
        """(gauge,) each."""
        about = {}
        for name, values in self.land.attributes.items():
            unit, long_name = UNITS[name]
            about[name] = ("gauge", values[cells], {"units": unit, "long_name": long_name})
        return xr.Dataset(about, {"gauge": self.names(cells)})

    def forcing(self, cells) -> xr.Dataset:
        """Precipitation, temperature and potential evapotranspiration, (time, gauge)."""
        return self._dataset(forcing(self.sky, self.land, cells), cells, column("hbv").forcings)

    def truth(self, cells) -> xr.Dataset:
        """Soil wetness, evapotranspiration, snow and temperature, (time, gauge)."""
        weather = forcing(self.sky, self.land, cells)
        hydropy, land = column("hydropy"), self.land
        weights = monthly_weights(TIMES)
        weather["vegetation_fraction"] = weights @ land.vegetation[:, cells]
        weather["leaf_area_index"] = weights @ land.leaves[:, cells]
        weather["melt_factor"] = melt_factor(TIMES, land.lat[cells])
        rows = [weather[f.name].astype(np.float32) for f in hydropy.forcings]
        values = torch.from_numpy(np.stack(rows))
        known = {
            kind: {n: torch.from_numpy(v[cells]).float() for n, v in getattr(land, kind).items()}
            for kind in ("parameters", "properties")
        }
        state = None
        for _ in range(TRUE_START):
            _, state = gh.simulate(hydropy, values[:, :365], **known, initial=state)
        names = ("soil_wetness", "actual_evapotranspiration", "snow_water_equivalent")
        series, _ = gh.simulate(hydropy, values, **known, initial=state, outputs=names)
        fields = [hydropy.output(name) for name in names]
        return self._dataset({n: v.numpy() for n, v in series.items()}, cells, fields)

    def observed(self, cells, truth: xr.Dataset | None = None) -> xr.DataArray:
        """Soil wetness with errors, on the days of a pass: neither frozen nor below snow.

        truth  that of the cells, where it is there already
        """
        cells = np.asarray(cells)
        truth = self.truth(cells) if truth is None else truth
        weather = forcing(self.sky, self.land, cells)
        days = np.arange(len(TIMES))[:, None]
        passes = np.isin((days + cells % self.shape[1] // 8) % 8, PASSES)
        frozen = weather["temperature"] < 0
        frozen |= truth["snow_water_equivalent"].values > 1
        lost = self.sky.own(2, cells) < ndtri(LOST)
        error = NOISE * persistent(self.sky.own(3, cells), MEMORY)
        observed = truth["soil_wetness"].values + error.astype(np.float32)
        observed[~passes | frozen | lost] = np.nan
        return truth["soil_wetness"].copy(data=observed)

    def _dataset(self, series, cells, fields) -> xr.Dataset:
        variables = {f.name: (("time", "gauge"), series[f.name], f.attrs) for f in fields}
        return xr.Dataset(variables, {"time": TIMES, "gauge": self.names(cells)})
