"""A step on a raster beside its columns alone: how much network, rivers and loss add to them.

"the columns alone" are HBV forward and adjoint with a parameter set for each cell, by which all is
divided: the ratio says how many times as long. "with rivers" routes what leaves the cells and
compares the gauges, "the step" has the parameterization network as well. A year on DDM30 and on the
upper Moselle (from the folder of the data sets), and on a generated coast of 0.04 degrees; random
weather and attributes but for the Moselle. Gauges are at the mouths of the largest rivers.

With --cpu-time it is the work of one thread, not the clock on the wall: for a machine that others
use as well.

    python -m benchmarks step --cpu-time
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter, process_time

import numpy as np
import pandas as pd
import torch

from benchmarks.speed import columns, measure, routing
from benchmarks.speed.contest import Contestant, contest, refuse_no_gradient
from gridhydro.domain.domain import Domain
from gridhydro.evaluation.losses import nse_loss
from gridhydro.model.model import Model
from gridhydro.model.river import River
from gridhydro.model.simulate import simulate
from gridhydro.synthetic.coast import coast

DAYS, GAUGES, ATTRIBUTES = 365, 50, 20
SEED = 4


@dataclass(frozen=True, eq=False)
class Case:
    """A domain with its gauges, weather (F, T, N) and attributes of the cells by name."""

    domain: Domain
    weather: torch.Tensor
    attributes: dict

    @property
    def size(self) -> str:
        return f"{self.domain.size:,} cells x {self.weather.shape[1]} d"

    @property
    def above(self) -> float:
        """Fraction of the cells that have a gauge below them."""
        network = self.domain.network
        return network.upstream_cells(self.domain.gauge_cells).size / network.size


def at_mouths(domain: Domain, count: int) -> Domain:
    """The domain with gauges where its largest rivers leave it."""
    network = domain.network
    cells = np.bincount(network.basin, minlength=domain.size).argsort(kind="stable")[::-1][:count]
    x, y = domain.grid.x[domain.col[cells]], domain.grid.y[domain.row[cells]]
    area = network.accumulate(domain.area)[cells] / 1e6
    table = pd.DataFrame(
        {"x": x, "y": y, "cell": cells, "area_km2": np.nan, "network_area_km2": area},
        index=pd.Index([f"G{k}" for k in range(count)], name="name"),
    )
    return replace(domain, gauges=table)


def generated(domain: Domain, days: int, gauges: int = GAUGES) -> Case:
    """A domain under random weather, with random attributes and gauges at its mouths."""
    random = np.random.default_rng(SEED)
    attributes = {f"a{k}": random.standard_normal(domain.size) for k in range(ATTRIBUTES)}
    weather = columns.Problem(domain.size, 1, days).weather
    return Case(at_mouths(domain, gauges), weather, attributes)


def moselle() -> Case | None:
    """The upper Moselle in 1990; None without the folder of the data sets."""
    from gridhydro.config.load import load
    from gridhydro.inputs.attributes import attribute_values
    from gridhydro.inputs.forcing import Forcing

    if (folder := routing.data_sets()) is None:
        return None
    setup = load("moselle", folder)
    forcing = Forcing.read(setup.forcing, setup.domain, columns.HBV)
    days = forcing.between("1990", "1990")
    attributes = attribute_values(setup.domain, setup.attributes)
    return Case(setup.domain, forcing.values[:, days].contiguous(), attributes)


def contestants(case: Case, reservoirs: int) -> list[Contestant]:
    """The columns alone, with rivers, and the whole step."""
    domain, weather = case.domain, case.weather
    steps = domain.size * weather.shape[1]
    model = Model(domain, attributes=case.attributes, routing=River(reservoirs))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with torch.no_grad():
        parameters = {n: v.clone() for n, v in model.cell_parameters().items()}
        observed = model(weather).discharge
        observed = observed * torch.rand(observed.shape, generator=torch.manual_seed(SEED))
    leaves = {name: value.requires_grad_() for name, value in parameters.items()}
    held = {f.name: leaves[f.name] for f in columns.HBV.parameters}
    cotangent = torch.full_like(weather[0], 1 / weather[0].numel())

    def runoff():
        return simulate(columns.HBV, weather, held)[0]["runoff"]

    def loss(given=None):
        return nse_loss(model(weather, parameters=given).discharge, observed)

    def step():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    def learns():
        step()
        refuse_no_gradient(model, "the step")

    def without_gradient(call):
        def forward():
            with torch.no_grad():
                call()

        return forward

    def gradient(call, wanted, *cotangents):
        return lambda: torch.autograd.grad(call(), list(wanted.values()), *cotangents)

    gauges = len(domain.gauges)
    note = f"{gauges} gauge{'s' * (gauges > 1)}, {case.above:.0%} of the cells above one, NSE"
    weights = sum(p.numel() for p in model.parameters())
    return [
        Contestant(
            "the columns alone", case.size, steps, without_gradient(runoff),
            gradient(runoff, held, cotangent), note="HBV",
        ),
        Contestant(
            "with rivers", case.size, steps, without_gradient(lambda: loss(leaves)),
            gradient(lambda: loss(leaves), leaves), note=note,
        ),
        Contestant(
            "the step", case.size, steps, without_gradient(loss), step, learns,
            note=f"{note}, network of {weights:,} weights, Adam",
        ),
    ]  # fmt: skip


def cases(quick: bool) -> Iterator[tuple[str, Case]]:
    """Name and problem, one after another: the next is made when the last is measured."""
    if quick:
        yield "coast", generated(coast((12, 16), 0.04), 40, 5)
        return
    if (domain := routing.global_domain()) is not None:
        yield "DDM30", generated(domain, DAYS)
    yield "coast", generated(coast((125, 150), 0.04), DAYS)
    if (case := moselle()) is not None:
        yield "Moselle", case


def run(device: str, quick: bool, bandwidth: float, clock=perf_counter) -> Iterator[dict]:
    columns.check(device)
    routing.check(device)
    few = dict(repeats=2, budget=5.0) if quick else dict(repeats=10, budget=30.0)
    for name, case in cases(quick):
        for reservoirs in (1, 5):
            made = contestants(case, reservoirs)
            title = f"{name}, {reservoirs}"
            for row in contest(title, made, bandwidth, device, clock=clock, **few):
                held = row.get("adjoint_memory_mb", np.nan) * 1e6 / made[0].steps
                yield row | {"note": f"{held:.1f} bytes a cell and day; {row['note']}"}


def arguments(parser: ArgumentParser) -> None:
    measure.arguments(parser)
    parser.add_argument("--cpu-time", action="store_true", help="seconds of one thread's work")


def main(given: Namespace) -> list[dict]:
    if given.cpu_time:
        torch.set_num_threads(1)
    clock = process_time if given.cpu_time else perf_counter
    return measure.measurement("step", partial(run, clock=clock))(given)
