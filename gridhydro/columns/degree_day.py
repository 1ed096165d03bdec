"""The degree-day snow pack of HBV: frozen water, and what liquid water it holds; for any column.

Equations: Bergstrom (1976, SMHI report RHO 7), as Feng et al. (2022, doi:10.1029/2022WR032404)
write them: rain and snow by a threshold of the daily mean temperature, degree-day melt, refreezing
of meltwater, and outflow of what the pack cannot hold.
"""

import torch

from gridhydro.columns.column import fields

SOURCE = "snow: Feng et al. (2022, doi:10.1029/2022WR032404)"
STATES = fields(
    "snowpack mm = 0.001: frozen water in the snow pack",
    "meltwater mm = 0.001: liquid water held in the snow pack",
)
PARAMETERS = fields(
    "TT degC [-2.5, 2.5]: temperature threshold of snowfall and melt",
    "CFMAX mm d-1 K-1 [0.5, 10]: degree-day factor",
    "CFR 1 [0, 0.1]: refreezing factor",
    "CWH 1 [0, 0.2]: liquid water that the snow pack holds, as a fraction of its frozen water",
)
FLUXES = fields(
    "rainfall mm d-1: liquid precipitation",
    "snowfall mm d-1: solid precipitation",
    "melt mm d-1: melt of the snow pack",
    "refreezing mm d-1: refreezing of meltwater in the snow pack",
    "infiltration mm d-1: outflow of the snow pack to the soil",
)


def day_of_snow(s, x, p):
    """A day, operator after operator: the stores at its end and the fluxes, each by name."""
    rainfall, snowfall, thaw, frost = _weather(x, p)
    snowpack = s.snowpack + snowfall
    melt = torch.minimum(thaw, snowpack)
    meltwater = s.meltwater + melt
    snowpack = snowpack - melt
    refreezing = torch.minimum(frost, meltwater)
    snowpack = snowpack + refreezing
    meltwater = meltwater - refreezing
    infiltration = torch.clamp(meltwater - p.CWH * snowpack, min=0)
    meltwater = meltwater - infiltration
    return dict(snowpack=snowpack, meltwater=meltwater), dict(
        rainfall=rainfall, snowfall=snowfall, melt=melt, refreezing=refreezing,
        infiltration=infiltration,
    )  # fmt: skip


def rates_of_snow(s, x, p, dt):
    """Rates of change of the stores, mm d-1, all from the same stores, and fluxes, by name."""
    rainfall, snowfall, thaw, frost = _weather(x, p)
    # on a tie the second argument wins: an empty store on a day without melt has no slope
    melt = torch.minimum(s.snowpack / dt, thaw)
    refreezing = torch.minimum(s.meltwater / dt, frost)
    infiltration = torch.clamp(s.meltwater - p.CWH * s.snowpack, min=0) / dt
    changes = dict(
        snowpack=snowfall + refreezing - melt, meltwater=melt - refreezing - infiltration
    )
    return changes, dict(
        rainfall=rainfall, snowfall=snowfall, melt=melt, refreezing=refreezing,
        infiltration=infiltration,
    )  # fmt: skip


def _weather(x, p):
    """Rain, snow, and what could melt and refreeze that day, all in mm d-1."""
    degrees = x.temperature - p.TT
    rainfall = torch.where(degrees >= 0, x.precipitation, 0.0)
    snowfall = x.precipitation - rainfall
    thaw = torch.clamp(p.CFMAX * degrees, min=0)
    frost = torch.clamp(-p.CFR * p.CFMAX * degrees, min=0)
    return rainfall, snowfall, thaw, frost
