"""What a run may be asked for in place of the daily series of all cells, which may be too large."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor


@dataclass(frozen=True)
class AtCells:
    """An output by day at some cells of the domain alone, (T, K)."""

    name: str
    cells: tuple[int, ...]


@dataclass(frozen=True)
class Monthly:
    """Means of an output over the calendar months, as far as the days go, (months, N)."""

    name: str


Wanted = str | AtCells | Monthly


def name_of(wanted: Wanted) -> str:
    """The output that it is of."""
    return wanted if isinstance(wanted, str) else wanted.name


class Gathered:
    """One thing that is wanted, filled by blocks of days of the output that it is of."""

    def __init__(self, wanted: Wanted, times: pd.DatetimeIndex):
        self.wanted, self.days = wanted, len(times)
        self.values: Tensor | None = None
        if isinstance(wanted, Monthly):
            codes, months = times.to_period("M").factorize()
            self.month, self.lengths = torch.as_tensor(codes), torch.zeros(len(months))
            self.lengths = torch.bincount(self.month, minlength=len(months))
        elif isinstance(wanted, AtCells):
            self.cells = torch.tensor(wanted.cells, dtype=torch.int64)

    def add(self, days: slice, daily: Tensor) -> None:
        """These days (L, N) of the output."""
        if isinstance(self.wanted, Monthly):
            if self.values is None:
                self.kind = daily.dtype
                self.values = torch.zeros(len(self.lengths), daily.shape[1], dtype=torch.float64)
            self.values.index_add_(0, self.month[days], daily.double())
            return
        daily = daily if isinstance(self.wanted, str) else daily[:, self.cells]
        if self.values is None:
            self.values = daily.new_zeros(self.days, daily.shape[1])
        self.values[days] = daily

    def whole(self) -> Tensor:
        """All of it."""
        values = torch.empty(0) if self.values is None else self.values
        if isinstance(self.wanted, Monthly) and self.values is not None:
            return (values / self.lengths[:, None]).to(self.kind)
        return values
