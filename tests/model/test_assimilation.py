"""Stores are fitted to discharge so that what follows is forecast better, and it is said how."""

import numpy as np
import pandas as pd
import pytest

from gridhydro.inputs.forcing import Forcing
from gridhydro.model.run import Run
from tests.model.test_blocks import run_of

WINDOW, AHEAD = ("2003-11-01", "2003-11-30"), ("2003-12-01", "2003-12-31")


def twins(case: str, window=WINDOW) -> tuple[Run, Run]:
    """A run, and one that has had a quarter less rain before the window: its stores are wrong."""
    run = run_of(case)
    record = run.record()
    values = record.values.clone()
    row = [field.name for field in run.model.forcings].index("precipitation")
    values[row, : record.times.get_loc(window[0])] *= 0.75
    return run, Run.of(run.model, Forcing(record.times, values, fields=record.fields))


def rest(run, period) -> Forcing:
    record = run.record()
    days = record.between(*period)
    return Forcing(record.times[days], record.values[:, days], fields=record.fields)


def flow(run, period) -> pd.DataFrame:
    return run.simulate(outputs=(), period=period)["discharge"].to_pandas()


def test_a_forecast_is_nearer_to_the_truth_with_it():
    """The twin experiment: observations are the truth's, with an error and a gap."""
    truth, wrong = twins("raster")
    noise = np.random.default_rng(0)
    observed = flow(truth, WINDOW)
    observed *= np.exp(0.05 * noise.standard_normal(observed.shape))
    observed.iloc[3:7, 0] = np.nan
    found = wrong.assimilate(observed, WINDOW)
    ahead = wrong.simulate(rest(wrong, AHEAD), (), state=found.state)["discharge"].to_pandas()
    expected, without = flow(truth, AHEAD), flow(wrong, AHEAD)
    for gauge in expected:
        errors = [float(((f - expected)[gauge] ** 2).mean() ** 0.5) for f in (ahead, without)]
        assert errors[0] < 0.5 * errors[1], (gauge, errors)
    assert found.cost[-1] < 0.4 * found.cost[0]
    assert (found.rmse["after"] < 0.5 * found.rmse["before"]).all()
    assert list(found.factors.columns) == ["mouth", "branch"]
    assert (found.factors.loc["soil_moisture"] > 1).all()  # it was too dry
    assert "cost" in repr(found) and found.state.origin.date == WINDOW[1]


def test_cells_that_no_gauge_sees_stay_as_they_were_and_so_does_a_perfect_run():
    truth, wrong = twins("raster")
    domain = truth.model.domain
    observed = flow(truth, WINDOW)[["branch"]]
    found = wrong.assimilate(observed, WINDOW, steps=3)
    _, states = wrong.simulate(outputs=(), period=WINDOW, save_state=WINDOW[1])
    unseen = ~np.isin(np.arange(domain.size), domain.upstream(["branch"]))
    stores, before = found.state.column, states[WINDOW[1]].column
    for name in stores:
        np.testing.assert_allclose(stores[name][unseen], before[name][unseen], rtol=1e-5)
    again = truth.assimilate(observed, WINDOW, steps=3)
    assert np.allclose(again.factors, 1, atol=1e-3) and again.cost[0] < 1e-3


@pytest.mark.end_to_end
@pytest.mark.parametrize("case", ["mlp", "lstm"])
def test_of_lumped_basins_with_components_and_daily_parameters(case):
    run = run_of(case)
    times = run.record().times
    window = tuple(f"{times[k]:%Y-%m-%d}" for k in (200, 240))
    ahead = tuple(f"{times[k]:%Y-%m-%d}" for k in (241, 270))
    truth, wrong = twins(case, window)
    found = wrong.assimilate(flow(truth, window), window)
    one = wrong.simulate(rest(wrong, ahead), (), state=found.state)["discharge"].to_pandas()
    expected, without = flow(truth, ahead), flow(wrong, ahead)
    errors = [((f - expected) ** 2).mean().mean() ** 0.5 for f in (one, without)]
    assert errors[0] < 0.6 * errors[1], errors


def test_what_cannot_be_assimilated_is_refused():
    truth, wrong = twins("raster")
    observed = flow(truth, WINDOW)
    with pytest.raises(ValueError, match="no discharge of any gauge is observed from 2003-11-01"):
        wrong.assimilate(observed * np.nan, WINDOW)
    with pytest.raises(ValueError, match="begins on the first day of the forcing"):
        wrong.assimilate(observed, ("2003-01-01", "2003-01-31"))
    with pytest.raises(ValueError, match="store_error is above 0, not -1"):
        wrong.assimilate(observed, WINDOW, store_error=-1)
    with pytest.raises(ValueError, match="steps"):
        wrong.assimilate(observed, WINDOW, steps=0)
    with pytest.raises(ValueError, match="there are no stores to fit"):
        run_of("rival").assimilate(observed, WINDOW)
