"""A domain: the raster that people see, and the vector of active cells that the engine works on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import notebook
from gridhydro.base.report import Report
from gridhydro.base.words import count_of
from gridhydro.domain import (
    builders,
    d8,
    domain_file,
    geo_tables,
    packing,
    resample,
    upscale,
    vector,
)
from gridhydro.domain.by_reach import by_reach
from gridhydro.domain.directions import read_directions
from gridhydro.domain.grid import Grid, spatial_dims, transform
from gridhydro.domain.network import Network
from gridhydro.domain.reaches import AXIS, Reaches

if TYPE_CHECKING:
    import geopandas  # type: ignore[import-untyped]
    import pyflwdir
    import pyproj


@dataclass(frozen=True, eq=False)
class Domain:
    """N active cells of a raster, sorted by level of the river network, with areas and gauges.

    The cells of a vector network are the unit basins of its reaches; lumped basins are cells
    without rivers.

    network   the river network of the cells
    row, col  (N,) int64, where the cells are in the raster
    grid      axes and reference system of the raster; None for lumped basins and vector networks
    area      (N,) float64, m2
    gauges    table indexed by name: x, y (in `crs`), cell, area_km2 (reported, or NaN),
              network_area_km2 (of all cells upstream)
    report    what was found when the domain was built
    reaches   ids, channels and geometries of a vector network; None for others
    """

    network: Network
    row: np.ndarray
    col: np.ndarray
    grid: Grid | None
    area: np.ndarray
    gauges: pd.DataFrame
    report: Report = field(default_factory=Report)
    reaches: Reaches | None = None

    @classmethod
    def from_d8(
        cls,
        raster,
        coding=None,
        *,
        gauges=None,
        area=None,
        mask=None,
        crs=None,
        resolution=None,
        snap=False,
        method="ihu",
        nodata=None,
        cell_reference="center",
    ) -> Domain:
        """A domain from a flow-direction raster.

        raster      DataArray with 1-D coordinates in any orientation; for "nextxy" a DataArray
                    (2, rows, cols) or a Dataset with nextx and nexty; or a `pyflwdir.FlwdirRaster`
        coding      one of `d8.NAMES`: esri, ldd, keypad, watergap, ddm30, smash, grass, whitebox,
                    taudem, saga, trip, nextxy; left out for a FlwdirRaster
        gauges      table, GeoDataFrame or list of dicts: name, lon/lat or x/y, area_km2 if known,
                    accept (true for a gauge that stays where it is, whatever its area)
        area        DataArray of cell areas with units m2 or km2; computed from the grid if None
        mask        raster of cells to use (others are taken as no data)
        crs         reference system, where the raster does not carry it
        resolution  cell size of the model grid, a multiple of the raster's: the network is upscaled
                    with pyflwdir by `method` ("ihu", "eam_plus", "dmm")
        snap        move gauges to the best cell within two: near, of about the reported area, on
                    the river that the position is on or drains to
        nodata      a code that is no data whatever the coding has it for; or "codes" where what the
                    raster has as its no-data value is a code as any other
        cell_reference  the point of a cell that the raster's coordinates stand for: "center", or a
                    corner such as "upper_left"
        Raises ValueError with every error found, so for a gauge whose network area is more than
        half off the reported one; `report` keeps the warnings.
        """
        read = read_directions(
            raster, coding, mask=mask, crs=crs, nodata=nodata, cell_reference=cell_reference
        )
        return builders.from_d8(
            cls, read, gauges=gauges, area=area, resolution=resolution, snap=snap, method=method
        )

    @classmethod
    def of_basins(cls, area_km2, names, latitude=None, longitude=None) -> Domain:
        """Basins without a raster: every basin is a network of one cell, and a gauge."""
        return builders.lumped(cls, area_km2, names, latitude, longitude)

    @classmethod
    def from_network(
        cls, reaches, layout: str | None = None, *, columns=None, units=None, nexus=None,
        catchments=None, gauges=None, snap: bool = False, crs=None,
    ) -> Domain:  # fmt: skip
        """A domain of the reaches of a vector network, each a cell: its unit basin, with its river.

        reaches     table or GeoDataFrame, a row a reach in any order, see `io.read_reaches`: id,
                    id of the reach downstream (0, a negative number, nothing, or its own where
                    water leaves), length, slope, area of the unit basin; lines, polygons or points
        layout      what the columns are called: "merit_basins", "hydrorivers", "hydrobasins",
                    "nhdplus", "nhdplus_links", "nextgen"; left out where the columns tell it
        columns     {"id": "seg", "downstream": "to_seg", "length": "len", ...} of other tables, or
                    instead of those of the layout: id, downstream (or from_node and to_node),
                    length, slope, area, upstream_area, lon, lat, and main, the main path where a
                    river divides
        units       {"length": "m", "area": "km2", "slope": "percent"}, where names do not tell it
        nexus       table of id and toid of the points between reaches, of "nextgen"
        catchments  table of the unit basins, with the same ids: their areas and polygons
        gauges      as for `from_d8`; a column `reach` has the ids of those that are known, which
                    need no place. Others are put on the nearest reach. "all": every reach is one
        snap        move gauges to the reach within 2 km that fits the reported area best
        crs         reference system, where the geometries do not say
        Areas that are not there are made of polygons or of upstream areas, lengths of lines; what
        is decided so is in the `report`. Raises ValueError, naming reaches, for circles, ids that
        are given twice, rivers that divide without a main path, and what cannot be; so for a gauge
        whose network area is more than half off the reported one.
        """
        return vector.from_network(
            cls, reaches, layout, columns=columns, units=units, nexus=nexus, catchments=catchments,
            gauges=gauges, snap=snap, crs=crs,
        )  # fmt: skip

    def __repr__(self) -> str:
        crs = "lumped basins" if self.lumped else "vector network"
        if self.grid is not None:
            crs = f"{self.shape} raster, {self.grid.crs.name}"
        cells, gauges = count_of(self.size, *self.called), count_of(len(self.gauges), "gauge")
        return f"Domain of {cells}, {self.area.sum() / 1e6:.0f} km2, {gauges} ({crs})"

    def _repr_html_(self) -> str:
        table = self.gauges.reset_index()[["name", "area_km2", "network_area_km2"]]
        gauges = notebook.table(
            table.itertuples(index=False), ("gauge", "reported km2", "network km2"), 8
        )
        found = self.report.errors + self.report.warnings
        return notebook.titled(
            repr(self),
            "" if self.lumped else gauges,
            notebook.listed(found, 5) if found else "",
            notebook.picture(self.plot),
        )

    @property
    def lumped(self) -> bool:
        """Whether these are basins without rivers, each a network of one cell, and a gauge."""
        return self.grid is None and self.reaches is None

    @property
    def cell_axes(self) -> tuple[str, ...]:
        """The axes that arrays over the cells have: y and x of a raster, "reach" of a vector
        network, "gauge" of lumped basins."""
        if self.grid is not None:
            return ("y", "x")
        return ("gauge",) if self.reaches is None else (AXIS,)

    @property
    def called(self) -> tuple[str, str]:
        """What a cell is called, one and several: reach, basin or cell."""
        if self.reaches is not None:
            return "reach", "reaches"
        return ("basin", "basins") if self.lumped else ("cell", "cells")

    @property
    def cell_index(self) -> pd.Index | None:
        """What cells are found by along their axis, (N,): ids of reaches, names of lumped basins;
        None for the cells of a raster."""
        if self.reaches is not None:
            return self.reaches.index
        return self.gauges.index if self.grid is None else None

    @property
    def raster_grid(self) -> Grid:
        """The grid, for what needs a raster; ValueError for lumped basins and vector networks,
        which have none."""
        if self.grid is None:
            who = "lumped basins lie" if self.lumped else "a vector network lies"
            raise ValueError(f"{who} in no raster, and one is needed here")
        return self.grid

    @property
    def size(self) -> int:
        """Number of active cells."""
        return self.network.size

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the raster; (1, N) without one."""
        return (1, self.size) if self.grid is None else self.grid.shape

    @property
    def x(self) -> np.ndarray | None:
        """Cell centres along the columns of the raster; None without one."""
        return None if self.grid is None else self.grid.x

    @property
    def y(self) -> np.ndarray | None:
        """Cell centres along the rows of the raster; None without one."""
        return None if self.grid is None else self.grid.y

    @property
    def crs(self) -> pyproj.CRS | None:
        """The reference system of x and y, or of the reaches; None for lumped basins."""
        if self.reaches is not None:
            return self.reaches.crs
        return None if self.grid is None else self.grid.crs

    @property
    def gauge_cells(self) -> np.ndarray:
        """(G,) int64, the cell of each gauge."""
        return self.gauges["cell"].to_numpy(np.int64)

    @property
    def lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of every cell, (N,) each, degrees; NaN where not known."""
        if self.reaches is not None:
            return self.reaches.lon, self.reaches.lat
        if self.lumped:
            return self.gauges["x"].to_numpy(), self.gauges["y"].to_numpy()
        grid = self.raster_grid
        return transform(grid.x[self.col], grid.y[self.row], grid.crs, "EPSG:4326")

    def name_cell(self, cell: int) -> str:
        """A cell for a message: row, column and coordinates, the id of the reach, or the basin's
        name."""
        if self.reaches is not None:
            return f"reach {self.reaches.ids[cell]}"
        if self.lumped:
            return f"basin '{self.gauges.index[cell]}'"
        return self.raster_grid.name_cell(self.row[cell], self.col[cell])

    def crop(self, gauges=None) -> Domain:
        """The domain of only the cells upstream of these gauges (names; all gauges if None)."""
        return builders.only(self, self.upstream(gauges))[0]

    def upstream(self, gauges=None) -> np.ndarray:
        """The cells upstream of these gauges (names; all gauges if None), theirs included: int64,
        sorted, each once."""
        return builders.upstream(self, gauges)

    def to_flwdir(self) -> pyflwdir.FlwdirRaster:
        """The network as pyflwdir has it, for stream orders, sub-basins, paths and what else it
        knows. ValueError without a raster."""
        grid = self.raster_grid
        target = np.full(grid.y.size * grid.x.size, d8.NO_CELL)
        cells = self.row * grid.x.size + self.col
        down = self.network.downstream
        target[cells] = np.where(down < 0, d8.LEAVES, cells[down])
        return upscale.as_flwdir(target, grid)

    def to_geodataframe(self, layer: str, minimum_km2: float = 0.0) -> geopandas.GeoDataFrame:
        """A table with geometries in the domain's reference system, for any GIS.

        layer  "rivers": reaches between sources, confluences and outlets, with length and the area
               upstream of their ends; "basins": all that drains to each gauge, as polygons;
               "gauges": their points; "cells": a polygon each, with the area upstream and where it
               drains to. Rivers, gauges and cells have Strahler's stream order
        minimum_km2  area that a river drains to be one
        Of a vector network rivers are its lines, cells its unit basins, and basins the union of
        these. Lumped basins have gauges only: ValueError for layers that there are not.
        """
        return geo_tables.to_geodataframe(self, layer, minimum_km2)

    def plot(self, raster=None, *, minimum_km2: float | None = None, names: bool | None = None):
        """A map: the river network by the area upstream, the gauges with their names and by how
        much their area is off the reported one, scale, north, coasts and borders.

        raster       drawn beneath: elevation, say, a DataArray (y, x) of any resolution in the
                     domain's reference system, or values (N,) of the cells
        minimum_km2  area that a river drains to be drawn; that of the 500 largest cells
                     (of large domains a twelfth of all) if left out
        names        whether gauges have names; those of 40 at most if left out
        Returns a matplotlib Figure: `plot(...).savefig("domain.png")`. Coasts and borders need
        `pip install 'gridhydro[maps]'`. ValueError for lumped basins without places, and for a
        raster that lies elsewhere.
        """
        from gridhydro.domain.map_figure import domain_map

        return domain_map(self, raster, minimum_km2, names)

    def pack(self, raster, gaps: bool = False) -> np.ndarray:
        """Values (..., N) of the active cells from a raster (..., y, x) on the domain's grid.

        Rows and columns are found by their coordinates, so the raster may be larger or turned
        round. An array without coordinates must have the domain's shape. Lumped: (..., gauge). Of a
        vector network (..., reach): reaches are found by their ids, an array without is in the
        order of `reaches.ids`.
        Raises ValueError if the raster is on another grid or does not reach all cells; with `gaps`,
        as observations have them, cells that it does not reach are NaN.
        """
        return packing.pack(self, raster, gaps)

    def unpack(self, values, name=None, attrs=None, dims=None, coords=None) -> xr.DataArray:
        """A raster (..., y, x), or (..., gauge) for lumped basins and (..., reach) for a vector
        network, from values (..., N).

        Cells outside the domain are NaN. `dims` names the leading axes ("time" if there is one)
        and `coords` gives their coordinates.
        """
        return packing.unpack(self, values, name, attrs, dims, coords)

    def maps(self, dataset: xr.Dataset) -> xr.Dataset:
        """Variables of a Dataset with a value for every cell, each with its reference system.

        Opened without decode_coords="all", files have the reference system and the bounds of the
        axes among their variables.
        """
        if self.reaches is not None:
            dataset = by_reach(self.reaches, dataset)
        dims = set(spatial_dims(dataset) if self.grid is not None else self.cell_axes)
        names = [name for name, values in dataset.data_vars.items() if dims <= set(values.dims)]
        systems = {dataset[name].attrs.get("grid_mapping") for name in names}
        return dataset.set_coords(systems & set(dataset.data_vars))[names]

    def aggregate(
        self, raster, how="mean", gaps: bool = False, minimum=0.0, cell_reference="center",
        lazy: bool = False,
    ):  # fmt: skip
        """A raster (..., y, x), or a Dataset of them, onto the domain, by the areas of overlap.

        how      "mean" by area, "sum" (each cell's value goes to where its area is), "majority" by
                 area, or "fraction" of the area (one layer per class)
        gaps     cells without data are NaN; without it ValueError names the first one
        minimum  a cell has data if the raster has on this fraction of its area or more; 0 if left
                 out: what data there are, are taken for the whole cell
        cell_reference  the point of a cell that the raster's coordinates stand for: "center", or a
                        corner such as "upper_left"
        lazy     nothing is read before a window of the result is: for series larger than memory
        Usually the raster is finer, in any order of its axes and any turn of longitudes. Areas are
        exact: those of bands of latitude on the ellipsoid, or in the plane of the map. It is read a
        block at a time. ValueError for one in another reference system.
        """
        return resample.aggregate(self, raster, how, gaps, minimum, cell_reference, lazy)

    def regrid(
        self, dataset, method="linear", gaps: bool = False, cell_reference="center",
        lazy: bool = False,
    ):  # fmt: skip
        """A coarser DataArray or Dataset onto the domain.

        method  "linear" or "nearest" between the centres of cells, from any reference system; or
                "conservative", the mean of all cells by the area of overlap, as `aggregate` has it
        gaps, cell_reference, lazy  as for `aggregate`
        Raises ValueError naming the first cell that the source does not cover; and for a finer
        source, most of whose cells would be skipped, unless the method is "conservative".
        """
        return resample.regrid(self, dataset, method, gaps, cell_reference, lazy)

    def to_file(self, path) -> None:
        """Write everything, the network's order included, as one CF NetCDF file."""
        domain_file.write(self, path)

    @classmethod
    def from_file(cls, path) -> Domain:
        """Read a file written by `to_file`."""
        return domain_file.read(cls, path)
