"""HydroPy's own options of its column, and how a name says them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from gridhydro.base.arguments import number, one_of
from gridhydro.columns.option_text import options_of

_SWITCHES = {"on": True, "true": True, "off": False, "false": False}


@dataclass(frozen=True)
class HydroPyOptions:
    """Options of HydroPy 1.0.2 by their names there; as left out, the column is the usual one.

    with_leakage   lakes leak to the groundwater where the root zone is not full
    with_skin      bare soil and leaves hold water that evaporates first
    qsb_exp        exponent of the fast part of drainage, above 0
    skincap1       mm that bare soil holds, and each layer of leaves
    rain_and_snow  the forcing has rainfall and snowfall, and not precipitation

    In a column's name they stand after a colon: "hydropy:with_leakage,with_skin=off,qsb_exp=2".
    ValueError for values that cannot be.
    """

    with_leakage: bool = False
    with_skin: bool = True
    qsb_exp: float = 1.5
    skincap1: float = 0.2
    rain_and_snow: bool = False

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, bool):
                switch = bool(one_of(f"HydroPy: {field.name}", value, (True, False)))
                object.__setattr__(self, field.name, switch)
            else:
                value = number(f"HydroPy: {field.name}", value, 0)
                if value == float("inf"):
                    raise ValueError(f"HydroPy: {field.name} is infinite: give a number")
                object.__setattr__(self, field.name, value)
        if self.qsb_exp == 0:
            raise ValueError("HydroPy: qsb_exp is 0, should be above it")

    @classmethod
    def of(cls, text: str) -> HydroPyOptions:
        """Options as a name has them; ValueError for one that there is not."""
        given: dict[str, bool | float | str] = {}
        known = {field.name: field.default for field in fields(cls)}
        for name, value in options_of(text, known, "HydroPy", "an option").items():
            if isinstance(known[name], bool):
                switch = one_of(f"HydroPy: {name}", value.lower() or "on", _SWITCHES)
                given[name] = _SWITCHES[switch]
            else:
                try:
                    given[name] = float(value)
                except ValueError:
                    raise ValueError(f"HydroPy: {name} is a number, not {value!r}") from None
        return cls(**given)  # type: ignore[arg-type]

    @property
    def suffix(self) -> str:
        """What the name of a column with these options ends with."""
        parts = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default:
                continue
            told = (
                {True: "", False: "=off"}.get(value) if isinstance(value, bool) else f"={value!r}"
            )
            parts.append(f"{field.name}{told}")
        return ":" + ",".join(parts) if parts else ""


USUAL = HydroPyOptions()
