"""HydroPy 1.0.2: snow, skin, canopy, root-zone soil, surface water and groundwater of a cell.

Equations: Stacke and Hagemann (2021, doi:10.5194/gmd-14-7795-2021) and the code published with it,
in its order. All fluxes of a day but those of snow, skin and canopy are computed from the stores at
its start. Lakes and wetlands take their fraction of a cell first, then vegetation; the rest is bare
soil. The eight parameters and their ranges are those that Wang et al. (2024,
doi:10.1029/2023WR036170) learn. HydroPy's own options are those of `HydroPyOptions`.
"""

import torch

from gridhydro.columns.column import Column, fields
from gridhydro.columns.hydropy_options import USUAL, HydroPyOptions

ALL_SNOW, ALL_RAIN = -1.1, 3.3  # degC
LIQUID_FRACTION = 0.06  # of the snow pack, that it holds as liquid water
# divisors and bases of powers are held above this, the stores never
TINY = 1e-12
_PHASES = ("rainfall", "snowfall")


class HydroPy(Column):
    """The vertical water balance of HydroPy 1.0.2; sources at the head of the file.

    options  HydroPy's own, see `HydroPyOptions`; by name "hydropy:with_leakage,qsb_exp=2", say
    """

    name = "hydropy"
    source = "Stacke and Hagemann (2021, doi:10.5194/gmd-14-7795-2021)"
    states = fields(
        "snowpack mm: frozen water in the snow pack",
        "meltwater mm: liquid water held in the snow pack",
        "skin_storage mm: water on bare soil, mean over the cell",
        "canopy_storage mm: water on leaves, mean over the cell",
        "soil_moisture mm: water in the root zone",
        "surface_water mm: water in lakes, wetlands and in overland flow",
        "groundwater mm: water in the shallow groundwater",
    )
    forcings = fields(
        "precipitation mm d-1: precipitation",
        "temperature degC: air temperature at 2 m, daily mean",
        "potential_evapotranspiration mm d-1: potential evapotranspiration",
        "vegetation_fraction 1: fraction of the cell under vegetation",
        "leaf_area_index 1: leaf area index of the vegetation",
        "melt_factor mm d-1 K-1: degree-day factor of snow melt",
    )
    parameters = fields(
        "drainage_min mm d-1 [0.001, 0.1]: slow drainage of a full root zone",
        "drainage_max mm d-1 [0.1, 10]: drainage of a full root zone",
        "drainage_low 1 [0, 0.2]: fraction of soil capacity below which nothing drains",
        "drainage_high 1 [0.2, 0.99]: fraction of soil capacity above which drainage is fast",
        "transpiration_critical 1 [0.55, 0.95]: fraction of soil capacity above which transpiration"
        " is not limited",
        "bare_soil_low 1 [0, 0.25]: fraction of soil capacity below which bare soil does not"
        " evaporate",
        "surface_lag d [1, 200] log: residence time of surface water",
        "groundwater_lag d [30, 1500] log: residence time of groundwater",
    )
    properties = fields(
        "soil_capacity mm: water holding capacity of the root zone",
        "wilting_point mm: water in the root zone that plants cannot take",
        "soil_capacity_min mm: smallest capacity of the soil within the cell",
        "soil_capacity_max mm: largest capacity of the soil within the cell",
        "arno_shape 1: shape of the distribution of capacities within the cell",
        "water_fraction 1: fraction of the cell under lakes and wetlands, above 0",
    )
    fluxes = fields(
        "runoff mm d-1: water to the river, from surface water and groundwater",
        "actual_evapotranspiration mm d-1: actual evapotranspiration",
        "transpiration mm d-1: transpiration",
        "bare_soil_evaporation mm d-1: evaporation of the root zone under bare soil",
        "open_water_evaporation mm d-1: evaporation of surface water",
        "skin_evaporation mm d-1: evaporation of water on bare soil",
        "canopy_evaporation mm d-1: evaporation of water on leaves",
        "rainfall mm d-1: liquid precipitation",
        "snowfall mm d-1: solid precipitation",
        "snow_outflow mm d-1: liquid water that leaves the snow pack",
        "throughfall mm d-1: water that reaches the soil",
        "surface_runoff mm d-1: water that the soil does not take up",
        "drainage mm d-1: water from the root zone to the groundwater",
        "overland_flow mm d-1: outflow of surface water",
        "baseflow mm d-1: outflow of groundwater",
        "snow_water_equivalent mm: frozen and liquid water in the snow pack",
        "soil_wetness 1: soil moisture as a fraction of the capacity of the root zone",
        "total_storage mm: water in all stores",
    )

    def __init__(self, options: HydroPyOptions = USUAL):
        self.options, self.name = options, type(self).name + options.suffix
        if options.with_leakage:
            self.fluxes += fields("lake_leakage mm d-1: water from lakes to the groundwater")
            self.balancing += ("lake_leakage",)
            self.any_step, self.why_daily = False, "its leakage is what leaves a lake in a day"
        if options.rain_and_snow:
            given = tuple(f for f in self.fluxes if f.name in _PHASES)
            self.fluxes = tuple(f for f in self.fluxes if f.name not in _PHASES)
            self.forcings, self.water_in = given + self.forcings[1:], _PHASES

    def step(self, s, x, p):
        """One step in HydroPy's order: snow, skin, canopy, root zone, surface and groundwater."""
        x, p = self.in_step(x, p)  # mm of the step in place of mm d-1
        pet, frozen = x.potential_evapotranspiration, x.temperature < 0
        vegetation = torch.minimum(torch.clamp(x.vegetation_fraction, min=0), 1 - p.water_fraction)
        bare = 1 - p.water_fraction - vegetation

        # snow; rain is not held by it
        rainfall, snowfall = self.phases(x)
        refreezing = torch.where(frozen, s.meltwater, 0.0)
        snowpack = s.snowpack + refreezing + snowfall
        thaw = x.melt_factor * torch.clamp(x.temperature, min=0)
        melt = torch.minimum(snowpack, thaw)
        snowpack = snowpack - melt
        molten = s.meltwater - refreezing + melt
        meltwater = torch.minimum(molten, LIQUID_FRACTION * snowpack)
        snow_outflow = molten - meltwater
        liquid = rainfall + snow_outflow

        # water on bare soil and on leaves is the first to evaporate
        leaves = torch.clamp(x.leaf_area_index, min=0)
        skin_capacity = self.options.skincap1
        skin = self.wet_surface(s.skin_storage, liquid, pet, bare, skin_capacity * bare)
        canopy_capacity = skin_capacity * leaves * vegetation
        canopy = self.wet_surface(s.canopy_storage, liquid, pet, vegetation, canopy_capacity)
        skin_storage, skin_evaporation, skin_drip = skin
        canopy_storage, canopy_evaporation, canopy_drip = canopy
        throughfall = skin_drip + canopy_drip

        # the root zone; what evaporates on the surface of a tile is no longer asked of its soil
        surface_runoff = torch.where(frozen, throughfall, self.arno(s, p, throughfall))
        drainage = torch.where(frozen, 0.0, self.drainage(s, p))
        demand = torch.clamp(pet - canopy_evaporation / torch.clamp(vegetation, min=TINY), min=0)
        available = torch.clamp(s.soil_moisture - p.wilting_point, min=0)
        critical = p.transpiration_critical * p.soil_capacity - p.wilting_point
        supply = torch.clamp(available / torch.clamp(critical, min=TINY), max=1)
        transpiration = torch.minimum(demand * supply, available) * vegetation
        demand = torch.clamp(pet - skin_evaporation / torch.clamp(bare, min=TINY), min=0)
        low = p.bare_soil_low * p.soil_capacity
        available = torch.clamp(s.soil_moisture - low, min=0)
        supply = available / torch.clamp(p.soil_capacity - low, min=TINY)
        bare_soil_evaporation = torch.minimum(demand * supply, available) * bare
        taken = transpiration + bare_soil_evaporation + drainage
        wetted = s.soil_moisture + throughfall - surface_runoff - taken
        held = torch.minimum(wetted, p.soil_capacity)
        surface_runoff = surface_runoff + (wetted - held)
        given = 1 + torch.clamp(held, max=0) / torch.clamp(taken, min=TINY)
        soil_moisture = torch.clamp(held, min=0)
        transpiration, drainage = transpiration * given, drainage * given
        bare_soil_evaporation = bare_soil_evaporation * given

        # two linear reservoirs
        surface_water, open_water_evaporation, leakage = self.open_water(
            s, p, pet, frozen, liquid, surface_runoff
        )
        overland_flow = surface_water / (p.surface_lag / self.dt + 1)
        surface_water = surface_water - overland_flow
        groundwater = s.groundwater + drainage
        if leakage:
            groundwater = groundwater + leakage["lake_leakage"]
        baseflow = groundwater / (p.groundwater_lag / self.dt + 1)
        groundwater = groundwater - baseflow

        states = dict(
            snowpack=snowpack, meltwater=meltwater, skin_storage=skin_storage,
            canopy_storage=canopy_storage, soil_moisture=soil_moisture,
            surface_water=surface_water, groundwater=groundwater,
        )  # fmt: skip
        wet_evaporation = skin_evaporation + canopy_evaporation + open_water_evaporation
        phases = {} if self.options.rain_and_snow else dict(rainfall=rainfall, snowfall=snowfall)
        return states, self.by_day(phases | leakage | dict(
            runoff=overland_flow + baseflow,
            actual_evapotranspiration=transpiration + bare_soil_evaporation + wet_evaporation,
            transpiration=transpiration, bare_soil_evaporation=bare_soil_evaporation,
            open_water_evaporation=open_water_evaporation, skin_evaporation=skin_evaporation,
            canopy_evaporation=canopy_evaporation,
            snow_outflow=snow_outflow, throughfall=throughfall, surface_runoff=surface_runoff,
            drainage=drainage, overland_flow=overland_flow, baseflow=baseflow,
            snow_water_equivalent=snowpack + meltwater,
            soil_wetness=soil_moisture / torch.clamp(p.soil_capacity, min=TINY),
            total_storage=sum(states.values()),
        ))  # fmt: skip

    any_step = True

    def phases(self, x):
        """Rain and snow, mm d-1: by the temperature, where they are not given."""
        if self.options.rain_and_snow:
            return x.rainfall, x.snowfall
        solid = torch.clamp((ALL_RAIN - x.temperature) / (ALL_RAIN - ALL_SNOW), min=0, max=1)
        snowfall = x.precipitation * solid
        return x.precipitation - snowfall, snowfall

    def open_water(self, s, p, pet, frozen, liquid, surface_runoff):
        """Surface water, mm, with what comes in, its evaporation, mm d-1, and its leakage."""
        open_water_evaporation = torch.minimum(pet * p.water_fraction, s.surface_water)
        if not self.options.with_leakage:
            surface_water = s.surface_water - open_water_evaporation
            surface_water = surface_water + liquid * p.water_fraction + surface_runoff
            return surface_water, open_water_evaporation, {}
        room = torch.clamp(p.soil_capacity - s.soil_moisture, min=0)
        leakage = torch.minimum(room, s.surface_water) * p.water_fraction * p.water_fraction
        leakage = torch.where(frozen, 0.0, leakage)
        taken = open_water_evaporation + leakage
        surface_water = s.surface_water + liquid * p.water_fraction + surface_runoff - taken
        given = 1 + torch.clamp(surface_water, max=0) / torch.clamp(taken, min=TINY)
        surface_water = torch.clamp(surface_water, min=0)
        return surface_water, open_water_evaporation * given, dict(lake_leakage=leakage * given)

    def wet_surface(self, storage, liquid, pet, fraction, capacity):
        """Water held on a tile, mm, its evaporation and what drips from it, mm d-1.

        The tile covers `fraction` of the cell and holds at most `capacity`, mm over the cell.
        Without skin all water drips.
        """
        if not self.options.with_skin:
            return storage, 0 * liquid, liquid * fraction
        storage = storage + liquid * fraction
        wetness = storage / torch.clamp(capacity, min=TINY)
        wetness = torch.where(storage < capacity, wetness, 1.0)
        wetness = torch.where(capacity > 0, wetness, 0.0)
        evaporation = torch.minimum(wetness * pet * fraction, storage)
        left = storage - evaporation
        held = torch.minimum(left, capacity)
        return held, evaporation, left - held

    def arno(self, s, p, throughfall):
        """Surface runoff of unfrozen soil, mm d-1: the improved Arno scheme.

        Hagemann and Gates (2003, doi:10.1007/s00382-003-0349-x), as HydroPy 1.0.2 has it.
        """
        lowest = p.soil_capacity_min
        spread, power = p.soil_capacity_max - lowest, 1 + p.arno_shape
        # up to the lowest capacity all soil takes water up, above it some is already full
        rest = throughfall - torch.clamp(lowest - s.soil_moisture, min=0)
        room = (p.soil_capacity - s.soil_moisture) / torch.clamp(p.soil_capacity - lowest, min=TINY)
        room = torch.clamp(room, min=0, max=1)
        # where between the highest capacity, 0, and the lowest, 1, the water stands: before, after
        place = torch.clamp(room, min=TINY**2) ** (1 / power)
        left = place - rest / torch.clamp(spread, min=TINY)
        left = torch.clamp(left, min=TINY**2, max=1) ** power
        runoff = torch.clamp(rest - spread / power * (room - left), min=0)
        beyond = torch.clamp(throughfall + s.soil_moisture - p.soil_capacity, min=0)
        runoff = torch.where(rest >= spread * place, beyond, runoff)
        return torch.where(rest <= 0, 0.0, runoff)

    def drainage(self, s, p):
        """Water from unfrozen soil to the groundwater, mm d-1."""
        wetness = s.soil_moisture / torch.clamp(p.soil_capacity, min=TINY)
        excess = torch.clamp(wetness - p.drainage_high, min=0) / (1 - p.drainage_high)
        exponent = self.options.qsb_exp
        if exponent == 1.5:
            fast = excess * torch.sqrt(torch.clamp(excess, min=TINY**2))
        else:
            fast = torch.where(excess > 0, torch.clamp(excess, min=TINY**2) ** exponent, 0.0)
        drainage = p.drainage_min * wetness + (p.drainage_max - p.drainage_min) * fast
        return torch.minimum(s.soil_moisture, drainage * self.drains(wetness, p))

    def drains(self, wetness, p):
        """Whether the soil is wet enough to drain, 0 or 1: no gradient to `drainage_low`."""
        return torch.where(wetness > p.drainage_low, 0 * wetness + 1, 0.0)

    # groundwater fills too slowly for a spin-up; in equilibrium it holds mean inflow times lag
    balancing: tuple[str, ...] = ("drainage",)

    def balanced(self, states, means, p):
        """The states with groundwater as full as lets out the mean drainage that comes in."""
        inflow = sum(means[name] for name in self.balancing)
        return states | dict(groundwater=inflow * p.groundwater_lag)


class HydroPyRamp(HydroPy):
    """HydroPy whose drainage sets in over 1 % of soil wetness, not at once.

    The published rule, nothing below `drainage_low`, gives that parameter no gradient: it could
    not be learned. Here drainage grows from nothing at `drainage_low` to all of it 0.01 above.
    """

    name = "hydropy_ramp"
    RAMP = 0.01

    def drains(self, wetness, p):
        """Fraction of the drainage, 0 to 1, that sets in over `RAMP` of soil wetness."""
        return torch.clamp((wetness - p.drainage_low) / self.RAMP, min=0, max=1)
