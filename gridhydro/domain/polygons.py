"""Polygons of basins: mended, in any reference system, with their areas on the ellipsoid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gridhydro.domain.gauges import name_index
from gridhydro.domain.grid import area_below, known_crs
from gridhydro.domain.shapes import (
    equal_area,
    mended,
    over_date_line,
    refuse_no_degrees,
    refuse_none,
    repaired,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyproj

WGS84 = "EPSG:4326"
_PARTS = 64  # of the extent of a polygon, that an edge may be long before it is bent


@dataclass(frozen=True, eq=False)
class Polygons:
    """Basins by name, each a polygon or several.

    names   (N,)
    shapes  (N,) of shapely's Polygon or MultiPolygon, valid, in `crs`
    """

    names: pd.Index
    shapes: np.ndarray
    crs: pyproj.CRS

    @classmethod
    def of(cls, names: Sequence, shapes, crs) -> Polygons:
        """Polygons that may overlap one another, looked through: one whose lines cross is repaired,
        with a warning.

        ValueError naming the first one without a name, without an area, or of a name that is there
        twice, and without a reference system.
        """
        import shapely

        if crs is None:
            raise ValueError(
                "the polygons do not say their reference system: set it, for longitudes and "
                f"latitudes with GeoDataFrame.set_crs('{WGS84}')"
            )
        if not len(names):
            raise ValueError("there is no polygon among them")
        index = name_index(names)
        twice = index[index.duplicated()]
        if len(twice):
            raise ValueError(
                f"the name '{twice[0]}' is given to {int((index == twice[0]).sum())} polygons: "
                "where these are parts of one basin, join them with GeoDataFrame.dissolve, else "
                "name them by another column (names=)"
            )
        shapes = shapely.force_2d(np.array(list(shapes), dtype=object))
        refuse_none(index, shapes)
        crs, valid = known_crs(crs), shapely.is_valid(shapes)
        if crs.is_geographic:
            refuse_no_degrees(index, shapes)
            shapes = over_date_line(index, shapes)
            valid = shapely.is_valid(shapes)
        if not valid.all():
            shapes = mended(index, shapes, np.flatnonzero(~valid))
        return cls(index, shapes, crs)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, places) -> Polygons:
        """Some of them."""
        return Polygons(self.names[places], self.shapes[places], self.crs)

    def on(self, crs) -> np.ndarray:
        """The shapes (N,) in another reference system, longitudes going on over the date line.

        Edges are first cut into short ones, since straight lines of one are curves in another.
        """
        import pyproj
        import shapely

        crs = known_crs(crs)
        if crs.equals(self.crs, ignore_axis_order=True):
            return self.shapes
        change = pyproj.Transformer.from_crs(self.crs, crs, always_xy=True)
        box = shapely.bounds(self.shapes)
        length = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]) / _PARTS
        found = shapely.transform(
            shapely.segmentize(self.shapes, length),
            lambda p: np.column_stack(change.transform(*p.T)),
        )
        lost = np.flatnonzero(~np.isfinite(shapely.bounds(found)).all(axis=1))
        if lost.size:
            raise ValueError(
                f"the polygon '{self.names[lost[0]]}' cannot be brought to {crs.name}: is its own "
                f"reference system {self.crs.name}?"
            )
        if not crs.is_geographic:
            return found
        found = over_date_line(self.names, found)
        bad = np.flatnonzero(~shapely.is_valid(found))
        return found if not bad.size else repaired(found, bad)

    @property
    def area_km2(self) -> np.ndarray:
        """(N,) on the ellipsoid, whatever the reference system."""
        import shapely

        return shapely.area(equal_area(self.on(WGS84), known_crs(WGS84))) / 1e6

    @property
    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitude (-180 to 180) and latitude (N,) of the centres of area."""
        import shapely

        crs = known_crs(WGS84)
        parts, of = shapely.get_parts(equal_area(self.on(crs), crs), return_index=True)
        area, centre = shapely.area(parts), shapely.centroid(parts)
        whole = np.bincount(of, area)
        # parts may lie on both sides of the date line: around the circle
        turn = np.radians(shapely.get_x(centre))
        east, north = (np.bincount(of, area * f(turn)) for f in (np.sin, np.cos))
        # from areas below a latitude back to it by a fine table
        table = np.linspace(-90, 90, 18001)
        below = np.bincount(of, area * shapely.get_y(centre)) / whole
        return (
            np.degrees(np.arctan2(east, north)),
            np.interp(below, area_below(table, crs) / 360.0, table),
        )
