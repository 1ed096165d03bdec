"""A step of training daily parameters of lumped basins, and the column's part of it.

The row "the column alone" does what the step does between parameters and unrouted runoff: its
ratio is its fraction of the step.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.speed import columns, measure
from benchmarks.speed.contest import Contestant, contest
from gridhydro.domain.domain import Domain
from gridhydro.evaluation.losses import loss
from gridhydro.model.model import Model
from gridhydro.model.simulate import simulate
from gridhydro.model.unit_hydrograph import UnitHydrograph
from gridhydro.nets.options import ParameterNetwork

DYNAMIC = ("beta", "gamma")
ATTRIBUTES = 35


class Step:
    """Adam's step on a minibatch of basins: a warm-up without gradient, then as many days."""

    def __init__(self, basins: int, components: int, days: int, size: int, device: str):
        self.days = days
        weather = columns.Problem(basins, 1, 2 * days, device).weather
        self.before, self.weather = (part.contiguous() for part in weather.split(days, dim=1))
        random = np.random.default_rng(4)
        domain = Domain.of_basins(np.full(basins, 500.0), [f"b{i}" for i in range(basins)])
        attributes = {f"a{k}": random.standard_normal(basins) for k in range(ATTRIBUTES)}
        self.model = Model(
            domain, attributes=attributes, components=components, routing=UnitHydrograph(),
            network=ParameterNetwork("lstm", hidden=size, dynamic=DYNAMIC),
        ).to(device)  # fmt: skip
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        with torch.no_grad():
            observed = self.model(self.weather, before=self.before).discharge
            self.observed = observed * torch.rand_like(observed)
            values = self.model.cell_parameters(self.weather, before=self.before)
        self.early, self.late = {}, {}
        for field in self.model.column.parameters:
            value = values[field.name]
            parts = value.split(days) if value.ndim == 3 else (value, value)
            self.early[field.name], self.late[field.name] = (
                part.contiguous().requires_grad_() for part in parts
            )

    def forward(self) -> None:
        with torch.no_grad():
            self.model(self.weather, before=self.before)

    def optimise(self) -> None:
        self.optimizer.zero_grad()
        discharge = self.model(self.weather, before=self.before).discharge
        loss("nse")(discharge, self.observed).backward()
        self.optimizer.step()

    def column_forward(self) -> torch.Tensor:
        with torch.no_grad():
            _, state = simulate("hbv", self.before, self.early)
        return simulate("hbv", self.weather, self.late, initial=state)[0]["runoff"]

    def column_only(self) -> None:
        runoff = self.column_forward()
        torch.autograd.grad(runoff, list(self.late.values()), torch.ones_like(runoff))

    def learns(self) -> None:
        self.optimise()
        norms = [float(p.grad.norm()) for p in self.model.parameters()]
        if not all(np.isfinite(norms)) or max(norms) == 0:
            raise ValueError("the step has no finite gradient")


def run(device: str, quick: bool, bandwidth: float) -> Iterator[dict]:
    columns.check(device)
    few = dict(repeats=2, budget=5.0) if quick else {}
    sizes = {"LSTM 8": (5, 2, 20, 8)} if quick else {
        "LSTM 64": (100, 16, 365, 64), "LSTM 256": (100, 16, 365, 256),
    }  # fmt: skip
    for case, (basins, components, days, size) in sizes.items():
        step = Step(basins, components, days, size, device)
        shape, steps = (
            f"{basins} basins x {components} x 2*{days} d",
            basins * components * 2 * days,
        )
        weights = sum(p.numel() for p in step.model.parameters())
        contestants = [
            Contestant("gridhydro", shape, steps, step.forward, step.optimise, step.learns,
                       note=f"{weights:,} weights, {', '.join(DYNAMIC)} by day"),
            Contestant("the column alone", shape, steps, step.column_forward, step.column_only,
                       note="the same days; ratio: its fraction of the step"),
        ]  # fmt: skip
        yield from contest(case, contestants, bandwidth, device, **few)


arguments = measure.arguments
main = measure.measurement("lumped", run)
