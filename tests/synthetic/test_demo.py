"""The demo: what it promises on the terminal and in its folder."""

import json

import numpy as np
import pandas as pd
import pytest
import rioxarray
import xarray as xr
from safetensors.torch import load_file

from gridhydro.model.run import Run
from gridhydro.synthetic.catchment import HELD_OUT
from gridhydro.synthetic.demo import KNOWN, demo, report
from tests.analysis.test_page import data_of

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    return out, *demo(out, epochs=24, progress=False)


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    out = tmp_path_factory.mktemp("twin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gridhydro.evaluation.plots.save", lambda *_: None)
        return out, *demo(out, epochs=40, progress=False, twin=True)


def test_scores_are_as_those_of_real_basins(result):
    """Far from nothing and far from 1: the model is another than the truth."""
    _, run, scores, _ = result
    assert not set(run.about["gauges"]) & set(HELD_OUT)
    later = scores[scores["period"] == "validation"].set_index("gauge")
    assert 0.6 < later.loc[list(HELD_OUT), "kge"].median() < 0.95
    assert 0.6 < later["nse"].median() < 0.95


def test_fluxes_and_stores_are_found_as_far_as_discharge_tells_them(result):
    _, _, _, recovery = result
    found = recovery.set_index("quantity")
    snow = found.loc["frozen and liquid water in the snow pack"]
    assert snow["correlation_map"] > 0.95 and snow["correlation_months"] > 0.95
    assert (found["correlation_months"] > 0.75).all()
    runoff = found.loc["water to the river, from surface water and groundwater"]
    assert runoff["mean_simulated"] == pytest.approx(runoff["mean_true"], rel=0.15)


def test_gauges_never_trained_on_are_well_simulated_in_a_twin(twin):
    _, run, scores, _ = twin
    assert not set(run.about["gauges"]) & set(HELD_OUT)
    later = scores[scores["period"] == "validation"].set_index("gauge")
    assert set(later.index[later["gauge_use"] == "held out"]) == set(HELD_OUT)
    assert later.loc[list(HELD_OUT), "kge"].median() > 0.9
    assert later["nse"].median() > 0.9


def test_training_brings_the_maps_nearer_to_the_truth(twin, tmp_path, monkeypatch):
    _, _, _, recovery = twin
    monkeypatch.setattr("gridhydro.evaluation.plots.save", lambda *_: None)
    monkeypatch.setattr("gridhydro.synthetic.demo.write_report", lambda *_: None)
    monkeypatch.setattr(Run, "save", lambda *_, **__: None)
    _, _, before = demo(tmp_path, epochs=1, progress=False, twin=True)
    after, before = recovery.set_index("parameter"), before.set_index("parameter")
    for name in ("FC", "UZL"):
        assert after.loc[name, "correlation"] > 0.6, name
    error = {
        k: (abs(t["mean_learned"] / t["mean_true"] - 1)).median()
        for k, t in (("after", after), ("before", before))
    }
    assert error["after"] < error["before"]
    assert not set(KNOWN) & set(after.index)


def test_demo_writes_files_with_units_and_crs(result):
    out, run, scores, recovery = result
    pd.testing.assert_frame_equal(pd.read_csv(out / "metrics.csv"), scores.reset_index(drop=True))
    assert list(pd.read_csv(out / "recovery.csv")["quantity"]) == list(recovery["quantity"])
    with xr.open_dataset(out / "parameters.nc", decode_coords="all") as maps:
        assert maps.rio.crs.to_epsg() == 3035
        assert maps["FC"].attrs["units"] == "mm"
        assert int(maps["FC"].notnull().sum()) == run.model.domain.size
    with xr.open_dataset(out / "fluxes.nc", decode_coords="all") as series:
        assert series["discharge"].attrs["units"] == "m3 s-1"
        assert series["runoff"].attrs["units"] == "mm d-1"
        assert series.sizes["gauge"] == 20
    raster = rioxarray.open_rasterio(out / "parameters" / "FC.tif")
    assert raster.rio.crs.to_epsg() == 3035
    expected = run.parameters["FC"].values
    np.testing.assert_allclose(raster.values[0], expected, rtol=1e-6)
    for name in ("recovery", "recovery_months", "parameters", "hydrographs", "training"):
        assert (out / "figures" / f"{name}.png").stat().st_size > 10_000
    assert load_file(out / "model.safetensors")


@pytest.mark.parametrize("which", ["result", "twin"])
def test_the_page_says_that_the_world_is_generated_and_shows_its_truth(which, request):
    out, _, _, recovery = request.getfixturevalue(which)
    text = (out / "report.html").read_text(encoding="utf-8")
    assert text.count("nothing in it is measured") == 1 and "Beside the truth" in text
    data, name = data_of(text), "FC" if which == "twin" else "soil_moisture"
    layers = {layer["name"]: layer for layer in data["map"]["layers"]}
    found = "learned" if which == "twin" else "simulated"
    pair = [layers[f"{name}_{of}"] for of in (found, "true")]
    assert pair[0]["low"] == pair[1]["low"] and pair[0]["values"] != pair[1]["values"]
    assert name not in layers and "upstream_area" in layers
    assert ("The truth is another model, HydroPy" in text) == (which == "result")
    if which == "twin":
        bias = 100 * (recovery["mean_learned"] / recovery["mean_true"] - 1)
        assert f">{bias.iloc[0]:.3g}</td>" in text
        return
    months = pd.read_csv(out / "recovery_months.csv", parse_dates=["month"])
    assert len(months) == len(recovery) * 60 and str(months["month"][0].date()) == "2002-01-01"
    curves = [curve for key, curve in data["curves"].items() if key.startswith("truth-")]
    assert [curve["unit"] for curve in curves] == list(recovery["unit"])
    for (_, rows), curve in zip(months.groupby("quantity", sort=False), curves, strict=True):
        assert [line["name"] for line in curve["lines"]] == ["simulated", "true"]
        np.testing.assert_allclose(curve["lines"][1]["y"], rows["true"], rtol=1e-4)
    note = pd.read_csv(out / "columns.csv").set_index(["file", "column"])
    assert "month" in note.loc[("recovery_months.csv", "true"), "meaning"]


def test_the_truth_is_written_with_the_run_and_goes_with_it(result):
    """The report of another run in the same folder does not say that its world is generated."""
    written = json.loads((result[0] / "run.json").read_text())["written"]
    assert {"generated.json", "recovery.csv", "recovery.nc", "recovery_months.csv"} <= set(written)


@pytest.mark.parametrize("which", ["result", "twin"])
def test_demo_report_says_that_nothing_is_measured(which, request):
    out, run, scores, recovery = request.getfixturevalue(which)
    text = report(out, run, scores, recovery)
    assert "nothing in it is measured" in text
    assert "held out" in text and "recovery.csv" in text
    assert ("FC 0." in text) == (which == "twin")
    assert max(len(line) for line in text.splitlines() if str(out) not in line) < 100
