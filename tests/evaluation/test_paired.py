"""Paired tests of models at the same places, and their scores as boxes."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from gridhydro.evaluation import plot_boxes
from gridhydro.evaluation.paired import paired_tests


def scores(nse, gauges=None, **more):
    names = [f"0{k}" for k in range(len(nse))] if gauges is None else gauges
    return pd.DataFrame(dict(gauge=names, period="validation", nse=nse, **more))


def test_a_model_that_is_a_little_better_nearly_everywhere():
    random = np.random.default_rng(1)
    b = random.normal(0.5, 0.3, 30)  # far more than the models differ by
    a = b + 0.02 + random.normal(0, 0.02, 30)
    a[3], b[4] = np.nan, np.nan
    tables = {"a": scores(a), "b": scores(b).iloc[::-1]}  # places are matched by name
    (found,) = paired_tests(tables, ["nse"]).to_dict("records")
    known = np.isfinite(a - b)
    assert (found["model"], found["other"], found["count"]) == ("a", "b", 28)
    assert found["higher"] == (a > b)[known].sum()
    assert found["median_difference"] == pytest.approx(np.median((a - b)[known]))
    expected = wilcoxon(a[known], b[known], alternative="greater").pvalue
    assert found["p_higher"] == pytest.approx(expected) and expected < 0.01
    assert found["p_lower"] > 0.99 and found["p_different"] == pytest.approx(2 * expected)


def test_equal_models_and_places_of_their_own():
    same = {"a": scores([0.1, 0.2]), "b": scores([0.1, 0.2]), "c": scores([0.3], ["07"])}
    found = paired_tests(same, ["nse"])
    assert list(found["count"]) == [2, 0, 0] and found["p_different"].isna().all()
    twice = pd.concat([same["a"], same["a"]])
    with pytest.raises(ValueError, match="table of b has several rows for 00: choose one period"):
        paired_tests({"a": same["a"], "b": twice}, ["nse"])


def test_boxes_are_the_quartiles_of_each_model_and_group():
    groups = ["dry", "dry", "wet", "wet", "wet"]
    one = scores([0.1, 0.2, 0.6, 0.7, 0.8], kge=np.nan, group=groups)
    other = scores([0.2, 0.3, np.nan, np.nan, np.nan], kge=np.nan, group=groups)
    figure = plot_boxes.boxes({"one": one, "other": other}, ("nse", "kge"))
    (axis,) = figure.axes  # no KGE is known
    assert [np.median(line.get_ydata()) for line in medians(axis)] == [0.6, 0.25]
    figure = plot_boxes.boxes_by({"one": one, "other": other}, "group", "nse", "climate")
    (axis,) = figure.axes
    values = [np.median(line.get_ydata()) for line in medians(axis)]
    assert values == pytest.approx([0.15, 0.7, 0.25])  # none of the other model where it is wet
    labels = [text.get_text() for text in axis.get_xticklabels()]
    assert labels == ["dry\n(2)", "wet\n(3)"] and "climate" in axis.get_xlabel()
    with pytest.raises(ValueError, match="no kge is known"):
        plot_boxes.boxes({"one": one}, ("kge",))


def medians(axis):
    return [line for line in axis.lines if line.get_linewidth() == 1.3]
