"""The network that reads what was seen of a cell: an LSTM over attributes and past series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from gridhydro.columns.column import Field
from gridhydro.nets.base import Attributes, Ranges
from gridhydro.nets.lstm import Trunk
from gridhydro.nets.mlp import Parameterization, layers

# cells x steps that are run at once where no gradient is wanted
_CELL_STEPS = 2**19


class HistoryTrunk(Trunk):
    """Attributes (N, A) and past series (F, P, N), NaN where missing -> what the LSTM holds at
    their end (N, H).

    As `Trunk`; what is missing is 0 once standardised, its mean.
    """

    def fit(self, history: torch.Tensor) -> None:
        """Take mean and standard deviation of every series from what was seen of it (F, P, N)."""
        for row, values in enumerate(self._shaped(history)):
            seen = values[values.isfinite()].double()
            spread = seen.std(correction=0) if len(seen) else seen.new_zeros(())
            self.mean[row] = seen.mean() if len(seen) else 0.0
            # what was constant may vary elsewhere, and is not to explode there
            self.std[row] = torch.where(spread > 1e-6, spread, 1.0)

    def _standardised(self, history):
        return super()._standardised(history).nan_to_num(nan=0.0)

    def forward(self, attributes, history):
        place = self.from_attributes(self.attributes(attributes))
        return self.dropout(self.advance(history, place)[0][-1])


class HistoryParameterization(Parameterization):
    """An LSTM over attributes and past series, whose last step tells the parameters.

    The network g_z of Tsai et al. (2021, doi:10.1038/s41467-021-26107-z): forcing and observations
    of a period say of a cell what its attributes do not. Parameters do not change by day.

    series   what the past is made of, each a Field; see `gridhydro.History`
    hidden   size of the LSTM, then those of layers behind it, if any
    The rest as for `Parameterization`.
    """

    def __init__(
        self,
        attributes: Mapping[str, object],
        fields: Sequence[Field],
        hidden: Sequence[int] = (64,),
        components: int = 1,
        fixed: Mapping[str, float] | None = None,
        log: Sequence[str] = (),
        *,
        series: Sequence[Field],
        weighted: bool = False,
        dropout: float = 0.0,
        log_attributes: Sequence[str] = (),
    ):
        torch.nn.Module.__init__(self)
        self.ranges = Ranges(fields, components, fixed, log)
        self.trunk = HistoryTrunk(attributes, series, hidden[0], dropout, log_attributes)
        self.weighted = weighted
        if not self.learned:
            raise ValueError("there is no free field: all parameters are fixed")
        rows = len(self.learned) + weighted
        self.head = layers(hidden[0], hidden[1:], rows * components, components, dropout)

    @property
    def inputs(self) -> Attributes:
        """The attributes, standardised."""
        return self.trunk.attributes

    def forward(self, attributes, history=None, before=None) -> dict[str, torch.Tensor]:
        """Attributes (N, A) and the past of the same cells (F, P, N) -> name: (N, M)."""
        if history is None:
            raise ValueError("this network reads parameters off the past of the cells: give it")
        cells = len(attributes)
        if not torch.is_grad_enabled():  # with a gradient all steps are held anyway
            cells = max(1, _CELL_STEPS // history.shape[1])
        parts = zip(attributes.split(cells), history.split(cells, dim=2), strict=True)
        raw = torch.cat([self.head(self.trunk(place, past)) for place, past in parts])
        return self.named(raw.unflatten(-1, (-1, self.components)))
