"""Domains of vector networks: tables as they come, ids, links, units, gauges, arrays by reach."""

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from gridhydro import Domain
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.network import Network
from gridhydro.io import read_reaches

# two headwaters meet in 30, which drains to 40, and 50 flows to the sea by itself
IDS = [40, 10, 50, 30, 20]
DOWN = {10: 30, 20: 30, 30: 40, 40: 0, 50: 0}
AREA = {10: 4.0, 20: 9.0, 30: 16.0, 40: 25.0, 50: 1.0}
LENGTH = {10: 2.0, 20: 3.0, 30: 4.0, 40: 5.0, 50: 1.0}


def table(ids=IDS, **columns) -> pd.DataFrame:
    """Reaches as MERIT-Basins has them."""
    found = {
        "COMID": ids, "NextDownID": [DOWN[i] for i in ids], "lengthkm": [LENGTH[i] for i in ids],
        "slope": 0.01, "unitarea": [AREA[i] for i in ids],
    }  # fmt: skip
    return pd.DataFrame(found | columns)


def links(domain: Domain) -> dict:
    """Which reach drains to which, by their ids; None where water leaves."""
    ids, down = domain.reaches.ids.tolist(), domain.network.downstream
    return {ids[i]: None if d < 0 else ids[d] for i, d in enumerate(down)}


EXPECTED = {10: 30, 20: 30, 30: 40, 40: None, 50: None}


def test_rows_in_any_order_make_the_same_domain():
    for ids in (IDS, sorted(IDS), sorted(IDS, reverse=True)):
        domain = Domain.from_network(table(ids))
        assert links(domain) == EXPECTED
        of = dict(zip(domain.reaches.ids.tolist(), range(5), strict=True))
        np.testing.assert_allclose(domain.area[[of[i] for i in AREA]] / 1e6, [*AREA.values()])
        length = domain.reaches.length[[of[i] for i in LENGTH]]
        np.testing.assert_allclose(length / 1000, [*LENGTH.values()])
        upstream = domain.network.accumulate(domain.area)[of[40]] / 1e6
        assert upstream == pytest.approx(54)
        assert domain.name_cell(of[30]) == "reach 30"


@pytest.mark.parametrize("code", [0, -9999, -1, "itself", 0.0, np.nan])
def test_codes_where_water_leaves(code):
    down = [DOWN[i] or (i if code == "itself" else code) for i in IDS]
    assert links(Domain.from_network(table(NextDownID=down))) == EXPECTED


@pytest.mark.parametrize("code", ["", "0", "-9999", "nan", None, "NA"])
def test_codes_where_water_leaves_as_texts(code):
    down = [str(DOWN[i]) if DOWN[i] else code for i in IDS]
    domain = Domain.from_network(table(COMID=[f"{i}" for i in IDS], NextDownID=down))
    assert links(domain) == EXPECTED  # whole numbers again


def test_an_id_zero_is_a_reach_where_there_is_one():
    made = {"id": [0, 1, 2], "to": [-1, 0, 0], "length_km": 1.0, "area_km2": 1.0}
    domain = Domain.from_network(
        pd.DataFrame(made),
        columns={"id": "id", "downstream": "to", "length": "length_km", "area": "area_km2"},
    )
    assert links(domain) == {0: None, 1: 0, 2: 0}


def test_water_that_goes_to_a_reach_elsewhere_is_said():
    with pytest.warns(DomainWarning, match=r"1 reach drains to one that is not .*: 50 to 999;"):
        domain = Domain.from_network(table(NextDownID=[0, 30, 999, 40, 30]))
    assert links(domain) == EXPECTED


def test_circles_are_named():
    with pytest.raises(ValueError, match=r"1 group of reaches drains in a circle, the first: .*30"):
        Domain.from_network(table(NextDownID=[10, 30, 0, 40, 30]))


