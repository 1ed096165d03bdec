"""Stores before the scored days: where further runs bring them, and what is said of others."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.analysis.budget import water_budget
from gridhydro.model.drift import Drift
from gridhydro.model.equilibrium import PASSES
from gridhydro.training import drift

YEARS = 5
TIMES = pd.date_range("2000-01-01", periods=round(365.25 * YEARS))
NAMES = ["slow", "quick", "ice"]
# a lower zone of more than two years behind a deep soil, and an ordinary basin
VALUES = dict(K2=[0.0012, 0.05, 0.05], FC=[800.0, 250.0, 250.0], PERC=2.0, beta=3.0, C=0.0, K0=0.3)
PERIOD = ("2001-01-01", "2004-12-30")


@cache
def forcing():
    random, day = np.random.default_rng(0), np.arange(len(TIMES))
    season = np.sin(2 * np.pi * day / 365.25)[:, None]
    shape = len(TIMES), len(NAMES)
    rain = (random.random(shape) < 0.4 + 0.2 * season) * random.gamma(0.7, 9, shape)
    values = {
        "precipitation": (rain, "mm d-1"),
        "temperature": (10 + 8 * season - np.array([0, 0, 60.0]), "degC"),
        "potential_evapotranspiration": (2 - 1.4 * season + 0 * rain, "mm d-1"),
    }
    data = {
        n: (("time", "gauge"), v.astype(np.float32), {"units": unit})
        for n, (v, unit) in values.items()
    }
    return xr.Dataset(data, {"time": TIMES, "gauge": NAMES})


def model(**options):
    domain = gh.Domain.of_basins([100.0] * 3, NAMES, latitude=[45.0] * 3)
    return gh.Model(domain, "hbv", **dict(network="none", defaults=VALUES) | options)


def values(one):
    return gh.Forcing.read(forcing(), one.domain, one).values


def water(state):
    return sum(store[:, 0] for store in state.column.values())


def train(spinup, discharge=None, **options):
    one = model()
    observed = discharge if discharge is not None else pd.DataFrame(1.0, TIMES, NAMES) * truth()
    return gh.train(
        one, forcing(), observed, period=PERIOD, spinup=spinup, epochs=0,
        session=gh.Session(progress=False), **options,
    )  # fmt: skip


@cache
def truth():
    one = model()
    with torch.no_grad():
        found = one(values(one), one.settled(values(one))).discharge
    return pd.DataFrame(found.numpy(), TIMES, NAMES)


def test_settled_stores_are_where_further_runs_would_bring_them():
    one, runs = model(), []
    record, original = values(one), one.run
    one.run = lambda *a, **k: runs.append(1) or original(*a, **k)
    found = water(one.settled(record))
    assert len(runs) <= PASSES
    one.run = original
    first, last = (water(one.spin_up(record, cycles=cycles)) for cycles in (1, 40))
    assert abs(first[0] / last[0] - 1) > 0.05  # a run over the record does not fill it
    torch.testing.assert_close(found[:2], last[:2], rtol=0.01, atol=0)
    # snow that never melts is not taken further than the runs go
    assert found[2] <= PASSES * 1.001 * first[2]
    more = water(one.spin_up(record, 1, one.settled(record)))
    torch.testing.assert_close(more[:2], found[:2], rtol=0.01, atol=0)


def test_settled_stores_of_chosen_basins_and_of_a_model_that_trains():
    one = model(network="free", components=2)
    record = values(one)
    cells = torch.tensor([1, 0])
    some = water(one.settled(record[:, :, cells], cells))
    one.train()
    torch.testing.assert_close(some, water(one.settled(record))[cells], rtol=1e-3, atol=0)
    assert one.training
    lstm = gh.LSTMModel(one.domain, {"a": np.arange(3.0)}, gh.ParameterNetwork("lstm", hidden=4))
    assert lstm.settled(record) is None


def test_the_drift_is_reported_with_every_run_and_warned_of_where_it_matters():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        settled = train(gh.SpinUp())
    # of one basin that is ice the discharge is nothing, and does not vary
    texts = [str(one.message) for one in said if one.category is UserWarning]
    assert not [text for text in texts if "not settled" in text], texts
    assert settled.about["start"] == "settled"
    with pytest.warns(UserWarning, match=r"not settled .*SpinUp\(start='settled'\)"):
        empty = train(gh.SpinUp(start="empty"))
    near = train(gh.SpinUp(start="equilibrium"))  # HBV has no stores that are put there
    assert near.about["storage_drift"] == settled.about["storage_drift"]
    torch.testing.assert_close(near.simulation().discharge, settled.simulation().discharge)
    for run in (settled, empty):
        found = run.about["storage_drift"]
        assert "water stored over the training period" in repr(run)
        assert f"{found['start']:.0f} to {found['end']:.0f} mm" in run.drift
    a, b = (run.about["storage_drift"] for run in (settled, empty))
    assert abs(b["settled"] - b["start"]) > 10 * abs(a["settled"] - a["start"])
    with pytest.warns(UserWarning, match=r"not settled .*Batches\(warmup=...\)"):
        batched = train(gh.SpinUp(), batches=gh.Batches(3, 365, 100))
    assert batched.about["start"] == "empty"


def test_a_run_starts_with_settled_stores_as_its_training_did():
    run = train(gh.SpinUp())
    record = values(run.model)
    start = water(run.model.settled(record))
    found = run.simulate(outputs=["total_storage"])
    day = found["total_storage"].transpose("time", "gauge")[0]
    np.testing.assert_allclose(day, start, atol=60)  # a day of rain
    np.testing.assert_allclose(run.discharge(), truth(), rtol=1e-5, atol=1e-7)
    budget = water_budget(run, PERIOD, progress=False)
    before = found["total_storage"].transpose("time", "gauge").sel(time="2000-12-31")
    np.testing.assert_allclose(budget["storage_start"][0], before, rtol=1e-4)


def test_doors_a_period_that_begins_the_record_says_that_stores_fill():
    observed = truth()
    run = train(gh.SpinUp(), observed)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        table = run.evaluate(observed, ("2000", "2000"))
    assert table["nse"].iloc[:2].min() > 0.99
    bare = gh.Run.of(model(), forcing())
    with pytest.warns(UserWarning, match="from 2000-01-01 is scored from day 1 of a run"):
        bare.evaluate(observed, ("2000", "2000"))
    bare.about["start"] = "empty"
    with pytest.warns(UserWarning, match=r"or train with SpinUp\(start='settled'\)") as said:
        bare.evaluate(observed, ("2000", "2000"))
    told = said[0].message.on_the_command_line
    assert 'or train with spinup = { start = "settled" } in its file' in told and "(" not in told
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        bare.evaluate(observed, ("2001", "2002"))


def test_a_period_that_begins_the_record_can_be_trained_on_without_days_before():
    run = gh.train(
        model(network="free"), forcing(), truth(), period=("2000", "2002"), spinup=0, epochs=1,
        session=gh.Session(progress=False),
    )  # fmt: skip
    assert run.history["loss"].iloc[0] < 0.05 and run.about["start"] == "settled"


@pytest.mark.parametrize(("start", "walks"), [("settled", 3), ("empty", 5)])
def test_doors_stores_are_run_on_only_where_they_gain_much(monkeypatch, start, walks):
    """To the period, over it and to it again; once more where cells may gain for ever."""
    truth()  # kept for all tests: it is of the values as they are
    taken, through = [], drift._through
    monkeypatch.setattr(drift, "_through", lambda *a, **k: taken.append(1) or through(*a, **k))
    monkeypatch.setitem(VALUES, "TT", -60.0)  # no ice
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train(gh.SpinUp(start=start))
    assert len(taken) == walks


@pytest.mark.parametrize(
    ("settled", "runoff", "hidden", "told"),
    [(102.0, 100.0, 0.02, False), (102.1, 100.0, 0.021, True), (97.9, 100.0, 0.021, True),
     (100.1, 0.5, 0.2, True), (200.0, 0.0, np.nan, False), (200.0, np.nan, np.nan, False)],
)  # fmt: skip
def test_doors_when_a_drift_matters(settled, runoff, hidden, told):
    found = Drift(100.0, 110.0, settled, runoff)
    np.testing.assert_allclose(found.hidden, hidden, rtol=1e-9)
    assert (" of the flow apart" in found.line) == (runoff > 0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found.warn("wait")
    assert len(caught) == told
