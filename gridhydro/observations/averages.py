"""Periods over which the kernels average storages, instead of handing out every day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch


@dataclass(frozen=True, eq=False)
class Averages:
    """Disjoint periods of days; the average of period r is the sum of weight * value over its days.

    row    (T,) int32, the period that each day belongs to, in [0, count)
    weight  (T,) float64, the weight of the day in the average of its period; 0 leaves the day out
    count  R, the number of periods; one without days averages to 0

    Raises ValueError naming the first day that does not fit.
    """

    row: torch.Tensor
    weight: torch.Tensor
    count: int

    def __post_init__(self):
        if self.row.ndim != 1 or self.row.shape != self.weight.shape:
            raise ValueError(
                "averages have one row and one weight for each day, (T,) both, not "
                f"{tuple(self.row.shape)} and {tuple(self.weight.shape)}"
            )
        if self.row.dtype != torch.int32 or self.weight.dtype != torch.float64:
            raise ValueError(
                f"the rows of averages are int32 and their weights float64, not {self.row.dtype} "
                f"and {self.weight.dtype}: use .to()"
            )
        self._refuse((self.row < 0) | (self.row >= self.count), self.row, "row", f"{self.count}")
        wrong = ~torch.isfinite(self.weight) | (self.weight < 0)
        self._refuse(wrong, self.weight, "weight", "infinity")

    def _refuse(self, wrong, values, what, limit):
        if wrong.any():
            day = int(wrong.nonzero()[0])
            raise ValueError(
                f"the {what} of day {day} is {values[day]}: it lies from 0 to below {limit}"
            )

    def __repr__(self) -> str:
        used = int((self.weight > 0).sum())
        return f"Averages over {self.count} periods, of {used} of {len(self.row)} days"

    def __iter__(self):
        """Row, weight and count, as the kernels take them."""
        return iter((self.row, self.weight, self.count))

    @classmethod
    def of_labels(cls, label, count: int) -> Averages:
        """Plain means over the days of each label (T,), integers; -1 leaves a day out.

        ValueError for a label out of range.
        """
        label = np.asarray(label, np.int64)
        if (label < -1).any() or (label >= count).any():
            wrong = int(np.flatnonzero((label < -1) | (label >= count))[0])
            raise ValueError(f"day {wrong} has the label {label[wrong]}, of {count} periods")
        wanted = label >= 0
        days = np.bincount(label[wanted], minlength=count)
        weight = np.where(wanted, 1 / np.maximum(days, 1)[label], 0.0)
        # a day that is left out stays in the row of the day before it: rows change seldom then
        last = np.maximum.accumulate(np.where(wanted, np.arange(label.size), -1))
        row = np.where(last >= 0, label[last], 0)
        return cls(torch.from_numpy(row.astype(np.int32)), torch.from_numpy(weight), count)

    @classmethod
    def monthly(cls, times) -> Averages:
        """Means over the calendar months of `times` (T,), daily and in order.

        ValueError if they are not in order, or there are none.
        """
        months = pd.DatetimeIndex(times).to_period("M")
        if not len(months):
            raise ValueError("there are no times to average over")
        label = np.asarray(months.year * 12 + months.month)
        if (np.diff(label) < 0).any():
            day = int(np.argmax(np.diff(label) < 0))
            raise ValueError(f"times go back in time after day {day} ({times[day]}): sort them")
        _, label = np.unique(label, return_inverse=True)
        return cls.of_labels(label, int(label[-1]) + 1)

    def cuts(self) -> np.ndarray:
        """The days (C,) before which a run may be cut without cutting a period in two."""
        days, counted = len(self.row), self.weight.cpu().numpy() > 0
        day, row = np.flatnonzero(counted), self.row.cpu().numpy()[counted]
        first, last = np.full(self.count, days), np.full(self.count, -1)
        np.minimum.at(first, row, day)
        np.maximum.at(last, row, day)
        used = last >= 0
        opened = np.bincount(first[used] + 1, minlength=days + 2).cumsum()
        closed = np.bincount(last[used] + 1, minlength=days + 2).cumsum()
        inside = np.flatnonzero(opened == closed)
        return inside[(inside > 0) & (inside < days)]

    def part(self, days: slice) -> tuple[Averages, torch.Tensor]:
        """The averages over some of the days alone, and which of the periods (P,) these are."""
        row, weight = self.row[days], self.weight[days]
        periods = torch.unique(row[weight > 0])
        if not len(periods):
            return Averages(torch.zeros_like(row), weight, 1), periods
        place = torch.searchsorted(periods, row).clamp(max=len(periods) - 1)
        return Averages(place.to(torch.int32), weight, len(periods)), periods

    def means(self, daily: torch.Tensor) -> torch.Tensor:
        """The averages (R, ...) of daily values (T, ...): the reference of what the kernels do.

        ValueError for another number of days.
        """
        if len(daily) != len(self.row):
            raise ValueError(f"{len(daily)} days of values for averages of {len(self.row)} days")
        weight = self.weight.to(daily).reshape(-1, *[1] * (daily.ndim - 1))
        out = daily.new_zeros(self.count, *daily.shape[1:])
        # 0 x NaN is NaN: a day that is left out must not matter
        kept = torch.where(weight > 0, daily, 0) * weight
        return out.index_add(0, self.row.to(daily.device), kept)

    def to(self, device) -> Averages:
        """The same on another device."""
        return Averages(self.row.to(device), self.weight.to(device), self.count)
