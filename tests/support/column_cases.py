"""Cases for the tests of the column kernels: inputs full of ties, a run with gradients, scales.

A tie that rounding can break has no right answer, so in the cells with ties every number is a
small multiple of a power of two: sums, products and reciprocals of them are exact everywhere.
"""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import dataclass, field, replace

import torch

from gridhydro.columns import column as column_named
from gridhydro.model.simulate import simulate
from gridhydro.nets import EmbeddedNetwork
from tests.support import hydropy_cases
from tests.support.options import stepped
from tests.support.two_store import TwoStore

TWO_STORE = TwoStore()

# parameters and states at day one of the cells with ties; what is not named here is drawn anywhere
# in its bounds, states anywhere up to 100 mm
_EXACT = dict(
    beta=1.0, FC=256.0, K0=0.5, K1=0.25, K2=0.125, LP=0.5, PERC=2.0, UZL=8.0, TT=0.0, CFMAX=2.0,
    CFR=0.0625, CWH=0.125, gamma=1.0, C=0.5,
    snowpack=0.0, meltwater=0.0, soil_moisture=0.0, upper_zone=0.0, lower_zone=0.0,
)  # fmt: skip
_TIES = [
    {},  # every store is empty
    dict(soil_moisture=256.0),  # soil at field capacity
    dict(soil_moisture=128.0),  # soil at LP FC, from where evapotranspiration is not limited
    dict(upper_zone=10.0),  # at UZL once PERC has left
    dict(upper_zone=2.0),  # as much as percolates
    dict(PERC=0.0, UZL=0.0, C=0.0),
    dict(snowpack=16.0, meltwater=2.0),  # as much meltwater as the snow holds
    dict(snowpack=4.0, CWH=0.0, soil_moisture=256.0, C=1.0),  # melts away on a day of 2 degrees
]


_FORCINGS = hydropy_cases.FORCINGS | dict(melt_season=(0, 1))


@dataclass(frozen=True)
class Case:
    """A run: forcing (F, T, N); parameters (N, M) or (T, N, M); states (N, M); properties (N,)."""

    column: object
    forcing: torch.Tensor
    parameters: dict[str, torch.Tensor]
    initial: dict[str, torch.Tensor]
    properties: dict[str, torch.Tensor] = field(default_factory=dict)
    networks: dict[str, EmbeddedNetwork] = field(default_factory=dict)

    def to(self, *target) -> Case:
        move = {k: {n: v.to(*target) for n, v in getattr(self, k).items()} for k in _FIXED}
        networks = {n: deepcopy(module).to(*target) for n, module in self.networks.items()}
        return replace(self, forcing=self.forcing.to(*target), networks=networks, **move)

    def days(self, first, last) -> Case:
        """The part of the run between two days, with the same initial states."""
        cut = {n: v[first:last] if v.ndim == 3 else v for n, v in self.parameters.items()}
        return replace(self, forcing=self.forcing[:, first:last], parameters=cut)


_GROUPS = ("parameters", "initial")
_FIXED = (*_GROUPS, "properties")


def make_case(column="hbv", cells=70, days=17, components=1, dynamic=(), ties=True, seed=0) -> Case:
    """Random parameters inside their bounds and random weather; ties in the first cells.

    The column's forcings that bring water are rain, those in degC temperature, others a demand;
    what HydroPy has beside these is drawn in `hydropy_cases`.
    """
    column = column_named(column)
    random = torch.Generator().manual_seed(seed)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=random, dtype=torch.float64)

    wet = uniform(0, 1, days, cells) < 0.5
    rain = torch.where(wet, -12 * torch.log(uniform(1e-6, 1, days, cells)), 0.0)
    seasons = 12 * torch.sin(torch.arange(days) * 0.9)[:, None]
    temperature = seasons + uniform(-6, 6, days, cells)
    demand = uniform(0.1, 6, days, cells)
    parameters = {
        f.name: uniform(*f.bounds, *((days,) if f.name in dynamic else ()), cells, components)
        for f in column.parameters
    }
    initial = {f.name: uniform(0, 100, cells, components) for f in column.states}
    weather = {
        f.name: rain
        if f.name in column.water_in
        else temperature
        if f.unit == "degC"
        else uniform(*_FORCINGS[f.name], days, cells)
        if f.name in _FORCINGS
        else demand
        for f in column.forcings
    }
    of_hydropy = len(column.properties) > 1
    properties = {f.name: uniform(0, 3000, cells) for f in column.properties}
    if of_hydropy:
        properties = hydropy_cases.draw_properties(column, cells, uniform)
        hydropy_cases.settle(initial, properties)
    if ties:
        exact, cases = _EXACT, _TIES
        if of_hydropy:
            exact, cases = hydropy_cases.EXACT, hydropy_cases.TIES
        some = min(cells, len(cases))
        for values in (rain, temperature, demand):
            values[:, :some] = values[:, :some].round()
        rain[:2, :some] = demand[:2, :some] = temperature[0, :some] = 0.0
        if of_hydropy:
            hydropy_cases.snow_or_rain(rain[:, :some], temperature[:, :some])
        for i in range(some):
            for name, value in (exact | cases[i]).items():
                for group in (parameters, initial):
                    if name in group:
                        group[name][..., i, :] = value
                for group in (properties, weather):
                    if name in group:
                        group[name][..., i] = value
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        networks = {n.name: EmbeddedNetwork(n).double() for n in column.networks}
    forcing = torch.stack(list(weather.values()))
    return Case(column, forcing, parameters, initial, properties, networks)