def test_ids_beyond_the_digits_of_floats():
    large = 2**53 + 1
    domain = Domain.from_network(table([40, 30], COMID=[large, large + 2], NextDownID=[0, large]))
    assert sorted(domain.reaches.ids.tolist()) == [large, large + 2]
    texts = table([40, 30], COMID=[str(large), str(large + 2)], NextDownID=["0", str(large)])
    assert sorted(Domain.from_network(texts).reaches.ids.tolist()) == [large, large + 2]
    with pytest.raises(
        ValueError, match=r"is 2\^53 or beyond, where these lose digits: read the col"
    ):
        Domain.from_network(table([40, 30], COMID=[float(large), 30.0]))
    # a shapefile has them as decimals, which these are not too large for
    domain = Domain.from_network(table(COMID=np.array(IDS, float)))
    assert links(domain) == EXPECTED and domain.reaches.ids.dtype == np.int64


def test_ids_that_are_given_twice_are_refused():
    with pytest.raises(
        ValueError, match=r"the id 10 is given twice, in rows 2 and 5, with another"
    ):
        Domain.from_network(table(COMID=[40, 10, 50, 30, 10]))
    same = pd.concat([table(), table().iloc[[1]]])
    with pytest.raises(ValueError, match=r"the id 10 is given twice, in rows 2 and 6"):
        Domain.from_network(same)
    with pytest.raises(ValueError, match=r"row 3 of the reaches has no id \('COMID'\)"):
        Domain.from_network(table(COMID=[40, 10, None, 30, 20]))


def test_rivers_that_divide_take_the_main_path():
    divided = pd.concat([table(), table([30], NextDownID=[50])], ignore_index=True)
    with pytest.raises(ValueError, match=r"1 reach drains to several others, .* 30 to 40 and 50"):
        Domain.from_network(divided)
    divided["main"] = [2 if i == 50 else 0 for i in divided["COMID"]]
    with pytest.warns(DomainWarning, match=r"takes the main path by 'main', and 1 minor path"):
        domain = Domain.from_network(divided, "merit_basins", columns={"main": "main"})
    assert links(domain) == EXPECTED
    divided["main"] = 2
    with pytest.raises(ValueError, match=r"that 30 drains to, 0 are main paths by 'main'"):
        Domain.from_network(divided, "merit_basins", columns={"main": "main"})
    divided["main"] = "maybe"
    with pytest.raises(ValueError, match="2 or false, not maybe"):
        Domain.from_network(divided, "merit_basins", columns={"main": "main"})


def test_nodes_of_nhdplus():
    nodes = {10: (1, 3), 20: (2, 3), 30: (3, 4), 40: (4, 5), 50: (4, 6)}
    made = pd.DataFrame(
        {
            "COMID": IDS, "FromNode": [nodes[i][0] for i in IDS],
            "ToNode": [nodes[i][1] for i in IDS], "LENGTHKM": 1.0,
            "SLOPE": [-9998, 0.1, 0, -1, 2e-3], "AreaSqKM": [AREA[i] for i in IDS],
            "Divergence": [2 if i == 50 else 0 for i in IDS],
        }
    )  # fmt: skip
    with pytest.warns(DomainWarning, match=r"by 'Divergence', and 1 minor path has none"):
        domain = Domain.from_network(made)
    assert links(domain) == EXPECTED
    slope = dict(zip(domain.reaches.ids.tolist(), domain.reaches.slope, strict=True))
    assert np.isnan(slope[40]) and slope[30] == -1  # a code, and a river that climbs


def test_nexuses_of_nextgen():
    ids = [f"wb-{i}" for i in IDS]
    to = [f"nex-{DOWN[i]}" if DOWN[i] else f"tnx-{i}" for i in IDS]
    made = {"id": ids, "toid": to, "lengthkm": 1.0, "areasqkm": [AREA[i] for i in IDS], "So": 0.1}
    with pytest.raises(ValueError, match=r"5 reaches drain to a nexus, .*: give the table of nexu"):
        Domain.from_network(pd.DataFrame(made))
    points = {
        "id": ["nex-30", "nex-40", "tnx-40", "tnx-50"],
        "toid": ["wb-30", "wb-40", "wb-0", ""],
    }
    domain = Domain.from_network(pd.DataFrame(made), nexus=pd.DataFrame(points))
    named = {f"wb-{i}": None if d is None else f"wb-{d}" for i, d in EXPECTED.items()}
    assert links(domain) == named
    points["id"][1], points["toid"][1] = "nex-30", "wb-50"
    with pytest.raises(ValueError, match="the nexus 'nex-30' leads to several reaches"):
        Domain.from_network(pd.DataFrame(made), nexus=pd.DataFrame(points))


