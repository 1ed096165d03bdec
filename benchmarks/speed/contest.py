"""A contest: several codes do comparable work, in turns, in one process on one machine."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter

from benchmarks.machine import timed

NAN = float("nan")


@dataclass
class Contestant:
    """One code with its work.

    steps     cell-steps of one run: cells x components x days
    forward   the run without a gradient, or None
    adjoint   the run and the gradient of its discharge, or None
    check     raises if the numbers are not what they should be
    bytes     that have to move in a forward run and in forward + adjoint, at the least
    eager     nothing is compiled: a first run that takes long counts
    absent    why it cannot take part
    patience  seconds that check and first runs, compilation included, may take
    note      what was run, and how it differs from the others
    """

    name: str
    size: str
    steps: int
    forward: Callable | None = None
    adjoint: Callable | None = None
    check: Callable | None = None
    bytes: tuple[float, float] = (NAN, NAN)
    eager: bool = False
    patience: int = 120
    absent: str = ""
    note: str = ""
    seconds: dict = field(default_factory=lambda: {"forward": [], "adjoint": []})
    memory: dict = field(default_factory=dict)


def refuse_no_gradient(model, what: str) -> None:
    """ValueError unless the last backward left gradients in the model, finite and not all zero."""
    norms = [float(p.grad.norm()) for p in model.parameters() if p.grad is not None]
    if not (norms and all(math.isfinite(norm) for norm in norms) and max(norms) > 0):
        raise ValueError(f"{what} has no finite gradient")


def require_close(theirs, ours, tolerance: float, who: str) -> None:
    """ValueError unless two discharges (mm d-1) agree."""
    error = float((theirs - ours).detach().abs().max())
    if not error <= tolerance:
        raise ValueError(f"discharge is up to {error:.1e} mm d-1 away from {who}")


def contest(
    case, contestants, bandwidth, device, repeats=5, budget=40.0, clock=perf_counter
) -> Iterator[dict]:
    """Rows of results, the first contestant's speed divided by each one's as the ratio.

    Everybody is checked and warmed up; then runs go round in turns, so that a busy machine is
    busy for all, until each has had `repeats` of them, or two and `budget` seconds.
    """
    ready, refused = [], {}
    for one in contestants:
        if one.absent:
            refused[one.name] = one.absent
            continue
        try:
            with _limit(one.patience):
                _warm_up(one, device)
            ready.append(one)
        except Exception as error:
            refused[one.name] = f"{type(error).__name__}: {error}".split("\n")[0][:160]
    if not ready or ready[0] is not contestants[0]:
        raise SystemExit(f"'{contestants[0].name}' does not run: {refused[contestants[0].name]}")
    for _ in range(repeats):
        for one in ready:
            for kind, call in _calls(one):
                taken = one.seconds[kind]
                if len(taken) < 2 or sum(taken) + taken[-1] < budget:
                    seconds, held = timed(call, device, clock)
                    taken.append(seconds)
                    one.memory[kind] = max(held, one.memory.get(kind, 0))
    for one in contestants:
        row = {"case": case, "code": one.name, "size": one.size}
        yield row | (
            {"note": f"not measured: {refused[one.name]}"}
            if one.name in refused
            else _numbers(one, ready[0], bandwidth) | {"note": one.note}
        )


def _calls(one: Contestant):
    return [(k, c) for k in ("forward", "adjoint") if (c := getattr(one, k)) is not None]


def _warm_up(one: Contestant, device: str) -> None:
    if one.check is not None:
        one.check()
    for kind, call in _calls(one):
        seconds, one.memory[kind] = timed(call, device)
        if one.eager and seconds > 10:
            one.seconds[kind].append(seconds)


def _numbers(one: Contestant, first: Contestant, bandwidth: float) -> dict:
    row = {}
    for kind, least in zip(("forward", "adjoint"), one.bytes, strict=True):
        if not one.seconds[kind]:
            continue
        best = min(one.seconds[kind])
        row[f"{kind}_best_s"] = best
        row[f"{kind}_median_s"] = median(one.seconds[kind])
        row[f"{kind}_msteps"] = one.steps / best / 1e6
        row[f"{kind}_memory_mb"] = one.memory[kind] / 1e6
        row[f"{kind}_floor"] = least / bandwidth / best
        if first.seconds[kind]:
            row[f"{kind}_ratio"] = first.steps / min(first.seconds[kind]) / (one.steps / best)
    return row | {"runs": max(map(len, one.seconds.values()))}


@contextmanager
def _limit(seconds: int):
    def stop(*_):
        raise TimeoutError(f"not ready within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
