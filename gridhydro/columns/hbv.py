"""The evolved HBV: degree-day snow, a soil with two shape parameters, two linear zones.

Equations: Feng et al. (2022, doi:10.1029/2022WR032404) for the stores and gamma, Song et al.
(2024, doi:10.5194/hess-28-3051-2024) for capillary rise. Operators act one after the other within
the day, or the step where that is shorter. gamma = 1 with C = 0 is plain HBV; C = 0 alone switches
capillary rise off.

Capillary rise, C times the lower zone times the dryness of the soil, is a flux of the lower zone
alone: where C times that zone is more than field capacity, it lifts the soil above field capacity,
and soil_wetness above 1, until the excess leaves on the next day. The published equation is kept;
`hbv_bounded` limits the rise to the room in the soil.
"""

import torch

from gridhydro.columns import degree_day
from gridhydro.columns.column import Column, fields

# power functions need a positive base; guarding the base, never the store, keeps the balance
DRY = 1e-6


class HBV(Column):
    """The evolved HBV with 14 parameters; sources of its equations at the head of the file.

    Its capillary rise, as published, can lift the soil above field capacity for a day: see there.
    """

    name = "hbv"
    source = (
        "Feng et al. (2022, doi:10.1029/2022WR032404); "
        "Song et al. (2024, doi:10.5194/hess-28-3051-2024)"
    )
    states = degree_day.STATES + fields(
        "soil_moisture mm = 0.001: water in the soil",
        "upper_zone mm = 0.001: water in the upper groundwater zone",
        "lower_zone mm = 0.001: water in the lower groundwater zone",
    )
    forcings = fields(
        "precipitation mm d-1: precipitation",
        "temperature degC: air temperature at 2 m, daily mean",
        "potential_evapotranspiration mm d-1: potential evapotranspiration",
    )
    parameters = (
        *fields(
            "beta 1 [1, 6]: shape of the runoff response to soil wetness",
            "FC mm [50, 1000]: field capacity",
            "K0 d-1 [0.05, 0.9]: recession rate of near-surface flow",
            "K1 d-1 [0.01, 0.5]: recession rate of interflow",
            "K2 d-1 [0.001, 0.2]: recession rate of baseflow",
            "LP 1 [0.2, 1]: fraction of field capacity above which evapotranspiration is not"
            " limited",
            "PERC mm d-1 [0, 10]: percolation to the lower zone",
            "UZL mm [0, 100]: storage threshold of near-surface flow",
        ),
        *degree_day.PARAMETERS,
        *fields(
            "gamma 1 [0.3, 5]: shape of the evapotranspiration response to soil wetness",
            "C d-1 [0, 1]: rate of capillary rise from the lower zone",
        ),
    )
    fluxes = (
        *fields(
            "runoff mm d-1: water to the river, sum of the three flows",
            "actual_evapotranspiration mm d-1: actual evapotranspiration",
            "near_surface_flow mm d-1: flow Q0 from the top of the upper zone",
            "interflow mm d-1: flow Q1 from the upper zone",
            "baseflow mm d-1: flow Q2 from the lower zone",
        ),
        *degree_day.FLUXES,
        *fields(
            "recharge mm d-1: effective flow from the soil surface to the upper zone",
            "excess mm d-1: soil water above field capacity",
            "capillary_rise mm d-1: capillary rise from the lower zone to the soil",
            "percolation mm d-1: percolation from the upper to the lower zone",
            "snow_water_equivalent mm: frozen and liquid water in the snow pack",
            "soil_wetness 1: soil moisture as a fraction of field capacity",
            "total_storage mm: water in all stores",
        ),
    )

    any_step = True

    def rise_below(self, p):
        """Soil moisture below which water rises from the lower zone, mm."""
        return p.FC

    def risen(self, rise, room):
        """Capillary rise, where the soil has room for so much of it, both mm d-1: all of it."""
        return rise

    def step(self, s, x, p):
        """One step, operator after operator: snow, soil, upper zone, lower zone."""
        x, p = self.in_step(x, p)  # mm of the step in place of mm d-1
        snow, snow_fluxes = degree_day.day_of_snow(s, x, p)

        liquid = snow_fluxes["rainfall"] + snow_fluxes["infiltration"]
        recharge = self.recharge(s, p, liquid, 1 / self.dt)
        soil_moisture = s.soil_moisture + liquid - recharge
        excess = torch.clamp(soil_moisture - p.FC, min=0)
        soil_moisture = soil_moisture - excess
        supply = torch.clamp(soil_moisture / (p.LP * p.FC), min=DRY, max=1) ** p.gamma
        demand = x.potential_evapotranspiration * supply
        evapotranspiration = torch.minimum(demand, soil_moisture)
        soil_moisture = soil_moisture - evapotranspiration
        dryness = torch.clamp(1 - soil_moisture / self.rise_below(p), min=0)
        capillary_rise = p.C * s.lower_zone * dryness  # C <= 1: never more than the zone holds
        capillary_rise = self.risen(capillary_rise, p.FC - soil_moisture)
        soil_moisture = soil_moisture + capillary_rise
        lower_zone = s.lower_zone - capillary_rise

        upper_zone = s.upper_zone + recharge + excess
        percolation = torch.minimum(p.PERC, upper_zone)
        upper_zone = upper_zone - percolation
        near_surface_flow = p.K0 * torch.clamp(upper_zone - p.UZL, min=0)
        upper_zone = upper_zone - near_surface_flow
        interflow = p.K1 * upper_zone
        upper_zone = upper_zone - interflow
        lower_zone = lower_zone + percolation
        baseflow = p.K2 * lower_zone
        lower_zone = lower_zone - baseflow

        states = snow | dict(
            soil_moisture=soil_moisture, upper_zone=upper_zone, lower_zone=lower_zone
        )
        return states, self.by_day(snow_fluxes | _with_totals(
            states, p, actual_evapotranspiration=evapotranspiration,
            near_surface_flow=near_surface_flow, interflow=interflow, baseflow=baseflow,
            recharge=recharge, excess=excess, capillary_rise=capillary_rise,
            percolation=percolation,
        ))  # fmt: skip

    def recharge(self, s, p, liquid, by_day=1.0):
        """Water that the soil passes on to the upper zone, of rain and melt `liquid`; both in
        mm d-1, or in what is mm d-1 times `by_day`."""
        wetness = torch.clamp(s.soil_moisture / p.FC, min=DRY, max=1) ** p.beta
        return liquid * wetness

    def tendency(self, s, x, p, dt):
        """All processes at once from the same states; `dt` in days limits what a store gives."""
        snow, snow_fluxes = degree_day.rates_of_snow(s, x, p, dt)
        liquid = snow_fluxes["rainfall"] + snow_fluxes["infiltration"]

        recharge = self.recharge(s, p, liquid)
        excess = torch.clamp(s.soil_moisture - p.FC, min=0) / dt
        supply = torch.clamp(s.soil_moisture / (p.LP * p.FC), min=DRY, max=1) ** p.gamma
        demand = x.potential_evapotranspiration * supply
        evapotranspiration = torch.minimum(s.soil_moisture / dt, demand)
        dryness = torch.clamp(1 - s.soil_moisture / self.rise_below(p), min=0)
        # with the baseflow never more than the zone holds, however long the step
        capillary_rise = s.lower_zone * torch.minimum(p.C * dryness, 1 / dt - p.K2)
        room = (p.FC - s.soil_moisture) / dt - (liquid - recharge)
        capillary_rise = self.risen(capillary_rise, room)

        percolation = torch.minimum(s.upper_zone / dt, p.PERC)
        near_surface_flow = p.K0 * torch.clamp(s.upper_zone - p.UZL, min=0)
        interflow = p.K1 * s.upper_zone
        baseflow = p.K2 * s.lower_zone

        changes = snow | dict(
            soil_moisture=liquid + capillary_rise - recharge - excess - evapotranspiration,
            upper_zone=recharge + excess - percolation - near_surface_flow - interflow,
            lower_zone=percolation - capillary_rise - baseflow,
        )  # fmt: skip
        return changes, snow_fluxes | _with_totals(
            vars(s), p, actual_evapotranspiration=evapotranspiration,
            near_surface_flow=near_surface_flow, interflow=interflow, baseflow=baseflow,
            recharge=recharge, excess=excess, capillary_rise=capillary_rise,
            percolation=percolation,
        )  # fmt: skip


class HBVImproved(HBV):
    """HBV with one more parameter: how dry the soil has to be for water to rise into it."""

    name = "hbv_improved"
    parameters = HBV.parameters + fields(
        "NDC 1 [0.05, 1]: fraction of field capacity below which water rises from the lower zone"
    )

    def rise_below(self, p):
        """Soil moisture below which water rises from the lower zone, mm: NDC of field capacity."""
        return p.NDC * p.FC


class HBVBounded(HBV):
    """HBV whose capillary rise is no more than what the soil lacks to field capacity."""

    name = "hbv_bounded"

    def risen(self, rise, room):
        """Capillary rise, mm d-1: what there is room for in the soil, if it is not full."""
        return torch.minimum(rise, torch.clamp(room, min=0))


def _with_totals(s, p, **fluxes):
    snow = s["snowpack"] + s["meltwater"]
    return fluxes | dict(
        runoff=fluxes["near_surface_flow"] + fluxes["interflow"] + fluxes["baseflow"],
        snow_water_equivalent=snow,
        soil_wetness=s["soil_moisture"] / p.FC,
        total_storage=snow + s["soil_moisture"] + s["upper_zone"] + s["lower_zone"],
    )
