"""Hydrographs: which gauges, which days, and what stands beside them."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from gridhydro.evaluation import plots
from gridhydro.evaluation.plot_hydrographs import GAUGES, GROUNDS, hydrographs

DAYS = pd.date_range("2001", periods=900)
PERIODS = {"training": ("2001-07-01", "2002-06-30"), "validation": ("2002-07-01", "2003-06-18")}


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def discharge(names, days=DAYS):
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.gamma(1, 5, (days.size, len(names))) + 1, days, names)


def lines(axis):
    return {line.get_label(): line for line in axis.lines}


def scores(nse, use="trained"):
    """Two periods; the order by the last one is that of `nse`, by the first one its reverse."""
    return pd.DataFrame(
        [
            {"gauge": gauge, "period": p, "gauge_use": use, "nse": value * sign, "kge": 0.25}
            for p, sign in (("training", -1), ("validation", 1))
            for gauge, value in nse.items()
        ]
    )


def test_observations_lie_on_top_with_scores_and_gauges_held_out(tmp_path):
    simulated = discharge(["a", "b"])
    observed = simulated.where(simulated > 2) * 1.5
    table = pd.concat([scores({"a": 0.5}), scores({"b": 0.5}, "held out")])
    figure = hydrographs(observed, simulated, table)
    plots.save(figure, tmp_path / "hydrographs.pdf")
    series, duration, months = figure.axes[:3]
    assert series.get_title(loc="left") == (
        "a   training: NSE -0.50, KGE 0.25   validation: NSE 0.50, KGE 0.25"
    )
    assert figure.axes[3].get_title(loc="left").startswith("b (held out)   ")
    assert {"observed", "simulated", "discharge / m$^3$ s$^{-1}$"} <= set(texts(figure))
    drawn = lines(series)
    np.testing.assert_array_equal(drawn["observed"].get_ydata(), observed["a"])
    np.testing.assert_array_equal(drawn["simulated"].get_ydata(), simulated["a"])
    assert drawn["observed"].get_zorder() > drawn["simulated"].get_zorder()
    # beside it days that have both: their flows in order, and the means of the months
    both = observed["a"].notna()
    flow = duration.lines[0].get_ydata()
    np.testing.assert_array_equal(flow, np.sort(simulated["a"][both])[::-1])
    expected = observed["a"].groupby(DAYS.month).mean()
    np.testing.assert_allclose(months.lines[1].get_ydata(), expected)


def test_days_of_training_validation_and_spinup_are_marked():
    simulated = discharge(["a"])
    figure = hydrographs(simulated, simulated, periods=PERIODS)
    series, duration, _ = figure.axes
    found = {}
    for patch in series.patches:
        box = patch.get_extents().transformed(series.transData.inverted())
        days = [matplotlib.dates.num2date(x).date().isoformat() for x in (box.x0, box.x1)]
        found[matplotlib.colors.to_hex(patch.get_facecolor())] = days
    assert found == {
        GROUNDS["spin-up"]: ["2001-01-01", "2001-07-01"],
        GROUNDS["training"]: ["2001-07-01", "2002-07-01"],
        GROUNDS["validation"]: ["2002-07-01", "2003-06-19"],
    }
    assert {"spin-up", "training", "validation"} <= set(texts(figure))
    # what the spin-up gives is compared with nothing
    assert duration.lines[0].get_ydata().size == len(DAYS) - 181


def test_gauges_are_chosen_from_the_best_to_the_worst():
    names = [f"g{i}" for i in range(21)]
    simulated = discharge(names)
    observed = simulated.copy()
    observed["g20"] = np.nan  # the best, with nothing to compare with
    nse = {name: i / 100 for i, name in enumerate(names)}
    figure = hydrographs(observed, simulated, scores(nse))
    titles = [axis.get_title(loc="left").split("   ")[0] for axis in figure.axes[::3]]
    assert titles[0] == "g19 (best)" and titles[-1] == "g0 (worst)"
    assert titles[2] == "g11 (median)" and len(titles) == GAUGES
    assert titles[1] == "g15 (79 % are worse)"
    assert "6 of 21 gauges, from the best to the worst NSE" in texts(figure)
    asked = hydrographs(observed, simulated, scores(nse), gauges=["g3"])
    assert [axis.get_title(loc="left")[:2] for axis in asked.axes[::3]] == ["g3"]
    with pytest.raises(ValueError, match="no gauge 'x'; there is g0"):
        hydrographs(observed, simulated, gauges=["x"])
    # without scores the largest rivers
    simulated["g5"] += 100
    assert hydrographs(observed, simulated).axes[0].get_title(loc="left") == "g5"


def test_of_long_records_the_last_years_are_drawn_and_all_are_in_the_panels_beside():
    days = pd.date_range("1991", "2010-12-31")
    simulated = discharge(["a"], days)
    figure = hydrographs(simulated, simulated)
    series, duration, _ = figure.axes
    first = lines(series)["simulated"].get_xdata()[0]
    assert pd.Timestamp(first) == pd.Timestamp("2005-12-31")
    assert "series: the last 5 of 20 years" in texts(figure)
    assert duration.lines[0].get_ydata().size == len(days)


def test_axes_of_logarithms_and_rivers_that_fall_dry():
    simulated = discharge(["a"])
    simulated.iloc[:50] = 0.0
    figure = hydrographs(simulated, simulated, log=True)
    series, duration, months = figure.axes
    assert series.get_yscale() == duration.get_yscale() == "log"
    assert months.get_yscale() == "linear" and 0.5 < series.get_ylim()[0] < 1
    assert hydrographs(simulated, simulated).axes[0].get_ylim()[0] == 0


def test_hydrographs_without_observations():
    figure = hydrographs(pd.DataFrame(index=DAYS), discharge(["a"]))
    assert list(lines(figure.axes[0])) == ["simulated"]
    assert len(figure.axes[1].lines) == 1
