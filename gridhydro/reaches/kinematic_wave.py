"""The kinematic wave by its implicit scheme: a channel without a diffusion of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gridhydro.reaches.channel import Channel, reference


@dataclass(frozen=True)
class KinematicWave(Channel):
    """A channel that lets out the uniform flow of what it holds at the end of the sub-step.

    This is the implicit non-linear scheme of Chow, Maidment and Mays (1988, section 9.6): with A
    the power of Q at the end of a reach, Q dt + length A(Q) = inflow + storage. It is positive and
    stable for any step. Waves spread by what the scheme brings, whose variance a reach widens by
    K (K + dt), K = length / c: more parts make it less.
    """

    name = "kinematic_wave"

    def outflow(self, stored, inflow, supply, channel):
        leaves, _, _ = reference(supply, channel)
        return torch.clamp(leaves, max=1.0) * supply