def names(column) -> tuple[str, ...]:
    """All that a column can put out."""
    return tuple(f.name for f in (*column.fluxes, *column.states))


def results(case: Case, outputs=None, *, forcing_gradient=True, **choices):
    """Outputs, final states and, of a fixed random sum of them all, the gradients: by name.

    Those of the plain loop, by far the slowest, are kept for the next backend compared with it.
    """
    outputs = outputs or names(case.column)
    choices |= dict(forcing_gradient=forcing_gradient)
    if choices.get("backend") == "torch":
        return once_per_case(case, _results, outputs, **choices)
    return _results(case, outputs, **choices)


def once_per_case(case: Case, function, *arguments, **choices) -> dict:
    """What `function(case, *arguments, **choices)` gives, run once in a process for equal cases."""
    given = [getattr(case, k) for k in ("forcing", *_FIXED, "networks")]
    asked = (id(case.column), function, *map(_contents, (tuple(arguments), choices)))
    key = (*asked, *map(_contents, given))
    if key not in _FOUND:  # with the column, whose id is then nobody else's
        _FOUND[key] = case.column, function(case, *arguments, **choices)
    return dict(_FOUND[key][1])


_FOUND: dict[tuple, tuple] = {}


def _contents(value):
    """What tells a value from another by what is in it: of tensors, modules and dicts of them."""
    if isinstance(value, torch.nn.Module):
        value = value.state_dict()
    if isinstance(value, tuple):
        return tuple(map(_contents, value))
    if isinstance(value, dict):
        return tuple((name, _contents(one)) for name, one in value.items())
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return value.dtype, value.shape, hashlib.sha256(value.numpy().tobytes()).digest()
    return repr(value)


def _results(case, outputs, *, forcing_gradient, **choices):
    leaves = {f"d_{n}": v for k in _GROUPS for n, v in getattr(case, k).items()}
    leaves = {name: value.clone().requires_grad_() for name, value in leaves.items()}
    forcing = case.forcing.clone().requires_grad_(forcing_gradient)
    modules = deepcopy(case.networks)
    values, final = simulate(
        case.column,
        forcing,
        {n: leaves[f"d_{n}"] for n in case.parameters},
        properties=case.properties,
        initial={n: leaves[f"d_{n}"] for n in case.initial},
        outputs=outputs,
        networks=modules,
        **stepped(**choices),
    )
    found = values | {f"final_{name}": value for name, value in final.items()}
    random = torch.Generator().manual_seed(1)
    weights = [torch.rand(v.shape, generator=random, dtype=torch.float64) for v in found.values()]
    total = sum((v * w.to(v)).sum() for v, w in zip(found.values(), weights, strict=True))
    total.backward()
    found |= {name: value.grad for name, value in leaves.items()}
    for name, module in modules.items():
        found |= {f"d_{name}_{n}": weight.grad for n, weight in module.named_parameters()}
    if forcing_gradient:
        fields = [f"d_{f.name}" for f in case.column.forcings]
        found |= dict(zip(fields, forcing.grad, strict=True))
    return {name: value.detach() for name, value in found.items()}


def assert_close(found: dict, expected: dict, tolerance: float) -> None:
    """Every quantity within `tolerance` of its own scale, its largest value over cells and days.

    Rounding errors grow with what flows through a cell, not with what is left of it at the end.
    float64 has digits to spare: there each value counts by itself down to 1e-3 of the scale.
    """
    assert found.keys() == expected.keys()
    for name, b in expected.items():
        a = found[name].to(b.device)
        assert a.shape == b.shape and a.dtype == b.dtype, name
        assert a.isfinite().all() and b.isfinite().all(), name
        scale = b.abs().max()
        if b.dtype == torch.float64:
            scale = torch.maximum(b.abs(), 1e-3 * scale)
        worst = ((a - b).abs() / scale).nan_to_num(0, posinf=torch.inf).max()  # 0/0 is agreement
        assert worst <= tolerance, f"{name}: off by {worst:.1e} of its scale"
