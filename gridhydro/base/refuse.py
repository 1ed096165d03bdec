"""Values at the door: what is missing, a code or beyond belief is refused, named with its place.

The last two axes of the values are days and places; `place(day, place)` says where a value is.
Messages are of one style: variable, value, day and place, how many there are, and how to mend it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from gridhydro.base.missing import Extent, codes_in, doubtful
from gridhydro.base.quantities import FILL, Quantity

Place = Callable[..., str]


def at(times, name_place: Callable[[int], str]) -> Place:
    """Names the place of a value (day, place) in messages: "on 2001-03-04 in row 3, col 1"."""
    return lambda day, place: f"on {_moment(times[day])} {name_place(int(place))}"


def _moment(time) -> str:
    """A day, or of a step that begins later in it the hour too."""
    time = pd.Timestamp(time)
    return f"{time:%Y-%m-%d}" if time == time.normalize() else f"{time:%Y-%m-%d %H:%M}"


def missing(variable: str, values: np.ndarray, place: Place, mend: str) -> None:
    """ValueError for the first value that is missing or infinite."""
    _refuse(~np.isfinite(values), values, variable, "", place, mend)


def numbers(variable: str, values, place: Place) -> np.ndarray:
    """The values as numbers; ValueError naming the first that is none, and for dates, durations,
    truths and complex numbers. Numbers that are written as text are numbers, None is missing."""
    values = np.asarray(values)
    kind = values.dtype.kind
    if kind in "fiu":
        return values if kind == "f" else values.astype(np.float64)
    if kind in "mM":
        raise ValueError(
            f"{variable} holds {'durations' if kind == 'm' else 'dates'}, not numbers: open the "
            "file with decode_timedelta=False, or bring them to numbers and state their units"
        )
    if kind == "b":
        raise ValueError(
            f"{variable} holds true and false, not numbers: is it a mask? Bring it to numbers with "
            ".astype(float), if that is meant"
        )
    if kind == "c":
        raise ValueError(f"{variable} holds complex numbers: give its real part")
    flat = pd.Series(values.ravel(), dtype=object)
    flat = flat.map(lambda v: v.decode("utf-8", "replace") if isinstance(v, bytes) else v)
    found = pd.to_numeric(flat, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    named = flat.astype(str).str.strip().str.lower().isin(["nan", "none", "<na>", "nat"])
    wrong = np.flatnonzero(np.isnan(found) & ~named & flat.notna())
    if wrong.size:
        first = tuple(int(i) for i in np.unravel_index(wrong[0], values.shape))
        raise ValueError(
            f"{variable} is {flat[wrong[0]]!r} {place(*first)}, which is no number, {wrong.size} "
            f"of {flat.size} values in all: set what is missing to NaN, and write numbers with a "
            "decimal point"
        )
    return found.reshape(values.shape)


def codes(
    variable: str,
    values: np.ndarray,
    place: Place,
    quantity: Quantity,
    mend: str = "",
    *,
    declared: bool = False,
    whole: Callable[[], Extent] | None = None,
    told: bool = False,
) -> bool:
    """ValueError for the first value that is infinite or a code for missing ones; NaN may be.

    A number that may be a code as well as a value is taken as it is, with a warning, unless that
    was `told`; True where there is one. What looks like a code is none where codes are `declared`:
    then only numbers of 9e14 are. `whole` gives the extent of the series that the values are a part
    of.
    """
    with np.errstate(invalid="ignore"):
        wrong = np.abs(values) >= FILL if declared else codes_in(values, quantity.codes, whole)
    mend = mend or (
        "set what is missing to NaN, or declare the code in the attribute missing_value ([] says "
        "that there is none)"
    )
    _refuse(wrong | np.isinf(values), values, variable, quantity.unit, place, mend)
    if declared:
        return False
    doubted = doubtful(values, quantity.codes, whole)
    doubted &= (values >= quantity.low) & (values <= quantity.high)
    if doubted.any() and not told:
        first = tuple(int(i) for i in np.argwhere(doubted)[0])
        warnings.warn(
            f"{variable} is exactly {values[first]:.7g} {quantity.unit} {place(*first)}, "
            f"{doubted.sum()} of {values.size} values in all, and is taken as it is: if that is a "
            "code for missing values, declare it in the attribute missing_value",
            stacklevel=3,
        )
    return bool(doubted.any())


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
    what = "missing" if np.isnan(value) else f"{value:.7g} {unit if unit != '1' else ''}".strip()
    raise ValueError(
        f"{variable} is {what} {place(*first)}, {possible}{wrong.sum()} of {wrong.size} values in "
        f"all: {mend}"
    )
