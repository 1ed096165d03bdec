"""Options of a training: their defaults, what each of them does, and what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import gridhydro as gh
from gridhydro.training import memory
from tests.support.lumped import basins, fit, weights
from tests.support.small_basins import NAMES, PERIOD
from tests.support.small_world import PERIOD as RASTER
from tests.support.small_world import small_model, small_world


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gh.SpinUp(-1), "spinup: days is -1, should be a whole number, 0 or more"),
        (lambda: gh.SpinUp("long"), "spinup: days is 'long'"),
        (lambda: gh.SpinUp(cycles=0.5), "spinup: cycles is 0.5"),
        (lambda: gh.SpinUp(start="full"), "spinup: start is one of 'settled', 'empty', 'eq"),
        (lambda: gh.SpinUp(1, start="equilibrium"), "give some, not days=1"),
        (lambda: gh.SpinUp(cycles=2, start="equilibrium"), "leave cycles or start"),
        (lambda: gh.SpinUp(cycles=2, start="settled"), "leave cycles or start"),
        (lambda: gh.Optimizer("sgd"), "optimizer is one of 'adam', 'adadelta', not 'sgd'"),
        (lambda: gh.Optimizer(learning_rate=-0.1), "learning_rate is -0.1, should be a number"),
        (lambda: gh.Optimizer(learning_rate="fast"), "learning_rate is 'fast'"),
        (lambda: gh.Optimizer(decay="slow"), "decay is one of True, False, 'cosine', 'linear'"),
        (lambda: gh.Optimizer(clip=math.nan), "clip is nan, should be a number"),
        (lambda: gh.Optimizer(clip=0), "clip is 0: no gradient would be left"),
        (lambda: gh.Checkpoints(None), "the folder of checkpoints is a path, not None"),
        (lambda: gh.Checkpoints("run", resume="yes"), "resume is one of True, False"),
        (lambda: gh.Checkpoints("run", every=-1), "checkpoints: every is -1"),
        (lambda: gh.Session(seed=1.5), "seed is 1.5, should be a whole number"),
        (lambda: gh.Session(device="tpu"), "device is 'cpu' or 'cuda', not 'tpu'"),
        (lambda: gh.Session(device=3.5), "device is 'cpu' or 'cuda', not 3.5"),
        (lambda: gh.Session(cache=3), "the cache is the path of a folder, not 3"),
        (lambda: gh.Session(validation=("2003", "2002")), "before it begins"),
        (lambda: gh.Session(validation="2001"), "a period is two dates"),
        (lambda: gh.Session(callbacks=[3]), "a callback is a function of epoch, model and numbers"),
        (lambda: gh.Session(progress="no"), "progress is one of True, False"),
        (lambda: gh.StorageTarget([1.0]), "of gridhydro.StorageObservations, not of list"),
    ],
)
def test_options_that_cannot_be_are_refused_as_they_are_made(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_numbers_of_numpy_become_those_of_python():
    spinup, optimizer = gh.SpinUp(np.int64(30)), gh.Optimizer(learning_rate=np.float32(0.5))
    assert type(spinup.days) is int and type(optimizer.learning_rate) is float
    assert gh.Checkpoints("run") == gh.Checkpoints(Path("run"), every=20)


def test_the_learning_rate_is_that_of_its_optimizer_and_falls_along_a_cosine():
    assert gh.Optimizer().first_rate == 0.005 and gh.Optimizer("adadelta").first_rate == 1.0
    falling, steady = gh.Optimizer(learning_rate=0.1), gh.Optimizer(learning_rate=0.1, decay=False)
    rates = [falling.rate(epoch, 10) for epoch in range(11)]
    np.testing.assert_allclose(rates, 0.05 * (1 + np.cos(np.pi * np.arange(11) / 10)), atol=1e-12)
    assert {steady.rate(epoch, 10) for epoch in range(11)} == {0.1}


@pytest.mark.parametrize("optimizer", ["adam", "adadelta"])
def test_every_optimizer_learns_at_its_own_rate(optimizer):
    run = fit(optimizer=optimizer, epochs=6)
    assert run.history["loss"].iloc[-1] < 0.7 * run.history["loss"].iloc[0]
    assert run.about["optimizer"] == optimizer
    assert run.about["learning_rate"] == gh.Optimizer(optimizer).first_rate


def watched(look, **options):
    """A short training of a raster, with what `look` finds of the model after each epoch."""
    _, _, forcing, discharge = small_world()
    found = []
    session = gh.Session(callbacks=[lambda e, model, _: found.append(look(model))], progress=False)
    gh.train(
        small_model(), forcing, discharge, period=RASTER, spinup=100, session=session, **options
    )
    return found


def gradient(model):
    return torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item()


def learned(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()]).clone()


def test_clip_is_the_largest_norm_of_the_gradient():
    (free,) = watched(gradient, epochs=1, optimizer=gh.Optimizer(clip=math.inf))
    (clipped,) = watched(gradient, epochs=1, optimizer=gh.Optimizer(clip=free / 10))
    assert clipped == pytest.approx(free / 10, rel=1e-4)
    (long,) = watched(gradient, epochs=1, optimizer=gh.Optimizer(clip=free * 10))
    assert long == pytest.approx(free, rel=1e-6)


def test_steps_grow_shorter_with_the_learning_rate_and_stay_long_without_decay():
    falling, steady = (
        watched(learned, epochs=4, optimizer=gh.Optimizer(decay=decay)) for decay in (True, False)
    )
    assert torch.equal(falling[0], steady[0])  # the first epoch has the whole rate
    last, first = (one[3] - one[2] for one in (falling, steady))
    fraction = (0.5 + 0.5 * math.cos(math.pi * 3 / 4)) / 1
    assert last.norm() < 2 * fraction * first.norm()


def test_short_forms_are_the_options_they_stand_for(tmp_path):
    _, _, forcing, discharge = small_world()
    options = dict(period=RASTER, epochs=1, session=gh.Session(progress=False))
    short = gh.train(
        small_model(), forcing, discharge, spinup=50, optimizer="adadelta",
        checkpoints=str(tmp_path / "a"), **options,
    )  # fmt: skip
    long = gh.train(
        small_model(), forcing, discharge, spinup=gh.SpinUp(50),
        optimizer=gh.Optimizer("adadelta", 1.0), checkpoints=gh.Checkpoints(tmp_path / "b"),
        **options,
    )  # fmt: skip
    assert short.about == long.about and torch.equal(learned(short.model), learned(long.model))
    assert (tmp_path / "a" / "checkpoint").is_dir()


def test_a_split_says_which_gauges_are_trained_on_and_is_kept():
    split = gh.splits.hold_out(NAMES, NAMES[:4], PERIOD)
    run = fit(period=split, epochs=1)
    assert run.about["gauges"] == NAMES[4:] and run.about["split"] == split.to_json()
    assert run.about["period"] == ["2001-01-01", "2002-12-31"]
    assert fit(epochs=1).about["split"] is None


@pytest.mark.parametrize(
    ("spinup", "message"),
    [
        (gh.SpinUp(cycles=1), "leave the spin-up's cycles out"),
        (gh.SpinUp(start="equilibrium"), "train without batches"),
    ],
)
def test_minibatches_have_no_other_spin_up(spinup, message):
    with pytest.raises(ValueError, match=message):
        fit(spinup=spinup)


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        (gh.Batches(cells=5), r"Batches\(cells\) is for rasters"),
        (gh.Batches(warmup="states"), r'Batches\(warmup="states"\) is for rasters'),
    ],
)
def test_minibatches_of_lumped_basins_have_no_options_of_rasters(batches, message):
    with pytest.raises(ValueError, match=message):
        fit(batches=batches)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (dict(batches=None, spinup=50), r"batches=gridhydro.Batches\(gauges=..., days=...\)"),
        (dict(), r"smaller minibatches, gridhydro.Batches"),
    ],
)
def test_a_step_beyond_the_memory_is_refused_before_it_runs(options, remedy):
    small, none = (gh.Session(progress=False, memory=m) for m in (1e-6, math.inf))
    with pytest.raises(
        ValueError, match=r"needs about .* GiB .* 1e-06 GiB that memory=.*" + remedy
    ):
        fit(session=small, **options)
    fit(session=none, epochs=0, **options)


def test_the_memory_of_a_raster_is_compared_with_what_is_free(monkeypatch):
    """The refusal names the cells that would fit, and they do."""
    _, _, forcing, discharge = small_world()
    options = dict(period=RASTER, epochs=0, session=gh.Session(progress=False))
    model = small_model()
    need = memory.needed(model, 507, 365, 184)
    weather = 507 * 4 * 3 * (365 + 184)
    assert weather < need < 2 * weather
    monkeypatch.setattr(memory, "free", lambda device: need / 2)
    with pytest.raises(ValueError, match=r"507 cells .* free on cpu.*cells=253, days=\.\.\."):
        gh.train(model, forcing, discharge, **options)
    gh.train(model, forcing, discharge, **options | dict(batches=gh.Batches(3, 30, 30)))
    with pytest.raises(ValueError, match="smaller minibatches"):
        gh.train(model, forcing, discharge, **options | dict(batches=gh.Batches(11, 365, 180)))


def test_what_runs_over_all_cells_beside_a_step_is_counted_too(monkeypatch):
    """A spin-up and a validation hold more than a step may; minibatches settle nothing."""
    _, _, forcing, discharge = small_world()
    model = small_model()
    step = memory.needed(model, 507, 20, 30)
    assert memory.passed(model, 507, 100) == 507 * 100 * 4 * 4  # three series, and the runoff
    there = memory.passed(model, 507, 100)
    assert step < there
    monkeypatch.setattr(memory, "free", lambda device: there)
    first, last = "2001-06-01", "2001-06-30"
    options = dict(period=(first, last), spinup=gh.SpinUp(20, start="empty"), epochs=0)
    options |= dict(session=gh.Session(progress=False))
    gh.train(model, forcing, discharge, **options)
    end = forcing.indexes["time"].get_loc(last) + 1
    for spinup, days in ((gh.SpinUp(60), 90), (gh.SpinUp(20, cycles=1), end)):
        what = rf'the spin-up .* 507 cells and {days} days at once, needs.*SpinUp\(start="empty"\)'
        with pytest.raises(ValueError, match=what):
            gh.train(model, forcing, discharge, **options | dict(spinup=spinup))
    session = gh.Session(progress=False, validation=("2001-07-01", "2001-12-31"))
    what = r"the validation, .* 507 cells and 365 days .*no validation.*Session\(validation=None\)"
    with pytest.raises(ValueError, match=what):
        gh.train(model, forcing, discharge, **options | dict(session=session))
    batches = dict(batches=gh.Batches(3, 10, "states"), spinup=gh.SpinUp())
    gh.train(model, forcing, discharge, **options | batches)


def test_minibatches_near_equilibrium_are_refused_with_what_helps():
    _, _, forcing, discharge = small_world()
    with pytest.raises(ValueError, match=r"spinup = \{ start = .settled. \}"):
        gh.train(
            small_model(), forcing, discharge, period=RASTER, batches=gh.Batches(3, 10),
            spinup=gh.SpinUp(20, start="equilibrium"),
        )  # fmt: skip


def test_targets_of_another_kind_are_refused():
    parts = basins()
    with pytest.raises(ValueError, match=r"a list of gridhydro.Target\(name, observed\)"):
        fit(targets=parts.discharge)


def test_the_seed_decides_what_minibatches_are():
    first, same, other = (
        weights(fit(session=gh.Session(seed=seed, progress=False))) for seed in (4, 4, 5)
    )
    assert torch.equal(first, same) and not torch.equal(first, other)
