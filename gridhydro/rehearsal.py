"""A full-size rehearsal: the Amazon's real river network below generated weather and land.

The network and the dates of the GRACE solutions are real. Weather, land surface and the truth that
a model is to find are generated (`rehearsal_weather`, `rehearsal_land`, `rehearsal_truth`), from
one seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.demo_world import gauge_cells
from gridhydro.domain import Domain
from gridhydro.io.raster import existing
from gridhydro.rehearsal_land import amazon, as_file, elevation, land_surface
from gridhydro.rehearsal_truth import PARAMETERS, parameters, pet_error
from gridhydro.rehearsal_weather import VARIABLES, climate, reference_evapotranspiration, weather

YEARS = (2001, 2016)
GAUGES, MAIN_RIVER = 24, (0.8, 0.55, 0.36, 0.17, 0.05)  # shares of the basin
DDM30 = "ddm30/ddm30_global_30min.nc"
GRACE = "grace/twsa_csr_rl06_1deg_south_america.nc"

_CLIMATE = {
    "temp_avg": ("degC", "mean temperature"),
    "temp_diff": ("degC", "range of the monthly temperature"),
    "prec_avg": ("mm d-1", "mean precipitation"),
    "prec_diff": ("mm d-1", "range of the monthly precipitation"),
    "pet_avg": ("mm d-1", "mean potential evapotranspiration"),
}


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """The basin of N cells and T days, as `generate` writes it.

    domain      with gauges; areas are of land
    land        fields of HydroPy's land-surface file, (lat, lon) and (month, lat, lon)
    times       (T,) days
    weather     name -> (T, N) float32, units as in `rehearsal_weather.VARIABLES`
    attributes  21, name -> (N,)
    parameters  the true ones, name -> (N,)
    pet_error   (T, N) float32, mm d-1: true potential evapotranspiration less Penman-Monteith
    gauges      by name: lon, lat, area_km2
    grace       time_start, time_end (the first day after) of each solution within `times`
    """

    domain: Domain
    land: xr.Dataset
    times: pd.DatetimeIndex
    weather: dict[str, np.ndarray]
    attributes: dict[str, np.ndarray]
    parameters: dict[str, np.ndarray]
    pet_error: np.ndarray
    gauges: pd.DataFrame
    grace: pd.DataFrame


def make_rehearsal(data: str | Path, seed: int = 0, years: tuple[int, int] = YEARS) -> Rehearsal:
    """The rehearsal of this seed, from the first to the last of `years`.

    `data` is the folder that holds `DDM30` and `GRACE`; FileNotFoundError naming what it lacks.
    """
    network, dates = existing(Path(data) / DDM30), existing(Path(data) / GRACE)
    ground, sky, hidden = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    river, window = amazon(network)
    means = climate(river, elevation(river, window), ground)
    fields = land_surface(river, window, means, ground)
    land = as_file(river, window, fields)
    gauges = _gauges(river)
    area = land["area"] * land["lsm"] * (1 - land["glacier"])
    domain = Domain.from_d8(
        window["flow_direction"], "watergap", gauges=gauges, mask=window["mask"], crs="EPSG:4326",
        area=area.assign_attrs(units="m2"),
    )  # fmt: skip
    times, series = weather(domain, means, years, sky)
    reference = reference_evapotranspiration(series)
    attributes = _attributes(fields, times, series, reference)
    return Rehearsal(
        domain, land, times, series, attributes,
        parameters=parameters(domain, attributes, hidden),
        pet_error=pet_error(series, attributes, reference),
        gauges=gauges,
        grace=_grace(dates, times),
    )  # fmt: skip


def _gauges(domain: Domain) -> pd.DataFrame:
    """G01 to G05 up the main river, then the largest tributaries before they join."""
    area = domain.network.accumulate(domain.area) / 1e6
    cells = gauge_cells(area, domain.network.downstream, MAIN_RIVER, GAUGES)
    lon, lat = (axis[cells] for axis in domain.lonlat)
    names = pd.Index([f"G{number:02d}" for number in range(1, GAUGES + 1)], name="name")
    return pd.DataFrame({"lon": lon, "lat": lat, "area_km2": area[cells].round()}, index=names)


def _attributes(fields, times, series, reference) -> dict[str, np.ndarray]:
    """The 21 that a network is told, before what they are scaled by."""
    soil = ("wcap", "wava", "wmin", "wmax", "beta")
    terrain = ("srftopo", "topo_std", "slope_avg", "flake", "fwetl")
    found = {name: fields[name] for name in (*soil, *terrain)}
    for name in ("lai", "fveg"):
        months = fields[name]
        found[f"{name}_avg"], found[f"{name}_max"] = months.mean(0), months.max(0)
        found[f"{name}_diff"] = months.max(0) - months.min(0)
    month = times.month.to_numpy()
    for short, name in (("temp", "temperature"), ("prec", "precipitation")):
        months = np.stack([series[name][month == m].mean(0) for m in range(1, 13)])
        found[f"{short}_avg"], found[f"{short}_diff"] = series[name].mean(0), np.ptp(months, 0)
    found["pet_avg"] = reference.mean(0)
    return found


def _grace(path: Path, times: pd.DatetimeIndex) -> pd.DataFrame:
    with xr.open_dataset(path) as file:
        dates = file[["time_start", "time_end"]].to_dataframe()
    end = times[-1] + pd.Timedelta(days=1)
    return dates[(dates["time_start"] >= times[0]) & (dates["time_end"] <= end)]


def generate(
    folder: str | Path, data: str | Path, seed: int = 0, years: tuple[int, int] = YEARS
) -> Rehearsal:
    """Make the rehearsal and write it: all that a training run takes as input, and the truth.

    domain.nc              network, cells, areas of land, gauges
    landsurface.nc         HydroPy's fields (lat, lon); no land outside the basin
    weather.nc             daily precipitation and what Penman-Monteith takes (time, y, x)
    attributes.nc          21 rasters (y, x)
    gauges.csv             name, lon, lat, area_km2
    grace_dates.csv        time_start, time_end of each solution
    truth_parameters.nc    nine rasters (y, x)
    truth_pet_error.nc     pet_error (time, y, x) mm d-1
    """
    world = make_rehearsal(data, seed, years)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    domain = world.domain
    domain.to_file(folder / "domain.nc")
    _write(world.land, folder / "landsurface.nc")
    known = {name: (da.attrs["units"], da.attrs["long_name"]) for name, da in world.land.items()}
    _write(_maps(domain, world.attributes, _descriptions(known)), folder / "attributes.nc")
    world.gauges.to_csv(folder / "gauges.csv")
    world.grace.to_csv(folder / "grace_dates.csv", index=False)
    _write_days(world, world.weather, folder / "weather.nc")
    _write(_maps(domain, world.parameters, PARAMETERS), folder / "truth_parameters.nc")
    _write_days(world, {"pet_error": world.pet_error}, folder / "truth_pet_error.nc")
    # what the true model makes of it is observed from here on: discharge at the gauges, storage
    return world


def _descriptions(known: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    words = {"avg": "mean", "max": "highest", "diff": "range of the"}
    seasons = {
        f"{name}_{short}": (known[name][0], f"{word} monthly {known[name][1]}")
        for name in ("lai", "fveg")
        for short, word in words.items()
    }
    return known | seasons | _CLIMATE


def _maps(domain: Domain, values: dict[str, np.ndarray], described) -> xr.Dataset:
    return xr.Dataset(
        {
            name: domain.unpack(
                v.astype(np.float32), name,
                {"units": described[name][0], "long_name": described[name][1]}, (),
            )
            for name, v in values.items()
        }
    )  # fmt: skip


def _write_days(world: Rehearsal, series: dict[str, np.ndarray], path: Path) -> None:
    """One variable after the other, as rasters take more than twice the memory of cells."""
    error = ("", "mm d-1", "what Penman-Monteith lacks of the true potential evapotranspiration")
    mode = "w"
    for name, values in series.items():
        standard_name, units, long_name = VARIABLES.get(name, error)
        attrs = {"units": units, "long_name": long_name}
        if standard_name:
            attrs["standard_name"] = standard_name
        raster = world.domain.unpack(values, name, attrs, ["time"], {"time": world.times})
        _write(raster.to_dataset(), path, mode)
        mode = "a"


def _write(dataset: xr.Dataset, path: Path, mode: str = "w") -> None:
    packed = {"zlib": True, "complevel": 1, "shuffle": True}
    encoding = {name: packed for name in dataset.data_vars if dataset[name].ndim >= 2}
    dataset.to_netcdf(path, mode=mode, encoding=encoding)
