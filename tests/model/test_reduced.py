"""Months and some cells in place of the daily series of all cells."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from gridhydro.io import monthly
from gridhydro.model import run as run_module
from gridhydro.model.reduced import AtCells, Gathered, Monthly
from gridhydro.model.run import Run
from tests.model.test_blocks import OUTPUTS, run_of


def test_monthly_means_of_an_output():
    days = pd.date_range("2003-01-30", "2003-03-02")
    daily = torch.arange(len(days), dtype=torch.float32)[:, None]
    means = Gathered(Monthly("flux"), days)
    for part in (slice(0, 1), slice(1, 20), slice(20, None)):
        means.add(part, daily[part])
    assert means.whole().dtype == torch.float32
    np.testing.assert_allclose(means.whole()[:, 0], [0.5, 15.5, 30.5])
    months, _ = monthly.ends_of(days)
    flux = (("time", "x"), means.whole().numpy(), {"units": "mm d-1"})
    found = monthly.labelled(xr.Dataset({"flux": flux}, {"time": months, "x": [0]}), days)
    bounds = found["time_bounds"].values.astype("datetime64[D]").astype(str)
    assert bounds.tolist() == [
        ["2003-01-30", "2003-02-01"], ["2003-02-01", "2003-03-01"], ["2003-03-01", "2003-03-03"],
    ]  # fmt: skip
    assert found["flux"].attrs == {"units": "mm d-1", "cell_methods": "time: mean"}
    assert "monthly means" in found.attrs["comment"]


@pytest.fixture
def run(monkeypatch):
    """A raster whose daily series count as too large, and what simulations were asked for."""
    monkeypatch.setattr(monthly, "DAILY", 1000)
    one = run_of("raster")
    calls = []
    simulate = run_module.simulate_record

    def counting(*arguments):
        calls.append(arguments[2])
        return simulate(*arguments)

    monkeypatch.setattr(run_module, "simulate_record", counting)
    return Run.of(one.model, one.forcing), calls


def test_a_large_run_is_saved_without_daily_series_of_all_cells(run, tmp_path):
    run, calls = run
    run.save(tmp_path, outputs=OUTPUTS)
    assert calls == [[Monthly(name) for name in OUTPUTS]]
    daily = run.simulate(outputs=OUTPUTS)
    with xr.open_dataset(tmp_path / "fluxes.nc") as found:
        expected = daily.resample(time="MS").mean()
        for name in (*OUTPUTS, "discharge"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)
        assert found["time_bounds"].shape == (14, 2)
    with xr.open_dataset(tmp_path / "discharge.nc") as found:
        np.testing.assert_array_equal(found["discharge"], daily["discharge"])


def test_some_cells_are_those_of_all(run):
    run, calls = run
    cells = AtCells("runoff", (5, 2, 40))
    some = run.simulation([cells]).outputs[cells]
    assert torch.equal(some, run.simulation(["runoff"]).outputs["runoff"][:, [5, 2, 40]])
    assert run.simulation([cells]).outputs[cells] is some and len(calls) == 2
