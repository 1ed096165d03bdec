"""Daily discharge as the Global Runoff Data Centre hands it out: a text file for each station.

Format: GRDC, "Download Export Format", https://grdc.bafg.de. Lines beginning with # say what the
station is; below them are a line of column names and a line for each day, between semicolons.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridhydro.base import calendar
from gridhydro.base.files import existing
from gridhydro.base.quantities import COORDINATES, GRDC_MISSING, OBSERVED
from gridhydro.io.text_files import read_lines

_MISSING = GRDC_MISSING
# the flags of older exports: what the column "Calculated" holds is to be used, or nothing is
_CORRECTED, _NOT_RECOMMENDED = (1.0, 900.0), 99.0
_FACTS = {
    "name": r"GRDC-No\.?",
    "river": r"River",
    "station": r"Station",
    "lat": r"Latitude \(.*\)",
    "lon": r"Longitude \(.*\)",
    "area_km2": r"Catchment area \(.*\)",
    "content": r"Data Set Content",
    "unit": r"Unit(?: of measure)?",
}


def read_grdc(
    path: str | Path, stations: Iterable | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Discharge (days, stations), m3 s-1, NaN where missing, and a table of the gauges.

    path      a file, or a folder whose .txt files are stations
    stations  GRDC numbers of those to read; all without it
    The days are all from the first to the last of any station. The table is indexed by `name`, the
    GRDC number as text, and has lon, lat (degrees), area_km2 (NaN where not known), river and
    station: `Domain.from_d8(gauges=...)` takes it as it is. Values of exports with the columns
    Original, Calculated and Flag are the original ones; the calculated ones where the flag says
    corrected (1) or from daily levels (900); missing where the provider advises against them (99).
    Raises ValueError naming file and line for what is no date, no number, below zero or given
    twice, and for files that are not daily.
    """
    path = existing(path)
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    wanted = None if stations is None else [str(s) for s in stations]
    series, facts = {}, []
    where: dict[str, Path] = {}
    for file in files:
        lines = read_lines(file, western=True)  # names of rivers, and m³
        fact = _facts(lines, file)
        name = fact["name"]
        if wanted is not None and name not in wanted:
            continue
        if name in where:
            raise ValueError(f"station {name} is in {where[name]} and in {file}: keep one of them")
        where[name] = file
        facts.append(fact)
        series[name] = _values(lines, fact, file)
    lacking = sorted(set(wanted or ()) - set(series))
    if lacking or not series:
        what = f"of station {lacking[0]}" if lacking else "ending in .txt"
        raise ValueError(f"{path} has no file {what}")
    columns = ["name", "lon", "lat", "area_km2", "river", "station"]
    gauges = pd.DataFrame(facts)[columns].set_index("name")
    days = pd.date_range(
        min(s.index[0] for s in series.values()), max(s.index[-1] for s in series.values())
    )
    table = pd.DataFrame({name: s.reindex(days) for name, s in series.items()})
    return table.rename_axis(index="time", columns="name"), gauges


def _facts(lines: list[str], file: Path) -> dict:
    """Facts of the header, by name; ValueError naming the line of a number that is none."""
    found: dict[str, Any] = {}  # texts and numbers
    for number, line in enumerate(lines, start=1):
        if not line.startswith("#"):
            break
        for fact, pattern in _FACTS.items():
            match = re.match(rf"#\s*{pattern}\s*:(.*)$", line)
            if match and fact not in found:
                found[fact] = re.sub(r" *[\x00-\x1f\x7f-\x9f]+ *", " ", match[1]).strip()
                if fact in ("lat", "lon", "area_km2") and found[fact]:
                    found[fact] = float(_numbers([found[fact]], file, [number], fact)[0])
    for fact, called in (("name", "GRDC-No."), ("lat", "Latitude"), ("lon", "Longitude")):
        if found.get(fact) == _MISSING:
            raise ValueError(
                f"{file}: the header has {_MISSING:g} for {called}, which nobody knows then: write "
                "it there, or leave the station out with stations="
            )
        if found.get(fact, "") == "":
            raise ValueError(
                f"{file}: the header does not say '# {called}': is this GRDC's format?"
            )
    places = {"lat": COORDINATES["latitude"], "lon": COORDINATES["longitude"]}
    if any(not q.low <= found[name] <= q.high for name, q in places.items()):
        raise ValueError(f"{file}: lat {found['lat']:g}, lon {found['lon']:g} is no place on Earth")
    if not (found.get("area_km2") or 0) > 0:
        found["area_km2"] = np.nan
    if "MONTH" in found.get("content", "").upper():
        raise ValueError(f"{file} holds '{found['content']}': download the daily values")
    unit = (found.get("unit") or "m3/s").replace(" ", "")
    if not re.fullmatch(r"m.{1,2}/s", unit):  # the raised 3 often arrives as another character
        raise ValueError(f"{file}: the unit is '{found['unit']}', not m3/s")
    return found | {k: found.get(k, "") for k in ("river", "station")}


