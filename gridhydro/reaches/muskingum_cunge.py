"""Muskingum-Cunge in the form of its storage: a wave in a channel, with n, width and shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from gridhydro.columns.column import Field, fields
from gridhydro.reaches.reach import Reach

SECONDS = 86400.0
LITRE, MILLIMETRE = 1e-3, 1e-3  # below them a flow counts as one of 1 l, a reach as 1 mm long


@dataclass(frozen=True)
class MuskingumCunge(Reach):
    """A channel whose width and depth are powers of the discharge, in `parts` equal parts.

    Channel, as in Bindas et al. (2024, doi:10.1029/2023WR035337): the top width is `width` times
    the depth to the power of `shape` (Leopold and Maddock 1953), the depth that of uniform flow
    (Manning) with the depth as hydraulic radius, so that depth, width and cross-section A are
    powers of the discharge Q, and the wave moves at the celerity c = dQ/dA.

    Routing: weights K and x of Muskingum are those of Cunge (1969): K from the length and the
    celerity, x so that the diffusion of the scheme is that of the channel, Q / (2 B S). They follow
    the flow, as in Ponce and Yevjevich (1978). As Todini (2007, doi:10.5194/hess-11-1645-2007)
    shows, a variable K loses water unless the storage is that of the channel: here the state is the
    storage, so that no water is lost, and under steady flow it is the length times A.

    The reference discharge is that at which all water of a sub-step would leave a channel of
    uniform flow, W = Q dt + length A(Q). Where the sub-step does not fit the wave, x is what it
    can be: outflow and storage are sums of positive parts of storage and inflow, whatever the step,
    the length and the flow, and the mean time of travel stays length / c. Half of what the cell
    adds enters at the head of the reach, half at its end.
    """

    parts: int = 1

    name = "muskingum_cunge"
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
        channel = self._channel(p)
        states, passed = {}, inflow + 0.5 * lateral_inflow
        for number in self._numbers:
            stored = getattr(s, f"part_{number}")
            states[f"part_{number}"], passed = _part(stored, passed, *channel)
        return states, passed + 0.5 * lateral_inflow

    def _channel(self, p):
        """Exponents of depth and cross-section over Q, and logarithms (of 2) of constants."""
        length = torch.clamp(p.length / self.parts, min=MILLIMETRE)
        log_seconds = torch.log2(SECONDS / p.substeps)
        depth_exponent = 3.0 / (5.0 + 3.0 * p.shape)
        area_exponent = depth_exponent * (1.0 + p.shape)
        # depth and cross-section at 1 m3 s-1
        resistance = p.roughness * (1.0 + p.shape) / (p.width * torch.sqrt(p.slope))
        log_depth = depth_exponent * torch.log2(resistance)
        log_area = torch.log2(p.width / (1.0 + p.shape)) + (1.0 + p.shape) * log_depth
        log_fill = log_area + torch.log2(length) - log_seconds
        log_diffusion = log_depth + torch.log2(depth_exponent / (p.slope * length))
        return depth_exponent, area_exponent, log_seconds, log_fill, log_diffusion


def _part(stored, inflow, depth_exponent, area_exponent, log_seconds, log_fill, log_diffusion):
    """What is stored after a sub-step, and what leaves, m3."""
    supply = stored + inflow
    log_supply = torch.log2(torch.clamp(supply, min=LITRE)) - log_seconds
    # storage over what passes, if all of it passed; a and b are the exponents of A and of 1 / v
    fill = torch.exp2(log_fill + (area_exponent - 1.0) * log_supply)
    # the part u of the supply that leaves at the reference discharge, u + fill u^b = 1: right at
    # both ends and within 3 %, then one step of Newton's method, right within 1e-4. 1 - u stays
    bent = (1.0 - area_exponent) * fill
    rest = 1.0 / (1.0 + fill + bent * fill)
    holds = fill * (1.0 + bent) * rest
    log_leaves = torch.log2((1.0 + bent) * rest) / area_exponent
    leaves = torch.exp2(log_leaves)
    closer = (rest - leaves) / (leaves + area_exponent * holds)
    leaves = leaves * (1.0 + closer)
    stays = holds * (1.0 + area_exponent * closer)
    # Cunge's diffusion: depth over fall of the bed; x = (1 - diffusion) / 2 is not negative
    diffusion = torch.exp2(log_diffusion + depth_exponent * (log_supply + log_leaves))
    slowly = area_exponent * stays
    spread = torch.maximum(slowly * torch.clamp(diffusion, max=1.0), leaves - slowly)
    spread = torch.maximum(spread / (leaves + slowly), stays - leaves)
    sent = 2.0 * leaves * stored + (leaves - stays + spread) * inflow
    outflow = torch.minimum(sent / (1.0 + spread), supply)
    return supply - outflow, outflow
