"""Periods of days over which storages are averaged."""

import numpy as np
import pandas as pd
import pytest
import torch

from gridhydro import Averages


def test_monthly_averages_equal_those_of_pandas():
    times = pd.date_range("2003-12-30", "2004-03-02")
    values = np.random.default_rng(0).normal(size=(len(times), 3))
    averages = Averages.monthly(times)
    expected = pd.DataFrame(values, times).resample("MS").mean().to_numpy()
    assert averages.count == 4
    assert averages.row.dtype == torch.int32 and averages.weight.dtype == torch.float64
    np.testing.assert_allclose(averages.means(torch.from_numpy(values)), expected, rtol=1e-13)
    assert repr(averages) == "Averages over 4 periods, of 64 of 64 days"


def test_unwanted_days_do_not_count_and_periods_may_be_empty():
    averages = Averages.of_labels([-1, 0, 0, -1, 2, 2, -1], 3)
    values = torch.tensor([torch.nan, 1, 2, torch.inf, 4, 8, torch.nan], dtype=torch.float64)
    np.testing.assert_array_equal(averages.means(values), [1.5, 0, 6])
    assert averages.row.tolist() == [0, 0, 0, 0, 2, 2, 2]
    nothing = Averages.of_labels([-1, -1], 1)
    assert nothing.means(torch.ones(2, 4)).tolist() == [[0] * 4]


def test_averages_have_gradients():
    averages = Averages.of_labels([0, 0, -1, 1], 2)
    daily = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(averages.means, daily)


def test_wrong_averages_are_refused():
    row, weight = torch.tensor([0, 2], dtype=torch.int32), torch.ones(2, dtype=torch.float64)
    with pytest.raises(ValueError, match="row of day 1 is 2: it lies from 0 to below 2"):
        Averages(row, weight, 2)
    with pytest.raises(ValueError, match="weight of day 0 is nan"):
        Averages(row, torch.tensor([torch.nan, 1], dtype=torch.float64), 3)
    with pytest.raises(ValueError, match=r"int32 and their weights float64, not torch\.int64"):
        Averages(row.long(), weight, 3)
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        Averages(row, torch.ones(3, dtype=torch.float64), 3)
    with pytest.raises(ValueError, match="day 1 has the label 5, of 2 periods"):
        Averages.of_labels([0, 5], 2)
    with pytest.raises(ValueError, match="go back in time after day 0"):
        Averages.monthly(pd.DatetimeIndex(["2001-02-01", "2001-01-01"]))
    with pytest.raises(ValueError, match="no times"):
        Averages.monthly([])
    with pytest.raises(ValueError, match="3 days of values for averages of 2 days"):
        Averages.monthly(pd.date_range("2001", periods=2)).means(torch.ones(3))
