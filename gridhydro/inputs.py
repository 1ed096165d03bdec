"""Attributes of cells, as people hold them, made one value per cell by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.domain import Domain


def attribute_values(domain: Domain, attributes) -> dict[str, np.ndarray]:
    """Name -> (N,) from a Dataset of rasters on the domain's grid, a table, or a mapping.

    For lumped basins a Dataset holds (gauge) variables and a table is indexed by basin; a variable
    of texts (classes) becomes one attribute for each class, 1 where the basin is of it.
    """
    if attributes is None or not len(attributes):
        raise ValueError(
            "the model needs attributes: a Dataset of rasters on the domain's grid, or a dict "
            "of one value per cell, from which the network reads the parameters"
        )
    if isinstance(attributes, xr.DataArray):
        attributes = attributes.to_dataset(name=attributes.name or "attribute")
    if isinstance(attributes, xr.Dataset):  # without the grid mapping, bounds of time and so on
        maps = domain.maps(attributes)
        if not maps:
            raise ValueError(
                f"none of {', '.join(map(str, attributes))} has a value for every cell: "
                "attributes are rasters (y, x), or (gauge) for lumped basins"
            )
        attributes = {name: maps[name] for name in maps if "time" not in maps[name].dims}
    found: dict[str, np.ndarray] = {}
    for name in attributes:
        values = _one(domain, str(name), attributes[name])
        found |= _classes(str(name), values) if values.dtype.kind in "OUST" else {str(name): values}
    return found


def _one(domain: Domain, name: str, values) -> np.ndarray:
    if isinstance(values, xr.DataArray) and values.dtype.kind in "OUST":
        values = values.to_series()
    if isinstance(values, xr.DataArray):
        return domain.pack(values)
    if isinstance(values, pd.Series) and domain.grid is None:
        basins = list(domain.gauges.index)
        values = values.set_axis(values.index.map(str))
        missing = [b for b in basins if b not in values.index]
        if missing:
            raise ValueError(
                f"the attribute '{name}' lacks the basins {', '.join(missing[:5])}: index the "
                f"table by the names of the domain ({', '.join(basins[:3])}, ...)"
            )
        values = values[basins]
    return np.asarray(values)


def _classes(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """One attribute per class; a missing class is a class of its own called 'none'."""
    texts = pd.Series(values).fillna("none").map(lambda v: str(v).strip() or "none")
    return {f"{name}: {c}": (texts == c).to_numpy(float) for c in sorted(texts.unique())}
