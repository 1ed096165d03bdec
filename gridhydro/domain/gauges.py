"""Gauges: reading tables of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhydro.base.arguments import switch
from gridhydro.domain.grid import transform

_ALIASES = {"longitude": "lon", "latitude": "lat", "area": "area_km2", "id": "name"}


def read_gauges(gauges, crs) -> pd.DataFrame:
    """Gauges as a table indexed by name: x and y in the reference system `crs`, area_km2 (or NaN),
    accept.

    `gauges`: DataFrame, GeoDataFrame of points, or a list of dicts with name, lon and lat (degrees,
    WGS84) or x and y (in `crs`), area_km2 where known, and accept, true for a gauge that stays
    where it is whatever its area. Raises ValueError naming the gauge.
    """
    try:
        table = pd.DataFrame(gauges).copy()
    except ValueError:
        raise ValueError(
            f"gauges are a table, a GeoDataFrame, or a list of dicts with name, lon and lat, not "
            f"{gauges!r:.100}"
        ) from None
    points = getattr(gauges, "geometry", None)
    if "name" not in table.columns and table.index.name is not None:
        table = table.reset_index(names="name")
    table = table.rename(columns={a: b for a, b in _ALIASES.items() if b not in table.columns})
    if "name" not in table.columns:
        raise ValueError(f"the gauges need a 'name'; they have {list(table.columns)}")
    nameless = np.flatnonzero(table["name"].isna())
    if nameless.size:
        raise ValueError(
            f"the gauge in row {nameless[0] + 1} of the table has no name: give it one"
        )
    names = table["name"].astype(str)
    twice = names[names.duplicated()].unique()
    if twice.size:
        raise ValueError(f"the gauge '{twice[0]}' is given twice: names must differ")

    if points is not None:
        if points.crs is None:
            raise ValueError("the gauges have geometries without a reference system: set their crs")
        x, y = transform(points.x, points.y, points.crs, crs)
    elif {"lon", "lat"} <= set(table.columns):
        lon, lat = (_numbers(table, column) for column in ("lon", "lat"))
        x, y = transform(lon, lat, "EPSG:4326", crs)
    elif {"x", "y"} <= set(table.columns):
        x, y = (_numbers(table, column) for column in ("x", "y"))
    else:
        raise ValueError(
            f"the gauges need lon and lat, or x and y; they have {list(table.columns)}"
        )
    area = _numbers(table, "area_km2") if "area_km2" in table.columns else np.nan
    accept = table["accept"] if "accept" in table.columns else [False] * len(table)
    found = pd.DataFrame(
        {
            "x": np.asarray(x, float),
            "y": np.asarray(y, float),
            "area_km2": np.asarray(area, float),
            "accept": [
                switch(f"accept of gauge '{name}'", value)
                for name, value in zip(names, accept, strict=True)
            ],
        },
        index=name_index(names),
    ).astype({"accept": bool})
    bad = found.index[~np.isfinite(found["x"] * found["y"])]
    if bad.size:
        raise ValueError(f"the gauge '{bad[0]}' has no position: give it or leave the gauge out")
    wrong = found.index[(found["area_km2"] <= 0) | np.isinf(found["area_km2"])]
    if wrong.size:
        raise ValueError(
            f"the area of gauge '{wrong[0]}' is not above zero, or infinite: leave it NaN if it is "
            "not known"
        )
    return found


def _numbers(table, column) -> np.ndarray:
    """A column as numbers; ValueError naming the gauge that has another text there."""
    found = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    given = table[column].astype(str).str.strip()
    wrong = np.flatnonzero(np.isnan(found) & ~table[column].isna() & (given != ""))
    if wrong.size:
        name, value = table["name"].iloc[wrong[0]], table[column].iloc[wrong[0]]
        raise ValueError(f"{column} of gauge '{name}' is {value!r}, should be a number")
    return found


def name_index(names) -> pd.Index:
    """The index of a gauge table, the same whatever the names come from; ValueError for a name of
    several lines."""
    found = [str(name) for name in names]
    broken = next((name for name in found if set(name) & set("\n\r\0")), None)
    if broken is not None:
        raise ValueError(
            f"the gauge {broken!r} has a line break or a null character in its name, which no "
            "table keeps: take it out"
        )
    return pd.Index(found, dtype=object, name="name")
