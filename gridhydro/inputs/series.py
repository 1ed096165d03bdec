"""A daily series as it comes in, brought to the cells of a domain: axes, numbers, codes, unit.

Forcing, history and targets pass through here.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base import refuse
from gridhydro.base.missing import Extent, declared, masked
from gridhydro.base.quantities import Quantity, quantity
from gridhydro.base.units import conversion, to_unit
from gridhydro.base.windows import blocks, chunks_of, lazily
from gridhydro.columns.column import Field
from gridhydro.domain.cells import OnCells
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
    place = refuse.at(times, lambda cell: f"in {domain.name_cell(cell)}")
    given = numbers_on(OnCells.of(domain, array, gaps), array, what, place)
    own, known = quantity_of(array), declared(array) is not None
    refuse.codes(what, given, place, own, declared=known)
    return in_unit(given, array, unit)


def numbers_on(
    cells: OnCells, array: xr.DataArray, what: str, place: refuse.Place, days: slice | None = None
) -> np.ndarray:
    """Numbers (T, N) of an array on the cells, or of some days, NaN where a code is declared.

    Of a raster only what lies around the cells is read; codes are looked for on them.
    """
    values = cells.values(days)
    found = xr.DataArray(values, dims=("time", "cell"), name=array.name, attrs=array.attrs)
    return refuse.numbers(what, masked(found).values, place)


def quantity_of(array: xr.DataArray) -> Quantity:
    """The entry of the table for an array, in its own unit."""
    return quantity(str(array.name), str(array.attrs.get("units", "")))


def looked_at(series: xr.DataArray, unit: str, whole: xr.DataArray | None = None) -> xr.DataArray:
    """A labelled series in `unit`, declared codes missing; NaN may be.

    whole  all days of which it is a window, of the same places: they tell what is a code in it

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
    if len(values) >= _TELLING or whole is not None:
        of_all = None if whole is None else lambda: _extent(whole, series.dims, values.shape[1])
        refuse.codes(name, values, place, quantity(name, own), declared=known, whole=of_all)
    found = to_unit(given.copy(data=values.reshape(series.shape)), unit)
    refuse.outside(name, found.values.reshape(values.shape), place, quantity(name, unit))
    return found


def _extent(whole: xr.DataArray, dims, places: int) -> Extent:
    """That of a series over (time, places), read a block at a time."""
    whole = whole.transpose(*dims)
    parts = (
        refuse.numbers(str(whole.name), values.reshape(-1, places), lambda *at: f"at {at}")
        for values in (masked(whole.isel(time=days)).values for days in blocks(whole, "time"))
    )
    codes = quantity(str(whole.name), str(whole.attrs.get("units", ""))).codes
    return Extent.of(parts, whole.size, codes)


def in_unit(values: np.ndarray, array: xr.DataArray, unit: str | None) -> np.ndarray:
    """Values (T, N) of an array in another unit, by the units that the array states."""
    if unit is None or np.isnan(values).all():
        return values
    attrs = {key: value for key, value in array.attrs.items() if key == "units"}
    packed = xr.DataArray(values, dims=("time", "cell"), name=array.name, attrs=attrs)
    return to_unit(packed, unit).values


def in_unit_lazily(array: xr.DataArray, unit: str) -> xr.DataArray:
    """As `base.units.to_unit`, but each window is read and converted when it is asked for, and
    whether the values can be in their unit is for the caller to see."""
    given = array.attrs.get("units")
    if given is None or not str(given).strip():
        return to_unit(array, unit)
    factor, offset = conversion(str(array.name), given, unit)
    if (factor, offset) == (1, 0):
        return array.assign_attrs(units=unit)

    def compute(window: dict) -> np.ndarray:
        return masked(array.isel(window)).values * factor + offset

    dtype = compute({dim: slice(0, 1) for dim in array.dims}).dtype
    variable = xr.Variable(
        array.dims, lazily(compute, array.dims, array.shape, dtype), array.attrs | {"units": unit},
        {"preferred_chunks": chunks_of(array)},
    )  # fmt: skip
    return xr.DataArray(variable, array.coords, name=array.name)


def checked(values: np.ndarray, field: Field, times, domain: Domain) -> np.ndarray:
    """Values (T, N) of a series in its unit, as they may be taken; ValueError naming day and cell
    of the first that is missing or out of reason."""
    place = refuse.at(times, lambda cell: f"in {domain.name_cell(cell)}")
    refuse.missing(field.name, values, place, "fill them, or mask the cells out")
    taken = quantity(field.name, field.unit).taken
    other = ", or a flux of the opposite sign?" if taken.never_negative else "?"
    refuse.outside(field.name, values, place, taken, f"is it a code for missing values{other}")
    return np.maximum(values, 0) if taken.never_negative else values
