"""What a user writes first: the column's own step in a Python loop, plain and compiled."""

from __future__ import annotations

from collections import namedtuple

import torch

from benchmarks.speed.contest import Contestant, require_close
from gridhydro.columns import column

HBV = column("hbv")
States = namedtuple("States", [f.name for f in HBV.states])
Forcings = namedtuple("Forcings", [f.name for f in HBV.forcings])
Parameters = namedtuple("Parameters", [f.name for f in HBV.parameters])


def torch_loop(problem, days: int = 1, advance=None, name="torch loop") -> Contestant:
    """The column's own step in a Python loop with torch's autograd, a user's plain code."""
    if problem.components > 1:
        raise ValueError(f"the plain loop runs one component, not {problem.components}")
    advance = advance or _advance
    parameters = list(problem.parameters.values())
    first = torch.stack([torch.full_like(parameters[0][:, 0], f.initial) for f in HBV.states])
    whole = problem.days // days * days

    def discharge():
        states, series = first, []
        matrix = torch.stack([p[:, 0] for p in parameters])
        for day in range(0, whole, days):
            states, flow = advance(states, problem.weather[:, day : day + days], matrix)
            series.append(flow)
        return torch.cat(series)

    def forward():
        with torch.no_grad():
            return discharge()

    def compare():
        ours = problem.runoff().detach()[:whole]
        require_close(forward(), ours, 1e-3, "gridhydro")

    return Contestant(
        name, problem.size, problem.cells * whole, forward,
        lambda: torch.autograd.grad(discharge(), parameters, problem.cotangent[:whole]),
        compare, note="the same equations", eager=advance is _advance,
    )  # fmt: skip


def torch_compiled(problem, days: int = 10) -> Contestant:
    """The same loop, torch.compile taking several days at once."""
    advance = torch.compile(_advance, dynamic=False)
    contestant = torch_loop(problem, days, advance, "torch.compile")
    contestant.note = f"the same equations, {days} days unrolled and compiled together"
    contestant.patience = 240
    return contestant


def _advance(states, weather, parameters):
    states, series = States(*states.unbind(0)), []
    parameters = Parameters(*parameters.unbind(0))
    for day in range(weather.shape[1]):
        after, fluxes = HBV.step(states, Forcings(*weather[:, day].unbind(0)), parameters)
        states = States(**after)
        series.append(fluxes["runoff"])
    return torch.stack(states), torch.stack(series)
