"""A year of river routing over the global half-degree network, beside other codes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from benchmarks.speed import graphs, measure, peers_routing
from benchmarks.speed.columns import apart
from benchmarks.speed.contest import Contestant, contest
from benchmarks.speed.peers_columns import invite
from gridhydro.domain.domain import Domain
from gridhydro.domain.network import Network
from gridhydro.model.reach_routing import route_reach
from gridhydro.model.routing import Coupling, route

SUBSTEPS = 4
CELLS, DDM30 = 67_420, "ddm30/ddm30_global_30min.nc"


@dataclass(frozen=True)
class Problem:
    """Runoff of a year into a network, a lag and a number of reservoirs in every cell."""

    network: Network
    days: int
    reservoirs: int
    delay: int
    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    backend: str | None = None

    @property
    def steps(self) -> int:
        return self.network.size * self.days

    @property
    def size(self) -> str:
        return f"{self.network.size:,} cells x {self.days} d x {SUBSTEPS}"

    @cached_property
    def runoff(self) -> torch.Tensor:
        generator = torch.Generator(self.device).manual_seed(1)
        shape = (self.days, self.network.size)
        random = torch.rand(shape, generator=generator, device=self.device, dtype=self.dtype)
        return torch.where(random < 0.4, -6 * torch.log1p(-2.4 * random), 0.0).requires_grad_()

    @cached_property
    def lag(self) -> torch.Tensor:
        fraction = np.random.default_rng(2).random(self.network.size)
        lag = torch.as_tensor(0.1 + fraction, dtype=self.dtype, device=self.device)
        return (lag / self.reservoirs).requires_grad_()

    @cached_property
    def cotangent(self) -> torch.Tensor:
        return torch.full_like(self.runoff, 1 / self.runoff.numel(), requires_grad=False)

    def outflow(self, **options) -> torch.Tensor:
        return route(
            self.runoff, self.network, self.lag, self.reservoirs,
            substeps=SUBSTEPS, delay=self.delay, **{"backend": self.backend} | options,
        )[0]  # fmt: skip

    def gradient(self, **options):
        outflow = self.outflow(**options)
        return torch.autograd.grad(outflow, (self.runoff, self.lag), self.cotangent)

    def differences(self, **options) -> dict[str, float]:
        """How far outflow and gradients are from those of the plain loop, of the largest value."""
        plain = options | {"backend": "torch"}
        pairs = [(self.outflow(**options), self.outflow(**plain))]
        pairs += zip(self.gradient(**options), self.gradient(**plain), strict=True)
        names = ("outflow", "d runoff", "d lag")
        return {name: apart(*pair) for name, pair in zip(names, pairs, strict=True)}


def ours(problem: Problem, **options) -> Contestant:
    def forward():
        with torch.no_grad():
            problem.outflow(**options)

    series = problem.steps * problem.dtype.itemsize
    # forward: runoff and outflow; for the adjoint the runoff once more, the cotangent, and the
    # gradient to the runoff
    adjoint = 2 + 3
    return Contestant(
        "gridhydro", problem.size, problem.steps, forward, lambda: problem.gradient(**options),
        bytes=(2 * series, adjoint * series),
        note=f"delay {problem.delay}, gradient to runoff and lag",
    )  # fmt: skip


def channels(problem: Problem) -> Contestant:
    """Muskingum-Cunge in the place of the cascade, in cells of half a degree."""
    network, like = problem.network, problem.lag.detach()
    roughness = (0.03 + 0 * like).requires_grad_()
    values = {"roughness": roughness, "width": 50.0, "shape": 0.3, "length": 55e3, "slope": 1e-3}
    area = Coupling(depth=torch.full_like(like, 3e6))  # m3 of a mm

    def outflow():
        return route_reach(
            "muskingum_cunge", problem.runoff, network, values, substeps=SUBSTEPS,
            backend=problem.backend, coupling=area,
        )[0]  # fmt: skip

    def forward():
        with torch.no_grad():
            outflow()

    def adjoint():
        return torch.autograd.grad(outflow(), (problem.runoff, roughness), problem.cotangent)

    return Contestant(
        "muskingum_cunge", problem.size, problem.steps, forward, adjoint,
        note="gridhydro, channels of half-degree cells, gradient to runoff and roughness",
    )  # fmt: skip


def captured(problem: Problem) -> Contestant:
    """The same with its launches recorded once as a CUDA graph, and replayed."""
    contestant = ours(problem)
    contestant.name = "captured in a graph"
    contestant.forward = graphs.Captured(contestant.forward)
    contestant.adjoint = replay = graphs.Captured(contestant.adjoint)

    def check():
        for name, *pair in zip(("runoff", "lag"), replay(), problem.gradient(), strict=True):
            if not (error := apart(*pair)) <= 1e-6:
                raise ValueError(f"the gradient to the {name} is {error:.1e} away when replayed")

    contestant.check = check
    return contestant


def plain_torch(problem: Problem) -> Contestant:
    """The reference: torch operations level by level in every sub-step."""
    short = Problem(problem.network, 1, problem.reservoirs, problem.delay, problem.device)
    contestant = ours(short, backend="torch")
    contestant.name, contestant.eager, contestant.bytes = "torch loop", True, (np.nan, np.nan)
    contestant.note = "the same scheme, torch operations level by level"
    return contestant


def check(device: str) -> None:
    """Refuse to measure kernels that do not agree with the plain loop."""
    for delay in (0, 1):
        problem = Problem(synthetic(300), 5, 3, delay, device, torch.float64)
        for name, error in problem.differences().items():
            if not error <= 1e-9:
                raise SystemExit(
                    f"refusing to measure: {name} of the {device} kernel is {error:.1e} away from "
                    f"the plain loop at delay {delay}; run the tests"
                )


def synthetic(cells: int) -> Network:
    """A random forest of rivers, about as deep as DDM30 where it is as large."""
    random = np.random.default_rng(3)
    downstream = np.arange(cells) - random.integers(1, max(2, cells // 100), cells)
    return Network.from_downstream(np.where(downstream < 0, -1, downstream))[0]


def data_sets() -> Path | None:
    """The folder of the data sets, where the environment names one."""
    folder = os.environ.get("GRIDHYDRO_DATA") or os.environ.get("GRIDHYDRO_TEST_DATA")
    return Path(folder) if folder else None


def global_domain() -> Domain | None:
    """DDM30 from the folder of the data sets; None without it."""
    if (folder := data_sets()) is None or not (path := folder / DDM30).exists():
        return None
    with xr.open_dataset(path) as opened:
        return Domain.from_d8(opened.flow_direction.load(), "watergap", crs="EPSG:4326")


def global_network() -> tuple[str, Network]:
    """DDM30, or without it a synthetic network of its size; the note of each row says which."""
    domain = global_domain()
    return ("synthetic", synthetic(CELLS)) if domain is None else ("DDM30", domain.network)


def run(device: str, quick: bool, bandwidth: float) -> Iterator[dict]:
    check(device)
    name, network = ("synthetic", synthetic(3000)) if quick else global_network()
    days = 30 if quick else 365
    few = dict(repeats=2, budget=5.0) if quick else {}
    peers = peers_routing
    rivals = [
        peers.numba_loop, plain_torch, peers.sparse_solve, peers.earthkit, peers.diffroute
    ]  # fmt: skip
    for reservoirs, delay in ((5, 1), (1, 0)):
        problem = Problem(network, days, reservoirs, delay, device)
        other = [] if delay else [channels(problem)]
        contestants = [ours(problem), *other, *(invite(rival, problem) for rival in rivals)]
        for row in contest(f"cascade of {reservoirs}", contestants, bandwidth, device, **few):
            yield row | {"note": f"{name} network, {row['note']}" if "runs" in row else row["note"]}


arguments = measure.arguments
main = measure.measurement("routing", run)
