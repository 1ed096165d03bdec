"""Networks that change a forcing before the column sees it; one for evapotranspiration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv3d, pad
from torch.utils.checkpoint import checkpoint

from gridhydro.domain.domain import Domain
from gridhydro.nets.base import Attributes
from gridhydro.nets.box import Box

# the six variables of Penman-Monteith, in the order of `pet.penman_monteith_of_six`
SIX = (
    "temperature", "specific_humidity", "surface_pressure", "wind_speed",
    "shortwave_radiation", "longwave_radiation",
)  # fmt: skip
GIB = 2**30
# torch hands a convolution of fewer channels x days x rows to a routine many times slower
SLOW = 20480


class Correction(torch.nn.Module):
    """A network beside the column: it adds a learned error to one of the forcings.

    forcing  name of the forcing that it changes
    series   names of the daily series that it reads, in order
    inputs   the static attributes that it reads, an `Attributes`
    back     days before a day that its error depends on, and ahead: days after it. None: any
             number, and runs cut into blocks compute the whole record for each
    reach    rows and columns around a cell that its error depends on; one that has a reach has a
             `Box`, `box`

    Subclass it and write `forward`; say `back` and `ahead`, and long records are corrected a block
    at a time. What replaces its forcing instead of adding to it writes
    `changed` too, without reading the forcing.
    """

    forcing: str
    series: tuple[str, ...]
    inputs: Attributes
    back: int | None = None
    ahead: int | None = None
    reach: int = 0

    def fit(self, series: Tensor) -> None:
        """Take the scales of the series from a sample (V, T, N)."""

    def forward(self, series: Tensor, attributes: Tensor) -> Tensor:
        """Series (V, T, N) and attributes (N, A), in their own units -> error (T, N)."""
        raise TypeError(f"{type(self).__name__} has no forward(series, attributes): write it")

    def held(self, days: int) -> float:
        """Bytes that training over so many days holds of the layers, about, where that is known."""
        return 0.0

    def changed(self, forcing: Tensor, series: Tensor, attributes: Tensor) -> Tensor:
        """The forcing (T, N) that the column sees: with the error, never below 0."""
        return (forcing + self(series, attributes)).clamp(min=0)


class PETCorrection(Correction):
    """Error of Penman-Monteith, mm d-1, from the weather and the land of a cell and around it.

    Wang et al. (2024, doi:10.1029/2023WR036170): convolutions 3 x 3 x 3 over days, rows and
    columns, with `filters` and a ReLU after each, the last to one value. The last begins at 0, so
    that training begins at Penman-Monteith.

    domain      whose cells these are, a raster; cells outside count as 0 in every layer, as do
                the days before the first and after the last
    attributes  mapping name -> (N,) values of the cells
    series      names of the daily series
    filters     of the hidden layers
    memory      bytes that training may keep of the layers; days are computed in chunks, and those
                that do not fit are computed again for the gradient. The result is the same
    chunk       days of a chunk, at least; None: as many as convolutions need to be quick

    Attributes do not change by day: their part of the first layer is convolved once, in 2-D.
    """

    forcing = "potential_evapotranspiration"
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        domain: Domain,
        attributes: Mapping[str, object],
        series: Sequence[str] = SIX,
        filters: Sequence[int] = (32, 16, 8),
        *,
        log_attributes: Sequence[str] = (),
        memory: int = 4 * GIB,
        chunk: int | None = None,
    ):
        super().__init__()
        self.box, self.inputs = Box.of(domain), Attributes(attributes, log_attributes)
        self.series, self.memory, self.chunk = tuple(series), memory, chunk
        if not self.series or not filters:
            raise ValueError("a correction reads one series at least and has one hidden layer")
        if chunk is not None and chunk < 1:
            raise ValueError(f"a chunk has one day at least, not {chunk}")
        sizes = [len(self.series) + len(self.inputs.names), *filters, 1]
        layers = [torch.nn.Conv3d(*pair, 3) for pair in pairwise(sizes)]
        self.layers = torch.nn.ModuleList(layers)
        # each looks a day, a row and a column to both sides
        self.back = self.ahead = self.reach = len(layers)
        for weight in layers[-1].parameters():
            torch.nn.init.zeros_(weight)
        self.register_buffer("mean", torch.zeros(len(self.series), 1, 1))
        self.register_buffer("std", torch.ones(len(self.series), 1, 1))

    def fit(self, series: Tensor) -> None:
        """Take mean and standard deviation of every series from a sample (V, T, N)."""
        values = series.detach().flatten(1).double()
        self.mean.copy_(values.mean(1)[:, None, None])
        constant = values.amax(1) == values.amin(1)
        std = torch.where(constant, 1.0, values.std(1, correction=0))
        self.std.copy_(std[:, None, None])

    def forward(self, series: Tensor, attributes: Tensor) -> Tensor:
        """Series (V, T, N) and attributes (N, A), in their own units -> error (T, N) mm d-1."""
        self._check(series, attributes)
        land = self._land(self.inputs(attributes))
        edges, kept = self._plan(series.shape[1])
        errors = []
        for first, end in pairwise(edges):
            # gradients go from the last chunk to the first: what is kept is gone by the time that
            # the early ones are computed again
            if torch.is_grad_enabled() and edges[-1] - first > kept:
                again = (self._days, series, land, first, end)
                errors.append(checkpoint(*again, use_reentrant=False, preserve_rng_state=False))
            else:
                errors.append(self._days(series, land, first, end))
        return torch.cat(errors)

    @property
    def _convolutions(self) -> list[torch.nn.Conv3d]:
        return [layer for layer in self.layers if isinstance(layer, torch.nn.Conv3d)]

    def _plan(self, days: int) -> tuple[list[int], int]:
        """The days where chunks begin and end, and how many at the end have their layers kept."""
        count, working, stored = self._cost(days)
        return [days * i // count for i in range(count + 1)], int((self.memory - working) / stored)

    def _cost(self, days: int) -> tuple[int, float, float]:
        """Number of chunks, bytes of one at work, and of the layers kept of a day."""
        height, width = self.box.shape
        sizes = [len(self.series), *(layer.out_channels for layer in self._convolutions)]
        chunk = self.chunk or SLOW // (height * min(sizes[:-1])) + 1
        count = max(1, days // chunk)
        longest = -(-days // count)
        reach = longest + 2 * len(self.layers)
        channel = height * width * self.mean.element_size()
        # a chunk at work has its layers, the gradients of the largest and room of the library
        working = channel * (sum(sizes) + 3 * max(sizes)) * reach
        return count, working, channel * sum(sizes) * reach / longest

    def held(self, days: int) -> float:
        _, working, stored = self._cost(max(days, 1))
        return max(working, min(self.memory, working + stored * days))

    def _land(self, attributes: Tensor) -> Tensor:
        """Attributes in the first layer, (3, 1, F, H, W): any day, but for the first, the last."""
        first = self._convolutions[0]
        weight = first.weight[:, len(self.series) :]
        raster = self.box.spread(attributes)[None]
        before, same, after = (conv2d(raster, tap, padding=1) for tap in weight.unbind(2))
        middle = before + same + after + _bias(first)[:, None, None]
        return torch.stack([self._outside(middle), before, after])

    def _outside(self, raster: Tensor) -> Tensor:
        """A ReLU makes of minus infinity, where there is no cell, the 0 of a masked border."""
        return raster.masked_fill(~self.box.inside, -torch.inf)

    def _days(self, series: Tensor, land: Tensor, first: int, end: int) -> Tensor:
        """The error of these days, (end - first, N)."""
        days, reach = series.shape[1], len(self.layers)
        begin, stop = max(first - reach, 0), min(end + reach, days)
        weather = ((series[:, begin:stop] - self.mean) / self.std).permute(1, 2, 0)
        x = self.box.spread(weather).transpose(0, 1)[None]
        # a layer needs a day more at both ends than it gives; beyond the series these are 0
        margin = (0, 0, 0, 0, int(begin == 0), int(stop == days))
        outside = self._outside(x.new_zeros(self.box.shape))
        layers = self._convolutions
        for number, layer in enumerate(layers):
            x = pad(x, margin) if any(margin) else x
            if number == 0:
                weight = layer.weight[:, : len(self.series)]
                x = conv3d(x, weight, padding=(0, 1, 1)).add_(land[0][:, :, None])
                if begin == 0:
                    x[:, :, 0] -= land[1]
                if stop == days:
                    x[:, :, -1] -= land[2]
            else:
                x = conv3d(x, layer.weight, layer.bias, padding=(0, 1, 1))
            if layer is not layers[-1]:
                x = (x if number == 0 else x.add_(outside)).relu_()
        # towards the ends of the series layers give days beyond the chunk
        ahead = 0 if begin else first
        return self.box.gather(x[0].transpose(0, 1))[ahead : ahead + end - first, :, 0]

    def _check(self, series: Tensor, attributes: Tensor) -> None:
        expected = (len(self.series), self.box.cells)
        if series.ndim != 3 or (series.shape[0], series.shape[2]) != expected:
            raise ValueError(
                f"the series are {tuple(series.shape)}, expected ({expected[0]}, days, "
                f"{expected[1]}): {', '.join(self.series)} of every cell"
            )
        if attributes.shape != (self.box.cells, len(self.inputs.names)):
            raise ValueError(
                f"the attributes are {tuple(attributes.shape)}, expected ({self.box.cells}, "
                f"{len(self.inputs.names)}): {', '.join(self.inputs.names)} of every cell"
            )


def _bias(layer: torch.nn.Conv3d) -> Tensor:
    if layer.bias is None:
        raise TypeError("the layers of a correction have a bias each")
    return layer.bias
