"""HBV over many cells and days, forward and forward + adjoint, beside other codes and columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch

from benchmarks.speed import measure, peers_columns, startup
from benchmarks.speed.contest import Contestant, contest
from benchmarks.speed.torch_loops import torch_compiled, torch_loop
from gridhydro.columns import column
from gridhydro.columns.column import Column
from gridhydro.kernels import Scheme
from gridhydro.kernels.column_op import checkpoint_interval
from gridhydro.kernels.schemes import SEQUENTIAL
from gridhydro.model.simulate import simulate
from gridhydro.model.stepping import Stepping

HBV = column("hbv")
# the ranges of what is neither rain, nor warmth, nor demand, and one land
RANGES = dict(
    vegetation_fraction=(0.0, 1.0), leaf_area_index=(0.0, 6.0), melt_factor=(1.0, 8.0),
    melt_season=(0.0, 1.0),
)  # fmt: skip
LAND = dict(
    soil_capacity=400.0, wilting_point=150.0, soil_capacity_min=60.0, soil_capacity_max=700.0,
    arno_shape=0.3, water_fraction=0.05, elevation=800.0,
)  # fmt: skip
# how far a kernel may be from the plain loop, of the largest value
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-3}


@dataclass(frozen=True)
class Problem:
    """Cells with components, random weather and parameters well inside their bounds.

    Of HBV, or of the column `of`; run by `backend`, or by that of the device.
    """

    cells: int
    components: int
    days: int
    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    of: str = "hbv"
    backend: str | None = None

    @cached_property
    def column(self) -> Column:
        return column(self.of)

    @property
    def steps(self) -> int:
        return self.cells * self.components * self.days

    @property
    def size(self) -> str:
        return f"{self.cells:,} cells x {self.components} x {self.days} d"

    @cached_property
    def weather(self) -> torch.Tensor:
        """Precipitation, temperature, potential evapotranspiration, and what else the column
        reads: (F, T, N)."""
        generator = torch.Generator(self.device).manual_seed(1)
        rows = torch.rand(
            4, self.days, self.cells, generator=generator, device=self.device, dtype=self.dtype
        )
        wet, amount, warmth, demand = rows
        season = torch.sin(torch.arange(self.days, device=self.device) / 58).to(rows)[:, None]
        rain = torch.where(wet < 0.4, -6 * torch.log1p(-amount * 0.999), 0.0)
        series = [rain, 7 + 11 * season + 8 * (warmth - 0.5), 4 * demand]
        for field in self.column.forcings[3:]:
            low, high = RANGES[field.name]
            series.append(torch.empty_like(rain).uniform_(low, high, generator=generator))
        return torch.stack(series)

    @cached_property
    def fractions(self) -> torch.Tensor:
        """Where between its bounds each parameter lies, 0 to 1: (P, N, M)."""
        generator = torch.Generator(self.device).manual_seed(2)
        shape = (len(self.column.parameters), self.cells, self.components)
        random = torch.rand(shape, generator=generator, device=self.device, dtype=self.dtype)
        return 0.2 + 0.6 * random

    @cached_property
    def parameters(self) -> dict[str, torch.Tensor]:
        """Name -> (N, M), leaves that ask for a gradient."""
        fields = self.column.parameters
        return {
            f.name: (f.bounds[0] + (f.bounds[1] - f.bounds[0]) * fraction).requires_grad_()
            for f, fraction in zip(fields, self.fractions, strict=True)
        }

    @cached_property
    def properties(self) -> dict[str, torch.Tensor]:
        """Name -> (N,)."""
        fields = self.column.properties
        return {f.name: self.weather.new_full((self.cells,), LAND[f.name]) for f in fields}

    @cached_property
    def cotangent(self) -> torch.Tensor:
        return torch.full_like(self.weather[0], 1 / self.weather[0].numel())

    def runoff(self, **options) -> torch.Tensor:
        stepping = Stepping(**{"backend": self.backend} | options)
        return simulate(
            self.column, self.weather, self.parameters, properties=self.properties,
            scheme=stepping,
        )[0]["runoff"]  # fmt: skip

    def gradient(self, **options):
        leaves = list(self.parameters.values())
        return torch.autograd.grad(self.runoff(**options), leaves, self.cotangent)

    def differences(self, **options) -> dict[str, float]:
        """How far runoff and gradients are from those of the plain loop, of the largest value."""
        plain = options | {"backend": "torch"}
        pairs = [(self.runoff(**options), self.runoff(**plain))]
        pairs += zip(self.gradient(**options), self.gradient(**plain), strict=True)
        names = ("discharge", *self.parameters)
        return {name: apart(*pair) for name, pair in zip(names, pairs, strict=True)}


def apart(fast: torch.Tensor, plain: torch.Tensor) -> float:
    """The largest difference, of the largest value."""
    fast, plain = fast.detach(), plain.detach()
    return float((fast - plain).abs().max() / plain.abs().max().clamp(min=1e-12))


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


def interval(problem: Problem, storage: str | int, scheme: Scheme = SEQUENTIAL) -> int:
    """Days from one stored state to the next."""
    lanes = problem.weather.new_empty(
        len(problem.column.states), problem.cells * problem.components
    )
    return checkpoint_interval(storage, problem.weather, lanes, scheme)


def bytes_moved(problem: Problem, every: int) -> tuple[float, float]:
    """What has to pass through memory once: forward, and forward + adjoint."""
    lanes = problem.cells * problem.components
    series = problem.cells * problem.days
    column = problem.column
    parameters, states = len(column.parameters) * lanes, len(column.states) * lanes
    # properties are held as parameters are
    given, forcing = parameters + len(column.properties) * lanes, len(column.forcings) * series
    forward = forcing + given + 2 * states + series
    kept = -(-problem.days // every) * states
    # forcing and parameters again, the cotangents, the gradients, the stored states twice
    adjoint = forcing + given + parameters + series + 2 * states + 2 * kept
    item = problem.dtype.itemsize
    return forward * item, (forward + adjoint) * item


def check(device: str) -> None:
    """Refuse to measure kernels that do not agree with the plain loop."""
    for dtype, tolerance in TOLERANCES.items():
        for name, error in Problem(70, 2, 50, device, dtype).differences().items():
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
    for of in ("gr4j", "gr6j", "sac_sma", "fuse_sacramento"):
        yield of, Problem(10_000, 1, 730, device, of=of), ["auto"], []
    yield "double", Problem(10_000, 1, 365, device, torch.float64), ["auto"], []
    many = 1_000_000 if device == "cuda" else 100_000
    yield "many", Problem(many, 1, 365, device), ["auto", 32] if device == "cuda" else ["auto"], []


arguments = measure.arguments
main = measure.measurement("columns", run)
