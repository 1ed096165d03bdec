"""What the minibatches of an epoch are of: decided by the seed alone, each as if by its number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from gridhydro.domain.network import Network

STEPS = ("once", "hydrodl")
_SEEN = 0.99  # of hydroDL


@dataclass(frozen=True, eq=False)
class Pool:
    """What minibatches of a raster are drawn from: gauges, or tiles.

    of      "discharge" or "storage", which they are compared with; None: targets on cells only
    one     what one of them is called in a message: "gauge" or "tile"
    names   (K,), and numbers (K,): which of the domain's gauges, or of all tiles
    mouths  K arrays of cells: all that counts for one of them drains through these
    """

    of: str | None
    one: str
    names: Sequence[str]
    numbers: Tensor
    mouths: list[np.ndarray]

    def refuse_large(self, network: Network, limit: int | None) -> None:
        """ValueError where the cells upstream of one of them are more than the limit."""
        counts = [network.upstream_count(cells) for cells in self.mouths]
        most = max(counts, default=0)
        if limit is not None and most > limit:
            large = [name for name, n in zip(self.names, counts, strict=True) if n > limit]
            name, others = self.names[counts.index(most)], len(large) - 1
            raise ValueError(
                f"minibatches of {limit} cells cannot hold the {self.one} '{name}', with {most} "
                f"cells upstream{f' ({others} others are too large as well)' if others else ''}: "
                f"take Batches(cells={most}) or more, or leave it out"
            )


@dataclass(frozen=True, eq=False)
class Draw:
    """A minibatch of a raster.

    number  which of its epoch; pool: what it is drawn from; chosen (n,): which of the pool's
    start   the first day of its window; scale: how often it counts, so that the mean over an epoch
            weighs the pools alike
    """

    number: int
    pool: Pool
    chosen: list[int]
    start: int
    scale: float = 1.0

    @property
    def mouths(self) -> np.ndarray:
        """The cells through which all that is run drains."""
        return np.concatenate([self.pool.mouths[one] for one in self.chosen])


def whole_days(steps: slice, steps_a_day: int) -> slice:
    """The days of a record that some of its steps are; windows are drawn by the day."""
    return slice(steps.start // steps_a_day, steps.stop // steps_a_day)


def seed_of_step(seed: int, *numbers: int) -> int:
    """The seed of dropout in a step: of the session's seed, the epoch and the minibatch."""
    low, high = np.random.SeedSequence([seed, *numbers]).generate_state(2).tolist()
    return low | (high >> 1) << 32


def of_basins(options, days: slice, gauges: Tensor, seed: int) -> tuple[int, list]:
    """Length of the windows, and the gauges (B,) and first days (B,) of each minibatch of an epoch
    of lumped basins; arguments as for `minibatches`."""
    random = torch.Generator().manual_seed(seed)
    first, length = _windows(options, days)
    size = min(options.gauges, len(gauges))
    count = _repeats(options, len(gauges) * (days.stop - first) / (size * length))
    rounds = -(-count * size // len(gauges))
    order = [torch.randperm(len(gauges), generator=random) for _ in range(rounds)]
    chosen = gauges[torch.cat(order)]
    last = days.stop - length + 1
    starts = [torch.randint(first, last, (size,), generator=random) for _ in range(count)]
    return length, [(chosen[i * size : (i + 1) * size], starts[i]) for i in range(count)]


def of_rivers(
    options, days: slice, pools: Sequence[Pool], network: Network, seed: int
) -> tuple[int, list[Draw]]:
    """Length of the windows, and the minibatches of an epoch of a raster, in turn.

    Each pool is gone through as often as its windows fill the days, in an order shuffled anew each
    time. Those of several pools come in any order.
    """
    random = torch.Generator().manual_seed(seed)
    first, length = _windows(options, days)
    rounds = _repeats(options, (days.stop - first) / length)
    last = days.stop - length + 1
    drawn: list[Draw] = []
    for pool in pools:
        order = [torch.randperm(len(pool.names), generator=random) for _ in range(rounds)]
        groups = _groups(torch.cat(order).tolist(), pool, network, options)
        starts = torch.randint(first, last, (len(groups),), generator=random).tolist()
        scale = 1 / len(groups)
        drawn += [Draw(0, pool, g, s, scale) for g, s in zip(groups, starts, strict=True)]
    turn = torch.randperm(len(drawn), generator=random).tolist() if len(pools) > 1 else None
    drawn = drawn if turn is None else [drawn[i] for i in turn]
    count = len(drawn)
    return length, [replace(d, number=i, scale=d.scale * count) for i, d in enumerate(drawn)]


def _windows(options, days: slice) -> tuple[int, int]:
    """The first day that a window may begin with, and the length of windows."""
    first = max(days.start, options.before)
    return first, min(options.days, days.stop - first)


def _repeats(options, fill: float) -> int:
    """How often something is drawn at random of which so many fill the training data: about as
    often, or until each day has been in one of them with a probability of 0.99.

    A day is in one with the probability 1 / fill, and in none of n with (1 - 1 / fill) ** n.
    """
    if options.steps == "once":
        return max(1, round(fill))
    return 1 if fill <= 1 else math.ceil(math.log(1 - _SEEN) / math.log1p(-1 / fill))


def _groups(order: list[int], pool: Pool, network: Network, options) -> list[list[int]]:
    """The members of a pool, in order, together as long as there is room for one more."""
    groups: list[list[int]] = []
    mouths = np.empty(0, dtype=np.int64)
    for one in order:
        together = network.outermost(np.append(mouths, pool.mouths[one]))
        room = groups and len(groups[-1]) < options.gauges and one not in groups[-1]
        if room and options.cells is not None:
            room = network.upstream_count(together) <= options.cells
        if room:
            groups[-1].append(one)
        else:
            groups.append([one])
            together = pool.mouths[one]
        mouths = together
    return groups


def places(cells: Tensor, wanted: Tensor) -> Tensor:
    """Where in `cells` (B,) each of the `wanted` (K,) is, (K,), -1 where it is not."""
    order = cells.argsort()
    place = torch.searchsorted(cells[order], wanted).clamp(max=len(cells) - 1)
    found = order[place]
    return torch.where(cells[found] == wanted, found, -1)


def among(cells: Tensor, gauge_cells: Tensor, gauges: Tensor) -> Tensor:
    """Which of all gauges that lie in some cells (B,) some of the domain's (G,) are, (G,)."""
    everywhere = places(cells, gauge_cells) >= 0
    return (everywhere.cumsum(0) - 1)[gauges]
