"""Water storage on tiles as a training compares it: observed, and simulated by a run."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from gridhydro.base import ranks
from gridhydro.base.arguments import required
from gridhydro.evaluation.losses import nse_loss
from gridhydro.model.state import Simulation
from gridhydro.observations.storage import StorageObservations


class ComparedStorage:
    """Storage on tiles over the solutions within a run: observed (S, K) mm, and simulated.

    observations  of these solutions; times: of the days of the run
    variance      (K,) of each tile's whole period, for windows of it; None: that of these solutions
    """

    def __init__(
        self, observations: StorageObservations, times, model, variance: Tensor | None = None
    ):
        self.observations, self.variance = observations, variance
        self.windows = observations.windows(times)
        self.observed = observations.observed(self.windows).to(model.area)
        self.averages = self.windows.averages.to(model.area.device)

    def simulated(self, run: Simulation, cells: Tensor | None = None) -> Tensor:
        """Anomalies (S, K) mm of a run that has these `averages`, with gradients.

        cells  (n,) of the domain that the run is of, where other processes run the others
        """
        storage = required("storage", run.storage)
        if cells is None:
            return self.observations.anomalies(storage, self.windows)
        # anomalies are sums over cells: those of a part of them are added up
        everywhere = np.arange(self.observations.tiles.size)
        part = self.observations.only(everywhere, cells.cpu().numpy())
        return ranks.summed(part.anomalies(storage, self.windows))

    def loss(self, run: Simulation, cells: Tensor | None = None) -> Tensor:
        """1 - NSE of the run's anomalies, averaged over the tiles."""
        return nse_loss(self.simulated(run, cells), self.observed, self.variance)

    @property
    def about(self) -> dict:
        """Its settings, for the JSON file of a run."""
        observations, solutions = self.observations, int(self.windows.covered.sum())
        baseline = list(observations.baseline)
        return {"tiles": observations.tiles.size, "solutions": solutions, "baseline": baseline}
