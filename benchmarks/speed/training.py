"""One optimisation step of the full path: network -> column -> river -> gauges -> loss -> back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
import xarray as xr

from benchmarks.speed import columns, measure, routing
from benchmarks.speed.contest import Contestant, contest, refuse_no_gradient
from gridhydro.domain.domain import Domain
from gridhydro.evaluation.losses import loss
from gridhydro.model.model import Model

GAUGES = 8
ATTRIBUTES = 20


def comb(rows: int, cols: int) -> Domain:
    """A domain of any size: every column flows south, the last row east to a single mouth."""
    codes = np.full((rows, cols), 2)
    codes[-1], codes[-1, -1] = 6, 5
    coords = {"y": 1000.0 * np.arange(rows)[::-1], "x": 1000.0 * np.arange(cols)}
    raster = xr.DataArray(codes, coords, ("y", "x"))
    places = np.linspace(0, cols - 1, GAUGES).round()
    gauges = pd.DataFrame({"name": [f"G{k}" for k in range(GAUGES)], "x": 1000 * places, "y": 0.0})
    return Domain.from_d8(raster, "ldd", gauges=gauges, crs="EPSG:3035")


def step(domain: Domain, components: int, days: int, device: str) -> Contestant:
    """Adam's step on a year of random weather, against discharge of noise."""
    weather = columns.Problem(domain.size, 1, days, device).weather
    random = np.random.default_rng(4)
    attributes = {f"a{k}": random.standard_normal(domain.size) for k in range(ATTRIBUTES)}
    model = Model(domain, attributes=attributes, components=components).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
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

    def learns():
        optimise()
        refuse_no_gradient(model, "the step of the full path")

    steps = domain.size * components * days
    weights = sum(p.numel() for p in model.parameters())
    return Contestant(
        "gridhydro", f"{domain.size:,} cells x {components} x {days} d", steps, forward, optimise,
        learns, note=f"{weights:,} weights, {GAUGES} gauges, NSE, Adam",
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
