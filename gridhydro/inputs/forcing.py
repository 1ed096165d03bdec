"""Forcing as the engine takes it: one tensor for all variables, days and active cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.base import calendar, periods, refuse
from gridhydro.base.quantities import quantity
from gridhydro.base.units import to_unit
from gridhydro.columns.column import Column, Field
from gridhydro.domain.check import Report
from gridhydro.domain.domain import Domain
from gridhydro.io import packed_file


@dataclass(frozen=True)
class Forcing:
    """values (F, T, N) in the order and units of the column's forcings; times (T,), daily.

    Those of a record that is packed on disk stay on the CPU: only windows go to a device.
    """

    times: pd.DatetimeIndex
    values: torch.Tensor
    packed: bool = False

    @classmethod
    def read(
        cls,
        dataset,
        domain: Domain,
        column: Column,
        dtype=torch.float32,
        device="cpu",
        cache: str | Path | None = None,
        progress: bool = True,
    ):
        """From a Dataset with the forcings of a column or model as (time, y, x) on the domain.

        For lumped basins (time, gauge). Units are converted; a variable that is missing, a day
        that is missing and a value that is missing each raise ValueError saying which. With a
        folder `cache` the series are not held in memory but packed into a file there, piece by
        piece, and read by the window.
        """
        if isinstance(dataset, Forcing) and dataset.packed:
            return dataset
        if isinstance(dataset, Forcing):
            return cls(dataset.times, dataset.values.to(device=device, dtype=dtype))
        times = _times(dataset)
        if cache is not None:

            def rows(days: slice) -> np.ndarray:
                part = dataset.isel(time=days)
                return np.stack([_variable(part, f, times[days], domain) for f in column.forcings])

            shape = (len(column.forcings), len(times), domain.size)
            return cls(times, packed_file.packed(cache, shape, rows, progress=progress), True)
        rows = [_variable(dataset, field, times, domain) for field in column.forcings]
        tensors = [torch.as_tensor(np.ascontiguousarray(row), dtype=dtype) for row in rows]
        values = torch.stack(tensors).to(device)
        return cls(times, values if not domain.lumped else by_cell(values))

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.values.shape[2]

    def window(self, starts, length: int, cells, device=None) -> torch.Tensor:
        """(F, length, B): for each of the cells (B,) the days from its own start (B,) on.

        On `device`, or where the record is.
        """
        return _windows(self.values, starts, length, cells).to(device or self.values.device)

    @staticmethod
    def check(dataset, domain: Domain, column: Column) -> Report:
        """Everything that `read` would refuse, one error a variable."""
        report = Report()
        try:
            times = _times(dataset)
        except ValueError as error:
            return Report(errors=[str(error)])
        for field in column.forcings:
            try:
                _variable(dataset, field, times, domain)
            except ValueError as error:
                report.errors.append(str(error))
        return report

    def between(self, start, stop) -> slice:
        """The days of a period, both ends included: ("1990", "1992") is three years.

        ValueError if the forcing does not have all of them.
        """
        return periods.within(self.times, (start, stop), "the forcing")


def by_cell(values: torch.Tensor) -> torch.Tensor:
    """The same series (F, T, N), in memory with the days of a cell together: for windows."""
    return values.transpose(1, 2).contiguous().transpose(1, 2)


def _windows(values: torch.Tensor, starts, length: int, cells) -> torch.Tensor:
    """Windows (..., length, B) of series (..., T, N)."""
    starts, cells = (torch.as_tensor(v).to(values.device) for v in (starts, cells))
    days = torch.arange(length, device=values.device)[:, None] + starts
    # one memory layout whatever that of the series: sums, and with them every bit, depend on it
    return values[..., days, cells].contiguous()


def _times(dataset) -> pd.DatetimeIndex:
    if not isinstance(dataset, xr.Dataset):
        raise ValueError(
            f"the forcing is a {type(dataset).__name__}, should be an xarray Dataset: open a file "
            "with xarray.open_dataset"
        )
    if "time" not in dataset.coords:
        raise ValueError("the forcing has no coordinate 'time': rename the one that holds the days")
    return calendar.daily(dataset["time"], "the forcing")


def _variable(dataset, field: Field, times, domain: Domain) -> np.ndarray:
    """One variable (T, N) in the column's unit, without holes and within reason."""
    name = field.name
    if name not in dataset:
        raise ValueError(
            f"the forcing lacks {name}; it has {', '.join(map(str, dataset))}: rename the variable "
            "with Dataset.rename"
        )
    series = domain.pack(to_unit(dataset[name], field.unit))
    place = refuse.at(times, lambda cell: f"in {domain.name_cell(cell)}")
    refuse.missing(name, series, place, "fill them, or mask the cells out")
    taken = quantity(name, field.unit).taken
    other = ", or a flux whose sign is the other way round?" if taken.never_negative else "?"
    mend = f"is it a code for missing values{other}"
    refuse.outside(name, series, place, taken, mend)
    return np.maximum(series, 0) if taken.never_negative else series
