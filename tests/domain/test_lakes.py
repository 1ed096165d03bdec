"""Tables of lakes on the cells of a domain: layouts, units, and what is left out or joined."""

import numpy as np
import pandas as pd
import pytest

import gridhydro as gh
from tests.support.small_world import small_world


def rivers():
    """The domain, and cells of its largest river from the mouth up."""
    domain = small_world()[0]
    size = domain.network.accumulate(np.ones(domain.size))
    path = [int(np.argmax(size))]
    while len(path) < 5:
        above = np.flatnonzero(domain.network.downstream == path[-1])
        path.append(int(above[np.argmax(size[above])]))
    return domain, path


def hydrolakes(domain, cells, **columns):
    """A table in the layout of HydroLAKES of lakes in these cells."""
    lon, lat = domain.lonlat
    area = domain.network.accumulate(domain.area)[cells] / 1e6
    table = dict(
        Hylak_id=np.arange(1, len(cells) + 1), Lake_type=1, Lake_area=10.0, Vol_total=200.0,
        Depth_avg=20.0, Wshd_area=area, Pour_long=lon[cells], Pour_lat=lat[cells],
    )  # fmt: skip
    return pd.DataFrame(table | columns)


def test_hydrolakes_are_placed_by_what_drains_to_them():
    """A lake has 5 m of its area, or all of a smaller volume; a reservoir its volume."""
    domain, path = rivers()
    table = hydrolakes(domain, path[:4], Lake_type=[1, 2, 3, 1], Vol_total=[200, 200, 90, 12.0])
    found = gh.Lakes.of(domain, table)
    capacity = found.properties["lake_capacity"]
    np.testing.assert_allclose(capacity[path[:4]], [5e7, 2e8, 9e7, 1.2e7])
    assert capacity.sum() == pytest.approx(3.52e8)
    assert found.properties["lake_regulated"][path[:4]].tolist() == [0, 1, 1, 0]
    assert str(found.report) == "nothing to report"
    # one beside the river is moved onto it
    size = domain.network.accumulate(np.ones(domain.size))
    away = np.hypot(domain.row - domain.row[path[1]], domain.col - domain.col[path[1]])
    beside = int(np.argmin(np.where(away < 2, size, np.inf)))
    table = table[1:2].assign(
        Pour_long=domain.lonlat[0][beside], Pour_lat=domain.lonlat[1][beside]
    )  # fmt: skip
    moved = gh.Lakes.of(domain, table)
    assert moved.table["cell"].tolist() == path[1:2] != [beside]
    assert moved.report.notes == ["1 lakes were moved to a cell nearby that drains what they do: 2"]


def test_other_names_and_units_are_said():
    domain, path = rivers()
    table = hydrolakes(domain, path[:1]).rename(columns={"Vol_total": "v", "Lake_area": "a"})
    table["v"], table["a"] = 0.03, 1000.0
    options = dict(columns={"volume": "v", "area": "a"}, units={"volume": "km3", "area": "ha"})
    found = gh.Lakes.of(domain, table, **options)
    assert found.table["capacity_m3"].tolist() == [3e7]
    with pytest.raises(ValueError, match="no column 'w'"):
        gh.Lakes.of(domain, table, columns={"volume": "w"})
    with pytest.raises(ValueError, match=r"'km2'.*for 'm3'"):
        gh.Lakes.of(domain, table, columns={"volume": "v"}, units={"volume": "km2"})
    with pytest.raises(ValueError, match=r"the lakes need a column 'name' \(or Hylak_id, GRA"):
        gh.Lakes.of(domain, table.drop(columns="Hylak_id"))
    with pytest.raises(ValueError, match="the place where their water leaves"):
        gh.Lakes.of(domain, table.drop(columns="Pour_lat"))


def test_grand_is_reservoirs_with_missing_values():
    domain, path = rivers()
    lon, lat = domain.lonlat
    table = pd.DataFrame(
        dict(GRAND_ID=[7, 8], LONG_DD=lon[path[:2]], LAT_DD=lat[path[:2]], CAP_MCM=[30.0, -99],
             AREA_SKM=[5.0, 2.0], DEPTH_M=[-99, -99], MAIN_USE=["Irrigation", None])
    )  # fmt: skip
    with pytest.warns(UserWarning, match="1 of 2 lakes have no volume and no depth: 5 m.* '8'"):
        found = gh.Lakes.of(domain, table)
    assert found.table["capacity_m3"].tolist() == [3e7, 1e7]
    assert found.table["regulated"].all()


def test_what_is_outside_or_on_another_river_is_left_out_and_said():
    domain, path = rivers()
    table = hydrolakes(domain, path[:3])
    table.loc[0, "Pour_lat"] += 40
    table.loc[1, "Wshd_area"] = 0.5
    with pytest.warns(UserWarning) as caught:
        found = gh.Lakes.of(domain, table)
    assert [str(one.message)[:50] for one in caught] == [
        "1 of 3 lakes lie outside the domain and are left o",
        "1 of 2 lakes are on a river that drains more or le",
    ]
    assert found.table.index.tolist() == ["3"]


def test_several_in_a_cell_are_one():
    domain, path = rivers()
    table = hydrolakes(domain, [path[0]] * 2 + path[1:2], Lake_type=[1, 2, 1])
    with pytest.warns(UserWarning, match="2 lakes are in 1 cells with others, .*: 1, 2$"):
        found = gh.Lakes.of(domain, table)
    assert found.table.loc["1 + 2", "capacity_m3"] == 2.5e8
    assert found.properties["lake_regulated"][path[:2]].tolist() == [1, 0]


def test_a_geopackage_is_read(tmp_path):
    geopandas = pytest.importorskip("geopandas")
    domain, path = rivers()
    table = hydrolakes(domain, path[:2])
    shapes = geopandas.points_from_xy(table["Pour_long"], table["Pour_lat"]).buffer(0.01)
    frame = geopandas.GeoDataFrame(table, geometry=shapes, crs="EPSG:4326")
    frame.to_file(tmp_path / "lakes.gpkg")
    found = gh.Lakes.of(domain, gh.io.read_lakes(tmp_path / "lakes.gpkg"))
    assert found.table["cell"].tolist() == path[:2]
    with pytest.raises(ValueError, match=r"read a file with gridhydro\.io\.read_lakes"):
        gh.Lakes.of(domain, tmp_path / "lakes.gpkg")
