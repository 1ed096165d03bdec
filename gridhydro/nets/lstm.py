"""Networks that read the weather: an LSTM over forcing and attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from gridhydro.base.arguments import fraction
from gridhydro.columns.column import Field
from gridhydro.columns.components import Components
from gridhydro.nets.base import Attributes, Ranges, last_layer
from gridhydro.nets.mlp import Parameterization, layers
from gridhydro.nets.options import ParameterNetwork

Memory = dict[str, torch.Tensor]
MEMORY = ("hidden", "cell")  # what an LSTM carries from day to day, in torch's order


class Trunk(torch.nn.Module):
    """Attributes (N, A) and forcing (F, T, N), in their own units -> hidden series (T, N, H).

    A linear layer and a ReLU before one LSTM layer, as in Feng et al. (2022,
    doi:10.1029/2022WR032404). Forcing is standardised by what `fit` was given; quantities in
    mm d-1, most of them zero and a few very large, go in as log10(sqrt(x) + 0.1).
    """

    rates: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, attributes, forcings, hidden, dropout=0.0, log_attributes=()):
        super().__init__()
        self.attributes = Attributes(attributes, log_attributes)
        rates = torch.tensor([field.unit == "mm d-1" for field in forcings], dtype=torch.bool)
        self.register_buffer("rates", rates[:, None, None])
        self.register_buffer("mean", torch.zeros(len(forcings), 1, 1))
        self.register_buffer("std", torch.ones(len(forcings), 1, 1))
        self.from_forcing = torch.nn.Linear(len(forcings), hidden)
        self.from_attributes = torch.nn.Linear(len(self.attributes.names), hidden, bias=False)
        self.lstm = torch.nn.LSTM(hidden, hidden)
        self.dropout = torch.nn.Dropout(fraction("dropout", dropout))
        with torch.no_grad():  # remember at first: floods are far from their rain
            self.lstm.get_parameter("bias_hh_l0")[hidden : 2 * hidden] = 3.0

    def fit(self, forcing: torch.Tensor) -> None:
        """Take mean and standard deviation of every forcing from a sample (F, T, N)."""
        values = self._shaped(forcing).flatten(1)
        self.mean.copy_(values.mean(1)[:, None, None])
        spread = values.std(1, correction=0)  # of a single value 0, not NaN
        # what was constant may vary later, and is not to explode then
        self.std.copy_(torch.where(spread > 1e-6, spread, 1.0)[:, None, None])

    def _shaped(self, forcing):
        return torch.where(self.rates, torch.log10(forcing.clamp(min=0).sqrt() + 0.1), forcing)

    def forward(self, attributes, forcing, before=None, memory: Memory | None = None):
        """(W + T, N, H), and the memory at the end, from which the days after may go on.

        `before` (F, W, N), the days before the forcing, pass without gradient. `memory` is that of
        an earlier run; ValueError where it is of other cells or of an LSTM of another size.
        """
        place = self.from_attributes(self.attributes(attributes))
        state = None if memory is None else self._recalled(memory, place)
        early = []
        if before is not None:
            with torch.no_grad():
                first, state = self.advance(before, place, state)
            early = [first]
        late, state = self.advance(forcing, place, state)
        hidden = torch.cat([*early, late]) if early else late
        memory = {name: part.to(self.mean) for name, part in zip(MEMORY, state, strict=True)}
        return self.dropout(hidden), memory

    def _recalled(self, memory: Memory, place: torch.Tensor) -> tuple[torch.Tensor, ...]:
        wrong = [n for n in MEMORY if n not in memory or memory[n].shape != (1, *place.shape)]
        if wrong:
            sizes = {name: tuple(value.shape) for name, value in memory.items()}
            raise ValueError(
                f"the memory of the state is {sizes}, and this LSTM of {place.shape[1]} takes "
                f"'hidden' and 'cell' {(1, *place.shape)}: it is of another model, or other cells"
            )
        return tuple(memory[name].to(place) for name in MEMORY)

    def _standardised(self, forcing):
        return (self._shaped(forcing) - self.mean) / self.std

    def advance(self, forcing, place, state=None):
        """Forcing (F, T, N) and what attributes bring (N, H) -> (T, N, H), the LSTM's state."""
        if not forcing.shape[1]:  # torch's LSTM takes no series without a day
            nothing = place.new_zeros(1, *place.shape)
            return nothing[:0], state or (nothing, nothing)
        weather = self._standardised(forcing).permute(1, 2, 0)
        return self.lstm(torch.relu(self.from_forcing(weather) + place), state)


