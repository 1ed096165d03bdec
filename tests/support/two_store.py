"""A second column, living only in the tests: two stores and every operation of the vocabulary.

Its local variables are named as the loops of the printed kernels name theirs (`w`, `day`, `lane`),
and one of its conditions rests on static parameters alone: neither may confuse a kernel.
"""

import torch

from gridhydro.columns.column import Column, fields


class TwoStore(Column):
    name = "two_store"
    states = fields(
        "upper mm = 1: water in the upper store",
        "lower mm = 2: water in the lower store",
    )
    forcings = fields(
        "precipitation mm d-1: precipitation",
        "temperature degC: air temperature",
        "potential_evapotranspiration mm d-1: potential evapotranspiration",
    )
    parameters = fields(
        "capacity mm [5, 50]: size of the upper store",
        "shape 1 [0.5, 3]: shape of the response",
        "rate d-1 [0.05, 0.5]: recession rate",
        "melt 1 [0.1, 1]: steepness of the switch between snow and rain",
    )
    fluxes = fields(
        "runoff mm d-1: water to the river",
        "actual_evapotranspiration mm d-1: actual evapotranspiration",
        "warm 1: fraction that is rain",
        "signal 1: made of what is left of the vocabulary",
    )

    def step(self, s, x, p):
        warm = torch.sigmoid(p.melt * x.temperature)
        w = torch.clamp((s.upper + 0.1) / (p.capacity + 0.1), 1e-3, 1) ** p.shape
        day = x.precipitation * warm
        lane = day * w
        new_upper = s.upper + x.precipitation - lane
        steep = (p.capacity >= 20) & ~(p.shape > 2.5)
        spill = torch.where(steep | (x.temperature < -5), (new_upper - p.capacity).relu(), 0.3)
        spill = torch.minimum(spill, 0.5 * new_upper)
        new_upper = new_upper - spill
        supply = torch.tanh(torch.maximum(new_upper, torch.zeros(()) + 0.25) / p.capacity)
        evapotranspiration = new_upper.clamp_max(x.potential_evapotranspiration) * supply
        new_upper = new_upper - evapotranspiration
        lower = s.lower + lane + spill
        t = p.rate * lower * torch.exp(-x.potential_evapotranspiration * 0.1)

        frost = (x.temperature <= 0) & (x.precipitation != 0) | torch.logical_not(s.lower > 1)
        cell = torch.where(x.precipitation == 0, torch.sqrt(lower + 0.7), lower**0.5)
        inverse_capacity = 2 / p.capacity  # not the reciprocal that a division by it is made of
        signal = (
            torch.where(frost, cell, torch.log(s.upper.clamp_min(0) + 1.0))
            + torch.log2(1 + torch.square(x.temperature) * inverse_capacity)
            + torch.exp2(-torch.abs(x.temperature - 1.5) / p.capacity)
            + 0.01 * (x.temperature / 10) ** 3
            + 1.5 ** (-p.shape)
            + (lower + 1) ** 0.3
            + torch.reciprocal(1 + s.upper.clone())
            + (3 - x.temperature).clip(-2, 2)
        )
        states = dict(upper=new_upper, lower=lower - t)
        fluxes = dict(
            runoff=t, actual_evapotranspiration=evapotranspiration, warm=warm, signal=signal
        )
        return states, fluxes

    def tendency(self, s, x, p, dt):
        """Rates of the same operations, gentle enough to be solved for."""
        states, fluxes = self.step(s, x, p)
        return {name: 0.2 * (value - vars(s)[name]) for name, value in states.items()}, fluxes
