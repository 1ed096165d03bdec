"""Tables of lakes and reservoirs, in the layouts of HydroLAKES and GRanD or with other names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gridhydro.base.report import Report
from gridhydro.base.units import conversion
from gridhydro.domain.grid import transform

# quantity -> unit here, unit where nothing else is said, and columns that have it: our own name
# first, then those of HydroLAKES (Messager et al. 2016) and GRanD (Lehner et al. 2011)
QUANTITIES = {
    "area": ("km2", "km2", ("area", "area_km2", "Lake_area", "AREA_SKM")),
    "volume": ("m3", "1e6 m3", ("volume", "Vol_total", "CAP_MCM")),
    "depth": ("m", "m", ("depth", "depth_m", "Depth_avg", "DEPTH_M")),
    "upstream_area": ("km2", "km2", ("upstream_area", "Wshd_area", "CATCH_SKM")),
}
_NAMES = ("name", "Hylak_id", "GRAND_ID")
_PLACES = {"lon": ("lon", "longitude", "Pour_long", "LONG_DD"),
           "lat": ("lat", "latitude", "Pour_lat", "LAT_DD")}  # fmt: skip
_KINDS = ("regulated", "Lake_type", "MAIN_USE")
KEYS = ("name", "lon", "lat", "x", "y", "regulated", *QUANTITIES)
# of a lake that is no reservoir only the water above the sill of its outflow takes part, at most so
# deep: Döll et al. (2003)
ACTIVE_DEPTH = 5.0


def lake_table(
    lakes,
    crs,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    active_depth: float = ACTIVE_DEPTH,
) -> tuple[pd.DataFrame, Report]:
    """Lakes indexed by name: x, y in `crs`, capacity_m3, regulated and upstream_km2 (or NaN), and
    what was assumed or left out.

    lakes    a table, or a GeoDataFrame, whose points count where it has no columns of places
    columns  the names of columns, {key: name}, of `KEYS`
    units    of area, volume, depth and upstream_area, where they are others than in HydroLAKES
    Below 0 (-99, -9999) and NaN are missing values. The capacity of a reservoir is its volume, that
    of a lake its volume or what is `active_depth` m deep, the lesser. ValueError names what lacks.
    """
    table = _table(lakes)
    find = _Columns(table, dict(columns or {}))
    for key in units or {}:
        if key not in QUANTITIES:
            raise ValueError(f"units of lakes are of {', '.join(QUANTITIES)}, not of '{key}'")
    names = table[find.needed("name", _NAMES)].astype(str)
    if (twice := names[names.duplicated()]).size:
        raise ValueError(f"the lake '{twice.iloc[0]}' is given twice: names must differ")
    x, y = _places(table, find, crs)
    found = {
        key: _numbers(table, find(key, places), names, key, (units or {}).get(key, usual), unit)
        for key, (unit, usual, places) in QUANTITIES.items()
    }
    regulated = _regulated(table, find(("regulated"), _KINDS), names)
    report, surface = Report(), found["area"] * 1e6
    volume = np.where(np.isnan(found["volume"]), surface * found["depth"], found["volume"])
    shallow = np.isnan(volume) & ~np.isnan(surface)
    volume = np.where(shallow, surface * active_depth, volume)
    if shallow.any():
        report.warnings.append(
            f"{shallow.sum()} of {len(table)} lakes have no volume and no depth: {active_depth:g} "
            f"m are taken, as of '{names[shallow].iloc[0]}'"
        )
    active = np.fmin(volume, np.where(regulated, np.nan, surface * active_depth))
    nothing = ~(active > 0)
    if nothing.any():
        report.warnings.append(
            f"{nothing.sum()} of {len(table)} lakes have neither volume nor area and are left out, "
            f"such as '{names[nothing].iloc[0]}'"
        )
    values = dict(x=x, y=y, capacity_m3=active, regulated=regulated)
    values["upstream_km2"] = np.where(found["upstream_area"] > 0, found["upstream_area"], np.nan)
    frame = pd.DataFrame(values, index=pd.Index(names.to_numpy(object), name="name"))
    return frame[~nothing], report


class _Columns:
    """Columns of a table by what they are: as they are given, or known, in upper or lower case."""

    def __init__(self, table, given: dict[str, str]):
        self.table, self.given = table, given
        self.lower = {str(name).lower(): name for name in reversed(list(table.columns))}
        for key, name in given.items():
            if key not in KEYS:
                raise ValueError(f"columns of lakes are {', '.join(KEYS)}, not '{key}'")
            if name not in table.columns:
                raise ValueError(f"the lakes have no column '{name}'; they have {self.all}")

    @property
    def all(self) -> str:
        return ", ".join(map(str, self.table.columns))

    def __call__(self, key: str, known: tuple[str, ...]):
        if key in self.given:
            return self.given[key]
        return next((self.lower[n.lower()] for n in known if n.lower() in self.lower), None)

    def needed(self, key: str, known: tuple[str, ...]):
        found = self(key, known)
        if found is None:
            raise ValueError(
                f"the lakes need a column '{key}' (or {', '.join(known[1:])}); they have "
                f"{self.all}: say which it is, columns={{'{key}': ...}}"
            )
        return found


def _table(lakes) -> pd.DataFrame:
    if isinstance(lakes, pd.DataFrame):
        return lakes
    try:
        return pd.DataFrame(lakes)
    except ValueError:
        raise ValueError(
            f"lakes are a table, not {lakes!r:.100}: read a file with gridhydro.io.read_lakes"
        ) from None


def _places(table, find: _Columns, crs):
    """x, y in `crs`: of lon and lat, x and y, or points."""
    lon, lat = (find(key, known) for key, known in _PLACES.items())
    if lon is not None and lat is not None:
        return transform(_floats(table, lon), _floats(table, lat), "EPSG:4326", crs)
    x, y = (find(key, (key,)) for key in "xy")
    if x is not None and y is not None:
        return _floats(table, x), _floats(table, y)
    points = getattr(table, "geometry", None)
    if points is not None and points.crs is not None and (points.geom_type == "Point").all():
        return transform(points.x, points.y, points.crs, crs)
    raise ValueError(
        f"the lakes need the place where their water leaves: lon and lat (Pour_long and Pour_lat, "
        f"LONG_DD and LAT_DD), x and y, or points; they have {find.all}"
    )


def _floats(table, column) -> np.ndarray:
    given = table[column].astype(str).str.strip()
    found = pd.to_numeric(given, errors="coerce")
    nothing = table[column].isna() | given.str.lower().isin(["", "nan", "na"])
    wrong = np.flatnonzero(found.isna() & ~nothing)
    if wrong.size:
        raise ValueError(f"{column} of a lake is {table[column].iloc[wrong[0]]!r}, not a number")
    return found.to_numpy(float)


def _numbers(table, column, names, key, given: str, unit: str) -> np.ndarray:
    """A quantity in its unit, NaN where it is missing."""
    if column is None:
        return np.full(len(table), np.nan)
    factor, offset = conversion(key, given, unit)
    values = _floats(table, column)
    if np.isinf(values).any():
        raise ValueError(f"{column} of lake '{names[np.isinf(values)].iloc[0]}' is infinite")
    return np.where(values < 0, np.nan, values) * factor + offset


def _regulated(table, column, names) -> np.ndarray:
    """Whether a lake is a reservoir: 2 and 3 of HydroLAKES' types, all of GRanD, or as is said."""
    if column is None:
        return np.zeros(len(table), bool)
    if str(column).lower() == "main_use":
        return np.ones(len(table), bool)
    values, usual = (
        _floats(table, column),
        [1, 2, 3] if str(column).lower() == "lake_type" else [0, 1],
    )
    wrong = ~np.isin(values, usual)
    if wrong.any():
        raise ValueError(
            f"{column} of lake '{names[wrong].iloc[0]}' is {values[wrong][0]:g}, should be one of "
            f"{', '.join(map(str, usual))}"
        )
    return values > usual[0]
