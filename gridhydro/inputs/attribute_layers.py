"""Attributes with an axis of classes or months: one attribute for each of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.domain.by_reach import by_reach
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import spatial_dims
from gridhydro.domain.packing import arranged

BETWEEN = ": "  # the name of an attribute and that of a class


def layers_of(domain: Domain, name: str, values) -> dict[str, object]:
    """Name -> an attribute over the cells alone, one for each class or month of its other axis.

    ValueError for any other axis of several values.
    """
    if not isinstance(values, xr.DataArray):
        return {name: values}
    if domain.reaches is not None:
        values = by_reach(domain.reaches, values)
    space = set(spatial_dims(values) if domain.grid is not None else domain.cell_axes)
    others = [dim for dim in values.dims if dim not in space and values.sizes[dim] != 1]
    lacking = domain.grid is None and not space <= set(values.dims)
    if lacking or len(others) != 1:
        return {name: arranged(domain, values, (), f"the attribute '{name}'")}
    labels = _labels(values, others[0])
    if labels is None:
        raise ValueError(
            f"the attribute '{name}' has the axis '{others[0]}' of {values.sizes[others[0]]} "
            "values, and a cell has one: take .mean() over it or choose one with .isel(); twelve "
            "months, and the classes of aggregate(how='fraction'), are taken as they are"
        )
    return {
        f"{name}{BETWEEN}{label}": arranged(
            domain, values.isel({others[0]: i}, drop=True), (), f"the attribute '{name}'"
        )
        for i, label in enumerate(labels)
    }


def plain(values: xr.DataArray, space: set) -> bool:
    """Whether an array is over the cells, and over classes or months at most beside them."""
    others = [dim for dim in values.dims if dim not in space and values.sizes[dim] != 1]
    return not others or (len(others) == 1 and _labels(values, others[0]) is not None)


def _labels(values: xr.DataArray, axis) -> list[str] | None:
    """What the layers along an axis are called: classes, or months; None for any other axis."""
    size = values.sizes[axis]
    index = values.indexes.get(axis)
    if str(axis) == "class":
        labels = list(range(size)) if index is None else list(index)
        return [f"{v:g}" if isinstance(v, (int, float, np.number)) else str(v) for v in labels]
    if size != 12:
        return None
    months = list(range(1, 13))
    if str(axis).lower() in ("month", "months", "month_of_year"):
        given = months if index is None else list(index)
        if sorted(map(str, given)) == sorted(map(str, range(12))):
            given = [v + 1 for v in given]
        return [f"month {m}" for m in given]
    if not isinstance(index, pd.DatetimeIndex | xr.CFTimeIndex):
        return None
    steps = index.year * 12 + index.month
    if sorted(index.month) != months or sorted(steps) != list(range(min(steps), min(steps) + 12)):
        return None
    return [f"month {m}" for m in index.month]
