"""The layers of FUSE: their stores, what fills them, and how full they are.

Equations: Clark et al. (2008, doi:10.1029/2007WR006735). Each architecture of a layer is a class of
its own, which moves water by the books of `ledger.py`. Filling is a fraction of capacity; a store
above its capacity, as where that is learned by day, counts as full.
"""

from types import SimpleNamespace

import torch

from gridhydro.columns.column import fields
from gridhydro.columns.topographic_index import TINY, mean_index


def filled(store, capacity):
    """How full a store is, 0 to 1."""
    return torch.clamp(store / capacity, min=0, max=1)


def power(filling, exponent):
    """A power of a filling, of an exponent of 1 or more: nothing leaves what is empty."""
    return filling * torch.clamp(filling, min=TINY) ** (exponent - 1)


class OneState:
    """The upper layer as one store, tension storage below field capacity and free above it."""

    states = fields("upper_zone mm = 10: water in the upper layer")
    parameters: tuple[str, ...] = ("maxwatr_1", "fracten")
    free = "upper_zone"

    def filling(self, s, p):
        """Filling of tension storage, of free storage and of the layer."""
        tension = p.fracten * p.maxwatr_1
        return SimpleNamespace(
            tension=filled(s.upper_zone, tension),
            free=filled(s.upper_zone - tension, p.maxwatr_1 - tension),
            whole=filled(s.upper_zone, p.maxwatr_1),
        )

    def fill(self, books, p, flux):
        """Water into the layer, mm d-1; returns what runs over."""
        return books.spill("upper_zone", p.maxwatr_1, flux)

    def evaporating(self, s, p):
        """The stores that evaporate, in turn, and their filling."""
        return [("upper_zone", self.filling(s, p).tension)]


class Tension1(OneState):
    """The upper layer as tension storage, which runs over into free storage."""

    states = fields(
        "upper_tension mm = 10: tension storage of the upper layer",
        "upper_free mm = 1: free storage of the upper layer",
    )
    free = "upper_free"

    def filling(self, s, p):
        tension = p.fracten * p.maxwatr_1
        held = self.tension(s)
        return SimpleNamespace(
            tension=filled(held, tension),
            free=filled(s.upper_free, p.maxwatr_1 - tension),
            whole=filled(held + s.upper_free, p.maxwatr_1),
        )

    def tension(self, s):
        """Water in tension storage, mm."""
        return s.upper_tension

    def fill(self, books, p, flux):
        tension = p.fracten * p.maxwatr_1
        over = self.wet(books, p, tension, flux)
        return books.spill("upper_free", p.maxwatr_1 - tension, over)

    def wet(self, books, p, capacity, flux):
        """Water into tension storage of this capacity; returns what runs over, mm d-1."""
        return books.spill("upper_tension", capacity, flux)

    def evaporating(self, s, p):
        return [("upper_tension", self.filling(s, p).tension)]


class Tension2(Tension1):
    """Tension storage in two: a recharge zone, which runs over into what is called excess."""

    states = fields(
        "upper_recharge mm = 10: tension storage in the recharge zone of the upper layer",
        "upper_excess mm = 10: tension storage below the recharge zone of the upper layer",
        "upper_free mm = 1: free storage of the upper layer",
    )
    parameters = ("maxwatr_1", "fracten", "frchzne")

    def tension(self, s):
        return s.upper_recharge + s.upper_excess

    def wet(self, books, p, capacity, flux):
        over = books.spill("upper_recharge", p.frchzne * capacity, flux)
        return books.spill("upper_excess", (1 - p.frchzne) * capacity, over)

    def evaporating(self, s, p):
        tension = p.fracten * p.maxwatr_1
        recharge = filled(s.upper_recharge, p.frchzne * tension)
        return [
            ("upper_recharge", recharge),
            ("upper_excess", filled(s.upper_excess, (1 - p.frchzne) * tension)),
        ]


