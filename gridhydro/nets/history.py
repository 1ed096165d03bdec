"""The network that reads what was observed of a cell: an LSTM over attributes and past series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from gridhydro.columns.column import Field
from gridhydro.columns.components import Components
from gridhydro.nets.base import Attributes, Ranges
from gridhydro.nets.lstm import Trunk
from gridhydro.nets.mlp import Parameterization, layers
from gridhydro.nets.options import ParameterNetwork

# cells x steps that are run at once where no gradient is wanted
_CELL_STEPS = 2**19


class HistoryTrunk(Trunk):
    """Attributes (N, A) and past series (F, P, N), NaN where missing -> what the LSTM holds at
    their end (N, H).

    As `Trunk`; what is missing is 0 once standardised, its mean.
    """

    def fit(self, history: torch.Tensor) -> None:
        """Take mean and standard deviation of every series (F, P, N), where it was observed."""
        for row, values in enumerate(self._shaped(history)):
            observed = values[values.isfinite()].double()
            spread = observed.std(correction=0) if len(observed) else observed.new_zeros(())
            self.mean[row] = observed.mean() if len(observed) else 0.0
            # what was constant may vary elsewhere, and is not to explode there
            self.std[row] = torch.where(spread > 1e-6, spread, 1.0)

    def _standardised(self, history):
        return super()._standardised(history).nan_to_num(nan=0.0)

    def last(self, attributes: torch.Tensor, history: torch.Tensor) -> torch.Tensor:
        """Attributes (N, A) and past series (F, P, N) -> (N, H)."""
        place = self.from_attributes(self.attributes(attributes))
        return self.dropout(self.advance(history, place)[0][-1])


class HistoryParameterization(Parameterization):
    """An LSTM over attributes and past series, whose last step tells the parameters.

    The network g_z of Tsai et al. (2021, doi:10.1038/s41467-021-26107-z): forcing and observations
    of a period say of a cell what its attributes do not. Parameters do not change by day.

    network  has the `gridhydro.History` that is read; its hidden sizes are that of the LSTM, then
             those of layers behind it, if any
    The rest as for `Parameterization`. ValueError without a history.
    """

    def __init__(
        self,
        attributes: Mapping[str, object],
        fields: Sequence[Field],
        network: ParameterNetwork,
        components: Components = Components(),
        fixed: Mapping[str, float] | None = None,
        log: Sequence[str] = (),
    ):
        torch.nn.Module.__init__(self)
        if network.history is None:
            raise ValueError(
                "network='gz' reads what was observed of the cells: give it history=gridhydro."
                "History.of(domain, series, period=(first, last))"
            )
        self.ranges = Ranges(fields, components.count, fixed, log)
        size, *layers_behind = network.sizes
        self.trunk = HistoryTrunk(
            attributes, network.history.fields, size, network.dropout, network.log_attributes
        )
        self.weighted = components.weighted
        if not self.learned:
            raise ValueError("there is no free field: all parameters are fixed")
        outputs = self.rows * self.components
        self.head = layers(size, layers_behind, outputs, self.components, network.dropout)

    # kept by the trunk, and not twice: the weights would be saved twice
    @property
    def inputs(self) -> Attributes:  # type: ignore[override]
        """The attributes, standardised."""
        return self.trunk.attributes

    def fit_series(self, series: torch.Tensor) -> None:
        """Take the scales of the past series (F, P, N)."""
        self.trunk.fit(series)

    def forward(self, attributes, history=None, before=None) -> dict[str, torch.Tensor]:
        """Attributes (N, A) and the past of the same cells (F, P, N) -> name: (N, M)."""
        if history is None:
            raise ValueError("this network reads parameters off the past of the cells: give it")
        cells = len(attributes)
        if not torch.is_grad_enabled():  # with a gradient all steps are held anyway
            cells = max(1, _CELL_STEPS // history.shape[1])
        parts = zip(attributes.split(cells), history.split(cells, dim=2), strict=True)
        raw = torch.cat([self.head(self.trunk.last(place, past)) for place, past in parts])
        return self.named(raw.unflatten(-1, (-1, self.components)))
