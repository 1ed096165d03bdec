"""The runs of a sampling: a function called, what it returns checked, what it raises noted."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping

import numpy as np
import xarray as xr

from gridhydro.surrogate.layout import CELL_OF_RUN, FAILURE, RANGE, SAMPLING
from gridhydro.surrogate.runs import Runs


class Job:
    """The runs of one sampling, each by its number.

    weather     Dataset (time, cell); values: (P, R) of the parameters; cell: (R,) where each is
    together    whether the function takes several runs in one call
    """

    def __init__(self, function, weather, parameters, outputs, values, cell, together):
        self.function, self.weather, self.together = function, weather, together
        self.parameters, self.outputs = parameters, outputs
        self.values, self.cell = values, cell

    def about(self) -> dict:
        """The features, for JSON, that tell one sampling from another."""
        days = self.weather["time"].values
        return {
            "parameters": [f"{f.name} {f.unit}" for f in self.parameters],
            "outputs": [f"{f.name} {f.unit}" for f in self.outputs],
            "days": [str(day)[:10] for day in (*days[:1], *days[-1:])],
            "cells": [str(s) for s in self.weather["cell"].values],
            "values of the forcing": {str(n): _digest(v) for n, v in self.weather.items()},
            "units of the forcing": {str(n): v.attrs["units"] for n, v in self.weather.items()},
            "sum of the parameters": self.values.sum(1).tolist(),
            "runs": len(self.cell),
        }

    def run(self, part: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """Outputs (O, T, n), NaN where there are none, and why not."""
        try:
            found = self._call(part)
        except Exception as error:  # whatever a model may raise, the others are still to be run
            if len(part) > 1:  # which of them was it?
                apart = [self.run(part[k : k + 1]) for k in range(len(part))]
                series, failures = zip(*apart, strict=True)
                return np.concatenate(series, axis=2), [f for part in failures for f in part]
            shape = len(self.outputs), self.weather.sizes["time"], 1
            return np.full(shape, np.nan, np.float32), [f"{type(error).__name__}: {error}"]
        series = self._shaped(found, len(part))
        failures = [self._gap(series[..., k]) for k in range(len(part))]
        series[..., [bool(f) for f in failures]] = np.nan
        return series, failures

    def _call(self, part: np.ndarray) -> Mapping:
        if self.together:
            at = {"cell": ("run", self.cell[part])}
            given = dict(zip(self._names, self.values[:, part], strict=True))
            return self.function(self.weather.isel(at), given)
        given = dict(zip(self._names, self.values[:, part[0]].tolist(), strict=True))
        return self.function(self.weather.isel(cell=self.cell[part[0]]), given)

    @property
    def _names(self) -> list[str]:
        return [field.name for field in self.parameters]

    def _shaped(self, found, count: int) -> np.ndarray:
        wanted = [field.name for field in self.outputs]
        if not isinstance(found, Mapping) or not set(wanted) <= set(found):
            given = ", ".join(map(str, found)) if isinstance(found, Mapping) else type(found)
            raise ValueError(f"the function returns {given}; it should return {', '.join(wanted)}")
        days = self.weather.sizes["time"]
        rows = []
        for name in wanted:
            row = np.asarray(found[name], np.float32)
            if row.shape not in ((days, count), (days,) if count == 1 else ()):
                raise ValueError(
                    f"the function returns '{name}' with the shape {row.shape}; it should be "
                    f"{(days, count) if self.together else (days,)}: {days} days"
                    + f" x {count} runs"
                    * self.together
                )
            rows.append(row.reshape(days, count))
        return np.stack(rows)

    def _gap(self, series: np.ndarray) -> str:
        wrong = np.argwhere(~np.isfinite(series))
        if not len(wrong):
            return ""
        name, day = self.outputs[wrong[0][0]].name, self.weather["time"].values[wrong[0][1]]
        return f"{name} is {series[tuple(wrong[0])]} on {str(day)[:10]}"

    def check(self) -> None:
        """ValueError for whatever `Runs` would refuse once all are done, if they give numbers."""
        self.gathered(np.empty((len(self.outputs), self.weather.sizes["time"], 0)), [])

    def gathered(self, series: np.ndarray, failures: list[str]) -> Runs:
        """Runs from the first on, as many as there are outputs (O, T, n) and failures of."""
        count = len(failures)
        data = self.weather.assign_coords(run=np.arange(count))
        data = data.assign_attrs({SAMPLING: json.dumps(self.about())})
        for field, row in zip(self.outputs, series, strict=True):
            data[field.name] = (("time", "run"), row, field.attrs)
        for field, row in zip(self.parameters, self.values[:, :count], strict=True):
            more = {RANGE: list(field.bounds)} | ({"scale": "log"} if field.log else {})
            data[field.name] = ("run", row, field.attrs | more)
        data[CELL_OF_RUN] = ("run", self.weather["cell"].values[self.cell[:count]])
        data[FAILURE] = ("run", np.array(failures, dtype=object))
        with warnings.catch_warnings():  # medians of outputs without any value
            warnings.simplefilter("ignore", RuntimeWarning)
            return Runs(data)


def _digest(values: xr.DataArray) -> str:
    return hashlib.sha256(values.values.astype("<f8").tobytes()).hexdigest()[:16]