class FixedSize:
    """The lower layer as one store of a fixed size, its baseflow a power of its filling."""

    states = fields("lower_zone mm = 10: water in the lower layer")
    parameters: tuple[str, ...] = ("maxwatr_2", "baserte", "qb_powr")

    def filling(self, s, p):
        """Water as a fraction of the layer's capacity, above 1 where that is exceeded."""
        return s.lower_zone / p.maxwatr_2

    def fill(self, books, p, flux):
        """Water into the layer, mm d-1; returns what runs over."""
        return books.spill("lower_zone", p.maxwatr_2, flux)

    def evaporating(self, s, p):
        """The stores that evaporate, and their filling."""
        return [("lower_zone", filled(s.lower_zone, p.fracten * p.maxwatr_2))]

    def saturated(self, p):
        """Baseflow of a full layer, mm d-1."""
        return p.baserte

    def drain(self, books, p):
        """Baseflow, mm d-1."""
        filling = filled(books.stores.lower_zone, p.maxwatr_2)
        return books.take("lower_zone", self.saturated(p) * power(filling, p.qb_powr))


class Unlimited(FixedSize):
    """The lower layer as one linear reservoir that never runs over and does not evaporate."""

    parameters: tuple[str, ...] = ("qb_prms",)

    def fill(self, books, p, flux):
        books.give("lower_zone", flux)
        return 0 * flux

    def evaporating(self, s, p):
        return []

    def saturated(self, p):
        return p.qb_prms * p.maxwatr_2

    def drain(self, books, p):
        return books.take("lower_zone", p.qb_prms * books.stores.lower_zone)


class TopmodelPower(Unlimited):
    """The same, its baseflow by TOPMODEL: transmissivity is a power of the filling."""

    parameters = ("maxwatr_2", "baserte", "qb_powr", "loglamb", "tishape")

    def saturated(self, p):
        depth = p.maxwatr_2 * (1e-3 / p.qb_powr)  # TOPMODEL's m, as the index is in metres
        return p.baserte * depth / mean_index(p)

    def drain(self, books, p):
        filling = self.filling(books.stores, p)
        return books.take("lower_zone", self.saturated(p) * power(filling, p.qb_powr))


class TensionAndTwo(FixedSize):
    """The lower layer of SACRAMENTO: tension storage and two linear reservoirs side by side."""

    states = fields(
        "lower_tension mm = 10: tension storage of the lower layer",
        "lower_primary mm = 10: free storage of the lower layer, primary reservoir",
        "lower_secondary mm = 10: free storage of the lower layer, secondary reservoir",
    )
    parameters = ("maxwatr_2", "percfrac", "fprimqb", "qbrate_2a", "qbrate_2b")

    def filling(self, s, p):
        return (s.lower_tension + s.lower_primary + s.lower_secondary) / p.maxwatr_2

    def capacities(self, p):
        """Of tension storage and of the two reservoirs, mm."""
        tension = p.fracten * p.maxwatr_2
        free = p.maxwatr_2 - tension
        return tension, p.fprimqb * free, (1 - p.fprimqb) * free

    def fill(self, books, p, flux):
        tension, primary, secondary = self.capacities(p)
        to_free = p.percfrac * flux
        over = books.spill("lower_tension", tension, flux - to_free)
        half = 0.5 * (to_free + over)
        over = books.spill("lower_primary", primary, half)
        return over + books.spill("lower_secondary", secondary, half)

    def evaporating(self, s, p):
        return [("lower_tension", filled(s.lower_tension, self.capacities(p)[0]))]

    def saturated(self, p):
        _, primary, secondary = self.capacities(p)
        return p.qbrate_2a * primary + p.qbrate_2b * secondary

    def drain(self, books, p):
        primary = books.take("lower_primary", p.qbrate_2a * books.stores.lower_primary)
        secondary = p.qbrate_2b * books.stores.lower_secondary
        return primary + books.take("lower_secondary", secondary)


UPPER: dict[str, OneState] = {
    "onestate": OneState(),
    "tension1": Tension1(),
    "tension2": Tension2(),
}
LOWER: dict[str, FixedSize] = {
    "fixedsiz": FixedSize(), "tens2pll": TensionAndTwo(), "unlimfrc": Unlimited(),
    "unlimpow": TopmodelPower(),
}  # fmt: skip
