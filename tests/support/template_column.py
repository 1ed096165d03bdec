"""A column to copy: its quantities with units, and one day of it. See CONTRIBUTING.md."""

import torch

from gridhydro.columns.column import Column, fields


class Bucket(Column):
    """One store that overflows above its capacity and evaporates below it."""

    name = "bucket"
    source = ""  # authors, year and DOI of its equations
    states = fields("soil_moisture mm = 50: water in the soil")
    forcings = fields(
        "precipitation mm d-1: precipitation",
        "potential_evapotranspiration mm d-1: potential evapotranspiration",
    )
    parameters = fields("capacity mm [50, 500]: largest content of the soil")
    fluxes = fields(
        "runoff mm d-1: water to the river",
        "actual_evapotranspiration mm d-1: actual evapotranspiration",
    )

    def step(self, s, x, p):
        soil = s.soil_moisture + x.precipitation
        runoff = torch.clamp(soil - p.capacity, min=0)
        soil = soil - runoff
        demand = x.potential_evapotranspiration * soil / p.capacity
        evapotranspiration = torch.minimum(demand, soil)
        states = dict(soil_moisture=soil - evapotranspiration)
        return states, dict(runoff=runoff, actual_evapotranspiration=evapotranspiration)
