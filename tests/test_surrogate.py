"""An emulator in the place of a column: what it gives, refuses, hands on; parameters through it."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from black_box import OUTPUTS, PARAMETERS, bucket, forcing, sample, small_surrogate

import gridhydro as gh
from gridhydro import surrogate
from gridhydro.metrics import nse

MIDDLE = {"capacity": torch.tensor([60.0, 150.0]), "recession": torch.tensor([0.05, 0.2])}


def weather(column=None, sites=2, days=200):
    data = forcing()
    names = [f.name for f in (column or small_surrogate()).forcings]
    rows = [torch.tensor(data[n].values[:days, :sites]) for n in names]
    return torch.stack(rows)


def domain(sites=4):
    return gh.Domain.lumped(np.full(sites, 50.0), [f"g{k}" for k in range(sites)])


def attributes(sites=4):
    return {"sand": np.linspace(0, 1, sites), "slope": np.linspace(1, 0, sites) ** 2}


def truth(sites=4):
    """Hidden parameters of the sites, and the runoff of the model itself."""
    values = {
        "capacity": np.linspace(50, 170, sites), "recession": np.geomspace(0.05, 0.3, sites)
    }  # fmt: skip
    runoff = bucket(forcing(), values)["runoff"]
    return values, xr.DataArray(
        runoff, dims=("time", "gauge"), coords=forcing().coords, attrs={"units": "mm d-1"}
    )


def test_it_stands_for_runs_it_has_not_seen():
    unseen = sample(30, 30, seed=9)
    scores = small_surrogate().fidelity(unseen).set_index("output")
    assert list(scores.index) == ["runoff", "soil_wetness"]
    assert (scores["runs"] == 30).all()
    assert (scores["nse"] > 0.7).all()
    assert (scores["nse_90"] < scores["nse"]).all()
    learned = small_surrogate().history
    assert learned["loss"].iloc[-1] < 0.3 * learned["loss"].iloc[0]
    assert learned["nse_runoff"].notna().sum() == 5
    untrained = copy.deepcopy(small_surrogate())
    torch.nn.init.zeros_(untrained.emulator.head.weight)
    assert (untrained.fidelity(unseen)["nse"] < 0.2).all()


def test_outputs_above_zero_stay_there():
    column = small_surrogate()
    dry = weather()
    dry[0] = 0
    outputs, _ = gh.simulate(column, dry, MIDDLE, outputs=("runoff", "soil_wetness"))
    assert all((v >= 0).all() for v in outputs.values())


def test_a_run_in_two_parts_is_the_run():
    column, days = small_surrogate(), weather()
    whole, end = gh.simulate(column, days, MIDDLE)
    first, state = gh.simulate(column, days[:, :120], MIDDLE)
    second, last = gh.simulate(column, days[:, 120:], MIDDLE, initial=state)
    torch.testing.assert_close(torch.cat([first["runoff"], second["runoff"]]), whole["runoff"])
    torch.testing.assert_close(last["hidden"], end["hidden"])
    assert end["cell"].shape == (2, 1, 16)
    cold, _ = gh.simulate(column, days[:, 120:], MIDDLE)
    assert not torch.allclose(cold["runoff"][0], second["runoff"][0])  # the state matters
    with torch.no_grad():  # a year at a time
        long = weather(days=500)
        parts, _ = gh.simulate(column, long, MIDDLE)
    torch.testing.assert_close(parts["runoff"], gh.simulate(column, long, MIDDLE)[0]["runoff"])


def test_components_are_cells_of_their_own():
    column, days = small_surrogate(), weather()
    sets = {
        "capacity": torch.tensor([[60.0, 90], [150, 40]]),
        "recession": torch.tensor([0.1, 0.2]),
    }
    each, _ = gh.simulate(column, days, sets, mean=False)
    for m in range(2):
        one = {"capacity": sets["capacity"][:, m], "recession": sets["recession"]}
        torch.testing.assert_close(
            each["runoff"][..., m], gh.simulate(column, days, one)[0]["runoff"]
        )
    weights = torch.tensor([[0.25, 0.75], [1, 0]])
    mean, _ = gh.simulate(column, days, sets, weights=weights)
    torch.testing.assert_close(mean["runoff"], (each["runoff"] * weights).sum(-1))


def test_means_over_periods_are_means_of_days():
    column, days = small_surrogate(), weather()
    averages = gh.Averages.of_labels(np.arange(200) // 50, 4)
    means, _ = gh.simulate(
        column, days, MIDDLE, averages=averages, averaged=("soil_wetness",), outputs=("runoff",)
    )
    daily, _ = gh.simulate(column, days, MIDDLE, outputs=("soil_wetness",))
    expected = daily["soil_wetness"].unflatten(0, (4, 50)).mean(1)
    torch.testing.assert_close(means["soil_wetness"], expected)
    assert means["runoff"].shape == (200, 2)


def test_gradients_reach_the_parameters():
    column = copy.deepcopy(small_surrogate())
    column.emulator.double()
    days = weather(days=60).double()

    def mean(capacity, recession):
        found, _ = gh.simulate(column, days, {"capacity": capacity, "recession": recession})
        return found["runoff"].mean(0)

    sets = [value.double().requires_grad_() for value in MIDDLE.values()]
    assert torch.autograd.gradcheck(mean, sets, eps=1e-4, rtol=1e-4, atol=1e-9)
    assert all(p.grad is None and not p.requires_grad for p in column.emulator.parameters())


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("capacity", [60.0, 201.0], r"capacity = 201 mm is outside \[20, 200\].*1 of 2"),
        ("recession", [0.1, 0.019], r"recession = 0.019 d-1 is outside \[0.02, 0.5\]"),
    ],
)
def test_parameters_outside_what_was_sampled_are_refused(name, values, message):
    given = MIDDLE | {name: torch.tensor(values)}
    with pytest.raises(ValueError, match=message):
        gh.simulate(small_surrogate(), weather(), given)
    with pytest.raises(ValueError, match="the range that the surrogate was sampled in"):
        gh.Model(domain(), small_surrogate(), attributes(), fixed={name: values[1]})
    with pytest.raises(ValueError, match="the range that the surrogate was sampled in"):
        gh.Model(domain(), small_surrogate(), network="free", defaults={name: values[1]})


def test_what_it_cannot_do_is_refused():
    column, days = small_surrogate(), weather()
    daily = {"capacity": torch.full((200, 2, 1), 60.0), "recession": torch.tensor([0.1, 0.2])}
    with pytest.raises(ValueError, match="capacity cannot change by day"):
        gh.simulate(column, days, daily)
    with pytest.raises(ValueError, match="has no scheme 'implicit'"):
        gh.simulate(column, days, MIDDLE, scheme="implicit")
    with pytest.raises(ValueError, match="has no output 'interflow'"):
        gh.simulate(column, days, MIDDLE, outputs=("interflow",))
    with pytest.raises(TypeError, match="no step of its own"):
        column.step(None, None, None)


def test_forcing_beyond_the_training_is_said():
    column, days = copy.deepcopy(small_surrogate()), weather()
    high = column.ranges["precipitation"][1]
    days[0, 10, 1] = 1.5 * high
    with pytest.warns(UserWarning, match=r"precipitation goes from 0 to .* by 50% of that range"):
        gh.simulate(column, days, MIDDLE)
    with pytest.warns(UserWarning, match="precipitation") as said:
        days[0, 10, 1] = 3 * high
        gh.simulate(column, days, MIDDLE)
        gh.simulate(column, days, MIDDLE)
    assert len(said) == 1


def fitted(column, **options):
    model = gh.Model(domain(), column, attributes(), hidden=(16,), seed=1)
    options = dict(period=("2000-03-01", "2001-05-14"), spinup=60, progress=False) | options
    return gh.train(model, forcing(), truth()[1], **options)


def test_parameters_are_learned_through_it():
    column = small_surrogate()
    before = {k: v.clone() for k, v in column.emulator.state_dict().items()}
    untrained = fitted(column, epochs=0)
    run = fitted(column, epochs=60, learning_rate=0.02)
    assert run.history["loss"].iloc[-1] < 0.5 * run.history["loss"].iloc[0]
    assert all(torch.equal(v, before[k]) for k, v in column.emulator.state_dict().items())

    def score(run):  # of the model itself with the parameters found through the surrogate
        values = {n: run.parameters[n].values for n in ("capacity", "recession")}
        found, wanted = bucket(forcing(), values)["runoff"], truth()[1].values
        return [nse(found[60:, k], wanted[60:, k]) for k in range(4)]

    assert np.median(score(run)) > 0.9
    assert np.median(score(run)) > np.median(score(untrained)) + 0.05


def test_it_is_kept_with_its_run(tmp_path):
    column = small_surrogate()
    run = fitted(column, epochs=2)
    run.save(tmp_path / "run")
    again = gh.load(tmp_path / "run", forcing())
    assert again.model.column.name == column.name
    pd.testing.assert_frame_equal(again.discharge(), run.discharge())
    column.save(tmp_path / "own")
    alone = surrogate.load(tmp_path / "own")
    days = weather()
    for name, value in gh.simulate(column, days, MIDDLE)[0].items():
        assert torch.equal(value, gh.simulate(alone, days, MIDDLE)[0][name])
    assert alone.parameters == column.parameters
    assert alone.about == column.about
    assert alone.warmup == 50
    pd.testing.assert_frame_equal(alone.history, column.history, check_dtype=False)
    with pytest.raises(FileNotFoundError, match="holds no surrogate"):
        surrogate.load(tmp_path)


def test_training_is_resumed_with_the_same_surrogate_only(tmp_path):
    column = small_surrogate()
    whole = fitted(column, epochs=4, decay=False)
    fitted(column, epochs=2, decay=False, out=tmp_path, checkpoint_every=0.0)
    other = copy.deepcopy(column)
    torch.nn.init.normal_(other.emulator.head.bias)
    with pytest.raises(ValueError, match=r"another training .*column was surrogate-"):
        fitted(other, epochs=2, decay=False, out=tmp_path, resume=True)
    with pytest.raises(ValueError, match="epochs was 2, is 4"):
        fitted(column, epochs=4, decay=False, out=tmp_path, resume=True)
    again = fitted(column, epochs=2, decay=False, out=tmp_path, resume=True)
    np.testing.assert_array_equal(again.history["loss"], whole.history["loss"][:2])


def test_it_predicts_for_basins_it_has_not_seen():
    run = fitted(small_surrogate(), epochs=2)
    places = {n: ("gauge", v) for n, v in attributes().items()}
    basins = forcing().assign(places).assign_coords(area=("gauge", [50.0] * 4))
    found = run.predict(basins, pet="given")["discharge"]
    np.testing.assert_allclose(found, run.discharge().values, rtol=1e-5)


def test_without_runoff_there_is_no_discharge():
    dry = surrogate.fit(
        sample(8), ["soil_wetness"], hidden=4, epochs=1, days=100, warmup=0, progress=False
    )
    assert [f.name for f in dry.fluxes] == ["soil_wetness"]
    model = gh.Model(domain(), dry, attributes(), hidden=(4,))
    run = model(weather(sites=4), None, ("soil_wetness",))
    assert run.discharge.isnan().all()
    assert run.outputs["soil_wetness"].shape == (200, 4)
    with pytest.raises(ValueError, match="gives no runoff, so there is no discharge"):
        fitted(dry)


def test_failed_runs_and_gaps_are_not_learned_from():
    runs = sample(12)
    data = runs.data.copy(deep=True)
    data["runoff"][100:160, 3] = np.nan
    for name in ("runoff", "soil_wetness"):
        data[name][:, 5] = np.nan
    spoilt = surrogate.Runs(data)
    assert spoilt.failed.sum() == 1
    options = dict(hidden=4, epochs=1, days=200, warmup=50, held_out=0.25, progress=False)
    with pytest.warns(UserWarning, match="1 of 12 runs failed and are left out"):
        found = surrogate.fit(spoilt, **options)
    assert np.isfinite(found.history["loss"]).all()
    assert np.isfinite(found.fidelity(spoilt.select(~spoilt.failed))["nse"]).all()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (None, dict(days=400), "have 500 days, a window with its warm-up 580"),
        (None, dict(outputs=["q"]), "no output q, but runoff, soil_wetness"),
        (lambda d: d.assign(recession=d["recession"] * 0 + 0.1), {},
         "recession is 0.1 in all runs"),
    ],
)  # fmt: skip
def test_runs_that_cannot_be_learned_from(change, options, message):
    data = sample(8).data.copy(deep=True)
    data["recession"].attrs.pop("sampled_range")
    runs = surrogate.Runs(change(data) if change else data)
    with pytest.raises(ValueError, match=message):
        surrogate.fit(runs, **dict(days=100, progress=False) | options)


def test_runs_of_another_model_are_not_scored():
    other = surrogate.Runs(sample(4).data.rename(capacity="depth"))
    with pytest.raises(ValueError, match="lack the parameter capacity: they have depth, recession"):
        small_surrogate().fidelity(other)
    data = sample(4).data.copy(deep=True)
    data["recession"].attrs["units"] = "h-1"
    with pytest.raises(ValueError, match="in 'h-1', the surrogate takes 'd-1'"):
        small_surrogate().fidelity(surrogate.Runs(data))
    assert {f.name for f in small_surrogate().parameters} == {f.name for f in PARAMETERS}
    assert small_surrogate().fluxes == OUTPUTS


def test_parameters_are_learned_from_a_target_without_discharge():
    values, _ = truth()
    wetness = bucket(forcing(), values)["soil_wetness"]
    wetness[np.random.default_rng(1).random(wetness.shape) < 0.6] = np.nan
    observed = xr.DataArray(
        wetness, dims=("time", "gauge"), coords=forcing().coords, attrs={"units": "1"}
    )
    target = gh.Target("soil_wetness", observed)
    model = gh.Model(domain(), small_surrogate(), attributes(), hidden=(16,), seed=1)
    run = gh.train(
        model, forcing(), targets=[target], period=("2000-03-01", "2001-05-14"), spinup=60,
        epochs=60, learning_rate=0.02, progress=False,
    )  # fmt: skip
    assert run.history["loss"].iloc[-1] < 0.6 * run.history["loss"].iloc[0]
    found = run.parameters["capacity"].values
    assert np.corrcoef(found, values["capacity"])[0, 1] > 0.9
    assert (run.evaluate_target(target, ("2000-03-01", "2001-05-14"))["nse"] > 0.5).all()
