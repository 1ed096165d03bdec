"""Daily series that stay where they are: blocks of days are read, converted and checked on their
way in, and are then the same numbers as those of the whole.

A verdict that needs more than a block (whether a number is a code, whether the unit is the one that
is stated) is made by the whole series: what is not suspect in a block is not so in the whole. Where
something is, the series is passed over once, a block at a time, for what the verdict needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from gridhydro.base import refuse
from gridhydro.base.damage import MEND, memory_lacks, reason
from gridhydro.base.missing import Extent, declared
from gridhydro.base.units import conversion, guessed, refuse_implausible, typical
from gridhydro.base.windows import blocks
from gridhydro.columns.column import Field
from gridhydro.domain.cells import OnCells
from gridhydro.domain.domain import Domain
from gridhydro.domain.packing import arranged
from gridhydro.inputs.series import checked, numbers_on, quantity_of

_FORM = 1  # of packed copies: another one where their numbers are made in another way


@dataclass(frozen=True)
class Whole:
    """What is known of a series (T, N) that was passed over.

    extent  of its numbers as they are stored
    mean    of its values in the unit of the field; odd: the part of them beyond what is plausible
    """

    extent: Extent
    mean: float
    odd: float


class OneSeries:
    """A variable over time and the cells of a domain, of which blocks of days are taken.

    field  its name and the unit that it is brought to
    ValueError at once for axes, grid and units that do not fit; for values when they are read.
    """

    def __init__(self, array: xr.DataArray, field: Field, times: pd.DatetimeIndex, domain: Domain):
        self.field, self.times, self.domain, self.all = field, times, domain, self
        self.array = arranged(domain, array, ("time",), field.name)
        self.cells = OnCells.of(domain, self.array)
        self.known = declared(self.array) is not None
        self.doubted = False  # whether it was told that a number may be a code
        unit = self.array.attrs.get("units")
        if unit is None or not str(unit).strip():
            unit = guessed(self._given(next(self.parts(), slice(0, 0))), field.unit)
        self.unit = unit
        self.factor, self.offset = conversion(field.name, unit, field.unit)

    def parts(self) -> Iterator[slice]:
        """The days in blocks, in order."""
        return blocks(self.cells.box, "time")

    def block(self, days: slice) -> np.ndarray:
        """Values (L, N) float32 of some days in the unit of the field, none missing."""
        given, name, place = self._given(days), self.field.name, self._place(days)
        self.doubted |= refuse.codes(
            name, given, place, quantity_of(self.array), declared=self.known,
            whole=lambda: self.whole.extent, told=self.doubted,
        )  # fmt: skip
        values = self._converted(given)
        self._refuse_unit(values)
        return checked(values, self.field, self.times[days], self.domain).astype(
            np.float32, copy=False
        )

    def of_cells(self, domain: Domain) -> OneSeries:
        """The same series in a part of the domain's cells alone; verdicts are those of all."""
        found = copy(self)
        found.domain, found.cells, found.all = domain, OnCells.of(domain, self.array), self
        return found

    @cached_property
    def whole(self) -> Whole:
        """What a verdict on a single value needs of all: read a block at a time."""
        if self.all is not self:
            return self.all.whole
        total, count, odd = 0.0, 0, np.zeros(2, int)

        def parts() -> Iterator[np.ndarray]:
            nonlocal total, count, odd
            for days in self.parts():
                given = self._given(days)
                values = self._converted(given).astype(np.float64)
                there = np.isfinite(values)
                total, count = total + values[there].sum(), count + there.sum()
                odd += [np.sum(values[there] <= -90), np.sum(values[there] >= 70)]
                yield given

        codes = quantity_of(self.array).codes
        extent = Extent.of(parts(), len(self.times) * self.domain.size, codes)
        return Whole(extent, total / max(count, 1), float(odd.max()) / max(count, 1))

    def _refuse_unit(self, values: np.ndarray) -> None:
        """ValueError for a unit in which the series cannot be."""
        told = self.field.name, str(self.unit), self.field.unit
        try:
            for end in (np.fmin, np.fmax):  # cheaper than a median
                refuse_implausible(float(end.reduce(values, axis=None)), *told)
        except ValueError:
            middle = typical(values, self.field.unit)
            if self.field.unit == "mm d-1":
                middle = self.whole.mean if middle > 200 else middle
            elif self.whole.odd < 0.5:
                return
            refuse_implausible(middle, *told)

    def _given(self, days: slice) -> np.ndarray:
        return numbers_on(self.cells, self.array, self.field.name, self._place(days), days)

    def _converted(self, given: np.ndarray) -> np.ndarray:
        same = (self.factor, self.offset) == (1, 0)
        return given if same else given * self.factor + self.offset

    def _place(self, days: slice) -> refuse.Place:
        return refuse.at(self.times[days], lambda cell: f"in {self.domain.name_cell(cell)}")


