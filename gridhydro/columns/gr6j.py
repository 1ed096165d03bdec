"""GR6J: GR4J with a threshold of exchange and an exponential store for low flows.

Equations: Pushpalatha et al. (2011, doi:10.1016/j.jhydrol.2011.09.034). Six tenths of what leaves
unit hydrograph 1 go to the routing store, four to the exponential store, which may hold less than
nothing: it lends water to rivers that do not run dry, and falls on and on where exchange exports
more than comes. Ranges are those in which airGR begins to search, and more on each side.
"""

import torch

from gridhydro.columns.cema_neige import SOURCE
from gridhydro.columns.column import fields
from gridhydro.columns.gr4j import GR4J

EXPONENTIAL = 0.4  # of the slow flow, to the exponential store
LINEAR = 20.0  # from so many times x6 on the store lets out all it has, to the last digit


class GR6J(GR4J):
    """GR6J with CemaNeige, 6 and 3 parameters; sources at the head of the file."""

    name = "gr6j"
    source = f"Pushpalatha et al. (2011, doi:10.1016/j.jhydrol.2011.09.034); {SOURCE}"
    states = GR4J.states + fields("exponential_store mm: water in the exponential store")
    parameters = (
        GR4J.parameters[0],
        *fields("x2 mm d-1 [-2, 2]: groundwater exchange of each of three stores, by x5"),
        *GR4J.parameters[2:],
        *fields(
            "x5 1 [-1, 1]: filling of the routing store at which groundwater exchange changes sign",
            "x6 mm [1, 200] log: size of the exponential store",
        ),
    )
    fluxes = GR4J.fluxes + fields("exponential_flow mm d-1: outflow of the exponential store")

    def gain(self, s, p):
        """Potential groundwater exchange, mm d-1, above zero what is gained."""
        return p.x2 * (s.routing_store / p.x3 - p.x5)

    def routing(self, s, p, slow, gain):
        """The routing store, and beside it the exponential one, which gains or loses as much."""
        stores, flows, gained = super().routing(s, p, (1 - EXPONENTIAL) * slow, gain)
        store = s.exponential_store + EXPONENTIAL * slow + gain
        filling = store / p.x6
        curved = p.x6 * torch.log(1 + torch.exp(torch.clamp(filling, max=LINEAR)))
        exponential_flow = torch.where(filling < LINEAR, curved, store)
        stores = stores | dict(exponential_store=store - exponential_flow)
        return stores, flows | dict(exponential_flow=exponential_flow), gained + gain
