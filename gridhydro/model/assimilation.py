"""Stores fitted to what has been observed lately, by the adjoint: where a forecast begins.

Variational assimilation over a window of days (strong constraint: the model is taken as right, its
stores at the beginning of the window as wrong), as reviewed by Liu et al. (2012,
doi:10.5194/hess-16-3863-2012). What is fitted are logarithms of factors, one for each store and for
the rivers in the area of each gauge, so that stores stay positive and empty ones empty. The cost is

    sum x^2 / 2 + sum ((simulated - observed) / error)^2 / 2

over factors exp(4 e tanh(x / 4)), which are exp(e x) nearly, e the error of stores, and over
observations, with the error of one a fraction of it, and no less than that fraction of a tenth of
the gauge's mean. States that are no water, such as temperatures of a snow pack, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from gridhydro.base.arguments import number, required, whole
from gridhydro.base.steps import day_means
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.model import Model
from gridhydro.model.state import State
from gridhydro.model.window import RIVER, parameters_from, states_behind
from gridhydro.observations.discharge import by_step, discharge_table


@dataclass(frozen=True)
class Errors:
    """What is taken as wrong, and by how much.

    stores     standard deviation of the logarithm of each factor
    discharge  standard deviation of an observation, as a fraction of it
    """

    stores: float = 0.5
    discharge: float = 0.1

    def __post_init__(self):
        for name in ("stores", "discharge"):
            option = f"{name.removesuffix('s')}_error"
            value = number(option, getattr(self, name))
            if not value > 0:
                raise ValueError(f"{option} is above 0, not {value:g}")
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Assimilated:
    """What an assimilation has found.

    state    at the end of the window: `run.simulate(forcing, state=state)` forecasts from it
    factors  (store, gauge): what each store in the area of a gauge, at the beginning of the window,
             was multiplied by
    cost     of each evaluation, trials of the line search too: the first is that without
             assimilation
    rmse     (gauge) m3 s-1 over the window, `before` and `after`
    """

    state: State
    factors: pd.DataFrame
    cost: tuple[float, ...]
    rmse: pd.DataFrame

    def __repr__(self) -> str:
        before, after = self.rmse["before"].mean(), self.rmse["after"].mean()
        return (
            f"Assimilated: cost {self.cost[0]:.4g} to {min(self.cost):.4g} in {len(self.cost)} "
            f"evaluations, error of discharge {before:.3g} to {after:.3g} m3 s-1\n{self.factors}"
        )


def assimilate(
    run,
    discharge,
    window: tuple[str, str],
    errors: Errors,
    steps: int,
    forcing: xr.Dataset | Forcing | None,
) -> Assimilated:
    """See `Run.assimilate`."""
    model, steps = run.model.eval(), whole("steps", steps, 1)
    if not isinstance(model, Model) or not model.column.states:
        raise ValueError("there are no stores to fit: assimilation is of models with a column")
    record = run.record(forcing)
    days = record.between(*window)
    if days.start < 1:
        raise ValueError(
            f"the window begins on the first day of the forcing, {record.times[0]:%Y-%m-%d}: it "
            "needs days before it that fill the stores"
        )
    count = 1 if by_step(discharge, model.steps_a_day) else model.steps_a_day
    times = record.times[days][::count]  # of a record by the hour days, where these are observed
    observed, error = _observed(model, discharge, times, errors.discharge)
    # without assimilation: before the window, and at its end
    first, last = states_behind(run, record, [days.start, days.stop])
    fit = _Fit(model, record.values[:, days].to(model.area), first, errors.stores)
    control = fit.control.requires_grad_()
    cost: list[float] = []
    there = observed.nan_to_num(0.0)

    def evaluated(flow: Tensor) -> Tensor:
        apart = (day_means(flow, count) - there) / error  # 0 / infinity where nothing is observed
        return (apart.square().sum() + control.square().sum()) / 2

    with torch.enable_grad():
        before = fit.run(control)[0].detach()
        _descend(control, lambda: evaluated(fit.run(control)[0]), cost, steps)
    with torch.no_grad():
        after, end = fit.run(control)
    fitted = replace(last, column=end.column, river=end.river, hydrograph=end.hydrograph)
    gauges = list(model.domain.gauges.index)
    rmse = {
        name: (day_means(flow, count) - observed).square().nanmean(0).sqrt().cpu().numpy()
        for name, flow in (("before", before), ("after", after))
    }
    factors = fit.factors(control.detach()).cpu().numpy()
    table = pd.DataFrame(factors, pd.Index(fit.names, name="store"), fit.areas)
    return Assimilated(
        fitted.map(lambda v: v.cpu()), table, tuple(cost),
        pd.DataFrame(rmse, pd.Index(gauges, name="gauge")).dropna(),
    )  # fmt: skip


def _descend(control: Tensor, cost: Callable[[], Tensor], found: list[float], steps: int) -> None:
    """Take the control to where the cost is lowest, by the gradient; note each evaluation."""
    method = torch.optim.LBFGS([control], max_iter=steps, line_search_fn="strong_wolfe")

    def closure():
        value = cost()
        # of nothing else: the model's own weights are left as they are, and their gradients
        (control.grad,) = torch.autograd.grad(value, [control])
        found.append(value.item())
        return value

    method.step(closure)


def _observed(
    model: Model, discharge, times: pd.DatetimeIndex, fraction: float
) -> tuple[Tensor, Tensor]:
    """Observations (T, G) m3 s-1 of the window, NaN where there is none, and their errors, infinite
    there."""
    gauges = list(model.domain.gauges.index)
    count = model.steps_a_day
    table = discharge_table(discharge, model.domain, steps_a_day=count)
    table = table.reindex(index=times, columns=gauges)
    values = table.to_numpy(np.float64, copy=True)  # torch wants to be able to write
    if not np.isfinite(values).any():
        raise ValueError(
            f"no discharge of any gauge is observed from {times[0]:%Y-%m-%d} to "
            f"{times[-1]:%Y-%m-%d}: {len(gauges)} gauges, {', '.join(map(str, gauges[:3]))}, ..."
        )
    with np.errstate(invalid="ignore"):
        counts = np.maximum(np.isfinite(values).sum(0), 1)
        mean = np.nansum(values, axis=0) / counts
    error = fraction * np.maximum(values, np.maximum(0.1 * mean, 1e-6))
    error[~np.isfinite(values)] = np.inf
    like = model.area
    return torch.as_tensor(values).to(like), torch.as_tensor(error).to(like)


class _Fit:
    """The run over a window as a function of factors of its first stores."""

    def __init__(self, model: Model, forcing: Tensor, state: State, error: float):
        self.model, self.forcing, self.state, self.error = model, forcing, state, error
        self.parameters = parameters_from(model, forcing, state)
        self.areas, self.area_of = _areas(model.domain)
        water = [f.name for f in model.column.states if f.unit == "mm"]
        self.names = [*water, *([RIVER] if state.river is not None else [])]
        self.control = forcing.new_zeros(len(self.names), len(self.areas))

    def factors(self, control: Tensor) -> Tensor:
        """Of the stores, no farther than four errors away: a line search may try anything."""
        return (4 * self.error * torch.tanh(control / 4)).exp()

    def run(self, control: Tensor) -> tuple[Tensor, State]:
        """Discharge (T, G) m3 s-1 and the last state; the control (S, G) is in errors of stores."""
        # of cells above no gauge nothing is known: their factor is 1
        everywhere = torch.cat([self.factors(control), control.new_ones(len(control), 1)], dim=1)
        factors = dict(zip(self.names, everywhere[:, self.area_of], strict=True))
        column = {
            n: v * factors[n][:, None] if n in factors else v for n, v in self.state.column.items()
        }
        river = self.state.river
        begun = replace(
            self.state, column=column, river=None if river is None else river * factors[RIVER]
        )
        found = self.model(self.forcing, begun, (), self.parameters)
        return required("discharge", found.discharge), required("state", found.state)


def _areas(domain) -> tuple[pd.Index, Tensor]:
    """The gauges, and of each cell the next one downstream, or how many there are where none is."""
    names = pd.Index(domain.gauges.index, name="gauge")
    found = np.full(domain.size, len(names))
    if domain.lumped:
        return names, torch.arange(domain.size)
    inside = {place: domain.upstream([name]) for place, name in enumerate(names)}
    for place in sorted(inside, key=lambda one: -len(inside[one])):  # nested ones after
        found[inside[place]] = place
    return names, torch.as_tensor(found)
