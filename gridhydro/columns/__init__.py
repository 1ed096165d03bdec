"""The column models by name: one file each, one line here."""

from functools import cache

from gridhydro.columns.column import Column
from gridhydro.columns.fuse import Fuse
from gridhydro.columns.fuse_options import PARENTS, FuseOptions
from gridhydro.columns.gr4j import GR4J
from gridhydro.columns.gr6j import GR6J
from gridhydro.columns.hbv import HBV, HBVBounded, HBVImproved
from gridhydro.columns.hbv_nn import HBVLearnedRunoff
from gridhydro.columns.hydropy import HydroPy, HydroPyRamp
from gridhydro.columns.hydropy_options import HydroPyOptions
from gridhydro.columns.mixture import JOINED, Mixture
from gridhydro.columns.sac_sma import SacSma

COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        *(HBV(), HBVImproved(), HBVBounded(), HBVLearnedRunoff()),
        *(HydroPy(), HydroPyRamp()),
        *(GR4J(), GR6J()),
        *(Fuse(parent) for parent in PARENTS),
        SacSma(),
    )
}


def column(name: str | Column) -> Column:
    """The column model called `name`; a column passes through.

    HydroPy's has options behind a colon, see `HydroPyOptions`, and those of FUSE decisions, see
    `FuseOptions`; "fuse:lower=unlimpow" is of no named parent. "sac_sma:parts=4" is an option of
    SAC-SMA, "hbv+gr4j" a `Mixture`.
    ValueError if there is none of this name, TypeError for a column without a step.
    """
    if isinstance(name, Column):
        if not any(_writes(name, method) for method in ("step", "tendency")):
            raise TypeError(f"the column {type(name).__name__} has no step(s, x, p): write one day")
        return name
    if JOINED in name:
        return _mixed(name)
    first, colon, options = name.partition(":")
    if colon and isinstance(COLUMNS.get(first), HydroPy):
        return _with_options(first, HydroPyOptions.of(options))
    if first == "fuse" or (colon and first in PARENTS):
        return _of_decisions(FuseOptions.of(name).name)
    if colon and first == SacSma.name:
        return _sac_sma(options)
    if name not in COLUMNS:
        raise ValueError(f"there is no column '{name}'; there is {', '.join(sorted(COLUMNS))}")
    return COLUMNS[name]


@cache
def _with_options(name: str, options: HydroPyOptions) -> Column:
    """HydroPy's column or the other one like it, the same one whenever it is asked for."""
    kind = type(COLUMNS[name])
    return kind(options) if options.suffix else COLUMNS[name]  # type: ignore[call-arg]


@cache
def _mixed(name: str) -> Column:
    """Columns side by side, the same one whenever it is asked for."""
    return Mixture([column(one.strip()) for one in name.split(JOINED)])


@cache
def _of_decisions(name: str) -> Column:
    """The column of FUSE of this name, the same one whenever its decisions are asked for."""
    return COLUMNS[name] if name in COLUMNS else Fuse(name)


@cache
def _sac_sma(options: str) -> Column:
    found = SacSma.of(options)
    return COLUMNS.get(found.name, found)


def _writes(column: Column, method: str) -> bool:
    return getattr(type(column), method) is not getattr(Column, method) or method in vars(column)
