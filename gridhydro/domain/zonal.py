"""Rasters and series of rasters as means, fractions and directions over polygons."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from xarray.core import indexing

from gridhydro.base.arguments import one_of
from gridhydro.base.windows import chunks_of, lazily
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.grid import Grid, read_grid, spacing, spatial_dims
from gridhydro.domain.layers import Layers
from gridhydro.domain.network import shorten
from gridhydro.domain.polygons import Polygons
from gridhydro.domain.reference import centred, suspect_corners
from gridhydro.domain.zones import Zones, by_turn

HOWS = ("mean", "fraction", "direction")
_BAND = 2**23  # cells of a raster that are in memory at once
_LOOKED = 1e-3  # of a cell in a polygon: less is not looked at for codes
_WHOLE = 0.999  # of a polygon: less than that is said


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
        made = _Means(layers, zones, self, str(array.name))
        made.look()
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
        sums: dict[str, np.ndarray] = {}
        covered, there = np.zeros((2, len(self.polygons)))
        shapes = self.polygons.on(grid.crs)
        for place in range(len(self.polygons)):
            total, covered[place], there[place] = _sums(raster, grid, shapes[place], how)
            for name, value in total.items():
                sums.setdefault(name, np.zeros(len(self.polygons)))[place] = value
        self.say(str(raster.name), covered)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                name: np.where(there > 0, value / there, np.nan) for name, value in sums.items()
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
        part = np.flatnonzero(covered < _WHOLE)
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


@dataclass
class _Means:
    """Means of layers over zones, and whether it was said that some lack data."""

    layers: Layers
    zones: Zones
    over: OverPolygons
    name: str
    usual: np.ndarray = field(default_factory=lambda: np.zeros(0))
    told: bool = False

    def look(self) -> None:
        """Reads the first day: says where the grid has no data at all."""
        _, part = self.means(slice(0, 1))
        self.usual = part[0]
        self.over.say(self.name, part[0] * self.zones.covered)

    def means(self, days: slice) -> tuple[np.ndarray, np.ndarray]:
        """Means and parts with data (L, N) of some days."""
        values = self.layers.read({"time": days})
        return self.zones.mean(values.reshape(len(values), -1))

    def window(self, window: dict) -> np.ndarray:
        """A window {"time", "gauge"}, read in blocks of days."""
        raster = self.layers.raster
        days = np.arange(raster.sizes["time"])[window["time"]]
        found = np.empty((days.size, len(self.over.polygons)), np.float32)
        for block in self.layers.blocks():
            part = block["time"]
            inside = np.flatnonzero((days >= part.start) & (days < part.stop))
            if inside.size:
                first = int(days[inside].min())
                means, there = self.means(slice(first, int(days[inside].max()) + 1))
                self.lacks(there, first)
                found[inside] = means[days[inside] - first]
        return found[:, window["gauge"]]

    def lacks(self, there: np.ndarray, first: int) -> None:
        """Warns once of days that have data on a smaller part of a polygon than the first day."""
        fewer = there < self.usual - (1 - _WHOLE)
        if self.told or not fewer.any():
            return
        self.told = True
        day, zone = (int(i) for i in np.argwhere(fewer)[0])
        when = str(self.layers.raster["time"].values[first + day])[:10]
        warnings.warn(
            f"'{self.name}' lacks cells of the polygon '{self.over.polygons.names[zone]}' on "
            f"{when}, {int(fewer.sum())} of {fewer.size} means of these days in all: they are of "
            "the cells that are there",
            DomainWarning,
            stacklevel=2,
        )


def _sums(raster: xr.DataArray, grid: Grid, shape, how: str):
    """Name -> sum by area over a shape; the part of it that has data, and that area."""
    total: dict[str, float] = {}
    reached, there, whole = 0.0, 0.0, 0.0
    y, x = spatial_dims(raster)
    height = Grid(grid.y, grid.x[:2], grid.crs).cell_area()[:, 0]
    for rows in _bands(shape, grid):
        for row, col, part, reach in by_turn(shape, Grid(grid.y[rows], grid.x, grid.crs)):
            reached += reach
            if not row.size:
                continue
            row = row + rows.start
            corner = int(row.min()), int(col.min())
            window = raster.isel(
                {y: slice(corner[0], int(row.max()) + 1), x: slice(corner[1], int(col.max()) + 1)}
            )
            cells = (row - corner[0]) * window.sizes[x] + col - corner[1]
            layer = Layers(window, cells[part > _LOOKED], corner, how == "fraction")
            values, area = layer.read({}).ravel()[cells], part * height[row]
            valid = np.isfinite(values)
            there, whole = there + area[valid].sum(), whole + area.sum()
            for name, parts in _parts(str(raster.name), values[valid], how):
                total[name] = total.get(name, 0.0) + float(area[valid] @ parts)
    return total, (min(reached, 1.0) * there / whole if whole else 0.0), there


def _bands(shape, grid: Grid) -> Iterator[slice]:
    """The rows of a grid that a shape may lie in, so many at a time that they fit into memory."""
    _, south, _, north = shape.bounds
    half = abs(spacing(grid.y)) / 2
    inside = np.flatnonzero((grid.y + half > south) & (grid.y - half < north))
    if not inside.size:
        return
    west, _, east, _ = shape.bounds
    width = min(grid.x.size, (east - west) / abs(spacing(grid.x)) + 2)
    step = max(2, int(_BAND // width))
    first, last = min(int(inside[0]), grid.y.size - 2), int(inside[-1]) + 1
    while first < last:
        # a raster of a single row would have no spacing
        stop = first + step if last - first - step > 1 else max(last, first + 2)
        yield slice(first, stop)
        first = stop


def _parts(name: str, values: np.ndarray, how: str) -> Iterator[tuple[str, np.ndarray]]:
    """What is averaged of the values of cells, by name."""
    if how == "mean":
        yield name, values.astype(np.float64)
    elif how == "direction":
        yield "northness", np.cos(np.deg2rad(values))
        yield "eastness", np.sin(np.deg2rad(values))
    else:
        for one in np.unique(values):
            yield f"{one:g}", (values == one).astype(np.float64)
