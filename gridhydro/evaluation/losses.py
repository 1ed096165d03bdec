"""Training losses: simulated against observed series with gaps, of gauges or of cells.

All take `simulated` and `observed`, tensors of shape (time, gauge) in one unit, and give a scalar
that is 0 for a perfect fit. NaN in `observed` is a missing day and counts nowhere. Gradients stay
finite where the formulas have a corner: at a perfect fit, at zero or constant simulated flow.
These are what training follows; `training.calibration.losses` has those of each gauge and
parameter set by itself, without gradients, for a calibration. The formulas of both are those of
`evaluation.formulas`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from gridhydro.evaluation import formulas
from gridhydro.kernels.launch import recorded

LOW_FLOW_OFFSET = 1e-6
# the correlation divides by the simulated spread: below this fraction of the observed spread a
# simulation is as good as constant, and the gradient of the plain formula would explode
LEAST_SPREAD = 1e-3
# what one gauge at least has to have for a loss, of any other an observation
OBSERVED = "an observation"
NEEDS = {
    "nse": "an observation and a variance above zero",
    "kge": "two different observations whose mean is not zero, which KGE divides by,",
}


def least_spread(simulated, observed):
    """The simulated spread, or the least of the observed one that a correlation is divided by."""
    return torch.maximum(simulated, LEAST_SPREAD * observed)


def nse_loss(simulated, observed, variance=None) -> torch.Tensor:
    """1 - NSE averaged over gauges (Nash & Sutcliffe 1970).

    `variance` (gauge,), in squared units: the variance of each gauge's whole record; with it short
    windows of one record are weighted alike. Without it the variance is that of the days given.
    Gauges with a variance of 0, with none but rounding, or without observations are left out;
    ValueError if none is left.
    """
    simulated, observed, valid = _masked(simulated, observed)
    if variance is None:
        used = varying(observed, valid)
        variance = formulas.variance(observed, partial(_mean, valid=valid))
    else:
        variance = torch.as_tensor(variance, dtype=simulated.dtype, device=simulated.device)
        used = valid.any(0)
    used = used & (variance > 0)  # squares of very small numbers may be nothing
    _require(used, NEEDS["nse"])
    variance = torch.where(used, variance, 1.0)  # nothing is divided by zero
    mean = partial(_mean, valid=valid)
    return formulas.unexplained(simulated, observed, mean, variance)[used].mean()


def rmse_loss(simulated, observed) -> torch.Tensor:
    """Root mean square error over all gauges and days, in the unit of the series.

    ValueError if there is no observation at all.
    """
    simulated, observed, valid = _masked(simulated, observed)
    _require(valid, OBSERVED)
    return _rmse(simulated, observed, valid)


def rmse_lowflow_loss(simulated, observed, alpha: float = 0.25) -> torch.Tensor:
    """(1 - alpha) RMSE(Q) + alpha RMSE(log10(sqrt(Q + 1e-6) + 0.1)), over all gauges and days.

    Feng et al. (2022, doi:10.1029/2022WR032404), where Q is in mm d-1: give specific discharge, or
    large rivers outweigh small ones. ValueError if there is no observation at all.
    """
    simulated, observed, valid = _masked(simulated, observed)
    _require(valid, OBSERVED)
    low = _rmse(low_flow(simulated), low_flow(observed), valid)
    return (1 - alpha) * _rmse(simulated, observed, valid) + alpha * low


def kge_loss(simulated, observed) -> torch.Tensor:
    """1 - KGE averaged over gauges (Gupta et al. 2009).

    Gauges with fewer than two observations, no variance, or a mean of nearly zero, as anomalies
    have it, are left out: the formula divides by these. ValueError if none is left. A constant
    simulation counts as uncorrelated.
    """
    simulated, observed, valid = _masked(simulated, observed)
    mean = partial(_mean, valid=valid)
    used = varying(observed, valid) & formulas.has_mean(observed, mean)
    used = used & (formulas.variance(observed, mean) > 0)
    _require(used, NEEDS["kge"])
    simulated, observed, valid = simulated[:, used], observed[:, used], valid[:, used]

    moments = formulas.Moments.of(simulated, observed, partial(_mean, valid=valid), _root)
    return formulas.kge_distance(moments, _root, least_spread).mean()


# those that divide by the variance of the observations, and by their mean
RELATIVE, OVER_MEAN = ("nse", "kge"), ("kge",)
LOSSES: dict[str, Callable] = {
    "nse": nse_loss,
    "rmse": rmse_loss,
    "rmse_lowflow": rmse_lowflow_loss,
    "kge": kge_loss,
}


def loss(name: str | Callable) -> Callable:
    """The loss called `name`; a function passes through.

    ValueError, with all names, if there is none of this name.
    """
    if callable(name):
        return name
    if not isinstance(name, str) or name not in LOSSES:
        raise ValueError(f"there is no loss '{name}'; there is {', '.join(sorted(LOSSES))}")
    return LOSSES[name]


def name_of(loss: str | Callable) -> str:
    """Name of a loss, or of the function it is, as a run keeps it in its settings."""
    return loss if isinstance(loss, str) else getattr(loss, "__name__", "own")


def _masked(simulated, observed):
    """Both with zeros where there is no observation, and where there is one."""
    if simulated.ndim != 2 or simulated.shape != observed.shape:
        raise ValueError(
            f"simulated {tuple(simulated.shape)} and observed {tuple(observed.shape)} have to "
            "be of one shape (time, gauge)"
        )
    observed = observed.to(simulated)
    valid = ~torch.isnan(observed)
    return torch.where(valid, simulated, 0.0), torch.where(valid, observed, 0.0), valid


def _mean(values, valid):
    """Mean over the valid days, (gauge,); 0 where there is none."""
    return torch.where(valid, values, 0.0).sum(0) / valid.sum(0).clamp(min=1)


def _rmse(simulated, observed, valid):
    """Root mean square error over all gauges and valid days."""
    return formulas.rmse(
        simulated, observed, lambda v: torch.where(valid, v, 0).sum() / valid.sum(), _root
    )


def varying(observed, valid):
    """Gauges (G,) whose observations (T, G) on the valid days differ by more than rounding."""
    if not len(observed):
        return valid.any(0)
    highest = torch.where(valid, observed, -torch.inf).amax(0)
    return formulas.varies(highest, torch.where(valid, observed, torch.inf).amin(0))


def undefined(loss: str, observed) -> torch.Tensor:
    """Which gauges (G,) a loss leaves out though they have observations (T, G): those without the
    variance, or the mean, that its formula divides by."""
    valid = ~torch.isnan(observed)
    there = defined = valid.any(0)
    if loss in RELATIVE:
        defined = defined & varying(observed, valid)
    if loss in OVER_MEAN:
        defined = defined & formulas.has_mean(observed, lambda values: values.nanmean(0))
    return there & ~defined


def _root(values):
    """Square root whose gradient at zero is zero; NaN stays NaN."""
    zero = values == 0
    return torch.where(zero, 0.0, torch.sqrt(torch.where(zero, 1.0, values)))


def low_flow(discharge):
    """Discharge in mm d-1 transformed so that low flows are spread out, for `rmse_lowflow_loss`."""
    return torch.log10(torch.sqrt(discharge.clamp(min=0) + LOW_FLOW_OFFSET) + 0.1)


class NothingObserved(ValueError):
    """No gauge has what a loss needs."""


def _require(used, what: str) -> None:
    if not recorded(used) and not used.any():
        raise NothingObserved(
            f"nothing to train on: no gauge has {what} in these days; "
            "check the period and the names of the observations"
        )
