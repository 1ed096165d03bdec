"""Attributes of cells, as people hold them, made one value per cell by name."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import refuse
from gridhydro.base.missing import FEW, declared, masked
from gridhydro.base.quantities import CODES, Quantity
from gridhydro.domain.by_reach import of_reaches
from gridhydro.domain.domain import Domain
from gridhydro.domain.packing import arranged
from gridhydro.domain.reaches import AXIS
from gridhydro.inputs.attribute_layers import BETWEEN, layers_of

# attributes of a variable that holds a reference system
_SYSTEM = ("grid_mapping_name", "crs_wkt", "spatial_ref")


def attribute_values(domain: Domain, attributes, names=None) -> dict[str, np.ndarray]:
    """Name -> (N,) from a Dataset of rasters on the domain's grid, a table, or a mapping.

    For lumped basins a Dataset holds (gauge) variables and a table is indexed by basin, for vector
    networks (reach) variables, and a table is indexed by the ids of reaches; a variable of texts
    (classes) becomes one attribute for each class, 1 where the basin is of it. `names` chooses
    attributes, by these names or by those of a trained network, one for each class. ValueError
    naming attributes that are not there, or if none has a value for every cell.
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
                "attributes are rasters (y, x), (gauge) for lumped basins, or (reach)"
            )
        _tell_left_out(domain, attributes, maps)
        attributes = {name: maps[name] for name in maps}
    wanted = None if names is None else {name.split(BETWEEN)[0] for name in names}
    lacking = sorted(set(wanted or ()) - {str(name) for name in attributes})
    if lacking:
        raise ValueError(
            f"there is no attribute {', '.join(lacking)}; "
            f"there is {', '.join(map(str, attributes))}"
        )
    found: dict[str, np.ndarray] = {}
    for name in attributes:
        if wanted is None or str(name) in wanted:
            for part, layer in layers_of(domain, str(name), attributes[name]).items():
                known = isinstance(layer, xr.DataArray) and declared(layer) is not None
                found |= _columns(domain, part, _one(domain, part, layer), known)
    if names is None:
        return found
    ordered: dict[str, np.ndarray] = {}
    for name in names:  # weights go by place: in the order asked for
        classes = [key for key in found if key == name or key.startswith(name + BETWEEN)]
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
                "gridhydro.land_surface makes those of HydroPy from its land-surface file, "
                "gridhydro.river_slope that of rivers from the elevation"
            )
        given, what = properties[field.name], f"the property {field.name}"
        if isinstance(given, xr.DataArray):
            given = arranged(domain, masked(given), (), what)
        place = _place(domain)
        values = refuse.numbers(what, _one(domain, field.name, given), place).astype(float)
        if values.shape != (domain.size,):
            raise ValueError(
                f"the property {field.name} has shape {values.shape}, not one value for each of "
                f"the {domain.size} cells"
            )
        _refuse_other_unit(given, field)
        gaps = np.flatnonzero(~np.isfinite(values))
        if gaps.size:
            raise ValueError(
                f"the property {field.name} is missing in {domain.name_cell(gaps[0])}, "
                f"{gaps.size} of {domain.size} cells in all: fill it, or mask the cells out"
            )
        low, high = field.bounds or (-np.inf, np.inf)
        outside = np.flatnonzero((values < low) | (values > high))
        if outside.size:
            raise ValueError(
                f"the property {field.name} is {values[outside[0]]:g} in "
                f"{domain.name_cell(outside[0])}, outside {low:g} to {high:g} {field.unit} "
                f"({outside.size} of {domain.size} cells in all): is it in another unit?"
            )
        found[field.name] = values
    return found


def _refuse_other_unit(given, field) -> None:
    """ValueError for a property that states another unit than the one it has to be in."""
    stated = given.attrs.get("units") if isinstance(given, xr.DataArray) else None
    alike = {field.unit, ""} | ({"m m-1", "m/m", "-"} if field.unit == "1" else set())
    if field.bounds and stated is not None and str(stated).strip() not in alike:
        raise ValueError(
            f"the property {field.name} is in '{stated}', not in {field.unit}: a slope in percent "
            "is 100 times as large, of degrees take the tangent"
        )


def given_by_cell(domain: Domain, values: Mapping[str, object]) -> dict[str, object]:
    """Name -> values of the cells (N,), rasters among them brought onto the cells; the rest as it
    is."""
    return {
        name: domain.pack(arranged(domain, masked(given), (), f"'{name}'"))
        if isinstance(given, xr.DataArray) and given.ndim > 0
        else given
        for name, given in values.items()
    }


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


def _tell_left_out(domain: Domain, attributes: xr.Dataset, maps: xr.Dataset) -> None:
    """Warns of variables without a value for every cell, but for what describes the grid."""
    space = sorted(map(str, maps.dims))
    said = {name for one in attributes.variables.values() for name in _described_by(one)}
    left = [
        str(name)
        for name, one in attributes.data_vars.items()
        if name not in maps and name not in said and not set(_SYSTEM) & set(one.attrs)
    ]
    if left:
        warnings.warn(
            f"{', '.join(left)}: left out of the attributes, without a value for every cell (axes "
            f"{', '.join(space)})",
            stacklevel=3,
        )


def _described_by(variable) -> list:
    """Names of the bounds and of the reference system of a variable."""
    told = {**variable.attrs, **variable.encoding}
    return [told[key] for key in ("bounds", "grid_mapping") if key in told]


def _place(domain: Domain):
    return lambda *cell: f"in {domain.name_cell(cell[-1])}"


def _columns(domain: Domain, name: str, values: np.ndarray, known: bool) -> dict[str, np.ndarray]:
    """One attribute, or those of its classes; ValueError for infinite values, and for codes unless
    those that there are are known."""
    kind = values.dtype.kind
    if kind in "mMc":
        refuse.numbers(f"the attribute '{name}'", values, _place(domain))
    if kind == "O":  # numbers with None among them are numbers, anything else is classes
        numbers = pd.to_numeric(pd.Series(values.ravel(), dtype=object), errors="coerce")
        texts = pd.Series(values.ravel(), dtype=object).map(lambda v: isinstance(v, (str, bytes)))
        if not texts.any() and values.size == domain.size:
            values, kind = numbers.to_numpy(np.float64, na_value=np.nan), "f"
    if kind in "OUST":
        return _classes(name, values)
    if values.shape != (domain.size,):
        raise ValueError(
            f"the attribute '{name}' has the shape {values.shape}: give one value for each of the "
            f"{domain.size} {domain.called[1]}"
        )
    if kind in "fiu":
        what = f"the attribute '{name}'"
        # of a few basins one may well lie far above the others
        codes = CODES if values.size >= FEW else tuple(code for code in CODES if code < 0)
        unknown = Quantity("1", name, codes=codes)
        refuse.codes(what, values, _place(domain), unknown, declared=known)
    return {name: values}


def _one(domain: Domain, name: str, values) -> np.ndarray:
    if isinstance(values, xr.DataArray) and values.dtype.kind in "OUST" and values.ndim == 1:
        values = values.to_series()
    if isinstance(values, xr.DataArray):
        return domain.pack(masked(values))
    if isinstance(values, pd.Series) and domain.reaches is not None:
        array = xr.DataArray(values.to_numpy(), {AXIS: values.index.to_numpy()}, AXIS, str(name))
        return of_reaches(domain, array)[0].values
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
    return {f"{name}{BETWEEN}{c}": (texts == c).to_numpy(float) for c in sorted(texts.unique())}
