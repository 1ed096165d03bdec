"""Tables of days with a column for every gauge, of tens of millions of cells."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from gridhydro.base import calendar
from gridhydro.io.delimited import MISSING, read_delimited, separator_of
from gridhydro.io.text_files import read_text

_DATE = ("year", "month", "day")


class GaugeColumns:
    """A table whose first column has the dates, or whose first three year, month and day; every
    other column but those three is a gauge.

    gauges  their names, as the table has them
    ValueError naming file and line of a name that is there twice, and as `read_delimited`.
    """

    def __init__(self, path: Path):
        self.path = path
        self._text = read_text(path, western=True)
        first = list(islice(self._lines(), 2))
        if not first:
            raise ValueError(f"{path} is empty: a line with the names of the columns is needed")
        self._separator = separator_of(first)
        self._header = [cell.strip() for cell in next(csv.reader(first, delimiter=self._separator))]
        parts = tuple(name.lower() for name in self._header[:3]) == _DATE
        self._dates = tuple(self._header[:3]) if parts else self._header[0]
        others = self._header[3 if parts else 1 :]
        self.gauges = [name for name in others if name.lower() not in _DATE and name]

    def read(self, gauges: Sequence[str]) -> pd.DataFrame:
        """(days, gauges) float64, NaN where a cell is empty; ValueError naming line and column of
        what is no number or no date."""
        found = self._quickly(gauges)
        if found is None:  # what is wrong, and where, is found cell by cell
            table = read_delimited(self.path, self._separator, western=True)
            days = table.dates(self._dates)
            values = [table.numbers(gauge) for gauge in gauges]
            found = pd.DataFrame(dict(zip(gauges, values, strict=True)), days)
        if not len(found):
            raise ValueError(f"{self.path} has no days below the names of its columns")
        return found

    def _lines(self):
        return (line for line in self._text.split("\n") if line.strip())

    def _quickly(self, gauges: Sequence[str]) -> pd.DataFrame | None:
        """The same, or None where a cell, a line or a name is not as it should be."""
        one = len(set(self._header)) == len(self._header)
        if not one or len({line.count(self._separator) for line in self._lines()}) != 1:
            return None
        dates = [self._dates] if isinstance(self._dates, str) else list(self._dates)
        places = [self._header.index(name) for name in (*dates, *gauges)]
        kinds = {place: str if place < len(dates) else np.float64 for place in places}
        try:
            table = pd.read_csv(
                StringIO(self._text), sep=self._separator, header=None, skiprows=1, usecols=places,
                dtype=kinds, na_values=[*MISSING, " "], keep_default_na=False,
            )  # fmt: skip
        except ValueError:
            return None
        cells = [table[place].str.strip() for place in places[: len(dates)]]
        if any(one.isna().any() for one in cells):
            return None
        if len(dates) == 1:
            days = calendar.written(cells[0])
        else:
            days = calendar.of_columns(*(pd.to_numeric(one, errors="coerce") for one in cells))
        values = table[places[len(dates) :]].to_numpy(np.float64)
        if days.isna().any() or np.isinf(values).any():
            return None
        return pd.DataFrame(values, days, list(gauges))
