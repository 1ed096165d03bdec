"""The soil moisture study on a world of a few cells: what the world is, and that jobs run."""

import json
from functools import cache

import numpy as np
import pytest
import torch

from benchmarks import soil_moisture, soil_moisture_page
from benchmarks.soil_moisture_sites import LEARNED, Sites, rmse
from benchmarks.soil_moisture_world import DENSITIES, NOISE, TEST, make_world

SHAPE = (32, 48)


@cache
def world(seed=0):
    return make_world(seed, SHAPE)


@cache
def sites():
    return Sites.of(world(), world().cells("s8"))


def test_weather_of_a_cell_does_not_depend_on_the_others_asked_for():
    cells = world().cells("s8")
    some, alone = world().forcing(cells), world().forcing(cells[[5]])
    for name in some:
        np.testing.assert_allclose(some[name][:, 5], alone[name][:, 0], atol=2e-5)
        assert not np.allclose(some[name][:, 5], make_world(1, SHAPE).forcing(cells)[name][:, 5])


def test_weather_has_the_climate_that_the_attributes_tell():
    annual = world().attributes(sites().cells)
    rain = 365.25 * sites().forcing["precipitation"].mean("time")
    np.testing.assert_allclose(rain, annual["annual_precipitation"], rtol=0.02)
    warmth = sites().forcing["temperature"].mean("time")
    np.testing.assert_allclose(warmth, annual["annual_temperature"], atol=1.5)


def test_cells_of_a_density_are_among_those_of_the_next_and_neighbours_are_not():
    cells = [set(world().cells(density)) for density in DENSITIES]
    assert cells[0] < cells[1] < cells[2]
    sizes = [SHAPE[0] * SHAPE[1] // step**2 for step in DENSITIES.values()]
    assert [len(c) for c in cells] == sizes
    beside = world().neighbours(world().cells("s4"))
    assert not cells[2] & set(beside)
    row, col = world().places(beside)
    assert (row >= 0).all() and (col < SHAPE[1]).all()
    with pytest.raises(ValueError, match="outside"):
        world().neighbours([0])


def test_observations_are_the_truth_with_gaps_and_errors():
    seen = sites().observed.values
    truth = world().truth(sites().cells)
    error = seen - truth["soil_wetness"].values
    assert abs(np.nanstd(error) - NOISE) < 0.1 * NOISE and abs(np.nanmean(error)) < 0.1 * NOISE
    assert np.isnan(seen[truth["snow_water_equivalent"].values > 1]).all()
    assert np.isnan(seen[sites().forcing["temperature"].values < 0]).all()
    share = np.isfinite(seen).mean()
    assert 0.1 < share < 3 / 8 and np.isfinite(seen).any(0).all()


def test_scores_are_those_of_a_plain_run():
    values = {name: np.full(len(sites().cells), soil_moisture.MIDDLE[name]) for name in LEARNED}
    table = sites().scores(values | {"FC": np.linspace(80, 300, len(sites().cells))})
    run = sites().run(values | {"FC": np.linspace(80, 300, len(sites().cells))})
    wetness = run.simulate(outputs="soil_wetness")["soil_wetness"].sel(time=slice(*TEST))
    observed = sites().observed.sel(time=slice(*TEST))
    plain = rmse(torch.tensor(wetness.values), torch.tensor(observed.values))
    np.testing.assert_allclose(table["rmse"], plain, rtol=1e-4)


@pytest.mark.parametrize("method", ["gA", "gz"])
def test_jobs_run_once_and_a_page_is_made(method, tmp_path, capsys):
    arguments = ["--out", str(tmp_path / "runs"), "--shape", *map(str, SHAPE), "--epochs", "3"]
    arguments += ["--densities", "s16", "s8", "--methods", "default", method]
    soil_moisture.main(arguments)
    about = json.loads((tmp_path / "runs" / method / "s8" / "seed-0" / "job.json").read_text())
    assert about["epochs"] == 3
    capsys.readouterr()
    soil_moisture.main(arguments)
    assert capsys.readouterr().out.count("done before") == 4
    soil_moisture_page.main(
        ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path), "--shape", *map(str, SHAPE)]
    )
    assert {f.stem for f in tmp_path.glob("*.png")} >= {"curves", "scaling", "scores", "parameters"}
    assert f"| {method} | s8 |" in (tmp_path / "tables.md").read_text()
