"""The weather of other days for a run that is finished: a file of it, as its model takes it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import xarray as xr

from gridhydro.base.arguments import required
from gridhydro.base.folders import place
from gridhydro.base.progress import say
from gridhydro.config.attributes import same_grid, values_on
from gridhydro.config.find import data_folder
from gridhydro.config.forcing import weather_of
from gridhydro.config.lakes import refuse_other_grid
from gridhydro.config.parse import named
from gridhydro.config.raster import SEASONAL, land_of, read_land
from gridhydro.config.score_domain import DOMAIN_FILE, source_of
from gridhydro.inputs.basins import with_pet
from gridhydro.inputs.forcing import DEMAND, Forcing, steps_of
from gridhydro.inputs.pet_lazy import lazy_pet
from gridhydro.io.gridded_variables import weather_variables
from gridhydro.io.stores import stays_open
from gridhydro.io.text_files import read_text
from gridhydro.model.ensemble import refuse_several
from gridhydro.model.run import Run

MEMBER = "member"


def members(data: xr.Dataset) -> list[tuple[str | None, xr.Dataset]]:
    """The weather of each member of an ensemble by its name; of a single one, which has none."""
    if MEMBER not in data.dims:
        return [(None, data)]
    names = data[MEMBER].values if MEMBER in data.coords else range(data.sizes[MEMBER])
    if len(set(map(str, names))) < len(names):
        raise ValueError(f"the members of the forcing have a name of their own each, not {names}")
    return [(str(n), data.isel({MEMBER: k}, drop=True)) for k, n in enumerate(names)]


def open_forcing(path: str | Path) -> xr.Dataset:
    """A NetCDF file, a Zarr store or the address of one, nothing of it read."""
    return stays_open(path)


@dataclass(frozen=True)
class Finished:
    """A run with what its folder says of its weather.

    data  the folder of its data, for the seasons of its land surface; the one that it was trained
          on if left out
    pet   another method of potential evapotranspiration, or "given"
    """

    run: Run
    folder: Path
    data: str | Path | None = None
    pet: str | None = None

    @classmethod
    def load(cls, folder: Path, data=None, pet: str | None = None) -> Finished:
        """Without the data it was trained on; ValueError for an ensemble."""
        refuse_several(folder)
        return cls(Run.load(folder), folder, data, pet)

    def forcing(self, weather: xr.Dataset, path, first: str | None = None) -> Forcing:
        """What the model reads of weather: series known by any of their usual names, brought onto
        its cells where they are on another grid, read when they are used.

        first   the day that it begins with; what is before it is left out
        ValueError naming the file, `path`, for what the model cannot take.
        """
        model, domain = self.run.model, self.run.model.domain
        with named(str(path)):
            times = steps_of(weather, model.steps_a_day)
            if first is not None:
                begin = int(times.searchsorted(pd.Timestamp(first)))
                weather, times = weather.isel(time=slice(begin, None)), times[begin:]
            # what is taken of it below has neither bounds nor what the file says of its stamps
            weather = weather.assign_coords(time=times)
            if domain.lumped:
                return Forcing.open(self._of_basins(weather), domain, model)
            wanted = [f.name for f in model.forcings]
            known = weather_variables(weather, str(path), None, None)
            known |= {name: name for name in wanted if name in weather}
            found = weather[list(known.values())].rename({v: k for k, v in known.items()})
            method, options = self._method()
            if method != "given" and DEMAND in wanted:
                demand = lazy_pet(found, method, **options).assign_attrs(method=method)
                found = found.assign({DEMAND: demand})
            found = found[[name for name in wanted if name in found]]
            found = _on_grid(found, domain)
            lacking = [name for name in wanted if name in SEASONAL and name not in found]
            if lacking:
                found = found.assign(self._seasons(lacking, times))
            return Forcing.open(found, domain, model)

    def tell_corners(self, weather: xr.Dataset, path) -> None:
        """Say that coordinates are taken for the centres of cells where those of the weather that
        the run was trained on are corners: the same files would be shifted by half a cell."""
        domain = self.run.model.domain
        given = self._domain_file().get("forcing", {}), self._domain_file().get("weather", {})
        series = [v for part in given for v in part.values() if isinstance(v, dict)]
        corners = {v["cell_reference"] for v in series if "cell_reference" in v} - {"center"}
        if domain.grid is None or not corners:
            return
        with named(str(path)):
            found = [v for v in weather.data_vars.values() if v.ndim > 2 and "time" in v.dims]
            if all(same_grid(v, domain) for v in found):
                return
        say(
            f"{path}: coordinates are taken for the centres of its cells; in the files that the "
            f"run was trained on they are corners (cell_reference = {', '.join(sorted(corners))}): "
            "if they are here as well, shift them by half a cell first"
        )

    def _of_basins(self, weather: xr.Dataset) -> xr.Dataset:
        domain, (method, _) = self.run.model.domain, self._method()
        if method != "given" and "gauge" in weather.dims and "latitude" not in weather.coords:
            weather = weather.sel(gauge=list(domain.gauges.index))
            weather = weather.assign_coords(latitude=("gauge", domain.lonlat[1]))
        return with_pet(weather, self.run.model.column, method)

    def _method(self) -> tuple[str, dict]:
        """How potential evapotranspiration is computed, and with what options."""
        content, options = self._domain_file(), {}
        method = self.run.about.get("pet")
        if "weather" in content:
            told, _ = weather_of(self.folder / DOMAIN_FILE, content)
            method = told.pet
            options = {"wind_height": told.wind_height, "albedo": told.albedo}
        return self.pet or method or "given", options

    def _domain_file(self) -> dict:
        file = place(self.folder, DOMAIN_FILE)
        return tomllib.loads(read_text(file)) if file.exists() else {}

    def _seasons(self, names: Sequence[str], times: pd.DatetimeIndex) -> dict[str, xr.DataArray]:
        """Series that the land surface of the domain file gives, which repeat by the year."""
        content, file = self._domain_file(), self.folder / DOMAIN_FILE
        if "landsurface" not in content:
            return {}
        domain = self.run.model.domain
        folder = data_folder(self.data or source_of(self.folder).get("data"))
        options, fields = read_land(file, content, folder)
        land = required("land surface", land_of(file, options, fields, domain))
        rows = land.daily(times, melt=required("options", options).melt)
        units = {f.name: f.unit for f in self.run.model.forcings}
        time = {"time": times}
        return {
            n: domain.unpack(rows[n], n, {"units": units[n]}, ("time",), time)
            for n in names if n in rows
        }  # fmt: skip


def _on_grid(data: xr.Dataset, domain) -> xr.Dataset:
    """The series on the domain's grid: of another one they are brought there, and held."""
    found = {}
    for name, raster in data.data_vars.items():
        if same_grid(raster, domain):
            found[name] = raster
            continue
        refuse_other_grid(str(name))
        time = {"time": raster["time"]}
        values = values_on(raster.transpose("time", ...), domain)
        found[name] = domain.unpack(values, str(name), dict(raster.attrs), ("time",), time)
    return xr.Dataset(found)
