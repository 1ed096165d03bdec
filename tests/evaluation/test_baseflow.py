"""The baseflow filter: by hand, by its properties, and against the indices of CAMELS."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gridhydro.evaluation.baseflow import ALPHA, PADDING, baseflow, baseflow_index, flow_fraction

FLOWS = arrays(float, st.integers(31, 90), elements=st.floats(0, 1e3))


def test_baseflow_of_three_passes_by_hand():
    # alpha 0.5, no padding: quick[t] = 0.5 quick[t-1] + 0.75 (q[t] - q[t-1]), from 0
    # forward   2 6 2 2     quick 0  3 -1.5 -0.75      slow 2 3 2 2
    # backward  2 2 3 2     quick 0  0  0.75 -0.375    slow 2 2 2.25 2
    # forward   2 2.25 2 2  quick 0  0.1875 -0.09375   slow 2 2.0625 2 2
    np.testing.assert_allclose(baseflow([2.0, 6, 2, 2], 0.5, 0), [2, 2.0625, 2, 2], rtol=1e-15)
    assert baseflow_index([2.0, 6, 2, 2], 0.5, 0) == pytest.approx(8.0625 / 12)


def test_baseflow_reflects_the_ends():
    rng = np.random.default_rng(1)
    flow = rng.gamma(0.5, 3, 100)
    longer = np.concatenate([flow[30:0:-1], flow, flow[-2:-32:-1]])
    np.testing.assert_array_equal(baseflow(flow), baseflow(longer, padding=0)[30:-30])


@settings(max_examples=50, deadline=None)
@given(FLOWS)
def test_baseflow_lies_between_nothing_and_the_flow(flow):
    slow = baseflow(flow)
    assert (slow >= 0).all() and (slow <= flow).all()
    index = baseflow_index(flow)
    assert np.isnan(index) if flow.sum() == 0 else -1e-12 <= index <= 1 + 1e-12


@settings(max_examples=30, deadline=None)
@given(FLOWS, st.floats(0.1, 10))
def test_baseflow_scales_with_the_flow_and_keeps_above_its_lowest(flow, factor):
    np.testing.assert_allclose(baseflow(factor * flow), factor * baseflow(flow), atol=1e-9)
    # what flows always is never quick
    assert baseflow(flow).min() >= flow.min() * (1 - 1e-12)


def test_constant_flow_is_all_baseflow():
    assert baseflow_index(np.full(400, 0.7)) == 1


def test_baseflow_splits_records_at_gaps_and_drops_short_pieces():
    rng = np.random.default_rng(2)
    flow = rng.gamma(0.5, 3, 300)
    flow[[100, 101, 132]] = np.nan  # 100 days, 30 days, 167 days
    slow = baseflow(flow)
    np.testing.assert_array_equal(slow[:100], baseflow(flow[:100]))
    assert np.isnan(slow[100:133]).all()  # thirty days cannot be reflected
    np.testing.assert_array_equal(slow[133:], baseflow(flow[133:]))
    used = ~np.isnan(slow)
    assert baseflow_index(flow) == pytest.approx(slow[used].sum() / flow[used].sum())
    flow[132] = 1.0
    assert not np.isnan(baseflow(flow)[102:]).any()
    assert np.isnan(baseflow_index(np.ones(PADDING)))
    assert np.isnan(baseflow_index(np.full(100, np.nan)))


def test_baseflow_of_gauges_is_independent_and_tables_stay_tables():
    rng = np.random.default_rng(3)
    days = pd.date_range("2001", periods=200)
    table = pd.DataFrame(rng.gamma(0.5, 3, (200, 3)), days, ["a", "b", "c"])
    table.loc[days[50], "b"] = np.nan
    slow, index = baseflow(table), baseflow_index(table)
    assert slow.index.equals(days) and list(index.index) == ["a", "b", "c"]
    for gauge in table:
        np.testing.assert_array_equal(slow[gauge], baseflow(table[gauge].to_numpy()))
        assert index[gauge] == pytest.approx(baseflow_index(table[gauge]), rel=1e-14)
    assert baseflow(table["a"]).index.equals(days)


def test_flow_fraction_of_a_modelled_baseflow():
    assert flow_fraction([1.0, 1, np.nan], [2.0, 6, 100]) == pytest.approx(2 / 8)
    with pytest.raises(ValueError, match=r"\(2,\), \(3,\)"):
        flow_fraction([1.0, 1], [1.0, 1, 1])


def test_wrong_discharge_for_baseflow_is_refused():
    flow = np.ones((50, 2))
    flow[7, 1] = -999
    with pytest.raises(ValueError, match=r"-999 on day 7 of column 1, counted from 0 \(1 such"):
        baseflow(flow)
    with pytest.raises(ValueError, match=r"inf on day 0"):
        baseflow([np.inf, 1.0])
    with pytest.raises(ValueError, match=r"alpha lies in \[0, 1\)"):
        baseflow(np.ones(50), alpha=1.0)


def test_baseflow_index_agrees_with_camels(data):
    """CAMELS: the same filter, over the water years 1990 to 2009 of unrounded records."""
    series = xr.open_dataset(data("camels_us_400/timeseries.nc"))["discharge"]
    flow = series.transpose("time", "basin").to_pandas().loc["1989-10-01":"2009-09-30"]
    hydro = pd.read_csv(
        data("camels_us_text/camels_attributes_v2.0/camels_hydro.txt"),
        sep=";",
        dtype={"gauge_id": str},
        index_col="gauge_id",
    )
    published = hydro["baseflow_index"][flow.columns]
    difference = (baseflow_index(flow, ALPHA) - published).abs()
    # this copy of the records is rounded to 0.01 mm d-1: up to 0.005 a day in what is slow. The
    # start of the passes (no quick flow instead of all) adds at most 2e-4 over 20 years
    assert (difference <= 0.005 / flow.mean() + 2e-4).all()
    assert difference.median() < 2e-4
    assert np.corrcoef(baseflow_index(flow), published)[0, 1] > 0.999
