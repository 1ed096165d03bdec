"""Periods of days that kernels average over, instead of writing every day."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Periods:
    """What the kernels average over: row (T + 1,) int32, the last -1; share (T,); their number."""

    row: torch.Tensor
    share: torch.Tensor
    count: int

    @classmethod
    def of(cls, averages, days: int, like: torch.Tensor) -> Periods:
        """From (row (T,), share (T,), count), checked; None is no period at all."""
        row, share, count = averages or (like.new_zeros(days), like.new_zeros(days), 0)
        if row.shape != (days,) or share.shape != (days,):
            raise ValueError(
                f"the periods are given for {len(row)} days and the shares for {len(share)}, but "
                f"the run has {days}"
            )
        if count and ((row < 0).any() or (row >= count).any() or (row.diff() < 0).any()):
            raise ValueError(f"the periods of days are 0 to {count - 1}, in order of time")
        row = torch.nn.functional.pad(row.to(like.device, torch.int32), (0, 1), value=-1)
        return cls(row, share.to(like).contiguous(), count)


def averaged(values: torch.Tensor, periods: Periods) -> torch.Tensor:
    """Daily values (O, T, N) as weighted sums over periods (O, R, N), by plain torch."""
    sums = values.new_zeros(len(values), periods.count, values.shape[2])
    return sums.index_add(1, periods.row[:-1].long(), values * periods.share[:, None])
