"""Observations beside a run by parts of days: storage, targets, discharge by day or step."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from gridhydro.domain.domain import Domain
from gridhydro.observations.discharge import by_step, compared, discharge_table
from gridhydro.observations.storage import StorageObservations
from gridhydro.observations.target_values import values_on

DAYS = pd.date_range("2000-03-01", periods=6, name="time")
HOURS = pd.date_range("2000-03-01", periods=144, freq="h", name="time")


def domain():
    return Domain.of_basins([100.0, 50.0], ["A", "B"], latitude=[45.0] * 2, longitude=[5.0] * 2)


def test_windows_of_storage_are_of_the_same_days():
    start, end = (
        np.array(d, "datetime64[D]")
        for d in (["2000-03-02", "2000-03-03"], ["2000-03-04", "2000-03-06"])
    )
    tiles = SimpleNamespace(size=1, names=np.array(["t"]))
    observed = StorageObservations(tiles, start, end, np.ones((2, 1)), ("2000-03-01", "2000-03-09"))
    days, hours = observed.windows(DAYS), observed.windows(HOURS)
    stored = torch.arange(6.0, dtype=torch.float64)[:, None]
    means = days.averages.means(stored)
    torch.testing.assert_close(hours.averages.means(stored.repeat_interleave(24, 0)), means)
    torch.testing.assert_close(hours.matrix, days.matrix)


def test_daily_targets_stand_at_all_parts_of_their_day():
    values = np.array([[1.0, np.nan], [np.nan, 3.0]])
    axes = {"time": DAYS[[1, 4]], "gauge": ["A", "B"]}
    array = xr.DataArray(values, axes, ("time", "gauge"), name="snowpack", attrs={"units": "mm"})
    daily, cells = values_on("snowpack", array, "mm", domain(), DAYS)
    hourly, same = values_on("snowpack", array, "mm", domain(), HOURS)
    np.testing.assert_array_equal(hourly, np.repeat(daily, 24, axis=0))
    np.testing.assert_array_equal(cells, same)


def flows(times):
    values = np.arange(2.0 * len(times)).reshape(len(times), 2)
    return pd.DataFrame(values, times, ["A", "B"])


def test_discharge_is_compared_by_the_day_or_by_the_step():
    simulated = flows(HOURS)
    observed, means = compared(flows(DAYS), simulated, domain())
    assert means.index.equals(DAYS) and observed.index.equals(DAYS)
    pd.testing.assert_frame_equal(means, simulated.resample("D").mean(), check_freq=False)
    observed, same = compared(flows(HOURS[5:50]), simulated, domain())
    assert same is simulated and observed.index.equals(HOURS[5:50])
    array = xr.DataArray(flows(HOURS[5:50]), dims=("time", "gauge"), attrs={"units": "mm d-1"})
    table = discharge_table(array, domain(), steps_a_day=24)
    np.testing.assert_allclose(table["A"], array[:, 0] / 86.4 * 100)
    assert [by_step(flows(t), n) for t, n in ((HOURS, 24), (DAYS, 24), (HOURS, 1))] == [
        True, False, False,
    ]  # fmt: skip


def test_discharge_by_other_steps_is_refused():
    with pytest.raises(ValueError, match=r"has several times a day .*resample"):
        discharge_table(flows(HOURS), domain())
    with pytest.raises(ValueError, match="begins no step of 0 days 06:00:00"):
        discharge_table(flows(HOURS), domain(), steps_a_day=4)


def test_values_of_several_steps_are_no_values_of_one():
    table = pd.DataFrame({"a": np.ones(16)}, pd.date_range("2001-01-01", periods=16, freq="3h"))
    with pytest.raises(ValueError, match="discharge is every 0 days 03:00:00, the model's step is"):
        discharge_table(table, steps_a_day=24)
    assert len(discharge_table(table, steps_a_day=8)) == 16
