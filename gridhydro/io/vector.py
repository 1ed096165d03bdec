"""Points and polygons from files of a GIS: GeoPackage, GeoJSON, shapefile."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gridhydro.base.damage import reading
from gridhydro.base.files import existing
from gridhydro.domain.grid import known_crs
from gridhydro.domain.polygons import WGS84, Polygons
from gridhydro.io.schema import GAUGE_NAMES, wanted_basins

if TYPE_CHECKING:
    import geopandas  # type: ignore[import-untyped]

SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".fgb")
# what data sets of polygons call their identifiers, beside what files of gauges do
_POLYGON_NAMES = ("hybas_id", "grdc_no", "hru_id", "gauge_no", "gageid", "gage_id", "hru_name")


def read_vector(path: str | Path, layer: str | None = None) -> geopandas.GeoDataFrame:
    """The table of a file, or of the only shapefile in a folder.

    layer  of a file that has several
    FileNotFoundError; ValueError naming the file where it cannot be read or has no geometries, and
    its layers where it is not clear which.
    """
    import geopandas

    table = read_table_of(path, layer)
    if not isinstance(table, geopandas.GeoDataFrame):
        raise ValueError(f"{path} has no geometries, but {', '.join(map(str, table.columns))}")
    return table


def read_table_of(path: str | Path, layer: str | None = None) -> pd.DataFrame:
    """As `read_vector`, also of a layer without geometries."""
    import geopandas
    import pyogrio

    path = existing(path)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        if len(found) != 1:
            raise ValueError(
                f"{path} has {len(found)} files {', '.join(SUFFIXES)}: name the one that is meant"
            )
        path = found[0]
    with reading(path, "a GeoPackage, GeoJSON or shapefile"):
        try:
            layers = [str(name) for name, _ in pyogrio.list_layers(path)]
            if (layer is not None and layer not in layers) or (layer is None and len(layers) > 1):
                raise ValueError(f"{path} has the layers {', '.join(layers)}: choose one, layer=")
            table = geopandas.read_file(path, layer=layer)
        except pyogrio.errors.DataSourceError as error:
            raise RuntimeError(str(error).split(";")[0].replace(str(path), path.name)) from error
    return table


def read_polygons(
    source,
    names: str | None = None,
    *,
    select: Iterable[str] | str | Path | None = None,
    crs=None,
    layer: str | None = None,
) -> tuple[Polygons, pd.DataFrame]:
    """Polygons, and the other columns of their table, indexed by name.

    source  GeoDataFrame, GeoSeries, or what `read_vector` takes
    names   column that names them; without it the index, where that has a name, or a column of a
            usual name: gauge_id, station_id, name, HYBAS_ID, ...
    select  names of some of them, or a text file of names: the others are not looked at
    crs     reference system, where the table does not say
    ValueError for a polygon without a name, and as `Polygons.of`.
    """
    where = "the table of polygons"
    if isinstance(source, str | Path):
        where, table = str(source), read_vector(source, layer)
    else:
        table = _table(source)
    labels = _labels(table, names, where)
    rows = np.arange(len(table))
    if select is not None:
        row_of = {label: row for row, label in reversed(list(enumerate(labels)))}
        rows = np.array([row_of[name] for name in wanted_basins(select, row_of, where)])
        labels = labels[rows]
    own = table.crs if table.crs is not None else crs
    try:
        polygons = Polygons.of(list(labels), table.geometry.to_numpy()[rows], own)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    columns = pd.DataFrame(table.drop(columns=table.geometry.name)).iloc[rows]
    return polygons, columns.set_axis(polygons.names, axis="index")


def polygon_table(source, names: str | None, wanted: list[str]) -> geopandas.GeoDataFrame:
    """The polygons called so, in this order: name and geometry; see `read_polygons`."""
    import geopandas

    polygons, _ = read_polygons(source, names, select=wanted)
    table = {"name": list(polygons.names)}
    return geopandas.GeoDataFrame(table, geometry=list(polygons.shapes), crs=polygons.crs)


def read_gauge_points(path: str | Path, layer: str | None = None) -> pd.DataFrame:
    """Gauges as a table of name, lon, lat and the other columns of a file of points.

    ValueError for other geometries, and points without a reference system or a name.
    """
    table = read_vector(path, layer)
    kinds = set(table.geometry.geom_type.dropna())
    if kinds - {"Point"} or table.geometry.isna().any():
        other = ", ".join(sorted(kinds - {"Point"})) or "rows without a geometry"
        raise ValueError(f"{path} has {other}: gauges are points")
    if table.crs is None:
        raise ValueError(f"{path} does not say the reference system of its points")
    points = table.geometry.to_crs(known_crs(WGS84))
    found = pd.DataFrame(table.drop(columns=table.geometry.name))
    found["name"] = _labels(table, "name" if "name" in table else None, str(path))
    if "accept" in found:  # shapefiles have no truths
        truths = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
        found["accept"] = [truths.get(str(v).lower(), v) for v in found["accept"]]
    return found.assign(lon=points.x.to_numpy(), lat=points.y.to_numpy())


def _table(source) -> Any:
    import geopandas

    if isinstance(source, geopandas.GeoSeries):
        return geopandas.GeoDataFrame(geometry=source)
    if isinstance(source, geopandas.GeoDataFrame):
        return source
    raise ValueError(
        f"polygons are a file (GeoPackage, GeoJSON, shapefile) or a GeoDataFrame, not a "
        f"{type(source).__name__}"
    )


def _labels(table, column: str | None, where: str) -> np.ndarray:
    """The names of the rows (N,) of a table; ValueError for one that has none."""
    if column is not None and column not in table.columns:
        raise ValueError(
            f"{where} has no column '{column}', but {', '.join(map(str, table.columns))}"
        )
    if column is None and table.index.name is not None:
        values = table.index.to_numpy()
    else:
        values = table[column if column is not None else _usual(table, where)].to_numpy()
    texts = [_label(value) for value in values]
    nameless = next((row for row, text in enumerate(texts) if not text), None)
    if nameless is not None:
        raise ValueError(f"{where}: row {nameless + 1} has no name: give it one, or leave it out")
    return np.array(texts, dtype=object)


def _usual(table, where: str) -> str:
    lower = {str(name).lower(): name for name in table.columns}
    known = [lower[name] for name in (*GAUGE_NAMES, *_POLYGON_NAMES, "name") if name in lower]
    if not known:
        raise ValueError(
            f"{where} has no column that is known to name its rows, but "
            f"{', '.join(map(str, table.columns))}: say which, names="
        )
    return known[0]


def _label(value) -> str:
    """A name as text; numbers of identifiers that were read as decimals are whole numbers."""
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()
