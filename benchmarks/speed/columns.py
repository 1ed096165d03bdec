"""HBV over many cells and days, forward and forward + adjoint, beside other codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch

from benchmarks.speed import measure, peers_columns, startup
from benchmarks.speed.contest import Contestant, contest
from benchmarks.speed.torch_loops import torch_compiled, torch_loop
from gridhydro.columns import column
from gridhydro.kernels.column_op import checkpoint_interval
from gridhydro.model.simulate import simulate
from gridhydro.model.stepping import Stepping

HBV = column("hbv")


@dataclass(frozen=True)
class Problem:
    """Cells with components, random weather and parameters well inside their bounds."""

    cells: int
    components: int
    days: int
    device: str = "cpu"
    dtype: torch.dtype = torch.float32

    @property
    def steps(self) -> int:
        return self.cells * self.components * self.days

    @property
    def size(self) -> str:
        return f"{self.cells:,} cells x {self.components} x {self.days} d"

    @cached_property
    def weather(self) -> torch.Tensor:
        """Precipitation, temperature, potential evapotranspiration: (3, T, N)."""
        generator = torch.Generator(self.device).manual_seed(1)
        rows = torch.rand(
            4, self.days, self.cells, generator=generator, device=self.device, dtype=self.dtype
        )
        wet, amount, warmth, demand = rows
        season = torch.sin(torch.arange(self.days, device=self.device) / 58).to(rows)[:, None]
        rain = torch.where(wet < 0.4, -6 * torch.log1p(-amount * 0.999), 0.0)
        return torch.stack([rain, 7 + 11 * season + 8 * (warmth - 0.5), 4 * demand])

    @cached_property
    def fractions(self) -> torch.Tensor:
        """Where between its bounds each parameter lies, 0 to 1: (14, N, M)."""
        generator = torch.Generator(self.device).manual_seed(2)
        shape = (len(HBV.parameters), self.cells, self.components)
        random = torch.rand(shape, generator=generator, device=self.device, dtype=self.dtype)
        return 0.2 + 0.6 * random

    @cached_property
    def parameters(self) -> dict[str, torch.Tensor]:
        """Name -> (N, M), leaves that ask for a gradient."""
        bounds = [f.bounds for f in HBV.parameters]
        return {
            f.name: (low + (high - low) * fraction).requires_grad_()
            for f, (low, high), fraction in zip(HBV.parameters, bounds, self.fractions, strict=True)
        }

    @cached_property
    def cotangent(self) -> torch.Tensor:
        return torch.full_like(self.weather[0], 1 / self.weather[0].numel())

    def runoff(self, **options) -> torch.Tensor:
        scheme = Stepping(**options)
        return simulate(HBV, self.weather, self.parameters, scheme=scheme)[0]["runoff"]

    def gradient(self, **options):
        leaves = list(self.parameters.values())
        return torch.autograd.grad(self.runoff(**options), leaves, self.cotangent)


def ours(problem: Problem, storage: str | int = "auto") -> Contestant:
    def forward():
        with torch.no_grad():
            problem.runoff(storage=storage)

    kind = str(problem.dtype)[6:]
    every = interval(problem, storage)
    return Contestant(
        "gridhydro", problem.size, problem.steps,
        forward, lambda: problem.gradient(storage=storage), bytes=bytes_moved(problem, every),
        note=f"{kind}, mean runoff of the components, states stored every {every} d",
    )  # fmt: skip


def interval(problem: Problem, storage: str | int) -> int:
    """Days from one stored state to the next."""
    lanes = problem.weather.new_empty(len(HBV.states), problem.cells * problem.components)
    return checkpoint_interval(storage, problem.weather, lanes)


def bytes_moved(problem: Problem, every: int) -> tuple[float, float]:
    """What has to pass through memory once: forward, and forward + adjoint."""
    lanes = problem.cells * problem.components
    series = problem.cells * problem.days
    parameters, states = len(HBV.parameters) * lanes, len(HBV.states) * lanes
    forward = 3 * series + parameters + 2 * states + series
    kept = -(-problem.days // every) * states
    # forcing and parameters again, the cotangents, the gradients, the stored states twice
    adjoint = 3 * series + 2 * parameters + series + 2 * states + 2 * kept
    item = problem.dtype.itemsize
    return forward * item, (forward + adjoint) * item


def check(device: str) -> None:
    """Refuse to measure kernels that do not agree with the plain loop."""
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-3)):
        problem = Problem(70, 2, 50, device, dtype)
        pairs = [(problem.runoff(), problem.runoff(backend="torch"))]
        pairs += zip(problem.gradient(), problem.gradient(backend="torch"), strict=True)
        for name, pair in zip(("discharge", *problem.parameters), pairs, strict=True):
            fast, plain = (values.detach() for values in pair)
            error = float((fast - plain).abs().max() / plain.abs().max().clamp(min=1e-12))
            if not error <= tolerance:
                raise SystemExit(
                    f"refusing to measure: {name} of the {device} kernel is {error:.1e} away from "
                    f"the plain loop in {dtype} (allowed: {tolerance:.0e}); run the tests"
                )


def run(device: str, quick: bool, bandwidth: float) -> Iterator[dict]:
    check(device)
    few = dict(repeats=2, budget=5.0) if quick else {}
    for case, problem, storages, rivals in cases(device, quick):
        contestants = [ours(problem, storage) for storage in storages]
        contestants += [peers_columns.invite(rival, problem) for rival in rivals]
        yield from contest(case, contestants, bandwidth, device, **few)
    yield from startup.run(device)


def cases(device: str, quick: bool):
    """Name of each case, its problem, how states are stored, and the other codes."""
    peers = peers_columns
    if quick:
        basins, cells = Problem(20, 4, 60, device), Problem(2000, 1, 90, device)
        yield "basins", basins, ["auto"], [peers.hydrodl2]
        yield "cells", cells, ["auto"], [torch_loop, peers.jfuse, peers.smash]
        return
    rivals = [torch_loop, torch_compiled, peers.jfuse, peers.smash, peers.smash_2]
    yield "basins", Problem(100, 16, 730, device), ["auto"], [peers.hydrodl2]
    yield "cells", Problem(10_000, 1, 730, device), ["auto", "all"], rivals
    yield "double", Problem(10_000, 1, 365, device, torch.float64), ["auto"], []
    many = 1_000_000 if device == "cuda" else 100_000
    yield "many", Problem(many, 1, 365, device), ["auto", 32] if device == "cuda" else ["auto"], []


arguments = measure.arguments
main = measure.measurement("columns", run)
