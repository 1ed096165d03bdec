"""Tables of a run folder as CSV, and beside them columns.csv: unit and meaning of every column."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from gridhydro.base.damage import reading
from gridhydro.base.files import replace
from gridhydro.base.steps import steps_a_day
from gridhydro.io.delimited import FORMULAS, numbers
from gridhydro.io.text_files import read_text

NOTE = "columns.csv"
_MEND = "remove it and have it written again, or copy the folder anew"
_AS_SAID = "that of the column 'unit'"

# column -> unit and meaning, the same in every file
COLUMNS = {
    "reach": ("", "id of the reach of a vector network"),
    "gauge": ("", "name of the gauge (that a region drains to), or of the lumped basin"),
    "cell": ("", "row, column and coordinates of the cell"),
    "tile": ("", "name of the tile"),
    "period": ("", "name of the period that is scored, or its first and last day"),
    "gauge_use": ("", "whether the gauge was trained on or held out"),
    "target": ("", "flux or state that is observed"),
    "unit": ("", "unit of the values in this row"),
    "lon": ("degrees_east", "longitude of the cell"),
    "lat": ("degrees_north", "latitude of the cell"),
    "days": ("d", "days with an observation"),
    "year": ("", "calendar year"),
    "month": ("", "first day of the month"),
    "storage_change": ("mm", "what brings water less what takes it: the change of storage"),
    "nse": ("1", "Nash-Sutcliffe efficiency"),
    "kge": ("1", "Kling-Gupta efficiency (2009)"),
    "kge_2012": ("1", "Kling-Gupta efficiency (2012)"),
    "correlation": ("1", "Pearson's correlation coefficient"),
    "bias": (_AS_SAID, "mean error: simulated minus observed"),
    "percent_bias": ("%", "simulated minus observed volume, of the observed volume"),
    "rmse": (_AS_SAID, "root mean square error"),
    "ubrmse": (_AS_SAID, "root mean square error of the departures from the mean"),
    "residual_cv": ("1", "standard deviation of the errors over the observed mean"),
    "fhv": ("%", "bias of the top 2 % of the flow duration curve"),
    "flv": ("%", "bias of the bottom 30 % of the flow duration curve"),
    "fhv_abs": ("%", "magnitude of the differences in the top 2 % of the flow duration curve"),
    "flv_abs": ("%", "magnitude of the differences in the bottom 30 % of the flow duration curve"),
    "rmse_low": (_AS_SAID, "root mean square error of the bottom 30 % of the flow duration curve"),
    "rmse_high": (_AS_SAID, "root mean square error of the top 2 % of the flow duration curve"),
    "crps": (_AS_SAID, "continuous ranked probability score of the runs of an ensemble"),
    "coverage_90": ("1", "fraction of the observations within the central 90 % of the runs"),
    "width_90": (_AS_SAID, "mean width of the central 90 % of the runs"),
    "solutions": ("1", "solutions of the observed storage that are compared"),
    "fold": ("", "number of the fold, from 0, that holds the gauge out"),
    "seed": ("", "seed of the run; mean: the mean discharge of the runs of all seeds"),
    "model": ("", "name of the model"),
    "statistic": ("", "whether it is the median over the gauges, or the correlation over them"),
    "published": ("that of the score", "published value"),
    "here": ("that of the score", "value of the model that was trained here"),
    "difference": ("that of the score", "the value here less the published one"),
    "metric": ("", "name of the score, which is in its unit"),
    "median": ("that of the score", "median over the gauges"),
    "mean": ("that of the score", "mean over the gauges"),
    "q25": ("that of the score", "first quartile over the gauges"),
    "q75": ("that of the score", "third quartile over the gauges"),
    "count": ("1", "number of gauges"),
    "undefined": ("1", "gauges without the score, which the statistics pass over"),
    "experiment": ("", "periods and gauges that the models are trained and scored on"),
    "group": ("", "group of the gauges"),
    "of": ("", "what is scored: discharge, storage on tiles, the baseflow index or a target"),
    "other": ("", "name of the model that it is compared with"),
    "higher": ("1", "gauges at which the model has a higher score than the other one"),
    "median_difference": ("that of the score", "median of the model's score less the other's"),
    "p_higher": ("1", "probability of such differences by chance, tested for a higher score"),
    "p_lower": ("1", "probability of such differences by chance, tested for a lower score"),
    "p_different": ("1", "probability of such differences by chance, tested for either"),
    "analysis": ("", "what was not done"),
    "why": ("", "the reason"),
    "failed": ("1", "gauges at which this model has no score although another one has"),
    "epoch": ("1", "number of the epoch; of a calibration, runs of each gauge or cell"),
    "loss": ("1", "loss that is minimized"),
    "seconds": ("s", "time that the epoch took"),
    "waiting": ("1", "part of that time in which steps waited for their data"),
    "searching": ("1", "gauges or cells whose calibration has not ended"),
    "storage_weight": ("1", "weight of storage beside discharge"),
    "discharge_nse": ("1", "median Nash-Sutcliffe efficiency of discharge over the gauges"),
    "storage_nse": ("1", "median Nash-Sutcliffe efficiency of storage over the tiles"),
    "storage_correlation": ("1", "median correlation of storage over the tiles"),
    "storage_rmse": ("mm", "median root mean square error of storage over the tiles"),
    "parameter": ("", "name of the parameter"),
    "quantity": ("", "flux or store of the column"),
    "correlation_map": ("1", "correlation over the cells of simulated and true means"),
    "correlation_months": ("1", "correlation over the months of simulated and true means"),
    "mean_simulated": (_AS_SAID, "mean of the simulation over area and time"),
    "mean_learned": (_AS_SAID, "mean of the learned map"),
    "mean_true": (_AS_SAID, "true mean"),
    "true": (_AS_SAID, "true mean of the month over the area"),
    "start": ("", "first day"),
    "end": ("", "last day"),
    "term": ("", "term of the water budget"),
    "simulated": (_AS_SAID, "mean of the simulation"),
    "observed": (_AS_SAID, "mean of the observations"),
    "periods": ("1", "months or years that are compared"),
    "estimate": ("", "method of the potential evapotranspiration"),
    "attribute": ("", "name of the attribute"),
    "date": ("", "day"),
}
# where a column of one file is in a unit of its own
OF_FILES = {
    ("water.csv", "days"): ("d", "days of the record in the year"),
    ("storage_metrics.csv", "rmse"): ("mm", "root mean square error of the anomalies"),
    ("baseflow_index.csv", "simulated"): ("1", "fraction of the simulated flow that is baseflow"),
    ("recovery_months.csv", "simulated"): (_AS_SAID, "mean of the month over the area"),
    ("baseflow_index.csv", "observed"): ("1", "baseflow index of CAMELS"),
}
# columns that are called by something else: the loss of a part, the score of a part
PATTERNS = {
    r"(\w+)_weight": ("1", r"weight of the loss of \1 at the end of the epoch, as it is balanced"),
    r"validation_(\w+)_nse": ("1", r"median Nash-Sutcliffe efficiency of \1 in the validation"),
    r"(.+) \[(.+)\]": (r"\2", r"\1"),
}


def write_table(
    path: str | Path,
    table: pd.DataFrame,
    *,
    rest: tuple[str, str, str] | None = None,
    meanings: Mapping[str, str] | None = None,
    comment: str | None = None,
    **options,
) -> None:
    """A table as CSV, whole or not at all, with its columns in the columns.csv of its folder.

    rest     what stands in columns.csv for columns that are not among `COLUMNS`: what they are
             called there, their unit and their meaning, such as ("(gauge)", "m3 s-1", "discharge")
    meanings  of columns "name [unit]", which stand in columns.csv for the name alone
    comment  a first line, behind "# "
    options  for `DataFrame.to_csv`; index=False if left out
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"index": False} | options
    write_csv(path, table, comment or "", **options)
    names = [table.index.name] if options["index"] else []
    _note(path, [str(name) for name in (*names, *table.columns)], rest, meanings or {})