def renamed(**names) -> pd.DataFrame:
    return table().rename(columns=names)


@pytest.mark.parametrize(
    ("columns", "units", "factors"),
    [
        ({"length": "len_km", "area": "a_km2"}, {}, (1, 1)),
        ({"length": "len_m", "area": "a_m2"}, {}, (1000, 1e6)),
        ({"length": "len", "area": "a"}, {"length": "km", "area": "km2"}, (1, 1)),
        ({"length": "len", "area": "a"}, {"length": "m", "area": "ha"}, (1000, 100)),
    ],
)
def test_units_by_the_names_of_columns_or_as_given(columns, units, factors):
    made = renamed(lengthkm=columns["length"], unitarea=columns["area"])
    made[columns["length"]] *= factors[0]
    made[columns["area"]] *= factors[1]
    known = {"id": "COMID", "downstream": "NextDownID"} | columns
    domain = Domain.from_network(made, columns=known, units=units)
    assert domain.area.sum() == pytest.approx(sum(AREA.values()) * 1e6)
    assert domain.reaches.length.sum() == pytest.approx(sum(LENGTH.values()) * 1000)


def test_units_that_cannot_be_are_refused():
    known = {"id": "COMID", "downstream": "NextDownID", "length": "len", "area": "unitarea"}
    with pytest.raises(ValueError, match=r"the unit of 'len' \(length\) is not known: say it"):
        Domain.from_network(renamed(lengthkm="len"), columns=known, units={"area": "km2"})
    metres = table()
    metres["lengthkm"] *= 1000
    with pytest.raises(ValueError, match="a length or an area is in another unit"):
        Domain.from_network(metres)
    with pytest.raises(ValueError, match=r"more than 1 in 5 of 5 reaches: is it in percent"):
        Domain.from_network(table(slope=3.0))
    domain = Domain.from_network(table(slope=3.0), units={"slope": "percent"})
    np.testing.assert_allclose(domain.reaches.slope, 0.03)
    domain = Domain.from_network(table(slope=45.0), units={"slope": "degree"})
    np.testing.assert_allclose(domain.reaches.slope, 1)
    with pytest.raises(ValueError, match=r"the length of reach 50 is below zero"):
        Domain.from_network(table(lengthkm=[1, 1, -1, 1, 1]))
    with pytest.raises(ValueError, match=r"1 reach has an area below zero, the first: 50"):
        Domain.from_network(table(unitarea=[1, 1, -1, 1, 1]))
    with pytest.raises(ValueError, match=r"'slope' of reach 10 is 'steep', not a number"):
        Domain.from_network(table(slope=[0.1, "steep", 0.1, 0.1, 0.1]))


def test_reaches_without_land_or_length_are_taken_and_said():
    domain = Domain.from_network(table(unitarea=[25, 4, 1, 0, 9], lengthkm=[5, 2, 1, 0, 3]))
    assert "1 reach has an area of 0" in str(domain.report)
    assert "1 reach has no length: water passes at once" in str(domain.report)
    with pytest.raises(ValueError, match="the areas of all unit basins are zero"):
        Domain.from_network(table(unitarea=0.0))


def test_areas_of_upstream_areas_and_what_they_tell():
    upstream = {10: 4.0, 20: 9.0, 30: 29.0, 40: 54.0, 50: 1.0}
    made = table(uparea=[upstream[i] for i in IDS])
    domain = Domain.from_network(made.drop(columns="unitarea"))
    areas = dict(zip(domain.reaches.ids.tolist(), domain.area / 1e6, strict=True))
    assert areas == pytest.approx(AREA)
    with pytest.raises(ValueError, match="the areas of the unit basins are not known"):
        Domain.from_network(table().drop(columns="unitarea"))
    # a headwater that is not in the table
    with pytest.warns(
        DomainWarning, match=r"of 2 reaches is more than 5% off .* reach 30 drains 20"
    ):
        Domain.from_network(made[made["COMID"] != 20])


