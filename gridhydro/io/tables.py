"""Tables in text files, with errors that name the line and the column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gridhydro.base import calendar
from gridhydro.io.delimited import MISSING, numbers, read_delimited


def read_columns(lines: Sequence[str], names: Sequence[str], skip: int, path, text=()) -> dict:
    """Columns between blanks below `skip` lines of header: name -> float64 or, in `text`, strings.

    ValueError naming the line that has another number of columns, or line and column of a value
    that is no finite number.
    """
    rows = list(lines[skip:])
    while rows and not rows[-1].strip():
        rows.pop()
    if not rows:
        raise ValueError(f"{path} has no rows below line {skip}")
    kinds = [(name, "U16" if name in text else np.float64) for name in names]
    try:
        table = np.atleast_1d(np.loadtxt(rows, dtype=kinds, comments=None))
        columns = {name: table[name] for name in names}
        if len(table) == len(rows) and all(np.isfinite(c).all() for c in _numeric(columns, text)):
            return columns
    except ValueError:
        pass  # what is wrong, and where, is found line by line
    for number, row in enumerate(rows, start=skip + 1):
        cells = row.split()
        if len(cells) != len(names):
            raise ValueError(
                f"{path}, line {number}: {len(cells)} columns instead of {len(names)} "
                f"({', '.join(names)}): {row!r}"
            )
        for name, cell in zip(names, cells, strict=True):
            if name not in text and not _is_number(cell):
                raise ValueError(
                    f"{path}, line {number}, column '{name}': '{cell}' is no finite number"
                )
    raise ValueError(f"{path} cannot be read as a table of {', '.join(names)}")


def _numeric(columns: dict, text) -> list[np.ndarray]:
    return [column for name, column in columns.items() if name not in text]


def _is_number(cell: str) -> bool:
    return bool(np.isfinite(numbers([cell])[0]))


def dates(columns: dict, names: Sequence[str], first_line: int, path) -> pd.DatetimeIndex:
    """Days in rising order from columns year, month, day; ValueError naming the line that breaks
    off."""
    days = calendar.of_columns(*(columns[name] for name in names))
    wrong = np.flatnonzero(days.isna())
    if wrong.size:
        found = " ".join(f"{columns[name][wrong[0]]:g}" for name in names)
        raise ValueError(f"{path}, line {first_line + wrong[0]}: '{found}' is no date")
    back = np.flatnonzero(np.diff(days) <= np.timedelta64(0, "D"))
    if back.size:
        before, after = days[back[0]], days[back[0] + 1]
        what = "is given twice" if before == after else f"comes after {before:%Y-%m-%d}"
        raise ValueError(f"{path}, line {first_line + back[0] + 1}: {after:%Y-%m-%d} {what}")
    return days


def read_attributes(
    path: str | Path, gauges: Sequence[str], separator: str | None = None
) -> pd.DataFrame:
    """The rows of `gauges` of a table whose first column names them, zeros on the left or not.

    Columns of numbers become float64 (empty, NA: NaN); all others, and codes such as '01', stay
    text. ValueError naming line and column of a number that is none, of a name given twice, and
    of gauges without a row.
    """
    table_read = read_delimited(path, separator)
    header, rows, numbered = table_read.header, table_read.rows, table_read.lines
    if len(header) < 2:
        between = repr(separator) if separator else "commas, semicolons or tabs"
        raise ValueError(f"{path}, line 1: no columns between {between}")
    lines: dict[str, int] = {}
    for i, row in enumerate(rows):
        if lines.setdefault(row[0].lstrip("0"), i) != i:
            raise ValueError(f"{path}, line {numbered[i]}: {row[0]} is given twice")
    lacking = [g for g in gauges if g.lstrip("0") not in lines]
    if lacking:
        raise ValueError(
            f"{path} has no row for {', '.join(lacking[:5])} ({len(lacking)} gauges in all): "
            "add it, or leave them out with basins="
        )
    picked = [lines[g.lstrip("0")] for g in gauges]
    columns = list(zip(*rows, strict=True))
    table = {
        name: column_of(np.array(columns[c]), name, path, numbered)[picked]
        for c, name in enumerate(header[1:], start=1)
    }
    return pd.DataFrame(table, index=pd.Index(gauges, name="gauge"))


def column_of(cells: np.ndarray, name: str, path, lines: Sequence[int]) -> np.ndarray:
    """The cells of a column as float64 if they are numbers, NaN where missing; texts and codes such
    as '01' as they are. ValueError naming the line of a word among numbers."""
    given = ~np.isin(cells, MISSING)
    if any(re.match(r"0\d", cell) for cell in cells):
        return cells
    values = np.where(given, numbers(cells), np.nan)
    wrong = given & ~np.isfinite(values)
    if not wrong.any():
        return values
    # a column of words has few numbers; one of numbers with a word in it is a fault
    if wrong.sum() < 0.5 * given.sum():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{path}, line {lines[row]}, column '{name}': '{cells[row]}' is no number, "
            "as the others of the column are"
        )
    decimal = next((c for c in cells[given] if re.fullmatch(r"-?[\d.]*\d,\d+", c)), None)
    if decimal is not None:
        row = int(np.flatnonzero(cells == decimal)[0])
        raise ValueError(
            f"{path}, line {lines[row]}, column '{name}': '{decimal}' is no number: write decimals "
            "with a point, and thousands without a separator"
        )
    return np.where(given, cells, "")
