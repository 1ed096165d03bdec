"""Attributes of cells, as people hold them, made one value per cell by name."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.domain.domain import Domain

_CLASS = ": "  # between the name of an attribute and that of a class


def attribute_values(domain: Domain, attributes, names=None) -> dict[str, np.ndarray]:
    """Name -> (N,) from a Dataset of rasters on the domain's grid, a table, or a mapping.

    For lumped basins a Dataset holds (gauge) variables and a table is indexed by basin; a variable
    of texts (classes) becomes one attribute for each class, 1 where the basin is of it. `names`
    chooses attributes, by these names or by those of a trained network, one for each class.
    ValueError naming attributes that are not there, or if none has a value for every cell.
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
    wanted = None if names is None else {name.split(_CLASS)[0] for name in names}
    lacking = sorted(set(wanted or ()) - {str(name) for name in attributes})
    if lacking:
        raise ValueError(
            f"there is no attribute {', '.join(lacking)}; "
            f"there is {', '.join(map(str, attributes))}"
        )
    found: dict[str, np.ndarray] = {}
    for name in attributes:
        if wanted is None or str(name) in wanted:
            values = _one(domain, str(name), attributes[name])
            texts = values.dtype.kind in "OUST"
            found |= _classes(str(name), values) if texts else {str(name): values}
    if names is None:
        return found
    ordered: dict[str, np.ndarray] = {}
    for name in names:  # weights go by place: in the order asked for
        classes = [key for key in found if key == name or key.startswith(name + _CLASS)]
        # 0 for a class that none of these basins is of
        ordered |= {key: found[key] for key in classes} or {name: np.zeros(domain.size)}
    return ordered


def property_values(domain: Domain, properties, fields) -> dict[str, np.ndarray]:
    """Name -> (N,) of the fields, from a Dataset of rasters or a mapping; none may be missing.

    ValueError names what is missing, or the first cell without a value.
    """
    found = {}
    for field in fields:
        if properties is None or field.name not in properties:
            wanted = ", ".join(f"{f.name} ({f.unit})" for f in fields)
            raise ValueError(
                f"the cells' {field.name} is not given: the model needs the properties {wanted}; "
                "gridhydro.land_surface makes those of HydroPy from its land-surface file"
            )
        values = np.asarray(_one(domain, field.name, properties[field.name]), float)
        if values.shape != (domain.size,):
            raise ValueError(
                f"the property {field.name} has shape {values.shape}, not one value for each of "
                f"the {domain.size} cells"
            )
        gaps = np.flatnonzero(~np.isfinite(values))
        if gaps.size:
            raise ValueError(
                f"the property {field.name} is missing in {domain.name_cell(gaps[0])}, "
                f"{gaps.size} of {domain.size} cells in all: fill it, or mask the cells out"
            )
        found[field.name] = values
    return found


def without_gaps(
    values: dict[str, np.ndarray], means: dict[str, float] | None = None, trained=slice(None)
) -> dict:
    """The attributes with missing values replaced, and said so.

    By `means`, or without them by their mean over the basins to be trained on, given by place.
    One that none of these has stays as it is.
    """
    filled = dict(values)
    for name, column in values.items():
        gaps = ~np.isfinite(np.asarray(column, float))
        known = column[trained][~gaps[trained]]
        if gaps.any() and (means is not None or known.size):
            mean = known.mean() if means is None else means[name]
            warnings.warn(
                f"the attribute '{name}' is missing in {gaps.sum()} of {gaps.size} basins: "
                f"taken as {mean:.4g} there",
                stacklevel=2,
            )
            filled[name] = np.where(gaps, mean, column)
    return filled


def _one(domain: Domain, name: str, values) -> np.ndarray:
    if isinstance(values, xr.DataArray) and values.dtype.kind in "OUST":
        values = values.to_series()
    if isinstance(values, xr.DataArray):
        return domain.pack(values)
    if isinstance(values, pd.Series) and domain.lumped:
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
    return {f"{name}{_CLASS}{c}": (texts == c).to_numpy(float) for c in sorted(texts.unique())}
