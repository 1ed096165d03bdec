"""HBV by every time-stepping scheme: how its time compares with that of the sequential step.

The cost of a scheme is the inverse of its ratio. Speeds are in cells and days, not sub-steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.speed import columns, measure
from benchmarks.speed.columns import Problem, apart
from benchmarks.speed.contest import Contestant, contest
from gridhydro.kernels import Scheme

SCHEMES = ("implicit", "explicit:6", "explicit:24", "rk4")


def by(scheme: str, problem: Problem, storage: str | int = "auto") -> Contestant:
    def forward():
        with torch.no_grad():
            problem.runoff(scheme=scheme)

    def gradient():
        return problem.gradient(scheme=scheme, storage=storage)

    name = scheme if storage == "auto" else f"{scheme}, storage {storage}"
    note = f"{str(problem.dtype)[6:]}, mean runoff of the components"
    every = columns.interval(problem, storage, Scheme.of(scheme))
    return Contestant(
        name, problem.size, problem.steps, forward, gradient, note=note,
        bytes=columns.bytes_moved(problem, every),
    )  # fmt: skip


def check(device: str) -> None:
    """Refuse to measure kernels that do not agree with the plain loop."""
    columns.check(device)
    problem = Problem(20, 2, 10, device, torch.float64)
    for scheme in SCHEMES:
        error = apart(problem.runoff(scheme=scheme), problem.runoff(scheme=scheme, backend="torch"))
        if not error <= 1e-9:
            raise SystemExit(
                f"refusing to measure: runoff of the {device} kernel by the scheme {scheme} is "
                f"{error:.1e} away from the plain loop; run the tests"
            )


def run(device: str, quick: bool, bandwidth: float) -> Iterator[dict]:
    check(device)
    few = dict(repeats=2, budget=5.0) if quick else dict(repeats=15, budget=20.0)
    sizes = ((20, 4, 60), (500, 1, 60)) if quick else ((100, 16, 730), (10_000, 1, 730))
    for case, size in zip(("basins", "cells"), sizes, strict=True):
        make = partial(by, problem=Problem(*size, device))
        contestants = [make("sequential"), *(make(scheme) for scheme in SCHEMES)]
        contestants += [make("implicit", storage="all"), make("implicit", storage=32)]
        yield from contest(case, contestants, bandwidth, device, **few)


arguments = measure.arguments
main = measure.measurement("schemes", run)
