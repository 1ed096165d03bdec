"""A state as one NetCDF file: what is stored where, by name and cell, for eyes and for a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from gridhydro.base.damage import reading
from gridhydro.base.files import replace
from gridhydro.base.texts import text_encoding

_WHAT, _MEND = "a state of a model, as State.to_file writes it", "write it again, or copy it anew"
# what is in a state -> how its variable is called, what its axes are, what it is
_KINDS = {
    "column/": ("", ("cell", "component", "unit_of_store"), "{name}"),
    "river": ("river_storage", ("river_store", "cell"), "water in the river of a cell"),
    "hydrograph/": (
        "unit_hydrograph_", ("day_before", "cell", "component"),
        "{name} of the last days, which the unit hydrograph has not all let through",
    ),
    "memory/": ("lstm_", ("layer", "cell", "unit"), "{name} state of the LSTM over the weather"),
    "weather": ("weather", ("series", "day_of_weather", "cell"), "the last days of the forcing"),
    "begun/": (
        "lstm_earlier_", ("layer", "cell", "unit"),
        "{name} state of the LSTM where the tile of days begins in which the state is",
    ),
    "steady/": (
        "parameter_", ("cell", "component"), "parameter {name}, read off all the weather",
    ),
}  # fmt: skip
_UNITS = {"river": "m3", "hydrograph/": "mm d-1", "memory/": "1", "begun/": "1"}
_RIVER = "the reservoirs (parts of a reach) 1 to 5, then the water on its way to the cell"


@dataclass(frozen=True, eq=False)
class Origin:
    """What a run tells of a state that it keeps, for another one to go on from it.

    date      the day at whose end it is, YYYY-MM-DD
    model     a digest of all numbers of the model
    column    name of the column
    phase     days since a tile of the record began, and more where a correction looks back: what
              networks read of the weather goes in tiles, see `March`
    at_once   lumped basins that were run at once; 0: all
    forcings  names of the series of the state's `weather`
    attrs     units and long names of the stores
    gauges    names of lumped basins, ids of reaches; () for the cells of a raster
    lonlat    (2, N) degrees, where the cells are
    """

    date: str
    model: str
    column: str
    phase: int
    at_once: int
    forcings: tuple[str, ...]
    attrs: dict[str, dict[str, str]]
    gauges: tuple[str, ...]
    lonlat: Tensor


def axis_of_cells(name: str) -> int:
    """See `State.axis_of_cells`."""
    if name.startswith(("column/", "steady/")):
        return 0
    return 2 if name == "weather" else 1


def write(path: Path, tensors: Mapping[str, Tensor], origin: Origin | None) -> None:
    """See `State.to_file`; the tensors of a state by name."""
    data = xr.Dataset(attrs={"Conventions": "CF-1.11", "title": "gridhydro: state of a model"})
    data.attrs["source"] = f"gridhydro {version('gridhydro')}"
    stores = [v.shape[1] for key, v in tensors.items() if key.startswith("column/")]
    components = max(stores, default=1)
    for key, tensor in tensors.items():
        kind = f"{key.partition('/')[0]}/" if "/" in key else key
        prefix, axes, text = _KINDS[kind]
        name = key.removeprefix(kind)
        attrs = {"long_name": text.format(name=name), "state": key}
        if kind in _UNITS:
            attrs["units"] = _UNITS[kind]
        attrs |= origin.attrs.get(name, {}) if origin is not None and kind == "column/" else {}
        prefix = "store_" if kind == "column/" and name in axes else prefix  # of a surrogate
        data[f"{prefix}{name}"] = (tuple(_axes(axes, tensor, components)), tensor.numpy(), attrs)
    if "river_storage" in data:
        data["river_storage"].attrs["comment"] = f"river_store: {_RIVER}"
    if origin is not None:
        _label(data, origin)
    encoding = {
        str(n): {"zlib": True, "complevel": 4, "_FillValue": None}
        for n, v in data.variables.items()
        if v.dtype.kind == "f" and v.ndim
    }
    encoding |= text_encoding(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, lambda p: data.to_netcdf(p, engine="netcdf4", encoding=encoding))


def _axes(axes: tuple[str, ...], tensor: Tensor, components: int) -> Iterator[str]:
    """The names of the axes of a tensor: as many as it has."""
    for axis, size in zip(axes, tensor.shape, strict=False):
        # what is of one parameter set may stand beside what is of several
        other = axis == "component" and size != components
        yield f"component_of_{size}" if other else axis


def _label(data: xr.Dataset, origin: Origin) -> None:
    """Day, model and cells."""
    data.attrs |= {
        "date": origin.date,
        "comment": f"the state at the end of {origin.date}: a run goes on with the day after",
        "model_digest": origin.model, "column": origin.column, "phase": origin.phase,
        "cells_at_once": origin.at_once,
    }  # fmt: skip
    lon, lat = origin.lonlat.cpu().numpy()
    data["lon"] = ("cell", lon, {"standard_name": "longitude", "units": "degrees_east"})
    data["lat"] = ("cell", lat, {"standard_name": "latitude", "units": "degrees_north"})
    if origin.gauges:
        data["gauge"] = ("cell", np.array(origin.gauges, object), {"cf_role": "timeseries_id"})
    if origin.forcings:
        data["series"] = ("series", np.array(origin.forcings, object))
        data["series"].attrs["long_name"] = "series of the forcing, in the units of the engine"
    more = {"lon", "lat", "gauge"} & set(data.data_vars)
    for name in [n for n in data.data_vars if n not in more and "cell" in data[n].dims]:
        data[name].encoding["coordinates"] = "lon lat"


def read(path: Path) -> tuple[dict[str, Tensor], Origin | None]:
    """See `State.from_file`: the tensors by name, and where they are from."""
    with reading(path, _WHAT, _MEND):
        with xr.open_dataset(path, engine="netcdf4", decode_times=False) as found:
            data = found.load().reset_coords()
        tensors = {str(v.attrs["state"]): v for v in data.data_vars.values() if "state" in v.attrs}
        if not tensors:
            raise ValueError("it has no store")
        for key, values in tensors.items():
            _look_at(path, key, values, data.sizes.get("cell", 0))
        origin = _origin(data) if "date" in data.attrs else None
        arrays = {key: torch.from_numpy(values.values) for key, values in tensors.items()}
        return arrays, origin


def _look_at(path: Path, key: str, values: xr.DataArray, cells: int) -> None:
    """ValueError for values that no run could go on from."""
    if key not in _KINDS and f"{key.partition('/')[0]}/" not in _KINDS:
        raise ValueError(f"no state of a model has '{key}'")
    axis = axis_of_cells(key)
    if values.ndim <= axis or values.dims[axis] != "cell" or values.dtype.kind != "f":
        raise ValueError(f"'{values.name}' has the axes {values.dims} of {values.dtype}")
    wrong = ~np.isfinite(values.values)
    if wrong.any():
        place = np.argwhere(wrong)[0]
        raise ValueError(
            f"{path}: '{values.name}' has {int(wrong.sum())} values that are no number, the first "
            f"in cell {place[axis]} of {cells}: fill them, or take another state"
        )


def _origin(data: xr.Dataset) -> Origin:
    attrs: Mapping = data.attrs
    stores = {
        key.removeprefix("column/"): {n: str(v.attrs[n]) for n in _TOLD if n in v.attrs}
        for key, v in _stores(data)
    }
    return Origin(
        date=str(np.datetime64(str(attrs["date"]), "D")),
        model=str(attrs["model_digest"]),
        column=str(attrs["column"]),
        phase=int(attrs["phase"]),
        at_once=int(attrs["cells_at_once"]),
        forcings=tuple(map(str, data["series"].values)) if "series" in data else (),
        attrs=stores,
        gauges=tuple(map(str, data["gauge"].values)) if "gauge" in data else (),
        lonlat=torch.from_numpy(np.stack([data["lon"].values, data["lat"].values])),
    )


_TOLD = ("units", "long_name")


def _stores(data: xr.Dataset) -> Iterator[tuple[str, xr.DataArray]]:
    for values in data.data_vars.values():
        key = str(values.attrs.get("state", ""))
        if key.startswith("column/"):
            yield key, values