def read_table(
    path: str | Path, texts: Sequence[str] = (), values: Sequence[str] = (), **options
) -> pd.DataFrame:
    """A table that `write_table` wrote.

    texts, values  columns that it has to have, of texts and of numbers
    options        for `pandas.read_csv`
    FileNotFoundError; ValueError naming the file, and the column that is not there or holds no
    numbers.
    """
    path = Path(path)
    with reading(path, "a table of a run", _MEND):
        table = pd.read_csv(StringIO(read_text(path)), **options)
    for name in (*texts, *values):
        if name not in table:
            there = ", ".join(str(column) for column in table.columns[:20])
            raise ValueError(f"{path} has no column '{name}', but {there}: {_MEND}")
        if name in values and not _numeric(table[name]):
            raise ValueError(f"{path}: the column '{name}' holds more than numbers: {_MEND}")
    return table


def write_csv(path: str | Path, table: pd.DataFrame, comment: str = "", **options) -> None:
    """A table as CSV in UTF-8, whole or not at all; what a spreadsheet would compute is text.

    Texts that begin with =, +, -, @, a tab or a carriage return are formulas to spreadsheets, and
    may be commands (OWASP, "CSV Injection"): where they are no numbers an apostrophe goes before
    them, in cells, names of columns and the index. `io.delimited` takes it off again.
    comment  a first line, behind "# "
    options  for `DataFrame.to_csv`
    """
    columns = [column if _numeric(column) else column.map(_harmless) for _, column in table.items()]
    plain = pd.concat(columns, axis=1) if columns else table.copy()
    plain.columns = [_harmless(name) for name in table.columns]
    plain.index = table.index if _numeric(table.index) else table.index.map(_harmless)
    plain.index.name = _harmless(table.index.name)

    def write(place: Path) -> None:
        with open(place, "w", encoding="utf-8", newline="") as file:
            if comment:
                file.write(f"# {comment}\n")
            plain.to_csv(file, lineterminator="\n", **options)

    replace(Path(path), write)


