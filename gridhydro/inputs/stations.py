"""Series of stations brought to the cells of a domain: by inverse distance, with a lapse rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar, refuse
from gridhydro.base.arguments import number
from gridhydro.base.quantities import SERIES, Quantity
from gridhydro.base.units import conversion
from gridhydro.base.windows import lazily
from gridhydro.domain.domain import Domain
from gridhydro.domain.gauges import read_gauges
from gridhydro.domain.grid import transform
from gridhydro.inputs.day_tables import day_table
from gridhydro.io.schema import series_attrs

_EARTH = 6371.0  # km
_HERE = 0.1  # km: a station is no nearer than that


@dataclass(frozen=True)
class Lapse:
    """How values change with height.

    rate      per metre upwards, in the unit of the values: -0.0065 degC m-1 in the standard
              atmosphere; or with `relative` as a part of the value: 0.0004 m-1 is 40 % a kilometre
    relative  whether it is a part of the value, as of precipitation
    """

    rate: float
    relative: bool = False


def interpolate_stations(
    domain: Domain,
    values: pd.DataFrame,
    stations,
    name: str,
    *,
    units: str | None = None,
    elevation=None,
    lapse: Lapse | None = None,
    power: float = 2.0,
) -> xr.DataArray:
    """A daily series of stations on the cells (or lumped basins) of a domain, (time, y, x) or
    (time, gauge), of which a window is computed when it is asked for.

    values     table of days by stations, with gaps; its unit is that of `values.attrs["units"]`
    stations   table of name, lon and lat (or x and y in the domain's reference system), and with a
               lapse rate elevation in m; or a GeoDataFrame of points
    name       of the series, "precipitation", "temperature", ...: it comes in the unit of that
    units      where the table does not say
    elevation  of the cells in m: a raster on the domain, or (N,); needed with a lapse rate
    lapse      brings the value of each station to the height of a cell
    power      of the distance, by whose inverse a station counts: of great circles
    Each day is of the stations that have a value then (Shepard 1968). ValueError for a day on
    which none has, and naming day and station of a code for missing values, or of what the quantity
    cannot be.
    """
    if lapse is not None and not isinstance(lapse, Lapse):
        raise ValueError(f"a lapse rate is a gridhydro.Lapse(rate, relative=...), not {lapse!r}")
    power = number("power", power, 0)
    table = _stations(stations, domain)
    known, own, unit = _values(values, list(table.index), name, units)
    place = np.radians(np.array(domain.lonlat))
    far = _distance(place, np.radians(table[["lon", "lat"]].to_numpy().T))
    weights = np.maximum(far, _HERE) ** -power
    weights /= weights.max(axis=1, keepdims=True)
    rise = _rise(domain, table, elevation) if lapse is not None else None
    made = _Made(known, weights, rise, lapse, domain)
    like = domain.unpack(np.zeros(domain.size, np.float32), name)
    attrs = series_attrs(name, unit) | {"comment": "stations by inverse distance"}
    lazy = lazily(made.window, ("time", *like.dims), (len(own), *like.shape), np.float32)
    coords = dict(like.coords) | {"time": own}
    return xr.DataArray(xr.Variable(("time", *like.dims), lazy, attrs), coords, name=name)


@dataclass(frozen=True)
class _Made:
    """values (T, S), weights (N, S) and the rise (N, S) in m from a station to a cell."""

    values: np.ndarray
    weights: np.ndarray
    rise: np.ndarray | None
    lapse: Lapse | None
    domain: Domain

    def window(self, window: dict) -> np.ndarray:
        days, *space = window.values()
        cells = self._cells(np.arange(len(self.values))[days])
        if self.domain.grid is None:
            return cells[:, space[0]]
        found = np.full((len(cells), *self.domain.shape), np.nan, np.float32)
        found[:, self.domain.row, self.domain.col] = cells
        return found[:, space[0]][:, :, space[1]]

    def _cells(self, days: np.ndarray) -> np.ndarray:
        """(L, N) of some days."""
        values = self.values[days]
        there = np.isfinite(values)
        known, weights = np.where(there, values, 0.0), self.weights
        count = there.astype(np.float64) @ weights.T
        total = known @ weights.T
        if self.rise is not None and self.lapse is not None:
            if self.lapse.relative:
                total = known @ (weights * np.maximum(0, 1 + self.lapse.rate * self.rise)).T
            else:
                total += there.astype(np.float64) @ (weights * self.lapse.rate * self.rise).T
        return (total / count).astype(np.float32)


def _stations(stations, domain: Domain) -> pd.DataFrame:
    """Longitude, latitude and elevation (NaN where not said) by name."""
    crs = "EPSG:4326" if domain.crs is None else domain.crs
    places = read_gauges(stations, crs)
    lon, lat = transform(places["x"], places["y"], crs, "EPSG:4326")
    table = pd.DataFrame(stations)
    height = table["elevation"] if "elevation" in table else np.full(len(table), np.nan)
    return pd.DataFrame(
        {"lon": lon, "lat": lat, "elevation": np.asarray(height, np.float64)}, places.index
    )


def _values(values, names: list[str], name: str, units: str | None):
    """Numbers (T, S) in the unit of the series, their days, and that unit."""
    if not isinstance(values, pd.DataFrame):
        raise ValueError(f"the values of stations are a table of days, not a {type(values)}")
    given = str(units or values.attrs.get("units") or "").strip() or None
    table = day_table(values, name, "the table of stations", "station")
    days = calendar.without_gaps(table.index, "the table of stations")
    columns, found = list(table.columns), table.to_numpy()
    lacking = [column for column in columns if column not in names]
    if lacking:
        raise ValueError(f"there is no place of the station {', '.join(lacking[:5])}")
    place = refuse.at(days, lambda station: f"at station {columns[station]}")
    refuse.codes(name, found, place, Quantity(given or "", name))
    unit = SERIES[name].unit if name in SERIES else given
    if unit is not None:
        factor, offset = conversion(name, given, unit)
        found = found * factor + offset
    if name in SERIES:
        refuse.outside(name, found, place, SERIES[name])
    empty = np.flatnonzero(~np.isfinite(found).any(axis=1))
    if empty.size:
        raise ValueError(
            f"no station has {name} on {days[empty[0]]:%Y-%m-%d} ({empty.size} such days)"
        )
    whole = np.full((len(days), len(names)), np.nan)
    whole[:, [names.index(column) for column in columns]] = found
    return whole, days, unit


def _rise(domain: Domain, table: pd.DataFrame, elevation) -> np.ndarray:
    """Metres (N, S) from each station up to each cell."""
    if elevation is None:
        raise ValueError("with a lapse rate the elevation of the cells is needed: elevation=")
    by_cell = np.shape(elevation) == (domain.size,) and not isinstance(elevation, xr.DataArray)
    own = np.asarray(elevation if by_cell else domain.pack(elevation), np.float64)
    unknown = table.index[~np.isfinite(table["elevation"])]
    if len(unknown):
        raise ValueError(f"the station '{unknown[0]}' has no elevation, which a lapse rate needs")
    missing = np.flatnonzero(~np.isfinite(own))
    if missing.size:
        raise ValueError(f"there is no elevation in {domain.name_cell(missing[0])}")
    return own[:, None] - table["elevation"].to_numpy()


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Kilometres (N, S) along great circles between points (2, N) and (2, S) in radians."""
    east = one[0][:, None] - other[0]
    north = one[1][:, None] - other[1]
    half = np.sin(north / 2) ** 2
    half += np.cos(one[1])[:, None] * np.cos(other[1]) * np.sin(east / 2) ** 2
    return 2 * _EARTH * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
