"""Values of parts of days, of rasters in many files that have as many or more of them a day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhydro.io.daily_files import REDUCE, DailyArray


def steps_in(step: str) -> int:
    """How many steps such as "1h" or "3h" a day has, of "1D" one; ValueError for no part of it."""
    try:
        length = pd.Timedelta(step) if isinstance(step, str) else pd.Timedelta(0)
    except ValueError:
        length = pd.Timedelta(0)
    count = round(pd.Timedelta(1, "D") / length) if length > pd.Timedelta(0) else 0
    if not count or length * count != pd.Timedelta(1, "D"):
        raise ValueError(f"step is '1D', or a part of a day such as '1h' or '6h', not {step!r}")
    return count


class StepArray(DailyArray):
    """A series (time, y, x) as a `DailyArray`, of `count` equal parts of each of its days.

    Of amounts ("sum", or counted from the beginning of the day, "last") that of a part is its rate
    per day; all else is reduced over the part.
    """

    def __init__(self, name, parts, times: pd.DatetimeIndex, space, reduce: str, count: int):
        super().__init__(name, parts, times, space, reduce)
        self.kind, self.count = reduce, count
        self.shape = (len(times) * count, *space)

    def _window(self, pieces, days: slice, rows: slice, cols: slice) -> np.ndarray:
        first, after = days.start // self.count, -(-days.stop // self.count)
        found = super()._window(pieces, slice(first, after), rows, cols)
        start = days.start - first * self.count
        return found[start : start + days.stop - days.start]

    def _reduced(self, values: np.ndarray) -> np.ndarray:
        """(days * count, rows, cols) of (days, steps, rows, cols)."""
        if self.kind == "last":
            values = np.diff(values, axis=1, prepend=np.zeros_like(values[:, :1]))
        amount = self.kind in ("sum", "last")
        parts = values.reshape(len(values) * self.count, -1, *values.shape[2:])
        found = REDUCE["sum" if amount else self.kind](parts, axis=1)
        return found * self.count if amount else found
