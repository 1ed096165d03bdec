"""The main job on real rasters, the upper Moselle and the Lez: what `gridhydro train` does."""

import pandas as pd
import pytest
import rioxarray
import xarray as xr

from gridhydro.config.score_domain import load_run
from gridhydro.config.train_domain import train_domain


@pytest.fixture(scope="module")
def moselle(data, tmp_path_factory):
    folder = data("mhm_moselle/morph/fdir.asc").parents[2]
    out = tmp_path_factory.mktemp("moselle")
    return out, train_domain("moselle", folder, out, progress=False)


@pytest.mark.slow
def test_the_moselle_is_simulated_in_a_year_it_was_not_trained_on(moselle):
    _, scores = moselle
    row = scores.set_index("period").loc["validation"]
    assert row["days"] == 365
    assert row["kge"] >= 0.88
    assert row["nse"] >= 0.9


@pytest.mark.slow
def test_the_run_folder_holds_maps_series_scores_and_what_repeats_them(moselle):
    out, scores = moselle
    assert list(pd.read_csv(out / "metrics.csv")["kge"]) == pytest.approx(list(scores["kge"]))
    with xr.open_dataset(out / "fluxes.nc", decode_coords="all") as series:
        assert series.rio.crs.to_epsg() == 3035
        assert {v: series[v].attrs["units"] for v in ("runoff", "soil_moisture", "discharge")} == {
            "runoff": "mm d-1", "soil_moisture": "mm", "discharge": "m3 s-1",
        }  # fmt: skip
        assert str(series.time.values[0])[:10] == "1989-01-01"
    maps = sorted((out / "parameters").glob("*.tif"))
    assert len(maps) == 15
    with rioxarray.open_rasterio(maps[0]) as raster:
        assert raster.rio.crs.to_epsg() == 3035 and raster.rio.resolution() == (4000, -4000)
    run, setup = load_run(out)
    again = run.evaluate(setup.discharge, setup.training.validation)
    assert again["kge"].iloc[0] == pytest.approx(
        scores.set_index("period").loc["validation", "kge"]
    )


@pytest.mark.end_to_end
@pytest.mark.parametrize("epochs", [80, pytest.param(None, marks=pytest.mark.slow)])
def test_the_middle_gauge_of_the_lez_is_simulated_without_its_data(epochs, data, tmp_path):
    folder = data("lez/lez_2012_2013.nc").parents[1]
    scores = train_domain("lez", folder, tmp_path, epochs=epochs, progress=False)
    scores = scores.set_index("gauge")
    assert scores.loc["Y3204030", "gauge_use"] == "held out"
    assert scores.loc["Y3204030", "kge"] > 0.65
    assert scores.loc["Y3204030", "nse"] > 0.7
