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
        row, weight, count = averages or (like.new_zeros(days), like.new_zeros(days), 0)
        if row.shape != (days,) or weight.shape != (days,):
            raise ValueError(
                f"the periods are given for {len(row)} days and the weights for {len(weight)}, but "
                f"the run has {days}"
            )
        if averages and count < 1:
            raise ValueError(f"there is at least one period to average over, not {count}")
        if count and ((row < 0).any() or (row >= count).any() or (row.diff() < 0).any()):
            raise ValueError(f"the periods of days are 0 to {count - 1}, in order of time")
        row = torch.nn.functional.pad(row.to(like.device, torch.int32), (0, 1), value=-1)
        return cls(row, weight.to(like).contiguous(), count)


def averaged(values: torch.Tensor, periods: Periods) -> torch.Tensor:
    """Daily values (O, T, N) as weighted sums over periods (O, R, N), by plain torch."""
    sums = values.new_zeros(len(values), periods.count, values.shape[2])
    return sums.index_add(1, periods.row[:-1].long(), values * periods.weight[:, None])
