"""Plain NetCDF and Zarr files of basins: read window by window, and written to be read so."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import periods
from gridhydro.base.files import existing, replace, replace_zarr
from gridhydro.base.missing import named
from gridhydro.base.quantities import COORDINATES, SERIES
from gridhydro.base.texts import text_encoding
from gridhydro.base.units import conversion, depth_of_flow
from gridhydro.io.basins_file import BasinsFile, stated_units
from gridhydro.io.lazy import LazySeries
from gridhydro.io.schema import attribute, coordinate, series_attrs, wanted_basins
from gridhydro.io.tables import read_attributes

# of a chunk of what is written: little is unpacked in vain for a window of a few years
_DAYS = 4096


def read_basins(
    path: str | Path | Sequence[str | Path],
    names: Mapping[str, str] | None = None,
    *,
    units: Mapping[str, str] | None = None,
    basins: Iterable[str] | str | Path | None = None,
    period: tuple[str, str] | None = None,
    area: Mapping[str, float] | None = None,
    attributes: str | Path | None = None,
    shift: str | None = None,
    missing: float | Sequence[float] | None = None,
) -> xr.Dataset:
    """Basins from NetCDF or Zarr, as a basins dataset (see `io.schema`) whose series stay on disk.

    path        a file (.nc) or store (.zarr), several, or a pattern with *; each series in one
                of them, over days and gauges in either order
    names       our name -> the file's, where it is not among those in `base.quantities`
    units       our name -> unit, where a file has none or states it wrongly
    basins      None (all), ids, or a text file of ids
    period      two dates, months or years, both included; None: all days
    area        gauge -> km2; discharge in m3 s-1 needs it where the files do not have it
    attributes  a CSV table, its first column the gauges; its columns become attributes
    shift       added to the stamps to bring them to midnight ("1h"), see `base.calendar.stamped`
    missing     numbers that stand for missing values in the series, in the units of the files,
                where these do not declare them; [] says that there are none

    A window is read when it is asked for: data.sel(gauge=..., time=...).load(); in between no file
    is open, and one that has changed is refused. Values that a
    quantity cannot have are refused then; what is missing is NaN. Series that the schema does not
    know come under their own names and in their own units. Files with different identifiers are
    joined by any other of their names of gauges that agree. A table (gauge, column) with a text
    coordinate gives an attribute a column; where the CSV table has that name too, it is preceded
    by the name of its table. Latitude, longitude and area are there as far as the files, or the
    columns of the CSV table called so, have them.
    Raises ValueError or FileNotFoundError naming file and variable.
    """
    names, units = dict(names or {}), dict(units or {})
    files = [BasinsFile.read(place, names, shift) for place in _paths(path)]
    _refuse_absent(files, names, units)
    codes = None if missing is None else named(missing)
    return _joined(files, names, units, basins, period, area, attributes, codes)


def write_basins(data: xr.Dataset, path: str | Path) -> None:
    """A basins dataset as CF NetCDF (.nc) or Zarr (.zarr), each gauge in its own chunks.

    One series after the other is in memory. The file appears whole or not at all.
    ValueError for another ending, and a dataset without time and gauge.
    """
    path = Path(path)
    if path.suffix not in (".nc", ".zarr"):
        raise ValueError(f"{path}: basins are written to a file .nc or a folder .zarr")
    if not {"time", "gauge"} <= set(data.dims):
        raise ValueError(f"the dataset has the dimensions {tuple(data.dims)}, not time and gauge")
    data = data.transpose("time", "gauge", ...).assign_attrs(Conventions="CF-1.11")
    for name in data.variables:
        variable = data[name]
        variable.encoding = {}
        if {"time", "gauge"} == set(variable.dims):
            chunks = (min(data.sizes["time"], _DAYS), 1)
            variable.encoding = {"dtype": "float32", "_FillValue": np.float32(np.nan)}
            variable.encoding |= {"chunks": chunks} if path.suffix == ".zarr" else {
                "chunksizes": chunks, "zlib": True, "complevel": 4, "shuffle": True
            }  # fmt: skip
    start = pd.Timestamp(data["time"].values[0])
    data["time"].encoding = {"units": f"days since {start:%Y-%m-%d}", "dtype": "int32"}
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".nc":
        texts = text_encoding(data)
        replace(path, lambda place: data.to_netcdf(place, engine="netcdf4", encoding=texts))
    else:
        replace_zarr(path, data)


def _paths(path) -> list[Path]:
    if not isinstance(path, (str, Path)):
        return [existing(p) for p in path]
    if glob.has_magic(str(path)) and not Path(path).exists():
        found = sorted(glob.glob(str(path)))
        if not found:
            raise FileNotFoundError(f"no file is called like {path}")
        return [Path(p) for p in found]
    return [existing(path)]


def _refuse_absent(files: list[BasinsFile], names: Mapping, units: Mapping) -> None:
    known = [str(v) for file in files for v in file.data.variables]
    known += [place.variable for file in files for place in file.series.values()]
    for ours, theirs in names.items():
        if theirs not in known:
            raise ValueError(
                f"{files[0].path}: there is no variable '{theirs}' for {ours}, but "
                f"{', '.join(known)}"
            )
    ours = {name for file in files for name in file.series} | set(COORDINATES)
    lacking = [name for name in units if name not in ours]
    if lacking:
        raise ValueError(
            f"{files[0].path}: units= names '{lacking[0]}', which is none of its series by our "
            f"names: {', '.join(sorted(ours))}"
        )


def _joined(
    files: list[BasinsFile], names, units, basins, period, area, attributes, codes
) -> xr.Dataset:
    lead = next((f for f in files if "discharge" in f.series), files[0])
    files = [lead, *(f for f in files if f is not lead)]
    gauges = wanted_basins(basins, lead.labels[0].tolist(), lead.path)
    days = lead.days[periods.within(lead.days, period, lead.path)]
    for file in files:
        if not file.holds(gauges) or (basins is None and len(file.labels[0]) != len(gauges)):
            raise ValueError(
                f"{file.path} has the gauges {', '.join(file.labels[0][:5])} ..., {lead.path} has "
                f"{', '.join(gauges[:5])} ...: choose those that both have with basins="
            )
        if period is None and not file.days.equals(days):
            raise ValueError(
                f"{file.path} has other days than {lead.path}: choose a period that both have"
            )
    table = pd.DataFrame() if attributes is None else read_attributes(attributes, gauges)
    coords: dict = {}
    static: dict = {}
    for file in files:
        coords = file.coordinates(gauges, names, units) | coords
        static = file.attributes(gauges, names, set(table)) | static
    for name, column in table.items():
        if name in COORDINATES and name not in coords:
            coords[name] = coordinate(name, column.to_numpy(), gauges, attributes)
        else:
            static[name] = attribute(column.to_numpy(), name)
    if area is not None:
        lacking = [g for g in gauges if g not in area]
        if lacking:
            raise ValueError(f"area= has no value for {', '.join(lacking[:5])}")
        coords["area"] = coordinate("area", [area[g] for g in gauges], gauges, "area=")
    series: dict = {}
    for file in files:
        for name in file.series:
            if name in series:
                raise ValueError(f"{file.path}: an earlier file has '{name}' too")
            series[name] = _variable(name, file, gauges, days, units, coords.get("area"), codes)
    data = xr.Dataset(series | static, {"time": days, "gauge": gauges} | coords)
    data["time"].attrs = {"standard_name": "time", "long_name": "day"}
    data["gauge"].attrs = {"cf_role": "timeseries_id", "long_name": "gauge"}
    if len(files) == 1:
        return data.assign_attrs(lead.data.attrs)
    return data.assign_attrs(
        source="; ".join(str(f.data.attrs.get("source", f.path.name)) for f in files)
    )


def _variable(name: str, file: BasinsFile, gauges, days, units, area, codes) -> xr.Variable:
    """A series that is read and converted when it is asked for."""
    given = units.get(name) or stated_units(file.attrs[name])
    factor, offset = 1.0, 0.0
    if name == "discharge" and area is not None and _is_volume(name, given, file.path):
        factor = conversion(name, given, "m3 s-1", file.path)[0] * depth_of_flow(area.values)
    elif name == "discharge" and _is_volume(name, given, file.path):
        raise ValueError(
            f"{file.path}: discharge is in '{given}' and there are no areas of the basins to make "
            f"it mm d-1: give them, area={{'{gauges[0]}': km2, ...}}"
        )
    elif name in SERIES:
        factor, offset = conversion(name, given, SERIES[name].unit, file.path)
    first_day = periods.within(file.days, (days[0], days[-1]), file.path).start
    rows = file.rows(gauges)
    place = file.series[name]
    lazy = LazySeries(name, place, days, first_day, gauges, rows, factor, offset, codes)
    attrs = file.attrs[name] if name not in SERIES else {}
    return lazy.variable(series_attrs(name, given) | attrs)


def _is_volume(name: str, given: str | None, where) -> bool:
    try:
        conversion(name, given, "m3 s-1", where)
    except ValueError:
        return False
    return True
