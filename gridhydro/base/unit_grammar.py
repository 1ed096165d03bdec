"""What a unit is, however it is written: a factor and powers of metre, kilogram, second, kelvin."""

from __future__ import annotations

import re
from functools import lru_cache

Powers = tuple[int, int, int, int]  # of m, kg, s, K

_YEAR = 365.25 * 86400
_FOOT, _MILE = 0.3048, 1609.344
# names that stand alone -> (factor, powers)
_WHOLE: dict[str, tuple[float, Powers]] = {
    "s": (1, (0, 0, 1, 0)), "min": (60, (0, 0, 1, 0)), "h": (3600, (0, 0, 1, 0)),
    "d": (86400, (0, 0, 1, 0)), "yr": (_YEAR, (0, 0, 1, 0)),
    "ft": (_FOOT, (1, 0, 0, 0)), "in": (_FOOT / 12, (1, 0, 0, 0)), "mi": (_MILE, (1, 0, 0, 0)),
    "ha": (1e4, (2, 0, 0, 0)), "acre": (_MILE**2 / 640, (2, 0, 0, 0)),
    "bar": (1e5, (-1, 1, -2, 0)), "mbar": (100, (-1, 1, -2, 0)), "mb": (100, (-1, 1, -2, 0)),
    "atm": (101_325, (-1, 1, -2, 0)), "mmHg": (133.322, (-1, 1, -2, 0)),
    "cal": (4.184, (2, 1, -2, 0)), "kcal": (4184, (2, 1, -2, 0)), "ly": (41_840, (0, 1, -2, 0)),
    "Wh": (3600, (2, 1, -2, 0)), "kWh": (3.6e6, (2, 1, -2, 0)), "kn": (1852 / 3600, (1, 0, -1, 0)),
    "degC": (1, (0, 0, 0, 1)), "cfs": (_FOOT**3, (3, 0, -1, 0)), "cms": (1, (3, 0, -1, 0)),
    "cfd": (_FOOT**3 / 86400, (3, 0, -1, 0)), "kcfs": (1e3 * _FOOT**3, (3, 0, -1, 0)),
    "MCM": (1e6, (3, 0, 0, 0)), "BCM": (1e9, (3, 0, 0, 0)),
    "acft": (_MILE**2 / 640 * _FOOT, (3, 0, 0, 0)),
    "%": (1e-2, (0, 0, 0, 0)), "mph": (_MILE / 3600, (1, 0, -1, 0)),
}  # fmt: skip
_PREFIXED: dict[str, tuple[float, Powers]] = {
    "m": (1, (1, 0, 0, 0)), "g": (1e-3, (0, 1, 0, 0)), "l": (1e-3, (3, 0, 0, 0)),
    "L": (1e-3, (3, 0, 0, 0)), "J": (1, (2, 1, -2, 0)), "W": (1, (2, 1, -3, 0)),
    "Pa": (1, (-1, 1, -2, 0)), "K": (1, (0, 0, 0, 1)),
}  # fmt: skip
_PREFIXES = {
    "": 1, "G": 1e9, "M": 1e6, "k": 1e3, "h": 100, "d": 0.1, "c": 1e-2, "m": 1e-3, "u": 1e-6,
    "\u00b5": 1e-6, "\u03bc": 1e-6,  # the sign of micro, and the letter
}  # fmt: skip
_UNITS = {
    prefix + unit: (size * factor, powers)
    for unit, (factor, powers) in _PREFIXED.items()
    for prefix, size in _PREFIXES.items()
} | _WHOLE
# other words for these, in lower case
_LONG = {"meter": "m", "metre": "m", "gram": "g", "liter": "l", "litre": "l", "watt": "W",
         "joule": "J", "pascal": "Pa", "kelvin": "K"}  # fmt: skip
_LONG_PREFIXES = {"": "", "giga": "G", "mega": "M", "kilo": "k", "hecto": "h", "deci": "d",
                  "centi": "c", "milli": "m", "micro": "u"}  # fmt: skip
_WORDS = {
    "sec": "s", "second": "s", "minute": "min", "hr": "h", "hour": "h", "day": "d", "dy": "d",
    "year": "yr", "annum": "yr", "a": "yr", "y": "yr", "foot": "ft", "feet": "ft", "inch": "in",
    "inches": "in", "mile": "mi", "hectare": "ha", "ac": "acre", "knot": "kn", "kt": "kn",
    "millibar": "mb", "mmhg": "mmHg", "langley": "ly", "calorie": "cal", "cumec": "cms",
    "cusec": "cfs", "percent": "%", "celsius": "degC", "deg_c": "degC", "mcm": "MCM", "bcm": "BCM",
    "degree_celsius": "degC", "degrees_celsius": "degC", "kcfs": "kcfs", "sqkm": "km2",
    "sqmi": "mi2",
} | {
    p + word: short_prefix + short
    for word, short in _LONG.items()
    for p, short_prefix in _LONG_PREFIXES.items()
}  # fmt: skip
# two units without a blank between them, as in ms-1 and kgm-2
_GLUED = {"ms": "m s", "kgm": "kg m", "Wm": "W m", "mmd": "mm d", "mmday": "mm d", "ls": "l s",
          "Ls": "l s", "kgs": "kg s", "MLd": "ML d"}  # fmt: skip
