"""Forcing as the engine takes it: one tensor for all variables, days and active cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.base import periods, steps
from gridhydro.base.report import REFUSED, STRICT, Doors, Report
from gridhydro.base.workers import spread
from gridhydro.columns.column import Field, TakesForcing
from gridhydro.domain.domain import Domain
from gridhydro.inputs.calendar_series import OF_CALENDAR, lazy_of_calendar, of_calendar
from gridhydro.inputs.pet_lazy import lazy_pet
from gridhydro.inputs.series import checked, on_cells
from gridhydro.inputs.stream import OneSeries, Stream
from gridhydro.io import packed_file
from gridhydro.io.stores import naming, stays_open, written

DEMAND = "potential_evapotranspiration"
# of a series that is packed by the day, in which some cells are looked for at once
_NUMBERS = 2**23


@dataclass(frozen=True)
class Forcing:
    """Series of the cells by day or by equal parts of days, checked and in the units of the engine.

    times   (T,), days, or the beginnings of the steps of whole days
    values  (F, T, N); those of a record that is packed on disk stay on the CPU: only windows go to
            a device. Of one that was opened and not read, a `Stream`, which is indexed alike
    packed  whether they are on disk
    fields  names and units of the F series; () where nothing says so: they are then those of the
            column or model that they are given to, in its order
    method  how the potential evapotranspiration was computed, where that is known
    """

    times: pd.DatetimeIndex
    values: torch.Tensor
    packed: bool = False
    fields: tuple[Field, ...] = ()
    method: str | None = None

    def __repr__(self) -> str:
        names = ", ".join(f"{field.name} {field.unit}" for field in self.fields) or "series"
        count = self.steps_a_day
        days = f"{len(self.times) // count} days"
        days += f" of {count} steps" if count > 1 else ""
        if len(self.times):
            days += f" from {self.times[0]:%Y-%m-%d} to {self.times[-1]:%Y-%m-%d}"
        return f"Forcing of {self.size} cells, {days}: {names}"

    @classmethod
    def read(
        cls,
        dataset,
        domain: Domain,
        column: TakesForcing,
        dtype=torch.float32,
        device="cpu",
        cache: str | Path | None = None,
        progress: bool = True,
        doors: Doors = STRICT,
    ) -> Forcing:
        """From a Dataset with the forcings of a column or model as (time, y, x) on the domain.

        For lumped basins (time, gauge), for vector networks (time, reach). Units are converted; a
        variable that is missing, a day that is missing and a value that is missing each raise
        ValueError saying which. With a
        folder `cache` the series are not held in memory but packed into a file there, piece by
        piece, and read by the window. A `Forcing` is taken as it is, see `chosen`. `doors`: each
        series has its own.
        """
        where = _Place(domain, cache, progress, dtype, device)
        if isinstance(dataset, Forcing):
            found = doors(dataset.chosen, domain, column)
            if found is REFUSED:
                return REFUSED
            if isinstance(found.values, Stream):
                return doors(where.read, found)
            values = found.values if found.packed else found.values.to(device=device, dtype=dtype)
            return found if values is found.values else replace(found, values=values)
        times = doors(steps_of, dataset, _count(column))
        if times is REFUSED:
            return REFUSED
        if cache is not None:
            series = [doors(_lazy, dataset, f, times, domain) for f in column.forcings]
            if any(one is REFUSED for one in series):
                return REFUSED
            return doors(where.read, _streamed(Stream(series), times, column, dataset))

        def tensor(field: Field) -> torch.Tensor:
            row = _variable(dataset, field, times, domain)
            return torch.as_tensor(np.ascontiguousarray(row), dtype=dtype)

        tensors = [doors(tensor, field) for field in column.forcings]
        if any(one is REFUSED for one in tensors):
            return REFUSED
        values = torch.stack(tensors).to(device)
        values = by_cell(values) if domain.lumped else values
        return cls(times, values, False, tuple(column.forcings), method_of(dataset))

    @classmethod
    def open(
        cls,
        source: str | Path | xr.Dataset,
        domain: Domain,
        column: TakesForcing,
        *,
        period=None,
        pet: str | None = None,
    ) -> Forcing:
        """As `read`, but the series stay where they are: a block of days is read when it is asked
        for, only around the cells of the domain, converted and checked, and not kept.

        source  a NetCDF file, a Zarr store, the address of one ("s3://...", "https://..."), or a
                Dataset that is not in memory, of Dask's too
        period  two dates, months or years, both ends included; all days if None
        pet     method by which the potential evapotranspiration is computed from other series, see
                `pet_of`; None takes that of the source
        The numbers are those of `read`, to the last bit. What does not fit (axes, grid, units) is
        refused at once, a value when its block is read. A verdict that needs the whole series is
        made by all of it, which is then passed over once.
        """
        origin, told = None, ""
        if not isinstance(source, xr.Dataset):
            origin, told = written(source), str(source)
            source = stays_open(source)
        with naming(told):
            times = steps_of(source, _count(column))
            if period is not None:
                days = periods.within(times, period, "the forcing")
                source, times = source.isel(time=days), times[days]
            if pet is not None:
                source = source.assign({DEMAND: lazy_pet(source, pet).assign_attrs(method=pet)})
            series = [_lazy(source, field, times, domain) for field in column.forcings]
        origin = None if origin is None else f"{origin} {pet}"
        return _streamed(Stream(series, told, origin), times, column, source)

    def chosen(self, domain: Domain, column: TakesForcing) -> Forcing:
        """The series that a column or model takes, in its order, without a copy where they lead.

        ValueError for another number of cells, and for series that are lacking or in other units.
        """
        wanted, again = column.forcings, "read it anew with gridhydro.Forcing.read"
        if self.size != domain.size:
            raise ValueError(
                f"the forcing is of {self.size} cells, the domain has {domain.size}: {again}"
            )
        if self.steps_a_day != _count(column) and len(self.times) > 1:
            raise ValueError(
                f"the forcing has {self.steps_a_day} steps a day, the model takes "
                f"{_count(column)}: make it with scheme=gridhydro.Stepping(steps_a_day="
                f"{self.steps_a_day}), or {again}"
            )
        if not self.fields:
            if len(self.values) != len(wanted):
                raise ValueError(
                    f"the forcing has {len(self.values)} series, {len(wanted)} are taken: "
                    f"{', '.join(f.name for f in wanted)}"
                )
            return self
        names = [field.name for field in self.fields]
        lacking = [field.name for field in wanted if field.name not in names]
        if lacking:
            raise ValueError(
                f"the forcing lacks {', '.join(lacking)}; it has {', '.join(names)}: {again}, for "
                "this column"
            )
        places = [names.index(field.name) for field in wanted]
        for field, place in zip(wanted, places, strict=True):
            if field.unit != self.fields[place].unit:
                raise ValueError(
                    f"the forcing has {field.name} in {self.fields[place].unit}, not in "
                    f"{field.unit}: {again}, for this column"
                )
        if places == list(range(len(names))):
            return self
        leading = places == list(range(len(places)))
        if isinstance(self.values, Stream):
            return replace(self, values=self.values.rows(places), fields=tuple(wanted))
        values = self.values[: len(places)] if leading else self.values[places]
        return replace(self, values=values, fields=tuple(self.fields[place] for place in places))

    def by_field(self) -> xr.Dataset:
        """The series by name, (time, cell), with units; nothing is copied on the CPU."""
        series = {
            field.name: (("time", "cell"), values.cpu().numpy(), dict(field.attrs))
            for field, values in zip(self.fields, self.values, strict=True)
        }
        return xr.Dataset(series, {"time": self.times})

    def dataset(self, domain: Domain) -> xr.Dataset:
        """The series by name, (time, y, x) on the domain, or (time, gauge) or (time, reach) with
        latitudes."""
        time = {"time": self.times}
        found = xr.Dataset(
            {
                field.name: domain.unpack(
                    values.cpu().numpy(), field.name, field.attrs, ("time",), time
                )
                for field, values in zip(self.fields, self.values, strict=True)
            }
        )
        if domain.grid is None:
            found = found.assign_coords(latitude=(domain.cell_axes[0], domain.lonlat[1]))
        if DEMAND in found and self.method is not None:
            found[DEMAND].attrs["method"] = self.method
        return found

    @property
    def steps_a_day(self) -> int:
        """Steps of time in a day."""
        return steps.steps_a_day(self.times)

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.values.shape[2]

    def block(self, days: slice, device=None) -> torch.Tensor:
        """(F, L, N): some days of all cells, on `device`, or where the record is.

        Of a record that is not in memory only these days are read.
        """
        packed_file.let_go(self.values)  # what was read before
        return self.values[:, days].to(device or self.values.device)

    def part(self, days: slice, cells: torch.Tensor) -> torch.Tensor:
        """(F, L, B): some days of some cells (B,), a copy where these are.

        Of a record that is packed on disk few pages are held at a time.
        """
        values, place = self.values, cells.to(self.values.device)
        shape = len(values), days.stop - days.start, len(place)
        found = torch.empty(shape, dtype=values.dtype, device=values.device)
        step = max(1, _NUMBERS // self.size) if self.packed else max(1, found.shape[1])
        for first in range(days.start, days.stop, step):
            some = slice(first, min(first + step, days.stop))
            for series, into in zip(values[:, some], found, strict=True):
                # series by series: along a third axis it takes twice as long
                rows = into[first - days.start : some.stop - days.start]
                torch.index_select(series, 1, place, out=rows)
            packed_file.let_go(values)
        return found.to(cells.device)

    def window(self, starts, length: int, cells, device=None) -> torch.Tensor:
        """(F, length, B): for each of the cells (B,) the days from its own start (B,) on.

        On `device`, or where the record is.
        """
        values = self.values
        if isinstance(values, Stream):
            starts = torch.as_tensor(starts)
            first = int(starts.min())
            values, starts = values[:, first : int(starts.max()) + length], starts - first
        packed_file.let_go(values)  # what was read before
        found = _windows(values, starts, length, cells)
        if device is not None and torch.device(device).type == "cuda" and not found.is_cuda:
            found = found.pin_memory()  # it is moved while the caller goes on
        return found.to(device or values.device, non_blocking=True)

    @staticmethod
    def check(dataset, domain: Domain, column: TakesForcing) -> Report:
        """Everything that `read` would refuse, one error a variable, and what it warns of."""
        report = Report()
        Forcing.read(dataset, domain, column, doors=Doors(report))
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


def _count(column: TakesForcing) -> int:
    """The steps a day that a column or model takes."""
    return round(1 / column.dt)


def steps_of(dataset, count: int = 1) -> pd.DatetimeIndex:
    """The days of a forcing, or the beginnings of its steps of which a day has so many; ValueError
    for what is none, or has other steps."""
    if isinstance(dataset, Forcing):
        return dataset.times
    if not isinstance(dataset, xr.Dataset):
        raise ValueError(
            f"the forcing is a {type(dataset).__name__}, should be an xarray Dataset: open a file "
            "with xarray.open_dataset"
        )
    if "time" not in dataset.coords:
        raise ValueError("the forcing has no coordinate 'time': rename the one that holds the days")
    try:
        return steps.of_axis(dataset["time"], "the forcing", count, dataset)
    except ValueError as error:
        if count > 1 or "several times a day" not in str(error):
            raise
        raise ValueError(
            f"{error}; or make a model by the hour of it, with the scheme gridhydro.Stepping("
            "steps_a_day=24)"
        ) from None


def _variable(dataset, field: Field, times, domain: Domain) -> np.ndarray:
    """One variable (T, N) in the column's unit, without holes and within reason."""
    if field.name in OF_CALENDAR and field.name not in dataset:
        return of_calendar(field.name, times, domain)
    array = _named(dataset, field.name)
    return checked(on_cells(domain, array, field.unit, times, field.name), field, times, domain)


