"""An emulator by itself: what it gives, hands on, refuses, and what it can be trained on."""

import copy
import warnings

import numpy as np
import pytest
import torch

import gridhydro as gh
from gridhydro import surrogate
from tests.support.black_box import MIDDLE, OUTPUTS, PARAMETERS, sample, small_surrogate, weather


@pytest.mark.end_to_end
def test_emulator_scores_on_runs_it_was_not_trained_on():
    others = sample(30, 30, seed=9)
    scores = small_surrogate().fidelity(others).set_index("output")
    assert list(scores.index) == ["runoff", "soil_wetness"]
    assert (scores["runs"] == 30).all()
    assert (scores["nse"] > 0.7).all()
    assert (scores["nse_90"] < scores["nse"]).all()
    learned = small_surrogate().history
    assert learned["loss"].iloc[-1] < 0.3 * learned["loss"].iloc[0]
    assert learned["nse_runoff"].notna().sum() == 5
    untrained = copy.deepcopy(small_surrogate())
    torch.nn.init.zeros_(untrained.emulator.head.weight)
    assert (untrained.fidelity(others)["nse"] < 0.2).all()


def test_emulator_outputs_stay_above_zero():
    column = small_surrogate()
    dry = weather()
    dry[0] = 0
    outputs, _ = gh.simulate(column, dry, MIDDLE, outputs=("runoff", "soil_wetness"))
    assert all((v >= 0).all() for v in outputs.values())


def test_emulator_run_in_two_parts_is_the_run():
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


def test_emulator_components_are_independent_cells():
    column, days = small_surrogate(), weather()
    sets = {
        "capacity": torch.tensor([[60.0, 90], [150, 40]]),
        "recession": torch.tensor([0.1, 0.2]),
    }
    each, _ = gh.simulate(column, days, sets, components="separate")
    for m in range(2):
        one = {"capacity": sets["capacity"][:, m], "recession": sets["recession"]}
        torch.testing.assert_close(
            each["runoff"][..., m], gh.simulate(column, days, one)[0]["runoff"]
        )
    weights = torch.tensor([[0.25, 0.75], [1, 0]])
    mean, _ = gh.simulate(column, days, sets, components=weights)
    torch.testing.assert_close(mean["runoff"], (each["runoff"] * weights).sum(-1))


