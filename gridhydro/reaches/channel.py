"""A channel whose depth, width and cross-section are powers of the discharge of uniform flow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace

import torch

from gridhydro.columns.column import Field, fields
from gridhydro.reaches.reach import SECONDS, Reach

LITRE, MILLIMETRE = 1e-3, 1e-3  # below them a flow counts as one of 1 l, a reach as 1 mm long


@dataclass(frozen=True)
class Channel(Reach):
    """A river in `parts` equal parts, each of which holds the water of a channel.

    As in Bindas et al. (2024, doi:10.1029/2023WR035337): the top width is `width` times the depth
    to the power of `shape` (Leopold and Maddock 1953), the depth that of uniform flow (Manning)
    with the depth as hydraulic radius, so that depth, width and cross-section A are powers of the
    discharge Q, and waves move at the celerity c = dQ/dA. Half of what the cell adds enters at the
    head of the reach, half at its end.
    """

    parts: int = 1

    parameters = fields(
        "roughness s m-1/3 [0.015, 0.25] log: Manning's n of the channel",
        "width m [1, 200] log: width of the water surface where it is 1 m deep",
        "shape 1 [0, 1]: exponent of the width over the depth, 0 a rectangle, 1 a triangle",
    )
    properties = fields(
        "length m: length of the river in the cell",
        "slope 1 [1e-6, 1]: fall of the river bed over its length",
        "substeps d-1: routing steps a day",
    )

    @cached_property
    def states(self) -> tuple[Field, ...]:  # type: ignore[override]
        return fields(*(f"part_{n} m3: water in part {n} of the reach" for n in self._numbers))

    @property
    def in_a_row(self) -> int:  # type: ignore[override]
        return max(1, 2 // self.parts)

    @property
    def _numbers(self) -> range:
        return range(1, self.parts + 1)

    def step(self, s, inflow, lateral_inflow, p):
        channel = uniform_flow(p, self.parts)
        states, passed = {}, inflow + 0.5 * lateral_inflow
        for number in self._numbers:
            stored = getattr(s, f"part_{number}")
            supply = stored + passed
            passed = self.outflow(stored, passed, supply, channel)
            states[f"part_{number}"] = supply - passed
        return states, passed + 0.5 * lateral_inflow

    def outflow(self, stored, inflow, supply, channel: SimpleNamespace):
        """What of the supply, stored + inflow, leaves a part in a sub-step, m3."""
        raise NotImplementedError(f"the reach '{self.name}' has no outflow: write that of a part")


def uniform_flow(p, parts: int) -> SimpleNamespace:
    """Exponents of Q in depth and cross-section A, and logarithms, of 2, of what is at 1 m3 s-1.

    That is, of parts of equal length, the water that they hold over that of a sub-step, `log_fill`,
    and 2 D / (c length) of the diffusion D = Q / (2 B S) and the celerity c, `log_diffusion`.
    """
    length = torch.clamp(p.length / parts, min=MILLIMETRE)
    log_seconds = torch.log2(SECONDS / p.substeps)
    depth_exponent = 3.0 / (5.0 + 3.0 * p.shape)
    area_exponent = depth_exponent * (1.0 + p.shape)
    resistance = p.roughness * (1.0 + p.shape) / (p.width * torch.sqrt(p.slope))
    log_depth = depth_exponent * torch.log2(resistance)
    log_area = torch.log2(p.width / (1.0 + p.shape)) + (1.0 + p.shape) * log_depth
    log_fill = log_area + torch.log2(length) - log_seconds
    log_diffusion = log_depth + torch.log2(depth_exponent / (p.slope * length))
    return SimpleNamespace(
        depth_exponent=depth_exponent,
        area_exponent=area_exponent,
        log_seconds=log_seconds,
        log_fill=log_fill,
        log_diffusion=log_diffusion,
    )


def reference(supply, channel: SimpleNamespace):
    """Parts of the supply W that leave and stay where W = Q dt + length A(Q), and log2 of Q.

    With u the part that leaves and G the water that would stand in the reach if all of it passed,
    as a part of W: u + G u^b = 1. A first value that is right for small and large G and within 3 %
    else gets one step of Newton's method, which leaves 1e-4, and log2 Q is that of the first value.
    Both parts are positive, and their sum is 1.
    """
    exponent = channel.area_exponent
    log_supply = torch.log2(torch.clamp(supply, min=LITRE)) - channel.log_seconds
    log_fill = channel.log_fill + (exponent - 1.0) * log_supply
    fill = torch.exp2(log_fill)
    bent = (1.0 - exponent) * fill
    rest = 1.0 / (1.0 + fill + bent * fill)
    holds = fill * (1.0 + bent) * rest
    log_leaves = torch.log2((1.0 + bent) * rest) / exponent
    leaves = torch.exp2(log_leaves)
    closer = (rest - leaves) / (leaves + exponent * holds)
    leaves = leaves * (1.0 + closer)
    stays = holds * (1.0 + exponent * closer)
    log_flow = log_supply + log_leaves
    return leaves, stays, log_flow
