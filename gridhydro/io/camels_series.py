"""The series of a CAMELS data set: a file or several for each gauge, or one for each quantity."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar
from gridhydro.base.periods import common_days
from gridhydro.base.quantities import SERIES
from gridhydro.base.units import conversion, fits
from gridhydro.domain.network import shorten
from gridhydro.io.camels_layouts import Layout
from gridhydro.io.delimited import Delimited, read_delimited
from gridhydro.io.gauge_columns import GaugeColumns

# the days of a basin are those that it has of these, as far as it has them
_DAYS_OF = ("precipitation", "temperature")
_VOLUME = "m3 s-1"  # of discharge that is to be divided by the area
Found = dict[str, dict[str, pd.Series]]


@dataclass(frozen=True)
class Series:
    """Series as they are read.

    found    our name -> gauge -> by day, in our units, NaN where missing
    files    gauge -> one of its files, for messages
    volumes  whether the discharge is in m3 s-1
    """

    found: Found
    files: Mapping[str, Path]
    volumes: bool


def by_gauge(
    folder: Path, layout: Layout, wanted: Callable[[list[str]], list[str]], names: Mapping[str, str]
) -> Series:
    """Those of data sets with files for each gauge."""
    files = _files(folder, layout)
    gauges = wanted(sorted(files))
    first: dict[str, Path] = {}
    for gauge in gauges:
        first = files[gauge] | first
    headers = {name for path in first.values() for name in _table(path, layout).header}
    chosen = _chosen(headers, layout, names)
    found: Found = {}
    for gauge in gauges:
        for path in files[gauge].values():
            table = _table(path, layout)
            known = [theirs for theirs in layout.columns if theirs in table.header]
            if not known:
                raise ValueError(
                    f"{path} has none of the columns {', '.join(layout.columns)}, but "
                    f"{', '.join(table.header)}"
                )
            if not table.rows:
                raise ValueError(f"{path} has no days below the names of its columns")
            days = _days(table.dates(layout.day), path)
            for theirs in known:
                ours, unit = layout.columns[theirs]
                if chosen.setdefault(ours, theirs) == theirs:
                    if gauge in found.setdefault(ours, {}):
                        raise ValueError(
                            f"basin {gauge} has '{theirs}' in two files, one of them {path}: keep "
                            "one version of the data set in the folder"
                        )
                    values = _converted(table.numbers(theirs), ours, unit, layout, path)
                    found[ours][gauge] = pd.Series(values, days)
    one_of = {gauge: next(iter(files[gauge].values())) for gauge in gauges}
    return Series(found, one_of, _in_volumes(chosen, layout))


def by_quantity(
    folder: Path, layout: Layout, wanted: Callable[[list[str]], list[str]], names: Mapping[str, str]
) -> Series:
    """Those of data sets with a file for each quantity, and in it a column for every gauge."""
    there: dict[str, Path] = {}
    for name in layout.columns:
        for path in sorted(folder.rglob(name)):
            if there.setdefault(name, path) != path:
                raise ValueError(f"{name} is there twice, {there[name]} and {path}: keep one")
    if not there:
        raise FileNotFoundError(
            f"{folder.resolve()} has none of the files {', '.join(layout.columns)} "
            f"({layout.source})"
        )
    chosen = _chosen(there, layout, names)
    columns = {name: GaugeColumns(there[name]).gauges for name in chosen.values()}
    gauges = wanted(sorted({gauge for own in columns.values() for gauge in own}))
    found: Found = {}
    for ours, name in chosen.items():
        path, own = there[name], [gauge for gauge in gauges if gauge in columns[name]]
        table = GaugeColumns(path).read(own)
        days = _days(pd.DatetimeIndex(table.index), path)
        values = _converted(table.to_numpy(), ours, layout.columns[name][1], layout, path)
        found[ours] = {gauge: pd.Series(values[:, i], days) for i, gauge in enumerate(own)}
    where = there[chosen.get("precipitation", next(iter(chosen.values())))]
    return Series(found, dict.fromkeys(gauges, where), _in_volumes(chosen, layout))


def with_mean_temperature(found: Found) -> tuple[Found, bool]:
    """The same with the mean of minimum and maximum temperature where there is no other, and
    whether that is so."""
    if "temperature" in found or not {"temperature_min", "temperature_max"} <= found.keys():
        return found, False
    low, high = found["temperature_min"], found["temperature_max"]
    both = [gauge for gauge in low if gauge in high]
    means = {}
    for gauge in both:
        one, other = low[gauge].align(high[gauge], join="inner")
        means[gauge] = (one + other) / 2
    return found | {"temperature": means}, True


def days_of_all(
    found: Found, gauges: list[str], period, where: Mapping[str, Path]
) -> pd.DatetimeIndex:
    """The days of the period, or those that precipitation and temperature of all gauges have."""
    own = {}
    for gauge in gauges:
        series = {name: of[gauge].index for name, of in found.items() if gauge in of}
        days = [series[name] for name in _DAYS_OF if name in series] or list(series.values())
        first, last = max(d[0] for d in days), min(d[-1] for d in days)
        if first > last:
            raise ValueError(
                f"basin {gauge} has precipitation and temperature on no day in common, one begins "
                f"on {first:%Y-%m-%d}, one ends on {last:%Y-%m-%d}: leave it out with basins="
            )
        own[gauge] = pd.date_range(first, last)
    return common_days(own, period, where)


def lacking(found: Found, gauges: list[str]) -> list[str]:
    """What some of the gauges have no series of, in words."""
    told = []
    for name, of in found.items():
        without = [gauge for gauge in gauges if gauge not in of]
        if without:
            told.append(f"there is no {name} of {len(without)} basins: {shorten(without)}")
    return told


def _chosen(there: Collection[str], layout: Layout, names: Mapping[str, str]) -> dict[str, str]:
    """Our name -> the column, or file, that is read: what `names` says, else the first there is."""
    found: dict[str, str] = {}
    for ours, theirs in names.items():
        options = [c for c, (name, _) in layout.columns.items() if name == ours and c in there]
        same = [c for c in options if theirs in (c, Path(c).stem)]
        if not same:
            raise ValueError(
                f"{layout.source} has no '{theirs}' for {ours}, but "
                f"{', '.join(options) or 'nothing'}"
            )
        found[ours] = same[0]
    for theirs, (ours, _) in layout.columns.items():
        if theirs in there:
            found.setdefault(ours, theirs)
    return found


def _files(folder: Path, layout: Layout) -> dict[str, dict[str, Path]]:
    """Gauge -> pattern -> file of its series."""
    found: dict[str, dict[str, Path]] = {}
    for pattern in layout.files:
        before, after = pattern.rsplit("/", 1)[-1].split("*", 1)
        rest = re.escape(after).replace(r"\?", ".")
        named = re.compile(f"{re.escape(before)}(.+?){rest}")
        for path in sorted(folder.rglob(pattern)):
            gauge = named.fullmatch(path.name)
            if gauge is None:
                continue
            other = found.setdefault(gauge[1], {}).setdefault(pattern, path)
            if other != path:
                raise ValueError(f"basin {gauge[1]} has two files, {other} and {path}")
    if not found:
        raise FileNotFoundError(
            f"{folder.resolve()} has no files {', '.join(layout.files)} ({layout.source})"
        )
    return found


def _table(path: Path, layout: Layout) -> Delimited:
    key = layout.day if isinstance(layout.day, str) and layout.separator is None else None
    return read_delimited(path, layout.separator, key, western=True)


def _days(days: pd.DatetimeIndex, path: Path) -> pd.DatetimeIndex:
    return calendar.stamped(xr.DataArray(days, dims="date", name="date"), path)


def _converted(values: np.ndarray, ours: str, unit: str, layout: Layout, path: Path) -> np.ndarray:
    """Values in our units, or m3 s-1, NaN where missing."""
    values = np.where(np.isin(values, layout.missing), np.nan, values)
    whole = ours == "discharge" and fits(unit, _VOLUME)  # until the areas are known
    factor, offset = conversion(ours, unit, _VOLUME if whole else SERIES[ours].unit, path)
    return values * factor + offset


def _in_volumes(chosen: Mapping[str, str], layout: Layout) -> bool:
    return "discharge" in chosen and fits(layout.columns[chosen["discharge"]][1], _VOLUME)
