"""Summaries and comparisons of score tables, against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from gridhydro.evaluation import metrics
from gridhydro.evaluation import tables as scores


def table(nse, period="test", **columns):
    gauges = [f"0{i}" for i in range(len(nse))]
    return pd.DataFrame({"gauge": gauges, "period": period, "nse": nse, "days": 10, **columns})


def test_summary_by_period_and_class():
    both = pd.concat([table([0.1, 0.2, 0.6, 0.7]), table([0.5, np.nan, 0.9, 1.0], "train")])
    rows = scores.summary(both).set_index("period")
    assert list(rows.columns) == ["metric", "median", "mean", "q25", "q75", "count", "undefined"]
    test = rows.loc["test"].drop("metric").astype(float)
    np.testing.assert_allclose(test, [0.4, 0.4, 0.175, 0.625, 4, 0])
    # the undefined score counts among the gauges, not in the median
    assert rows.loc["train", ["median", "count", "undefined"]].tolist() == [0.9, 4, 1]
    climate = both.assign(climate=["dry", "dry", "wet", None] * 2)
    rows = scores.summary(climate, ["period", "climate"])
    assert len(rows) == 6  # the rows without a class are a group too
    dry = rows[(rows.period == "test") & (rows.climate == "dry")]
    assert dry["median"].item() == pytest.approx(0.15)
    (overall,) = scores.summary(both, by=()).to_dict("records")
    assert overall["count"] == 8 and overall["median"] == 0.6


def test_summary_has_every_score_of_a_table_of_metrics():
    rng = np.random.default_rng(0)
    days = pd.date_range("2001", periods=400)
    observed = pd.DataFrame(rng.gamma(1, 2, (400, 5)), days, list("abcde"))
    result = metrics.table(observed * rng.lognormal(0, 0.2, observed.shape), observed)
    rows = scores.summary(result).set_index("metric")
    assert list(rows.index) == list(metrics.METRICS)
    for name in metrics.METRICS:
        assert rows.loc[name, "median"] == np.median(result[name])
        assert rows.loc[name, "q75"] == pytest.approx(np.quantile(result[name], 0.75))


def test_excluded_gauges_do_not_count_and_none_found_is_an_error():
    result = scores.summary(table([0.1, 0.2, 0.9]), exclude=["02", "99"])
    assert result["count"].item() == 2 and result["median"].item() == pytest.approx(0.15)
    # gauge numbers that lost their leading zeros would exclude nothing
    with pytest.raises(
        ValueError, match=r"such as 2, is in the table, whose column .gauge. reads like 00"
    ):
        scores.summary(table([0.1, 0.2, 0.9]), exclude=[2])
    with pytest.raises(ValueError, match=r"no column 'climate'; it has gauge, period"):
        scores.summary(table([0.1]), "climate")


def test_compare_has_a_row_per_model_over_the_same_gauges():
    tables = {
        "bucket": table([0.1, 0.3, 0.2, np.nan], kge=[0.5] * 4),
        "lstm": table([0.7, np.nan, 0.9, np.nan], kge=[0.6] * 4).iloc[::-1],
    }
    result = scores.compare(tables, ["nse", "kge"])
    assert list(result.columns) == ["count", "nse", "kge", "failed"]
    assert result.loc["bucket"].tolist() == [4, 0.2, 0.5, 0]
    # the last gauge has a score of neither: nothing to score there
    assert result.loc["lstm"].tolist() == [4, 0.8, 0.6, 1]
    assert scores.compare(tables, ["nse"], exclude=["00"]).loc["lstm", "nse"] == 0.9
    with pytest.raises(ValueError, match=r"bucket and short .*\(1 at only one.*such as 03"):
        scores.compare({**tables, "short": table([0.1, 0.2, 0.3], kge=0.1)}, ["nse"])
    both = pd.concat([table([0.1]), table([0.2], "train")])
    with pytest.raises(ValueError, match=r"table of both has several rows for 00: choose one"):
        scores.compare({"both": both}, ["nse"])
    with pytest.raises(ValueError, match=r"table of bucket has no column 'fhv'"):
        scores.compare(tables)


def test_tables_in_markdown():
    tables = {"a|b": table([0.12345, 0.2]), "c": table([np.nan, np.nan])}
    text = scores.to_markdown(scores.compare(tables, ["nse"]), digits=2)
    assert text.splitlines() == [
        "| model | count | nse | failed |",
        "| --- | ---: | ---: | ---: |",
        "| a\\|b | 2 | 0.16 | 0 |",
        "| c | 2 | n/a | 2 |",
    ]
    assert scores.to_markdown(pd.DataFrame({"x": [1]})) == "| x |\n| ---: |\n| 1 |"
