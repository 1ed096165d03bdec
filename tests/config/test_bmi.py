"""A run under the Basic Model Interface: what its checks ask, and a loop that changes the rain."""

import importlib.util
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from gridhydro.inputs.forcing import Forcing
from tests.config.test_forecast import weather_of
from tests.model.test_blocks import run_of

bmi = pytest.importorskip("gridhydro.config.bmi", reason="bmipy is not installed")
CUT, DAYS = 30, 50
WORLDS = ["raster", pytest.param("corrected", marks=pytest.mark.thorough), "departures"]
OUTPUTS = ["runoff", "actual_evapotranspiration"]


@pytest.fixture(scope="module", params=WORLDS)
def world(request, tmp_path_factory):
    """A run of `DAYS` days in a folder, with its series and a state."""
    place, run = tmp_path_factory.mktemp(request.param), run_of(request.param)
    record = run.record()
    values = record.values[:, :DAYS].clone()
    names = [f.name for f in run.model.forcings]
    if "surface_pressure" in names:  # drawn beyond what a file may have
        values[names.index("surface_pressure")].clamp_(max=119000)
    run = type(run).of(run.model, Forcing(record.times[:DAYS], values))
    run.save_model(place / "run")
    weather_of(run).to_netcdf(place / "weather.nc")
    weather_of(run).isel(time=slice(CUT, None)).to_netcdf(place / "late.nc")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        series, states = run.simulate(outputs=OUTPUTS, save_state=[run.record().times[CUT - 1]])
    next(iter(states.values())).to_file(place / "state.nc")
    told = 'run = "run"\noutputs = ["runoff", "actual_evapotranspiration"]\n'
    (place / "whole.toml").write_text(f'[bmi]\n{told}forcing = "weather.nc"\n')
    late = f'[bmi]\n{told}forcing = "late.nc"\nstate = "state.nc"\n'
    (place / "late.toml").write_text(late)
    return place, run, series


def begun(place, name="whole"):
    model = bmi.BmiRun()
    model.initialize(str(place / f"{name}.toml"))
    return model


def flat(series: xr.DataArray) -> np.ndarray:
    return series.values.reshape(-1)


def value(model, name) -> np.ndarray:
    size = model.get_grid_size(model.get_var_grid(name))
    return model.get_value(name, np.empty(size, model.get_var_type(name)))


def test_by_the_day_it_is_the_run_to_the_last_bit(world):
    place, _, series = world
    for name, first in (("whole", 0), ("late", CUT)):
        model = begun(place, name)
        assert model.get_end_time() == DAYS - first and model.get_time_units() == "d"
        for day in range(first, min(first + 35, DAYS)):
            model.update()
            np.testing.assert_array_equal(value(model, "discharge"), series["discharge"][day])
            np.testing.assert_array_equal(value(model, "runoff"), flat(series["runoff"][day]))
        model.finalize()


def test_a_loop_that_changes_the_rain_is_a_run_of_that_rain(world):
    """Every third day it rains twice as much, in half of the cells; what was given by hand is read
    again by networks, and kept in the state."""
    place, run, _ = world
    record, model = run.record(), begun(place)
    values, half = record.values.clone(), run.model.domain.size // 2
    rain = [f.name for f in run.model.forcings].index("precipitation")
    values[rain, ::3, :half] *= 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        date = f"{record.times[CUT - 1]:%Y-%m-%d}"
        series, states = run.simulate(
            Forcing(record.times, values), OUTPUTS, save_state=[date, record.times[-1]]
        )
    cells = np.arange(half)
    if not run.model.domain.lumped:
        domain = run.model.domain
        cells = (domain.row * domain.shape[1] + domain.col)[:half]
    while model.get_current_time() < model.get_end_time():
        day = int(model.get_current_time())
        if day == CUT:
            mine, theirs = model.state().tensors(), states[date].tensors()
            assert mine.keys() == theirs.keys()
            assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
        if day % 3 == 0:
            fallen = model.get_value_ptr("precipitation")[cells]
            model.set_value_at_indices("precipitation", cells, fallen * np.float32(2))
        model.update()
        np.testing.assert_array_equal(value(model, "discharge"), series["discharge"][day])
    assert model.state().origin.date == states[f"{record.times[-1]:%Y-%m-%d}"].origin.date


