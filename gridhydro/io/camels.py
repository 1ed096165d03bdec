"""CAMELS of other countries than the US: a file of series a gauge, and tables of attributes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar
from gridhydro.base.files import existing
from gridhydro.base.periods import common_days
from gridhydro.base.quantities import SERIES
from gridhydro.base.units import conversion, depth_of_flow
from gridhydro.io.camels_layouts import LAYOUTS, VOLUME, Layout
from gridhydro.io.delimited import MISSING, Delimited, numbers, read_delimited
from gridhydro.io.schema import (
    attribute,
    coordinate,
    refuse_codes,
    refuse_outside,
    series_attrs,
    wanted_basins,
)
from gridhydro.io.tables import column_of

_MISSING = (*MISSING, "-999", "-999.0", "-999.00", "-9999", "-9999.0")


def read_camels(
    folder: str | Path,
    country: str,
    basins: Iterable[str] | str | Path | None = None,
    period: tuple[str, str] | None = None,
) -> xr.Dataset:
    """Basins of a CAMELS data set of another country, a basins dataset (see `io.schema`) in memory.

    folder   of the data set as it is unpacked: its files are found wherever they are below it
    country  one of `LAYOUTS`: "gb", "de", "ch", "fr", "dk". Those of others are in Caravan's layout
             too, see `read_caravan`
    basins   None (all), ids, or a text file of ids; no other file is read
    period   two dates, months or years, both included; None: the days that all basins have
    Discharge is that over the area of the basin; days of no observation are NaN. Weather that is
    missing is refused where it is used. Tables of attributes that have no row for a basin leave it
    missing. ValueError or FileNotFoundError naming file, line and column.
    """
    folder = existing(folder)
    if country not in LAYOUTS:
        raise ValueError(
            f"country is one of {', '.join(LAYOUTS)}, not '{country}': others are read in "
            "Caravan's layout, with read_caravan"
        )
    layout = LAYOUTS[country]
    files = _files(folder, layout)
    gauges = wanted_basins(basins, sorted(files), folder)
    tables = {gauge: _series(files[gauge], layout) for gauge in gauges}
    days = common_days({g: t.index for g, t in tables.items()}, period, files)
    names = list(dict.fromkeys(name for table in tables.values() for name in table))
    values = {
        name: np.stack(
            [tables[g].reindex(columns=names).loc[days, name].to_numpy(np.float32) for g in gauges],
            axis=1,
        )
        for name in names
    }
    static = _attributes(gauges, folder, layout)
    _over_area(values, static, layout)
    for name, array in values.items():
        refuse_codes(name, array, days, gauges, folder)
        refuse_outside(name, array, days, gauges, folder)
    data = xr.Dataset(
        {name: (("time", "gauge"), array, series_attrs(name)) for name, array in values.items()},
        {"time": days, "gauge": gauges},
        {"source": layout.source},
    )
    return data.assign(static.data_vars).assign_coords(static.coords)


def _over_area(values: dict[str, np.ndarray], static: xr.Dataset, layout: Layout) -> None:
    """Put discharge of volumes in mm d-1; ValueError without the areas of the basins."""
    if ("discharge", VOLUME) not in layout.columns.values() or "discharge" not in values:
        return
    if "area" not in static.coords:
        raise ValueError(
            f"the discharge of {layout.source} is in {VOLUME}, and no table has the areas of its "
            f"basins: {', '.join(layout.tables)}"
        )
    depth = depth_of_flow(static["area"].values)
    values["discharge"] = (values["discharge"] * depth).astype(np.float32)


def _files(folder: Path, layout: Layout) -> dict[str, Path]:
    """Gauge -> file of its series."""
    star = layout.files.index("*")
    rest = re.escape(layout.files[star + 1 :]).replace(r"\?", ".")
    named = re.compile(f"{re.escape(layout.files[:star])}(.+?){rest}")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob(layout.files)):
        gauge = named.fullmatch(path.name)
        if gauge is None:
            continue
        if found.setdefault(gauge[1], path) != path:
            raise ValueError(f"basin {gauge[1]} has two files, {found[gauge[1]]} and {path}")
    if not found:
        raise FileNotFoundError(f"{folder.resolve()} has no files {layout.files} ({layout.source})")
    return found


def _series(path: Path, layout: Layout) -> pd.DataFrame:
    """The series of a gauge by our names, in our units, by day."""
    table = read_delimited(path, key=layout.day)
    if not table.rows:
        raise ValueError(f"{path} has no days below the names of its columns")
    days = table.dates(layout.day)
    days = calendar.stamped(xr.DataArray(days, dims="date", name=layout.day), path)
    found: dict[str, np.ndarray] = {}
    for theirs, (ours, unit) in layout.columns.items():
        if theirs in table.header and ours not in found:
            whole = unit == VOLUME  # until the areas are known
            factor, offset = (1, 0) if whole else conversion(ours, unit, SERIES[ours].unit, path)
            found[ours] = _numbers(table, theirs) * factor + offset
    if not found:
        raise ValueError(
            f"{path} has none of the columns {', '.join(layout.columns)}, but "
            f"{', '.join(table.header)}"
        )
    return pd.DataFrame(found, days)


def _numbers(table: Delimited, name: str) -> np.ndarray:
    """A column, NaN where its cell stands for a missing value."""
    cells = np.array(table.column(name))
    values = np.where(np.isin(cells, _MISSING), np.nan, numbers(cells))
    wrong = np.flatnonzero(~np.isfinite(values) & ~np.isin(cells, _MISSING))
    if wrong.size:
        raise ValueError(
            f"{table.path}, line {table.lines[wrong[0]]}, column '{name}': '{cells[wrong[0]]}' is "
            "no number; leave what is missing empty"
        )
    return values


def _attributes(gauges: list[str], folder: Path, layout: Layout) -> xr.Dataset:
    """What the tables say of these gauges: attributes, and their places as coordinates."""
    data = xr.Dataset(coords={"gauge": gauges})
    coords: dict[str, xr.DataArray] = {}
    places: dict[str, np.ndarray] = {}
    for path in sorted({path for table in layout.tables for path in folder.rglob(table)}):
        table = read_delimited(path, key=layout.gauge)
        if layout.gauge not in table.header:
            continue  # one of stations of another kind
        row_of = {name: row for row, name in enumerate(table.column(layout.gauge))}
        rows = [row_of.get(gauge) for gauge in gauges]
        for name in table.header:
            if name in (layout.gauge, ""):
                continue
            column = column_of(np.array(table.column(name)), name, path, table.lines)
            nothing = np.nan if column.dtype.kind == "f" else ""
            values = np.array([nothing if row is None else column[row] for row in rows])
            ours = layout.places.get(name)
            if ours is None:
                if name not in data:
                    data[name] = attribute(values, name)
            elif layout.crs is not None and ours in ("latitude", "longitude"):
                places.setdefault(ours, values)
                if len(places) == 2:
                    for name_of, degrees in _degrees(places, layout.crs).items():
                        coords[name_of] = coordinate(name_of, degrees, gauges, path)
            elif ours not in coords:
                if ours == "area":
                    values = values * conversion("area", layout.area_unit, "km2", path)[0]
                coords[ours] = coordinate(ours, values, gauges, path)
    return data.assign_coords(coords)


def _degrees(places: dict[str, np.ndarray], crs: str) -> dict[str, np.ndarray]:
    """Latitude and longitude of northing and easting."""
    from pyproj import Transformer  # models run on tensors without it

    away = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = away.transform(places["longitude"], places["latitude"])
    return {"latitude": np.asarray(lat), "longitude": np.asarray(lon)}
