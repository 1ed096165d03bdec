"""The calendar: monthly values on days, the length of days, and what melts snow."""

import numpy as np
import pandas as pd
import pytest

from gridhydro.inputs.seasons import day_length, melt_factor, monthly_weights


def days(start, periods=1):
    return pd.date_range(start, periods=periods)


def test_daily_vegetation_equals_that_of_hydropy(data):
    reference = np.load(data("hydropy_reference/columns_2001.npz"))
    water = np.clip(np.maximum(reference["para_flake"], reference["para_fwetl"]), 1e-10, 1)
    daily = monthly_weights(days("2001-01-01", 365)) @ reference["para_fveg"]
    daily = np.minimum(np.clip(daily, 0, 1), 1 - water)
    np.testing.assert_allclose(daily, reference["ref_fveg"], rtol=0, atol=1e-14)


def test_monthly_weights_are_of_two_neighbouring_months():
    weights = monthly_weights(days("1999-01-01", 3 * 366))
    assert (weights >= 0).all() and ((weights > 0).sum(1) <= 2).all()
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-14)
    for row in weights:
        months = np.flatnonzero(row)
        assert months.size < 2 or np.diff(months) % 12 in (1, 11)


@pytest.mark.parametrize(
    "day, month, weight",
    [
        ("2001-01-16", 1, 1),  # the middle of 31 days
        ("2001-04-15", 4, 30 / 30.5),  # half a day before the middle of 30
        ("2001-02-14", 2, 29 / 29.5),
        ("2004-02-15", 2, 1),  # of 29 days
        ("2001-01-01", 1, 16 / 31),  # december 365 days before: 16 december
        ("2001-12-31", 12, 16 / 31),
        ("2004-01-01", 1, 15 / 30),  # the same 365 days, although the year has 366
        ("2004-12-31", 12, 15 / 30),
    ],
)
def test_monthly_weights_in_the_middles_of_months(day, month, weight):
    assert monthly_weights(days(day))[0, month - 1] == pytest.approx(weight)


def test_monthly_weights_are_continuous_over_new_year():
    monthly = np.cos(np.arange(12) * np.pi / 6)
    daily = monthly_weights(days("2002-06-01", 1200)) @ monthly
    assert np.abs(np.diff(daily)).max() < 0.025


@pytest.mark.parametrize(
    "latitude, day, hours, factor",
    [
        (50, "2001-06-21", 16.1492, 6.28494),
        (50, "2001-12-21", 7.85002, 3.41480),
        (0, "2001-06-21", 12, 4.85),
        (70, "2001-06-21", 24, 9.0),
        (70, "2001-12-21", 0, 0.7),
        (-50, "2001-12-21", 16.14998, 6.28520),
    ],
)
def test_day_length_and_melt_factor_by_hand(latitude, day, hours, factor):
    assert day_length(days(day), [latitude])[0, 0] == pytest.approx(hours, abs=1e-4)
    assert melt_factor(days(day), [latitude])[0, 0] == pytest.approx(factor, abs=1e-5)


def test_day_length_in_leap_years():
    light = day_length(days("2004-12-31"), [50.0])[0, 0]
    turn = np.radians(23.45) * np.sin(2 * np.pi * (283 + 366) / 366)
    expected = 2 / 15 * np.degrees(np.arccos(-np.tan(np.radians(50)) * np.tan(turn)))
    assert light == pytest.approx(expected)


def test_melt_factors_of_every_scheme():
    time, latitude, orographic = days("2001-06-21", 2), [50.0, 0.0], [3.0, 0.1]
    spatial = melt_factor(time, latitude, "spatial", orographic)
    np.testing.assert_allclose(spatial, [orographic, orographic])
    both = melt_factor(time, latitude, "both", orographic)
    assert both[0, 0] == pytest.approx(1.33 * 3 * 16.1492 / 24, rel=1e-5)
    assert both[0, 1] == 0.7
    with pytest.raises(ValueError, match="ddfac"):
        melt_factor(time, latitude, "both")
    with pytest.raises(ValueError, match="temporal, spatial, both, not 'degree'"):
        melt_factor(time, latitude, "degree")
