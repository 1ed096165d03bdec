"""The keys of a section of a domain file as values of the right types, and errors naming them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import get_args, get_origin, get_type_hints


def read_options(source: Path, section: str, kind: type, values):
    """One section of a domain file as its dataclass; a key whose type is a dataclass is a table of
    its own, [section.key], or in short the value of its first key.

    Raises ValueError naming file, section and key: of a key that is not known (and the nearest
    that is), of one that is missing, and of a value of another type.
    """
    place = f"{source}, [{section}]"
    if not isinstance(values, dict):
        raise ValueError(f"{place} is a section of keys and values, not {values!r}")
    hints = get_type_hints(kind)
    refuse_unknown(place, values, list(hints))
    needed = [f.name for f in fields(kind) if f.default is f.default_factory is MISSING]
    missing = [key for key in needed if key not in values]
    if missing:
        raise ValueError(f"{place}: missing '{missing[0]}'")
    given = {}
    for key, value in values.items():
        hint = _hint(hints[key], value)
        if isinstance(hint, type) and is_dataclass(hint):
            given[key] = read_options(source, f"{section}.{key}", hint, as_table(hint, value))
        else:
            given[key] = _typed(value, hint, f"{place}: {key}")
    with named(place):
        return kind(**given)


def as_table(kind: type, value) -> dict:
    """The keys of a dataclass of options: as they are given, or from the value of the first."""
    return value if isinstance(value, dict) else {fields(kind)[0].name: value}


def refuse_unknown(place: str, given, known) -> None:
    """ValueError for the first of `given` that is not in `known`, with the one it resembles."""
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
            raise ValueError(f"{place}: unknown key '{key}'; {hint}")


def refuse_renamed(place: str, given, renamed: Mapping[str, str]) -> None:
    """ValueError for the first of the keys `given` that has another name now."""
    for key in given:
        if key in renamed:
            raise ValueError(f"{place}: '{key}' is written {renamed[key]} now")


def refuse_unused(place: str, given, unused, by: str) -> None:
    """ValueError for the first of the keys `given` that is among those `unused` by the choice."""
    for key in given:
        if key in unused:
            raise ValueError(f"{place}: '{key}' is not used by {by}: leave it out")


def locate(data: Path, file: str, place: str, store: bool = False) -> Path:
    """A file of the data folder, or with `store` a folder too; FileNotFoundError naming the key
    that asks for it."""
    path = data / file
    if not (path.is_file() or (store and path.is_dir())):
        raise FileNotFoundError(f"{place}: there is no file {path.resolve()}")
    return path


@contextmanager
def named(place: str) -> Iterator[None]:
    """Errors of the input, raised within, say first which file, section and key they are of."""
    try:
        yield
    except (ValueError, OSError) as error:
        if str(error).startswith(place.split(",")[0]):
            raise
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
        raise kind(f"{place}: {error}") from error


_WORDS = {str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false"}


def _hint(hint, value):
    """The type that a value is to have, None aside: of several its own, or the first."""
    if not isinstance(hint, UnionType):
        return hint
    kinds = [one for one in get_args(hint) if one is not NoneType]
    own = tuple if isinstance(value, list) else type(value)
    return next((one for one in kinds if (get_origin(one) or one) is own), kinds[0])


def _typed(value, hint, place: str):
    """A value as its type; dates and numbers of TOML are taken as texts where one is wanted."""
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        size = None if kinds[-1] is Ellipsis else len(kinds)
        if not isinstance(value, list) or size not in (None, len(value)):
            count = f"{size} values" if size else "values"
            raise ValueError(f"{place} is a list of {count}, such as [..., ...], not {value!r}")
        return tuple(_typed(one, kinds[0], place) for one in value)
    if hint is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{place} is a table, such as {{ key = 1.0 }}, not {value!r}")
        return value
    if hint is object:
        return value
    if hint is str and not isinstance(value, (bool, list, dict)):
        return str(value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ValueError(f"{place} is {_WORDS[hint]}, not {value!r}")
    return value
