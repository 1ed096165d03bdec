"""A synthetic Amazon: the real river network below generated weather and land.

The network and the dates of the GRACE solutions are real. Weather, land surface and the truth that
a model is to find are generated (`amazon_weather`, `amazon_land`, `amazon_truth`), from one seed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import files
from gridhydro.domain.domain import Domain
from gridhydro.inputs.climate import climate_means
from gridhydro.inputs.land_surface import land_surface
from gridhydro.io.raster import existing
from gridhydro.synthetic.amazon_land import amazon, as_file, elevation, land_fields
from gridhydro.synthetic.amazon_observations import observations
from gridhydro.synthetic.amazon_truth import PARAMETERS, parameters, pet_error
from gridhydro.synthetic.amazon_weather import (
    VARIABLES,
    climate,
    reference_evapotranspiration,
    weather,
)
from gridhydro.synthetic.amazon_world import SyntheticAmazon
from gridhydro.synthetic.catchment import gauge_cells

YEARS = (2001, 2016)
GAUGES, MAIN_RIVER = 24, (0.79, 0.37, 0.22, 0.12, 0.05)  # fractions of the basin
DDM30 = "ddm30/ddm30_global_30min.nc"
GRACE = "grace/twsa_csr_rl06_1deg_south_america.nc"


def make_amazon(data: str | Path, seed: int = 0, years: tuple[int, int] = YEARS) -> SyntheticAmazon:
    """The synthetic Amazon of this seed, from the first to the last of `years`.

    `data` is the folder that holds `DDM30` and `GRACE`; FileNotFoundError naming what it lacks.
    """
    network, dates = existing(Path(data) / DDM30), existing(Path(data) / GRACE)
    ground, sky, hidden = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    river, window = amazon(network)
    means = climate(river, elevation(river, window), ground)
    file = as_file(river, window, land_fields(river, window, means, ground))
    gauges = _gauges(river)
    domain = Domain.from_d8(
        window["flow_direction"], "watergap", gauges=gauges, mask=window["mask"], crs="EPSG:4326",
        area=window["continental_area"].assign_attrs(units="km2"),
    )  # fmt: skip
    land = land_surface(domain, file)
    domain = land.land_domain()
    times, series = weather(domain, means, years, sky)
    reference = reference_evapotranspiration(series)
    attributes = land.attributes(_climate_means(domain, times, series, reference))
    told = {name: domain.pack(raster) for name, raster in attributes.items()}
    return SyntheticAmazon(
        domain, file, times, series, attributes,
        parameters=parameters(domain, told, hidden),
        pet_error=pet_error(series, told, reference),
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


def _climate_means(domain, times, series, reference) -> xr.Dataset:
    weather = {
        "temperature": (series["temperature"], "degC"),
        "precipitation": (series["precipitation"], "mm d-1"),
        "potential_evapotranspiration": (reference, "mm d-1"),
    }
    dims = ("time", "cell")  # as rasters they would take twice the memory
    days = {n: xr.Variable(dims, v, {"units": unit}) for n, (v, unit) in weather.items()}
    means = climate_means(xr.Dataset(days, {"time": times}))
    return means.map(lambda v: domain.unpack(v.values, v.name, v.attrs, ()))


def _grace(path: Path, times: pd.DatetimeIndex) -> pd.DataFrame:
    with xr.open_dataset(path) as file:
        dates = file[["time_start", "time_end"]].to_dataframe()
    end = times[-1] + pd.Timedelta(days=1)
    return dates[(dates["time_start"] >= times[0]) & (dates["time_end"] <= end)]


def write_amazon(
    out: str | Path,
    data: str | Path,
    seed: int = 0,
    years: tuple[int, int] = YEARS,
    progress: bool = False,
) -> SyntheticAmazon:
    """Make the synthetic Amazon and write it as a data folder, which it returns too.

    out       a new or empty folder, which is there when it is whole
    data      the folder that holds `DDM30` and `GRACE`
    progress  say on the error stream what is done

    landsurface.nc         HydroPy's fields (lat, lon); no land outside the basin
    weather.nc             daily precipitation and what Penman-Monteith takes (time, y, x)
    gauges.csv             name, lon, lat, area_km2
    discharge.csv          m3 s-1, days by gauges: of the true model, with errors and gaps
    twsa.nc                anomalies of its storage (time, y, x) mm, by solution, with errors
    domain.nc              network, cells, areas of land, gauges
    attributes.nc          21 rasters (y, x), with means of the climate over all years
    grace_dates.csv        time_start, time_end of each solution
    truth_parameters.nc    nine rasters (y, x)
    truth_pet_error.nc     pet_error (time, y, x) mm d-1

    Raises ValueError for years that end before they begin and for a folder that holds something,
    and FileNotFoundError for what `data` lacks.
    """
    first, last = years
    if first > last:
        raise ValueError(f"years: the last, {last}, is before the first, {first}")
    with files.new_folder(out) as folder:
        say = _say if progress else _silent
        say(f"generating weather, land and truth of {first} to {last} (seed {seed})")
        world = make_amazon(data, seed, years)
        say("simulating discharge and storage with the true parameters")
        observed = observations(world, seed)
        say(f"writing {out}")
        _write_land(world, folder)
        _write_days(world, world.weather, folder / "weather.nc")
        _write_days(world, {"pet_error": world.pet_error}, folder / "truth_pet_error.nc")
        _write_observed(world, *observed, folder)
    return world


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _silent(text: str) -> None:
    pass


def _write_land(world: SyntheticAmazon, folder: Path) -> None:
    world.domain.to_file(folder / "domain.nc")
    # whole: outside the basin there is no land, but nothing is missing
    _write(world.file, folder / "landsurface.nc", _FillValue=None)
    _write(world.attributes.astype(np.float32), folder / "attributes.nc")
    _write(_truth(world), folder / "truth_parameters.nc")


def _write_observed(
    world: SyntheticAmazon, discharge: pd.DataFrame, storage: xr.Dataset, folder: Path
) -> None:
    world.gauges.to_csv(folder / "gauges.csv")
    discharge.to_csv(folder / "discharge.csv", float_format="%.6g")
    world.grace.to_csv(folder / "grace_dates.csv", index=False)
    _write(storage, folder / "twsa.nc")


def _truth(world: SyntheticAmazon) -> xr.Dataset:
    maps = {}
    for name, values in world.parameters.items():
        units, long_name, *_ = PARAMETERS[name]
        attrs = {"units": units, "long_name": long_name}
        maps[name] = world.domain.unpack(values.astype(np.float32), name, attrs)
    return xr.Dataset(maps)


def _write_days(world: SyntheticAmazon, series: dict[str, np.ndarray], path: Path) -> None:
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


def _write(dataset: xr.Dataset, path: Path, mode: str = "w", **more) -> None:
    packed = {"zlib": True, "complevel": 1, "shuffle": True, **more}
    encoding = {}
    for name, raster in dataset.items():
        # what is given takes the place of all that was there, the reference system's name too
        kept = {k: v for k, v in raster.encoding.items() if k == "grid_mapping"}
        encoding[name] = packed | kept
    dataset.to_netcdf(path, mode=mode, encoding=encoding)
