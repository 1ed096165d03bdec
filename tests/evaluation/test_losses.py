"""Losses: values by hand, gaps, and gradients where the formulas have corners."""

import numpy as np
import pytest
import torch

from gridhydro.evaluation.losses import (
    LOSSES,
    RELATIVE,
    kge_loss,
    loss,
    nse_loss,
    rmse_lowflow_loss,
    undefined,
)
from gridhydro.evaluation.metrics import kge, nse

NAN = float("nan")


def series(seed=0, days=60, gauges=3):
    generator = torch.Generator().manual_seed(seed)
    observed = torch.rand(days, gauges, generator=generator, dtype=torch.float64) ** 3 * 8
    simulated = observed + 0.5 * torch.rand(days, gauges, generator=generator, dtype=torch.float64)
    observed[5:15, 0] = NAN
    return simulated, observed


@pytest.mark.parametrize(("name", "metric"), [("nse", nse), ("kge", kge)])
def test_loss_is_one_minus_the_metric_averaged_over_gauges(name, metric):
    simulated, observed = series()
    scores = [metric(simulated[:, g].numpy(), observed[:, g].numpy()) for g in range(3)]
    assert loss(name)(simulated, observed).item() == pytest.approx(1 - np.mean(scores), rel=1e-12)


def test_rmse_by_hand():
    simulated = torch.tensor([[1.0, 2.0], [4.0, 5.0]])
    observed = torch.tensor([[1.0, 0.0], [NAN, 4.0]])
    assert LOSSES["rmse"](simulated, observed).item() == pytest.approx(np.sqrt(5 / 3))


def test_rmse_lowflow_by_hand():
    simulated = torch.tensor([[1.0], [4.0], [9.0]], dtype=torch.float64)
    observed = torch.tensor([[1.0], [2.0], [NAN]], dtype=torch.float64)

    def low(q):
        return np.log10(np.sqrt(q + 1e-6) + 0.1)

    expected = 0.75 * np.sqrt(4 / 2) + 0.25 * np.sqrt((low(4) - low(2)) ** 2 / 2)
    assert rmse_lowflow_loss(simulated, observed).item() == pytest.approx(expected, rel=1e-12)


def test_given_variance_weights_the_gauges_of_a_loss():
    simulated = torch.tensor([[2.0, 0.0], [2.0, 5.0]])
    observed = torch.tensor([[1.0, NAN], [1.0, 3.0]])  # constant, and a single day
    assert nse_loss(simulated, observed, variance=[2.0, 8.0]).item() == pytest.approx(0.5)


@pytest.mark.parametrize("name", LOSSES)
def test_loss_of_a_perfect_fit_is_zero_with_finite_gradient(name):
    _, observed = series()
    simulated = torch.where(torch.isnan(observed), 1.0, observed).requires_grad_()
    value = LOSSES[name](simulated, observed)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-7)
    assert torch.isfinite(simulated.grad).all()


@pytest.mark.parametrize("level", [0.0, 1.7, -1e-7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_of_constant_flow_has_a_finite_gradient(name, dtype, level):
    _, observed = series()
    simulated = torch.full_like(observed, level, dtype=dtype).requires_grad_()
    LOSSES[name](simulated, observed).backward()
    assert torch.isfinite(simulated.grad).all()
    assert simulated.grad.abs().max() < 100


@pytest.mark.parametrize("name", LOSSES)
def test_loss_gradient_equals_finite_differences(name):
    simulated, observed = series(days=12)
    assert torch.autograd.gradcheck(
        lambda s: LOSSES[name](s, observed), simulated.requires_grad_(), atol=1e-7
    )


@pytest.mark.parametrize("name", LOSSES)
def test_missing_days_do_not_count_in_a_loss(name):
    simulated, observed = series()
    whole = LOSSES[name](simulated[15:], observed[15:])
    observed[:15] = NAN
    simulated[:15] = NAN  # not even a simulation is needed there
    simulated.requires_grad_()
    masked = LOSSES[name](simulated, observed)
    masked.backward()
    assert masked.item() == pytest.approx(whole.item(), rel=1e-12)
    assert (simulated.grad[:15] == 0).all()
    assert (simulated.grad[15:] != 0).any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_nan_simulated_on_an_observed_day_is_not_hidden(name):
    simulated, observed = series()
    simulated[20, 1] = NAN
    assert torch.isnan(LOSSES[name](simulated, observed))


@pytest.mark.parametrize("function", [nse_loss, kge_loss])
def test_gauges_without_variance_are_left_out(function):
    simulated, observed = series()
    alone = function(simulated[:, 2:], observed[:, 2:])
    observed[:, 0] = 0.1  # 0.1 has no exact mean in binary: rounding must not pass for variance
    observed[1:, 1] = NAN
    simulated.requires_grad_()
    value = function(simulated, observed)
    value.backward()
    assert value.item() == pytest.approx(alone.item(), rel=1e-12)
    assert torch.isfinite(simulated.grad).all()


@pytest.mark.parametrize("name", RELATIVE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_differs_by_rounding_alone_is_constant(name, dtype):
    """As a constant does that was computed, or brought from one unit to another and back."""
    simulated, observed = (values.to(dtype) for values in series())
    alone = LOSSES[name](simulated[:, 2:], observed[:, 2:])
    for constant in (1.7, 0.1, 1e-12, 3e7):
        observed[:, 0] = constant
        observed[::7, 0] *= 1 + 2 * torch.finfo(torch.float32).eps
        observed[:, 1] = 1e-25  # whose square is nothing in single precision
        observed[3, 1] = 2e-25 if dtype == torch.float32 else 1e-25
        assert LOSSES[name](simulated, observed).item() == pytest.approx(alone.item(), rel=1e-6)
        assert undefined(name, observed)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kge_leaves_out_gauges_whose_mean_is_zero(dtype):
    simulated, observed = (values.to(dtype) for values in series())
    observed[:, 0] -= observed[:, 0].nanmean()  # to rounding
    observed[:, 1] = (observed[:, 1] - observed[:, 1].mean()).mul(1000).round() / 1000
    simulated.requires_grad_()
    value = kge_loss(simulated, observed)
    value.backward()
    assert value.item() == pytest.approx(kge_loss(simulated[:, 2:], observed[:, 2:]).item())
    assert torch.isfinite(simulated.grad).all()
    assert undefined("kge", observed).tolist() == [True, True, False]
    assert not undefined("nse", observed).any()
    with pytest.raises(ValueError, match="mean is not zero"):
        kge_loss(simulated[:, :2], observed[:, :2])


def test_kge_of_a_dry_river_with_one_flood_is_defined():
    observed = torch.zeros(20000, 1)
    observed[777] = 3.0
    assert not undefined("kge", observed).any()
    assert torch.isfinite(kge_loss(observed + 0.01, observed))


@pytest.mark.parametrize("name", LOSSES)
def test_loss_without_observations_is_refused(name):
    simulated, observed = series()
    with pytest.raises(ValueError, match="nothing to train on"):
        LOSSES[name](simulated, torch.full_like(observed, NAN))


def test_shapes_and_names_of_losses_are_checked():
    simulated, observed = series()
    with pytest.raises(ValueError, match=r"\(60, 3\) and observed \(59, 3\)"):
        nse_loss(simulated, observed[1:])
    with pytest.raises(ValueError, match="kge, nse, rmse, rmse_lowflow"):
        loss("mse")
    assert loss(kge_loss) is kge_loss
