"""Runs of a model that is known by its outputs alone: one NetCDF file, made here or elsewhere.

Every variable is known by its dimensions:

    forcing (time, cell)        daily, complete
    parameters (run)            one value a run; `scale = "log"` where it spans orders of magnitude,
                                `sampled_range` if it is wider than that of the values
    outputs (time, run)         with gaps where a run gave nothing
    cell_of_run (run)           the name of the cell whose forcing the run was given
    failure (run)               why a run gave nothing, empty where it did; may be left out

All but the last two have `units`. Runoff and the series that gridhydro knows by name are brought
into its units: precipitation into mm d-1, temperature into degC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar
from gridhydro.base.arguments import fraction, names, one_of
from gridhydro.base.files import replace
from gridhydro.base.quantities import OUTPUTS, SERIES
from gridhydro.base.units import spelled, to_unit
from gridhydro.columns.column import Field

RANGE = "sampled_range"
CELL_OF_RUN, FAILURE = "cell_of_run", "failure"
SAMPLING = "gridhydro_sampling"  # attribute of a file: which sampling all of these runs are
UNITS = {name: quantity.unit for name, quantity in SERIES.items()} | {
    "runoff": OUTPUTS["runoff"].unit
}
_KINDS = {"forcing": ("time", "cell"), "parameter": ("run",), "output": ("time", "run")}


@dataclass(frozen=True, eq=False)
class Runs:
    """R runs over T days at C cells.

    data  Dataset in the layout of this module, checked: ValueError names the variable, and the
          first cell, run or day, that does not fit
    """

    data: xr.Dataset

    def __post_init__(self):
        object.__setattr__(self, "data", _checked(self.data))

    def __repr__(self) -> str:
        days = self.times
        failed = f", {self.failed.sum()} of them without result" if self.failed.any() else ""
        return (
            f"Runs: {self.size}{failed}, at {self.data.sizes['cell']} cells, "
            f"{days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}\n"
            f"  {', '.join(f.name for f in self.forcings)} + {len(self.parameters)} parameters -> "
            f"{', '.join(f.name for f in self.outputs)}"
        )

    @classmethod
    def read(cls, path: str | Path) -> Runs:
        """From a NetCDF file; ValueError names the file and what in it does not fit."""
        with xr.open_dataset(path) as data:
            try:
                return cls(data.load())
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None

    def write(self, path: str | Path) -> None:
        """To a NetCDF file, whole or not at all."""
        data = self.data.assign_attrs(Conventions="CF-1.11", title="runs of a model")
        series = [v for v in data.data_vars if "time" in data[v].dims]
        packed = {v: {"zlib": True, "complevel": 1} for v in series}
        replace(Path(path), lambda part: data.to_netcdf(part, encoding=packed))

    @property
    def size(self) -> int:
        """Number of runs R."""
        return self.data.sizes["run"]

    @property
    def times(self) -> pd.DatetimeIndex:
        """The days (T,)."""
        return pd.DatetimeIndex(self.data["time"].to_index())

    @cached_property
    def forcings(self) -> tuple[Field, ...]:
        return _fields(self.data, "forcing")

    @cached_property
    def outputs(self) -> tuple[Field, ...]:
        return _fields(self.data, "output")

    @cached_property
    def parameters(self) -> tuple[Field, ...]:
        """Each with the range that was sampled as its bounds."""
        return _fields(self.data, "parameter")

    @cached_property
    def cell(self) -> np.ndarray:
        """(R,) which of the cells each run was at."""
        return self.data.indexes["cell"].get_indexer(self.data[CELL_OF_RUN].values)

    @property
    def failed(self) -> np.ndarray:
        """(R,) bool, runs without any result."""
        return self.data[FAILURE].values != ""

    def series(self, field: Field) -> np.ndarray:
        """A forcing (T, C) or an output (T, R)."""
        return self.data[field.name].values

    def values(self, fields: Sequence[Field]) -> np.ndarray:
        """Parameters (P, R)."""
        return np.stack([self.data[field.name].values for field in fields])

    def select(self, runs) -> Runs:
        """Some of the runs, by place or as (R,) bool."""
        runs = np.asarray(runs)
        some = self.data.isel(run=np.flatnonzero(runs) if runs.dtype == bool else runs)
        some.attrs = {k: v for k, v in self.data.attrs.items() if k != SAMPLING}  # not all of it
        return Runs(some)

    def split(self, held_out: float = 0.2, seed: int = 0, by: str = "run") -> tuple[Runs, Runs]:
        """Runs to learn from, and a fraction of them to score with, drawn at random.

        by  "run", or "cell": then no cell is in both
        """
        cells = one_of("by", by, ("run", "cell")) == "cell"
        groups = self.cell if cells else np.arange(self.size)
        kinds = np.unique(groups)
        count = round(fraction("held_out", held_out) * len(kinds))
        if not 0 < count < len(kinds):
            raise ValueError(
                f"{held_out:g} of {len(kinds)} {by}s are {count}: a split needs some on both sides"
            )
        drawn = np.random.default_rng(seed).choice(kinds, count, replace=False)
        chosen = np.isin(groups, drawn)
        return self.select(~chosen), self.select(chosen)


def _fields(data: xr.Dataset, kind: str) -> tuple[Field, ...]:
    found = []
    for name in _of_kind(data, kind):
        attrs = data[name].attrs
        bounds = None
        if kind == "parameter":
            low, high = map(float, attrs[RANGE])
            bounds = low, high
        log = attrs.get("scale") == "log"
        meaning = str(attrs.get("long_name", name))
        found.append(Field(name, str(attrs["units"]), meaning, bounds, log=log))
    return tuple(found)


def _of_kind(data: xr.Dataset, kind: str) -> list[str]:
    return [
        str(name)
        for name, values in data.data_vars.items()
        if set(values.dims) == set(_KINDS[kind]) and name not in (CELL_OF_RUN, FAILURE)
    ]


def _checked(data: xr.Dataset) -> xr.Dataset:
    if "site" in data.dims:
        raise ValueError(
            "the runs have the dimension 'site', of files written before it was called 'cell': "
            "rename it, and 'site_of_run' to 'cell_of_run', and make Runs of the Dataset"
        )
    lacking = [dim for dim in ("time", "cell", "run") if dim not in data.dims]
    if lacking:
        raise ValueError(
            f"the runs have no dimension {', '.join(lacking)}: forcing is (time, cell), "
            "parameters are (run), outputs (time, run)"
        )
    if "time" not in data.coords:
        raise ValueError("the runs have no coordinate 'time': give the days")
    if "cell" not in data.coords:
        data = data.assign_coords(cell=[str(k) for k in range(data.sizes["cell"])])
    if "run" not in data.coords:
        data = data.assign_coords(run=np.arange(data.sizes["run"]))
    times = calendar.daily(data["time"], "the forcing of the runs")
    data = data.assign_coords(time=times, cell=data["cell"].values.astype(str))
    data = data.assign({FAILURE: ("run", _failures(data)), CELL_OF_RUN: ("run", _cells(data))})
    for kind, dims in _KINDS.items():
        found = _of_kind(data, kind)
        if not found:
            raise ValueError(f"the runs have no {kind}: a variable with the axes {dims}")
        for name in found:
            data[name] = data[name].transpose(*dims)
            if not str(data[name].attrs.get("units", "")).strip():
                raise ValueError(f"the {kind} '{name}' has no units: set its attribute 'units'")
            unit = spelled(str(data[name].attrs["units"]))
            data[name].attrs["units"] = unit
            if kind != "parameter" and name in UNITS:
                data[name] = to_unit(data[name], UNITS[name])
            if kind == "output":
                _refuse(data, name, np.isinf(data[name].values), "infinite")
            else:
                _refuse(data, name, ~np.isfinite(data[name].values), "missing")
            if kind == "parameter":
                _range(data, name)
        if kind == "output":
            gone = np.all([np.isnan(data[name].values).all(0) for name in found], axis=0)
            silent = gone & (data[FAILURE].values == "")
            data[FAILURE] = data[FAILURE].where(~silent, "it gave no value at all")
    return data


def _range(data: xr.Dataset, name: str) -> None:
    """The range that was sampled, kept with a parameter: some of the runs may not fill it."""
    values = data[name].values
    if RANGE not in data[name].attrs and values.size:
        data[name].attrs[RANGE] = [float(values.min()), float(values.max())]
    low, high = data[name].attrs[RANGE]
    _refuse(data, name, (values < low) | (values > high), f"outside its range [{low:g}, {high:g}]")
    if data[name].attrs.get("scale") == "log" and low <= 0:
        raise ValueError(f"'{name}' goes down to {low:g}: with scale = 'log' it is above zero")


def _cells(data: xr.Dataset) -> np.ndarray:
    """The name of each run's cell."""
    if CELL_OF_RUN not in data:
        if data.sizes["cell"] > 1:
            raise ValueError(f"the runs lack '{CELL_OF_RUN}' (run), the name of each run's cell")
        return np.repeat(data["cell"].values, data.sizes["run"])
    given = names(CELL_OF_RUN, data[CELL_OF_RUN].values)
    known = set(data["cell"].values)
    for run, cell in zip(data["run"].values, given, strict=True):
        if cell not in known:
            some = ", ".join(sorted(known)[:5])
            raise ValueError(f"run {run} is at the cell '{cell}', of which there is no forcing: "
                             f"there is that of {some}")  # fmt: skip
    return np.array(given)


def _failures(data: xr.Dataset) -> np.ndarray:
    if FAILURE not in data:
        return np.full(data.sizes["run"], "", dtype=object)
    return data[FAILURE].values.astype(str).astype(object)


def _refuse(data: xr.Dataset, name: str, wrong: np.ndarray, what: str) -> None:
    if not wrong.any():
        return
    place = np.argwhere(wrong)[0]
    where = []
    for dim, index in zip(data[name].dims, place, strict=True):
        value = data[dim].values[index]
        where.append(f"on {pd.Timestamp(value):%Y-%m-%d}" if dim == "time" else f"{dim} {value}")
    raise ValueError(
        f"'{name}' is {what} {', '.join(where)}; {wrong.sum()} of {wrong.size} values in all"
    )
