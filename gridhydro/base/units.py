"""Units at the door: what comes in is converted to the engine's units, or refused."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from gridhydro.base.missing import masked
from gridhydro.base.unit_grammar import Powers, parsed, without_water

_DEGREES = ("degree", "degrees", "deg")
# unit wanted -> unit given -> (factor, offset), as `spelled`: what cannot be told by dimensions
# alone, and examples for messages; all others are found by `unit_grammar.parsed`
_CONVERSIONS: dict[str, dict[str, tuple[float, float]]] = {
    "mm d-1": {
        "mm d-1": (1, 0),
        "mm": (1, 0),  # a daily sum
        "kg m-2 d-1": (1, 0),
        "kg m-2": (1, 0),
        "kg m-2 s-1": (86400, 0),
        "mm s-1": (86400, 0),
        "mm h-1": (24, 0),
        "cm d-1": (10, 0),
        "m d-1": (1000, 0),
        "m": (1000, 0),
        "m s-1": (86400e3, 0),
    },
    "degC": {"degC": (1, 0), "K": (1, -273.15), "degF": (5 / 9, -160 / 9)},
    "m3 s-1": {
        "m3 s-1": (1, 0),
        "l s-1": (1e-3, 0),
        "ft3 s-1": (0.3048**3, 0),
        "m3 d-1": (1 / 86400, 0),
        "km3 yr-1": (1e9 / (365.25 * 86400), 0),
    },
    "mm": {"mm": (1, 0), "cm": (10, 0), "m": (1000, 0), "kg m-2": (1, 0)},
    "m": {"m": (1, 0), "km": (1000, 0), "cm": (1e-2, 0)},
    "mm d-1 K-1": {"mm d-1 K-1": (1, 0), "mm K-1 d-1": (1, 0)},
    "W m-2": {"W m-2": (1, 0), "MJ m-2 d-1": (1e6 / 86400, 0), "J m-2 d-1": (1 / 86400, 0)},
    "Pa": {"Pa": (1, 0), "hPa": (100, 0), "mbar": (100, 0), "kPa": (1000, 0)},
    "m2": {"m2": (1, 0), "km2": (1e6, 0)},
    "km2": {"km2": (1, 0), "m2": (1e-6, 0), "ha": (1e-2, 0), "mi2": (1.609344**2, 0)},
    "s": {"s": (1, 0), "h": (3600, 0)},
    "%": {"%": (1, 0), "percent": (1, 0), "1": (100, 0)},
    "1": {"%": (1e-2, 0), "percent": (1e-2, 0), "g kg-1": (1e-3, 0)}
    | dict.fromkeys(("1", "-", "fraction", "kg kg-1", "m2 m-2", "m m-1"), (1.0, 0.0)),
    "degrees_north": {n: (1, 0) for n in ("degrees_north", "degree_north", *_DEGREES)},
    "degrees_east": {n: (1, 0) for n in ("degrees_east", "degree_east", *_DEGREES)},
}

_SPELLINGS = {
    "celsius": "degC",
    "degree_celsius": "degC",
    "degrees_c": "degC",
    "degrees_celsius": "degC",
    "deg_c": "degC",
    "degc": "degC",
    "c": "degC",
    "kelvin": "K",
    "k": "K",
    "degf": "degF",
    "fahrenheit": "degF",
    "cms": "m3 s-1",
    "cumecs": "m3 s-1",
    "cfs": "ft3 s-1",
}
# units of water, where a mass stands for the volume of so much water
_WATER = ("mm d-1", "mm", "m3 s-1", "m")
_DENSITY = 1000.0  # kg m-3

_RAISED = str.maketrans("²³⁻¹", "23-1")


def to_unit(array: xr.DataArray, target: str, units: str | None = None) -> xr.DataArray:
    """`array` in the unit `target`, such as "mm d-1", "degC", "m3 s-1"; others pass if they agree.

    The unit is read from the attribute `units`, or given as `units`. A rate in mm or m counts as a
    daily sum. Raises ValueError, saying how to mend it, when the unit is absent and cannot be told
    from the values, when it is not known, when the values cannot be in the unit that is given, and
    when they are no numbers, but dates or text.
    """
    name = array.name or "the array"
    array = masked(array)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"'{name}' is of type {array.dtype}, not numbers in a unit")
    given = units or array.attrs.get("units")
    if given is None or not str(given).strip():
        given = guessed(array.values, target)
    factor, offset = conversion(str(name), given, target)
    converted = array if (factor, offset) == (1, 0) else array * factor + offset
    refuse_implausible(typical(converted.values, target), str(name), str(given), target)
    return converted.assign_attrs(array.attrs | {"units": target})


def conversion(name: str, units: str | None, target: str, where="") -> tuple[float, float]:
    """(factor, offset) from a unit, however spelt, to `target`; ValueError if it has none.

    where  the file that the variable is of, whose readers take units=
    """
    begin = f"{where}: " if where else ""
    if units is None or not str(units).strip():
        mend = (
            f"say which, for example units={{'{name}': '{target}'}}"
            if where
            else "and could be anything: set them, for example "
            f"dataset['{name}'].attrs['units'] = '{target}'"
        )
        raise ValueError(
            f"{begin}'{name}' has no units{':' if where else ''} {mend} (documentation: From your "
            "data to a model)"
        )
    known, normal = conversions(target), spelled(without_water(str(units)))
    if normal not in known:
        factor = _by_dimensions(str(units), target)
        if factor is not None:
            return factor, 0.0
        mend = f". If the file is wrong, units={{'{name}': ...}} says so" if where else ""
        raise ValueError(
            f"{begin}'{name}' is in '{units}', which is not known as a unit for '{target}'; "
            f"known are {', '.join(known)}{mend}"
        )
    return known[normal]


def conversions(target: str) -> dict[str, tuple[float, float]]:
    """Unit, as `spelled` -> (factor, offset) that make `target` of it."""
    return _CONVERSIONS.get(target, {target: (1, 0)})


def fits(units: str | None, target: str) -> bool:
    """Whether a unit, however spelt, is one for `target`."""
    if units is None or not str(units).strip():
        return False
    return spelled(without_water(str(units))) in conversions(target) or (
        _by_dimensions(str(units), target) is not None
    )


def _by_dimensions(units: str, target: str) -> float | None:
    """Factor between two units of the same dimensions; None where they are of others.

    Temperatures are never told so, as a degree is as large as a kelvin but begins elsewhere, nor
    fractions, which are of many things: a volume in a volume is no degree of saturation.
    """
    given, wanted = parsed(units), parsed(target)
    if given is None or wanted is None or given[1] in ((0, 0, 0, 1), (0, 0, 0, 0)):
        return None
    factor, powers = given
    if target in _WATER and powers[1] == 1 and wanted[1][1] == 0:
        factor, powers = factor / _DENSITY, _without_mass(powers)
    return factor / wanted[0] if powers == wanted[1] else None


def _without_mass(powers: Powers) -> Powers:
    return powers[0] + 3, 0, powers[2], powers[3]


def depth_of_flow(area_km2):
    """Depth in mm d-1 of a flow of 1 m3 s-1 over an area (km2, a number or an array)."""
    return 86.4 / area_km2


def spelled(text: str) -> str:
    """One spelling for a unit: 'mm/day', 'mm day^-1' and 'mm d**-1' are all 'mm d-1'."""
    text = text.strip()
    text = _SPELLINGS.get(text.lower().replace(" ", "_").replace("°", "deg"), text)
    text = re.sub(r"\*\*|\^", "", text).translate(_RAISED)
    for name, short in (("lit(?:er|re)s?", "l"), ("L", "l"), ("millimet(?:er|re)s?", "mm")):
        text = re.sub(rf"\b{name}\b", short, text)
    text = text.replace(" per ", "/")
    for long, short in (("days?", "d"), ("hours?|hr", "h"), ("seconds?|sec", "s")):
        text = re.sub(rf"\b({long})(?=\b|-?\d)", short, text)
    first, *below = text.split("/")
    for part in below:
        first += " " + re.sub(r"^([A-Za-z]+)(\d*)$", lambda m: f"{m[1]}-{m[2] or 1}", part.strip())
    return re.sub(r"[\s.]+", " ", first).strip()


def guessed(values: np.ndarray, target: str) -> str | None:
    """Temperatures tell their unit: no place is at 150 degC, none at 60 K."""
    if target != "degC":
        return None
    middle = float(np.nanmedian(values))
    return "K" if middle > 150 else "degC" if -90 < middle < 45 else None


def typical(values: np.ndarray, target: str) -> float:
    """By which a wrong unit shows: the median of temperatures, the mean of depths; else 0. NaN
    where all are missing."""
    if not values.size:
        return 0.0
    if np.isnan(values).all():
        return np.nan
    if target == "degC":
        return float(np.nanmedian(values))
    return float(np.nanmean(values)) if target == "mm d-1" else 0.0


def refuse_implausible(middle: float, name: str, given: str, target: str) -> None:
    """ValueError where the `typical` value of a series cannot be in the unit that is given."""
    if target == "degC" and not -90 < middle < 70 and not np.isnan(middle):
        raise ValueError(
            f"'{name}' says '{given}', but its median would be {middle:.4g} degC: mend its units"
        )
    if target == "mm d-1" and middle > 200:
        raise ValueError(
            f"'{name}' says '{given}', but is {middle:.4g} mm d-1 on average: mend its units"
        )
