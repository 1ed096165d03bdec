"""The land surface of a domain: HydroPy's own columns, and what is refused."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro import land_surface
from gridhydro.domain.network import Network
from gridhydro.inputs.climate import CLIMATE, climate_means
from gridhydro.inputs.land_attributes import ATTRIBUTES
from gridhydro.inputs.land_surface import CONSTANTS
from tests.support.hydropy_land import flat_land, reference_land, row_domain

LAT, LON = [1.5, 0.5, -0.5], [-60.5, -59.5, -58.5, -57.5]


@cache
def domain():
    return row_domain(LAT, LON)


def surface(permafrost=True, **changed):
    return land_surface(domain(), flat_land(LAT, LON, **changed), permafrost=permafrost)


def test_land_properties_equal_those_of_hydropy(data):
    path = data("hydropy_reference/columns_2001.npz")
    basins, land = reference_land(path)
    reference = np.load(path)
    found = land_surface(basins, land)
    water, hilly = found.properties["water_fraction"], reference["para_slope_avg"] > 0
    np.testing.assert_allclose(water, reference["ref_flake"][0], rtol=1e-14)
    defaults = found.defaults
    np.testing.assert_allclose(defaults["groundwater_lag"], reference["lag_base"], rtol=1e-13)
    np.testing.assert_allclose(
        defaults["surface_lag"][hilly], reference["lag_land"][hilly], rtol=1e-13
    )
    # some of the soils that HydroPy fills are at their capacity, and none is above it
    moisture, capacity = reference["ref_rootmoist"].max(0), found.properties["soil_capacity"]
    assert (moisture <= capacity * (1 + 1e-12)).all()
    assert np.isclose(moisture, capacity, rtol=1e-12).sum() > 3

    daily = found.forcing(pd.date_range("2001-01-01", "2001-12-31"))
    vegetation = daily["vegetation_fraction"].transpose("time", "gauge")
    np.testing.assert_allclose(vegetation, reference["ref_fveg"], rtol=1e-6, atol=1e-7)
    # where snow is left on a warm day, it has melted by the factor
    snow = np.vstack([np.zeros(31), reference["ref_swe"]])
    melted = snow[:-1] + reference["ref_snowf"] * 86400 - snow[1:]
    warmth = reference["forc_TSurf"] - 273.15
    limited = (warmth > 0.5) & (snow[1:] > 0)
    assert limited.sum() > 100
    factor = daily["melt_factor"].transpose("time", "gauge").values
    np.testing.assert_allclose((melted / warmth)[limited], factor[limited], rtol=1e-6)


def test_properties_over_permafrost():
    frozen = surface(perm=0.25)
    # a quarter of the cell has 50 mm instead of 200
    left = (0.25 * 50 + 0.75 * 200) / 200
    expected = dict(
        soil_capacity=200, wilting_point=80, soil_capacity_min=30, soil_capacity_max=400
    )
    for name, whole in expected.items():
        np.testing.assert_allclose(frozen.properties[name], left * whole)
        np.testing.assert_allclose(surface(False, perm=0.25).properties[name], whole)
    shallow = surface(perm=1.0, wcap=40.0, wava=20.0)
    np.testing.assert_allclose(shallow.properties["soil_capacity"], 40)
    rock = surface(perm=0.5, wcap=0.0, wava=0.0, wmin=0.0, wmax=0.0)
    assert not rock.properties["soil_capacity"].any()


def test_shape_of_rough_terrain_and_fraction_of_water():
    np.testing.assert_allclose(surface(topo_std=100.0).properties["arno_shape"], 0.3)
    # 0.01 is added, a little less is not
    almost, enough = 110 / 0.99, 111.2
    np.testing.assert_allclose(surface(topo_std=almost - 0.1).properties["arno_shape"], 0.3)
    added = (enough - 100) / (enough + 1000)
    np.testing.assert_allclose(surface(topo_std=enough).properties["arno_shape"], 0.3 + added)
    np.testing.assert_allclose(surface().properties["water_fraction"], 1e-10)
    wet = surface(flake=0.2, fwetl=0.3)
    np.testing.assert_allclose(wet.properties["water_fraction"], 0.3)


def test_vegetation_takes_what_water_leaves():
    daily = surface(fveg=0.9, flake=0.4, lai=np.arange(12)).forcing(
        pd.date_range("2003-01-16", periods=400)
    )
    assert dict(daily.sizes) == {"time": 400, "y": 3, "x": 4}
    np.testing.assert_allclose(daily["vegetation_fraction"], 0.6, rtol=1e-6)
    assert daily["leaf_area_index"][0].values == pytest.approx(0)
    assert {v.dtype.name for v in daily.values()} == {"float32"}
    assert daily["melt_factor"].attrs["units"] == "mm d-1 K-1"


def test_default_parameters_are_those_of_hydropy():
    found = surface()
    rates = {"drainage_min": 0.024, "drainage_max": 2.4}
    fractions = dict(drainage_low=0.05, drainage_high=0.9, transpiration_critical=0.75)
    for name, value in (rates | fractions | {"bare_soil_low": 0.05}).items():
        np.testing.assert_allclose(found.defaults[name], value, rtol=1e-5)
    assert list(found.defaults) == [*CONSTANTS, "surface_lag", "groundwater_lag", "river_lag"]
    assert (found.reservoirs == 5).all() and found.reservoirs.dtype == np.int64


def test_land_area_leaves_out_sea_and_glaciers():
    found = surface(lsm=0.8, glacier=0.25)
    np.testing.assert_allclose(found.area, 0.6 * domain().area)
    cropped = found.land_domain()
    np.testing.assert_allclose(cropped.area, found.area)
    assert isinstance(cropped.network, Network) and cropped.shape == (3, 4)
    given = surface(area=2e9, lsm=0.5)
    np.testing.assert_allclose(given.area, 1e9)


def test_land_surface_of_lumped_basins():
    from gridhydro.domain.domain import Domain

    basins = Domain.of_basins([100.0, 200.0], ["a", "b"], latitude=[1.0, 2.0])
    land = flat_land([0.5], [0.5, 1.5], lsm=0.5).isel(lat=0, drop=True)
    land = land.drop_vars("lon").rename(lon="gauge").assign_coords(gauge=["a", "b"])
    found = land_surface(basins, land).land_domain()
    np.testing.assert_allclose(found.gauges["network_area_km2"], [50, 100])
    np.testing.assert_allclose(found.gauges["area_km2"], [100, 200])


def test_land_surface_gives_the_21_attributes():
    weather = xr.Dataset(
        {
            name: (("time", "lat", "lon"), np.full((731, 3, 4), value), {"units": unit})
            for name, value, unit in (
                ("temperature", 300.0, "K"),
                ("precipitation", 5.0, "mm d-1"),
                ("potential_evapotranspiration", 4.0, "mm d-1"),
            )
        },
        coords={"time": pd.date_range("2001-01-01", periods=731), "lat": LAT, "lon": LON},
    )
    wet = weather["time"].dt.month == 3
    weather["precipitation"] = weather["precipitation"].where(~wet, 11.0)
    weather["precipitation"].attrs["units"] = "mm d-1"
    climate = climate_means(weather)
    found = surface(lai=np.arange(12), perm=0.5).attributes(climate)
    assert list(found) == list(ATTRIBUTES) and len(found) == 21
    assert set(found["wcap"].dims) == {"y", "x"}
    expected = dict(wcap=200, lai_avg=5.5, lai_max=11, lai_diff=11, fveg_diff=0, srftopo=100)
    expected |= dict(temp_avg=26.85, temp_diff=0, prec_diff=6, pet_avg=4)
    expected |= dict(prec_avg=5 + 6 * 62 / 731)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, err_msg=name, atol=1e-9)
    assert all(v.attrs["units"] and v.attrs["long_name"] for v in found.values())
    named = surface().attributes(names=["lai_min", "perm"])
    assert list(named) == ["lai_min", "perm"]
    with pytest.raises(ValueError, match=r"no attribute temp_avg, .*pet_avg: climate="):
        surface().attributes()
    with pytest.raises(ValueError, match="no attribute wmean"):
        surface().attributes(names=["wmean"])
    first = climate_means(weather, ("2001-01", "2001-02"))
    np.testing.assert_allclose(first["prec_avg"], 5)
    with pytest.raises(ValueError, match="lacks precipitation; it has temperature"):
        climate_means(weather[["temperature", "potential_evapotranspiration"]])
    with pytest.raises(ValueError, match="1990 to 1991 is not all in the weather"):
        climate_means(weather, ("1990", "1991"))
    assert set(CLIMATE) < set(ATTRIBUTES)


def test_missing_land_fields_and_values_are_named():
    hole = np.full((3, 4), 200.0)
    hole[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"'wcap' .*missing in 1 of 12 cells.*row 1, col 2"):
        surface(wcap=hole)
    np.testing.assert_allclose(surface(flake=hole * 0).properties["water_fraction"], 1e-10)
    with pytest.raises(ValueError, match=r"lacks perm .*permafrost=False"):
        land_surface(domain(), flat_land(LAT, LON).drop_vars("perm"))
    without = land_surface(domain(), flat_land(LAT, LON).drop_vars("perm"), permafrost=False)
    np.testing.assert_allclose(without.properties["soil_capacity"], 200)
    with pytest.raises(ValueError, match=r"no land without glaciers in 1 cells.*row 1, col 2"):
        surface(lsm=np.where(np.isnan(hole), 0, 1))
    with pytest.raises(ValueError, match="needs the orographic melt factor 'ddfac'"):
        surface().forcing(pd.date_range("2001", periods=2), melt="spatial")
    elsewhere = flat_land([1.4, 0.4, -0.6], LON)
    with pytest.raises(ValueError, match="on another grid"):
        land_surface(domain(), elsewhere)


def test_land_surface_needs_latitudes(data):
    basins, land = reference_land(data("hydropy_reference/columns_2001.npz"))
    from gridhydro.domain.domain import Domain

    nowhere = Domain.of_basins(basins.area / 1e6, list(basins.gauges.index))
    found = land_surface(nowhere, land)
    with pytest.raises(ValueError, match="latitude of basin 'column 00' is not known"):
        found.forcing(pd.date_range("2001", periods=3))
    known = found.forcing(pd.date_range("2001", periods=3), latitude=basins.lonlat[1])
    expected = land_surface(basins, land).forcing(pd.date_range("2001", periods=3))
    xr.testing.assert_equal(known, expected)
