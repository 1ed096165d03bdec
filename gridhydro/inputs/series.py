"""A daily series as it comes in, brought to the cells of a domain: axes, numbers, codes, unit.

Forcing, history and targets pass through here.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base import refuse
from gridhydro.base.missing import declared, masked
from gridhydro.base.quantities import quantity
from gridhydro.base.units import to_unit
from gridhydro.domain.domain import Domain
from gridhydro.domain.packing import arranged


def on_cells(
    domain: Domain, array: xr.DataArray, unit: str | None, times, what: str, gaps: bool = False
) -> np.ndarray:
    """Values (T, N) in `unit` of a series over time and the cells, NaN where missing.

    array  with axes in any order, on the domain's grid; (time, gauge) of lumped basins
    unit   that the values are converted to; None keeps their own
    times  (T,) days; what: name of the series in messages
    gaps   whether cells that it does not reach are missing
    ValueError naming an axis that is too many, and day and place of a value that is no number,
    infinite, or a code for missing values that nothing declares.
    """
    array = arranged(domain, array, ("time",), what)
    known = declared(array) is not None
    place = refuse.at(times, lambda cell: f"in {domain.name_cell(cell)}")
    given = refuse.numbers(what, domain.pack(masked(array), gaps), place)
    own = array.attrs.get("units", "")
    refuse.codes(what, given, place, quantity(str(array.name), str(own)), declared=known)
    return in_unit(given, array, unit)


def in_unit(values: np.ndarray, array: xr.DataArray, unit: str | None) -> np.ndarray:
    """Values (T, N) of an array in another unit, by the units that the array states."""
    if unit is None or np.isnan(values).all():
        return values
    attrs = {key: value for key, value in array.attrs.items() if key == "units"}
    packed = xr.DataArray(values, dims=("time", "cell"), name=array.name, attrs=attrs)
    return to_unit(packed, unit).values
