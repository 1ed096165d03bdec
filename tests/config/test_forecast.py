"""`run --forcing`, `forecast` and `predict` on folders of runs: a chain of them is one run."""

import warnings

import numpy as np
import pytest
import xarray as xr

from gridhydro.cli import main
from gridhydro.io import write_basins
from gridhydro.model.run import Run
from tests.model.test_blocks import run_of
from tests.support.lumped import fit
from tests.support.small_basins import small_basins

pytestmark = pytest.mark.end_to_end
CUT = 150


def call(*arguments, capsys):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the run begins with")
        code = main([str(a) for a in arguments])
    told = capsys.readouterr()
    assert code == 0, told.err
    return told


def weather_of(run) -> xr.Dataset:
    """The record of a run of a raster or of basins, as a file has it."""
    record, domain = run.record(), run.model.domain
    time = {"time": record.times}
    series = {
        f.name: domain.unpack(v.numpy(), f.name, {"units": f.unit}, ["time"], time)
        for f, v in zip(run.model.forcings, record.values, strict=True)
    }
    return xr.Dataset(series)


@pytest.fixture(scope="module", params=["raster", "departures"])
def folder(request, tmp_path_factory):
    """A run in a folder with its weather in a file."""
    place = tmp_path_factory.mktemp(request.param)
    run = run_of(request.param)
    run.save_model(place / "run")
    weather_of(run).to_netcdf(place / "weather.nc")
    return place


def dates(folder):
    with xr.open_dataset(folder / "weather.nc") as weather:
        days = weather.indexes["time"]
    return f"{days[CUT - 1]:%Y-%m-%d}", f"{days[-1]:%Y-%m-%d}"


def test_a_forecast_goes_on_to_the_last_bit(folder, tmp_path, capsys):
    run, weather, (date, last) = folder / "run", folder / "weather.nc", dates(folder)
    one, more = tmp_path / "one.nc", tmp_path / "more.nc"
    told = call("run", run, "--forcing", weather, "--out", one, "--save-state", date, capsys=capsys)
    state = tmp_path / f"one-state-{date}.nc"
    assert f"written: {one}" in told.out and f"written: {state}" in told.out
    asked = ("forecast", run, "--state", state, "--forcing", weather)
    told = call(*asked, "--out", more, "--outputs", "runoff", capsys=capsys)
    assert "its days before" in told.err and (tmp_path / f"more-state-{last}.nc").exists()
    whole, found = xr.open_dataset(one), xr.open_dataset(more)
    assert found["discharge"].equals(whole["discharge"][CUT:])
    assert found["runoff"].equals(whole["runoff"][CUT:]) and "soil_moisture" not in found
    told = call(*asked, "--out", tmp_path / "again.nc", "--quiet", capsys=capsys)
    assert told.out == told.err == ""
    told = call("--quiet", *asked, "--out", tmp_path / "again.zarr", capsys=capsys)
    assert told.out == told.err == "" and (tmp_path / "again.zarr").is_dir()
    assert main([*map(str, asked), "--out", str(tmp_path / "a.csv")]) == 1
    assert "is written to a file .nc or a store .zarr" in capsys.readouterr().err


