"""A river reach: named quantities with units, and one sub-step of routing in plain PyTorch."""

from __future__ import annotations

from types import SimpleNamespace

from gridhydro.columns.column import Field

SECONDS = 86400.0  # of a day


class Reach:
    """What the river of one cell does with its water; the network around it is the routing's.

    A subclass declares its fields and writes `step` with elementwise operations of torch, without
    a loop over time or cells: kernels for CPU and GPU, forward and adjoint, are printed from it.

    name        of the reach, in the names of kernels
    states      what it keeps from sub-step to sub-step, all of it water: volumes
    parameters  of each cell, with a gradient
    properties  of each cell, without one
    series      of some cells by day, 0 in all others: what the step is told that no river knows
    fluxes      what it tells of these cells beside the outflow, volumes that are added up by day
    in_a_row    sub-steps, at most, that are printed in a row and so keep the states in registers:
                fewer of a long step, whose adjoint on a GPU has to hold all of it
    """

    name: str
    states: tuple[Field, ...]
    parameters: tuple[Field, ...] = ()
    properties: tuple[Field, ...] = ()
    series: tuple[Field, ...] = ()
    fluxes: tuple[Field, ...] = ()
    in_a_row: int = 4

    def step(self, s: SimpleNamespace, inflow, lateral_inflow, p: SimpleNamespace):
        """One sub-step: new states by name, and the volume that leaves the cell.

        `s` has the states, `p` parameters, properties and series by name. `inflow` is the volume
        that arrives from upstream within the sub-step, `lateral_inflow` what the cell itself adds.
        A reach with fluxes gives them by name too, third.
        Nothing may be lost: states before + inflow + lateral_inflow = states after + outflow,
        and what is taken out of the river is a flux.
        """
        raise NotImplementedError(f"the reach '{self.name}' has no step: write one sub-step")
