"""Polygons and gauges out of files of a GIS."""

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

from gridhydro.config.domain import read_gauges
from gridhydro.io.vector import read_gauge_points, read_polygons

BOXES = [shapely.box(i, 40, i + 1, 41) for i in range(3)]
FILES = ["a.gpkg", "a.geojson", "a.shp"]


def boxes(**columns) -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame(columns, geometry=BOXES, crs="EPSG:4326")


@pytest.mark.parametrize("file", FILES)
def test_polygons_are_named_by_usual_columns_in_any_format(tmp_path, file):
    boxes(slope=[1.0, 2, 3], HYBAS_ID=[2040023010.0, 7, 8]).to_file(tmp_path / file)
    found, table = read_polygons(tmp_path / file)
    assert found.names.tolist() == ["2040023010", "7", "8"]  # no decimals, as DBF writes them
    assert table.loc["7", "slope"] == 2
    assert shapely.equals(found.shapes, BOXES).all()
    part, table = read_polygons(tmp_path / file, select=["8", "7"])
    assert part.names.tolist() == ["8", "7"] and table["slope"].tolist() == [3, 2]
    assert read_polygons(tmp_path / file, "slope")[0].names.tolist() == ["1", "2", "3"]


def test_only_the_selected_polygons_are_judged():
    table = boxes(name=["a", "b", "b"]).set_geometry([BOXES[0], None, None], crs="EPSG:4326")
    assert len(read_polygons(table, select=["a"])[0]) == 1
    with pytest.raises(ValueError, match="'b' is given to 2"):
        read_polygons(table)


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"gauge_id": ["a", None, "c"]}, {}, "row 2 has no name"),
        ({"gauge_id": ["a", " ", "c"]}, {}, "row 2 has no name"),
        ({"gauge_id": [1.0, np.nan, 3]}, {}, "row 2 has no name"),
        (
            {"slope": [1, 2, 3]},
            {},
            r"no column that is known .* slope, geometry: say which, names=",
        ),
        ({"id": [1, 2, 3]}, {"names": "nr"}, "no column 'nr', but id"),
        ({"id": [1, 2, 3]}, {"select": ["4"]}, "no basin 4"),
    ],
)
def test_names_that_are_none_are_refused(columns, options, message):
    with pytest.raises(ValueError, match=message):
        read_polygons(boxes(**columns), **options)


def test_the_index_names_polygons_where_it_has_a_name():
    table = boxes(id=[1, 2, 3]).set_index(pd.Index(["x", "y", "z"], name="catchment"))
    assert read_polygons(table)[0].names.tolist() == ["x", "y", "z"]


def test_the_layer_and_the_file_that_are_meant_are_asked_for(tmp_path):
    for layer in ("one", "two"):
        boxes(id=[1, 2, 3]).to_file(tmp_path / "a.gpkg", layer=layer)
    with pytest.raises(ValueError, match=r"has the layers one, two: choose one"):
        read_polygons(tmp_path / "a.gpkg")
    assert len(read_polygons(tmp_path / "a.gpkg", layer="two")[0]) == 3
    (tmp_path / "a.gpkg").rename(tmp_path / "b.geojson")
    (tmp_path / "c.geojson").write_text("{}")
    with pytest.raises(ValueError, match="has 2 files"):
        read_polygons(tmp_path)
    with pytest.raises(ValueError, match=r"c\.geojson is not a GeoPackage, GeoJSON or shapefile"):
        read_polygons(tmp_path / "c.geojson")
    with pytest.raises(FileNotFoundError, match=r"no\.shp"):
        read_polygons(tmp_path / "no.shp")


@pytest.mark.parametrize("file", FILES)
def test_gauge_tables_are_files_of_points_too(tmp_path, file):
    points = geopandas.points_from_xy([6.37, 7.0], [49.48, 50.0], crs="EPSG:4326")
    columns = {"name": ["a", "b"], "area_km2": [11522.0, 3], "accept": [True, False]}
    crs = "EPSG:4326" if file.endswith("json") else "EPSG:3035"
    geopandas.GeoDataFrame(columns, geometry=points).to_crs(crs).to_file(tmp_path / file)
    days = pd.date_range("2001-01-01", periods=3, name="time")
    pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, 2, 3]}, days).to_csv(tmp_path / "q.csv")
    section = {"gauge_table": {"file": file, "discharge": "q.csv"}}
    found = read_gauges(tmp_path / "a.toml", section, tmp_path)
    assert found.names == ["a", "b"] and found.table["accept"].tolist() == [True, False]
    assert found.table["lon"].tolist() == pytest.approx([6.37, 7.0])
    assert found.table["lat"].tolist() == pytest.approx([49.48, 50.0])
    assert found.table["area_km2"].tolist() == [11522, 3]


def test_gauges_are_points(tmp_path):
    boxes(name=["a", "b", "c"]).to_file(tmp_path / "a.gpkg")
    with pytest.raises(ValueError, match="has Polygon: gauges are points"):
        read_gauge_points(tmp_path / "a.gpkg")
