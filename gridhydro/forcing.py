"""Forcing as the engine takes it: one tensor for all variables, days and active cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.column import Column
from gridhydro.domain import Domain
from gridhydro.units import to_unit


@dataclass(frozen=True)
class Forcing:
    """values (F, T, N) in the order and units of the column's forcings; times (T,), daily."""

    times: pd.DatetimeIndex
    values: torch.Tensor

    @classmethod
    def read(cls, dataset, domain: Domain, column: Column, dtype=torch.float32, device="cpu"):
        """From a Dataset with the column's forcings as (time, y, x) on the domain's grid.

        For lumped basins (time, gauge). Units are converted; a variable that is missing, a day
        that is missing and a value that is missing each raise ValueError saying which.
        """
        if isinstance(dataset, Forcing):
            return cls(dataset.times, dataset.values.to(device=device, dtype=dtype))
        missing = [f.name for f in column.forcings if f.name not in dataset]
        if missing:
            raise ValueError(
                f"the forcing lacks {', '.join(missing)}; it has {', '.join(map(str, dataset))}: "
                "rename the variables with Dataset.rename"
            )
        times = _daily(dataset["time"])
        rows = []
        for field in column.forcings:
            values = domain.pack(to_unit(dataset[field.name], field.unit))
            _refuse_holes(values, field.name, times, domain)
            rows.append(torch.as_tensor(np.ascontiguousarray(values), dtype=dtype))
        return cls(times, torch.stack(rows).to(device))

    def between(self, start, stop) -> slice:
        """The days of a period, both ends included: ("1990", "1992") is three years."""
        days = self.times.slice_indexer(str(start), str(stop))
        if days.start >= days.stop:
            raise ValueError(
                f"the period {start} to {stop} is outside the forcing, which goes from "
                f"{self.times[0]:%Y-%m-%d} to {self.times[-1]:%Y-%m-%d}"
            )
        return days


def _daily(time: xr.DataArray) -> pd.DatetimeIndex:
    times = pd.DatetimeIndex(time.to_index()).floor("D")
    steps = np.diff(times.to_numpy()) / np.timedelta64(1, "D")
    wrong = np.flatnonzero(steps != 1)
    if wrong.size:
        after = times[wrong[0]]
        raise ValueError(
            f"the forcing is not daily without gaps: {after:%Y-%m-%d} is followed by "
            f"{times[wrong[0] + 1]:%Y-%m-%d} ({wrong.size} such places): resample or fill it"
        )
    return times


def _refuse_holes(values: np.ndarray, name: str, times, domain: Domain) -> None:
    holes = ~np.isfinite(values)
    if holes.any():
        day, cell = np.argwhere(holes)[0]
        raise ValueError(
            f"{name} is missing on {times[day]:%Y-%m-%d} in {domain.name_cell(cell)}; "
            f"{holes.sum()} of {holes.size} values in all: fill them, or mask the cells out"
        )