def test_emulator_period_means_are_means_of_days():
    column, days = small_surrogate(), weather()
    averages = gh.Averages.of_labels(np.arange(200) // 50, 4)
    means, _ = gh.simulate(
        column, days, MIDDLE, means=gh.PeriodMeans(("soil_wetness",), averages), outputs=("runoff",)
    )
    daily, _ = gh.simulate(column, days, MIDDLE, outputs=("soil_wetness",))
    expected = daily["soil_wetness"].unflatten(0, (4, 50)).mean(1)
    torch.testing.assert_close(means["soil_wetness"], expected)
    assert means["runoff"].shape == (200, 2)


def test_emulator_gradients_reach_the_parameters():
    column = copy.deepcopy(small_surrogate())
    column.emulator.double()
    days = weather(days=60).double()

    def mean(capacity, recession):
        found, _ = gh.simulate(column, days, {"capacity": capacity, "recession": recession})
        return found["runoff"].mean(0)

    sets = [value.double().requires_grad_() for value in MIDDLE.values()]
    # steps too small to cross a kink, wherever the training has put it on this machine
    assert torch.autograd.gradcheck(mean, sets, eps=1e-6, rtol=1e-4, atol=1e-8)
    assert all(p.grad is None and not p.requires_grad for p in column.emulator.parameters())


def test_emulator_refuses_daily_parameters_schemes_and_unknown_outputs():
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


def test_forcing_beyond_the_training_range_warns():
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


def test_a_cold_start_warns_once():
    column, days = copy.deepcopy(small_surrogate()), weather()
    column._warned_of_start = False  # another test may have had the warning
    assert column.warmup == 50
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, state = gh.simulate(column, days[:, :50], MIDDLE)
        gh.simulate(column, days[:, 50:60], MIDDLE, initial=state)
    with pytest.warns(UserWarning, match="run of 49 days .* its first 50 does not count") as said:
        gh.simulate(column, days[:, :49], MIDDLE)
        gh.simulate(column, days[:, :49], MIDDLE)
    assert len(said) == 1


def test_failed_runs_and_gaps_are_left_out_of_the_loss():
    runs = sample(12)
    data = runs.data.copy(deep=True)
    data["runoff"][100:160, 3] = np.nan
    for name in ("runoff", "soil_wetness"):
        data[name][:, 5] = np.nan
    spoilt = surrogate.Runs(data)
    assert spoilt.failed.sum() == 1
    training = surrogate.Training(epochs=1, held_out=0.25)
    windows = surrogate.Windows(days=200, warmup=50)
    with pytest.warns(UserWarning, match="1 of 12 runs failed and are left out"):
        found = surrogate.fit(spoilt, hidden=4, training=training, windows=windows, progress=False)
    assert np.isfinite(found.history["loss"]).all()
    assert np.isfinite(found.fidelity(spoilt.select(~spoilt.failed))["nse"]).all()


QUICK = dict(
    training=surrogate.Training(epochs=1), windows=surrogate.Windows(days=100), progress=False
)


def _held_out_fraction(value):
    return dict(training=surrogate.Training(epochs=1, held_out=value))


def _held_out(count):
    """The run that a split with the seed 0 leaves to score with."""
    return sample(count).split(1 / count, 0)[1].data["run"].item()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (None, dict(windows=surrogate.Windows(days=400)),
         "have 500 days, a window with its warm-up 580"),
        (None, dict(outputs=["q"]), "no output q, but runoff, soil_wetness"),
        (lambda d: d.assign(recession=d["recession"] * 0 + 0.1), {},
         "recession is 0.1 in all runs"),
        (lambda d: d.assign(soil_wetness=d["soil_wetness"] * np.nan), _held_out_fraction(0),
         "soil_wetness has no value in any of the 8 runs"),
        (lambda d: d.assign(runoff=d["runoff"].where(d["run"] == d["run"][_held_out(8)])),
         _held_out_fraction(0.125),
         "runoff has no value in any of the 7 runs that are learned from"),
        (lambda d: d.assign(failure=("run", ["no licence"] * 8)), {}, "all of the 8 runs failed"),
        (lambda d: d.isel(run=slice(0, 4)), {},
         "0.1 of 4 runs are 0: a split needs some on both sides; with held_out=0 all are learned"),
    ],
)  # fmt: skip
def test_runs_unfit_for_training_are_refused(change, options, message):
    data = sample(8).data.copy(deep=True)
    data["recession"].attrs.pop("sampled_range")
    runs = surrogate.Runs(change(data) if change else data)
    with pytest.raises(ValueError, match=message):
        surrogate.fit(runs, **QUICK | options)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (surrogate.Training, dict(epochs=0), "epochs is 0, should be a whole number, 1 or more"),
        (surrogate.Training, dict(batch=0.5), "batch is 0.5, should be a whole number"),
        (surrogate.Training, dict(learning_rate=0), "learning_rate is 0: nothing would be learned"),
        (surrogate.Training, dict(learning_rate=-1), "learning_rate is -1, should be a number"),
        (surrogate.Training, dict(held_out=2), "held_out is a number from 0 to 1, not 2"),
        (surrogate.Windows, dict(days=0), "days is 0, should be a whole number, 1 or more"),
        (surrogate.Windows, dict(warmup=-1), "warmup is -1, should be a whole number, 0 or more"),
    ],
)
def test_options_of_a_training_are_checked(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)


def test_runs_of_another_model_are_refused():
    other = surrogate.Runs(sample(4).data.rename(capacity="depth"))
    with pytest.raises(ValueError, match="lack the parameter capacity: they have depth, recession"):
        small_surrogate().fidelity(other)
    data = sample(4).data.copy(deep=True)
    data["recession"].attrs["units"] = "h-1"
    with pytest.raises(ValueError, match="in 'h-1', the surrogate takes 'd-1'"):
        small_surrogate().fidelity(surrogate.Runs(data))
    assert {f.name for f in small_surrogate().parameters} == {f.name for f in PARAMETERS}
    assert small_surrogate().fluxes == OUTPUTS
