"""Training on minibatches of lumped basins: every kind of network, splits of gauges, new basins."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import gridhydro as gh
from gridhydro.columns import column
from gridhydro.inputs.basins import of_dataset
from gridhydro.inputs.forcing import Forcing
from gridhydro.nets import WEIGHT
from gridhydro.observations.discharge import variance
from gridhydro.training import draws
from gridhydro.training.batches import Batches, minibatches
from gridhydro.training.data import read_data
from gridhydro.training.plan import Plan
from tests.support.bucket import Bucket
from tests.support.lumped import BATCHES, KINDS, basins, fit, model, weights
from tests.support.small_basins import NAMES, PERIOD, small_basins

# of those that take seconds to compile, one of every kind is trained by .ci/run
MARKS = {kind: [pytest.mark.thorough] for kind in KINDS if kind not in ("mlp", "lstm", "rival")}
MARKS |= {kind: [pytest.mark.slow] for kind in ("implicit", "weighted")}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=MARKS.get(kind, [])) for kind in KINDS],
)
def test_every_network_learns_and_comes_back_from_disk(kind, tmp_path):
    run = fit(kind, epochs=12, optimizer=gh.Optimizer(learning_rate=0.02), loss="nse")
    losses = run.history["loss"]
    assert losses.iloc[-3:].mean() < 0.8 * losses.iloc[0]
    run.save_model(tmp_path)
    again = gh.load(tmp_path, basins().forcing)
    assert again.discharge().equals(run.discharge())
    assert set(again.parameters) == set(run.parameters)


@pytest.mark.parametrize("kind", ["mlp", pytest.param("lstm", marks=pytest.mark.slow)])
def test_interrupted_and_resumed_equals_unbroken(kind, tmp_path):
    first = tmp_path / "first"

    class Stop(Exception):
        pass

    def stopping(simulated, observed):
        if stopping.left == 0:
            raise Stop
        stopping.left -= 1
        return ((simulated - observed).nan_to_num() ** 2).mean()

    def same(simulated, observed):
        return ((simulated - observed).nan_to_num() ** 2).mean()

    stopping.__name__ = same.__name__ = "mse"
    stopping.left = 2 * 14
    with pytest.raises(Stop):
        fit(kind, loss=stopping, epochs=4, checkpoints=gh.Checkpoints(first, every=0))
    resumed = fit(kind, loss=same, epochs=4, checkpoints=gh.Checkpoints(first, resume=True))
    assert torch.equal(weights(resumed), weights(fit(kind, loss=same, epochs=4)))


def test_minibatches_draw_every_gauge_alike_and_only_its_days():
    parts = basins()
    forcing = Forcing.read(parts.forcing, parts.domain, column("hbv"))
    days = forcing.between("2001", "2002")
    drawn = []

    def observed(starts, length, cells):
        assert (starts >= days.start).all() and (starts + length <= days.stop).all()
        drawn.extend(cells.tolist())
        return torch.zeros(length, len(cells))

    columns = torch.tensor([0, 2, 3, 5, 7, 8])
    batches = list(minibatches(BATCHES, forcing, observed, days, columns, seed=1))
    assert len(batches) == round(6 * 730 / (5 * 120))
    counts = np.bincount(drawn, minlength=12)
    assert set(np.flatnonzero(counts)) == set(columns.tolist())
    assert counts[columns].max() - counts[columns].min() <= 1
    for batch in batches:
        for place, (cell, first) in enumerate(zip(batch.cells, batch.first, strict=True)):
            whole = torch.cat([batch.before, batch.forcing], dim=1)[:, :, place]
            assert torch.equal(whole, forcing.values[:, first : first + 220, cell])


def test_minibatches_draw_every_window_of_the_period_the_last_one_too():
    """Of a period two days longer than a window there are three, and no other."""
    parts = basins()
    forcing = Forcing.read(parts.forcing, parts.domain, column("hbv"))
    starts = []

    def observed(first, length, cells):
        starts.extend(first.tolist())
        return [torch.zeros(length, len(cells))]

    sizes, days = Batches(gauges=12, days=60, warmup=30), slice(100, 162)
    for seed in range(10):
        assert len(list(minibatches(sizes, forcing, observed, days, torch.arange(12), seed))) == 1
    assert set(starts) == {100, 101, 102}


def test_steps_of_hydrodl_see_nearly_every_day_of_a_basin():
    """671 basins and 15 years of Feng et al. (2022) take 462 steps there, and 101 to go once."""
    days = slice(0, len(pd.date_range("1980-10-01", "1995-09-30")))
    sizes, basins = Batches(gauges=100, days=365, warmup=0), torch.arange(671)
    once, often = sizes, replace(sizes, steps="hydrodl")
    counts = [len(draws.of_basins(one, days, basins, 0)[1]) for one in (once, often)]
    assert counts == [101, 462]
    # one window that is as long as the days is all there is to see
    assert len(draws.of_basins(replace(often, gauges=671, days=9999), days, basins, 0)[1]) == 1
    seen = torch.zeros(60, 1000, dtype=torch.bool)
    sizes = Batches(gauges=6, days=100, warmup=0, steps="hydrodl")
    for cells, starts in draws.of_basins(sizes, slice(0, 1000), torch.arange(60), 0)[1]:
        for cell, start in zip(cells.tolist(), starts.tolist(), strict=True):
            seen[cell, start : start + 100] = True
    assert 0.99 < seen[:, 100:-100].float().mean() < 0.998
    with pytest.raises(ValueError, match="steps is one of 'once', 'hydrodl', not 'often'"):
        Batches(steps="often")


def test_minibatches_ignore_gauges_held_out():
    changed = small_basins().copy(deep=True)
    changed["discharge"].loc[{"gauge": NAMES[3]}] *= 5
    changed["slope"].loc[{"gauge": NAMES[3]}] *= 5
    parts = of_dataset(changed, column("hbv"), pet="given")
    other = gh.Model(
        parts.domain,
        "hbv",
        parts.attributes,
        network=gh.ParameterNetwork(hidden=(16,)),
        components=3,
        routing=gh.UnitHydrograph(),
    )
    split = gh.splits.hold_out(NAMES, [NAMES[3]], PERIOD)
    options = dict(period=split, epochs=2, batches=BATCHES, session=gh.Session(progress=False))
    run = gh.train(other, parts.forcing, parts.discharge, **options)
    assert torch.equal(weights(run), weights(fit(period=split)))


@pytest.mark.parametrize("kind", ["lstm", "departures"])
def test_daily_parameters_and_the_dropout_of_their_change(kind):
    lstm = model(kind, dynamic=["beta", "gamma"])
    forcing = Forcing.read(basins().forcing, lstm.domain, lstm.column).values[:, :60]
    lstm.eval()
    values = lstm.cell_parameters(forcing)
    assert values["beta"].shape == (60, 12, 3) and values["FC"].shape == (12, 3)
    assert (values["beta"].std(0) > 0).all()
    lstm.train()
    torch.manual_seed(0)
    held = (lstm.cell_parameters(forcing)["gamma"].std(0) < 1e-6).all(-1)
    assert 0 < held.sum() < 12
    # in training the days before go without gradient, and change nothing
    lstm.eval()
    split = lstm.cell_parameters(forcing[:, 20:], None, forcing[:, :20])
    torch.testing.assert_close(split["beta"], values["beta"], rtol=1e-5, atol=1e-5)


def test_component_weights_are_positive_and_sum_to_one():
    found = model("weighted").cell_parameters()[WEIGHT]
    assert (found > 0).all()
    torch.testing.assert_close(found.sum(-1), torch.ones(12))


def test_new_basins_are_predicted_by_name():
    run = fit("lstm")
    data = small_basins()
    new = data.isel(gauge=[4, 9])
    predicted = run.predict(new, outputs=["actual_evapotranspiration"])
    own = run.discharge()[[NAMES[4], NAMES[9]]]
    np.testing.assert_allclose(predicted["discharge"].values, own.values, rtol=1e-4)
    assert predicted["actual_evapotranspiration"].dims == ("time", "gauge")
    with pytest.raises(ValueError, match="no attribute slope"):
        run.predict(new.drop_vars("slope"))
    gap = new.copy(deep=True)
    gap["slope"][0] = np.nan
    with pytest.warns(UserWarning, match="'slope' is missing in 1 of 2 basins"):
        run.predict(gap)


def test_a_warm_up_longer_than_the_record_is_refused():
    with pytest.raises(ValueError, match="leaves nothing of the period"):
        fit(batches=Batches(gauges=5, days=30, warmup=5000))


def test_attributes_are_taken_by_name_not_by_place():
    parts = basins()
    values = {name: parts.attributes[name] for name in ("sand", "slope")}
    own = gh.Model(parts.domain, "hbv", values, network=gh.ParameterNetwork(hidden=(16,)))
    run = gh.train(
        own,
        parts.forcing,
        parts.discharge,
        period=PERIOD,
        epochs=1,
        batches=BATCHES,
        session=gh.Session(progress=False),
    )
    data = small_basins()
    turned = data[["slope", "sand", *[n for n in data if n not in ("slope", "sand")]]]
    predicted = run.predict(turned)["discharge"].values
    np.testing.assert_allclose(predicted, run.discharge().values, rtol=1e-5)


def test_the_evapotranspiration_of_the_training_is_that_of_a_prediction():
    data = small_basins()
    parts = of_dataset(data, pet="oudin")
    run = gh.train(
        model(),
        parts.forcing,
        parts.discharge,
        period=PERIOD,
        epochs=1,
        batches=BATCHES,
        session=gh.Session(progress=False),
    )
    own = run.discharge().values
    np.testing.assert_allclose(run.predict(data)["discharge"].values, own, rtol=1e-4)
    given = run.predict(data, pet="given")["discharge"].values
    assert np.abs(given - own).max() > 0.05


def test_a_column_of_ones_own_goes_along_to_new_basins():
    parts = basins()
    own = gh.Model(
        parts.domain, Bucket(), parts.attributes, network=gh.ParameterNetwork(hidden=(16,))
    )
    options = dict(period=PERIOD, epochs=1, batches=BATCHES, session=gh.Session(progress=False))
    run = gh.train(own, parts.forcing, parts.discharge, **options)
    predicted = run.predict(small_basins())["discharge"].values
    np.testing.assert_allclose(predicted, run.discharge().values, rtol=1e-5)


def test_a_second_training_stays_on_the_first_scale():
    run = fit("lstm", period=gh.splits.hold_out(NAMES, NAMES[6:], PERIOD))
    before = run.discharge()
    parts = basins()
    again = gh.train(
        run.model,
        parts.forcing,
        parts.discharge,
        period=PERIOD,
        epochs=1,
        batches=BATCHES,
        optimizer=gh.Optimizer(learning_rate=0.0),
        session=gh.Session(progress=False),
    )
    assert again.discharge().equals(before)


def test_dropout_acts_in_training_only(tmp_path):
    one, parts = model("weighted"), basins()
    values, again = (one.train().cell_parameters()["FC"] for _ in range(2))
    assert not torch.equal(values, again)
    gh.Run.of(one, Forcing.read(parts.forcing, parts.domain, one)).save_model(tmp_path)
    run = gh.load(tmp_path)
    assert run.parameters.equals(run.parameters)


@pytest.mark.parametrize("level", [0.1, 1.7, 3.0])
def test_a_gauge_that_does_not_vary_is_left_out_of_minibatches_and_named(level):
    parts = basins()
    discharge = parts.discharge.copy()
    discharge[:, 4] = level  # in single precision its variance is not quite zero
    plan = Plan(PERIOD, batches=BATCHES, session=gh.Session(progress=False))
    data = read_data(model(), parts.forcing, discharge, plan, plan.options())
    spread = variance(data.discharge, data.days)
    assert spread[4] == 0 and (spread[:4] > 0).all() and (spread[5:] > 0).all()
    with pytest.warns(UserWarning, match=r"1 of 12 gauges are left out of the loss 'nse' \(b04\)"):
        run = gh.train(
            model(), parts.forcing, discharge, period=PERIOD, epochs=1, batches=BATCHES,
            session=gh.Session(progress=False),
        )  # fmt: skip
    assert run.history["loss"].max() < 100


def test_what_cannot_be_learned_from_is_refused_or_passed_over():
    parts = basins()
    with pytest.raises(ValueError, match="'route_a' is no parameter of the column"):
        gh.Model(
            parts.domain,
            "hbv",
            parts.attributes,
            network=gh.ParameterNetwork("lstm", dynamic=["route_a"]),
            routing=gh.UnitHydrograph(),
        )
    early = parts.discharge.where(parts.discharge["time"] < np.datetime64("2000-03-01"))
    with pytest.raises(ValueError, match="have no observation from"):
        gh.train(
            model(),
            parts.forcing,
            early,
            period=("2000", "2002"),
            epochs=1,
            batches=BATCHES,
            session=gh.Session(progress=False),
        )
    still = parts.discharge * 0 + 1.0  # nothing varies: no window says anything
    with pytest.raises(ValueError, match="nothing to train on: no gauge has two different"):
        gh.train(
            model(),
            parts.forcing,
            still,
            period=PERIOD,
            epochs=1,
            batches=BATCHES,
            loss="kge",
            session=gh.Session(progress=False),
        )


def test_signatures_of_the_discharge_are_no_attributes_unless_named():
    data = small_basins().assign(baseflow_index=("gauge", np.linspace(0, 1, 12)))
    assert "baseflow_index" not in of_dataset(data, pet="given").attributes
    named = of_dataset(data, attributes=("baseflow_index", "sand"), pet="given")
    assert list(named.attributes) == ["baseflow_index", "sand"]


def test_scales_of_one_day_and_of_no_rain_are_numbers():
    lstm, rival = model("lstm"), model("rival")
    forcing = Forcing.read(basins().forcing, lstm.domain, lstm.column).values
    lstm.fit_inputs(forcing[:, :1, :1])
    assert torch.isfinite(lstm.network.trunk.std).all() and (lstm.network.trunk.std > 0.1).all()
    dry = forcing.clone()
    dry[0] = 0.0
    rival.fit_inputs(dry)
    assert (rival(forcing).discharge > 0).all()


def test_gaps_of_attributes_are_filled_from_what_is_trained_on():
    data = small_basins().copy(deep=True)
    data["slope"][5] = np.nan
    data["slope"][3] = 1e4
    trained = [name for name in NAMES if name != NAMES[3]]
    with pytest.warns(UserWarning, match="'slope' is missing in 1 of 12 basins"):
        filled = of_dataset(data, pet="given", trained=trained).attributes["slope"]
    assert filled[5] == pytest.approx(data["slope"].drop_sel(gauge=NAMES[3]).mean().item())
    with pytest.raises(ValueError, match="trained: there is no basin b99"):
        of_dataset(data, pet="given", trained=["b99"])


def test_a_training_on_minibatches_notes_how_long_its_steps_waited():
    run = fit(epochs=1)
    assert list(run.history.columns) == ["epoch", "loss", "waiting", "seconds"]
    assert 0 <= run.history["waiting"][0] < 1
