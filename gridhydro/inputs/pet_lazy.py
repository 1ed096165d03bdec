"""Potential evapotranspiration of records larger than memory: computed by the window."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base import steps
from gridhydro.base.windows import chunks_of, lazily
from gridhydro.domain.grid import cell_dims
from gridhydro.inputs.pet import pet_of_steps, pet_of_window


def lazy_pet(data: xr.Dataset, method: str = "oudin", **options) -> xr.DataArray:
    """As `pet_of`, but each window is read and computed when it is asked for, and not kept.

    What the method lacks is refused at once.
    """
    space = cell_dims(data)
    count = 1
    if steps.several_a_day(data["time"], "the dataset: 'time'"):
        times, count = steps.found_in(data["time"], "the dataset: 'time'", data)
        begun = data.assign_coords(time=times)  # known by the whole axis alone
    one = {"time": slice(0, count)} | {dim: slice(0, 1) for dim in space}
    if count > 1:
        day = pet_of_steps(begun.isel(one), count, method, **options).assign_coords(
            time=data["time"][:count]
        )
    else:
        day = pet_of_window(data.isel(one), method, **options)

    def compute(window: dict) -> np.ndarray:
        part = data.isel({dim: window[dim] for dim in space})
        if count > 1:  # of parts of days those are read that make whole ones
            places = np.arange(begun.sizes["time"])[window["time"]]
            if not len(places):
                return np.empty((0, *(part.sizes[d] for d in space)), day.dtype)
            begin = int(places.min()) // count * count
            end = int(places.max()) // count * count + count
            some = begun.isel({dim: window[dim] for dim in space} | {"time": slice(begin, end)})
            return pet_of_steps(some, count, method, **options).values[places - begin]
        days = part.isel(time=window["time"])
        return pet_of_window(days, method, whole=part, **options).values

    shape = [data.sizes[dim] for dim in day.dims]
    chunks: dict = {}
    for series in (data[name] for name in data if "time" in data[name].dims):
        chunks |= chunks_of(series)
    coords = {k: v for k, v in data.coords.items() if set(v.dims) <= set(day.dims)}
    windows = lazily(compute, day.dims, shape, day.dtype)
    variable = xr.Variable(day.dims, windows, day.attrs, {"preferred_chunks": chunks})
    return xr.DataArray(variable, coords, name=day.name)
