"""The column models by name: one file each, one line here."""

from gridhydro.columns.column import Column
from gridhydro.columns.hbv import HBV, HBVBounded, HBVImproved
from gridhydro.columns.hbv_nn import HBVLearnedRunoff
from gridhydro.columns.hydropy import HydroPy, HydroPyRamp

COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (HBV(), HBVImproved(), HBVBounded(), HBVLearnedRunoff(), HydroPy(), HydroPyRamp())
}


def column(name: str | Column) -> Column:
    """The column model called `name`; a column passes through.

    ValueError if there is none of this name, TypeError for a column without a step.
    """
    if isinstance(name, Column):
        if not any(_writes(name, method) for method in ("step", "tendency")):
            raise TypeError(f"the column {type(name).__name__} has no step(s, x, p): write one day")
        return name
    if name not in COLUMNS:
        raise ValueError(f"there is no column '{name}'; there is {', '.join(sorted(COLUMNS))}")
    return COLUMNS[name]


def _writes(column: Column, method: str) -> bool:
    return getattr(type(column), method) is not getattr(Column, method) or method in vars(column)
