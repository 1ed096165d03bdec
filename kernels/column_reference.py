"""The plain loop: the column's own step, day after day. Every kernel is tested against it."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from gridhydro.kernels import embedded
from gridhydro.kernels.spec import Spec
from gridhydro.kernels.trace import COMPONENT_WEIGHT
from gridhydro.kernels.vocabulary import OneConvention


def run(spec: Spec, forcing, static, dynamic, initial, weights):
    """Outputs (O, T, N) or (O, T, N*M) and final states (S, N*M), by torch's own operations.

    forcing (F, T, N); static (K, N*M); dynamic (D, T, N*M); initial (S, N*M); weights (W,).
    """
    days = forcing.shape[1]
    components = spec.components
    fixed = dict(zip(spec.static, static, strict=True))
    weight = fixed.pop(COMPONENT_WEIGHT, None)
    states = dict(zip(spec.states, initial, strict=True))
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
            states, fluxes = spec.column.step(
                SimpleNamespace(**states),
                SimpleNamespace(**weather),
                SimpleNamespace(**fixed, **daily, **networks),
            )
            states = {name: whole(value) for name, value in states.items()}
            values = states | fluxes
            rows.append(torch.stack([whole(values[name]) for name in spec.outputs]))
    outputs = torch.stack(rows, dim=1)
    if weight is not None:
        outputs = outputs * weight
    if spec.mean:
        outputs = outputs.unflatten(-1, (-1, components)).mean(-1)
    return outputs, torch.stack([states[name] for name in spec.states])


def _network(network, weights):
    return lambda *inputs: embedded.evaluate(network, weights, inputs)