# what says of a depth that it is one of water, and nothing of its unit
_WATER = re.compile(
    r"\s*(?:\bof\s+(?:liquid\s+)?water(?:[\s_-]+equivalent)?|\b(?:liquid\s+)?water[\s_-]+equivalent"
    r"|\bw\.?\s?e\.?|\bswe\b|\bh2o\b|\blwe\b)\s*", re.IGNORECASE,
)  # fmt: skip
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺\u2212\u2013", "0123456789-+--")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?:\^(?P<power>[+-]?\d+))?"
    r"|(?P<unit>[A-Za-z\u00b5\u03bc_%]+)(?:\^?(?P<exponent>[+-]?\d+)|\^\((?P<within>[+-]?\d+)\))?|(?P<sign>[/*·\u00d7().]))"
)


def without_water(text: str) -> str:
    """'m of water equivalent' and 'm w.e.' are 'm': what a depth is of goes without saying here."""
    return _WATER.sub(" ", text).strip()


@lru_cache(maxsize=1024)
def parsed(text: str) -> tuple[float, Powers] | None:
    """(factor, powers of m, kg, s, K) of a unit, None where it is not known.

    'm**3 s**-1', 'm3/s', 'm³·s⁻¹', 'cubic metres per second' and 'M3/S' are one. A million cubic
    metres is Mm3, as hydrology writes it; a year has 365.25 days; months have no fixed length.
    """
    text = without_water(text.translate(_RAISED).replace("**", "^").replace("°", "deg"))
    text = re.sub(r"\bcubic[\s_]+([A-Za-z]+)", r"\1^3", text, flags=re.IGNORECASE)
    text = re.sub(r"\bsq(?:uare|\.)?[\s_]+([A-Za-z]+)", r"\1^2", text, flags=re.IGNORECASE)
    text = re.sub(r"\b([A-Za-z]+)[\s_]+cubed\b", r"\1^3", text, flags=re.IGNORECASE)
    text = re.sub(r"\b(?:acre[\s-]*(?:foot|feet|ft)|ac[\s-]ft|taf)\b", _acre_feet, text, flags=re.I)
    text = re.sub(r"\bper\b", "/", text, flags=re.IGNORECASE)
    text = re.sub(r"([A-Za-z]\d+)(?=[A-Za-z])", r"\1 ", text)
    return _product(text.strip())


def _acre_feet(found: re.Match) -> str:
    return "1000 acft" if found[0].lower() == "taf" else "acft"


def _product(text: str) -> tuple[float, Powers] | None:
    factor, powers = 1.0, [0, 0, 0, 0]
    place, below, signs = 0, False, [1]
    if not text:
        return None
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            return None
        place = token.end()
        sign = signs[-1] * (-1 if below else 1)
        if token["number"]:
            factor *= (float(token["number"]) ** int(token["power"] or 1)) ** sign
        elif token["unit"]:
            named = _named(token["unit"], int(token["exponent"] or token["within"] or 1))
            for size, own, times in named:
                factor *= size ** (times * sign)
                powers = [p + o * times * sign for p, o in zip(powers, own, strict=True)]
            if not named:
                return None
        elif token["sign"] == "(":
            signs.append(sign)
        elif token["sign"] == ")":
            if len(signs) == 1:
                return None
            signs.pop()
        below = token["sign"] == "/"
    if below or len(signs) > 1:
        return None
    return factor, (powers[0], powers[1], powers[2], powers[3])


def _named(word: str, exponent: int) -> list[tuple[float, Powers, int]]:
    """(factor, powers, exponent) of a word with its exponent; [] where it is not known."""
    if word == "Mm" and exponent == 3:
        return [(1e6, (3, 0, 0, 0), 1)]
    if word in _GLUED:
        first, last = _GLUED[word].split()
        return [(*_UNITS[first], 1), (*_UNITS[last], exponent)]
    lower = word.lower()
    one = lower.removesuffix("s") if len(lower) > 2 else lower
    for name in (word, _WORDS.get(lower), _WORDS.get(one), lower, one):
        if name in _UNITS:
            return [(*_UNITS[name], exponent)]
        if name in ("km2", "mi2"):
            return [(*_UNITS[name[:-1]], 2 * exponent)]
    return []
