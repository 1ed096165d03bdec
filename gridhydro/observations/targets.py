"""A target: observations of what a column holds or gives, other than discharge, to train on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.arguments import one_of, whole
from gridhydro.evaluation.losses import LOSSES, name_of


@dataclass(frozen=True, eq=False)
class Target:
    """Observations of a flux or a state of the column.

    name      such as "soil_wetness", "actual_evapotranspiration" or "snow_water_equivalent"
    observed  DataArray (time, y, x) on the domain's grid; of lumped basins (time, gauge), or a
              table of days by gauges in the unit of the column. Daily with gaps: days and gauges
              that are missing, and NaN.
    weight    beside those of the other parts of the loss: discharge has 1 - storage_weight. With 0
              it is not trained on, only scored
    loss      "rmse" (over all cells and days of a step, in the unit of the observations), "nse",
              "kge", or a function (simulated, observed), both (T, K) with NaN where not observed
    scale, offset  observed = offset + scale x simulated: numbers, or one for each cell: an array
              (N,), a DataArray (y, x) or (gauge), a Series by gauge. With either, observations keep
              their own unit; without, their `units` are converted to the column's.
    days      of a weight of 0: each observation is the mean over so many days from its own on, or
              up to the next one where that is sooner, as composites of satellites are
    """

    name: str
    observed: xr.DataArray | pd.DataFrame
    weight: float = 1.0
    loss: str | Callable = "rmse"
    scale: object = 1.0
    offset: object = 0.0
    days: int = 1

    def __post_init__(self):
        if not callable(self.loss):
            one_of("loss", self.loss, tuple(LOSSES))
        if not (isinstance(self.weight, int | float) and 0 <= self.weight < np.inf):
            raise ValueError(
                f"the weight of '{self.name}' is a number above 0, or 0 to score it only, not "
                f"{self.weight}"
            )
        if whole(f"the days of '{self.name}'", self.days, 1) > 1 and self.fitted:
            raise ValueError(
                f"'{self.name}' is observed as means of {self.days} days: such means are scored, "
                "not trained on, with weight=0"
            )
        if not isinstance(self.observed, xr.DataArray | pd.DataFrame):
            raise ValueError(
                f"the observations of '{self.name}' are a {type(self.observed).__name__}: give a "
                "DataArray (time, y, x) or (time, gauge), or a table of days by gauges"
            )

    @property
    def fitted(self) -> bool:
        """Whether it is trained on, and not only scored."""
        return self.weight > 0

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
        return kept | ({"days": self.days} if self.days > 1 else {})
