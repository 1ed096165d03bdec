"""Caravan (Kratzert et al. 2023): its folders of files a gauge, and NetCDF files of many gauges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar
from gridhydro.base.files import existing
from gridhydro.base.missing import equal, named
from gridhydro.base.periods import common_days
from gridhydro.base.quantities import COORDINATES, SERIES
from gridhydro.base.units import conversion
from gridhydro.io.basins import read_basins
from gridhydro.io.basins_file import stated_units
from gridhydro.io.delimited import read_delimited
from gridhydro.io.lazy import opened
from gridhydro.io.schema import (
    attribute,
    coordinate,
    recognise,
    refuse_codes,
    refuse_outside,
    series_attrs,
    wanted_basins,
)
from gridhydro.io.tables import read_attributes

# as Caravan's own description gives them: CSV files have none, and in NetCDF some are lost
_UNITS = {
    "precipitation": "mm d-1", "temperature": "degC", "temperature_min": "degC",
    "temperature_max": "degC", "discharge": "mm d-1", "net_shortwave_radiation": "W m-2",
    "net_longwave_radiation": "W m-2", "surface_pressure": "kPa", "dewpoint_temperature": "degC",
    "eastward_wind": "m s-1", "northward_wind": "m s-1", "snow_water_equivalent": "mm",
    "potential_evapotranspiration": "mm d-1", "area": "km2",
}  # fmt: skip
_TABLES = ("other", "caravan", "hydroatlas")


def read_caravan(
    path: str | Path,
    basins: Iterable[str] | str | Path | None = None,
    *,
    sources: Iterable[str] | None = None,
    period: tuple[str, str] | None = None,
    pet: str | None = None,
    names: Mapping[str, str] | None = None,
    missing: float | Sequence[float] | None = None,
) -> xr.Dataset:
    """Basins of Caravan, as a basins dataset (see `io.schema`).

    path     the folder with timeseries/netcdf/<source>/<gauge>.nc, or timeseries/csv/ and .csv,
             and attributes/<source>/attributes_*_<source>.csv; or a NetCDF file of many gauges
    basins   None (all), ids such as "camels_01022500", or a text file of ids
    sources  the data sets to look in ("camels", "camelsgb"); None: all that are there
    period   two dates, months or years, both included; None: the days that all basins have
    pet      the series that is potential evapotranspiration, for example
             "potential_evaporation_sum_FAO_PENMAN_MONTEITH". None takes none: Caravan's
             "potential_evaporation_sum", from ERA5-Land, is far too high, see `pet.pet_of` instead
    names    our name -> Caravan's, for further series
    missing  numbers that stand for missing values in the series, where the files do not declare
             them, in the units of the files; [] says that there are none

    Precipitation, temperature (minimum, maximum), discharge and the weather that PET needs come in
    the units of the schema, from the units in the files or, where these are lost, from Caravan's
    description. Radiation is net, wind the daily mean of each component at 10 m. A folder is read
    into memory: convert large ones by parts with basins= and `write_basins`. A single file stays
    on disk, as with `read_basins`.
    Raises ValueError or FileNotFoundError naming file, line and column.
    """
    path = existing(path)
    names = dict(names or {}) | ({"potential_evapotranspiration": pet} if pet else {})
    if path.is_file():
        return _single(path, basins, period, names, missing)
    codes = None if missing is None else named(missing)
    files = _files(path, None if sources is None else set(sources))
    gauges = wanted_basins(basins, sorted(files), path)
    tables = {gauge: _series(files[gauge], names, codes or ()) for gauge in gauges}
    where = {gauge: files[gauge] for gauge in gauges}
    days = common_days({g: t.index for g, t in tables.items()}, period, where)
    has = {name: gauge for gauge, table in tables.items() for name in table}
    for name, other in has.items():
        lacking = [g for g in gauges if name not in tables[g]]
        if lacking:
            raise ValueError(f"{files[lacking[0]]} has no {name}, {files[other]} has it")
    values = {
        name: np.stack([tables[g].loc[days, name].to_numpy(np.float32) for g in gauges], 1)
        for name in tables[gauges[0]]
    }
    for name, array in values.items():
        _refuse_missing(name, array, days, gauges, files)
        refuse_outside(name, array, days, gauges, path)
        refuse_codes(name, array, days, gauges, path, codes is not None)
    data = xr.Dataset(
        {name: (("time", "gauge"), array, series_attrs(name)) for name, array in values.items()},
        {"time": days, "gauge": gauges},
        {"source": f"Caravan, {', '.join(sorted({files[g].parent.name for g in gauges}))}"},
    )
    return _with_attributes(data, path, {g: files[g].parent.name for g in gauges})


def _single(path: Path, basins, period, names, missing) -> xr.Dataset:
    with opened(path) as file:
        found = recognise([v for v in file.data_vars if file[v].ndim == 2], names, path)
        # the unit as the file states it, if it does
        stated = {n for n, v in found.items() if stated_units(file[v].attrs)}
    lost = {n: unit for n, unit in _UNITS.items() if n in (*found, "area") and n not in stated}
    data = read_basins(path, names, units=lost, basins=basins, period=period, missing=missing)
    others = [n for n, v in data.items() if v.dims == ("time", "gauge") and n not in found]
    return data.drop_vars(others).assign_attrs(left_out=", ".join(map(str, others)))


def _files(folder: Path, sources: set[str] | None) -> dict[str, Path]:
    """Gauge -> file of the series; NetCDF goes before CSV."""
    for kind, suffix in (("netcdf", "nc"), ("csv", "csv")):
        place = folder / "timeseries" / kind
        there = sorted(p.name for p in place.glob("*") if p.is_dir())
        if not there:
            continue
        lacking = (sources or set()) - set(there)
        if lacking:
            raise ValueError(
                f"{place} has no source {', '.join(sorted(lacking))}, but {', '.join(there)}"
            )
        chosen = [s for s in there if sources is None or s in sources]
        found = {p.stem: p for s in chosen for p in sorted((place / s).glob(f"*.{suffix}"))}
        if found:
            return found
    raise FileNotFoundError(
        f"{folder.resolve()} has no files timeseries/netcdf/<source>/<gauge>.nc or "
        "timeseries/csv/<source>/<gauge>.csv"
    )


def _series(path: Path, names: Mapping[str, str], codes: Sequence[float]) -> pd.DataFrame:
    """The series of a gauge by our names, in our units, by day; NaN for the codes."""
    if path.suffix == ".csv":
        return _from_csv(path, names, codes)
    with opened(path) as file:
        if "date" not in file.coords:
            raise ValueError(f"{path} has no coordinate 'date', but {', '.join(map(str, file))}")
        found = recognise(file.data_vars, names, path)
        days = calendar.stamped(file["date"], path, file)
        table = {}
        for ours, theirs in found.items():
            if file[theirs].dims != ("date",):
                axes = ", ".join(map(str, file[theirs].dims))
                raise ValueError(f"{path}: '{theirs}' is over {axes}, not over date alone")
            units = stated_units(file[theirs].attrs) or _UNITS.get(ours)
            values = file[theirs].values.astype(float)
            table[ours] = _converted(ours, values, units, path, codes)
    return pd.DataFrame(table, days)


def _from_csv(path: Path, names: Mapping[str, str], codes: Sequence[float]) -> pd.DataFrame:
    table = read_delimited(path, ",")
    dates = table.dates("date")
    if not table.rows:
        raise ValueError(f"{path} has no days below line 1")
    found = recognise([name for name in table.header if name != "date"], names, path)
    days = calendar.stamped(xr.DataArray(dates, dims="date", name="date"), path)
    columns = {}
    for ours, theirs in found.items():
        values = table.numbers(theirs)
        columns[ours] = _converted(ours, values, _UNITS.get(ours), path, codes)
    return pd.DataFrame(columns, days)


def _converted(name: str, values: np.ndarray, units: str | None, path, codes) -> np.ndarray:
    values = np.where(equal(values, codes), np.nan, values)
    if name not in SERIES:
        return values
    factor, offset = conversion(name, units, SERIES[name].unit, path)
    return values * factor + offset


def _refuse_missing(name: str, values: np.ndarray, days, gauges, files) -> None:
    missing = np.isnan(values)
    if name != "discharge" and missing.any():
        day, gauge = np.argwhere(missing)[0]
        raise ValueError(
            f"{files[gauges[gauge]]}: {name} is missing on {days[day]:%Y-%m-%d} "
            f"({missing.sum()} values of all gauges): choose a period= without gaps"
        )


def _with_attributes(data: xr.Dataset, folder: Path, source_of: dict[str, str]) -> xr.Dataset:
    gauges = list(source_of)
    coords = {}
    for kind in _TABLES:
        parts = []
        for source in dict.fromkeys(source_of.values()):
            path = folder / "attributes" / source / f"attributes_{kind}_{source}.csv"
            if path.exists():
                own = [g for g in gauges if source_of[g] == source]
                parts.append(read_attributes(path, own))
        if not parts:
            continue
        # a source without a table, or without a column, has no values there
        table = pd.concat(parts).reindex(gauges)
        for name, column in table.items():
            values = column.fillna("") if column.dtype.kind not in "fi" else column
            ours = next((o for o, q in COORDINATES.items() if name in (o, *q.names)), None)
            if ours and ours not in coords:
                coords[ours] = coordinate(ours, values.to_numpy(), gauges, folder)
            else:
                taken = f"{kind}_{name}" if name in data else str(name)
                data[taken] = attribute(values.to_numpy(), taken)
    return data.assign_coords(coords)
