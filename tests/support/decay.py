"""The smallest column with a tendency, living only in the tests: one linear store."""

from gridhydro import Column, fields


class Decay(Column):
    """Linear outflow, whose solution is known."""

    name = "decay"
    states = fields("water mm = 0: water")
    forcings = fields("precipitation mm d-1: precipitation")
    parameters = fields("rate d-1 [0, 5]: rate")
    fluxes = fields("runoff mm d-1: outflow", "twice mm: twice the water")

    def tendency(self, s, x, p, dt):
        flow = p.rate * s.water
        return dict(water=x.precipitation - flow), dict(runoff=flow, twice=2 * s.water)


DECAY = Decay()
