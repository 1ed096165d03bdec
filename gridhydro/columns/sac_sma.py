"""SAC-SMA with SNOW-17: tension and free water in an upper and a lower zone, and percolation.

Equations: Burnash et al. (1973, A Generalized Streamflow Simulation System) and Burnash (1995, The
NWS River Forecast System - Catchment Modeling, in Singh (ed.), Computer Models of Watershed
Hydrology, 311-366), in their order, behind SNOW-17 (`snow_17.py`). Ranges hold those of eWater's
Sacramento Model (Source Scientific Reference Guide), taken from NWS practice, and more on each
side.

The original cuts a step into as many increments as keep each below 5 mm of water in the upper
zone. Here a day is eight steps of 3 hours under its mean weather, each of them one increment, as
the original has it where there is as little water; NWS runs it by 6 hours. Stores are water as a
mean over the cell: those of the pervious area are its depths times its fraction, 1 - PCTIM - ADIMP,
so that their sum is the water in the cell. Where free water becomes tension water, the original
adds what the variable area lacks to it, out of nothing; here nothing is added.
"""

from __future__ import annotations

from types import SimpleNamespace

import torch

from gridhydro.base.arguments import number, whole
from gridhydro.columns import sac_zones, snow_17
from gridhydro.columns.column import Column, fields
from gridhydro.columns.option_text import options_of

PARTS = 8  # steps that make a day, if nothing else is said


