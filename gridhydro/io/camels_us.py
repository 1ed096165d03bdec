"""CAMELS-US in its original folders of text files (Newman et al. 2015, Addor et al. 2017)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.calendar import DAY
from gridhydro.base.periods import common_days
from gridhydro.base.quantities import CAMELS_US_MISSING
from gridhydro.base.units import depth_of_flow
from gridhydro.io.schema import (
    attribute,
    coordinate,
    refuse_codes,
    refuse_outside,
    series_attrs,
    wanted_basins,
)
from gridhydro.io.tables import dates, read_attributes, read_columns
from gridhydro.io.text_files import read_lines

PRODUCTS = ("daymet", "nldas", "maurer", "maurer_extended", "nldas_extended")
FLAGS = ("A", "A:e", "M")
# their column and its unit -> ours
_COLUMNS = {
    "prcp": ("mm/day", "precipitation"),
    "tmin": ("C", "temperature_min"),
    "tmax": ("C", "temperature_max"),
    "srad": ("W/m2", "shortwave_radiation"),
    "vp": ("Pa", "vapour_pressure"),
    "dayl": ("s", "day_length"),
    "swe": ("mm", "snow_water_equivalent"),
}
_DATE = ["year", "mnth", "day", "hr"]
_CUBIC_FOOT = 0.3048**3  # m3


def read_camels_us(
    folder: str | Path,
    forcing: str = "daymet",
    basins: Iterable[str] | str | Path | None = None,
    period: tuple[str, str] | None = None,
    flags: Iterable[str] = ("A", "A:e"),
) -> xr.Dataset:
    """Basins of CAMELS-US with one of its forcings, a basins dataset (see `io.schema`) in memory.

    folder   holds basin_mean_forcing/ and usgs_streamflow/ (or has basin_dataset_public_v1p2/
             with them), files directly in them or in folders 01 to 18; tables of attributes
             camels_*.txt, if there are any, in it or in camels_attributes_v2.0/
    forcing  "daymet", "nldas", "maurer", or of those until 2008 and 2014 with the minimum and
             maximum of temperature "maurer_extended" and "nldas_extended"
    basins   None (all), ids, or a text file of ids
    period   two dates, months or years, both included; None: the days that all basins have
    flags    of the days of flow to keep: "A" approved, "A:e" approved estimate; others are NaN

    Precipitation mm d-1, temperature degC (the mean of minimum and maximum), shortwave radiation
    W m-2, vapour pressure Pa, day length s; discharge mm d-1 from cubic feet per second over the
    area in the head of the forcing file, NaN where it is missing (-999, or no line).
    The column srad is the mean over the hours of daylight, as Daymet defines it; of the other
    products too, for as a mean of the day it would exceed the radiation at the top of the
    atmosphere. It is multiplied by dayl / 86400, which gives the mean of the day.
    nldas and maurer hold the daily mean in both tmin and tmax: those are left out. So is swe when
    it is zero throughout, as in all published files.
    Latitude and longitude are those of the gauge in camels_topo.txt; without it the latitude is
    that of the head of the forcing file, and there is no longitude.
    Raises ValueError or FileNotFoundError naming file, line and column.
    """
    folder = _root(Path(folder))
    if forcing not in PRODUCTS:
        raise ValueError(f"forcing is one of {', '.join(PRODUCTS)}, not '{forcing}'")
    unknown = set(flags) - set(FLAGS)
    if unknown:
        raise ValueError(f"flags are of {', '.join(FLAGS)}, not {', '.join(sorted(unknown))}")
    weather_files = _files(folder / "basin_mean_forcing" / forcing, "*_forcing_leap.txt")
    flow_files = _files(folder / "usgs_streamflow", "*_streamflow_qc.txt")
    gauges = wanted_basins(basins, sorted(weather_files.keys() | flow_files.keys()), folder)
    for files, what in ((weather_files, f"{forcing} forcing"), (flow_files, "streamflow")):
        lacking = [g for g in gauges if g not in files]
        if lacking:
            raise FileNotFoundError(
                f"{folder} has no {what} file of basin {', '.join(lacking[:5])} "
                f"({len(lacking)} in all): leave them out with basins="
            )
    weather = {gauge: _weather(weather_files[gauge]) for gauge in gauges}
    days = common_days({g: table.index for g, (_, table) in weather.items()}, period, weather_files)
    heads = pd.DataFrame({gauge: head for gauge, (head, _) in weather.items()}).T
    flows = [_flow(flow_files[g], g, set(flags)).reindex(days).to_numpy() for g in gauges]
    values = {
        name: np.stack([weather[g][1].loc[days, name].to_numpy(np.float32) for g in gauges], 1)
        for name in weather[gauges[0]][1]
    }
    flow = np.stack(flows, 1)
    mend = "write -999 for it, as the data set does"
    refuse_codes("discharge", flow, days, gauges, folder / "usgs_streamflow", mend=mend)
    depth = flow * _CUBIC_FOOT * depth_of_flow(heads["area"].to_numpy())
    values["discharge"] = depth.astype(np.float32)
    done = _leave_out(values)
    for name, array in values.items():
        refuse_outside(name, array, days, gauges, folder)
    data = xr.Dataset(
        {name: (("time", "gauge"), array, series_attrs(name)) for name, array in values.items()},
        {"time": days, "gauge": gauges},
        {
            "source": f"CAMELS-US, {forcing} forcing, USGS streamflow",
            "processing": "; ".join(
                [f"days of flow with the flags {', '.join(sorted(flags))} kept, others missing",
                 "discharge over the area in the head of the forcing files",
                 "shortwave radiation from the mean of daylight to that of the day", *done]
            ),
        },
    )  # fmt: skip
    return _with_attributes(data, folder, heads)


def _root(folder: Path) -> Path:
    for place in (folder, folder / "basin_dataset_public_v1p2"):
        if (place / "basin_mean_forcing").is_dir():
            return place
    raise FileNotFoundError(f"{folder.resolve()} has no folder basin_mean_forcing")


def _files(folder: Path, pattern: str) -> dict[str, Path]:
    """Basin -> file, in the folder or in its folders of hydrologic units."""
    if not folder.is_dir():
        beside = sorted(p.name for p in folder.parent.glob("*") if p.is_dir())
        raise FileNotFoundError(
            f"{folder} is not there; {folder.parent} has {', '.join(beside) or 'no folders'}"
        )
    found: dict[str, Path] = {}
    for path in sorted([*folder.glob(pattern), *folder.glob("[0-9][0-9]/" + pattern)]):
        gauge = path.name.split("_")[0]
        if found.setdefault(gauge, path) != path and found[gauge].read_bytes() != path.read_bytes():
            raise ValueError(f"basin {gauge} has two different files, {found[gauge]} and {path}")
    return found


def _weather(path: Path) -> tuple[dict, pd.DataFrame]:
    """The head (latitude, elevation m, area km2) and the daily table of a forcing file."""
    lines = read_lines(path)
    head = {}
    for number, name in enumerate(("latitude", "elevation", "area"), start=1):
        found = lines[number - 1] if len(lines) >= number else "nothing"
        try:
            head[name] = float(found)
        except ValueError:
            head[name] = np.nan
        if not np.isfinite(head[name]) or (name == "area" and head[name] <= 0):
            name += " above 0" if name == "area" else ""
            raise ValueError(f"{path}, line {number}: {name} expected, found {found!r}")
    head["area"] /= 1e6
    if len(lines) < 4:
        raise ValueError(f"{path}, line 4: the names of the columns are missing")
    titles = re.findall(r"(\w+)(?:\(([^)]*)\))?", lines[3])
    units = {name.lower(): unit for name, unit in titles}
    for name in (*_DATE, *_COLUMNS):
        if name not in units:
            raise ValueError(f"{path}, line 4: there is no column '{name}' among {lines[3]!r}")
        if name in _COLUMNS and units[name] != _COLUMNS[name][0]:
            raise ValueError(
                f"{path}, line 4: '{name}' is in '{units[name]}', not {_COLUMNS[name][0]}"
            )
    columns = read_columns(lines, list(units), 4, path)
    days = dates(columns, _DATE[:3], 5, path)
    gap = np.flatnonzero(np.diff(days) != DAY)
    if gap.size:
        raise ValueError(
            f"{path}, line {gap[0] + 6}: {days[gap[0] + 1]:%Y-%m-%d} follows "
            f"{days[gap[0]]:%Y-%m-%d}: forcing has every day"
        )
    table = pd.DataFrame({ours: columns[c] for c, (_, ours) in _COLUMNS.items()}, days)
    table["temperature"] = (table["temperature_min"] + table["temperature_max"]) / 2
    table["shortwave_radiation"] *= table["day_length"] / 86400
    return head, table


def _flow(path: Path, gauge: str, flags: set[str]) -> pd.Series:
    """Daily flow in cubic feet per second, NaN where missing or of another flag."""
    lines = read_lines(path)
    names = ["gauge", "year", "month", "day", "flow", "flag"]
    columns = read_columns(lines, names, 0, path, text=("gauge", "flag"))
    days = dates(columns, names[1:4], 1, path)
    flow, flag = columns["flow"], columns["flag"]
    for wrong, problem in (
        (columns["gauge"] != gauge, f"is not of basin {gauge}"),
        (~np.isin(flag, FLAGS), f"has a flag that is none of {', '.join(FLAGS)}"),
        (
            (flow < 0) & (flow != CAMELS_US_MISSING),
            "has a negative flow, which only -999 (missing) may be",
        ),
    ):
        if wrong.any():
            line = int(np.flatnonzero(wrong)[0])
            raise ValueError(f"{path}, line {line + 1} {problem}: {lines[line]!r}")
    kept = np.isin(flag, list(flags - {"M"})) & (flow >= 0)
    return pd.Series(np.where(kept, flow, np.nan), days)


def _leave_out(values: dict[str, np.ndarray]) -> list[str]:
    """Removes what the columns only seem to hold, and says so."""
    done = []
    if (values["temperature_min"] == values["temperature_max"]).all():
        del values["temperature_min"], values["temperature_max"]
        done.append("tmin and tmax, both the daily mean in this product, left out")
    if not values["snow_water_equivalent"].any():
        del values["snow_water_equivalent"]
        done.append("swe, zero throughout, left out")
    return done


def _with_attributes(data: xr.Dataset, folder: Path, heads: pd.DataFrame) -> xr.Dataset:
    gauges = list(data["gauge"].values)
    places = [p for f in (folder, folder.parent) for p in (f, f / "camels_attributes_v2.0")]
    place = next((p for p in places if any(p.glob("camels_*.txt"))), None)
    tables = {} if place is None else {
        path: read_attributes(path, gauges, ";") for path in sorted(place.glob("camels_*.txt"))
    }  # fmt: skip
    found: dict[str, Path] = {}
    coordinates = {"area": heads["area"], "latitude": heads["latitude"]}
    renamed = {"gauge_lat": "latitude", "gauge_lon": "longitude", "gauge_name": "gauge_name"}
    data["elevation"] = ("gauge", heads["elevation"].to_numpy(float))
    data["elevation"].attrs = {"units": "m", "long_name": "mean elevation, of the forcing file"}
    for path, table in tables.items():
        for name, column in table.items():
            if name in found or name in data:
                raise ValueError(f"{path}, line 1: '{name}' is in {found.get(name)} already")
            found[name] = path
            if name in renamed:
                coordinates[renamed[name]] = column
                continue
            data[name] = attribute(column.to_numpy(), name, _UNITS.get(name))
    return data.assign_coords(
        {name: coordinate(name, v, gauges, folder) for name, v in coordinates.items()}
    )


# of the attributes, as Addor et al. (2017) give them; all others are numbers without one
_UNITS = {
    "elev_mean": "m", "slope_mean": "m km-1", "area_gages2": "km2", "area_geospa_fabric": "km2",
    "p_mean": "mm d-1", "pet_mean": "mm d-1", "q_mean": "mm d-1", "q5": "mm d-1", "q95": "mm d-1",
    "high_prec_freq": "d yr-1", "high_prec_dur": "d", "low_prec_freq": "d yr-1",
    "low_prec_dur": "d", "high_q_freq": "d yr-1", "high_q_dur": "d", "low_q_freq": "d yr-1",
    "low_q_dur": "d", "zero_q_freq": "%", "soil_depth_pelletier": "m", "soil_depth_statsgo": "m",
    "soil_conductivity": "cm h-1", "max_water_content": "m", "sand_frac": "%", "silt_frac": "%",
    "clay_frac": "%", "water_frac": "%", "organic_frac": "%", "other_frac": "%",
    "root_depth_50": "m", "root_depth_99": "m", "geol_permeability": "m2 (log10)",
}  # fmt: skip