class Stream:
    """Series (F, T, N), float32, on the CPU; what is asked for, and only that, is read.

    It is indexed as a tensor is, and gives tensors: [rows, days] or [rows, days, cells].
    source  where the series are, for messages
    origin  what the files are that they come from, and when these were written; None: not known
    """

    dtype, device, ndim = torch.float32, torch.device("cpu"), 3

    def __init__(self, series: Sequence[OneSeries], source: str = "", origin: str | None = None):
        self.series, self.source, self.origin = tuple(series), source, origin
        days, cells = len(self.series[0].times), self.series[0].domain.size
        self.shape = (len(self.series), days, cells)

    def __len__(self) -> int:
        return len(self.series)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[row] for row in range(len(self)))

    def rows(self, places: Sequence[int]) -> Stream:
        """Some of the series, in this order; nothing is read."""
        return Stream([self.series[place] for place in places], self.source, self.origin)

    def of_cells(self, domain: Domain) -> Stream:
        """The series in a part of the domain's cells, around which alone is read."""
        parts = [one.of_cells(domain) for one in self.series]
        return Stream(parts, self.source, self.origin)

    def __getitem__(self, key) -> Tensor:
        rows, days, cells = (*(key if isinstance(key, tuple) else (key,)), *[slice(None)] * 2)[:3]
        found = torch.arange(len(self))[rows]
        wanted = torch.arange(self.shape[1])[days]
        values = self._read(found.reshape(-1).tolist(), wanted.reshape(-1).numpy())
        values = values.reshape(*found.shape, *wanted.shape, self.shape[2])
        return values[..., cells]

    def numbers(self, days: slice) -> np.ndarray:
        """Some days of all series, (F, L, N)."""
        return self[:, days].numpy()

    def to(self, *args, **options) -> Tensor:
        """All of it, as `torch.Tensor.to`."""
        return self[:].to(*args, **options)

    def parts(self) -> list[slice]:
        """The days in blocks that are read well, in order."""
        return max((list(one.parts()) for one in self.series), key=len)

    def key(self, *more) -> str | None:
        """A name that no other series have; None where it is not known what they are."""
        if self.origin is None:
            return None
        series = [(one.field.name, one.field.unit, one.factor, one.offset) for one in self.series]
        times, domain = self.series[0].times, self.series[0].domain
        told = repr((_FORM, self.origin, series, times[0], self.shape, *more))
        found = blake2b(told.encode(), digest_size=12)
        found.update(np.ascontiguousarray(domain.lonlat).tobytes())
        found.update(repr("" if domain.cell_index is None else list(domain.cell_index)).encode())
        return f"forcing-{found.hexdigest()}"

    def _read(self, rows: list[int], days: np.ndarray) -> Tensor:
        """(rows, days, N) of days in any order."""
        found = np.empty((len(rows), len(days), self.shape[2]), np.float32)
        if not days.size:
            return torch.from_numpy(found)
        for place, row in enumerate(rows):
            for part in _spans(self.series[row].parts(), days):
                inside = np.flatnonzero((days >= part.start) & (days < part.stop))
                found[place, inside] = self._block(row, part)[days[inside] - part.start]
        return torch.from_numpy(found)

    def _block(self, row: int, days: slice) -> np.ndarray:
        """What is wrong is said with the source, and with the days that were looked at."""
        one, first = self.series[row], f"{self.source}: " if self.source else ""
        try:
            return one.block(days)
        except ValueError as error:
            ends = one.times[days.start], one.times[days.stop - 1]
            raise ValueError(
                f"{first}{error} (of the days {ends[0]:%Y-%m-%d} to {ends[1]:%Y-%m-%d})"
            ) from error
        except Exception as error:  # whatever a library raises over damaged bytes
            if memory_lacks(error):
                raise
            raise OSError(
                f"{first}'{one.field.name}' cannot be read: {reason(error)}: {MEND}"
            ) from error


def _spans(parts: Iterable[slice], days: np.ndarray) -> Iterator[slice]:
    """The spans of days in each block that has any."""
    for part in parts:
        inside = days[(days >= part.start) & (days < part.stop)]
        if inside.size:
            yield slice(int(inside.min()), int(inside.max()) + 1)