def test_members_have_series_quantiles_and_states(folder, tmp_path, capsys):
    run, date = folder / "run", dates(folder)[0]
    weather = xr.open_dataset(folder / "weather.nc").load()
    call("run", run, "--forcing", folder / "weather.nc", "--out", tmp_path / "one.nc",
         "--save-state", date, capsys=capsys)  # fmt: skip
    late = weather.isel(time=slice(CUT, None))
    wet = late.assign(precipitation=late["precipitation"] * 2)
    wet["precipitation"].attrs = late["precipitation"].attrs
    both = xr.concat([late, wet], "member", data_vars="all").assign_coords(member=["dry", "wet"])
    both.isel(time=slice(0, 60)).to_netcdf(tmp_path / "early.nc")
    both.isel(time=slice(60, None)).to_netcdf(tmp_path / "late.nc")
    state = tmp_path / f"one-state-{date}.nc"
    call("forecast", run, "--state", state, "--forcing", tmp_path / "early.nc", "--out",
         tmp_path / "a.nc", capsys=capsys)  # fmt: skip
    states = sorted(tmp_path.glob("a-state-*-member-*.nc"))
    assert len(states) == 2
    call("forecast", run, "--state", *states, "--forcing", tmp_path / "late.nc", "--out",
         tmp_path / "b.nc", capsys=capsys)  # fmt: skip
    first, second = (xr.open_dataset(tmp_path / name) for name in ("a.nc", "b.nc"))
    assert first["discharge"].dims == ("member", "time", "gauge")
    found = xr.concat([first["discharge"], second["discharge"]], "time").sel(member="dry")
    whole = xr.open_dataset(tmp_path / "one.nc")["discharge"][CUT:]
    np.testing.assert_array_equal(found.transpose("time", "gauge"), whole)
    dry, wet = (first["discharge"].sel(member=name) for name in ("dry", "wet"))
    assert float(wet.sum()) > float(dry.sum())
    middle = first["discharge_quantiles"].sel(quantile=0.5)
    np.testing.assert_allclose(middle, (dry + wet) / 2, rtol=1e-5)
    code = main(["run", str(run), "--forcing", str(tmp_path / "late.nc"), "--out", "x.nc"])
    assert code == 1 and "gridhydro forecast runs them" in capsys.readouterr().err
    code = main(["forecast", str(run), "--state", str(state), str(state), str(state), "--forcing",
                 str(tmp_path / "early.nc"), "--out", str(tmp_path / "c.nc")])  # fmt: skip
    assert code == 1 and "3 states are given for 2 members" in capsys.readouterr().err


def test_weather_on_a_finer_grid_is_brought_to_the_cells(tmp_path, capsys):
    run = run_of("raster")
    run.save_model(tmp_path / "run")
    weather = weather_of(run)
    grid = run.model.domain.raster_grid
    assert grid.geographic
    fine = weather.isel(y=np.repeat(range(weather.sizes["y"]), 2),
                        x=np.repeat(range(weather.sizes["x"]), 2))  # fmt: skip
    half = [abs(float(v[1] - v[0])) / 4 for v in (weather["y"], weather["x"])]
    sign = np.sign(float(weather["y"][1] - weather["y"][0]))
    steps = np.tile([-1, 1], weather.sizes["y"]) * half[0] * sign
    fine = fine.assign_coords(y=fine["y"].values + steps)
    fine = fine.assign_coords(x=fine["x"].values + np.tile([-1, 1], weather.sizes["x"]) * half[1])
    fine = fine.fillna(fine.mean())
    fine.to_netcdf(tmp_path / "fine.nc")
    weather.to_netcdf(tmp_path / "weather.nc")
    corner = '[forcing.precipitation]\ncell_reference = "upper_left"\n'
    (tmp_path / "run" / "domain.toml").write_text(corner)
    for name in ("fine", "weather"):
        told = call("run", tmp_path / "run", "--forcing", tmp_path / f"{name}.nc", "--out",
                    tmp_path / f"of_{name}.nc", capsys=capsys)  # fmt: skip
        # the same file would be read as shifted by half a cell
        assert ("are corners (cell_reference = upper_left)" in told.err) == (name == "fine")
    one, other = (
        xr.open_dataset(tmp_path / f"of_{n}.nc")["discharge"] for n in ("fine", "weather")
    )
    np.testing.assert_allclose(one, other, rtol=1e-3)


def test_basins_that_a_run_has_not_seen_are_predicted(tmp_path, capsys):
    run = fit("mlp")
    run.save_model(tmp_path / "run")
    basins = small_basins()
    write_basins(basins, tmp_path / "basins.nc")
    names = [str(name) for name in basins["gauge"].values[[3, 1]]]
    out = tmp_path / "predicted.nc"
    asked = ("predict", tmp_path / "run", "--basins", tmp_path / "basins.nc", "--out", out)
    call(*asked, "--names", *names, "--outputs", "runoff", capsys=capsys)
    expected = Run.load(tmp_path / "run").predict(basins, ["runoff"], names=names)
    found = xr.open_dataset(out)
    assert found["gauge"].values.tolist() == names
    np.testing.assert_array_equal(found["discharge"], expected["discharge"])
    np.testing.assert_array_equal(found["runoff"], expected["runoff"])
    assert main([*map(str, asked), "--names", "nowhere"]) == 1
    assert "has no basin nowhere" in capsys.readouterr().err
