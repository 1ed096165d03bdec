"""Scores of ensembles: CRPS by its definition, coverage and width of intervals, tables of them."""

import numpy as np
import pandas as pd
import pytest

from gridhydro.evaluation import spread

RANDOM = np.random.default_rng(3)


def test_crps_is_the_integral_of_squared_differences_of_distributions():
    """(Hersbach 2000, eq. 1): over all values, of the members' distribution and the step at the
    observation."""
    members, observed = RANDOM.gamma(2, 3, (7, 5)), np.array([1.0, 4.0, 9.0, 30.0, -2.0])
    values = np.linspace(-10, 60, 700_001)
    expected = []
    for x, o in zip(members.T, observed, strict=True):
        below = (x[:, None] <= values).mean(0)
        expected.append(np.trapezoid((below - (values >= o)) ** 2, values))
    assert spread.crps(members, observed) == pytest.approx(np.mean(expected), rel=1e-4)


def test_crps_of_one_member_is_the_mean_absolute_error():
    members, observed = RANDOM.normal(size=(1, 50)), RANDOM.normal(size=50)
    assert spread.crps(members, observed) == pytest.approx(np.abs(members - observed).mean())


def test_coverage_and_width_are_those_of_the_central_interval():
    members = np.repeat(np.linspace(0, 1, 101)[:, None], 4, axis=1)
    observed = np.array([0.05, 0.5, 0.951, 0.049])
    assert spread.interval(members, observed) == (0.5, pytest.approx(0.9))
    assert spread.interval(members, observed, level=1.0) == (1, 1)


def test_coverage_is_the_level_where_observations_are_as_members():
    members, observed = RANDOM.normal(size=(200, 4000)), RANDOM.normal(size=4000)
    assert spread.interval(members, observed)[0] == pytest.approx(0.9, abs=0.02)
    assert spread.interval(members / 3, observed)[0] < 0.5


def test_days_without_an_observation_count_nowhere():
    members, observed = RANDOM.normal(size=(9, 30)), RANDOM.normal(size=30)
    gaps = observed.copy()
    gaps[::3] = np.nan
    there = ~np.isnan(gaps)
    for score in (spread.crps, spread.interval):
        assert score(members, gaps) == score(members[:, there], observed[there])
        assert np.isnan(score(members, np.full(30, np.nan))).all()
        broken = members.copy()
        broken[2, 1] = np.nan
        assert np.isnan(score(broken, gaps)).all()


def test_the_table_has_a_row_for_every_gauge():
    members = RANDOM.normal(size=(5, 20, 2))
    observed = pd.DataFrame(RANDOM.normal(size=(20, 2)), columns=["b", "a"])
    table = spread.table(members, observed)
    assert table["gauge"].tolist() == ["b", "a"]
    assert table["crps"][1] == spread.crps(members[:, :, 1], observed["a"])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"members \(M, T\) and observations"):
        spread.crps(np.zeros((3, 4)), np.zeros(5))
