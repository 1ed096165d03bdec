"""The two zones of SAC-SMA: what evaporates in a step, and what flows.

Equations: Burnash (1995, in Singh (ed.), Computer Models of Watershed Hydrology, 311-366), in their
order. Depths are those of the pervious area times its fraction of the cell, capacities too: the
equations hold for any such measure. Each sum of capacities costs a kernel registers, so the free
room of each store is taken instead, whose sums are the same.
"""

from types import SimpleNamespace

import torch

TINY = 1e-6  # divisors and bases of powers are held above this, the stores never


def capacities(p, pervious, dt: float):
    """What follows from the parameters alone: capacities, mm over the cell, and the fraction of a
    free store that flows out in `dt` days."""
    interflow, supplemental, primary = (
        1 - torch.clamp(1 - k, min=TINY) ** dt for k in (p.UZK, p.LZSK, p.LZPK)
    )
    free = p.LZFSM + p.LZFPM
    return SimpleNamespace(
        upper_tension=pervious * p.UZTWM, upper_free=pervious * p.UZFWM,
        lower_tension=pervious * p.LZTWM,
        supplemental=pervious * p.LZFSM, primary=pervious * p.LZFPM,
        interflow=interflow, supplemental_flow=supplemental, primary_flow=primary,
        tension_part=p.UZTWM / (p.UZTWM + p.UZFWM),
        per_tension=1 / (pervious * (p.UZTWM + p.LZTWM)),
        per_lower=1 / (pervious * (p.LZTWM + free)),
        resupply=p.LZTWM / (p.LZTWM + (1 - p.RSERV) * free),
        percolation=(p.LZFSM * supplemental + p.LZFPM * primary) / p.UZFWM,
        primary_part=2 * p.LZFPM / free,
    )  # fmt: skip


def evapotranspiration(z, demand, c):
    """Zones `z` after evapotranspiration, that of the pervious area and of the variable one, mm.

    Tension water evaporates as it is full; free water follows where it is relatively more.
    """
    wetness = torch.clamp(z.upper_tension / c.upper_tension, max=1)
    asked = demand * wetness
    first = torch.minimum(asked, z.upper_tension)
    rest = demand - first
    second = torch.where(asked > z.upper_tension, torch.minimum(rest, z.upper_free), 0.0)
    upper_tension, upper_free = z.upper_tension - first, z.upper_free - second
    upper = upper_tension + upper_free
    upper_tension = torch.maximum(upper_tension, c.tension_part * upper)

    third = torch.minimum((rest - second) * c.per_tension * z.lower_tension, z.lower_tension)
    lower_tension = z.lower_tension - third
    room = c.lower_tension - lower_tension
    level = room + (c.supplemental - z.supplemental) + (c.primary - z.primary)
    # as empty as all of the lower zone, less what is kept from plants
    moved = torch.clamp(room - c.resupply * level, min=0)
    of_primary = torch.clamp(moved - z.supplemental, min=0)

    deeper = torch.clamp(z.variable - first - upper_tension, min=0) * c.per_tension
    fifth = torch.minimum(first + rest * deeper, z.variable)
    after = SimpleNamespace(
        upper_tension=upper_tension, upper_free=upper - upper_tension,
        lower_tension=lower_tension + moved, supplemental=z.supplemental - (moved - of_primary),
        primary=z.primary - of_primary, variable=z.variable - fifth,
    )  # fmt: skip
    return after, first + second + third, fifth


def increment(z, excess, p, c):
    """Zones `z` after an increment in which `excess` mm come to free water, and its flows by name.

    Percolation and interflow are taken of what was there before.
    """
    wet = torch.clamp((z.variable - z.upper_tension) / c.lower_tension, min=0, max=1)
    wet = wet * wet  # the fraction of the variable area that is saturated
    primary_flow = c.primary_flow * z.primary
    supplemental_flow = c.supplemental_flow * z.supplemental
    primary, supplemental = z.primary - primary_flow, z.supplemental - supplemental_flow

    room = c.lower_tension - z.lower_tension
    primary_room, supplemental_room = c.primary - primary, c.supplemental - supplemental
    lower_room = torch.clamp(room + primary_room + supplemental_room, min=0)
    dry = torch.clamp(lower_room * c.per_lower, min=TINY) ** p.REXP
    percolation = c.percolation * z.upper_free * (1 + p.ZPERC * dry)
    percolation = torch.minimum(torch.minimum(percolation, z.upper_free), lower_room)
    upper_free = z.upper_free - percolation
    interflow = c.interflow * upper_free
    upper_free = upper_free - interflow

    to_tension = torch.minimum((1 - p.PFREE) * percolation, torch.clamp(room, min=0))
    free = percolation - to_tension
    # free water goes where there is relatively more room
    for_primary = torch.clamp(primary_room, min=0) * c.supplemental
    rooms = for_primary + torch.clamp(supplemental_room, min=0) * c.primary
    part = c.primary_part * for_primary / torch.clamp(rooms, min=TINY)
    to_supplemental = free * (1 - torch.clamp(part, max=1))
    filled = torch.minimum(supplemental + to_supplemental, c.supplemental)
    primary = primary + free - (filled - supplemental)
    beyond = torch.clamp(primary - c.primary, min=0)

    surface = torch.clamp(upper_free + excess - c.upper_free, min=0)
    of_variable = torch.minimum(surface, excess) * (1 - wet)
    variable = z.variable + excess - excess * wet - of_variable
    spilled = torch.clamp(variable - c.upper_tension - c.lower_tension, min=0)
    after = SimpleNamespace(
        upper_tension=z.upper_tension, upper_free=upper_free + excess - surface,
        lower_tension=z.lower_tension + to_tension + beyond, supplemental=filled,
        primary=primary - beyond, variable=variable - spilled,
    )  # fmt: skip
    return after, SimpleNamespace(
        percolation=percolation, interflow=interflow, surface=surface,
        variable_surface=of_variable, direct=excess * wet + spilled,
        supplemental=supplemental_flow, primary=primary_flow,
    )  # fmt: skip
