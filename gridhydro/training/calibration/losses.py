"""What a search makes small at each site and for each of many parameter sets.

The formulas of `evaluation.losses`, which training follows, before any mean over sites and
without a care for gradients: simulated (T, N, M) against observed (T, N) in one unit, NaN where
there is no observation, gives (N, M), 0 for a perfect fit.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gridhydro.base.arguments import one_of
from gridhydro.evaluation.losses import LEAST_SPREAD, low_flow
from gridhydro.training.calibration.sceua import fold


def misfit(name: str, simulated: Tensor, observed: Tensor) -> Tensor:
    """The misfit called `name`, (N, M); NaN where a site lacks the observations it takes."""
    valid = ~observed.isnan()
    observed = torch.where(valid, observed, 0.0).to(simulated)[..., None]
    return MISFITS[one_of("loss", name, MISFITS)](simulated, observed, valid[..., None])


def _nse(simulated, observed, valid) -> Tensor:
    """1 - NSE (Nash & Sutcliffe 1970)."""
    departure = observed - _mean(observed, valid)
    return _mean((simulated - observed) ** 2, valid) / _mean(departure**2, valid)


def _kge(simulated, observed, valid) -> Tensor:
    """1 - KGE (Gupta et al. 2009); a constant simulation counts as uncorrelated."""
    mean_s, mean_o = _mean(simulated, valid), _mean(observed, valid)
    from_mean_s, from_mean_o = simulated - mean_s, observed - mean_o
    spread_s, spread_o = (_mean(v**2, valid).sqrt() for v in (from_mean_s, from_mean_o))
    divisor = torch.maximum(spread_s, LEAST_SPREAD * spread_o) * spread_o
    correlation = _mean(from_mean_s * from_mean_o, valid) / divisor
    distance = (correlation - 1) ** 2 + (spread_s / spread_o - 1) ** 2 + (mean_s / mean_o - 1) ** 2
    return distance.sqrt()


def _rmse(simulated, observed, valid) -> Tensor:
    """Root mean square error, in the unit of the series."""
    return _mean((simulated - observed) ** 2, valid).sqrt()


def _rmse_lowflow(simulated, observed, valid, alpha=0.25) -> Tensor:
    """As `gridhydro.evaluation.losses.rmse_lowflow_loss`, of each site."""
    low = _rmse(low_flow(simulated), low_flow(observed), valid)
    return (1 - alpha) * _rmse(simulated, observed, valid) + alpha * low


MISFITS: dict[str, Callable] = {
    "nse": _nse,
    "kge": _kge,
    "rmse": _rmse,
    "rmse_lowflow": _rmse_lowflow,
}
# those that divide by the variance of the observations
RELATIVE = ("nse", "kge")


def _mean(values, valid):
    """Over the observed days, (N, M) or (N, 1)."""
    return fold(torch.where(valid, values, 0.0), 0) / valid.sum(0)
