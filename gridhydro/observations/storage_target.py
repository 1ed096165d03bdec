"""Observed water storage as a part of what a model is trained on."""

from __future__ import annotations

from dataclasses import dataclass

from gridhydro.base.arguments import fraction
from gridhydro.observations.storage import StorageObservations


@dataclass(frozen=True, eq=False)
class StorageTarget:
    """Anomalies of water storage on tiles, to be trained on beside discharge.

    observations  `gridhydro.StorageObservations`
    weight        w of its loss, 1 - NSE averaged over the tiles; discharge has 1 - w, from 0
                  (storage is only scored while training) to 1 (discharge is not trained on). A
                  tenth cost discharge next to nothing on 400 basins, a half far more
    """

    observations: StorageObservations
    weight: float = 0.1

    def __post_init__(self):
        if not isinstance(self.observations, StorageObservations):
            raise ValueError(
                "a StorageTarget is of gridhydro.StorageObservations, not of "
                f"{type(self.observations).__name__}"
            )
        object.__setattr__(self, "weight", fraction("the weight of storage", self.weight))
