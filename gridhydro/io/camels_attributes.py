"""The tables of attributes of a CAMELS data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base.units import conversion
from gridhydro.io.camels_layouts import Layout
from gridhydro.io.delimited import read_delimited
from gridhydro.io.schema import attribute, coordinate
from gridhydro.io.tables import column_of


def attributes_of(gauges: list[str], folder: Path, layout: Layout) -> xr.Dataset:
    """What the tables say of these gauges: attributes, and their places as coordinates."""
    data = xr.Dataset(coords={"gauge": gauges})
    coords: dict[str, xr.DataArray] = {}
    places: dict[str, np.ndarray] = {}
    for path in sorted({path for table in layout.tables for path in folder.rglob(table)}):
        for name, values in _columns(path, gauges, layout):
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


def _columns(path: Path, gauges: Sequence[str], layout: Layout) -> Iterator[tuple[str, np.ndarray]]:
    """Each attribute of a table with its values (gauge,), NaN or "" where it has none."""
    key = layout.gauge if layout.separator is None else None
    table = read_delimited(path, layout.separator, key, western=True)
    if any(path.match(pattern) for pattern in layout.turned):
        known = list(table.header[1:])
        rows = zip(table.rows, table.lines, strict=True)
        columns = [(cells[0], cells[1:], [line] * len(known)) for cells, line in rows]
    elif layout.gauge in table.header:
        known = table.column(layout.gauge)
        others = [name for name in table.header if name not in (layout.gauge, "")]
        columns = [(name, table.column(name), table.lines) for name in others]
    else:
        return  # one of stations of another kind
    row_of = {name: row for row, name in enumerate(known)}
    places = [row_of.get(gauge) for gauge in gauges]
    for name, cells, lines in columns:
        column = np.array(cells)
        if name not in layout.texts:
            column = column_of(column, name, path, lines)
        nothing = np.nan if column.dtype.kind == "f" else ""
        yield name, np.array([nothing if row is None else column[row] for row in places])


def _degrees(places: dict[str, np.ndarray], crs: str) -> dict[str, np.ndarray]:
    """Latitude and longitude of northing and easting."""
    from pyproj import Transformer  # models run on tensors without it

    away = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = away.transform(places["longitude"], places["latitude"])
    return {"latitude": np.asarray(lat), "longitude": np.asarray(lon)}
