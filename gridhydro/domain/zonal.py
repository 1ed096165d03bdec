"""Rasters and series of rasters as means, fractions and directions over polygons."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from xarray.core import indexing

from gridhydro.base.arguments import one_of
from gridhydro.base.windows import chunks_of, lazily
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.grid import Grid, read_grid, spatial_dims
from gridhydro.domain.layers import Layers
from gridhydro.domain.network import shorten
from gridhydro.domain.polygons import Polygons
from gridhydro.domain.reference import centred, suspect_corners
from gridhydro.domain.zonal_raster import HOWS, sums
from gridhydro.domain.zonal_series import WHOLE, Means
from gridhydro.domain.zones import Zones


@dataclass
class OverPolygons:
    """Polygons, and the zones of every grid that was brought over them: these are found once.

    minimum  the part of a polygon that needs data; ValueError for one with less
    """

    polygons: Polygons
    minimum: float = 0.5
    known: dict[tuple, Zones] = field(default_factory=dict)
    told: set[bytes] = field(default_factory=set)

    def zones(self, grid: Grid) -> Zones:
        """The zones of a grid."""
        key = grid.y.tobytes(), grid.x.tobytes(), grid.crs.to_wkt()
        if key not in self.known:
            self.known[key] = Zones.of(self.polygons, grid)
        return self.known[key]

    def series(self, array: xr.DataArray, crs=None, cell_reference: str = "center"):
        """A series (time, y, x) as (time, gauge), float32, of which a block of days is read when
        it is asked for.

        ValueError naming the first polygon that has data on too small a part, and for codes for
        missing values when they are read. What lacks on a polygon is said, and left out of its
        mean.
        """
        array = centred(array, cell_reference)
        grid = read_grid(array, crs)
        suspect_corners(array.name, grid)
        zones, (y, x) = self.zones(grid), spatial_dims(array)
        window = array.transpose("time", y, x).isel({y: zones.rows, x: zones.cols})
        layers = Layers(window, zones.touched, (zones.rows.start, zones.cols.start))
        made = Means(layers, zones, self.polygons.names, str(array.name))
        self.say(made.name, made.look())
        size = array.sizes["time"], len(self.polygons)
        lazy = lazily(made.window, ("time", "gauge"), size, np.float32)
        # what has been read once, of all days or of a part, is not read again
        kept = indexing.MemoryCachedArray(indexing.CopyOnWriteArray(lazy))  # type: ignore[arg-type]
        chunks = {d: c for d, c in chunks_of(window).items() if d == "time"}
        variable = xr.Variable(("time", "gauge"), kept, {}, {"preferred_chunks": chunks})
        coords = {"time": array["time"], "gauge": list(self.polygons.names)}
        return xr.DataArray(variable, coords, name=array.name)

    def raster(
        self, raster: xr.DataArray, how: str = "mean", crs=None, cell_reference: str = "center"
    ) -> dict[str, np.ndarray]:
        """What a raster (y, x) has on the polygons, name -> (N,), read a band of rows at a time.

        how  "mean": by its own name; "direction", of an angle clockwise from north in degrees: mean
             "northness" and "eastness", the circular mean; "fraction": that of each class, by it
        """
        one_of("how", how, HOWS)
        raster = centred(raster, cell_reference)
        spare = [d for d in raster.dims if d not in spatial_dims(raster) and raster.sizes[d] == 1]
        raster = raster.squeeze(spare, drop=True)
        if raster.ndim != 2:
            raise ValueError(
                f"'{raster.name}' is over {', '.join(map(str, raster.dims))}: a raster of rows and "
                "columns is averaged over polygons; choose one layer with .isel()"
            )
        grid = read_grid(raster, crs)
        suspect_corners(raster.name, grid)
        total_of: dict[str, np.ndarray] = {}
        covered, there = np.zeros((2, len(self.polygons)))
        shapes = self.polygons.on(grid.crs)
        for place in range(len(self.polygons)):
            total, covered[place], there[place] = sums(raster, grid, shapes[place], how)
            for name, value in total.items():
                total_of.setdefault(name, np.zeros(len(self.polygons)))[place] = value
        self.say(str(raster.name), covered)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                name: np.where(there > 0, value / there, np.nan) for name, value in total_of.items()
            }

    def say(self, name: str, covered: np.ndarray) -> None:
        """Warns of polygons that have data on a part only, once of the same parts; ValueError where
        that is too small."""
        names, worst = self.polygons.names, int(covered.argmin())
        lacking = np.flatnonzero(covered < max(self.minimum, 1e-9))
        if lacking.size:
            raise ValueError(
                f"'{name}' has data on {covered[worst]:.0%} of the polygon '{names[worst]}', and "
                f"on less than {self.minimum:.0%} of {lacking.size} of {len(names)}: give data "
                "that reach them, leave these out (select=), or allow it with minimum="
            )
        part = np.flatnonzero(covered < WHOLE)
        said = np.round(covered, 3).tobytes()
        if part.size and said not in self.told:
            self.told.add(said)
            warnings.warn(
                f"'{name}' has data on a part only of {part.size} of {len(names)} polygons "
                f"({shorten([f'{names[i]} {covered[i]:.1%}' for i in part])}): their means are of "
                "that part",
                DomainWarning,
                stacklevel=4,
            )
