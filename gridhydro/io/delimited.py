"""Tables between commas, semicolons or tabs, with errors that name the line and the column."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gridhydro.base import calendar
from gridhydro.io.text_files import read_text

# what stands for a missing value, beside an empty cell
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null",
           "None")  # fmt: skip
_SEPARATORS = ",;\t"
# what a text begins with that a spreadsheet would compute, also in the wide forms of East Asia:
# such cells are written behind an apostrophe (`csv_tables`)
FORMULAS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
GUARDED = tuple(f"'{sign}" for sign in FORMULAS)


@dataclass(frozen=True)
class Delimited:
    """The cells of a table as texts, without blanks around them.

    header  names of the columns, each once
    rows    as many cells each
    lines   the line of the file that each row ends on
    """

    path: Path
    header: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """The cells of a column; ValueError naming those that there are."""
        if name not in self.header:
            there = ", ".join(self.header[:10]) + (" ..." if len(self.header) > 10 else "")
            raise ValueError(f"{self.path} has no column '{name}', but {there}")
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def numbers(self, name: str) -> np.ndarray:
        """A column of finite numbers, NaN where one is missing; ValueError naming the line of what
        is no number."""
        cells = self.column(name)
        values = numbers(cells)
        wrong = np.flatnonzero(~np.isfinite(values) & ~np.isin(cells, MISSING))
        if wrong.size:
            cell = cells[wrong[0]]
            comma = ", decimals are written with a point" if "," in cell else ""
            raise ValueError(
                f"{self.path}, line {self.lines[wrong[0]]}, column '{name}': '{cell}' is no "
                f"number; leave what is missing empty{comma}"
            )
        return values

    def dates(self, name: str | Sequence[str]) -> pd.DatetimeIndex:
        """A column of dates written year first, or three of year, month and day; ValueError naming
        the line of what is none."""
        if isinstance(name, str):
            cells = self.column(name)
            found = calendar.written(cells)
        else:
            cells = [" ".join(parts) for parts in zip(*map(self.column, name), strict=True)]
            found = calendar.of_columns(*(numbers(self.column(one)) for one in name))
        wrong = np.flatnonzero(found.isna())
        if wrong.size:
            where = f"column '{name}'" if isinstance(name, str) else f"columns {', '.join(name)}"
            told = "the column is not all dates, written year first, YYYY-MM-DD"
            raise ValueError(
                f"{self.path}, line {self.lines[wrong[0]]}, {where}: '{cells[wrong[0]]}' "
                f"is no date; {told if isinstance(name, str) else 'they are whole numbers'}"
            )
        return found


def numbers(cells: Sequence[str] | np.ndarray) -> np.ndarray:
    """float64 of texts, NaN where they are missing or no numbers."""
    given = pd.Series(list(cells), dtype=object)
    return pd.to_numeric(given, errors="coerce").to_numpy(np.float64)


def read_delimited(
    path: str | Path,
    separator: str | None = None,
    key: str | None = None,
    *,
    western: bool = False,
) -> Delimited:
    """A table of a text file; its first line, below lines that begin with #, names the columns.

    separator  None: the one of comma, semicolon and tab that the first lines have
    key        a column that its first line names: lines above that are no part of the table
    western    bytes that are not UTF-8 are those of Windows-1252
    ValueError naming the line that has more or fewer cells, a column that is there twice, and a
    file without columns or rows.
    """
    lines = read_text(path, western=western).split("\n")
    skipped = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if said := re.fullmatch(r"sep=([,;\t])\s*", "".join(lines[skipped : skipped + 1])):
        separator, skipped = said[1], skipped + 1  # as spreadsheets have it
    if key is not None:
        titled = re.compile(
            rf"(?:^|.*[{_SEPARATORS}])\s*\"?{re.escape(key)}\"?\s*(?:[{_SEPARATORS}].*)?"
        )
        below = (i for i, line in enumerate(lines[: skipped + 20]) if titled.fullmatch(line))
        skipped = next(below, skipped)
    body = lines[skipped:]
    if not "".join(body).strip():
        raise ValueError(f"{path} is empty: a line with the names of the columns is needed")
    rows, numbers_of_lines = [], []
    try:
        chosen = separator or separator_of(body)
        reader = csv.reader([f"{line}\n" for line in body], delimiter=chosen, strict=True)
        for row in reader:
            if any(row):
                rows.append([_plain(cell) for cell in row])
                numbers_of_lines.append(skipped + reader.line_num)
    except csv.Error as error:
        # a quote that is not closed takes in all that follows
        raise ValueError(
            f"{path}, line {(numbers_of_lines or [skipped])[-1] + 1}: quotes that are not closed, "
            f"or other than around whole cells ({error})"
        ) from None
    header, count = rows[0], len(rows[0])
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise ValueError(f"{path}, line {numbers_of_lines[0]}: the column '{twice[0]}' is twice")
    for row, line in zip(rows, numbers_of_lines, strict=True):
        if len(row) != count:
            raise ValueError(
                f"{path}, line {line}: {len(row)} columns, but line {numbers_of_lines[0]} names "
                f"{count}: is a cell missing, or are decimals or thousands written with the "
                f"separator {chosen!r}?"
            )
    return Delimited(Path(path), tuple(header), rows[1:], numbers_of_lines[1:])


def separator_of(lines: Sequence[str]) -> str:
    """The separator that the first two lines have, as many times."""
    first = [line for line in lines[:50] if line.strip()][:2]
    counts = {
        mark: [len(next(csv.reader([line], delimiter=mark))) for line in first]
        for mark in _SEPARATORS
    }
    agreed = [s for s, found in counts.items() if len(set(found)) == 1 and found[0] > 1]
    return agreed[0] if agreed else max(counts, key=lambda s: counts[s][0])


def _plain(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith(GUARDED) else cell
