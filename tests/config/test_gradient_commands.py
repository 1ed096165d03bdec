"""`assimilate` and `sensitivity` on the folder of a run: what `Run` finds, in files."""

import pandas as pd
import pytest
import xarray as xr

from gridhydro.cli import main
from gridhydro.model.run import Run
from gridhydro.model.state import State
from tests.config.test_forecast import call, weather_of
from tests.model.test_blocks import run_of

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run in a folder, its weather and wetter observations in files."""
    folder = tmp_path_factory.mktemp("run")
    run = run_of("raster")
    run.save_model(folder / "run")
    weather_of(run).to_netcdf(folder / "weather.nc")
    flow = run.simulate()["discharge"].to_pandas() * 1.5
    flow.rename_axis("date").to_csv(folder / "observed.csv")
    return folder


def window_of(place):
    with xr.open_dataset(place / "weather.nc") as weather:
        days = weather.indexes["time"]
    return f"{days[60]:%Y-%m-%d}", f"{days[80]:%Y-%m-%d}"


def test_stores_are_fitted_to_a_file_of_observations(place, tmp_path, capsys):
    first, last = window_of(place)
    asked = [
        "assimilate", place / "run", "--window", first, last, "--forcing", place / "weather.nc",
        "--out", tmp_path / "s.nc", "--steps", "5",
    ]  # fmt: skip
    told = call(*asked, "--discharge", place / "observed.csv", capsys=capsys)
    run = Run.load(place / "run")
    with xr.open_dataset(place / "weather.nc") as weather:
        observed = pd.read_csv(place / "observed.csv", index_col=0, parse_dates=True)
        found = run.assimilate(observed, (first, last), forcing=weather.load(), steps=5)
    kept = State.from_file(tmp_path / "s.nc")
    for name, value in found.state.column.items():
        assert (kept.column[name] == value).all()
    factors = pd.read_csv(tmp_path / "s-factors.csv", index_col="store")
    assert list(factors.index) == list(found.factors.index)
    assert factors.to_numpy() == pytest.approx(found.factors.to_numpy(), rel=1e-5)
    assert (found.factors > 1).any(axis=None) and found.cost[-1] < found.cost[0]
    assert "before" in told.out and f"{found.rmse['after'].iloc[0]:.4g}" in told.out
    assert main([str(a) for a in asked]) == 1
    assert "name their file with --discharge" in capsys.readouterr().err
    (tmp_path / "other.csv").write_text("date,elsewhere\n2001-03-01,1.0\n")
    assert main([str(a) for a in (*asked, "--discharge", tmp_path / "other.csv")]) == 1
    assert "has the columns date, elsewhere, none of" in capsys.readouterr().err


def test_maps_of_what_a_gauge_depends_on_are_a_file(place, tmp_path, capsys):
    period = window_of(place)
    run = Run.load(place / "run")
    gauge = str(run.model.domain.gauges.index[0])
    asked = [
        "sensitivity", place / "run", "--gauge", gauge, "--period", *period, "--forcing",
        place / "weather.nc", "--out", tmp_path / "maps.nc", "--since", period[0],
    ]  # fmt: skip
    told = call(*asked, capsys=capsys)
    with xr.open_dataset(place / "weather.nc") as weather:
        expected = run.sensitivity(
            "discharge", gauge, period=period, since=period[0], by="month", forcing=weather.load()
        )
    with xr.open_dataset(tmp_path / "maps.nc") as maps:
        xr.testing.assert_allclose(
            maps["precipitation"], expected["precipitation"].drop_vars("spatial_ref")
        )
        assert "m3 s-1" in maps["precipitation"].attrs["units"]
    assert f"at gauge {gauge}" in told.out and "the mean is" in told.out
    assert main([str(a) for a in (*asked[:-4], "--out", tmp_path / "maps.tif")]) == 1
    assert "its name ends with .nc" in capsys.readouterr().err
