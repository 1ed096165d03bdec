"""A target: observations of what a column holds or gives, other than discharge, to train on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.arguments import one_of
from gridhydro.evaluation.losses import LOSSES, name_of


@dataclass(frozen=True, eq=False)
class Target:
    """Observations of a flux or a state of the column.

    name      such as "soil_wetness", "actual_evapotranspiration" or "snow_water_equivalent"
    observed  DataArray (time, y, x) on the domain's grid; of lumped basins (time, gauge), or a
              table of days by gauges in the unit of the column. Daily with gaps: days and gauges
              that are missing, and NaN.
    weight    beside those of the other parts of the loss: discharge has 1 - storage_weight
    loss      "rmse" (over all cells and days of a step, in the unit of the observations), "nse",
              "kge", or a function (simulated, observed), both (T, K) with NaN where not observed
    scale, offset  observed = offset + scale x simulated: numbers, or one for each cell: an array
              (N,), a DataArray (y, x) or (gauge), a Series by gauge. With either, observations keep
              their own unit; without, their `units` are converted to the column's.
    """

    name: str
    observed: xr.DataArray | pd.DataFrame
    weight: float = 1.0
    loss: str | Callable = "rmse"
    scale: object = 1.0
    offset: object = 0.0

    def __post_init__(self):
        if not callable(self.loss):
            one_of("loss", self.loss, tuple(LOSSES))
        if not (isinstance(self.weight, int | float) and 0 < self.weight < np.inf):
            raise ValueError(f"the weight of '{self.name}' is a number above 0, not {self.weight}")
        if not isinstance(self.observed, xr.DataArray | pd.DataFrame):
            raise ValueError(
                f"the observations of '{self.name}' are a {type(self.observed).__name__}: give a "
                "DataArray (time, y, x) or (time, gauge), or a table of days by gauges"
            )

    @property
    def own_unit(self) -> bool:
        """Whether the observations are in a unit of their own."""
        return not (np.isscalar(self.scale) and np.isscalar(self.offset)) or (
            (self.scale, self.offset) != (1, 0)
        )

    def about(self) -> dict:
        """Settings that are kept with a run; of a scale or offset by cell its digest."""
        kept = dict(name=self.name, weight=float(self.weight), loss=name_of(self.loss))
        for key in ("scale", "offset"):
            values = np.asarray(getattr(self, key), np.float64)
            digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:12]
            kept[key] = float(values) if values.ndim == 0 else digest
        return kept