def test_one_reach_alone():
    domain = Domain.from_network(table([50]))
    assert links(domain) == {50: None} and domain.network.level_start.tolist() == [0, 1]


def test_layouts_are_told_apart():
    rivers = {
        "HYRIV_ID": IDS,
        "NEXT_DOWN": [DOWN[i] for i in IDS],
        "LENGTH_KM": [LENGTH[i] for i in IDS],
        "CATCH_SKM": [AREA[i] for i in IDS],
    }
    assert links(Domain.from_network(pd.DataFrame(rivers))) == EXPECTED
    basins = {"HYBAS_ID": IDS, "NEXT_DOWN": rivers["NEXT_DOWN"], "SUB_AREA": rivers["CATCH_SKM"]}
    with pytest.warns(DomainWarning, match="5 reaches have no length: it is the side of a square"):
        domain = Domain.from_network(pd.DataFrame(basins))
    np.testing.assert_allclose(domain.reaches.length, np.sqrt(domain.area))
    with pytest.raises(ValueError, match=r"say which has the ids and which .* or a layout \(merit"):
        Domain.from_network(pd.DataFrame({"a": [1], "b": [0]}))
    with pytest.raises(ValueError, match="are those of hydrorivers and hydrobasins: say layout="):
        Domain.from_network(pd.DataFrame(rivers | basins))
    with pytest.raises(ValueError, match=r"layout is one of merit_basins, .*, not 'merit'"):
        Domain.from_network(table(), "merit")
    with pytest.raises(ValueError, match=r"no column 'seg' \(id\), but COMID"):
        Domain.from_network(table(), columns={"id": "seg"})


def lines() -> geopandas.GeoDataFrame:
    """Rivers of 0.1 degree each, from north to south, beside one another where they meet."""
    ends = {10: ((0, 2), (0.5, 1)), 20: ((1, 2), (0.5, 1)), 30: ((0.5, 1), (0.5, 0)),
            40: ((0.5, 0), (0.5, -1)), 50: ((2, 1), (2, 0))}  # fmt: skip
    shapes = [shapely.LineString(np.array(ends[i]) / 10 + [6, 49]) for i in IDS]
    return geopandas.GeoDataFrame(table(), geometry=shapes, crs="EPSG:4326")


def test_gauges_by_id_and_on_the_nearest_river():
    gauges = [
        {"name": "a", "reach": 30, "area_km2": 29},
        {"name": "b", "lon": 6.051, "lat": 48.95, "area_km2": 54},
    ]
    domain = Domain.from_network(lines(), gauges=gauges)
    assert domain.reaches.ids[domain.gauge_cells].tolist() == [30, 40]
    np.testing.assert_allclose(domain.gauges["network_area_km2"], [29, 54])
    assert domain.gauges.loc["a", ["x", "y"]].tolist() == pytest.approx([6.05, 49.05])
    assert "gauge 'b' at x 6.051, y 48.95 was put on reach 40, 0.073" in str(domain.report)
    # the same in another reference system
    projected = Domain.from_network(lines().to_crs(3035), gauges=gauges)
    assert projected.reaches.ids[projected.gauge_cells].tolist() == [30, 40]
    np.testing.assert_allclose(projected.lonlat, domain.lonlat, atol=1e-3)


