"""How the parts of a loss, discharge, storage and targets, are balanced while a training goes on.

The parts have the weights w that they are given, of which a balance makes v = w f. The factors f
are 1 at first, are the same in all processes, and leave the sum of the weights as it is, so that
steps and losses keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gridhydro.base import ranks
from gridhydro.base.arguments import one_of, required, whole

KINDS = ("weights", "start", "uncertainty", "gradients", "guarded")
_MEMORY = 0.9  # of a norm, what is left of it after another was measured
_LEAST = 1e-3  # of the largest norm: a part that is as good as learned is not blown up without end


@dataclass(frozen=True)
class Balance:
    """How the parts of a loss are balanced; with one part it says nothing.

    The loss in the history is that by the weights as they are given, whatever they become.

    by     "weights": each counts by its weight; "start": by its weight over its value in the first
           epoch, so that each is followed by what is left of it; "uncertainty": by its weight over
           a variance of its errors that is learned as well (Kendall et al. 2018,
           doi:10.1109/CVPR.2018.00781); "gradients": the norms of the gradients of the parts are
           as their weights (after Chen et al. 2018, arXiv:1711.02257), which has no rest where the
           parts pull against each other and their weights are unlike: the heavier wins in the end;
           "guarded": the others lose what in their gradient goes against that of discharge (after
           Yu et al. 2020, arXiv:2001.06782, which turns both)
    every  with "gradients": steps from one measurement of the norms, which takes an adjoint run for
           each part, to the next
    """

    by: str = "weights"
    every: int = 5

    def __post_init__(self):
        one_of("balance: by", self.by, KINDS)
        object.__setattr__(self, "every", whole("balance: every", self.every, 1))


BY_WEIGHTS = Balance()


class Balancing:
    """A balance at work: factors of the parts, and what they are made of.

    weights  of the parts by name, as they are given
    logs     of "uncertainty" the logarithms of the variances (n,), which the optimizer learns
    """

    def __init__(self, options: Balance, weights: Mapping[str, float], device=None):
        self.by = options.by if len(weights) > 1 else "weights"
        self.every, self.weights = options.every, dict(weights)
        self.factors = dict.fromkeys(weights, 1.0)
        self.known = dict.fromkeys(weights, math.nan)  # values at the start, or norms
        self.seen = dict.fromkeys(weights, 0.0)  # in how many steps, at the start
        self.logs = torch.zeros(len(weights), dtype=torch.double, device=device, requires_grad=True)
        self.steps = 0
        self.apart: dict[str, list[Tensor]] = {}  # weighted gradients of each part in a step
        self.counted: dict[str, float] = {}  # and the sum of these weights
        if self.by == "guarded" and "discharge" not in weights:
            raise ValueError(
                'balance "guarded" guards discharge, which is not trained on: take another'
            )

    @property
    def learned(self) -> list[Tensor]:
        """What the optimizer learns beside the weights of the model."""
        return [self.logs] if self.by == "uncertainty" else []

    @property
    def shown(self) -> dict[str, float]:
        """The weights that the parts have by now, by what the history calls them; none where they
        are those that were given."""
        if self.by in ("weights", "guarded"):
            return {}
        return {f"{name}_weight": w * self.factors[name] for name, w in self.weights.items()}

    @property
    def _each(self) -> bool:
        """Whether the gradients of the parts are made one by one in this step."""
        if self.by != "gradients":
            return self.by == "guarded"
        # steps over minibatches of a raster have one of the parts
        return self.steps % self.every == 0 or any(map(math.isnan, self.known.values()))

    def add(
        self, parts: Mapping[str, Tensor], shares: Mapping[str, float], weights: Sequence[Tensor]
    ) -> None:
        """Add the gradient of a minibatch to that of the weights, or to those of the parts.

        shares  what each part counts in this minibatch by the weights as they are given
        """
        if not self._each:
            first, *others = (shares[n] * self.factors[n] * part for n, part in parts.items())
            sum(others, first).backward()
            return
        left = len(parts)
        for name, part in parts.items():
            left -= 1
            found = torch.autograd.grad(
                shares[name] * part, weights, retain_graph=left > 0, allow_unused=True
            )
            before = self.apart.setdefault(name, [torch.zeros_like(w) for w in weights])
            for total, one in zip(before, found, strict=True):
                if one is not None:
                    total += one
            self.counted[name] = self.counted.get(name, 0.0) + shares[name]

    def gather(self, weights: Sequence[Tensor], count: int, shared: bool) -> None:
        """Give the weights the mean gradient of the minibatches of a step, of all processes.

        shared  whether each process has a part of all of them, instead of some
        """
        if not self._each:
            ranks.add_gradients(weights, count)
            return
        found, counted = {}, {}
        for name in self.weights:
            gradients = self.apart.get(name, [torch.zeros_like(w) for w in weights])
            for w, one in zip(weights, gradients, strict=True):
                w.grad = one
            ranks.add_gradients(weights, count)
            found[name] = torch.cat([required("gradient", w.grad).flatten() for w in weights])
            own = self.counted.get(name, 0.0)
            counted[name] = own if shared else sum(ranks.told(own)) / count
        self.apart, self.counted = {}, {}
        together = self._guarded(found) if self.by == "guarded" else self._measured(found, counted)
        parts = together.split([w.numel() for w in weights])
        for w, one in zip(weights, parts, strict=True):
            w.grad = one.view_as(w).to(w.dtype)

    def _guarded(self, found: dict[str, Tensor]) -> Tensor:
        """The sum of the gradients, the others without what goes against discharge."""
        first = found.pop("discharge")
        square, total = first @ first, first.clone()
        for one in found.values():
            against = (one @ first).clamp(max=0.0)
            total += one - torch.where(square > 0, against / square, 0.0) * first
        return total

    def _measured(self, found: dict[str, Tensor], counted: dict[str, float]) -> Tensor:
        """The sum of the gradients by factors that are found from their norms."""
        for name, one in found.items():
            if counted[name]:
                norm = (one.double().norm() / counted[name]).item()
                before = self.known[name]
                kept = norm if math.isnan(before) else _MEMORY * before + (1 - _MEMORY) * norm
                self.known[name] = kept if math.isfinite(kept) else before
        self._follow(self.known)
        return torch.stack([self.factors[name] * one for name, one in found.items()]).sum(0)

    def step(
        self, optimizer: torch.optim.Optimizer, losses: Sequence[Mapping[str, float]], epoch: int
    ) -> None:
        """Let the optimizer follow the gradient, and find what the next step is balanced by.

        losses  of the parts by name, of each minibatch of the step, of all processes
        """
        values = {
            name: sum(found) / len(found)
            for name in self.weights
            if (found := [one[name] for one in losses if name in one])
        }
        if self.by in ("start", "uncertainty"):
            self._refuse_negative(values)
        if self.by == "uncertainty":
            slopes = [
                w * (1 - math.exp(-log) * values[name]) if name in values else 0.0
                for (name, w), log in zip(self.weights.items(), self.logs.tolist(), strict=True)
            ]
            self.logs.grad = self.logs.new_tensor(slopes)
        optimizer.step()
        if self.by == "uncertainty":
            self._follow(dict(zip(self.weights, self.logs.detach().exp().tolist(), strict=True)))
        elif self.by == "start" and epoch == 0:
            for name, value in values.items():
                seen, before = self.seen[name], self.known[name]
                self.known[name] = (seen * before + value) / (seen + 1) if seen else value
                self.seen[name] = seen + 1
            self._follow(self.known)
        self.steps += 1

    def _refuse_negative(self, values: Mapping[str, float]) -> None:
        """ValueError for a loss below zero, which no variance or start can be told from."""
        for name, value in values.items():
            if value < 0:
                raise ValueError(
                    f'balance "{self.by}" is of losses that are 0 for a perfect fit and above it '
                    f"for any other, but that of {name.replace('_', ' ')} is {value:g}: take "
                    '"weights" or "gradients"'
                )

    @property
    def state(self) -> dict[str, Tensor]:
        """All that the next steps depend on, for a checkpoint; empty where it is nothing."""
        if self.by in ("weights", "guarded"):
            return {}
        numbers = {"factors": self.factors, "known": self.known, "seen": self.seen}
        found = {n: torch.tensor(list(v.values()), dtype=torch.double) for n, v in numbers.items()}
        return found | {"steps": torch.tensor(self.steps), "logs": self.logs.detach().clone()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state`."""
        if not self.state:
            return
        for name in ("factors", "known", "seen"):
            setattr(self, name, dict(zip(self.weights, state[name].tolist(), strict=True)))
        self.steps = int(state["steps"])
        with torch.no_grad():
            self.logs.copy_(state["logs"])

    def _follow(self, sizes: Mapping[str, float]) -> None:
        """Let the parts count by their weights over these sizes."""
        if not any(map(math.isnan, sizes.values())):
            least = _LEAST * max(sizes.values()) or 1.0
            rates = {name: 1 / max(size, least) for name, size in sizes.items()}
            total = sum(w * rates[name] for name, w in self.weights.items())
            scale = sum(self.weights.values()) / total
            self.factors = {name: scale * rate for name, rate in rates.items()}
