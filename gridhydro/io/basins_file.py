"""One open file of basins: which of its variables are series, and what its axes stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import refuse
from gridhydro.base.calendar import stamped
from gridhydro.base.quantities import COORDINATES
from gridhydro.base.units import conversion
from gridhydro.base.windows import chunks_of
from gridhydro.io.lazy import Place, opened
from gridhydro.io.schema import (
    attribute,
    coordinate,
    gauge_names,
    named_along,
    recognise,
    text,
)


@dataclass
class BasinsFile:
    """Content of a file, but for the values of its series.

    data     all that is no series, in memory
    series   our name -> where it is
    attrs    our name -> the series' attributes in the file
    labels   what names the gauges, identifiers first
    """

    path: Path
    data: xr.Dataset
    series: dict[str, Place]
    attrs: dict[str, dict]
    gauge_dim: str
    days: pd.DatetimeIndex
    labels: list[np.ndarray]

    @classmethod
    def read(cls, path: Path, names: Mapping[str, str], shift: str | None) -> BasinsFile:
        """The content of a file; `names` and `shift` as for `read_basins`."""
        written = path.stat().st_mtime_ns
        with opened(path) as data:
            return cls._of(data, path, written, names, shift)

    @classmethod
    def _of(cls, data: xr.Dataset, path, written, names, shift) -> BasinsFile:
        day_dim, gauge_dim, spare = _axes(data, path)
        data = data.squeeze(spare, drop=True)
        found = [str(v) for v in data.data_vars if set(data[v].dims) == {day_dim, gauge_dim}]
        series = recognise(found, {o: v for o, v in names.items() if v in found}, path)
        # those of other names come as they are
        series |= {v: v for v in found if v not in series.values()}
        chunks = {ours: chunks_of(data[theirs]) for ours, theirs in series.items()}
        places = {
            ours: Place(
                path, theirs, day_dim, gauge_dim,
                tuple(str(v) for v in data.variables if v != theirs),
                chunks[ours].get(gauge_dim) == 1, written, chunks[ours].get(day_dim, 1),
            )
            for ours, theirs in series.items()
        }  # fmt: skip
        attrs = {ours: data[theirs].attrs for ours, theirs in series.items()}
        days = stamped(data[day_dim], path, data, shift)
        rest = data.drop_vars([v for v in data.data_vars if day_dim in data[v].dims]).load()
        labels = gauge_names(rest, gauge_dim, path)
        return cls(path, rest, places, attrs, gauge_dim, days, labels)

    def holds(self, gauges: Sequence[str]) -> bool:
        """Whether one of the file's names has them all."""
        return self._places(gauges) is not None

    def rows(self, gauges: Sequence[str]) -> np.ndarray:
        """The place of each gauge, by the first of the file's names that has them all."""
        places = self._places(gauges)
        if places is None:
            raise ValueError(f"{self.path} lacks some of the gauges {', '.join(gauges[:5])} ...")
        return places

    def _places(self, gauges: Sequence[str]) -> np.ndarray | None:
        for labels in self.labels:
            places = pd.Index(labels).get_indexer(gauges)
            if (places >= 0).all():
                return places
        return None

    def coordinates(self, gauges: Sequence[str], names: Mapping, units: Mapping) -> dict:
        """The coordinates of the schema that the file has, of these gauges."""
        found = {}
        for ours, theirs in self._coordinate_names(names).items():
            values = self.data[theirs].values[self.rows(gauges)]
            if ours == "area":
                values = refuse.numbers(
                    f"{self.path}: '{theirs}'", values, lambda gauge: f"at gauge {gauges[gauge]}"
                )
                given = units.get("area") or stated_units(self.data[theirs].attrs)
                values = values * conversion("area", given, "km2", self.path)[0]
            found[ours] = coordinate(ours, values, gauges, self.path)
        return found

    def attributes(self, gauges: Sequence[str], names: Mapping, taken: set[str]) -> dict:
        """All else that the file has of these gauges: name -> DataArray (gauge,).

        A table (gauge, column) with a text coordinate gives one a column, with the name of the
        table before where the column's own is in `taken`; other tables stay tables.
        """
        data = self.data.isel({self.gauge_dim: self.rows(gauges)})
        used = {*self._coordinate_names(names).values(), self.gauge_dim}
        found = {}
        for name, values in data.variables.items():
            identifier = values.attrs.get("cf_role") == "timeseries_id"
            if values.dims == (self.gauge_dim,) and name not in used and not identifier:
                long_name = values.attrs.get("long_name", "")
                given = stated_units(values.attrs)
                found[str(name)] = attribute(values, str(name), given, long_name)
        for name, table in data.data_vars.items():
            other = [d for d in table.dims if d != self.gauge_dim]
            if table.ndim != 2 or len(other) != 1 or self.gauge_dim not in table.dims:
                continue
            table = table.transpose(self.gauge_dim, ...)
            if other[0] not in data.coords or data[other[0]].dtype.kind not in "SUOT":
                dims = ("gauge", other[0])
                found[str(name)] = xr.DataArray(table.values, dims=dims, attrs=table.attrs)
                continue
            for column, values in zip(text(data[other[0]].values), table.values.T, strict=True):
                clash = column in taken or column in found
                column = f"{name}_{column}" if clash else str(column)
                found[column] = attribute(values, column, stated_units(table.attrs))
        return found

    def _coordinate_names(self, names: Mapping[str, str]) -> dict[str, str]:
        along = [str(v) for v in self.data.variables if self.data[v].dims == (self.gauge_dim,)]
        lower = {v.lower(): v for v in along if v != self.gauge_dim}
        found = {}
        for ours, quantity in COORDINATES.items():
            known = [names[ours]] if ours in names else (ours, *quantity.names)
            theirs = next((lower[n.lower()] for n in known if n.lower() in lower), None)
            if theirs is not None:
                found[ours] = theirs
        return found


def stated_units(attrs: Mapping) -> str | None:
    """The units that a variable's attributes give it; some files call them `unit`."""
    given = str(attrs.get("units") or attrs.get("unit") or "-").strip()
    return None if given in ("-", "") else given


def _axes(data: xr.Dataset, path) -> tuple[str, str, list]:
    """The dimensions of days and of gauges, and others of one value; ValueError if they cannot be
    told."""
    days = [d for d in data.dims if d in data.coords and data[d].dtype.kind == "M"]
    days = days or [d for d in data.dims if str(d).lower() in ("time", "date") and d in data.coords]
    if len(days) != 1:
        raise ValueError(f"{path} has no axis of days among {', '.join(map(str, data.dims))}")
    others = {d for v in data.data_vars.values() if days[0] in v.dims for d in v.dims} - {days[0]}
    # one value, as a height above the ground: but the axis of gauges may have one too
    spare = [d for d in others if data.sizes[d] == 1 and not named_along(data, str(d))]
    spare = spare if len(others) > 1 else []
    others -= set(spare)
    if len(others) != 1:
        what = f"more than one axis beside them: {', '.join(map(str, sorted(others, key=str)))}"
        raise ValueError(
            f"{path}: the series over '{days[0]}' have {what if others else 'no axis of gauges'}"
        )
    return str(days[0]), str(others.pop()), spare
