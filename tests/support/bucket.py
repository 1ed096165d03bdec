"""The smallest column that is trained, living only in the tests: one bucket with a hole."""

from gridhydro import Column, fields


class Bucket(Column):
    """A column that is not known by name."""

    name = "bucket"
    states = fields("water mm = 5: water")
    forcings = fields("precipitation mm d-1: precipitation")
    parameters = fields("rate d-1 [0.1, 0.5]: rate")
    fluxes = fields("runoff mm d-1: runoff")
    water_out = ("runoff",)

    def step(self, s, x, p):
        water = s.water + x.precipitation
        runoff = p.rate * water
        return dict(water=water - runoff), dict(runoff=runoff)