def test_stores_are_read_and_set(world):
    place, run, series = world
    model = begun(place, "late")
    name = run.model.column.states[-1].name
    assert name in model.get_input_var_names() and model.get_var_units(name) == "mm"
    before = value(model, name)
    model.set_value(name, before)  # nothing is changed
    model.update()
    np.testing.assert_array_equal(value(model, "discharge"), series["discharge"][CUT])
    model.set_value(name, value(model, name) + 500)
    wanted = value(model, name)
    kept = model.state().column[name].mean(-1).numpy()
    there = wanted[np.isfinite(wanted)]
    np.testing.assert_allclose(np.sort(kept), np.sort(there), rtol=1e-5)
    model.update_until(15.0)
    flow = value(model, "discharge")
    assert (flow >= series["discharge"][CUT + 14].values).all()
    assert flow.sum() > 1.01 * float(series["discharge"][CUT + 14].sum())


def test_what_does_not_fit_is_refused(world, tmp_path):
    place, _, _ = world
    model = begun(place)
    rain = value(model, "precipitation")
    with pytest.raises(ValueError, match="variable that can be set"):
        model.set_value("discharge", value(model, "discharge"))
    with pytest.raises(ValueError, match=r"variable.*snow"):
        model.get_var_units("snow")
    with pytest.raises(ValueError, match="is no whole day from 0 to 50"):
        model.update_until(1.5)
    with pytest.raises(ValueError, match="no state to keep before the first day"):
        model.state()
    model.set_value("precipitation", np.full_like(rain, np.nan))
    with pytest.raises(ValueError, match=r"'precipitation' of 2\d{3}-01-01 is nan in cell 0"):
        model.update()
    model.set_value("precipitation", rain)
    model.update_until(model.get_end_time())
    with pytest.raises(ValueError, match="there is no day behind it"):
        model.update()
    (tmp_path / "a.toml").write_text('[bmi]\nrun = "nowhere"\nforcing = "f.nc"\n')
    with pytest.raises(FileNotFoundError, match="so no run in it"):
        bmi.BmiRun().initialize(str(tmp_path / "a.toml"))
    (tmp_path / "b.toml").write_text('[bmi]\nrun = "nowhere"\n')
    with pytest.raises(ValueError, match="missing 'forcing'"):
        bmi.BmiRun().initialize(str(tmp_path / "b.toml"))


def test_grids_have_places_for_all_values(world):
    place, run, _ = world
    model, domain = begun(place), run.model.domain
    for name in (*model.get_input_var_names(), *model.get_output_var_names()):
        grid = model.get_var_grid(name)
        assert model.get_grid_rank(grid) == 2 and model.get_var_location(name) == "node"
        size = model.get_grid_size(grid)
        assert value(model, name).shape == (size,)
        assert model.get_var_nbytes(name) == size * model.get_var_itemsize(name)
        assert isinstance(model.get_var_units(name), str)
    if not domain.lumped:
        shape = model.get_grid_shape(0, np.empty(2, int))
        x, y = model.get_grid_x(0, np.empty(shape[1])), model.get_grid_y(0, np.empty(shape[0]))
        np.testing.assert_array_equal(x, domain.raster_grid.x)
        np.testing.assert_array_equal(y, domain.raster_grid.y)
        assert np.isnan(value(model, "precipitation")).sum() == np.prod(shape) - domain.size
    count = model.get_grid_node_count(1)
    assert count == len(domain.gauges) and model.get_grid_edge_count(1) == 0
    assert np.isfinite(model.get_grid_x(1, np.empty(count))).all()


@pytest.mark.peers
@pytest.mark.skipif(importlib.util.find_spec("bmi_tester") is None, reason="needs bmi-tester")
def test_the_tests_of_bmi_tester_pass(world):
    """Run by pytest itself: the command of bmi-tester does not find its fixtures with pytest 9."""
    place, run, _ = world
    if run.model.correction is not None:
        pytest.skip("as without a correction")
    told = (place / "whole.toml").read_text().replace('= "run"', f'= "{place}/run"')
    (place / "here.toml").write_text(told.replace('"weather.nc"', f'"{place}/weather.nc"'))
    home = Path(importlib.util.find_spec("bmi_tester").submodule_search_locations[0])
    options = ["--confcutdir", home, "-p", "no:cacheprovider", "--rootdir", home, "-q"]
    names = {"BMITEST_CLASS": "gridhydro.config.bmi:BmiRun", "BMITEST_INPUT_FILE": "here.toml"}
    found = subprocess.run(
        [sys.executable, "-m", "pytest", *options, home / "_bootstrap", home / "_tests"],
        cwd=place, capture_output=True, text=True, timeout=300, env=os.environ | names,
    )  # fmt: skip
    assert found.returncode == 0 and " passed" in found.stdout, found.stdout + found.stderr
