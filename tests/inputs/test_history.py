"""The network that reads the history of a cell: its data, what it learns, saving and loading."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.columns import column
from gridhydro.config.build_model import build_model
from gridhydro.config.load import load
from gridhydro.config.score_domain import load_run
from gridhydro.config.train_domain import train_domain
from gridhydro.inputs.basins import of_dataset
from gridhydro.io import read_camels_us, write_basins
from gridhydro.nets import history as nets
from gridhydro.training.batches import Batches
from tests.support.lumped import weights
from tests.support.options import grouped
from tests.support.small_basins import DAYS, FILE, NAMES, PERIOD, small_basins
from tests.support.small_world import small_world

BATCHES = Batches(gauges=6, days=120, warmup=100)


def parts():
    return of_dataset(small_basins(), pet="given")


def observed():
    return small_basins()[["discharge"]]


def past(period=PERIOD, every=10):
    return gh.History.of(parts().domain, [parts().forcing, observed()], period, every)


def model(history=None, **options):
    options = dict(hidden=(8,), components=2, unit_hydrograph="mean", seed=1) | options
    history = past() if history is None else history
    given = parts()
    options = grouped(network="gz", history=history, **options)
    return gh.Model(given.domain, "hbv", given.attributes, **options)


def fit(own=None, **options):
    options = (
        dict(period=PERIOD, epochs=2, batches=BATCHES, session=gh.Session(progress=False)) | options
    )
    return gh.train(own or model(), parts().forcing, parts().discharge, **options)


def test_history_holds_means_of_days_and_the_fraction_observed():
    data = small_basins().copy(deep=True)
    data["discharge"][-4:-1, 2] = np.nan
    data["discharge"][-20:-10, 3] = np.nan
    data = data.isel(time=slice(None, None, -1))  # days find their place by date
    found = gh.History.of(parts().domain, data, ("2001", "2002-12-31"), every=10)
    assert found.names[3:] == ("discharge",) and found.gaps == ("discharge",)
    assert found.values.shape == (5, 73, 12)  # of 730 days
    rain = small_basins()["precipitation"].sel(time=slice("2001", "2002")).values
    expected = rain.reshape(73, 10, 12).mean(1)
    np.testing.assert_allclose(found.values[0], expected, rtol=1e-5)
    flow = data["discharge"].sel(gauge=NAMES[2]).sortby("time").values[-10:]
    assert found.values[3, -1, 2] == pytest.approx(np.nanmean(flow), rel=1e-5)
    assert found.values[4, -1, 2] == pytest.approx(np.isfinite(flow).mean())
    assert found.values[3, -2, 3].isnan() and found.values[4, -2, 3] == 0


def test_history_leaves_out_days_at_the_beginning():
    whole = gh.History.of(parts().domain, parts().forcing, ("2001-01-04", "2002-12-31"), 10)
    assert torch.equal(whole.values, past().values[:3, 1:])


def test_history_converts_units_and_refuses_codes():
    data = parts().forcing.copy(deep=True)
    kelvin = data.assign(
        temperature=(data["temperature"] + 273.15).assign_attrs(units="K"),
    )
    found = gh.History.of(parts().domain, kelvin, PERIOD, 10)
    torch.testing.assert_close(found.values, past().values[:3], rtol=0, atol=1e-4)
    data["precipitation"][500, 3] = -9999
    with pytest.raises(ValueError, match=r"is -9999 mm d-1 on 2001-05-15 in basin 'b03'"):
        gh.History.of(parts().domain, data, PERIOD)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda d: d, {"period": None}, "a history is of a period"),
        (lambda d: d, {"period": ("1990", "1991")}, "has no day of the history, which goes from"),
        (lambda d: d, {"period": ("2001-01-01", "2001-01-03")}, "has no 5 days"),
        (lambda d: d[["sand"]], {}, "lacks any series"),
        (lambda d: d["discharge"], {}, "not of a DataArray"),
        (lambda d: [d, d], {}, "is given twice"),
        (lambda d: d.assign(wetness=d["discharge"].drop_attrs()), {}, "'wetness' .* has no units"),
        (lambda d: d.assign(discharge=d["discharge"] * np.nan), {}, "is missing everywhere"),
        (lambda d: d.isel(time=[*range(801), 800]), {}, "several values on 2002-03-11"),
    ],
)
def test_wrong_histories_are_refused(change, options, message):
    with pytest.raises(ValueError, match=message):
        gh.History.of(parts().domain, change(small_basins()), **{"period": PERIOD} | options)


def test_gradients_reach_all_weights_of_the_history_network():
    own = model(hidden=(8, 6))
    sum(v.sum() for v in own.cell_parameters().values()).backward()
    for name, weight in own.network.named_parameters():
        assert weight.grad.abs().max() > 0, name


def test_missing_history_counts_as_its_mean():
    own = model()
    gap = own.history.clone()
    where = slice(10, 60)
    gap[3, where, 4] = torch.nan
    trunk, mean = own.network.trunk, own.history.clone()
    # the mean is of what the network sees, log10(sqrt(x) + 0.1)
    mean[3, where, 4] = (10 ** trunk.mean[3].item() - 0.1) ** 2
    with_gap, with_mean = (own.network(own.attributes, h) for h in (gap, mean))
    as_it_was = own.cell_parameters()
    for name, value in with_gap.items():
        torch.testing.assert_close(value, with_mean[name])
        others = [place for place in range(12) if place != 4]
        assert torch.equal(value[others], as_it_was[name][others])
    assert not torch.equal(with_gap["FC"][4], as_it_was["FC"][4])


def test_parameters_from_history_do_not_depend_on_the_days_run():
    own, forcing = model(), gh.Forcing.read(parts().forcing, parts().domain, model())
    cells = torch.tensor([7, 2])
    early, late = (
        own.cell_parameters(forcing.values[:, days][:, :, cells], cells)
        for days in (slice(0, 50), slice(300, 500))
    )
    for name, value in own.cell_parameters().items():
        assert torch.equal(early[name], late[name])
        torch.testing.assert_close(value[cells], early[name])


def test_history_network_on_cells_in_pieces_equals_all_at_once(monkeypatch):
    own = model()
    whole = {name: value.detach() for name, value in own.cell_parameters().items()}
    monkeypatch.setattr(nets, "_CELL_STEPS", 73 * 5)
    with torch.no_grad():
        pieces = own.cell_parameters()
    for name, value in whole.items():
        torch.testing.assert_close(pieces[name], value)


def test_history_is_scaled_by_the_gauges_trained_on():
    data = small_basins().copy(deep=True)
    data["discharge"].loc[{"gauge": NAMES[3]}] *= 5
    other = gh.History.of(parts().domain, [parts().forcing, data[["discharge"]]], PERIOD, 10)
    split = gh.splits.hold_out(NAMES, [NAMES[3]], PERIOD)
    runs = [fit(model(h), period=split, epochs=1) for h in (past(), other)]
    assert torch.equal(weights(runs[0]), weights(runs[1]))
    changed = runs[0].model.cell_parameters()["FC"] != runs[1].model.cell_parameters()["FC"]
    assert set(changed.any(-1).nonzero().flatten().tolist()) == {3}  # it is not ungauged, though


def test_history_network_is_saved_loaded_and_predicts_elsewhere(tmp_path):
    run = fit(epochs=3)
    assert run.history["loss"].iloc[-1] < run.history["loss"].iloc[0]
    run.save_model(tmp_path)
    again = gh.load(tmp_path, parts().forcing)
    assert again.discharge().equals(run.discharge())
    assert again.model.known.about == past().about
    new, own = small_basins().isel(gauge=[9, 4]), run.discharge()[[NAMES[9], NAMES[4]]]
    for history in (new[["discharge"]], past_of(new)):
        predicted = again.predict(new, history=history)["discharge"].values
        np.testing.assert_allclose(predicted, own.values, rtol=1e-4)
    some = again.predict(new, names=[NAMES[4]], history=observed())["discharge"].values
    np.testing.assert_allclose(some[:, 0], own[NAMES[4]], rtol=1e-4)
    other = observed() * 3.0
    other["discharge"].attrs["units"] = "mm d-1"
    assert np.abs(again.predict(new, history=other)["discharge"].values - own.values).max() > 1e-4
    with pytest.raises(ValueError, match="reads a history of discharge too: give history="):
        again.predict(new)
    with pytest.raises(ValueError, match="trained with means of 10 days of precipitation"):
        again.predict(new, history=past_of(new, every=7))


def past_of(data, every=10):
    """The history of other basins, complete on the days before a gap: made by itself."""
    chosen = of_dataset(data, pet="given")
    return gh.History.of(chosen.domain, data, PERIOD, every)


def test_forcing_of_the_history_may_be_apart_from_that_of_the_run():
    run, new = fit(epochs=1), small_basins().isel(gauge=[1])
    early = new.isel(time=slice(0, 366))  # the year before the history
    predicted = run.predict(early, history=new[[*parts().forcing, "discharge"]])
    expected = run.discharge()[NAMES[1]].iloc[:366]
    np.testing.assert_allclose(predicted["discharge"].values[:, 0], expected, rtol=1e-4)
    with pytest.raises(ValueError, match="history lacks precipitation"):
        run.predict(early, history=new[["discharge"]])


@pytest.mark.end_to_end
def test_resumed_training_with_history_equals_an_unbroken_one(tmp_path):
    class Stop(Exception):
        pass

    def loss(simulated, observed):
        if loss.left == 0:
            raise Stop
        loss.left -= 1
        return ((simulated - observed).nan_to_num() ** 2).mean()

    loss.left = 2 * 12
    options = dict(epochs=4, checkpoints=gh.Checkpoints(tmp_path, every=0), loss=loss)
    again = options | dict(checkpoints=gh.Checkpoints(tmp_path, resume=True, every=0))
    with pytest.raises(Stop):
        fit(**options)
    loss.left = 1000
    resumed = fit(**again)
    assert len(resumed.history) == 4
    assert torch.equal(weights(resumed), weights(fit(epochs=4, loss=loss)))
    with pytest.raises(ValueError, match="another training"):
        fit(model(past(every=5)), **again)
    known = past()
    changed = replace(known, values=known.values.clone().index_fill_(1, torch.tensor([40]), 1.0))
    others = r"another training \(network was .*'digest': '(\w+)'.* is .*'digest': '(?!\1)\w+'"
    with pytest.raises(ValueError, match=others):
        fit(model(changed), **again)


@pytest.mark.end_to_end
def test_history_network_finds_traits_that_no_attribute_tells():
    """Basins alike in all attributes, with soils that only their discharge gives away."""
    random, count = np.random.default_rng(0), 48
    data, trait = small_basins(), random.random(count)
    weather = data[list(parts().forcing)].isel(gauge=np.arange(count) % 12)
    weather = weather.assign_coords(gauge=[f"s{i}" for i in range(count)])
    domain = gh.Domain.of_basins(np.full(count, 100.0), list(weather["gauge"].values))
    forcing = gh.Forcing.read(weather, domain, column("hbv"))
    truth = {f.name: torch.full((count,), sum(f.bounds) / 2) for f in column("hbv").parameters}
    truth["FC"] = torch.tensor(100 + 700 * trait)
    runoff = gh.simulate("hbv", forcing.values, truth)[0]["runoff"].numpy()
    flow = xr.DataArray(
        runoff, {"time": DAYS, "gauge": weather["gauge"]}, ("time", "gauge"),
        attrs={"units": "mm d-1"},
    )  # fmt: skip
    history = gh.History.of(domain, [weather, flow.to_dataset(name="discharge")], PERIOD, 10)
    held_out = list(weather["gauge"].values[36:])
    split = gh.splits.hold_out(domain.gauges.index, held_out, PERIOD)
    options = dict(
        period=split,
        epochs=20,
        optimizer=gh.Optimizer(learning_rate=0.03),
        session=gh.Session(progress=False),
        batches=Batches(gauges=18, days=365, warmup=365),
    )
    errors = {}
    for network, past in (("gz", history), ("mlp", None)):
        alike = {"elevation": np.ones(count)}
        options_of = gh.ParameterNetwork(network, hidden=(16,), history=past)
        own = gh.Model(domain, "hbv", alike, network=options_of)
        run = gh.train(own, weather, flow, **options)
        errors[network] = (
            run.evaluate(flow, PERIOD).set_index("gauge").loc[held_out, "rmse"].median()
        )
        if network == "gz":
            found = run.parameters["FC"].values[36:]
            print(errors, np.corrcoef(found, trait[36:]))
            assert np.corrcoef(found, trait[36:])[0, 1] > 0.6
        else:
            assert np.ptp(run.parameters["FC"].values) < 1e-3
    assert errors["gz"] < 0.6 * errors["mlp"]


def test_history_network_on_basins_of_camels_us(data):
    """Four of CAMELS-US: learning from two years, scored in the third."""
    found = read_camels_us(data("camels_us_text"))
    used = of_dataset(found, attributes=("p_mean", "aridity", "frac_snow"), pet="oudin")
    flow = found[["discharge"]].copy(deep=True)
    flow["discharge"][500:700, 1] = np.nan
    history = gh.History.of(used.domain, [used.forcing, flow], ("2000", "2001"))
    assert history.gaps == ("discharge",)
    own = gh.Model(
        used.domain,
        "hbv",
        used.attributes,
        network=gh.ParameterNetwork("gz", hidden=(8,), history=history),
        routing=gh.UnitHydrograph(),
    )
    batches = Batches(gauges=4, days=180, warmup=180)
    options = dict(
        period=("2000", "2001"),
        optimizer=gh.Optimizer(learning_rate=0.02),
        session=gh.Session(progress=False),
        batches=batches,
    )
    losses, scores = [], []
    for epochs in (1, 15):
        run = gh.train(own, used.forcing, flow["discharge"], epochs=epochs, **options)
        losses.append(run.history["loss"].iloc[-1])
        scores.append(run.evaluate(found["discharge"], ("2002", "2002"))["nse"].median())
    assert losses[1] < losses[0] and scores[1] > scores[0]


def test_history_of_a_raster(tmp_path):
    domain, attributes, forcing, discharge = small_world()
    wetness = (forcing["precipitation"] > 1).astype("float32").where(forcing["temperature"] > 0)
    wetness = wetness.assign_attrs(units="1").to_dataset(name="soil_wetness")
    period = ("2001-01", "2001-12")
    history = gh.History.of(domain, [forcing, wetness], period, every=15)
    assert history.gaps == ("soil_wetness",) and history.size == domain.size
    own = gh.Model(
        domain, "hbv", attributes, network=gh.ParameterNetwork("gz", hidden=(8,), history=history)
    )
    options = dict(
        period=("2001-07", "2001-12"), spinup=100, epochs=2, session=gh.Session(progress=False)
    )
    run = gh.train(own, forcing, discharge, optimizer=gh.Optimizer(learning_rate=0.02), **options)
    assert run.history["loss"].iloc[-1] < run.history["loss"].iloc[0]
    run.save_model(tmp_path)
    again = gh.load(tmp_path, forcing)
    assert again.parameters.equals(run.parameters)
    assert run.parameters["FC"].dims == ("y", "x")


def test_history_of_another_network_or_domain_is_refused():
    given = parts()
    with pytest.raises(ValueError, match=r"give it history=gridhydro\.History\.of"):
        gh.Model(given.domain, "hbv", given.attributes, network="gz")
    with pytest.raises(ValueError, match="network='mlp' reads no history"):
        gh.Model(given.domain, "hbv", given.attributes, network=gh.ParameterNetwork(history=past()))
    with pytest.raises(ValueError, match="history is of 2 cells, the domain has 12"):
        model(past_of(small_basins().isel(gauge=[0, 1])))
    with pytest.raises(ValueError, match="beta cannot change by day with network='gz'"):
        model(dynamic=["beta"])


def test_history_in_a_domain_file(tmp_path):
    write_basins(small_basins(), tmp_path / "basins.nc")
    file = tmp_path / "sample.toml"
    file.write_text(
        FILE.replace("{ hidden = [8] }", '{ kind = "gz", hidden = [8] }\nhistory_days = 15')
    )
    known = build_model(load(file, tmp_path), seed=0).known
    assert known.names[-1] == "discharge" and known.values.shape == (5, 24, 12)
    assert known.period == ("2001-01-01", "2001-12-31")  # that of the training
    direct = gh.History.of(parts().domain, small_basins(), ("2001", "2001"), 15)
    torch.testing.assert_close(known.values, direct.values, equal_nan=True)
    scores = train_domain(file, tmp_path, tmp_path / "run", progress=False)
    assert np.isfinite(scores["nse"]).all()
    run, _ = load_run(tmp_path / "run")
    saved = xr.open_dataset(tmp_path / "run" / "parameters.nc")
    np.testing.assert_allclose(run.parameters["FC"], saved["FC"], rtol=1e-5)
    file.write_text(FILE.replace("components = 2", "components = 2\nhistory_days = 15"))
    with pytest.raises(ValueError, match="'history_days' is not used by network = \"mlp\""):
        load(file, tmp_path)
