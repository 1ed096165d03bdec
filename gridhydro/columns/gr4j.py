"""GR4J: a production store, two unit hydrographs, a routing store, and water from elsewhere.

Equations: Perrin et al. (2003, doi:10.1016/S0022-1694(03)00225-7), in their order, behind the snow
of CemaNeige, which does nothing where no snow falls. Unit hydrographs are those of the paper, day
by day, not the cascade of stores that Santos et al. (2018, doi:10.5194/gmd-11-1591-2018) put in
their place, and reach as far as the longest `x4`. Ranges hold the paper's 80 % intervals (x1 100 to
1200 mm, x2 -5 to 3 mm d-1, x3 20 to 300 mm, x4 1.1 to 2.9 d) and more on each side.

Groundwater exchange imports water from beyond the cell, or exports it: `groundwater_export` is the
flux of what leaves, below zero of what comes, and belongs to the balance.
"""

import torch

from gridhydro.columns import gr_stores
from gridhydro.columns.cema_neige import FLUXES, PARAMETERS, SOURCE, STATES, cema_neige
from gridhydro.columns.column import Column, fields

LONGEST = 5  # days, of x4


class GR4J(Column):
    """GR4J with CemaNeige, 4 and 3 parameters; sources at the head of the file."""

    name = "gr4j"
    why_daily = "its percolation and unit hydrographs were fitted to days"
    source = f"Perrin et al. (2003, doi:10.1016/S0022-1694(03)00225-7); {SOURCE}"
    states = (
        *STATES,
        *fields(
            "production_store mm = 50: water in the production store",
            "routing_store mm = 20: water in the routing store",
        ),
        *gr_stores.registers("uh1", LONGEST),
        *gr_stores.registers("uh2", 2 * LONGEST),
    )
    forcings = fields(
        "precipitation mm d-1: precipitation",
        "temperature degC: air temperature at 2 m, daily mean",
        "potential_evapotranspiration mm d-1: potential evapotranspiration",
    )
    parameters = (
        *fields(
            "x1 mm [10, 2000] log: capacity of the production store",
            "x2 mm d-1 [-5, 5]: groundwater exchange, above 0 what is gained",
            "x3 mm [5, 500] log: capacity of the routing store",
            f"x4 d [0.5, {LONGEST}]: length of unit hydrograph 1, half that of unit hydrograph 2",
        ),
        *PARAMETERS,
    )
    fluxes = (
        *fields(
            "runoff mm d-1: water to the river, sum of the flows",
            "actual_evapotranspiration mm d-1: actual evapotranspiration",
            "groundwater_export mm d-1: water lost to beyond the cell, below zero what is gained",
            "percolation mm d-1: percolation from the production store",
            "effective_rainfall mm d-1: water that goes on to the unit hydrographs",
            "routed_flow mm d-1: outflow of the routing store",
            "direct_flow mm d-1: flow behind unit hydrograph 2",
            "snow_water_equivalent mm: water in the snow pack",
            "soil_wetness 1: water in the production store as a fraction of its capacity",
            "total_storage mm: water in all stores and unit hydrographs",
        ),
        *FLUXES,
    )
    water_out = ("runoff", "actual_evapotranspiration", "groundwater_export")
    export = "groundwater_export"

    def step(self, s, x, p):
        """One day: snow, production store, unit hydrographs, routing store and direct flow."""
        liquid, states, fluxes = cema_neige(s, x, p)
        production_store, evapotranspiration, percolation, effective_rainfall = (
            gr_stores.production(s.production_store, liquid, x.potential_evapotranspiration, p.x1)
        )
        slow, uh1 = gr_stores.delayed(
            s, "uh1", 0.9 * effective_rainfall, gr_stores.one_sided(p.x4, LONGEST)
        )
        direct, uh2 = gr_stores.delayed(
            s, "uh2", 0.1 * effective_rainfall, gr_stores.two_sided(p.x4, 2 * LONGEST)
        )
        gain = self.gain(s, p)
        # no more is lost than there is
        gain_direct = torch.maximum(gain, -direct)
        direct_flow = direct + gain_direct
        stores, flows, gained = self.routing(s, p, slow, gain)

        states = states | dict(production_store=production_store) | stores | uh1 | uh2
        return states, fluxes | flows | dict(
            runoff=sum(flows.values()) + direct_flow,
            actual_evapotranspiration=evapotranspiration,
            groundwater_export=-(gained + gain_direct), percolation=percolation,
            effective_rainfall=effective_rainfall, direct_flow=direct_flow,
            snow_water_equivalent=states["snowpack"], soil_wetness=production_store / p.x1,
            total_storage=sum(v for n, v in states.items() if n != "thermal_state"),
        )  # fmt: skip

    def gain(self, s, p):
        """Potential groundwater exchange, mm d-1, above zero what is gained."""
        return p.x2 * torch.clamp(s.routing_store / p.x3, min=gr_stores.TINY) ** 3.5

    def routing(self, s, p, slow, gain):
        """Stores that `slow` flow comes to and their flows, by name, and what they gain, mm d-1."""
        arrived = s.routing_store + slow
        gained = torch.maximum(gain, -arrived)
        routing_store = arrived + gained
        routed_flow = gr_stores.outflow(routing_store, p.x3)
        stores = dict(routing_store=routing_store - routed_flow)
        return stores, dict(routed_flow=routed_flow), gained
