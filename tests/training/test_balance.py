"""Balances of the parts of a loss: their gradients by hand, resumed to the last bit, refused."""

import math

import numpy as np
import pytest
import torch

import gridhydro as gh
from gridhydro.training.balance import Balancing
from tests.support.shared_training import trained

WEIGHTS = {"discharge": 0.7, "storage": 0.3}


def parts(x):
    """Two losses of two weights, whose gradients are unlike in size and go against each other."""
    return {
        "discharge": 5 * (x[0] - 1).square() + x[1].square(),
        "storage": 0.2 * (x[0] + 2).square() + 0.5 * (x[1] - 1).square(),
    }


def slopes(x):
    return {
        "discharge": np.array([10 * (x[0] - 1), 2 * x[1]]),
        "storage": np.array([0.4 * (x[0] + 2), x[1] - 1]),
    }


def follow(by, steps, every=1, batches=1, start=(0.5, 0.8)):
    """The gradient of each step, and where it was taken, by hand-made descent."""
    x = torch.tensor(start, dtype=torch.double, requires_grad=True)
    balance = Balancing(gh.Balance(by, every), WEIGHTS)
    optimizer = torch.optim.SGD([x, *balance.learned], lr=0.05)
    for step in range(steps):
        optimizer.zero_grad()
        at = x.detach().numpy().copy()
        for _ in range(batches):
            balance.add(parts(x), WEIGHTS, [x])
        balance.gather([x], batches, shared=False)
        found = x.grad.numpy().copy()
        losses = {name: part.item() for name, part in parts(x.detach()).items()}
        balance.step(optimizer, [losses] * batches, step)
        yield at, found, losses, balance


def weighted(at, factors):
    return sum(WEIGHTS[name] * factors[name] * one for name, one in slopes(at).items())


def balanced(sizes):
    """Factors whose parts count by their weights over these sizes, and all as before."""
    scale = 1 / sum(w / sizes[name] for name, w in WEIGHTS.items())
    return {name: scale / size for name, size in sizes.items()}


@pytest.mark.parametrize("batches", [1, 3])
def test_by_weights_the_gradient_is_the_weighted_sum(batches):
    for at, found, _, balance in follow("weights", 3, batches=batches):
        np.testing.assert_allclose(found, weighted(at, dict.fromkeys(WEIGHTS, 1.0)), rtol=1e-12)
        assert not balance.shown and not balance.state


def test_by_start_each_part_is_divided_by_its_value_in_the_first_epoch():
    first = None
    for at, found, losses, balance in follow("start", 3):
        factors = dict.fromkeys(WEIGHTS, 1.0) if first is None else balanced(first)
        np.testing.assert_allclose(found, weighted(at, factors), rtol=1e-12)
        first = first or losses
        assert sum(balance.shown.values()) == pytest.approx(1)


def test_by_gradients_their_norms_are_as_the_weights():
    known = None
    for at, found, _, balance in follow("gradients", 4):
        now = {name: np.linalg.norm(one) for name, one in slopes(at).items()}
        known = known or now
        known = {name: 0.9 * known[name] + 0.1 * now[name] for name in now}
        factors = balanced(known)
        np.testing.assert_allclose(found, weighted(at, factors), rtol=1e-10)
        assert balance.factors == pytest.approx(factors)


def test_norms_are_measured_every_so_many_steps():
    factors = [dict(b.factors) for *_, b in follow("gradients", 5, every=2)]
    assert factors[0] == factors[1] != factors[2] == factors[3] != factors[4]


def test_guarded_the_others_lose_what_goes_against_discharge():
    lost = []
    for at, found, _, _ in (*follow("guarded", 9), *follow("guarded", 2, start=(-3.0, 3.0))):
        first, other = (WEIGHTS[name] * one for name, one in slopes(at).items())
        against = min(other @ first, 0.0)
        expected = first + other - against / (first @ first) * first
        np.testing.assert_allclose(found, expected, rtol=1e-10)
        assert found @ first >= first @ first * (1 - 1e-12)
        lost.append(against < 0)
    assert set(lost) == {True, False}


def test_by_uncertainty_variances_are_learned_to_be_the_losses():
    """Of w (L / v + ln v) the slope for ln v is w (1 - L / v), which vanishes where v is L."""
    logs = np.zeros(2)
    weights = np.array(list(WEIGHTS.values()))
    for at, found, losses, balance in follow("uncertainty", 60):
        factors = balanced(dict(zip(WEIGHTS, np.exp(logs), strict=True)))
        np.testing.assert_allclose(found, weighted(at, factors), rtol=1e-9)
        logs = logs - 0.05 * weights * (1 - np.exp(-logs) * np.array(list(losses.values())))
        np.testing.assert_allclose(balance.logs.detach(), logs, rtol=1e-9)
    left = np.log(list(losses.values())) - logs
    assert (np.abs(left) < np.abs(np.log(list(losses.values())))).all()


