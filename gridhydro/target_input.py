"""Observations of a target as people hold them, brought to the cells of a domain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.domain import Domain


def series_of(target, domain: Domain, unit: str) -> xr.DataArray:
    """The observations as an array with the dimension time; lumped: all gauges, in order.

    A table that does not say its units is in `unit`.
    """
    observed = target.observed
    if isinstance(observed, pd.DataFrame):
        if domain.grid is not None:
            raise ValueError(
                f"'{target.name}' is a table, but cells of a raster are found by their "
                "coordinates: give a DataArray (time, y, x)"
            )
        attrs = {"units": unit} | observed.attrs
        observed = xr.DataArray(observed, dims=("time", "gauge"), name=target.name, attrs=attrs)
    if "time" not in observed.dims:
        raise ValueError(
            f"the observations of '{target.name}' are over {', '.join(map(str, observed.dims))}: "
            "they need the dimension 'time'"
        )
    if not isinstance(observed.indexes.get("time"), pd.DatetimeIndex):
        raise ValueError(f"the times of '{target.name}' are no dates: decode them first")
    observed = observed.rename(observed.name or target.name)
    if domain.grid is not None:
        return observed
    other = [dim for dim in observed.dims if dim != "time"]
    if len(other) != 1:
        raise ValueError(
            f"the observations of '{target.name}' are over {', '.join(map(str, observed.dims))}: "
            "sites are seen over time and gauge"
        )
    observed = observed.transpose("time", *other).rename({other[0]: "gauge"})
    names = [str(name) for name in observed["gauge"].values]
    if len(set(names)) < len(names):
        raise ValueError(f"'{target.name}' has a site twice: {max(names, key=names.count)}")
    known = list(domain.gauges.index)
    if not set(names) & set(known):
        raise ValueError(
            f"'{target.name}' is observed at {', '.join(names[:5])}, none of which is in the "
            f"domain: {', '.join(known[:5])}"
        )
    return observed.assign_coords(gauge=names).reindex(gauge=known)


def per_cell(target, key: str, domain: Domain) -> np.ndarray:
    """Scale or offset of every cell, (N,)."""
    given = getattr(target, key)
    if isinstance(given, xr.DataArray) and domain.grid is not None:
        given = domain.pack(given)
    values = np.asarray(given, np.float64)
    if values.shape not in ((), (domain.size,)):
        raise ValueError(
            f"the {key} of '{target.name}' has the shape {values.shape}: give one number, or one "
            f"for each of the {domain.size} cells"
        )
    wrong = ~np.isfinite(values) | ((values == 0) if key == "scale" else False)
    if wrong.any():
        raise ValueError(f"the {key} of '{target.name}' is {values[wrong].flat[0]} somewhere")
    return np.broadcast_to(values, domain.size)
