"""Missing values: codes that somebody declares, and those that only look like codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real

import numpy as np
import xarray as xr

from gridhydro.base.quantities import CODES, FILL

# attributes by which a variable says which numbers are no values
DECLARED = ("missing_value", "_FillValue", "fill_value", "nodata")
# how far beyond all other values a number lies that is taken for a code, in parts of their span:
# extremes lie far above the rest more often than far below it
_BELOW, _ABOVE = 0.2, 1.0
_ROUNDED = 0.05  # fraction of values, by which those of a series are called rounded
FEW = 30  # values, that say little of what a place can have
_SAMPLE = 10_000  # values, that tell whether those of a series are rounded
_SAME = 2e-7  # single precision
# attributes of numbers that are packed: what their values are to be multiplied with, and added
_PACKED = {"scale_factor": 1.0, "add_offset": 0.0}


def refuse_packed(array) -> None:
    """ValueError for an array (or table) that says of its numbers that they are still packed.

    Libraries that unpack move this from the attributes to the encoding; those that do not leave
    integers that look like values.
    """
    for name, nothing in _PACKED.items():
        told = np.ravel(array.attrs.get(name, nothing))
        if not (told.dtype.kind in "fiu" and (told == nothing).all()):
            raise ValueError(
                f"{_name(array)} says {name} = {array.attrs[name]}, so its numbers are packed: "
                "open the file with mask_and_scale=True, or unpack them with xarray.decode_cf; "
                f"if they are unpacked already, take {name} out of its attributes"
            )


def declared(array) -> tuple[float, ...] | None:
    """The codes that the attributes of an array (or table) declare; None where they say nothing.

    NaN says nothing: libraries state it of every array that they have made.
    """
    given = [np.ravel(array.attrs[name]) for name in DECLARED if name in array.attrs]
    try:
        told = [float(code) for codes in given for code in codes]
    except (TypeError, ValueError):
        raise ValueError(
            f"{_name(array)} declares {given[0]} as its missing values, which are no numbers: mend "
            "its attributes"
        ) from None
    codes = tuple(code for code in told if not np.isnan(code))
    return codes if codes or (given and not told) else None


def declare(array: xr.DataArray, missing: Iterable[float] | float | None) -> xr.DataArray:
    """The array with these codes as its attribute missing_value; as it is where None is given."""
    if missing is None:
        return array
    attrs = {name: value for name, value in array.attrs.items() if name not in DECLARED}
    array = array.copy(deep=False)
    array.attrs = attrs | {DECLARED[0]: list(named(missing))}
    return array


def named(missing) -> tuple[float, ...]:
    """The codes that somebody names: one number or several; ValueError for what is none."""
    codes = np.ravel(np.asarray(missing, object)).tolist()
    if any(isinstance(code, bool) or not isinstance(code, Real) for code in codes):
        raise ValueError(
            f"missing is a number, or a list of numbers, that stand for missing values, not "
            f"{missing!r}"
        )
    return tuple(float(code) for code in codes)


def masked(array: xr.DataArray, missing: Iterable[float] | float | None = None) -> xr.DataArray:
    """NaN where a value is one of the codes that are given or that its attributes declare.

    ValueError where its attributes say that its numbers are packed.
    """
    refuse_packed(array)
    array = declare(array, missing)
    codes = declared(array)
    if not codes or array.dtype.kind not in "fiu":
        return array
    return array.where(~equal(array.values, codes))


def equal(values: np.ndarray, codes: Iterable[float]) -> np.ndarray:
    """Where values are one of these numbers, in single precision as well as in double."""
    values = np.asarray(values)
    found = np.zeros(values.shape, bool)
    if not values.size or values.dtype.kind not in "fiu":
        return found
    low, high = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    for code in codes:
        if np.isinf(code):
            found |= values == code
            continue
        slack = _SAME * abs(code)
        if low - slack <= code <= high + slack:
            found |= np.abs(values - np.float64(code)) <= slack
    return found


@dataclass(frozen=True)
class Extent:
    """What codes are told by: all other numbers of a series (..., N).

    low, high, count  (N,) smallest and largest of each place, NaN where there is none, and how many
    least, most       of all places
    days              of the series
    rounded           which part of them is rounded, by a sample; 1 where there are none
    """

    low: np.ndarray
    high: np.ndarray
    count: np.ndarray
    least: float
    most: float
    days: int
    rounded: float

    @classmethod
    def of(cls, parts: Iterable[np.ndarray], size: int, codes: Iterable[float] = CODES) -> Extent:
        """That of parts (days, N), `size` numbers in all, that are seen once, one after another."""
        codes, low, high, count = tuple(codes), *(np.array(one) for one in (np.nan, np.nan, 0))
        days, seen, step, sample = 0, 0, max(1, size // _SAMPLE), []
        for rows in parts:
            with np.errstate(invalid="ignore"):
                like = equal(rows, codes) | (np.abs(rows) >= FILL)
            others = np.where(like | np.isinf(rows), np.nan, rows.astype(np.float64))
            low = np.fmin(low, np.fmin.reduce(others, axis=0))
            high = np.fmax(high, np.fmax.reduce(others, axis=0))
            count = count + np.isfinite(others).sum(axis=0)
            plain = _not_codes(rows, codes)
            sample.append(plain[-seen % step :: step])
            days, seen = days + len(rows), seen + plain.size
        least, most = np.fmin.reduce(low, axis=None), np.fmax.reduce(high, axis=None)
        return cls(low, high, count, least, most, days, _rounded(np.concatenate(sample)))


def codes_in(
    values: np.ndarray,
    codes: Iterable[float] = CODES,
    whole: Callable[[], Extent] | None = None,
) -> np.ndarray:
    """Where values (..., N) are codes for missing ones, by all appearance.

    A number of 9e14 and more always is. One that is used as a code is, where it lies far from all
    other values of its place (of all places, where it has few others), or below zero among none.
    whole  gives the extent of the series that the values are a part of. It is asked for only where
           one lies far from the others of the part: whatever does not, does not in the whole either
    """
    values = np.asarray(values)
    with np.errstate(invalid="ignore"):
        huge = np.abs(values) >= FILL
    found = equal(values, codes) | huge
    if not found.any():
        return found
    rows = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
    like, days = found.reshape(rows.shape), len(rows)
    places = np.flatnonzero(like.any(axis=0))
    given, like = rows[:, places].astype(np.float64), like[:, places]
    others = np.where(like | np.isinf(given), np.nan, given)
    low, high = np.fmin.reduce(others, axis=0), np.fmax.reduce(others, axis=0)
    count = np.isfinite(others).sum(axis=0)
    if whole is None:
        everywhere = rows[np.isfinite(rows) & ~found.reshape(rows.shape)]
        ends = (everywhere.min(), everywhere.max()) if everywhere.size else None
    else:
        if not (like & (_apart(given, low, high) | np.isnan(low)) & ~(np.abs(given) >= FILL)).any():
            return huge
        extent = whole()
        low, high, count = (v[places] for v in (extent.low, extent.high, extent.count))
        days = extent.days
        ends = None if np.isnan(extent.least) else (extent.least, extent.most)
    few = count < FEW
    if few.any() and ends is not None:
        low, high = (np.where(few, end, own) for end, own in zip(ends, (low, high), strict=True))
    apart = _apart(given, low, high)
    if days >= FEW:
        apart |= np.isnan(low)
    result = np.zeros(rows.shape, bool)
    result[:, places] = like & (apart | (np.abs(given) >= FILL))
    return result.reshape(values.shape)


def _apart(given: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where numbers lie far from a range, or below zero though it does not."""
    with np.errstate(invalid="ignore", over="ignore"):
        span = high - low
        apart = (low - given > _BELOW * span) | (given - high > _ABOVE * span)
    return apart | ((given < 0) & ~(low < 0))


def doubtful(
    values: np.ndarray,
    codes: Iterable[float] = CODES,
    whole: Callable[[], Extent] | None = None,
) -> np.ndarray:
    """Where a value below zero that `codes_in` takes for one is a code all the same, perhaps: among
    values that are not rounded it is so to the last digit."""
    found = equal(values, [code for code in codes if code < 0])
    if found.any():
        others = _not_codes(values, codes)[:: max(1, values.size // _SAMPLE)]
        if (_rounded(others) if whole is None else whole().rounded) > _ROUNDED:
            return np.zeros(found.shape, bool)
    return found


def _not_codes(values: np.ndarray, codes: Iterable[float]) -> np.ndarray:
    return values[np.isfinite(values) & ~equal(values, [code for code in codes if code < 0])]


def _rounded(others: np.ndarray) -> float:
    near = np.isclose(others * 10, np.round(others * 10), rtol=0, atol=1e-4)
    return float(near.mean()) if others.size else 1.0


def _name(array) -> str:
    name = getattr(array, "name", None)
    return f"'{name}'" if name is not None else "the array"