def _values(lines: list[str], fact: dict, file: Path) -> pd.Series:
    head = next((i for i, line in enumerate(lines) if line.startswith("YYYY-MM-DD")), None)
    if head is None:
        raise ValueError(f"{file} has no line 'YYYY-MM-DD;hh:mm; Value' above its days")
    columns = [c.strip() for c in lines[head].split(";")]
    data = next((c for c in ("Value", "Original") if c in columns), None)
    if data is None:
        raise ValueError(f"{file}, line {head + 1}: no column 'Value' or 'Original' in {columns}")
    rows, numbers = [], []
    for number, line in enumerate(lines[head + 1 :], start=head + 2):
        if line.strip():
            rows.append([c.strip() for c in line.split(";")])
            numbers.append(number)
            if len(rows[-1]) != len(columns):
                raise ValueError(
                    f"{file}, line {number}: {len(rows[-1])} columns instead of {len(columns)}: "
                    f"{line!r}"
                )
    if not rows:
        raise ValueError(f"{file} has no days below line {head + 1}")
    cells = dict(zip(columns, zip(*rows, strict=True), strict=True))
    days = calendar.written(cells["YYYY-MM-DD"], day_only=True)
    wrong = np.flatnonzero(days.isna())
    if wrong.size:
        text = cells["YYYY-MM-DD"][wrong[0]]
        raise ValueError(f"{file}, line {numbers[wrong[0]]}: '{text}' is no date YYYY-MM-DD")
    clocks = cells.get("hh:mm", ())
    if any(":" in clock and clock != "--:--" for clock in clocks):
        stamps = map(" ".join, zip(cells["YYYY-MM-DD"], clocks, strict=True))
        days = calendar.days_of_each(calendar.written(stamps), f"{file}: 'hh:mm'")
    twice = np.flatnonzero(days.duplicated())
    if twice.size:
        day = days[twice[0]]
        raise ValueError(f"{file}, line {numbers[twice[0]]}: {day:%Y-%m-%d} is given twice")
    values = _numbers(cells[data], file, numbers, data)
    if {"Calculated", "Flag"} <= set(columns):
        calculated = _numbers(cells["Calculated"], file, numbers, "Calculated")
        flag = _numbers(cells["Flag"], file, numbers, "Flag")
        values = np.where(np.isin(flag, _CORRECTED) & (calculated != _MISSING), calculated, values)
        values = np.where(flag == _NOT_RECOMMENDED, _MISSING, values)
    values = np.where(values == _MISSING, np.nan, values)
    below = np.flatnonzero(values < OBSERVED["river_discharge"].low)
    if below.size:
        raise ValueError(
            f"{file}, line {numbers[below[0]]}: discharge is {values[below[0]]:g} m3 s-1; missing "
            f"is {_MISSING:g}"
        )
    return pd.Series(values, days, name=fact["name"]).sort_index()


def _numbers(texts, file: Path, numbers, column: str) -> np.ndarray:
    """Finite numbers; ValueError naming the line (of `numbers`) of the first that is none."""
    values = pd.to_numeric(pd.Series(texts), errors="coerce").to_numpy(float)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise ValueError(
            f"{file}, line {numbers[wrong[0]]}: '{texts[wrong[0]]}' under '{column}' is no number"
        )
    return values
