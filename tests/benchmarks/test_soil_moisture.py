"""The soil moisture study on a world of a few cells: what the world is, and that jobs run."""

import json
from functools import cache

import numpy as np
import pytest
import torch

from benchmarks import commands
from benchmarks.studies.soil_moisture.cells import LEARNED, MIDDLE, Cells, rmse
from benchmarks.studies.soil_moisture.world import DENSITIES, NOISE, TEST, make_world

pytestmark = pytest.mark.end_to_end

SHAPE = (32, 48)


@cache
def world(seed=0):
    return make_world(seed, SHAPE)


@cache
def trained():
    return Cells.of(world(), world().cells("s8"))


def test_weather_of_a_cell_does_not_depend_on_the_others_asked_for():
    cells = world().cells("s8")
    some, alone = world().forcing(cells), world().forcing(cells[[5]])
    for name in some:
        np.testing.assert_allclose(some[name][:, 5], alone[name][:, 0], atol=2e-5)
        assert not np.allclose(some[name][:, 5], make_world(1, SHAPE).forcing(cells)[name][:, 5])


def test_weather_has_the_climate_that_the_attributes_tell():
    annual = world().attributes(trained().cells)
    rain = 365.25 * trained().forcing["precipitation"].mean("time")
    np.testing.assert_allclose(rain, annual["annual_precipitation"], rtol=0.02)
    warmth = trained().forcing["temperature"].mean("time")
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
    observed = trained().observed.values
    truth = world().truth(trained().cells)
    error = observed - truth["soil_wetness"].values
    assert abs(np.nanstd(error) - NOISE) < 0.1 * NOISE and abs(np.nanmean(error)) < 0.1 * NOISE
    assert np.isnan(observed[truth["snow_water_equivalent"].values > 1]).all()
    assert np.isnan(observed[trained().forcing["temperature"].values < 0]).all()
    fraction = np.isfinite(observed).mean()
    assert 0.1 < fraction < 3 / 8 and np.isfinite(observed).any(0).all()


def test_scores_are_those_of_a_plain_run():
    values = {name: np.full(len(trained().cells), MIDDLE[name]) for name in LEARNED}
    table = trained().scores(values | {"FC": np.linspace(80, 300, len(trained().cells))})
    run = trained().run(values | {"FC": np.linspace(80, 300, len(trained().cells))})
    wetness = run.simulate(outputs="soil_wetness")["soil_wetness"].sel(time=slice(*TEST))
    observed = trained().observed.sel(time=slice(*TEST))
    plain = rmse(torch.tensor(wetness.values), torch.tensor(observed.values))
    np.testing.assert_allclose(table["rmse"], plain, rtol=1e-4)


@pytest.mark.parametrize("method", ["gA", "gz"])
def test_jobs_run_once_and_a_page_is_made(method, tmp_path, capsys):
    arguments = ["soil-moisture", "--out", str(tmp_path / "runs"), "--epochs", "3"]
    arguments += ["--shape", *map(str, SHAPE)]
    arguments += ["--densities", "s16", "s8", "--methods", "default", method]
    commands.main(arguments)
    about = json.loads((tmp_path / "runs" / method / "s8" / "seed-0" / "job.json").read_text())
    assert about["epochs"] == 3
    capsys.readouterr()
    commands.main(arguments)
    assert capsys.readouterr().out.count("done before") == 4
    page = ["soil-moisture-page", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path)]
    commands.main([*page, "--shape", *map(str, SHAPE)])
    assert {f.stem for f in tmp_path.glob("*.png")} >= {"curves", "scaling", "scores", "parameters"}
    tables = (tmp_path / "tables.md").read_text()
    assert f"| {method} | s8 |" in tables and "4 jobs" in tables.split("## Machines")[1]
    assert "| `curves.png` |" in (tmp_path / "README.md").read_text()
