"""Which axis of an array is that of the gauges, however it is called."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr


def gauge_axis(
    array: xr.DataArray, known: Iterable[str] = (), lead: tuple[str, ...] = ("time",)
) -> str | None:
    """The axis that is called gauge, or has names that are known, or is the only one of several
    values, or the only one, beside those of `lead`; None where that cannot be told."""
    others = [dim for dim in array.dims if dim not in lead]
    called = [dim for dim in others if dim == "gauge"]
    names = set(known)
    named = [
        dim
        for dim in others
        if dim in array.coords and names & set(array[dim].astype(str).values.tolist())
    ]
    long = [dim for dim in others if array.sizes[dim] != 1]
    for found in (called, named, long, others):
        if found:
            return str(found[0]) if len(found) == 1 else None
    return None
