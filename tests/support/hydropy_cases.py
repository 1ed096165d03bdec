"""Cells for the tests of HydroPy's column: weather, properties and ties of their own."""

# forcings that are neither rain, nor a temperature, nor a demand: ranges they are drawn from
FORCINGS = dict(vegetation_fraction=(0, 1), leaf_area_index=(0, 6), melt_factor=(0.7, 9))

# sums, differences and ratios of these are exact: thresholds of the soil lie at multiples of 32
EXACT = dict(
    drainage_min=0.03125, drainage_max=2.0, drainage_low=0.125, drainage_high=0.75,
    transpiration_critical=0.75, bare_soil_low=0.25, surface_lag=3.0, groundwater_lag=31.0,
    soil_capacity=256.0, wilting_point=64.0, soil_capacity_min=128.0, soil_capacity_max=384.0,
    arno_shape=1.0, water_fraction=0.125,
    vegetation_fraction=0.5, leaf_area_index=2.0, melt_factor=2.0,
    snowpack=0.0, meltwater=0.0, skin_storage=0.0, canopy_storage=0.0, soil_moisture=0.0,
    surface_water=0.0, groundwater=0.0,
)  # fmt: skip
_ROCK = dict(soil_capacity=0.0, wilting_point=0.0, soil_capacity_min=0.0, soil_capacity_max=0.0)
TIES = [
    {},  # every store is empty
    dict(soil_moisture=256.0),  # the root zone at its capacity
    dict(soil_moisture=32.0),  # at drainage_low, from where it drains
    dict(soil_moisture=192.0),  # at drainage_high, and where transpiration is not limited
    dict(soil_moisture=64.0),  # at the wilting point, and where bare soil stops evaporating
    dict(soil_moisture=128.0),  # at the smallest capacity within the cell
    dict(soil_capacity_min=256.0, soil_capacity_max=256.0, soil_moisture=256.0),  # one capacity
    _ROCK,
    dict(water_fraction=1.0, vegetation_fraction=0.0),  # nothing but water
    dict(water_fraction=1e-10, vegetation_fraction=1.0),  # nothing but leaves
    dict(vegetation_fraction=0.0, leaf_area_index=0.0, drainage_low=0.0),
    dict(snowpack=16.0, meltwater=0.06 * 16.0),  # as much meltwater as the snow holds
    dict(snowpack=4.0, skin_storage=0.2 * 0.375, canopy_storage=0.2 * 2.0 * 0.5),  # wet surfaces
]


def draw_properties(column, cells, uniform) -> dict:
    """Properties (N,) of soils of 20 to 600 mm; each seventh cell is bare rock."""
    if not column.properties:
        return {}
    capacity = uniform(20, 600, cells)
    capacity[6::7] = 0.0
    water = uniform(0, 0.3, cells)
    water[::2] = 1e-10
    found = dict(
        soil_capacity=capacity,
        wilting_point=capacity * uniform(0.1, 0.6, cells),
        soil_capacity_min=capacity * uniform(0, 0.6, cells),
        soil_capacity_max=capacity * uniform(1, 2.5, cells),
        arno_shape=uniform(0.01, 1, cells),
        water_fraction=water,
    )
    assert found.keys() == {f.name for f in column.properties}
    return found


def settle(initial, properties) -> None:
    """Initial states drawn up to 100 mm made such as their stores can hold, or a little more."""
    initial["soil_moisture"] *= properties["soil_capacity"][:, None] / 100
    for name in ("skin_storage", "canopy_storage"):
        initial[name] /= 100


def snow_or_rain(rain, temperature) -> None:
    """All of one or all of the other on each day: fractions of snow in between are not exact."""
    temperature.div_(4).round_().mul_(4)
    rain[temperature == 0] = 0.0
