"""SNOW-17: a snow pack with a heat deficit, liquid water and partial cover; for any column.

Equations: Anderson (1973, NOAA Technical Memorandum NWS HYDRO-17) as described anew by Anderson
(2006, Snow Accumulation and Ablation Model - SNOW-17, NWSRFS User Manual II.2), with a day as the
step. Factors per 6 hours are per day here: MFMAX, MFMIN, NMF and UADJ are 4 times what is published
(TIPM is the published one). Four things are not as published. Precipitation turns from snow to rain
over `mixed` degrees around PXTEMP, not at once, or PXTEMP would have no gradient: with `mixed` 0 it
does. The areal depletion curve is a power, `ADC`, and not a table of 11 points. Water is not held
up for hours on its way through the snow pack. South of the equator seasons are half a year off.

Ranges: PXTEMP, TIPM, MBASE, PLWHC and DAYGM hold what course RFS905 of the NWS Training Center
advises, and more on each side; the others are wide enough for what is usual, without one source.

Rain on snow (more than 6 mm d-1 of rain) melts by another equation than warmth, at once. What
`SCF` adds for what gauges do not catch comes from nowhere: `snow_correction` is a part of the
balance.
"""

import torch

from gridhydro.columns.column import fields

MIXED = 2.0  # K around PXTEMP, in which both snow and rain fall
LIGHT_RAIN = 6.0  # mm d-1, above which rain on snow melts by its own equation
HEAVY_SNOW = 36.0  # mm d-1, above which snow gives the surface its own temperature
COVERING = 4.8  # mm d-1, from which snow covers bare ground anew
NEW_SNOW = 0.75  # of new snow, that is left when ground under it begins to be bare
LEAST_COVER = 0.05
LEAST_OUTFLOW = 1e-4  # mm: of a ripe pack that nothing is added to, no rounding runs off
COLDEST = 0.33  # heat deficit of a snow pack at -52.8 degC, of its water
ICE_HEAT = 160.0  # degC by which freezing water could cool as much ice
RAIN_HEAT = 0.0125  # melt by rain, of the rain, K-1
STEFAN = 1.4688  # mm d-1 (100 K)-4
TINY = 1e-6  # divisors and bases of powers are held above this, the stores never

SOURCE = "snow: Anderson (1973, NOAA Technical Memorandum NWS HYDRO-17)"
# what remembers depths of the snow pack and is no water itself is in kg m-2
STATES = fields(
    "snowpack mm: frozen water in the snow pack",
    "meltwater mm: liquid water held in the snow pack",
    "heat_deficit kg m-2: water that has to freeze in the snow pack before it is at 0 degC",
    "surface_cold K: antecedent temperature index of the snow pack, degrees below 0 degC",
    "snow_peak kg m-2: largest snow pack of this accumulation period, SI at most",
    "snow_turn kg m-2: snow pack below which the areal depletion curve holds",
    "snow_full kg m-2: snow pack above which new snow covers all of the ground",
)
FORCINGS = fields(
    "melt_season 1: place of the melt factor between MFMIN, 0, and MFMAX, 1, by day and latitude"
)
PARAMETERS = fields(
    "SCF 1 [0.7, 1.6]: snowfall as a multiple of what gauges catch of it",
    "PXTEMP degC [-1, 3]: temperature at which as much snow falls as rain",
    "MFMAX mm d-1 K-1 [2, 10]: melt factor on 21 June",
    "MFMIN mm d-1 K-1 [0.1, 3]: melt factor on 21 December",
    "UADJ mm d-1 hPa-1 [0.08, 0.8]: wind function of melt by rain on snow",
    "NMF mm d-1 K-1 [0.2, 2]: negative melt factor, by which the snow pack loses heat",
    "TIPM 1 [0.05, 0.9]: weight of 6 hours in the antecedent temperature index",
    "MBASE degC [-1, 1]: temperature above which snow melts",
    "PLWHC 1 [0.01, 0.3]: liquid water that the snow pack holds, as a fraction of its ice",
    "DAYGM mm d-1 [0, 0.5]: melt at the ground",
    "SI mm [10, 2000] log: snow pack above which all of the ground is covered",
    "ADC 1 [0.2, 3]: exponent of the areal depletion curve",
)
PROPERTIES = fields("elevation m: height above the sea, which tells the air pressure")
FLUXES = fields(
    "rainfall mm d-1: liquid precipitation",
    "snowfall mm d-1: solid precipitation, as it reaches the ground",
    "snow_correction mm d-1: snowfall that gauges did not catch",
    "melt mm d-1: melt of the snow pack, at its surface and at the ground",
    "snow_cover 1: fraction of the ground under snow, before melt",
)


