"""Muskingum-Cunge in the form of its storage: a wave in a channel, with n, width and shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gridhydro.reaches.channel import Channel, reference


@dataclass(frozen=True)
class MuskingumCunge(Channel):
    """A channel through which waves travel and spread, whatever their height.

    Weights K and x of Muskingum are those of Cunge (1969): K from the length and the celerity, x so
    that the diffusion of the scheme is that of the channel, Q / (2 B S). They follow the flow, as
    in Ponce and Yevjevich (1978) and, with learned parameters, Bindas et al. (2024). As Todini
    (2007, doi:10.5194/hess-11-1645-2007) shows, a variable K loses water unless the storage is that
    of the channel: here the state is the storage, so that no water is lost, and under steady flow
    it is the length times A.

    The reference discharge is that at which all water of a sub-step would leave a channel of
    uniform flow. Where the sub-step does not fit the wave, x is what it can be: outflow and storage
    are sums of positive parts of storage and inflow, whatever the step, the length and the flow,
    and the mean time of travel of a small wave stays length / c.
    """

    name = "muskingum_cunge"

    def outflow(self, stored, inflow, supply, channel):
        leaves, stays, log_flow = reference(supply, channel)
        # Cunge's diffusion: depth over fall of the bed; x = (1 - diffusion) / 2 is not negative
        diffusion = torch.exp2(channel.log_diffusion + channel.depth_exponent * log_flow)
        slowly = channel.area_exponent * stays
        spread = torch.maximum(slowly * torch.clamp(diffusion, max=1.0), leaves - slowly)
        spread = torch.maximum(spread / (leaves + slowly), stays - leaves)
        sent = 2.0 * leaves * stored + (leaves - stays + spread) * inflow
        return torch.minimum(sent / (1.0 + spread), supply)
