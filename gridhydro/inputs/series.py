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

_TELLING = 30  # days of a window in which codes are told by the values around them


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
    values = domain.pack(array, gaps)  # of a raster only what lies around the cells is read
    cells = xr.DataArray(values, dims=("time", "cell"), name=array.name, attrs=array.attrs)
    given = refuse.numbers(what, masked(cells).values, place)
    own = array.attrs.get("units", "")
    refuse.codes(what, given, place, quantity(str(array.name), str(own)), declared=known)
    return in_unit(given, array, unit)


def looked_at(series: xr.DataArray, unit: str) -> xr.DataArray:
    """A labelled series in `unit`, declared codes missing; NaN may be.

    ValueError, naming day and coordinates, for text, codes that nothing declares (in windows too
    short to tell them, only what is beyond the range of the quantity), and what is beyond it.
    """
    if "time" not in series.dims:
        return to_unit(series, unit)
    series = series.transpose("time", ...)
    name, shape = str(series.name), series.shape[1:]
    known, own = declared(series) is not None, str(series.attrs.get("units", ""))

    def place(day: int, at: int) -> str:
        where = [
            f"{dim} {series[dim].values[i] if dim in series.coords else i}"
            for dim, i in zip(series.dims[1:], np.unravel_index(at, shape), strict=True)
        ]
        day_of = str(series["time"].values[day])[:10]
        return " ".join([f"on {day_of}", *([f"at {', '.join(where)}"] if where else [])])

    given = masked(series)
    values = refuse.numbers(name, given.values.reshape(len(series), int(np.prod(shape))), place)
    if len(values) >= _TELLING:
        refuse.codes(name, values, place, quantity(name, own), declared=known)
    found = to_unit(given.copy(data=values.reshape(series.shape)), unit)
    refuse.outside(name, found.values.reshape(values.shape), place, quantity(name, unit))
    return found


def in_unit(values: np.ndarray, array: xr.DataArray, unit: str | None) -> np.ndarray:
    """Values (T, N) of an array in another unit, by the units that the array states."""
    if unit is None or np.isnan(values).all():
        return values
    attrs = {key: value for key, value in array.attrs.items() if key == "units"}
    packed = xr.DataArray(values, dims=("time", "cell"), name=array.name, attrs=attrs)
    return to_unit(packed, unit).values
