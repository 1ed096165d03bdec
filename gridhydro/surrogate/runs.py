"""Runs of a model that is known by its outputs alone: one NetCDF file, made here or elsewhere.

Every variable is known by its dimensions:

    forcing (time, cell)        daily, complete
    parameters (run)            one value a run; `scale = "log"` where it spans orders of magnitude,
                                `sampled_range` if it is wider than that of the values
    outputs (time, run)         with gaps where a run gave nothing
    cell_of_run (run)           the name of the cell whose forcing the run was given
    failure (run)               why a run gave nothing, empty where it did; may be left out

All but the last two have `units`. Runoff and the series that gridhydro knows by name are brought
into its units: precipitation into mm d-1, temperature into degC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.arguments import fraction, one_of
from gridhydro.base.files import replace
from gridhydro.base.texts import text_encoding
from gridhydro.columns.column import Field
from gridhydro.io.lazy import opened
from gridhydro.surrogate.layout import CELL_OF_RUN, FAILURE, SAMPLING, checked, fields_of


@dataclass(frozen=True, eq=False)
class Runs:
    """R runs over T days at C cells.

    data  Dataset in the layout of this module, checked: ValueError names the variable, and the
          first cell, run or day, that does not fit
    """

    data: xr.Dataset

    def __post_init__(self):
        object.__setattr__(self, "data", checked(self.data))

    def __repr__(self) -> str:
        days = self.times
        failed = f", {self.failed.sum()} of them without result" if self.failed.any() else ""
        return (
            f"Runs: {self.size}{failed}, at {self.data.sizes['cell']} cells, "
            f"{days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}\n"
            f"  {', '.join(f.name for f in self.forcings)} + {len(self.parameters)} parameters -> "
            f"{', '.join(f.name for f in self.outputs)}"
        )

    @classmethod
    def read(cls, path: str | Path) -> Runs:
        """From a NetCDF file; ValueError names the file and what in it does not fit."""
        path = Path(path)
        with opened(path) as data:
            return cls(data.load())

    def write(self, path: str | Path) -> None:
        """To a NetCDF file, whole or not at all."""
        data = self.data.assign_attrs(Conventions="CF-1.11", title="runs of a model")
        series = [v for v in data.data_vars if "time" in data[v].dims]
        packed = text_encoding(data) | {str(v): {"zlib": True, "complevel": 1} for v in series}
        replace(Path(path), lambda part: data.to_netcdf(part, encoding=packed))

    @property
    def size(self) -> int:
        """Number of runs R."""
        return self.data.sizes["run"]

    @property
    def times(self) -> pd.DatetimeIndex:
        """The days (T,)."""
        return pd.DatetimeIndex(self.data["time"].to_index())

    @cached_property
    def forcings(self) -> tuple[Field, ...]:
        return fields_of(self.data, "forcing")

    @cached_property
    def outputs(self) -> tuple[Field, ...]:
        return fields_of(self.data, "output")

    @cached_property
    def parameters(self) -> tuple[Field, ...]:
        """Each with the range that was sampled as its bounds."""
        return fields_of(self.data, "parameter")

    @cached_property
    def cell(self) -> np.ndarray:
        """(R,) which of the cells each run was at."""
        return self.data.indexes["cell"].get_indexer(self.data[CELL_OF_RUN].values)

    @property
    def failed(self) -> np.ndarray:
        """(R,) bool, runs without any result."""
        return self.data[FAILURE].values != ""

    def series(self, field: Field) -> np.ndarray:
        """A forcing (T, C) or an output (T, R)."""
        return self.data[field.name].values

    def values(self, fields: Sequence[Field]) -> np.ndarray:
        """Parameters (P, R)."""
        return np.stack([self.data[field.name].values for field in fields])

    def select(self, runs) -> Runs:
        """Some of the runs, by place or as (R,) bool."""
        runs = np.asarray(runs)
        some = self.data.isel(run=np.flatnonzero(runs) if runs.dtype == bool else runs)
        some.attrs = {k: v for k, v in self.data.attrs.items() if k != SAMPLING}  # not all of it
        return Runs(some)

    def split(self, held_out: float = 0.2, seed: int = 0, by: str = "run") -> tuple[Runs, Runs]:
        """Runs to learn from, and a fraction of them to score with, drawn at random.

        by  "run", or "cell": then no cell is in both
        """
        cells = one_of("by", by, ("run", "cell")) == "cell"
        groups = self.cell if cells else np.arange(self.size)
        kinds = np.unique(groups)
        count = round(fraction("held_out", held_out) * len(kinds))
        if not 0 < count < len(kinds):
            raise ValueError(
                f"{held_out:g} of {len(kinds)} {by}s are {count}: a split needs some on both sides"
            )
        drawn = np.random.default_rng(seed).choice(kinds, count, replace=False)
        chosen = np.isin(groups, drawn)
        return self.select(~chosen), self.select(chosen)
