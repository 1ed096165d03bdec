"""Basins of polygons: weather, attributes and discharge of each, as a basins dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import xarray as xr

from gridhydro.base import calendar, periods
from gridhydro.base.missing import declare
from gridhydro.base.quantities import SERIES
from gridhydro.base.units import conversion
from gridhydro.domain.polygons import Polygons
from gridhydro.domain.zonal import OverPolygons
from gridhydro.domain.zonal_raster import HOWS
from gridhydro.inputs.polygon_discharge import over_areas
from gridhydro.inputs.series import in_unit_lazily
from gridhydro.io.gridded import Reading, weather_arrays
from gridhydro.io.gridded_variables import weather_variables
from gridhydro.io.raster import open_raster
from gridhydro.io.schema import attribute, coordinate, series_attrs
from gridhydro.io.vector import read_polygons


@dataclass(frozen=True)
class Layer:
    """An attribute raster, as `from_polygons` takes them.

    raster    a GeoTIFF, ESRI ASCII grid or NetCDF file, or a DataArray (y, x)
    how       "mean"; "fraction", one attribute a class; "direction", of an angle clockwise from
              north in degrees: mean northness and eastness, the circular mean
    units     where they are not those that the raster states
    minimum   "fraction": classes that cover less of all polygons are left out
    variable, crs, cell_reference, missing  as for `gridhydro.io.read_raster`
    """

    raster: str | Path | xr.DataArray
    how: str = "mean"
    units: str | None = None
    minimum: float = 0.01
    variable: str | None = None
    crs: object = None
    cell_reference: str = "center"
    missing: float | tuple[float, ...] | None = None


def from_polygons(
    polygons,
    forcing,
    attributes: Mapping[str, object] | None = None,
    discharge=None,
    *,
    names: str | None = None,
    columns: Sequence[str] = (),
    select: Iterable[str] | str | Path | None = None,
    period=None,
    series: Iterable[str] | None = None,
    reading: Reading = Reading(),
    minimum: float = 0.5,
    units: str | None = None,
) -> xr.Dataset:
    """A basins dataset (see `gridhydro.io.write_basins`) of polygons, of any size and overlap.

    polygons    a file (GeoPackage, GeoJSON, shapefile) or a GeoDataFrame, in any reference system
    forcing     gridded weather: what `gridhydro.io.open_weather` takes, or a Dataset (time, y, x)
    attributes  name -> raster or file, whose mean is taken, or a `Layer`
    discharge   a table of days by names in m3 s-1, or in the unit of its attrs["units"], or a file
                as `gridhydro.io.read_discharge` takes it; polygons that it lacks have none
    names       column that names the polygons, where that is no usual one
    columns     columns of the polygons' table that become attributes
    select      names of the polygons that are used, or a text file of them
    period      two dates, months or years; all days of the weather if None
    series      those of the weather that are needed; all that are known if None
    reading     how files of weather are read that do not say what they hold
    minimum     the part of a polygon that needs data, as ValueError for one with less; that some
                lies outside a grid is said
    units       of the discharge, where it does not say

    A mean is over what of each cell lies in the polygon, by areas on the ellipsoid (of a projected
    grid in its plane); polygons may be smaller than a cell, and lie across the date line. The
    series are read by blocks of days when they are used, and the weights found once for each grid.
    """
    found, table = read_polygons(polygons, names, select=select, crs=None)
    over = OverPolygons(found, minimum)
    arrays = _arrays(forcing, series, period, reading)
    made = {name: over.series(one, reading.crs) for name, one in arrays.items()}
    times = next(iter(made.values()))["time"]
    variables: dict[str, object] = {
        name: one.variable.copy(deep=False) for name, one in made.items()
    }
    for name, one in variables.items():
        one.attrs = series_attrs(name, arrays[name].attrs.get("units"))  # type: ignore[attr-defined]
    coords = _coordinates(found)
    for name, layer in (attributes or {}).items():
        variables |= _attributes(over, str(name), layer)
    absent = [name for name in columns if name not in table]
    if absent:
        raise ValueError(
            f"the polygons have no column '{absent[0]}', but {', '.join(map(str, table.columns))}"
        )
    for name in columns:
        variables[str(name)] = attribute(table[name].to_numpy(), str(name))
    if discharge is not None:
        days = pd.DatetimeIndex(times.values)
        area = coords["area"].values
        variables["discharge"] = over_areas(discharge, list(found.names), days, area, units)
    data = xr.Dataset(variables, {"time": times.values, "gauge": list(found.names)} | coords)
    data["time"].attrs = {"standard_name": "time", "long_name": "day"}
    data["gauge"].attrs = {"cf_role": "timeseries_id", "long_name": "gauge"}
    return data.assign_attrs(source="means over polygons")


def _arrays(forcing, series, period, reading: Reading) -> dict[str, xr.DataArray]:
    """The daily series of the weather by our names, in our units, nothing of them read."""
    if isinstance(forcing, xr.DataArray):
        forcing = forcing.to_dataset(name=forcing.name or "series")
    if not isinstance(forcing, xr.Dataset):
        return weather_arrays(forcing, series=series, period=period, reading=reading)
    found = weather_variables(forcing, "the forcing", None, reading.names)
    wanted = list(found) if series is None else list(series)
    lacking = [name for name in wanted if name not in found]
    if lacking or not found:
        raise ValueError(
            f"the forcing lacks {', '.join(lacking) or 'any series that is known'}; it has "
            f"{', '.join(map(str, forcing.data_vars))}: rename them, or say names={{...}}"
        )
    days = calendar.daily(forcing["time"], "the forcing", forcing)
    part = periods.within(days, period, "the forcing")
    arrays = {}
    for name in wanted:
        array = forcing[found[name]].assign_coords(time=days).isel(time=part).rename(name)
        array = declare(array, reading.missing)
        own = (reading.units or {}).get(name)
        array = array if own is None else array.assign_attrs(units=own)
        conversion(name, array.attrs.get("units"), SERIES[name].unit, "the forcing")
        arrays[name] = in_unit_lazily(array, SERIES[name].unit)
    return arrays


def _coordinates(polygons: Polygons) -> dict[str, xr.DataArray]:
    names, (longitude, latitude) = list(polygons.names), polygons.centres
    values = {"latitude": latitude, "longitude": longitude, "area": polygons.area_km2}
    return {key: coordinate(key, one, names, "the polygons") for key, one in values.items()}


def _attributes(over: OverPolygons, name: str, given) -> dict[str, xr.DataArray]:
    """The attributes that a layer makes, name -> (gauge,)."""
    layer = given if isinstance(given, Layer) else Layer(given)
    if layer.how not in HOWS:
        raise ValueError(f"{name}: how is one of {', '.join(HOWS)}, not '{layer.how}'")
    raster = layer.raster
    if isinstance(raster, str | Path):
        raster = open_raster(raster, layer.variable, layer.crs, layer.cell_reference)
        corner = "center"
    elif isinstance(raster, xr.DataArray):
        corner = layer.cell_reference
    else:
        raise ValueError(
            f"{name}: an attribute is a raster (DataArray or file) or a Layer, not a "
            f"{type(raster).__name__}"
        )
    raster = declare(raster.rename(name), layer.missing)
    found = over.raster(raster, layer.how, layer.crs, corner)
    stated = layer.units or raster.attrs.get("units")
    if layer.how == "mean":
        return {name: attribute(found[name], name, stated)}
    if layer.how == "direction":
        return {
            f"{name}_{part}": attribute(values, name, "1", f"{name}, mean {part}")
            for part, values in found.items()
        }
    weights = over.polygons.area_km2 / over.polygons.area_km2.sum()
    classes = {key: values for key, values in found.items() if values @ weights >= layer.minimum}
    if not classes:
        raise ValueError(f"{name}: no class covers {layer.minimum:g} of the polygons: lower it")
    return {
        f"{name}_{key}": attribute(values, name, "1", f"{name}, fraction of class {key}")
        for key, values in classes.items()
    }
