"""The reaches of a vector network among the variables of a domain file."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import xarray as xr

from gridhydro.domain.grid import known_crs
from gridhydro.domain.reaches import Reaches

_NUMBERS = {
    "length": ("m", "length of the river"),
    "slope": ("1", "fall of the river over its length"),
    "lon": ("degrees_east", "longitude of the reach"),
    "lat": ("degrees_north", "latitude of the reach"),
}
_SHAPES = ("lines", "polygons")


def with_reaches(data: xr.Dataset, reaches: Reaches) -> xr.Dataset:
    """A domain file with the reaches beside its cells; their geometries are well-known binaries,
    one behind the other, and where each begins."""
    ids = reaches.ids if reaches.ids.dtype.kind == "i" else np.asarray(reaches.ids, dtype=object)
    data["reach_id"] = ("cell", ids, {"long_name": "id of the reach"})
    for name, (unit, long_name) in _NUMBERS.items():
        attrs = {"long_name": long_name, "units": unit}
        data[f"reach_{name}"] = ("cell", getattr(reaches, name), attrs)
    for name in _SHAPES:
        shapes = getattr(reaches, name)
        if shapes is not None:
            import shapely

            binaries = shapely.to_wkb(shapes, include_srid=False)
            start = np.cumsum([0, *map(len, binaries)])
            data[f"reach_{name}"] = (f"{name}_byte", np.frombuffer(b"".join(binaries), np.uint8))
            data[f"reach_{name}_start"] = ("cell_bound", start)
    data["reach_id"].attrs["crs_wkt"] = reaches.crs.to_wkt()
    return data


def reaches_of(data: xr.Dataset) -> Reaches | None:
    """The reaches of an open domain file; None where it has none."""
    if "reach_id" not in data.variables:
        return None
    ids = data["reach_id"].values
    ids = ids.astype(np.int64) if ids.dtype.kind in "iu" else ids.astype(str).astype(object)
    length, slope, lon, lat = (data[f"reach_{name}"].values.astype(np.float64) for name in _NUMBERS)
    lines, polygons = (_shapes(data, name) for name in _SHAPES)
    crs = known_crs(data["reach_id"].attrs["crs_wkt"])
    return Reaches(ids, length, slope, lon, lat, crs, lines, polygons)


def _shapes(data: xr.Dataset, name: str) -> np.ndarray | None:
    if f"reach_{name}" not in data.variables:
        return None
    import shapely
    from shapely.errors import ShapelyError

    whole = data[f"reach_{name}"].values.astype(np.uint8).tobytes()
    start = data[f"reach_{name}_start"].values
    parts = [whole[a:b] for a, b in pairwise(start)]
    try:
        return shapely.from_wkb(np.array(parts, dtype=object))
    except ShapelyError as error:
        raise ValueError(f"the {name} of the reaches are no geometries: {error}") from error
