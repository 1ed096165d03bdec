"""Shuffled complex evolution (SCE-UA), many independent ones in step with each other.

Duan, Sorooshian and Gupta (1992), Water Resour. Res. 28, 1015-1031, and (1994), J. Hydrol. 158,
265-284: a population in complexes; in each of them, again and again, a simplex drawn by rank gives
up its worst point for its reflection, a contraction or a random one; then the complexes are
shuffled. In one evolution step all three points are known beforehand, so those of all complexes and
functions are evaluated in one call. `runs` are those that the sequential algorithm would have made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gridhydro.base.arguments import number, one_of, whole
from gridhydro.training.calibration.evolution import Evolution
from gridhydro.training.calibration.random_streams import uniform
from gridhydro.training.calibration.sums import fold

MEMBERS = 64  # points of a function in one call, at most: the components of a cell
VARIANTS = ("published", "program")


@dataclass(frozen=True)
class SCEUA:
    """The rules of a shuffled complex evolution of P parameters.

    complexes  of 2 P + 1 points each; a simplex has P + 1; each complex takes 2 P + 1 steps between
               shuffles, the numbers that Duan et al. (1994) recommend
    max_runs   of the model in each cell, at most
    variant    "published": a random point lies in the box around its complex; "program": within all
               bounds, and the best of a complex is always in the simplex, as in the authors'
               program and those made after it
    It ends when another step could take it beyond `max_runs`, when the population's range
    (geometric mean over the parameters) is below the fraction `least_range` of the bounds', or when
    over so many `loops` the lowest value changed by less than the fraction `change` of their mean.
    """

    complexes: int = 7
    max_runs: int = 5000
    variant: str = "published"
    loops: int = 10
    change: float = 1e-3
    least_range: float = 1e-3

    def __post_init__(self):
        for name, least in (("complexes", 1), ("max_runs", 1), ("loops", 2)):
            object.__setattr__(self, name, whole(name, getattr(self, name), least))
        for name in ("change", "least_range"):
            object.__setattr__(self, name, number(name, getattr(self, name), 0))
        one_of("variant", self.variant, VARIANTS)

    def population(self, parameters: int) -> int:
        """How many points there are of so many parameters; ValueError for fewer runs."""
        count = self.complexes * (2 * parameters + 1)
        if self.max_runs < count:
            raise ValueError(
                f"max_runs is {self.max_runs}, but {self.complexes} complexes of {parameters} "
                f"parameters begin with {count} runs: allow more, or take fewer complexes"
            )
        return count


def minimize(
    evaluate: Callable[[Tensor, Tensor], Tensor],
    low: Tensor,
    high: Tensor,
    method: SCEUA = SCEUA(),
    *,
    streams: int | Tensor = 1,
    seed: int = 0,
    state: Evolution | None = None,
    each: Callable[[Evolution], object] | None = None,
) -> Evolution:
    """Find where each of N functions is lowest, within low and high (P,), both float64.

    evaluate   (points (n, M, P), places (n,)) -> values (n, M), of some of the functions, M <= 64;
               what is not finite counts as infinitely bad
    streams    N, or numbers (N,) of the random streams: what is found for a function depends on the
               seed and its number, not on the functions beside it
    state, each  an evolution to go on with, and what is called with it after every shuffle
    Raises ValueError for empty bounds and for fewer runs than the first population takes.
    """
    low, high = (torch.as_tensor(bound, dtype=torch.float64) for bound in (low, high))
    wrong = (~(low < high)).nonzero().flatten()
    if low.ndim != 1 or low.shape != high.shape or len(wrong):
        raise ValueError(
            f"low is not below high for the parameters {wrong.tolist()}: {low}, {high}"
        )
    method.population(len(low))
    streams = streams if isinstance(streams, Tensor) else torch.arange(whole("streams", streams, 1))
    draws = Draws(seed, streams.to(low.device))
    if state is None:
        state = _begin(evaluate, low, high, method, draws)
        _stop(state, high - low, method)
        each and each(state)
    while (rows := (state.stopped == 0).nonzero().flatten()).numel():
        _shuffle_and_evolve(state, rows, evaluate, low, high, method, draws)
        state.note()
        _stop(state, high - low, method)
        each and each(state)
    return state


@dataclass(frozen=True)
class Draws:
    """Random numbers of the streams: of each draw and stream the same, whoever else draws."""

    seed: int
    streams: Tensor

    def __call__(self, rows: Tensor, draw: int, *shape: int) -> Tensor:
        """(n, *shape) of these streams, from 0 to 1."""
        return uniform(self.seed, self.streams[rows], draw, shape)


def _begin(evaluate, low, high, method: SCEUA, draws: Draws) -> Evolution:
    population = method.population(len(low))
    rows = torch.arange(len(draws.streams), device=low.device)
    points = low + (high - low) * draws(rows, 0, population, len(low))
    values = _found(evaluate, points, rows, method.complexes)
    none = values.new_empty(0, len(rows))
    spent = torch.full_like(rows, population)
    state = Evolution(
        points, values, spent, torch.zeros_like(rows), points[:0, :1].expand(0, len(rows), -1),
        none, none.long(),
    )  # fmt: skip
    state.best = points.new_empty(0, len(rows), len(low))
    state.note()
    return state


def _stop(state: Evolution, span: Tensor, method: SCEUA) -> None:
    """Note why evolutions end, if they do; a first reason stays."""
    step, loops = 3 * method.complexes, method.loops
    extent = (state.points.amax(1) - state.points.amin(1)) / span
    narrow = extent.log().mean(-1).exp() < method.least_range
    last = state.lowest[-loops:]
    gained, mean = (last[0] - last[-1]).abs(), last.abs().mean(0)
    still = (gained <= method.change * mean) if len(last) == loops else torch.zeros_like(narrow)
    for reason, holds in ((1, state.spent + step > method.max_runs), (2, narrow), (3, still)):
        state.stopped[(state.stopped == 0) & holds] = reason


def _shuffle_and_evolve(
    state: Evolution, rows, evaluate, low, high, method: SCEUA, draws: Draws
) -> None:
    """Deal these populations out to complexes, best first, and let them evolve."""
    complexes, max_runs, variant = method.complexes, method.max_runs, method.variant
    order = state.values[rows].argsort(stable=True, dim=1)
    values = state.values[rows].take_along_dim(order, 1)
    points = state.points[rows].take_along_dim(order[..., None], 1)
    # complex k has the points of rank k, k + p, k + 2 p, ...
    points, values = (v.unflatten(1, (-1, complexes)).transpose(1, 2) for v in (points, values))
    points, values = points.contiguous(), values.contiguous()
    size = points.shape[2]
    own = torch.arange(complexes, device=rows.device)
    for step in range(size):
        going = (state.spent[rows] + 3 * complexes <= max_runs).nonzero().flatten()
        if not going.numel():
            break
        some = len(going) < len(rows)
        here = rows[going] if some else rows
        draw = 1 + state.loops * size + step
        now, found = (points[going], values[going]) if some else (points, values)
        new, value, place, runs = _step(
            now, found, low, high, variant,
            lambda *shape, h=here, d=draw: draws(h, d, *shape),
            lambda p, h=here: _found(evaluate, p, h, complexes),
        )  # fmt: skip
        points[going[:, None], own, place] = new
        values[going[:, None], own, place] = value
        state.spent[here] += runs
    state.points[rows], state.values[rows] = points.flatten(1, 2), values.flatten(1, 2)


def _step(points, values, low, high, variant, draw: Callable, evaluate: Callable):
    """One evolution step of complexes: points (n, p, m, P) and values (n, p, m).

    Returns for each complex the new point (n, p, P), its value, whose place it takes (n, p), and
    the runs (n,) that came to it one after another.
    """
    complexes, size, parameters = points.shape[1:]
    numbers = draw(complexes, size + 2 * parameters)
    by_rank, random = numbers[..., :size], numbers[..., size:].unflatten(-1, (2, parameters))
    # drawing by weights without putting back is taking the largest of log(u) / weight
    keys = by_rank.log() / torch.arange(size, 0, -1, device=points.device)
    if variant == "program":
        keys[..., 0] = torch.inf
    ranks = keys.topk(parameters + 1).indices.sort(-1).values
    parents = values.argsort(stable=True).take_along_dim(ranks, -1)
    simplex = points.take_along_dim(parents[..., None], 2)
    place, worst = parents[..., -1], simplex[..., -1, :]
    centroid = fold(simplex[..., :-1, :], 2) / parameters
    start, end = (low, high) if variant == "program" else (points.amin(2), points.amax(2))
    random = start.unsqueeze(-2) + (end - start).unsqueeze(-2) * random
    reflected = 2 * centroid - worst
    inside = ((reflected >= low) & (reflected <= high)).all(-1, keepdim=True)
    first = torch.where(inside, reflected, random[..., 0, :])
    tried = torch.stack([first, (centroid + worst) / 2, random[..., 1, :]], 2)
    found = evaluate(tried.flatten(1, 2)).unflatten(1, (complexes, 3))
    better = found[..., :2] < values.take_along_dim(place[..., None], 2)
    chosen = torch.where(better[..., 0], 0, torch.where(better[..., 1], 1, 2))[..., None]
    value = found.take_along_dim(chosen, 2)[..., 0]
    new = tried.take_along_dim(chosen[..., None], 2)[..., 0, :]
    return new, value, place, (1 + chosen).sum((1, 2))


def _found(evaluate, points, rows, complexes: int) -> Tensor:
    """Values (n, M), infinite where not finite, in calls of one size, for which kernels are made
    once."""
    size = 3 * complexes
    size = -(-size // -(-size // MEMBERS))
    count = points.shape[1]
    padded = torch.cat([points, points[:, : -count % size]], 1)
    values = torch.cat([evaluate(part, rows) for part in padded.split(size, 1)], 1).double()
    return torch.where(values.isfinite(), values, torch.inf)[:, :count]