def _lazy(dataset, field: Field, times, domain: Domain) -> OneSeries:
    """As `_variable`, of which nothing is read."""
    if field.name in OF_CALENDAR and field.name not in dataset:
        return OneSeries(lazy_of_calendar(field.name, times, domain), field, times, domain)
    return OneSeries(_named(dataset, field.name), field, times, domain)


def _streamed(stream: Stream, times, column: TakesForcing, dataset: xr.Dataset) -> Forcing:
    """A forcing that is not in memory."""
    values = cast(torch.Tensor, stream)
    return Forcing(times, values, False, tuple(column.forcings), method_of(dataset))


def _named(dataset: xr.Dataset, name: str) -> xr.DataArray:
    if name not in dataset:
        raise ValueError(
            f"the forcing lacks {name}; it has {', '.join(map(str, dataset))}: rename the variable "
            "with Dataset.rename"
        )
    return dataset[name]


@dataclass(frozen=True)
class _Place:
    """Where series are to be: in memory, or packed in a folder `cache`."""

    domain: Domain
    cache: str | Path | None
    progress: bool
    dtype: torch.dtype
    device: str | torch.device

    def read(self, forcing: Forcing) -> Forcing:
        """A forcing whose series are a `Stream`, read a block at a time."""
        stream = cast(Stream, forcing.values)
        if self.cache is None:
            values = torch.empty(stream.shape, dtype=self.dtype, device=self.device)
            parts = stream.parts()
            for days, read in zip(parts, spread(stream.numbers, parts), strict=True):
                values[:, days] = torch.from_numpy(read).to(values)
            return replace(forcing, values=by_cell(values) if self.domain.lumped else values)
        packed = packed_file.packed(
            self.cache, stream.shape, stream.numbers,
            progress=self.progress, by_day=not self.domain.lumped, pieces=stream.parts(),
            name=stream.key(self.domain.lumped),
        )  # fmt: skip
        return replace(forcing, values=packed, packed=True)


def method_of(dataset: xr.Dataset) -> str | None:
    """Method of the potential evapotranspiration, where the Dataset names one."""
    return dataset[DEMAND].attrs.get("method") if DEMAND in dataset else None
