"""All analyses of a run in a folder, from Python and from the command line."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.analysis.evapotranspiration import Observed
from gridhydro.analysis.importance import Draws
from gridhydro.analysis.report import analyse
from gridhydro.cli import main
from gridhydro.io import write_basins
from tests.analysis.test_budget import ALL, run_of
from tests.analysis.test_evapotranspiration import grace
from tests.support.small_basins import FILE, NAMES, small_basins
from tests.support.small_world import OUTLET, small_model, small_world

BUDGET = {
    "water_budget.nc", "water_budget_monthly.csv", "water_budget_yearly.csv",
    "water_budget_whole.csv", "water_budget.png", "water_budget_monthly.png",
}  # fmt: skip


@pytest.mark.end_to_end
def test_analyses_of_a_raster(tmp_path):
    run = run_of(small_model())
    domain, _, weather, _ = small_world()
    found = analyse(
        run, tmp_path, ALL, observed=Observed(run.discharge(), grace(domain)), weather=weather,
        gauges=[OUTLET, "G05"], draws=Draws(5), progress=False,
    )  # fmt: skip
    files = {path.name for path in tmp_path.iterdir()}
    assert files >= BUDGET | {n.replace("budget", "budget_between") for n in BUDGET}
    assert files >= {"evapotranspiration.csv", "evapotranspiration.png", "biases.png"}
    assert files >= {"pet.nc", "pet.csv", "pet.png", "pet_maps.png"}
    with xr.open_dataset(tmp_path / "water_budget.nc") as kept:
        assert kept["gauge"].values.tolist() == [OUTLET, "G05"] and kept.sizes["time"] == 24
        np.testing.assert_allclose(kept["discharge"], found["water_budget"]["discharge"], rtol=1e-5)
        assert kept["discharge"].units == "mm" and "observed_evapotranspiration" in kept
    years = pd.read_csv(tmp_path / "water_budget_yearly.csv")
    assert years["days"].tolist() == [365] * 4
    assert (abs(years["residual [mm]"]) < 1e-3).all()
    assert set(found["evapotranspiration"]["term"]) == {
        "discharge", "evapotranspiration", "storage_change",
    }  # fmt: skip
    between = found["water_budget_between"]["area"].sum()
    assert float(between) == pytest.approx(domain.area.sum() / 1e6)
    assert found["pet"]["estimate"].values.tolist() == ["oudin", "run"]
    if "importance" not in found["left_out"]:  # with captum
        assert {"importance.nc", "importance.csv", "importance.png"} <= files


def test_analyses_left_out_are_named(tmp_path):
    run = run_of(small_model(network="lstm", hidden=4))
    found = analyse(run, tmp_path, ("2002-01", "2002-06"), gauges=["G20"], progress=False)
    assert set(found["left_out"]) == {"evapotranspiration", "pet", "importance"}
    assert {path.name for path in tmp_path.iterdir()} == BUDGET | {"columns.csv"}


@pytest.mark.end_to_end
def test_analyses_from_the_command_line(tmp_path, capsys, without_layout):
    write_basins(small_basins(), tmp_path / "basins.nc")
    (tmp_path / "sample.toml").write_text(FILE)
    starts = pd.date_range("2000-01-01", "2002-12-01", freq="MS")
    ends = starts + pd.offsets.MonthBegin()
    values = np.random.default_rng(1).normal(0, 5, (36, 12))
    coords = {
        "time": starts + (ends - starts) / 2, "gauge": NAMES,
        "time_start": ("time", starts), "time_end": ("time", ends),
    }  # fmt: skip
    twsa = xr.Dataset({"twsa": (("time", "gauge"), values, {"units": "cm"})}, coords)
    twsa.to_netcdf(tmp_path / "twsa.nc")
    run = tmp_path / "run"
    data = ("--data", str(tmp_path))
    assert main(["train", str(tmp_path / "sample.toml"), *data, "--out", str(run)]) == 0
    arguments = ["analyse", str(run), *data, "--period", "2001", "2002"]
    assert main([*arguments, "--grace", str(tmp_path / "twsa.nc")]) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert f"written: {run / 'analyses'}" in out
    scores = pd.read_csv(run / "analyses" / "evapotranspiration.csv")
    # January 2003 is not observed, so storage at the end of 2002 is not
    change = scores[scores["term"] == "storage_change"]
    assert change["gauge"].tolist() == NAMES and (change["periods"] == 1).all()
    assert main([*arguments[:4], "--period", "1999", "2000"]) == 1
    assert "not all in the forcing" in capsys.readouterr().err