def _numeric(values) -> bool:
    return values.dtype.kind in "biufM" or not len(values)


def _harmless(cell):
    if isinstance(cell, str) and cell.startswith(FORMULAS):
        return cell if np.isfinite(numbers([cell])[0]) else f"'{cell}"
    return cell


def write_discharge(path: str | Path, discharge: pd.DataFrame, what: str) -> None:
    """Days, or steps, by gauges, m3 s-1, `date` and a column for each gauge, below a comment.

    `pandas.read_csv(path, comment="#", index_col=0, parse_dates=True)` reads it again.
    """
    marked = any("#" in str(name) for name in discharge.columns)  # within quotes it is no comment
    quoting = csv.QUOTE_NONNUMERIC if marked else csv.QUOTE_MINIMAL
    count = steps_a_day(pd.DatetimeIndex(discharge.index))
    written, of = ("%Y-%m-%d", "day") if count == 1 else ("%Y-%m-%d %H:%M", "step that begins then")
    write_table(
        path, discharge.rename_axis("date"), index=True, quoting=quoting, date_format=written,
        float_format="%.6g", comment=f"{what} discharge at the gauges, means of the {of}, m3 s-1",
        rest=("(name of a gauge)", "m3 s-1", f"{what} discharge, mean of the {of}"),
    )  # fmt: skip


def meaning_of(file: str, column: str) -> tuple[str, str] | None:
    """Unit and meaning of a column; None where it is not known."""
    found = OF_FILES.get((file, column)) or COLUMNS.get(column)
    for pattern, (unit, meaning) in PATTERNS.items():
        if found is None and (match := re.fullmatch(pattern, column)):
            found = match.expand(unit), match.expand(meaning)
    return found


def _note(path: Path, columns: list[str], rest, meanings: Mapping[str, str]) -> None:
    rows, others = [], False
    for column in columns:
        known = meaning_of(path.name, column)
        if known is None and rest is not None:
            others = True
            continue
        unit, meaning = known or ("", "of the table that was given")
        rows.append((path.name, column, unit, meanings.get(column, meaning)))
    if others:
        rows.append((path.name, *rest))
    note, head = path.with_name(NOTE), ["file", "column", "unit", "meaning"]
    table = pd.DataFrame(rows, columns=head)
    if note.exists():
        before = read_table(note, ("file",), dtype=str, keep_default_na=False)
        table = pd.concat([before[before["file"] != path.name], table])
    table = table.sort_values("file", kind="stable")
    write_csv(note, table, index=False)
