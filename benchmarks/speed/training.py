"""One optimisation step of the full path: network -> column -> river -> gauges -> loss -> back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.speed import columns, flat, graphs, measure, routing
from benchmarks.speed.contest import Contestant, contest, refuse_no_gradient
from gridhydro.domain.domain import Domain
from gridhydro.evaluation.losses import loss
from gridhydro.model.model import Model
from gridhydro.model.stepping import Stepping

GAUGES = 8
ATTRIBUTES = 20


def comb(rows: int, cols: int) -> Domain:
    """A domain of any size: every column flows south, the last row east to a single mouth."""
    return flat.draining_south([rows] * cols, rows, 1000.0, GAUGES)


def step(
    domain: Domain, components: int, days: int, device: str, backend: str | None = None,
    captured: bool = False,
) -> Contestant:  # fmt: skip
    """Adam's step on a year of random weather, against discharge of noise.

    With `captured`, all launches are recorded once as a CUDA graph, and a step replays it.
    """
    weather = columns.Problem(domain.size, 1, days, device).weather
    random = np.random.default_rng(4)
    attributes = {f"a{k}": random.standard_normal(domain.size) for k in range(ATTRIBUTES)}
    model = Model(
        domain, attributes=attributes, components=components, scheme=Stepping(backend=backend)
    ).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, capturable=captured)
    with torch.no_grad():
        observed = model(weather).discharge
        observed = observed * torch.rand_like(observed)

    def forward():
        with torch.no_grad():
            model(weather)

    def optimise():
        optimizer.zero_grad()
        loss("nse")(model(weather).discharge, observed).backward()
        optimizer.step()

    take = graphs.Captured(optimise) if captured else optimise

    def learns():
        take()
        refuse_no_gradient(model, "the step of the full path")

    steps = domain.size * components * days
    weights = sum(p.numel() for p in model.parameters())
    return Contestant(
        "captured in a graph" if captured else "gridhydro",
        f"{domain.size:,} cells x {components} x {days} d", steps,
        None if captured else forward, take, learns,
        note=f"{weights:,} weights, {GAUGES} gauges, NSE, Adam",
    )  # fmt: skip


def run(device: str, quick: bool, bandwidth: float) -> Iterator[dict]:
    columns.check(device)
    routing.check(device)
    few = dict(repeats=2, budget=5.0) if quick else {}
    if quick:
        cases = {"small": (comb(20, 30), 2, 60)}
    elif device == "cpu":
        cases = {"grid": (comb(80, 125), 1, 730), "parallel": (comb(40, 50), 16, 365)}
    else:
        cases = {"grid": (comb(500, 1000), 1, 730), "parallel": (comb(100, 500), 16, 730)}
    for case, problem in cases.items():
        contestants = [step(*problem, device)]
        yield from contest(case, contestants, bandwidth, device, **few)


arguments = measure.arguments
main = measure.measurement("training", run)
