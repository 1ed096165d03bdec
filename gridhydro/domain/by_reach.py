"""Arrays over the reaches of a vector network, found by their ids whatever their order."""

from __future__ import annotations

import warnings
from contextlib import suppress

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.identifiers import alike, identifiers
from gridhydro.base.words import count_of
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.network import shorten
from gridhydro.domain.reaches import AXIS, Reaches


def by_reach(reaches: Reaches, array):
    """A DataArray or Dataset with the axis that has ids of the reaches called so: the one of that
    name, or the first along which they are found."""
    if AXIS in array.dims:
        return array
    for dim in array.dims:
        if dim in array.coords and array[dim].dtype.kind in "iufOUS":
            with suppress(ValueError):  # other numbers than ids
                if (reaches.places(array[dim].values) >= 0).any():
                    return array.rename({dim: AXIS})
    return array


def of_reaches(domain, array: xr.DataArray, gaps: bool = False):
    """(array (..., N) of the domain's reaches in their order, None, None, reaches (M,) that it has
    not), of which nothing is read.

    ValueError naming reaches that are missing, unless there may be gaps, an id that is given twice,
    and an axis without ids; a warning for ids of no reach of the domain.
    """
    array = by_reach(domain.reaches, array)
    name = f"'{array.name}'" if array.name else "the array"
    if AXIS not in array.dims:
        raise ValueError(
            f"{name} is over {', '.join(map(str, array.dims)) or 'no axis'}: the reaches are found "
            f"by their ids along the axis '{AXIS}': rename the one that has them"
        )
    if AXIS not in array.coords:
        raise ValueError(
            f"{name} has no ids along '{AXIS}', and its order could be any: give them as the "
            f"coordinate '{AXIS}'"
        )
    places = where(domain, array[AXIS].values, name)
    missed = np.flatnonzero(places < 0)
    if missed.size and (not gaps or missed.size == domain.size):
        lost = shorten([str(one) for one in domain.reaches.ids[missed]])
        raise ValueError(
            f"{name} has no values for {missed.size} of {domain.size} reaches: {lost}; give them, "
            "or crop the domain"
        )
    return array.transpose(..., AXIS).isel({AXIS: np.maximum(places, 0)}), None, None, missed


def where(domain, ids, name: str) -> np.ndarray:
    """Where among these ids (K,) each reach (N,) of the domain is, -1 where it is not.

    ValueError for an id that is there twice; a warning for those of no reach.
    """
    given, missing = identifiers(ids, f"the ids of {name}")
    given, own = alike(given[~missing], domain.reaches.ids)
    index = pd.Index(given)
    twice = index[index.duplicated()]
    if len(twice):
        raise ValueError(f"{name} has the reach {twice[0]} twice: keep one of them")
    spare = index[~index.isin(own)]
    if len(spare):
        warnings.warn(
            f"values of {count_of(len(spare), 'id', 'ids')} that no reach of the domain has are "
            f"left out: {shorten([str(one) for one in spare], 3)}",
            DomainWarning,
            stacklevel=2,
        )
    kept = np.flatnonzero(~missing)
    places = index.get_indexer(own)
    return np.where(places < 0, -1, kept[places]) if len(kept) else places
