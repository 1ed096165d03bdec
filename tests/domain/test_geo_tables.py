"""Domains as rivers, basins, gauges and cells of a GIS."""

import numpy as np
import pyogrio
import pytest
import shapely
import xarray as xr

from gridhydro import Domain
from gridhydro.domain.geo_tables import stream_order, union
from gridhydro.domain.grid import Grid, known_crs
from gridhydro.domain.polygons import Polygons
from gridhydro.io.gis import write_gis

# two headwaters meet, a third comes in below, and one flows to the east by itself; north is up
CODES = np.array([[4, 16, 1, 1], [4, 0, 4, 0], [1, 4, 16, 0], [0, 4, 0, 0], [0, 0, 0, 0]])


def domain() -> Domain:
    raster = xr.DataArray(
        CODES, {"y": 1000.0 * np.arange(5)[::-1], "x": 1000.0 * np.arange(4)}, ("y", "x")
    ).rio.write_crs("EPSG:3035")
    gauges = [{"name": "low", "x": 1000, "y": 0}, {"name": "west", "x": 0, "y": 3000}]
    return Domain.from_d8(raster, "esri", gauges=gauges)


def test_rivers_are_reaches_between_confluences():
    found = domain().to_geodataframe("rivers")
    lines = {tuple(map(tuple, np.array(line.coords) // 1000)) for line in found.geometry}
    assert ((0, 4), (0, 3), (0, 2), (1, 2)) not in lines  # the cell beside flows in at (0, 4)
    below = found[found["to_cell"] == domain().gauge_cells[0]].iloc[0]
    assert list(below.geometry.coords) == [(1000, 2000), (1000, 1000), (1000, 0)]
    assert below["stream_order"] == 1 + found["stream_order"].min()
    assert below["upstream_km2"] == domain().gauges.loc["low", "network_area_km2"]
    assert below["length_km"] == pytest.approx(2, rel=0.02)  # equal areas stretch lengths
    # a reach that ends where another flows in drains what is above that
    west = found[found["from_cell"] == domain().network.downstream[domain().gauge_cells[1]]]
    joins = found[found["to_cell"] == below["from_cell"]]
    assert joins["upstream_km2"].sum() < below["upstream_km2"] and len(joins) > 1
    assert west.empty  # no reach begins in the middle of one
    large = domain().to_geodataframe("rivers", minimum_km2=4)
    assert (large["upstream_km2"] >= 4).all() and 0 < len(large) < len(found)


def test_basins_are_the_cells_upstream_of_gauges():
    one = domain()
    found = one.to_geodataframe("basins").set_index("name")
    assert found.crs == one.crs and found.is_valid.all()
    assert (found.area / 1e6).tolist() == pytest.approx(found["network_area_km2"].tolist())
    assert found.loc["low", "geometry"].contains(found.loc["west", "geometry"])
    cells = one.to_geodataframe("cells").set_index("cell")
    upstream = one.upstream("low")
    assert found.loc["low", "geometry"].equals(shapely.union_all(cells.geometry[upstream].values))
    assert cells.area.to_numpy() / 1e6 == pytest.approx(cells["area_km2"].to_numpy())
    gauges = one.to_geodataframe("gauges").set_index("name")
    assert (gauges.geometry["low"].x, gauges.geometry["low"].y) == (1000, 0)
    assert gauges["stream_order"].to_dict() == {"low": 2, "west": 1}
    with pytest.raises(ValueError, match="layer is one of 'rivers', 'basins', 'gauges', 'cells'"):
        one.to_geodataframe("lakes")


def test_outlines_are_whole_whatever_the_axes():
    rng = np.random.default_rng(0)
    row, col = np.nonzero(rng.random((20, 30)) < 0.6)
    for down, left in ((1, 1), (-1, 1), (1, -1)):
        # steps that are no sums of powers of two
        y, x = 50 - 0.1 * np.arange(20)[::down], 0.1 * np.arange(30)[::left]
        grid = Grid(y, x, known_crs(4326))
        shape = union(grid, row, col)
        assert shape.is_valid
        assert shape.area == pytest.approx(row.size * 0.01)
        assert shapely.contains_xy(shape, x[col], y[row]).all()
        area = Polygons.of(["a"], [shape], grid.crs).area_km2
        assert area == pytest.approx(grid.cell_area()[row, col].sum() / 1e6, rel=1e-9)


def test_orders_are_strahlers():
    # a binary tree of five levels: 16 sources
    down = np.array([-1, *((i - 1) // 2 for i in range(1, 31))])
    none = np.full(31, -9999)
    ahead, rows = np.where(down < 0, -9, down + 1), np.where(down < 0, -9, 1)
    codes = xr.Dataset(
        {
            "nextx": (("lat", "lon"), np.stack([ahead, none])),
            "nexty": (("lat", "lon"), np.stack([rows, none])),
        },
        {"lat": [1.5, 0.5], "lon": np.arange(0.5, 31)},
    )
    tree = Domain.from_d8(codes, "nextxy", gauges=[{"name": "a", "lon": 0.5, "lat": 1.5}])
    order = stream_order(tree)
    assert order[tree.gauge_cells] == 5 and np.bincount(order).tolist() == [0, 16, 8, 4, 2, 1]


def test_rivers_go_on_across_the_edge_of_the_globe():
    lon = np.arange(-179.5, 180)
    codes = np.full((2, 360), 0)
    codes[0, -3:] = 1  # to the east, over the date line
    raster = xr.DataArray(codes, {"lat": [0.5, -0.5], "lon": lon}, ("lat", "lon"))
    found = Domain.from_d8(raster, "esri", nodata="codes").to_geodataframe("rivers")
    assert list(found.geometry[0].coords) == [
        (177.5, 0.5),
        (178.5, 0.5),
        (179.5, 0.5),
        (180.5, 0.5),
    ]


def test_layers_become_a_geopackage(tmp_path):
    one = domain()
    layers = {name: one.to_geodataframe(name) for name in ("rivers", "basins", "gauges", "cells")}
    for _ in range(2):  # written anew
        write_gis(tmp_path / "a.gpkg", layers)
        found = dict(pyogrio.list_layers(tmp_path / "a.gpkg"))
        assert found.keys() == layers.keys()
        assert [p.name for p in tmp_path.iterdir()] == ["a.gpkg"]
    again = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="cells")
    assert again["upstream_km2"].tolist() == layers["cells"]["upstream_km2"].tolist()
    with pytest.raises(ValueError, match=r"a file \.gpkg"):
        write_gis(tmp_path / "a.shp", layers)


def test_lumped_basins_have_gauges_only():
    lumped = Domain.of_basins([1.0, 2], ["a", "b"], [40, 41], [5, 6])
    found = lumped.to_geodataframe("gauges")
    assert (found.crs.to_epsg(), found.geometry.x.tolist()) == (4326, [5, 6])
    unknown = Domain.of_basins([1.0, 2], ["a", "b"], [40, np.nan], [5, np.nan])
    assert unknown.to_geodataframe("gauges").geometry.isna().tolist() == [False, True]
    with pytest.raises(ValueError, match="lumped basins have no rivers"):
        lumped.to_geodataframe("rivers")
