"""The layers of a run for a GIS, from the command line."""

import geopandas
import pyogrio
import pytest
import shapely
import xarray as xr

from gridhydro.cli import main
from tests.support.small_runs import LUMPED, RASTER, toml, write_data


@pytest.mark.end_to_end
def test_a_run_on_a_raster_becomes_layers_of_a_geopackage(tmp_path, capsys):
    write_data(tmp_path)
    content = RASTER | {"training": RASTER["training"] | {"epochs": 1}}
    (tmp_path / "a.toml").write_text(toml(content))
    out = str(tmp_path / "run")
    assert main(["train", str(tmp_path / "a.toml"), "--data", str(tmp_path), "--out", out]) == 0
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").iterdir()}
    assert main(["export", out, "--gis"]) == 0
    assert "rivers" in capsys.readouterr().out
    path = tmp_path / "run/gis.gpkg"
    assert {p: p.stat().st_mtime_ns for p in before} == before  # nothing else is written
    assert {name for name, _ in pyogrio.list_layers(path)} == {
        "rivers",
        "basins",
        "gauges",
        "cells",
    }
    cells = geopandas.read_file(path, layer="cells")
    with xr.open_dataset(tmp_path / "run/parameters.nc") as parameters:
        x, y = (xr.DataArray(getattr(cells.geometry.centroid, axis)) for axis in "xy")
        expected = parameters["FC"].sel(x=x, y=y, method="nearest").values
    assert cells["FC"].to_numpy() == pytest.approx(expected)
    gauges = geopandas.read_file(path, layer="gauges")
    assert {"nse", "kge", "period_of_scores", "stream_order"} <= set(gauges)
    assert main(["export", out, "--polygons", "x.shp"]) == 1
    assert "go with --gis" in capsys.readouterr().err


@pytest.mark.end_to_end
def test_a_run_of_basins_takes_their_polygons(tmp_path, capsys):
    write_data(tmp_path)
    (tmp_path / "a.toml").write_text(
        toml(LUMPED | {"training": LUMPED["training"] | {"epochs": 1}})
    )
    out = str(tmp_path / "run")
    train = ["train", str(tmp_path / "a.toml"), "--data", str(tmp_path), "--out", out]
    assert main([*train, "--fold", "1"]) == 0
    assert main(["export", out, "--gis"]) == 0
    assert [name for name, _ in pyogrio.list_layers(tmp_path / "run/gis.gpkg")] == ["gauges"]
    boxes = [shapely.box(i, 0, i + 1, 1) for i in range(3)]
    table = geopandas.GeoDataFrame({"code": ["b02", "b01", "b00"]}, geometry=boxes, crs=4326)
    table.to_file(tmp_path / "basins.shp")
    more = ["--polygons", str(tmp_path / "basins.shp"), "--name", "code"]
    assert main(["export", out, "--gis", *more]) == 0
    found = geopandas.read_file(tmp_path / "run/gis.gpkg", layer="basins").set_index("name")
    assert sorted(found.index) == ["b00", "b01"] and found["FC"].notna().all()
    assert found.geometry["b00"].equals(boxes[2])
    assert main(["export", out, "--gis", "--polygons", str(tmp_path / "basins.shp")]) == 1
    assert "say which, names=" in capsys.readouterr().err
