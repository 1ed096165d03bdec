"""CemaNeige: a degree-day snow pack that has to warm up before it melts; for any column.

Equations: Valery et al. (2014, doi:10.1016/j.jhydrol.2014.04.058), snow and rain by the daily mean
temperature as there. Two things are not as published. A cell is one elevation band, where the
original has five in each catchment: smaller cells take their place. And the snow pack that covers
all of the ground, there 0.9 times the mean annual snowfall, is a parameter, as in Riboust et al.
(2019, doi:10.2478/johh-2018-0004): give that value to keep to the original.

Snow melts on days when the thermal state is at 0 degC, not before: a switch, which `CTG` shifts
from day to day. Gradients do not see that: `CTG` has none, and stays where a training begins.
"""

import torch

from gridhydro.columns.column import fields

ALL_SNOW, ALL_RAIN = -1.0, 3.0  # degC
SLOWEST = 0.1  # melt of a snow pack that covers nearly nothing, of the potential one

SOURCE = "snow: Valery et al. (2014, doi:10.1016/j.jhydrol.2014.04.058)"
STATES = fields(
    "snowpack mm: water in the snow pack",
    "thermal_state degC: thermal state of the snow pack, 0 where it may melt",
)
PARAMETERS = fields(
    "CTG 1 [0, 1]: weight of the day before in the thermal state of the snow pack",
    "Kf mm d-1 K-1 [0.5, 10]: degree-day factor",
    "full_cover mm [5, 500] log: snow pack that covers all of the ground",
)
FLUXES = fields(
    "rainfall mm d-1: liquid precipitation",
    "snowfall mm d-1: solid precipitation",
    "melt mm d-1: melt of the snow pack",
    "snow_cover 1: fraction of the ground under snow, before melt",
)


def cema_neige(s, x, p):
    """Rain and melt of a day, mm d-1, with the states after it and the fluxes, each by name."""
    solid = torch.clamp((ALL_RAIN - x.temperature) / (ALL_RAIN - ALL_SNOW), min=0, max=1)
    snowfall = x.precipitation * solid
    rainfall = x.precipitation - snowfall
    snowpack = s.snowpack + snowfall
    thermal_state = p.CTG * s.thermal_state + (1 - p.CTG) * x.temperature
    thermal_state = torch.clamp(thermal_state, max=0)
    thaw = p.Kf * torch.clamp(x.temperature, min=0)
    thaw = torch.where(thermal_state >= 0, torch.minimum(thaw, snowpack), 0.0)
    snow_cover = torch.clamp(snowpack / p.full_cover, max=1)
    melt = (SLOWEST + (1 - SLOWEST) * snow_cover) * thaw
    states = dict(snowpack=snowpack - melt, thermal_state=thermal_state)
    fluxes = dict(rainfall=rainfall, snowfall=snowfall, melt=melt, snow_cover=snow_cover)
    return rainfall + melt, states, fluxes
