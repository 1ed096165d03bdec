"""A distributed hybrid from its domain file, by the command line: what a run folder holds."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from gridhydro.cli import main
from gridhydro.config.build_model import build_model, make_split
from gridhydro.config.load import load
from gridhydro.config.score_domain import load_run
from gridhydro.config.train_domain import train_domain
from gridhydro.model.ensemble import Ensemble
from tests.support import small_amazon


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("amazon")
    small_amazon.write(folder)
    return folder


def call(*arguments, capsys):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def trained(folder):
    """Three epochs of Hybrid(Q,S) with large steps."""
    text = small_amazon.FILE.replace(
        "epochs = 2", "epochs = 3\noptimizer = { learning_rate = 0.02 }"
    )
    (folder / "quick.toml").write_text(text)
    out = folder / "run"
    train_domain(folder / "quick.toml", folder, out, progress=False)
    return out


@pytest.mark.end_to_end
def test_run_folder_of_a_raster_domain_file(trained):
    scores = pd.read_csv(trained / "storage_metrics.csv")
    assert list(scores) == ["tile", "period", "nse", "correlation", "rmse", "solutions"]
    assert list(scores["period"]) == ["training"] * 4 + ["validation"] * 4
    assert (scores["solutions"] == 12).all() and scores["nse"].notna().all()
    for name in ("metrics.csv", "parameters.nc", "fluxes.nc", "storage.nc"):
        assert (trained / name).exists(), name
    assert len(list((trained / "parameters").glob("*.tif"))) == 9
    figures = {p.stem for p in (trained / "figures").glob("*.png")}
    assert figures >= {"parameters", "hydrographs", "storage", "storage_map", "storage_seasons"}
    history = pd.read_csv(trained / "history.csv")
    assert {"discharge", "storage", "validation_storage_nse"} <= set(history)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    half = (history["discharge"] + history["storage"]) / 2
    np.testing.assert_allclose(history["loss"], half, rtol=1e-5)
    with xr.open_dataset(trained / "storage.nc") as pairs:
        assert pairs["modelled"].attrs["units"] == "mm"
        # both relative to the mean over the baseline
        inside = pairs["time"].dt.year == 2004
        for name in ("modelled", "observed"):
            mean = pairs[name].isel(time=inside.values).mean("time")
            np.testing.assert_allclose(mean, 0, atol=1e-3)


@pytest.mark.end_to_end
def test_storage_of_a_run_is_that_of_its_cells(trained):
    """Against daily stores of the column and averages by plain means; rivers hold little here."""
    run, setup = load_run(trained)
    pairs = run.storage(setup.storage)
    daily = run.simulate(outputs=["total_storage"])["total_storage"].load()
    months = daily.resample(time="MS").mean().sel(time=slice("2003-04", None))
    weights = setup.storage.tiles.matrix.toarray()
    expected = setup.domain.pack(months) @ weights.T
    expected -= expected[9:21].mean(0)  # 2004
    error = pairs["modelled"].values - expected
    assert np.sqrt((error**2).mean()) < 0.15 * expected.std()
    scores = run.evaluate_storage(setup.storage, ("2005", "2005")).set_index("tile")
    tile = pairs.isel(tile=2, solution=pairs["solution"].dt.year.values == 2005)
    residual = tile["modelled"] - tile["observed"]
    spread = tile["observed"] - tile["observed"].mean()
    nse = 1 - float((residual**2).sum() / (spread**2).sum())
    np.testing.assert_allclose(scores.loc[str(tile["tile"].values), "nse"], nse, rtol=1e-9)
    with pytest.raises(ValueError, match="no solution of the observed storage lies from 1990-01"):
        run.evaluate_storage(setup.storage, ("1990", "1991"))
    ensemble = Ensemble([run, run])
    xr.testing.assert_allclose(ensemble.storage(setup.storage), pairs)


@pytest.mark.end_to_end
def test_commands_on_a_raster_domain_file(trained, folder, capsys):
    code, text, err = call("check", folder / "quick.toml", "--data", folder, capsys=capsys)
    assert code == 0, err
    assert "36 cells" in text and "36 solutions" in text and "error" not in text
    before = (trained / "storage_metrics.csv").read_text()
    (trained / "storage_metrics.csv").unlink()
    code, text, err = call("evaluate", trained, capsys=capsys)
    assert code == 0 and "water storage, median over the tiles" in text, err
    again = pd.read_csv(trained / "storage_metrics.csv")
    table = pd.read_csv(pd.io.common.StringIO(before))
    pd.testing.assert_frame_equal(again, table)
    code, _, err = call(
        "train", folder / "small.toml", "--data", folder, "--out", folder / "no",
        "--configuration", "Hybrid", capsys=capsys,
    )  # fmt: skip
    assert code == 1 and "configuration is one of 'HydroPyNN'" in err


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    "name",
    ["HydroPyNN", "Hybrid(Q,S)+", pytest.param("HydroPyNN(Q,S)", marks=pytest.mark.slow)],
)
def test_training_by_every_configuration(folder, name, capsys):
    out = folder / name
    code, text, err = call(
        "train", folder / "small.toml", "--data", folder, "--out", out, "--configuration", name,
        "--epochs", 0 if name == "HydroPyNN" else 1, capsys=capsys,
    )  # fmt: skip
    assert code == 0, err
    assert "water storage, median over the tiles" in text
    assert json.loads((out / "source.json").read_text())["configuration"] == name
    # what the run was trained with is read again, the series of its correction too
    run, setup = load_run(out)
    assert setup.model.configuration == name
    scores = run.evaluate(setup.discharge, ("2005", "2005"))
    kept = pd.read_csv(out / "metrics.csv").query("period == 'validation'")
    np.testing.assert_allclose(scores["nse"], kept["nse"], rtol=1e-5)
    if name == "HydroPyNN":  # HydroPy's own parameters, within the bounds
        lag = setup.land.defaults["groundwater_lag"].clip(30, 1500)
        found = setup.domain.pack(run.parameters["groundwater_lag"])
        np.testing.assert_allclose(found, lag, rtol=0.01)


@pytest.mark.end_to_end
def test_minibatches_of_a_raster_domain_file(folder, tmp_path, capsys):
    """Scores, maps and storage of the run are those of the whole domain."""
    batches = 'batches = { gauges = 2, days = 90, warmup = "states", cells = 36 }\nmemory = 4'
    for name, cells in (("fits", 36), ("narrow", 3)):
        text = small_amazon.FILE.replace("epochs = 2", "epochs = 1\n" + batches)
        text = text.replace("spinup = 300", 'spinup = { start = "settled" }')
        (folder / f"{name}.toml").write_text(text.replace("cells = 36", f"cells = {cells}"))
    code, said, _ = call("check", folder / "narrow.toml", "--data", folder, capsys=capsys)
    assert code == 1 and "minibatches of 3 cells cannot hold the gauge" in said
    scores = train_domain(folder / "fits.toml", folder, tmp_path / "run", progress=False)
    assert scores["nse"].notna().all()
    storage = pd.read_csv(tmp_path / "run" / "storage_metrics.csv")
    assert len(storage) == 8 and storage["nse"].notna().all()
    about = json.loads((tmp_path / "run" / "run.json").read_text())["training"]
    assert about["batches"] == {
        "gauges": 2,
        "days": 90,
        "warmup": "states",
        "cells": 36,
        "together": 1,
    }


@pytest.mark.end_to_end
def test_training_to_storage_alone(folder, capsys):
    """Discharge is scored, not fitted, and no validation of it is asked for while training."""
    text = small_amazon.FILE.replace("epochs = 2", "epochs = 1\nfit_discharge = false")
    (folder / "storage.toml").write_text(text)
    out = folder / "storage-alone"
    code, said, err = call(
        "train", folder / "storage.toml", "--data", folder, "--out", out, capsys=capsys
    )
    assert code == 0, err
    assert "fitted to water storage" in err and "discharge at gauges" not in err
    assert "water storage, median over the tiles" in said
    assert json.loads((out / "run.json").read_text())["training"]["fitted"] == ["storage"]
    assert set(pd.read_csv(out / "metrics.csv")["gauge_use"]) == {"held out"}


@pytest.mark.end_to_end
def test_training_with_several_storage_weights(folder, capsys):
    out = folder / "sweep"
    code, text, err = call(
        "train", folder / "small.toml", "--data", folder, "--out", out, "--epochs", 1,
        "--storage-weights", 0, 0.5, "--balance", "start", capsys=capsys,
    )  # fmt: skip
    assert code == 0, err
    assert err.count("balanced by start") == 1  # alone discharge has no balance
    table = pd.read_csv(out / "weights.csv")
    assert list(table["storage_weight"]) == [0, 0, 0.5, 0.5]
    assert table["storage_nse"].notna().all() and "discharge_nse" in text
    assert (out / "figures" / "weights.png").exists() and (out / "weight-0.5").is_dir()
    about = json.loads((out / "weight-0" / "run.json").read_text())["training"]
    assert about["storage"]["weight"] == 0 and about["balance"]["by"] == "start"
    history = pd.read_csv(out / "weight-0.5" / "history.csv")
    assert (history["storage_weight"].between(0, 1) & (history["storage_weight"] != 0.5)).all()


@pytest.mark.end_to_end
def test_folds_of_gauges_of_a_raster(folder):
    text = small_amazon.FILE + 'split = { kind = "spatial", folds = 3, fold = 0 }\n'
    (folder / "folds.toml").write_text(text)
    held_out = set()
    for fold in range(3):
        split = make_split(load(folder / "folds.toml", folder, {"fold": fold}))
        assert len(split.train_gauges) == 2
        held_out |= set(split.test_gauges)
    assert held_out == {"out", "east", "west"}
    out = folder / "fold"
    scores = train_domain(
        folder / "folds.toml", folder, out, epochs=1, progress=False, changes={"fold": 2}
    )
    (tested,) = split.test_gauges
    uses = scores.set_index("gauge")["gauge_use"]
    assert set(uses[tested]) == {"held out"} and set(uses.drop(tested)) == {"trained"}


def test_the_model_takes_the_land_of_the_file(folder):
    setup = load(folder / "small.toml", folder, {"configuration": "HydroPyNN(Q,S)"})
    model = build_model(setup, 0)
    found = model.cell_parameters()
    for name, defaults in setup.land.defaults.items():
        low, high = next(f.bounds for f in model.fields if f.name == name)
        expected = torch.as_tensor(defaults).clamp(low, high).float()
        assert torch.allclose(found[name].squeeze(-1), expected, rtol=0.02), name
    capacity = model.cell_properties()["soil_capacity"]
    assert torch.allclose(capacity, torch.as_tensor(setup.land.properties["soil_capacity"]).float())
