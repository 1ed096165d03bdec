"""The smallest column with networks, living only in the tests: one store, two networks."""

from gridhydro import Column, Embedded, fields


class Sponge(Column):
    """Two networks: one of two layers called twice, and one of a static parameter alone."""

    name = "sponge"
    states = fields("water mm = 1: water")
    forcings = fields("precipitation mm d-1: precipitation")
    parameters = fields("size mm [5, 50]: size", "rate d-1 [0.1, 0.5]: recession rate")
    fluxes = fields("runoff mm d-1: runoff", "surface mm d-1: from rain", "base mm d-1: from water")
    networks = (
        Embedded("fraction", scales=(20, 10), hidden=(3, 2)),
        Embedded("slowness", scales=(20,), hidden=(2,)),
    )
    water_out = ("runoff",)

    def step(self, s, x, p):
        surface = x.precipitation * p.fraction(p.size, s.water)
        water = s.water + x.precipitation - surface
        base = p.rate * water * p.fraction(water, x.precipitation) * p.slowness(p.size)
        return dict(water=water - base), dict(runoff=surface + base, surface=surface, base=base)

    def tendency(self, s, x, p, dt):
        """The same, of the water at one moment."""
        surface = x.precipitation * p.fraction(p.size, s.water)
        base = p.rate * s.water * p.fraction(s.water, x.precipitation) * p.slowness(p.size)
        change = x.precipitation - surface - base
        return dict(water=change), dict(runoff=surface + base, surface=surface, base=base)


SPONGE = Sponge()
