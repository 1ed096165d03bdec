"""Potential evapotranspiration of records larger than memory: computed by the window."""

from __future__ import annotations

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from gridhydro.inputs.pet import pet_of


def lazy_pet(data: xr.Dataset, method: str = "oudin") -> xr.DataArray:
    """As `pet_of`, but each window is read and computed when it is asked for, and not kept.

    What the method lacks is refused at once.
    """
    day = pet_of(data.isel(time=slice(0, 1)), method)
    windows = indexing.LazilyIndexedArray(_Windows(data, method, day))
    coords = {k: v for k, v in data.coords.items() if set(v.dims) <= set(day.dims)}
    return xr.DataArray(xr.Variable(day.dims, windows, day.attrs), coords, name=day.name)


class _Windows(BackendArray):
    """The values of all days, like those of the one `day`."""

    def __init__(self, data: xr.Dataset, method: str, day: xr.DataArray):
        self.data, self.method, self.dims = data, method, day.dims
        self.shape, self.dtype = (data.sizes["time"], *day.shape[1:]), day.dtype

    def __getitem__(self, key):
        outer = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self._compute)

    def _compute(self, key) -> np.ndarray:
        # a single day or gauge is computed as a window of one and dropped at the end
        single = [isinstance(k, (int, np.integer)) for k in key]
        window = [slice(k, k + 1) if one else k for k, one in zip(key, single, strict=True)]
        part = self.data.isel(dict(zip(self.dims, window, strict=True)))
        values = pet_of(part, self.method).values
        return values[tuple(0 if one else slice(None) for one in single)]
