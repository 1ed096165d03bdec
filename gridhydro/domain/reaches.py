"""The reaches of a vector network: their ids, channels and places, in the order of the cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridhydro.base.identifiers import places
from gridhydro.domain.grid import transform
from gridhydro.domain.polygons import WGS84

if TYPE_CHECKING:
    import pyproj

AXIS = "reach"  # of arrays over them


@dataclass(frozen=True, eq=False)
class Reaches:
    """What is known of N reaches and the unit basins that drain into them.

    ids       (N,) int64, or texts where one of them is no whole number
    length    (N,) m, of the river
    slope     (N,) fall of the river over its length; NaN where it is not known
    lon, lat  (N,) degrees, where they are; NaN where that is not known
    lines     (N,) of shapely's geometries in `crs`, the rivers; None without them
    polygons  (N,) the unit basins; None without them
    """

    ids: np.ndarray
    length: np.ndarray
    slope: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    crs: pyproj.CRS
    lines: np.ndarray | None = None
    polygons: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, chosen: np.ndarray) -> Reaches:
        """Some of them, in another order."""
        lines, polygons = (
            None if shapes is None else shapes[chosen] for shapes in (self.lines, self.polygons)
        )
        return Reaches(
            self.ids[chosen], self.length[chosen], self.slope[chosen], self.lon[chosen],
            self.lat[chosen], self.crs, lines, polygons,
        )  # fmt: skip

    @cached_property
    def index(self) -> pd.Index:
        """The ids, for looking them up."""
        return pd.Index(self.ids, name=AXIS)

    @cached_property
    def names(self) -> np.ndarray:
        """The ids (N,) as texts."""
        return self.ids.astype(str)

    @property
    def placed(self) -> bool:
        """Whether all have a place."""
        return bool(np.isfinite(self.lon).all() and np.isfinite(self.lat).all())

    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitudes and latitudes of the corners around all geometries, or of the places."""
        shapes = self.polygons if self.polygons is not None else self.lines
        if shapes is None:
            return self.lon, self.lat
        import shapely

        box = shapely.bounds(shapes)
        return transform(
            box[:, [0, 2, 0, 2]].ravel(), box[:, [1, 3, 3, 1]].ravel(), self.crs, WGS84
        )

    def places(self, ids, what: str = "the ids") -> np.ndarray:
        """Where each of these ids is among the reaches, -1 where there is none, int64."""
        return places(self.ids, ids, what)
