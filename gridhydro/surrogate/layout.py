"""The layout of runs in a Dataset: which variable is what, and the checks of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar
from gridhydro.base.arguments import names
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


def fields_of(data: xr.Dataset, kind: str) -> tuple[Field, ...]:
    """The quantities of a kind: "forcing", "parameter" or "output"."""
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


def checked(data: xr.Dataset) -> xr.Dataset:
    """Runs in the layout of `gridhydro.surrogate.runs`; ValueError names what does not fit."""
    data = _with_axes(data)
    data = data.assign({FAILURE: ("run", _failures(data)), CELL_OF_RUN: ("run", _cells(data))})
    for kind, dims in _KINDS.items():
        found = _of_kind(data, kind)
        if not found:
            raise ValueError(f"the runs have no {kind}: a variable with the axes {dims}")
        for name in found:
            data[name] = _in_our_units(data[name].transpose(*dims), name, kind)
            values = data[name].values
            wrong = np.isinf(values) if kind == "output" else ~np.isfinite(values)
            _refuse(data, name, wrong, "infinite" if kind == "output" else "missing")
            if kind == "parameter":
                _range(data, name)
    outputs = [data[name].values for name in _of_kind(data, "output")]
    silent = np.all([np.isnan(values).all(0) for values in outputs], axis=0)
    silent &= data[FAILURE].values == ""
    data[FAILURE] = data[FAILURE].where(~silent, "it gave no value at all")
    return data


def _with_axes(data: xr.Dataset) -> xr.Dataset:
    """The Dataset with coordinates of all its axes: days, and names of cells and runs."""
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
    times = calendar.daily(data["time"], "the forcing of the runs", data)
    return data.assign_coords(time=times, cell=data["cell"].values.astype(str))


def _in_our_units(array: xr.DataArray, name: str, kind: str) -> xr.DataArray:
    """A variable in the unit that gridhydro has for its name, or in its own, spelled as ours."""
    if not str(array.attrs.get("units", "")).strip():
        raise ValueError(f"the {kind} '{name}' has no units: set its attribute 'units'")
    array = array.assign_attrs(units=spelled(str(array.attrs["units"])))
    return to_unit(array, UNITS[name]) if kind != "parameter" and name in UNITS else array


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
