"""Domain files with weather by parts of days: the axis of the forcing tells the step."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.config.build_model import build_model
from gridhydro.config.check_domain import check_domain
from gridhydro.config.load import load
from gridhydro.config.train_domain import train_domain
from gridhydro.model.stepping import Stepping

COUNT = 4
FILES = {"precipitation": "pre", "temperature": "tavg", "potential_evapotranspiration": "pet"}
MONTH = slice(365, 396)  # January 1990
CHANGES = {"period": ["1990-01-11", "1990-01-20"], "validation": ["1990-01-21", "1990-01-30"]}


@pytest.fixture(scope="module")
def moselle(data, tmp_path_factory):
    """The Moselle's file and data for a month, its daily weather in equal parts of each day."""
    folder = data("mhm_moselle/morph/fdir.asc").parents[2]
    place = tmp_path_factory.mktemp("moselle")
    text = load("moselle", folder).source.read_text()
    for name in FILES.values():
        with xr.open_dataset(folder / f"mhm_moselle/meteo/{name}/{name}.nc") as found:
            daily = found[[name]].isel(time=MONTH).load()
        days = daily.indexes["time"].floor("D")
        times = pd.date_range(days[0], periods=31 * COUNT, freq=pd.Timedelta("1D") / COUNT)
        parts = daily.isel(time=np.repeat(np.arange(31), COUNT)).assign_coords(time=times)
        parts["time"].encoding = {"units": "minutes since 1990-01-01", "dtype": "int32"}
        parts.to_netcdf(place / f"{name}.nc")
        old = f"mhm_moselle/meteo/{name}/{name}.nc"
        assert old in text
        text = text.replace(old, str(place / f"{name}.nc"))
    text = text.replace("spinup = 365", 'spinup = { days = 10, start = "empty" }')
    text = text.replace("epochs = 200", "epochs = 1").replace("[256, 64, 16]", "[4]")
    (place / "parts.toml").write_text(text)
    return place / "parts.toml", folder, {"sections": {"training": CHANGES}}


def test_the_axis_of_a_forcing_tells_the_steps_of_the_model(moselle):
    file, folder, changes = moselle
    setup = load(file, folder, changes)
    assert setup.steps_a_day == COUNT and len(setup.times) == 31 * COUNT
    model = build_model(setup, 0)
    assert model.steps_a_day == COUNT and model.options["steps_a_day"] == COUNT
    daily = load("moselle", folder)
    assert "steps_a_day" not in build_model(daily, 0).options
    same = setup.forcing.values[:, ::COUNT]
    torch.testing.assert_close(same, daily.forcing.values[:, MONTH])


@pytest.mark.slow
def test_a_command_trains_by_the_step_as_expected_of_the_days(moselle, tmp_path):
    file, folder, changes = moselle
    assert not check_domain(file, folder, changes=changes)[1].errors
    train_domain(file, folder, tmp_path / "run", changes=changes, progress=False)
    run = gh.Run.load(tmp_path / "run", load(file, folder, changes).forcing)
    with xr.open_dataset(tmp_path / "run/fluxes.nc") as found:
        assert found.sizes["time"] == 31 * COUNT
    parts = run.discharge().resample("D").mean()
    one = gh.Model(
        run.model.domain, "hbv", network="none", scheme=Stepping(),
        defaults={n: v for n, v in run.mean_parameters().items()},
    )  # fmt: skip
    weather = load("moselle", folder).forcing.dataset(one.domain).isel(time=MONTH)
    days = gh.Run.of(one, weather).discharge()
    late = slice("1990-01-11", None)
    error = ((parts - days).loc[late] ** 2).mean() / days.loc[late].var()
    assert 0 < error.iloc[0] < 0.1
