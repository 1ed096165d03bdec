"""Periods of days that kernels average over, instead of writing every day."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Periods:
    """Periods that the kernels average over, R of them.

    row (T + 1,) int32 is the period that a day belongs to, -1 after the last day; weight (T,) is
    what the day counts in the mean of its period; `count` is R.
    """

    row: torch.Tensor
    weight: torch.Tensor
    count: int

    @classmethod
    def of(cls, averages, days: int, like: torch.Tensor) -> Periods:
        """Periods from (row (T,), weight (T,), count); None is no period at all.

        ValueError if they are not of so many `days`, not in order of time, or number none.
        """
        if averages is None:
            row = like.new_zeros(days + 1, dtype=torch.int32)
            row[-1:].fill_(-1)
            return cls(row, like.new_zeros(days), 0)
        periods = cls._of(averages, days, like)
        periods.check()
        return periods

    @classmethod
    def unchecked(cls, averages, days: int, like: torch.Tensor) -> Periods:
        """The same for an operator, which has to `check` them: a trace sees no values.

        Of no period, both rows are empty: nothing reads them.
        """
        if averages is None:
            return cls(like.new_empty(0, dtype=torch.int32), like.new_empty(0), 0)
        return cls._of(averages, days, like)

    @classmethod
    def _of(cls, averages, days: int, like: torch.Tensor) -> Periods:
        row, weight, count = averages
        if row.shape != (days,) or weight.shape != (days,):
            raise ValueError(
                f"the periods are given for {len(row)} days and the weights for {len(weight)}, but "
                f"the run has {days}"
            )
        if count < 1:
            raise ValueError(f"there is at least one period to average over, not {count}")
        row = torch.nn.functional.pad(row.to(like.device, torch.int32), (0, 1), value=-1)
        return cls(row, weight.to(like).contiguous(), count)

    def check(self) -> None:
        """ValueError if a day is in none of the periods, or they are not in order of time."""
        if not self.count:
            return
        row = self.row[:-1]
        if (row < 0).any() or (row >= self.count).any() or (row.diff() < 0).any():
            raise ValueError(f"the periods of days are 0 to {self.count - 1}, in order of time")


def averaged(values: torch.Tensor, periods: Periods) -> torch.Tensor:
    """Daily values (O, T, N) as weighted sums over periods (O, R, N), by plain torch."""
    sums = values.new_zeros(len(values), periods.count, values.shape[2])
    if not periods.count:
        return sums
    return sums.index_add(1, periods.row[:-1].long(), values * periods.weight[:, None])