def snow_17(s, x, p, dt: float = 1.0, mixed: float = MIXED):
    """Rain and melt of a step of `dt` days, mm, with the states after it and the fluxes by name.

    Fluxes are amounts of the step, mm; `mixed` in K is the range of temperature around PXTEMP in
    which both snow and rain fall.
    """
    if mixed:
        solid = torch.clamp(0.5 + (p.PXTEMP - x.temperature) / mixed, min=0, max=1)
    else:
        solid = torch.where(x.temperature <= p.PXTEMP, 0 * x.temperature + 1, 0.0)
    fallen = x.precipitation * dt
    caught = fallen * solid
    rainfall, snowfall = fallen - caught, p.SCF * caught
    cold, warm = torch.clamp(-x.temperature, min=0), torch.clamp(x.temperature, min=0)

    # the curve is left where so much snow falls that it covers bare ground
    before = s.snowpack + s.meltwater
    covers, on_full = snowfall >= COVERING * dt, before >= s.snow_full
    added = NEW_SNOW * snowfall
    full = torch.where(covers, before, s.snow_full)
    full = torch.where(on_full, s.snow_full, full) + torch.where(on_full | covers, added, 0.0)
    turn = torch.where(covers & on_full, torch.minimum(s.snow_turn, before), s.snow_turn)
    ice, water = s.snowpack + snowfall, before + snowfall
    peak = torch.where((snowfall > 0) & (water >= 3 * turn), water, s.snow_peak)
    peak = torch.minimum(torch.maximum(peak, water), p.SI)
    cover = _cover(water, peak, turn, full, p)
    whole = water >= peak
    turn, full = torch.where(whole, water, turn), torch.where(whole, water, full)

    # what melts of it, at the ground and at the surface
    factor = dt * (p.MFMIN + (p.MFMAX - p.MFMIN) * x.melt_season)
    ground = dt * p.DAYGM
    of_ground = torch.where(ice <= ground, 1.0, cover * ground / torch.clamp(ice, min=TINY))
    ground_melt = of_ground * water
    left, liquid = ice - of_ground * ice, s.meltwater - of_ground * s.meltwater
    by_rain = RAIN_HEAT * rainfall * warm
    thaw = torch.where(
        rainfall > LIGHT_RAIN * dt,
        torch.clamp(dt * _rain_on_snow(x, p) + by_rain, min=0),
        factor * torch.clamp(x.temperature - p.MBASE, min=0) + by_rain,
    )
    surface_melt = torch.minimum(cover * thaw, left)
    left = left - surface_melt
    onto_snow = cover * rainfall

    # heat: the surface loses it by the cold of the days before, and to cold snow
    index = torch.where(snowfall > HEAVY_SNOW * dt, cold, s.surface_cold)
    loss = cover * (p.NMF / p.MFMAX) * factor * (cold - index)
    loss = torch.maximum(loss, -s.heat_deficit) + cold * snowfall / ICE_HEAT
    deficit = torch.minimum(s.heat_deficit + loss, COLDEST * left)
    index = index - (1 - (1 - p.TIPM) ** (4 * dt)) * (x.temperature + index)

    # water freezes in the pack, is held, and runs off
    arrived = surface_melt + onto_snow
    room = p.PLWHC * (left + deficit)
    excess = arrived + liquid - room - deficit
    outflow = torch.where(excess > LEAST_OUTFLOW, excess, 0.0)
    refreezing = torch.where(outflow > 0, deficit, torch.minimum(arrived, deficit))
    snowpack, deficit = left + refreezing, deficit - refreezing
    meltwater = liquid + arrived - refreezing - outflow

    after, gone = snowpack + meltwater, snowpack <= 0
    # both move along with the snow pack while all is covered and while it is on the curve
    whole = after >= peak
    moves = whole | (after <= turn)
    full = torch.where(moves, after, full)
    turn = torch.where(moves, torch.where(whole, after, after + COVERING * dt), turn)
    states = dict(
        snowpack=snowpack, meltwater=meltwater, heat_deficit=deficit,
        surface_cold=torch.where(deficit > 0, torch.clamp(index, min=0), 0.0),
        snow_peak=torch.where(gone, 0.0, peak), snow_turn=torch.where(gone, 0.0, turn),
        snow_full=torch.where(gone, 0.0, full),
    )  # fmt: skip
    fluxes = dict(
        rainfall=rainfall, snowfall=snowfall, snow_correction=snowfall - caught,
        melt=surface_melt + ground_melt, snow_cover=cover,
    )  # fmt: skip
    return rainfall - onto_snow + outflow + ground_melt, states, fluxes


def _rain_on_snow(x, p):
    """Melt of a full cover by radiation, vapour and warmth of the air on a rainy day, mm d-1."""
    kelvin = (x.temperature + 273) / 100
    square = kelvin * kelvin
    radiation = STEFAN * (square * square - 55.55)
    # hPa; nine tenths of saturation
    vapour = 0.9 * 2.7489e8 * torch.exp(-4278.63 / (x.temperature + 242.792))
    height = torch.clamp(p.elevation / 100, min=TINY)
    pressure = 33.86 * (29.9 - 0.335 * height + 0.00022 * height**2.4)
    return radiation + p.UADJ * (8.5 * (vapour - 6.11) + 7.5 * 0.000646 * pressure * x.temperature)


def _cover(water, peak, turn, full, p):
    """Fraction of the ground under snow: by the curve, or between it and 1 where snow is new."""
    whole = torch.clamp(peak, min=TINY)
    # the curve holds where the snow pack is, or where it was left
    curve = torch.clamp(torch.minimum(water, turn) / whole, min=TINY, max=1) ** p.ADC
    new = torch.clamp((water - turn) / torch.clamp(full - turn, min=TINY), min=0, max=1)
    cover = torch.where(water >= whole, 1.0, curve + (1 - curve) * new)
    return torch.where(water > 0, torch.clamp(cover, min=LEAST_COVER), 0.0)
