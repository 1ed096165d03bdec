"""Tables of days by names, as people hold series of stations and gauges."""

from __future__ import annotations

import pandas as pd

from gridhydro.base import calendar, refuse


def day_table(table: pd.DataFrame, name: str, what: str, of: str) -> pd.DataFrame:
    """A table of days by names as numbers, float64, its names as text.

    name, what  of the quantity and of the table, for messages; of: what its columns are
    ValueError for a name that it has twice, for several values a day, and for what is no number,
    naming day and column.
    """
    days = calendar.days_of_table(table.index, what)
    names = [str(column) for column in table.columns]
    twice = next((column for column in names if names.count(column) > 1), None)
    if twice is not None:
        raise ValueError(f"{what} has '{twice}' twice: name each once")
    place = refuse.at(days, lambda column: f"at {of} {names[column]}")
    return pd.DataFrame(refuse.numbers(name, table.to_numpy(), place), days, names)
