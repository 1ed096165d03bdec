"""The sections and keys of a domain file, with their types and defaults."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class DomainOptions:
    """Section [domain]: the flow-direction raster and the grid of the model."""

    flow_direction: str
    coding: str
    variable: str | None = None
    crs: str | None = None
    resolution: float | None = None
    snap: bool = False
    crop: bool = True  # to what drains to the gauges


@dataclass(frozen=True)
class GaugeOptions:
    """One [[gauges]]: where it is, and the file of its discharge."""

    name: str
    discharge: str
    x: float | None = None
    y: float | None = None
    lon: float | None = None
    lat: float | None = None
    area_km2: float | None = None
    variable: str = "discharge"
    units: str | None = None


@dataclass(frozen=True)
class AttributeOptions:
    """One [attributes.NAME]: see `gridhydro.attributes`."""

    file: str
    variable: str | None = None
    crs: str | None = None
    how: str = "mean"
    units: str = "1"
    long_name: str | None = None
    lookup: str | None = None
    key: str | None = None
    value: str | None = None
    minimum: float = 0.01


@dataclass(frozen=True)
class ForcingOptions:
    """One [forcing.NAME]: a file, or a constant where there is none."""

    file: str | None = None
    variable: str | None = None
    units: str | None = None
    crs: str | None = None
    cell_reference: str = "center"
    constant: float | None = None


@dataclass(frozen=True)
class ModelOptions:
    """Section [model]: see `gridhydro.Model`."""

    column: str = "hbv"
    scheme: str = "sequential"
    network: str = "mlp"
    hidden: tuple[int, ...] = ()
    components: int = 1
    weights: str = "mean"
    dynamic: tuple[str, ...] = ()
    dynamic_dropout: float = 0.0
    dropout: float = 0.0
    log_attributes: tuple[str, ...] = ()
    unit_hydrograph: str | None = None
    fixed: dict = field(default_factory=dict)
    river: dict = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingOptions:
    """Section [training]: see `gridhydro.train`."""

    period: tuple[str, str]
    validation: tuple[str, str] | None = None
    spinup: int = 365
    spinup_cycles: int = 0
    epochs: int = 150
    learning_rate: float = 0.005
    optimizer: str = "adam"
    batches: dict | None = None
    loss: str = "nse"
    seed: int = 0
    split: dict | None = None
    held_out: tuple[str, ...] = ()
    cache: bool = False  # packed copies of the series in the run folder, instead of in memory


def read_options(source: Path, section: str, kind: type, values):
    """One section of a domain file as its dataclass.

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
    return kind(**{key: _typed(v, hints[key], f"{place}: {key}") for key, v in values.items()})


def refuse_unknown(place: str, given, known) -> None:
    """ValueError for the first of `given` that is not in `known`, with the one it resembles."""
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
            raise ValueError(f"{place}: unknown key '{key}'; {hint}")


def refuse_unused(place: str, given, unused, by: str) -> None:
    """ValueError for the first of the keys `given` that is among those `unused` by the choice."""
    for key in given:
        if key in unused:
            raise ValueError(f"{place}: '{key}' is not used by {by}: leave it out")


def locate(data: Path, file: str, place: str) -> Path:
    """A file of the data folder; FileNotFoundError naming the key that asks for it."""
    path = data / file
    if not path.is_file():
        raise FileNotFoundError(f"{place}: there is no file {path.resolve()}")
    return path


_WORDS = {str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false"}


def _typed(value, hint, place: str):
    """A value as its type; dates and numbers of TOML are taken as texts where one is wanted."""
    if isinstance(hint, UnionType):
        hint = next(one for one in get_args(hint) if one is not NoneType)
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
    if hint is str and not isinstance(value, (bool, list, dict)):
        return str(value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ValueError(f"{place} is {_WORDS[hint]}, not {value!r}")
    return value