def test_gauges_that_fit_no_reach():
    near = {"name": "a", "lon": 6.045, "lat": 49.101, "area_km2": 9.0}
    with pytest.raises(ValueError, match=r"on reach 10, .* 4 km2, .*; reach 20 with 9 km2 is near"):
        Domain.from_network(lines(), gauges=[near])
    kept = Domain.from_network(lines(), gauges=[near | {"accept": True}], snap=True)
    assert kept.reaches.ids[kept.gauge_cells].tolist() == [10]
    moved = Domain.from_network(lines(), gauges=[near], snap=True)
    assert moved.reaches.ids[moved.gauge_cells].tolist() == [20]
    assert "moved from there to reach 20" in str(moved.report)
    with pytest.raises(
        ValueError, match=r"drains 4 km2, not the 54 km2 reported, -93%; give the r"
    ):
        Domain.from_network(lines(), gauges=[{"name": "a", "reach": 10, "area_km2": 54}])
    with pytest.raises(ValueError, match="lies more than 5 km from any reach"):
        Domain.from_network(lines(), gauges=[{"name": "a", "lon": 7, "lat": 49}])
    with pytest.raises(ValueError, match=r"there is no reach 31 in the network.* \(row 1"):
        Domain.from_network(lines(), gauges=[{"name": "a", "reach": 31}])
    with pytest.raises(ValueError, match="the reaches have no geometries and no places"):
        Domain.from_network(table(), gauges=[{"name": "a", "lon": 6, "lat": 49}])
    every = Domain.from_network(table(), gauges="all")
    assert every.gauges.index.tolist() == [str(i) for i in every.reaches.ids]


def test_lengths_of_lines_on_the_ellipsoid():
    domain = Domain.from_network(lines().drop(columns="lengthkm"))
    length = dict(zip(domain.reaches.ids.tolist(), domain.reaches.length, strict=True))
    assert length[40] == pytest.approx(11119.7, rel=1e-3)  # a tenth of a degree at 49 N


def test_arrays_are_found_by_id_in_any_order():
    domain = Domain.from_network(table())
    own = domain.reaches.ids
    values = np.arange(10.0).reshape(2, 5)
    for axis, ids in (("reach", own), ("COMID", own.astype(float)), ("id", own.astype(str))):
        array = xr.DataArray(values, {axis: ids}, ("time", axis), "runoff")
        turned = array.isel({axis: [3, 1, 0, 4, 2]}).transpose()
        np.testing.assert_array_equal(domain.pack(turned), values)
    array = xr.DataArray(values, {"reach": own}, ("time", "reach"), "runoff")
    with pytest.raises(ValueError, match=r"'runoff' has no values for 1 of 5 reaches: "):
        domain.pack(array.isel(reach=slice(4)))
    gap = domain.pack(array.isel(reach=slice(4)), gaps=True)
    assert np.isnan(gap[:, 4]).all() and (gap[:, :4] == values[:, :4]).all()
    more = xr.concat([array, array.isel(reach=[0]).assign_coords(reach=[77])], "reach")
    with pytest.warns(DomainWarning, match=r"values of 1 id that no reach .* are left out: 77"):
        np.testing.assert_array_equal(domain.pack(more), values)
    with pytest.raises(ValueError, match=r"'runoff' has the reach 10 twice"):
        domain.pack(xr.concat([array, array.sel(reach=[10])], "reach"))
    with pytest.raises(ValueError, match="has no ids along 'reach', and its order could be any"):
        domain.pack(array.drop_vars("reach"))
    again = domain.unpack(values, "runoff")
    assert again.dims == ("time", "reach") and again["reach"].dtype == np.int64
    np.testing.assert_array_equal(domain.pack(again), values)


def test_what_needs_a_raster_is_refused():
    domain = Domain.from_network(table())
    raster = xr.DataArray(np.ones((2, 2)), {"y": [1.0, 0], "x": [0.0, 1]}, ("y", "x"), name="dem")
    with pytest.raises(ValueError, match="a vector network has no raster to aggregate"):
        domain.aggregate(raster)
    with pytest.raises(ValueError, match="a vector network lies in no raster"):
        domain.to_flwdir()
    with pytest.raises(ValueError, match=r"'dem' is over y, x: the reaches are found by their ids"):
        domain.pack(raster)
    with pytest.raises(ValueError, match="the network has no lines of rivers"):
        domain.to_geodataframe("rivers")
    with pytest.raises(
        ValueError, match=r"read the file with gridhydro.io.read_reaches\('a.shp'\)"
    ):
        Domain.from_network("a.shp")


