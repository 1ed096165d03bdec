"""The synthetic Amazon as an ordinary data folder, which the domain file amazon-synthetic reads."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import files
from gridhydro.base.arguments import seed_of
from gridhydro.base.progress import say
from gridhydro.io.csv_tables import write_csv
from gridhydro.synthetic.amazon import YEARS, make_amazon
from gridhydro.synthetic.amazon_observations import observations
from gridhydro.synthetic.amazon_truth import PARAMETERS
from gridhydro.synthetic.amazon_weather import VARIABLES
from gridhydro.synthetic.amazon_world import SyntheticAmazon


def write_amazon(
    out: str | Path,
    data: str | Path,
    seed: int = 0,
    years: tuple[int, int] = YEARS,
    progress: bool = False,
) -> SyntheticAmazon:
    """Make the synthetic Amazon and write it as a data folder, which it returns too.

    out       a new or empty folder, which is there when it is whole
    data      the folder that holds the files `DDM30` and `GRACE` of `amazon`
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
    (first, last), seed = years, seed_of(seed)
    if first > last:
        raise ValueError(f"years: the last, {last}, is before the first, {first}")
    with files.new_folder(out) as folder:
        tell = say if progress else _silent
        tell(f"generating weather, land and truth of {first} to {last} (seed {seed})")
        world = make_amazon(data, seed, years)
        tell("simulating discharge and storage with the true parameters")
        observed = observations(world, seed)
        tell(f"writing {out}")
        _write_land(world, folder)
        _write_days(world, world.weather, folder / "weather.nc")
        _write_days(world, {"pet_error": world.pet_error}, folder / "truth_pet_error.nc")
        _write_observed(world, *observed, folder)
    return world


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
    write_csv(folder / "gauges.csv", world.gauges)
    write_csv(folder / "discharge.csv", discharge, float_format="%.6g")
    write_csv(folder / "grace_dates.csv", world.grace, index=False)
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
    mode: Literal["w", "a"] = "w"
    for name, values in series.items():
        standard_name, units, long_name = VARIABLES.get(name, error)
        attrs = {"units": units, "long_name": long_name}
        if standard_name:
            attrs["standard_name"] = standard_name
        raster = world.domain.unpack(values, name, attrs, ["time"], {"time": world.times})
        _write(raster.to_dataset(), path, mode)
        mode = "a"


def _write(dataset: xr.Dataset, path: Path, mode: Literal["w", "a"] = "w", **more) -> None:
    packed = {"zlib": True, "complevel": 1, "shuffle": True, **more}
    encoding = {}
    for name, raster in dataset.items():
        # what is given takes the place of all that was there, the reference system's name too
        kept = {k: v for k, v in raster.encoding.items() if k == "grid_mapping"}
        encoding[name] = packed | kept
    dataset.to_netcdf(path, mode=mode, encoding=encoding)
