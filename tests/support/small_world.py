"""A small catchment with weather and discharge, cut out of the demo's, for tests of training."""

from functools import cache

from gridhydro.domain.domain import Domain
from gridhydro.model.model import Model
from gridhydro.synthetic.catchment import make_catchment
from gridhydro.synthetic.catchment_observations import observe, true_discharge
from tests.support.options import grouped

PERIOD = ("2001-07", "2001-12")
OUTLET = "G03"


@cache
def small_world():
    """Domain of a few hundred cells with nested gauges, attributes, forcing, discharge."""
    world = make_catchment(seed=7, years=2)
    whole = Domain.from_d8(world.ldd, "ldd", gauges=world.gauges)
    discharge = observe(true_discharge(whole, world), seed=1)
    domain = whole.crop(OUTLET)
    return domain, world.attributes, world.forcing, discharge[list(domain.gauges.index)]


def small_model(**options) -> Model:
    """A model with a small network on the small catchment."""
    domain, attributes, _, _ = small_world()
    options = grouped(**{"hidden": (16,), "seed": 3} | options)
    return Model(domain, attributes=attributes, **options)
