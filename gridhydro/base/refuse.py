"""Values at the door: what is missing, a code or beyond belief is refused, named with its place.

The last two axes of the values are days and places; `place(day, place)` says where a value is.
Messages are of one style: variable, value, day and place, how many there are, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from gridhydro.base.quantities import Quantity

Place = Callable[..., str]


def at(times, name_place: Callable[[int], str]) -> Place:
    """Names the place of a value (day, place) in messages: "on 2001-03-04 in row 3, col 1"."""
    return lambda day, place: f"on {pd.Timestamp(times[day]):%Y-%m-%d} {name_place(int(place))}"


def missing(variable: str, values: np.ndarray, place: Place, mend: str) -> None:
    """ValueError for the first value that is missing or infinite."""
    _refuse(~np.isfinite(values), values, variable, "", place, mend)


def codes(
    variable: str, values: np.ndarray, place: Place, quantity: Quantity, mend: str = ""
) -> None:
    """ValueError for the first value that is infinite or a code for missing ones; NaN may be."""
    wrong = np.isinf(values) | np.isin(values, quantity.codes)
    mend = mend or "set what is missing to NaN"
    _refuse(wrong, values, variable, quantity.unit, place, mend)


def outside(
    variable: str, values: np.ndarray, place: Place, quantity: Quantity, mend: str = ""
) -> None:
    """ValueError for the first value that is beyond the range of its quantity; NaN may be."""
    wrong = (values < quantity.low) | (values > quantity.high)
    mend = mend or ("is it a code for missing values, or are the units not those that are stated?")
    high = f" to {quantity.high:g}" if np.isfinite(quantity.high) else " and more"
    possible = f"but {quantity.low:g}{high} is possible; "
    _refuse(wrong, values, variable, quantity.unit, place, mend, possible)


def _refuse(wrong, values, variable, unit, place: Place, mend: str, possible: str = "") -> None:
    if not wrong.any():
        return
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    value = values[first]
    what = "missing" if np.isnan(value) else f"{value:g} {unit if unit != '1' else ''}".strip()
    raise ValueError(
        f"{variable} is {what} {place(*first)}, {possible}{wrong.sum()} of {wrong.size} values in "
        f"all: {mend}"
    )
