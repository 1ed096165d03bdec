"""Options as people give them, made what the rest of the code and a JSON file can take."""

from __future__ import annotations

import math
import operator
from collections.abc import Hashable, Iterable
from numbers import Real
from typing import TypeVar

Value = TypeVar("Value")


MOST = 2**31 - 1  # of whatever is counted
SEEDS = 2**42  # so many seeds make a generator's of 64 bits with the number of an epoch


def whole(name: str, value, least: int, most: int = MOST) -> int:
    """A whole number, numpy's too, as an int; ValueError for any other, one below `least` and one
    above `most`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ValueError(f"{name} is {value!r}, should be a whole number, {least} or more")
    if number > most:
        raise ValueError(f"{name} is {number}, should be a whole number from {least} to {most}")
    return number


def seed_of(value) -> int:
    """The seed of random numbers; ValueError for what is no whole number from 0 to SEEDS."""
    return whole("seed", value, 0, SEEDS)


def number(name: str, value, least: float = -math.inf) -> float:
    """A number, numpy's too, as a float; ValueError for any other and one below `least`."""
    if isinstance(value, bool) or not isinstance(value, Real) or not float(value) >= least:
        above = "" if least == -math.inf else f", {least:g} or more"
        raise ValueError(f"{name} is {value!r}, should be a number{above}")
    return float(value)


def fraction(name: str, value) -> float:
    """A number from 0 to 1; ValueError for any other."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not (number and 0 <= value <= 1):  # NaN is none either
        raise ValueError(f"{name} is a number from 0 to 1, not {value!r}")
    return float(value)


def names(name: str, values: Iterable[str]) -> list[str]:
    """Names as a list; ValueError for a single text, whose letters would be taken for them."""
    if isinstance(values, str):
        raise ValueError(f"{name} is a list of names, such as ['{values}'], not '{values}'")
    return [str(value) for value in values]


def required(name: str, value: Value | None) -> Value:
    """The value; ValueError where there is none."""
    if value is None:
        raise ValueError(f"there is no {name}")
    return value


def one_of(name: str, value, known: Iterable):
    """The value; ValueError where it is not among those that are known."""
    known = tuple(known)  # of a table its names: what has no hash is none of them
    if not isinstance(value, Hashable) or value not in known:
        raise ValueError(f"{name} is one of {', '.join(map(repr, known))}, not {value!r}")
    return value


_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


def switch(name: str, value) -> bool:
    """True or false as tables have it: 1, "yes", "TRUE"; nothing and NaN are false.

    ValueError for anything else.
    """
    if value is None or (isinstance(value, Real) and math.isnan(value)):
        return False
    word = str(value).strip().lower()
    word = word.removesuffix(".0") if isinstance(value, Real) else word
    if word not in _WORDS:
        raise ValueError(f"{name} is {value!r}, should be true or false")
    return _WORDS[word]