class SacSma(Column):
    """SAC-SMA with SNOW-17, 16 and 12 parameters; sources at the head of the file.

    mixed  K around PXTEMP, in which both snow and rain fall
    parts  steps that make a day

    In a column's name they stand behind a colon: "sac_sma:parts=4,mixed=0".
    """

    name = "sac_sma"
    source = (
        "Burnash (1995, in Singh (ed.), Computer Models of Watershed Hydrology, 311-366), by days "
        "as in Newman et al. (2015, doi:10.5194/hess-19-209-2015); "
        f"{snow_17.SOURCE}"
    )
    states = (
        *snow_17.STATES,
        *fields(
            "upper_tension mm = 30: tension water of the upper zone, mean over the cell",
            "upper_free mm: free water of the upper zone, mean over the cell",
            "lower_tension mm = 80: tension water of the lower zone, mean over the cell",
            "lower_supplemental mm = 5: supplemental free water of the lower zone, mean over the"
            " cell",
            "lower_primary mm = 40: primary free water of the lower zone, mean over the cell",
            "variable_area mm: tension water of the area that is impervious when wet, mean over"
            " the cell",
        ),
    )
    forcings = (
        *fields(
            "precipitation mm d-1: precipitation",
            "temperature degC: air temperature at 2 m, daily mean",
            "potential_evapotranspiration mm d-1: potential evapotranspiration",
        ),
        *snow_17.FORCINGS,
    )
    parameters = (
        *fields(
            "UZTWM mm [10, 300] log: capacity of tension water of the upper zone",
            "UZFWM mm [5, 150] log: capacity of free water of the upper zone",
            "UZK d-1 [0.1, 0.75]: depletion of free water of the upper zone",
            "PCTIM 1 [0, 0.1]: fraction of the cell that is impervious",
            "ADIMP 1 [0, 0.4]: fraction of the cell that is impervious when wet",
            "RIVA 1 [0, 0.2]: fraction of the cell under riparian vegetation",
            "ZPERC 1 [1, 350] log: growth of percolation from a full lower zone to a dry one",
            "REXP 1 [1, 5]: exponent of percolation",
            "LZTWM mm [10, 500] log: capacity of tension water of the lower zone",
            "LZFSM mm [5, 400] log: capacity of supplemental free water of the lower zone",
            "LZFPM mm [10, 1000] log: capacity of primary free water of the lower zone",
            "LZSK d-1 [0.01, 0.35] log: depletion of supplemental free water",
            "LZPK d-1 [0.0005, 0.05] log: depletion of primary free water",
            "PFREE 1 [0, 0.8]: fraction of percolation that goes to free water",
            "SIDE 1 [0, 0.8]: baseflow that no river gets, as a fraction of what one gets",
            "RSERV 1 [0, 0.4]: fraction of free water of the lower zone that plants cannot draw on",
        ),
        *snow_17.PARAMETERS,
    )
    properties = snow_17.PROPERTIES
    fluxes = (
        *fields(
            "runoff mm d-1: water to the river, sum of the flows less riparian evapotranspiration",
            "actual_evapotranspiration mm d-1: actual evapotranspiration",
            "water_export mm d-1: baseflow that no river gets, less the snowfall that gauges did"
            " not catch",
            "riparian_evapotranspiration mm d-1: water that riparian vegetation takes of the flows",
            "direct_runoff mm d-1: runoff of impervious areas",
            "surface_runoff mm d-1: water that the upper zone does not take up",
            "interflow mm d-1: outflow of free water of the upper zone",
            "supplemental_baseflow mm d-1: outflow of supplemental free water to the river",
            "primary_baseflow mm d-1: outflow of primary free water to the river",
            "groundwater_export mm d-1: baseflow that no river gets",
            "percolation mm d-1: percolation to the lower zone",
            "snow_water_equivalent mm: frozen and liquid water in the snow pack",
            "soil_wetness 1: tension water as a fraction of its capacity",
            "total_storage mm: water in all stores",
        ),
        *snow_17.FLUXES,
    )
    water_out = ("runoff", "actual_evapotranspiration", "water_export")
    export = "water_export"

    def __init__(self, mixed: float = snow_17.MIXED, parts: int = PARTS):
        self.mixed = number("SAC-SMA: mixed", mixed, 0)
        self.parts = whole("SAC-SMA: parts", parts, 1)
        usual = {"mixed": snow_17.MIXED, "parts": PARTS}
        told = [f"{k}={getattr(self, k)!r}" for k, v in usual.items() if getattr(self, k) != v]
        # by which the folder of a run makes it again
        self.name = ":".join(filter(None, ("sac_sma", ",".join(told))))

    @classmethod
    def of(cls, text: str) -> SacSma:
        """The column of the options behind the colon of a name, "parts=4,mixed=0"."""
        given: dict[str, float] = {}
        options = options_of(text, ("mixed", "parts"), "SAC-SMA", "an option")
        for key, value in options.items():
            try:
                given[key] = int(value) if key == "parts" else float(value)
            except ValueError:
                raise ValueError(f"SAC-SMA: {key} is a number, not {value!r}") from None
        return cls(**given)  # type: ignore[arg-type]

    def step(self, s, x, p):
        """One part of a day: snow, evapotranspiration, percolation and flows."""
        dt = 1 / self.parts
        liquid, states, fluxes = snow_17.snow_17(s, x, p, dt, self.mixed)
        pervious, variable = _areas(p)
        c = sac_zones.capacities(p, pervious, dt)
        # depths of the variable area, too, are those times the pervious fraction
        share = variable / pervious
        z = SimpleNamespace(
            upper_tension=s.upper_tension, upper_free=s.upper_free,
            lower_tension=s.lower_tension, supplemental=s.lower_supplemental,
            primary=s.lower_primary, variable=s.variable_area / share,
        )  # fmt: skip
        demand = x.potential_evapotranspiration * dt * pervious
        z, used, of_variable = sac_zones.evapotranspiration(z, demand, c)
        # what tension water of the upper zone does not take goes to free water
        arrived = pervious * liquid
        filled = z.upper_tension + arrived
        z.upper_tension = torch.minimum(filled, c.upper_tension)
        excess = filled - z.upper_tension
        z.variable = z.variable + arrived - excess
        z, f = sac_zones.increment(z, excess, p, c)

        # PCTIM of it, and of what falls on the variable area what cannot seep in
        direct_runoff = liquid - arrived + share * (f.direct - arrived)
        surface_runoff = f.surface + share * f.variable_surface
        to_river = 1 / (1 + p.SIDE)
        supplemental_baseflow, primary_baseflow = to_river * f.supplemental, to_river * f.primary
        baseflow = supplemental_baseflow + primary_baseflow
        groundwater_export = f.supplemental + f.primary - baseflow
        flow = direct_runoff + surface_runoff + f.interflow + baseflow
        riparian = torch.minimum(p.RIVA / pervious * (demand - used), flow)
        states = states | dict(
            upper_tension=z.upper_tension, upper_free=z.upper_free,
            lower_tension=z.lower_tension, lower_supplemental=z.supplemental,
            lower_primary=z.primary, variable_area=share * z.variable,
        )  # fmt: skip
        amounts = fluxes | dict(
            runoff=flow - riparian,
            actual_evapotranspiration=used + share * of_variable + riparian,
            water_export=groundwater_export - fluxes["snow_correction"],
            riparian_evapotranspiration=riparian, direct_runoff=direct_runoff,
            surface_runoff=surface_runoff, interflow=f.interflow,
            supplemental_baseflow=supplemental_baseflow, primary_baseflow=primary_baseflow,
            groundwater_export=groundwater_export, percolation=f.percolation,
        )  # fmt: skip
        return states, {name: value * self.parts for name, value in amounts.items()} | dict(
            snow_cover=fluxes["snow_cover"],
            snow_water_equivalent=states["snowpack"] + states["meltwater"],
            soil_wetness=(z.upper_tension + z.lower_tension) / (c.upper_tension + c.lower_tension),
            total_storage=sum(states[field.name] for field in self.states if field.unit == "mm"),
        )  # fmt: skip


def _areas(p):
    """Fractions of the cell that are pervious, and that are impervious when wet, above 0."""
    variable = torch.clamp(p.ADIMP, min=sac_zones.TINY)
    return 1 - p.PCTIM - variable, variable