def test_domain_file_and_tables_for_a_gis(tmp_path):
    squares = lines()
    catchments = squares[["COMID"]].assign(unitarea=[AREA[i] for i in IDS])
    around = shapely.buffer(squares.geometry.to_numpy(), 0.01)
    catchments = geopandas.GeoDataFrame(catchments, geometry=around, crs=4326)
    gauges = [{"name": "low", "reach": 40}, {"name": "sea", "reach": 50}]
    domain = Domain.from_network(
        squares.drop(columns="unitarea"), gauges=gauges, catchments=catchments.iloc[::-1]
    )
    domain.to_file(tmp_path / "domain.nc")
    again = Domain.from_file(tmp_path / "domain.nc")
    assert links(again) == EXPECTED and again.crs == domain.crs
    for name in ("ids", "length", "slope", "lon", "lat"):
        np.testing.assert_array_equal(getattr(again.reaches, name), getattr(domain.reaches, name))
    for shapes in ("lines", "polygons"):
        mine, theirs = (getattr(d.reaches, shapes) for d in (domain, again))
        assert shapely.equals(mine, theirs).all()
    rivers = again.to_geodataframe("rivers").set_index("reach")
    assert rivers.loc[30, "downstream_reach"] == 40 and rivers.loc[40, "downstream_reach"] == 0
    assert rivers.loc[40, "stream_order"] == 2 and rivers.loc[10, "stream_order"] == 1
    assert rivers.loc[10].geometry.equals(squares.set_index("COMID").loc[10].geometry)
    basins = again.to_geodataframe("basins").set_index("name")
    assert basins.loc["low", "cells"] == 4
    assert not basins.loc["low"].geometry.intersects(squares.geometry[2])  # of 50
    assert len(again.to_geodataframe("cells")) == 5
    only = again.crop("sea")
    assert links(only) == {50: None} and len(only.reaches.lines) == 1
    with pytest.raises(ValueError, match=r"there is no catchment of 1 reach: 40"):
        Domain.from_network(squares, catchments=catchments[catchments["COMID"] != 40])


def test_text_ids_are_kept_in_files(tmp_path):
    made = table(COMID=[f"r{i}" for i in IDS], NextDownID=[f"r{DOWN[i]}" for i in IDS])
    made["NextDownID"] = made["NextDownID"].replace("r0", "")
    domain = Domain.from_network(made)
    assert links(domain)["r40"] is None
    domain.to_file(tmp_path / "domain.nc")
    assert links(Domain.from_file(tmp_path / "domain.nc")) == links(domain)
    assert domain.unpack(np.zeros(5))["reach"].values[0] == domain.reaches.ids[0]


def test_tables_are_read_without_a_loss_of_digits(tmp_path):
    large = 2**53 + 1
    text = f"COMID;NextDownID;lengthkm;slope;unitarea\n{large};{large + 2};1.5;0.01;2\n"
    (tmp_path / "net.csv").write_text(text + f"{large + 2};NA;2.5;;3\n")
    domain = Domain.from_network(read_reaches(tmp_path / "net.csv"))
    assert links(domain) == {large: large + 2, large + 2: None}
    assert np.isnan(domain.reaches.slope[domain.network.outlets]).all()
    lines().to_file(tmp_path / "net.gpkg", engine="pyogrio")
    assert links(Domain.from_network(read_reaches(tmp_path / "net.gpkg"))) == EXPECTED
    with pytest.raises(ValueError, match="is a table, which has no layers"):
        read_reaches(tmp_path / "net.csv", layer="a")


def test_strahler_order_of_a_network():
    # two of order 2 meet in 7, then one of order 1 comes in
    down = np.array([4, 4, 5, 5, 7, 7, 8, 8, -1])
    network, order = Network.from_downstream(down)
    found = np.empty(9, int)
    found[order] = network.strahler_order()
    assert found.tolist() == [1, 1, 1, 1, 2, 2, 1, 3, 3]