class SequenceParameterization(Parameterization):
    """An LSTM over attributes and forcing: static parameters and daily ones.

    network     its first hidden size is that of the LSTM. Without others, parameters that do not
                change are read off the LSTM on the last day (Feng et al. 2022,
                doi:10.1029/2022WR032404); with others, fully connected layers of these sizes give
                them from attributes, and the LSTM how far the daily ones depart from their static
                value. `dynamic` are the names of those that change by day; `dynamic_dropout` is
                the probability with which, in training, a cell's daily parameter is held at its
                static value for the whole series (dropout of dynamism)
    forcings    the forcings, each a Field
    The rest as for `Parameterization`.
    """

    reads_weather = True
    trunk: Trunk

    def __init__(
        self,
        attributes: Mapping[str, object],
        fields: Sequence[Field],
        network: ParameterNetwork = ParameterNetwork("lstm"),
        components: Components = Components(),
        fixed: Mapping[str, float] | None = None,
        log: Sequence[str] = (),
        *,
        forcings: Sequence[Field],
    ):
        torch.nn.Module.__init__(self)
        hidden, *static = network.sizes
        self.ranges = Ranges(fields, components.count, fixed, log)
        self.trunk = Trunk(attributes, forcings, hidden, network.dropout, network.log_attributes)
        self.weighted = components.weighted
        self.dynamic_dropout, dynamic = network.dynamic_dropout, network.dynamic
        known = [field.name for field in self.learned]
        unknown = [name for name in dynamic if name not in known]
        if unknown:
            raise ValueError(f"'{unknown[0]}' is no learned parameter; these are {known}")
        self.daily = tuple(field for field in self.learned if field.name in dynamic)
        self.steady_by_attributes = bool(static)
        if self.steady_by_attributes:
            self.layers = layers(
                len(self.names), static, self.rows * self.components, self.components,
                network.dropout,
            )  # fmt: skip
        else:
            steady = (self.rows - len(self.daily)) * self.components
            self.last_day = last_layer(hidden, steady, self.components)
        # departures from a static value begin with none
        daily = len(self.daily) * self.components
        self.daily_head = last_layer(hidden, daily, 1 if static else self.components)

    # kept by the trunk, and not twice: the weights would be saved twice
    @property
    def inputs(self) -> Attributes:  # type: ignore[override]
        """The attributes, standardised."""
        return self.trunk.attributes

    def fit_series(self, series: torch.Tensor) -> None:
        """Take the scales of the forcing from a sample (F, T, N)."""
        self.trunk.fit(series)

    def forward(self, attributes, forcing=None, before=None) -> dict[str, torch.Tensor]:
        """Attributes (N, A) and forcing (F, T, N) -> name: (N, M), daily ones (W + T, N, M).

        `before` (F, W, N), the days before the forcing, pass without gradient.
        """
        if forcing is None:
            raise ValueError("this network reads parameters off the weather: give the forcing")
        return self.remembering(attributes, forcing, before)[0]

    def remembering(
        self, attributes, forcing, before=None, memory: Memory | None = None
    ) -> tuple[dict[str, torch.Tensor], Memory]:
        """As `forward`, going on from the memory of an earlier run; with that at the end.

        Parameters read off the last day are those of the last day of this run.
        """
        hidden, memory = self.trunk(attributes, forcing, before, memory)
        change = self.daily_head(hidden).unflatten(-1, (-1, self.components))
        if self.steady_by_attributes:
            raw = self.layers(self.inputs(attributes)).unflatten(-1, (-1, self.components))
            steady, raw = raw[:, : len(self.daily)], raw[:, len(self.daily) :]
            daily = steady + self._partly(change, torch.zeros_like(change[-1:]))
        else:
            last = hidden[-1] if len(hidden) else self.trunk.dropout(memory["hidden"][0])
            raw = self.last_day(last).unflatten(-1, (-1, self.components))
            daily = self._partly(change, change[-1:])
        found = self.named(raw) | (self.ranges(daily, self.daily) if self.daily else {})
        return found, memory

    def _partly(self, change, steady):
        """(T, N, D, M), in training held at `steady` for some cells and parameters."""
        if not self.training or not self.dynamic_dropout:
            return change
        held = torch.rand(change.shape[1:3], device=change.device) < self.dynamic_dropout
        return torch.where(held[..., None], steady, change)
