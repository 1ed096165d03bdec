"""Potential evapotranspiration of records larger than memory: computed by the window."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base.windows import lazily
from gridhydro.inputs.pet import pet_of


def lazy_pet(data: xr.Dataset, method: str = "oudin", **options) -> xr.DataArray:
    """As `pet_of`, but each window is read and computed when it is asked for, and not kept.

    What the method lacks is refused at once.
    """
    day = pet_of(data.isel(time=slice(0, 1)), method, **options)

    def compute(window: dict) -> np.ndarray:
        return pet_of(data.isel(window), method, **options).values

    shape = data.sizes["time"], *day.shape[1:]
    coords = {k: v for k, v in data.coords.items() if set(v.dims) <= set(day.dims)}
    variable = xr.Variable(day.dims, lazily(compute, day.dims, shape, day.dtype), day.attrs)
    return xr.DataArray(variable, coords, name=day.name)
