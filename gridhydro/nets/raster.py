"""From rasters of attributes to rasters of parameters: a cell sees its neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import conv2d, silu

from gridhydro.base.arguments import one_of
from gridhydro.columns.column import Field
from gridhydro.columns.components import Components
from gridhydro.domain.domain import Domain
from gridhydro.nets.base import Attributes, Ranges, last_layer
from gridhydro.nets.box import Box
from gridhydro.nets.mlp import Parameterization
from gridhydro.nets.options import ParameterNetwork

KINDS = ("conv2d", "conv3d")


class RasterParameterization(Parameterization):
    """Standardised attribute rasters -> masked 3 x 3 convolutions -> theta of every cell.

    domain   whose cells these are, a raster
    network  its hidden sizes are the filters of the convolutions, a SiLU after each; then a linear
             layer in each cell. Kind "conv2d": attributes are the channels of the first
             convolution, which mixes them; "conv3d": attributes are the depth, kernels 3 x 3 x 1
             are the same for all of them (their order has no meaning, so none reaches from one to
             the next), and only the linear layer mixes them: it finds gradients and means of any
             attribute with few weights
    The rest as for `Parameterization`.

    Cells outside the domain never matter: a convolution takes the sum over the cells inside, times
    9 / their number, so that it is no weaker at the border (partial convolution, Liu et al. 2018,
    doi:10.1007/978-3-030-01252-6_6). The reach of a cell is one cell for each convolution.
    """

    def __init__(
        self,
        domain: Domain,
        attributes: Mapping[str, object],
        fields: Sequence[Field],
        network: ParameterNetwork = ParameterNetwork("conv2d"),
        components: Components = Components(),
        fixed: Mapping[str, float] | None = None,
        log: Sequence[str] = (),
    ):
        torch.nn.Module.__init__(self)
        self.box, self.kind = Box.of(domain), one_of("kind", network.kind, KINDS)
        self.inputs = Attributes(attributes, network.log_attributes)
        self.ranges = Ranges(fields, components.count, fixed, log)
        self.weighted = components.weighted
        if not self.learned or not self.names:
            raise ValueError("a parameterization needs at least one attribute and one free field")
        depth, channels = (len(self.names), 1) if self.kind == "conv3d" else (1, len(self.names))
        convolutions = []
        for size in network.sizes:
            convolutions.append(Partial(channels, size))
            channels = size
        self.convolutions = torch.nn.ModuleList(convolutions)
        self.dropout = torch.nn.Dropout(network.dropout)
        outputs = self.rows * self.components
        self.last = last_layer(depth * channels, outputs, self.components)

    @property
    def reach(self) -> int:  # type: ignore[override]
        return len(self.convolutions)

    def forward(self, attributes, forcing=None, before=None) -> dict[str, Tensor]:
        """Attributes (N, A) in their own units, or a mapping -> name: (N, M), strictly in bounds.

        All cells of the domain at once, for they are each other's neighbours.
        """
        if not torch.is_tensor(attributes):
            attributes = self.matrix(attributes).to(self.ranges.low)
        if attributes.shape != (self.box.cells, len(self.names)):
            raise ValueError(
                f"the attributes are {tuple(attributes.shape)}, expected ({self.box.cells}, "
                f"{len(self.names)}): every cell of the domain, for neighbours are read too"
            )
        raster = self.box.spread(self.inputs(attributes))
        # (depth, channels, H, W): one convolution over all attributes, or the same over each
        raster = raster[:, None] if self.kind == "conv3d" else raster[None]
        for convolution in self.convolutions:
            raster = self.dropout(silu(convolution(raster, self.box.inside)))
        features = self.box.gather(raster).movedim(0, 1).flatten(1)
        return self.named(self.last(features).unflatten(-1, (-1, self.components)))


class Partial(torch.nn.Conv2d):
    """A 3 x 3 convolution over the cells inside only, as strong at the border as within."""

    bias: torch.nn.Parameter  # of a Conv2d by itself it may be None

    def __init__(self, channels: int, filters: int):
        super().__init__(channels, filters, 3, padding=1)

    # beside the raster it takes where there are cells, which a Conv2d does not
    def forward(self, raster: Tensor, inside: Tensor) -> Tensor:  # type: ignore[override]
        """(B, C, H, W) and (H, W) bool -> (B, F, H, W); what it gives outside has no meaning."""
        mask = inside.to(raster)
        ones = torch.ones(1, 1, 3, 3, dtype=raster.dtype, device=raster.device)
        found = conv2d(mask[None, None], ones, padding=1).clamp(min=1)
        total = conv2d(raster * mask, self.weight, padding=1)
        return total * (9 / found) + self.bias[:, None, None]
