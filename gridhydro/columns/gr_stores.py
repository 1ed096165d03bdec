"""What the GR columns share: the production store, the outflow of a store, unit hydrographs.

Equations: Perrin et al. (2003, doi:10.1016/S0022-1694(03)00225-7). A unit hydrograph is kept day by
day as it was published: a register for each day to come holds the water that leaves it then, and
its ordinates come of its length alone, once a run.
"""

import torch

from gridhydro.columns.column import Field, fields

# bases of powers are held above this, the stores never
TINY = 1e-6


def production(store, water, demand, capacity):
    """A day of the production store of Perrin et al. (2003).

    store and capacity in mm; rain and melt `water`, and `demand`, in mm d-1. Returns the store,
    actual evapotranspiration, percolation, and all water that goes on to routing, mm d-1.
    """
    met = torch.minimum(water, demand)  # rain evaporates before the store does
    net_water, net_demand = water - met, demand - met
    # a store above its capacity, as where that is learned by day, takes nothing up
    wetness = torch.clamp(store / capacity, max=1)
    wetting, drying = torch.tanh(net_water / capacity), torch.tanh(net_demand / capacity)
    infiltration = capacity * (1 - wetness * wetness) * wetting / (1 + wetness * wetting)
    evaporation = store * (2 - wetness) * drying / (1 + (1 - wetness) * drying)
    store = store + infiltration - evaporation
    percolation = outflow(store, 2.25 * capacity)
    onward = net_water - infiltration + percolation
    return store - percolation, met + evaporation, percolation, onward


def outflow(store, capacity):
    """What a store lets out in a day, store (1 - (1 + (store / capacity)^4)^(-1/4)), mm d-1.

    Written without the difference, of which nothing is left where the store is nearly empty.
    """
    square = (store / capacity) ** 2
    fourth = square * square
    root = torch.sqrt(1 + fourth)
    quarter = torch.sqrt(root)
    return store * (fourth / (quarter * (quarter + 1) * (root + 1)))


def registers(name: str, days: int) -> tuple[Field, ...]:
    """The states of a unit hydrograph of so many days: `name`_1, what leaves it tomorrow, ..."""
    return fields(
        *(
            f"{name}_{k} mm: water that leaves unit hydrograph {name[-1]} on day {k} after today"
            for k in range(1, days)
        )
    )


def one_sided(length, days: int):
    """Ordinates of UH1, which grow until its end after `length` days: the fraction of each day."""
    return _ordinates([torch.clamp(t / length, max=1) ** 2.5 for t in range(1, days)])


def two_sided(length, days: int):
    """Ordinates of UH2, which grow for `length` days and fall for as long."""
    curve = []
    for t in range(1, days):
        place = t / length
        rising = 0.5 * place**2.5
        falling = 1 - 0.5 * torch.clamp(2 - place, min=TINY) ** 2.5
        curve.append(torch.where(place < 1, rising, falling))
    return _ordinates(curve)


def _ordinates(curve: list) -> list:
    """The fraction of each day of an S-curve; on the last day all that is left."""
    return [b - a for a, b in zip([0.0, *curve], [*curve, 1.0], strict=True)]


def delayed(s, name: str, inflow, ordinates: list):
    """What leaves a unit hydrograph today, mm d-1, and its registers by name, mm.

    What comes in is laid by the ordinates on today and the days to come.
    """
    held = [getattr(s, f"{name}_{k}") for k in range(1, len(ordinates))]
    coming = [fraction * inflow for fraction in ordinates]
    today, *later = [h + c for h, c in zip(held, coming, strict=False)] + coming[len(held) :]
    return today, {f"{name}_{k}": water for k, water in enumerate(later, 1)}
