"""Scores against values worked out by hand and against numpy's own statistics."""

import numpy as np
import pandas as pd
import pytest

from gridhydro.evaluation import metrics
from gridhydro.evaluation.metrics import METRICS, table

OBSERVED = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
SIMULATED = np.array([1.0, 2.0, 3.0, 4.0, 10.0])  # mean 4, variance 10; observed: 3 and 2


def flows(days=1000, seed=3):
    rng = np.random.default_rng(seed)
    observed = rng.gamma(0.7, 4.0, days) + 0.1
    return observed * rng.lognormal(0.05, 0.3, days), observed


def test_metrics_by_hand():
    assert metrics.nse(SIMULATED, OBSERVED) == pytest.approx(1 - 25 / 10)
    # covariance: (2*3 + 1*2 + 0*1 + 1*0 + 2*6) / 5 = 4
    r = 4 / np.sqrt(20)
    assert metrics.correlation(SIMULATED, OBSERVED) == pytest.approx(r)
    spread, mean = np.sqrt(5), 4 / 3
    expected = 1 - np.sqrt((r - 1) ** 2 + (spread - 1) ** 2 + (mean - 1) ** 2)
    assert metrics.kge(SIMULATED, OBSERVED) == pytest.approx(expected)
    expected = 1 - np.sqrt((r - 1) ** 2 + (spread / mean - 1) ** 2 + (mean - 1) ** 2)
    assert metrics.kge_2012(SIMULATED, OBSERVED) == pytest.approx(expected)
    assert metrics.percent_bias(SIMULATED, OBSERVED) == pytest.approx(100 / 3)
    assert metrics.bias(SIMULATED, OBSERVED) == pytest.approx(1)
    assert metrics.rmse(SIMULATED, OBSERVED) == pytest.approx(np.sqrt(5))
    assert metrics.ubrmse(SIMULATED, OBSERVED) == pytest.approx(2)  # 5 = 1 squared + 4


def test_signatures_by_hand():
    observed = np.arange(1.0, 101.0)
    simulated = observed.copy()
    simulated[-2:] += [10, -10]  # the two swap places once sorted
    simulated[:30] += 1
    rng = np.random.default_rng(0)
    simulated, observed = rng.permutation(simulated), rng.permutation(observed)
    # sorted top two: 98 and 109 against 99 and 100
    assert metrics.fhv(simulated, observed) == pytest.approx(100 * 8 / 199)
    assert metrics.fhv(simulated, observed, absolute=True) == pytest.approx(100 * 10 / 199)
    assert metrics.rmse_high(simulated, observed) == pytest.approx(np.sqrt((1 + 81) / 2))
    assert metrics.fhv_abs(simulated, observed) == metrics.fhv(simulated, observed, absolute=True)
    # 2 to 31 and a second 31, against 1 to 30
    assert metrics.flv(simulated, observed) == pytest.approx(100 * 30 / 465)
    # turned round, the lows are -1 to -30 apart: their magnitudes count, not their sum
    assert metrics.flv_abs(observed, simulated) == pytest.approx(100 * 30 / 495)
    assert metrics.rmse_low(simulated, observed) == pytest.approx(1)


def test_correlation_and_bias_against_numpy():
    s, o = flows()
    assert metrics.correlation(s, o) == pytest.approx(np.corrcoef(s, o)[0, 1], rel=1e-12)
    assert metrics.bias(s, o) == pytest.approx(s.mean() - o.mean(), rel=1e-10)
    assert metrics.percent_bias(s, o) == pytest.approx(100 * (s.sum() / o.sum() - 1), rel=1e-10)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_a_perfect_fit(name):
    _, o = flows()
    perfect = 1 if name in ("nse", "kge", "kge_2012", "correlation") else 0
    assert METRICS[name](o, o) == pytest.approx(perfect, abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_missing_days_do_not_count_in_metrics(name):
    s, o = flows()
    kept = METRICS[name](s[200:], o[200:])
    o[:200] = np.nan
    s[:100] = np.nan
    assert METRICS[name](s, o) == kept


@pytest.mark.parametrize("name", METRICS)
def test_a_nan_simulated_on_an_observed_day_is_not_hidden(name):
    s, o = flows()
    s[17] = np.nan
    assert np.isnan(METRICS[name](s, o))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.filterwarnings("error")
def test_undefined_scores_are_nan(name):
    empty = np.full(5, np.nan)
    assert np.isnan(METRICS[name](SIMULATED, empty))
    if name in ("nse", "kge", "kge_2012", "correlation"):
        assert np.isnan(METRICS[name](SIMULATED, np.full(5, 0.1)))
    if name in metrics.PERCENT:
        assert np.isnan(METRICS[name](SIMULATED, np.zeros(5)))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.filterwarnings("error")
def test_scores_divide_by_nothing_that_is_rounding_alone(name):
    still = 1.7 * np.array([1, 1 + 3e-16, 1, 1 - 2e-16, 1 + 1e-7])
    around_zero = np.array([0.1, -0.3, 0.2, 0.3, -0.3 + 1e-9])
    for observed in (still, around_zero):
        score = METRICS[name](SIMULATED, observed)
        assert np.isnan(score) or abs(score) < 1e4
        back = METRICS[name](observed, SIMULATED)
        assert np.isnan(back) or abs(back) < 1e4


def test_series_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"\(5,\) and \(4,\)"):
        metrics.nse(SIMULATED, OBSERVED[1:])


def frames():
    s, o = flows()
    days = pd.date_range("2001-01-01", periods=s.size)
    simulated = pd.DataFrame({"upper": s, "lower": 2 * s, "ungauged": s}, days)
    observed = pd.DataFrame({"lower": 2 * o, "upper": o}, days)
    return simulated, observed


def test_table_holds_every_score_of_every_gauge():
    simulated, observed = frames()
    observed.loc[:"2001-01-10", "upper"] = np.nan
    scores = table(simulated, observed.loc[:"2002-12-31"], "validation").set_index("gauge")
    assert list(scores.columns) == ["period", *METRICS, "days"]
    assert list(scores.index) == ["lower", "upper"]
    assert (scores.period == "validation").all()
    assert list(scores.days) == [730, 720]
    s, o = simulated.upper.iloc[10:730], observed.upper.iloc[10:730]
    for name, metric in METRICS.items():
        assert scores.loc["upper", name] == metric(s, o)
    assert (
        "unit" not in scores
        and list(table(simulated, observed, unit="mm d-1")["unit"]) == ["mm d-1"] * 2
    )


def test_table_refuses_what_does_not_fit():
    simulated, observed = frames()
    with pytest.raises(ValueError, match=r"not simulated: lower"):
        table(simulated[["upper"]], observed)
    with pytest.raises(ValueError, match=r"share no time"):
        table(simulated, observed.shift(freq="12h"))
