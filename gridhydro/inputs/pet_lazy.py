"""Potential evapotranspiration of records larger than memory: computed by the window."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base import steps
from gridhydro.base.windows import chunks_of, lazily
from gridhydro.domain.grid import cell_dims
from gridhydro.inputs.pet import pet_of, pet_of_window


def lazy_pet(data: xr.Dataset, method: str = "oudin", **options) -> xr.DataArray:
    """As `pet_of`, but each window is read and computed when it is asked for, and not kept.

    What the method lacks is refused at once.
    """
    space = cell_dims(data)
    count = 1
    if steps.several_a_day(data["time"], "the dataset: 'time'"):
        count = steps.found_in(data["time"], "the dataset: 'time'", data)[1]
    one = {"time": slice(0, count)} | {dim: slice(0, 1) for dim in space}
    asked = pet_of_window if count == 1 else pet_of
    day = asked(data.isel(one), method, **options)

    def compute(window: dict) -> np.ndarray:
        part = data.isel({dim: window[dim] for dim in space})
        if count > 1:  # of parts of days those are read that make whole ones
            first, after = window["time"].start, window["time"].stop
            begin, end = first // count * count, -(-after // count) * count
            whole = pet_of(part.isel(time=slice(begin, end)), method, **options).values
            return whole[first - begin : after - begin]
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
