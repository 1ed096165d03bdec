"""Losses of each gauge or cell and of each of many parameter sets, for a calibration.

The formulas of `evaluation.formulas`, which training follows too, before any mean over gauges and
without a care for gradients: simulated (T, N, M) against observed (T, N) in one unit, NaN where
there is no observation, gives (N, M), 0 for a perfect fit.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gridhydro.base.arguments import one_of
from gridhydro.evaluation import formulas
from gridhydro.evaluation.losses import least_spread, low_flow
from gridhydro.training.calibration.sums import fold


def loss_by_cell(name: str, simulated: Tensor, observed: Tensor) -> Tensor:
    """The loss called `name`, (N, M); NaN where a gauge lacks the observations it takes."""
    valid = ~observed.isnan()
    observed = torch.where(valid, observed, 0.0).to(simulated)[..., None]
    valid = valid[..., None]

    def mean(values: Tensor) -> Tensor:
        """Over the observed days, (N, M) or (N, 1)."""
        return fold(torch.where(valid, values, 0.0), 0) / valid.sum(0)

    return LOSSES[one_of("loss", name, LOSSES)](simulated, observed, mean)


def _kge(simulated, observed, mean) -> Tensor:
    """1 - KGE; a constant simulation counts as uncorrelated."""
    moments = formulas.Moments.of(simulated, observed, mean, torch.sqrt)
    return formulas.kge_distance(moments, torch.sqrt, least_spread)


def _rmse(simulated, observed, mean) -> Tensor:
    """Root mean square error, in the unit of the series."""
    return formulas.rmse(simulated, observed, mean, torch.sqrt)


def _rmse_lowflow(simulated, observed, mean, alpha=0.25) -> Tensor:
    """As `gridhydro.evaluation.losses.rmse_lowflow_loss`, of each gauge."""
    low = _rmse(low_flow(simulated), low_flow(observed), mean)
    return (1 - alpha) * _rmse(simulated, observed, mean) + alpha * low


LOSSES: dict[str, Callable] = {
    "nse": formulas.unexplained,
    "kge": _kge,
    "rmse": _rmse,
    "rmse_lowflow": _rmse_lowflow,
}
