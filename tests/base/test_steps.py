"""Axes of parts of days: which step each stamp begins, whole days, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.base import periods, steps

HOURS = pd.date_range("2000-03-24", periods=96, freq="h")
SIX = pd.date_range("2000-03-24", periods=8, freq="6h")
HOUR = pd.Timedelta("1h")


def axis(times, **attrs):
    return xr.DataArray(times, dims="time", name="time", attrs=attrs)


def bounds(first, step):
    times = first + step
    data = xr.Dataset({"time_bnds": (("time", "nv"), np.stack([first, first + step], 1))})
    return data.assign_coords(time=times)


@pytest.mark.parametrize(
    "given",
    [
        axis(HOURS), axis(HOURS + HOUR / 2), axis(HOURS + HOUR, comment="end of interval"),
        axis(HOURS.tz_localize("UTC")), HOURS.to_series().index, HOURS.to_numpy("M8[s]"),
    ],
)  # fmt: skip
def test_steps_are_stamped_with_their_beginning(given):
    found, count = steps.found_in(given, "the rain")
    assert count == 24 and found.equals(HOURS)
    assert steps.of_axis(given, "the rain", 24).equals(HOURS)


def test_bounds_and_offsets_from_utc_go_before_the_stamps():
    data = bounds(SIX, pd.Timedelta("6h"))
    assert steps.of_axis(data["time"], "the rain", 4, data).equals(SIX)
    local = axis(HOURS - HOUR)
    local.encoding["units"] = "hours since 1900-01-01 00:00:00 +0100"
    assert steps.of_axis(local, "the rain", 24).equals(HOURS)


@pytest.mark.parametrize("freq", ["12h", "6h", "3h", "2h", "1h", "30min", "15min"])
def test_any_part_of_a_day_is_a_step(freq):
    times = pd.date_range("2000-02-28", "2000-03-02", freq=freq, inclusive="left")
    found, count = steps.found_in(times, "the rain")
    assert found.equals(times) and pd.Timedelta("1D") / count == pd.Timedelta(freq)
    assert steps.steps_a_day(found) == count


def test_days_are_one_step_a_day():
    days = pd.date_range("2000-01-01", periods=3)
    assert steps.found_in(days + 12 * HOUR, "the rain")[1] == 1
    assert steps.of_axis(days + 12 * HOUR, "the rain", 1).equals(days)
    assert [steps.steps_a_day(t) for t in (days, days[:1], days[:0])] == [1, 1, 1]


REFUSED = {
    "gap": (HOURS.delete(5), 24, "2000-03-24 04:00 is followed by 2000-03-24 06:00"),
    "summer time": (
        pd.date_range("2000-03-25", "2000-03-27", freq="h", inclusive="left", tz="Europe/Berlin"),
        24, "2000-03-26 01:00 is followed by 2000-03-26 03:00.*UTC or in winter time",
    ),
    "twice": (HOURS.insert(3, HOURS[3]), 24, "not in order, each once"),
    "backwards": (HOURS[::-1], 24, "not in order"),
    "begins later": (HOURS[7:], 24, r"whole days.*'2000-03-25 00:00', '2000-03-27 23:00'"),
    "ends earlier": (HOURS[:-2], 24, r"whole days.*'2000-03-24 00:00', '2000-03-26 23:00'"),
    "stamped at the end": (HOURS + HOUR, 24, "these stamps end their steps"),
    "quarter": (HOURS + HOUR / 4, 24, "neither begins nor halves a step"),
    "other step": (SIX, 24, "is not in steps of 0 days 01:00:00"),
    "daily": (pd.date_range("2000-03-24", periods=9), 24, "is daily, not of 24 steps a day"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_other_axes_are_refused_with_the_mend(kind):
    index, count, message = REFUSED[kind]
    with pytest.raises(ValueError, match=rf"^the rain .*{message}"):
        steps.of_axis(index, "the rain", count)


def test_steps_that_are_no_part_of_a_day_are_refused():
    seven = pd.date_range("2000-03-24", periods=24, freq="7h")
    with pytest.raises(ValueError, match="07:00:00 apart, which is no part of a day"):
        steps.found_in(seven, "the rain")


def test_stamps_of_observations_may_have_gaps():
    some = HOURS.delete([3, 4, 50])[5:]
    assert steps.of_each(some[::-1], "discharge", 24).equals(some[::-1])
    assert steps.of_each(axis(some + HOUR / 2), "discharge", 24).equals(some)
    with pytest.raises(ValueError, match="2000-03-24 00:15, which begins no step"):
        steps.of_each(HOURS.insert(1, HOURS[0] + HOUR / 4), "discharge", 24)
    with pytest.raises(ValueError, match="several values at 2000-03-24 00:00"):
        steps.of_each(HOURS.insert(1, HOURS[0]), "discharge", 24)


def test_periods_are_of_whole_days():
    assert periods.within(HOURS, ("2000-03-25", "2000-03-26"), "the rain") == slice(24, 72)
    assert periods.within(HOURS, None, "the rain") == slice(0, 96)
    with pytest.raises(ValueError, match="2000-03-24 to 2000-03-27"):
        periods.within(HOURS, ("2000-03-25", "2000-03-28"), "the rain")


def test_means_of_days_and_units_of_counting():
    values = np.arange(96.0).reshape(96, 1)
    np.testing.assert_array_equal(steps.day_means(values, 24)[:, 0], [11.5, 35.5, 59.5, 83.5])
    assert steps.day_means(values, 1) is values
    for freq, unit in (("1D", "days"), ("6h", "hours"), ("90min", "minutes")):
        times = pd.date_range("2000-01-01", periods=16, freq=freq)
        assert steps.unit_of(times)[0] == unit
