"""The plain loop: the column's own physics, day after day. Every kernel is tested against it."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from gridhydro.kernels import embedded
from gridhydro.kernels.newton import CROSS, FIRST, TOLERANCE
from gridhydro.kernels.spec import Spec
from gridhydro.kernels.trace import COMPONENT_WEIGHT
from gridhydro.kernels.vocabulary import OneConvention


def run(spec: Spec, forcing, static, dynamic, initial, weights):
    """Outputs (O, T, N) or (O, T, N*M) and final states (S, N*M), by torch's own operations.

    forcing (F, T, N); static (K, N*M); dynamic (D, T, N*M); initial (S, N*M); weights (W,). Third
    comes how many sub-steps of each lane missed the solution (1, N*M), for implicit schemes.
    """
    days = forcing.shape[1]
    components, substeps = spec.components, spec.scheme.substeps
    fixed = dict(zip(spec.static, static, strict=True))
    weight = fixed.pop(COMPONENT_WEIGHT, None)
    states = dict(zip(spec.states, initial, strict=True))
    missed = torch.zeros_like(initial[: int(spec.scheme.implicit)])
    step = spec.scheme.step(spec.column)
    rows = []
    parts = embedded.split(spec.column.networks, weights)
    networks = {n.name: _network(n, parts[n.name]) for n in spec.column.networks}

    def whole(value):  # a step may return a plain number
        return torch.as_tensor(value).to(initial).expand_as(initial[0])

    with OneConvention():
        for t in range(days):
            weather = {
                name: forcing[k, t].repeat_interleave(components)
                if components > 1
                else forcing[k, t]
                for k, name in enumerate(spec.forcings)
            }
            daily = {name: dynamic[k, t] for k, name in enumerate(spec.dynamic)}
            x = SimpleNamespace(**weather)
            p = SimpleNamespace(**fixed, **daily, **networks)
            means = dict.fromkeys(spec.rates, 0.0)
            for _ in range(substeps):
                if spec.scheme.implicit:
                    states, fluxes, unsolved = _solved(spec, step, states, x, p, whole)
                    missed = missed + unsolved
                else:
                    states, fluxes = step(SimpleNamespace(**states), x, p)
                states = {name: whole(value) for name, value in states.items()}
                means = {name: mean + fluxes[name] for name, mean in means.items()}
            values = states | fluxes | means
            rows.append(torch.stack([whole(values[name]) for name in spec.results]))
    outputs = torch.stack(rows, dim=1)
    if weight is not None:
        outputs = outputs * weight
    if spec.mean:
        outputs = outputs.unflatten(-1, (-1, components)).mean(-1)
    return outputs, torch.stack([states[name] for name in spec.states]), missed


def _network(network, weights):
    return lambda *inputs: embedded.evaluate(network, weights, inputs)


def _solved(spec, step, states, x, p, whole):
    """Backward Euler, differentiable through all of Newton's iterations (see newton.py)."""
    previous = torch.stack([states[name] for name in spec.states])

    def inflow(at):
        flows, _ = step(SimpleNamespace(**dict(zip(spec.states, at, strict=True))), x, p)
        return torch.stack([whole(flows[name]) for name in spec.states])

    def residual(at):
        return at - previous - inflow(at)

    def direction(at):
        lanes = torch.eye(len(at)).to(at).unsqueeze(-1).expand(-1, -1, at.shape[1])
        columns = [torch.func.jvp(residual, (at,), (one,))[:2] for one in lanes]
        jacobian = torch.stack([slope for _, slope in columns], dim=-1)  # (S, N*M, S)
        left = columns[0][0].mT.unsqueeze(-1)
        return -torch.linalg.solve(jacobian.transpose(0, 1), left).squeeze(-1).mT

    trial = torch.clamp(previous + inflow(previous), min=0.0)
    accepted, direction_taken = previous, torch.zeros_like(previous)
    best, damping = torch.full_like(previous[0], FIRST), torch.ones_like(previous[0])
    for _ in range(spec.scheme.iterations):
        size = residual(trial).abs().sum(0)
        unsolved = _unsolved(spec, size, trial)
        if not unsolved.any():
            break
        better = (size < best) | (damping <= CROSS)
        accepted = torch.where(better, trial, accepted)
        direction_taken = torch.where(better, direction(trial), direction_taken)
        best = torch.where(better, size, best)
        damping = torch.where(better, torch.clamp(4 * damping, max=1.0), damping / 2)
        following = torch.clamp(accepted + damping * direction_taken, min=0.0)
        trial = torch.where(unsolved, following, trial)
    # where it is solved, once more: the gradient lags one iteration behind the value
    size = residual(trial).abs().sum(0)
    unsolved = _unsolved(spec, size, trial)
    trial = trial + 0 * size.detach()  # what is not a number in one store is none in any
    if torch.is_grad_enabled():
        trial = torch.where(unsolved, trial, trial + direction(trial))
    end = torch.clamp(trial - residual(trial), min=0.0)
    _, rates = step(SimpleNamespace(**dict(zip(spec.states, trial, strict=True))), x, p)
    ends = dict(zip(spec.states, end, strict=True))
    _, at_end = step(SimpleNamespace(**ends), x, p)
    fluxes = {n: rates[n] if n in spec.rates else value for n, value in at_end.items()}
    return ends, fluxes, unsolved


def _unsolved(spec, size, trial):
    return size > TOLERANCE[spec.real] * (1.0 + trial.sum(0))
