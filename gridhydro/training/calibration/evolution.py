"""The state of many shuffled complex evolutions in step with each other."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

STOPS = ("running", "runs", "range", "change")


@dataclass
class Evolution:
    """N populations of P parameters each, between two shuffles of their complexes.

    points   (N, S, P) the population and values (N, S) what was found there
    spent    (N,) runs so far; stopped (N,): why it ended, a place in STOPS
    history  after each shuffle, the first population included: `best` (L, N, P), `lowest` (L, N)
             and `runs` (L, N)
    """

    points: Tensor
    values: Tensor
    spent: Tensor
    stopped: Tensor
    best: Tensor
    lowest: Tensor
    runs: Tensor

    @property
    def loops(self) -> int:
        """Shuffles so far."""
        return len(self.lowest) - 1

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name, from which Evolution(**tensors) is the same again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def note(self) -> None:
        """Add the best points so far to the history."""
        lowest, where = self.values.min(1)
        best = self.points.take_along_dim(where[:, None, None], 1)
        self.best = torch.cat([self.best, best.transpose(0, 1)])
        self.lowest = torch.cat([self.lowest, lowest[None]])
        self.runs = torch.cat([self.runs, self.spent[None]])