def test_a_part_alone_is_followed_as_it_is():
    balance = Balancing(gh.Balance("guarded"), {"storage": 1.0})
    x = torch.ones(2, requires_grad=True)
    balance.add({"storage": x.square().sum()}, {"storage": 1.0}, [x])
    assert x.grad.tolist() == [2.0, 2.0] and not balance.shown


BATCHES = gh.Batches(2, 120, 60)


def fit(by, epochs, folder=None, resume=False, batches=None):
    checkpoints = None if folder is None else gh.Checkpoints(folder, resume, every=0)
    optimizer = gh.Optimizer(balance=by, decay=False)
    case = dict(storage=True, batches=batches, epochs=epochs, optimizer=optimizer)
    case |= dict(spinup=gh.SpinUp(90)) if batches is None else {}
    return trained(case, checkpoints=checkpoints)


@pytest.mark.parametrize(
    ("by", "batches"),
    [(gh.Balance("gradients", 2), None), ("guarded", None), ("uncertainty", BATCHES),
     ("gradients", BATCHES), ("start", None)],
)  # fmt: skip
def test_a_balance_goes_on_to_the_last_bit(tmp_path, by, batches):
    whole = fit(by, 4, batches=batches)
    fit(by, 1, tmp_path, batches=batches)
    run = fit(by, 4, tmp_path, resume=True, batches=batches)
    kept = [c for c in whole.history if c not in ("seconds", "waiting")]
    assert run.history[kept].equals(whole.history[kept])
    for one, other in zip(run.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, other)
    plain = fit("weights", 4, batches=batches)
    assert not plain.history["discharge"].equals(run.history["discharge"])
    assert run.about["balance"]["by"] in ("guarded", "uncertainty", "gradients", "start")
    assert "balance" not in plain.about
    if run.about["balance"]["by"] != "guarded":
        both = run.history["discharge_weight"] + run.history["storage_weight"]
        np.testing.assert_allclose(both, 1.0, rtol=1e-6)


@pytest.mark.parametrize("by", ["start", "uncertainty", "gradients"])
def test_a_state_is_all_that_the_next_steps_depend_on(by):
    """Between the minibatches of the first epoch too."""
    x, losses = torch.tensor([0.5, 0.8], requires_grad=True), {"discharge": 2.0, "storage": 0.3}
    one, other = (Balancing(gh.Balance(by, 2), WEIGHTS) for _ in range(2))
    steps = [torch.optim.SGD([x, *each.learned], lr=0.05) for each in (one, other)]

    def step(balance, optimizer, found):
        balance.add(parts(x), WEIGHTS, [x])
        balance.gather([x], 1, shared=False)
        balance.step(optimizer, [found], 0)

    step(one, steps[0], losses)
    other.restore(one.state)
    x.data.copy_(torch.tensor([0.2, -0.4]))
    for balance, optimizer in zip((one, other), steps, strict=True):
        start = x.detach().clone()
        step(balance, optimizer, {name: 2 * value for name, value in losses.items()})
        x.data.copy_(start)
    assert one.factors == other.factors != dict.fromkeys(WEIGHTS, 1.0)
    for name, value in one.state.items():
        assert torch.equal(value.nan_to_num(), other.state[name].nan_to_num()), name


def test_a_training_of_another_balance_is_not_gone_on_with(tmp_path):
    fit("start", 1, tmp_path)
    with pytest.raises(ValueError, match=r"another training \(balance was .*start.*gradients"):
        fit("gradients", 1, tmp_path, resume=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gh.Balance("luck"), "balance: by is one of 'weights', 'start', 'uncertainty'"),
        (lambda: gh.Balance(every=0), "balance: every is 0"),
        (lambda: gh.Optimizer(balance="luck"), "balance: by is one of"),
        (lambda: fit("guarded", 1, batches=BATCHES), "minibatches of a raster are of discharge or"),
        (
            lambda: Balancing(gh.Balance("guarded"), {"storage": 0.5, "runoff": 1.0}),
            "guards discharge, which is not trained on",
        ),
    ],
)
def test_balances_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_losses_below_zero_have_no_start_and_no_variance():
    balance = Balancing(gh.Balance("start"), WEIGHTS)
    with pytest.raises(ValueError, match="that of storage is -1: take"):
        balance.step(torch.optim.SGD([torch.ones(1)]), [{"discharge": 1.0, "storage": -1.0}], 0)


def test_a_part_that_is_learned_is_not_blown_up():
    balance = Balancing(gh.Balance("start"), WEIGHTS)
    balance._follow({"discharge": 1.0, "storage": 0.0})
    assert balance.factors["storage"] == pytest.approx(1000 * balance.factors["discharge"])
    balance._follow({"discharge": 0.0, "storage": 0.0})
    assert all(map(math.isfinite, balance.factors.values()))


def test_discharge_alone_has_no_balance():
    run = trained(dict(epochs=1, spinup=gh.SpinUp(90), optimizer=gh.Optimizer(balance="start")))
    assert "discharge_weight" not in run.history
