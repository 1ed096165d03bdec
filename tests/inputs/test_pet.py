"""Potential evapotranspiration against the worked examples of FAO-56, other data and pyet."""

import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401, gives arrays their .rio
import torch
import xarray as xr

from gridhydro.inputs import meteorology as met
from gridhydro.inputs.pet import (
    LATENT_HEAT,
    hargreaves,
    oudin,
    penman_monteith,
    penman_monteith_of_six,
    pet_of,
    priestley_taylor,
)
from gridhydro.io import read_basins, read_camels_us, read_caravan

MJ = met.MEGAJOULES


def numbers(*values):
    return [torch.tensor(float(v), dtype=torch.float64) for v in values]


def test_radiation_and_day_length_of_fao_examples_8_and_9():
    latitude, day = numbers(-20, 246)
    top = met.extraterrestrial_radiation(latitude, day)
    assert float(top * MJ) == pytest.approx(32.2, abs=0.05)
    assert float(met.day_length(latitude, day) / 3600) == pytest.approx(11.7, abs=0.05)


def test_moisture_of_fao_examples_2_to_4():
    pressure = met.air_pressure(torch.tensor(1800.0))
    assert float(pressure) == pytest.approx(81_800, abs=60)
    assert float(met.psychrometric_constant(pressure)) == pytest.approx(54, abs=0.5)
    low, high = numbers(15, 24.5)
    assert float(met.saturation_vapour_pressure(high)) == pytest.approx(3075, abs=5)
    assert float(met.mean_saturation(low, high)) == pytest.approx(2390, abs=5)


def test_uccle_of_fao_example_18():
    """6 July, 50.8 N, 100 m: 3.9 mm d-1 from minimum, maximum, moisture, wind at 10 m and sun."""
    latitude, day, low, high, wind, moisture = numbers(50.8, 187, 12.3, 21.5, 10 / 3.6, 1409)
    top = met.extraterrestrial_radiation(latitude, day)
    assert float(top * MJ) == pytest.approx(41.09, abs=0.01)
    sunshine = 9.25 * 3600 / met.day_length(latitude, day)
    shortwave = (0.25 + 0.5 * sunshine) * top
    assert float(shortwave * MJ) == pytest.approx(22.07, abs=0.01)
    net = met.net_radiation(shortwave, moisture, low, high, latitude, day, 100.0)
    assert float(net * MJ) == pytest.approx(13.28, abs=0.01)
    wind = met.wind_at_2m(wind, 10)
    assert float(wind) == pytest.approx(2.078, abs=1e-3)
    temperature, pressure = (low + high) / 2, met.air_pressure(torch.tensor(100.0))
    assert float(met.vapour_pressure_slope(temperature)) == pytest.approx(122, abs=0.5)
    evaporation = penman_monteith(
        temperature, net, moisture, wind, pressure, temperature_min=low, temperature_max=high
    )
    assert float(evaporation) == pytest.approx(3.88, abs=0.005)


def test_bangkok_of_fao_example_17():
    """April, 13.73 N, 2 m, with the heat that the ground takes up: 5.7 mm d-1."""
    low, high, moisture, wind, net, ground = numbers(25.6, 34.8, 2850, 2, 14.33 / MJ, 0.14 / MJ)
    evaporation = penman_monteith(
        (low + high) / 2, net, moisture, wind, torch.tensor(101_300.0),
        temperature_min=low, temperature_max=high, ground_heat=ground,
    )  # fmt: skip
    assert float(evaporation) == pytest.approx(5.72, abs=0.01)


def test_lyon_of_fao_example_20_by_hargreaves():
    low, high, latitude, day = numbers(14.8, 26.6, 45.72, 196)
    evaporation = hargreaves((low + high) / 2, low, high, latitude, day)
    assert float(evaporation) == pytest.approx(5.0, abs=0.05)


# degC, kg kg-1, Pa, m s-1 at 10 m, W m-2, W m-2: a day of the humid tropics
SIX = {
    "temperature": 26.5, "specific_humidity": 0.0175, "surface_pressure": 1e5, "wind_speed": 1.8,
    "shortwave_radiation": 190, "longwave_radiation": 420,
}  # fmt: skip


def test_penman_monteith_of_six_variables_by_hand():
    """Numbers worked out by hand for the variables of WFDEI."""
    t, q, p, u, sw, lw = numbers(*SIX.values())
    net = met.net_radiation_of_both(sw, lw, t)
    assert float(net * MJ) == pytest.approx(9.430, abs=5e-4)
    assert float(met.saturation_vapour_pressure(t)) == pytest.approx(3462, abs=0.5)
    assert float(met.vapour_pressure_of_humidity(q, p)) == pytest.approx(2784, abs=0.5)
    assert float(met.wind_at_2m(u, 10)) == pytest.approx(1.346, abs=5e-4)
    assert float(penman_monteith_of_six(t, q, p, u, sw, lw)) == pytest.approx(3.214, abs=1e-3)
    assert float(priestley_taylor(t, net, p)) == pytest.approx(3.657, abs=1e-3)
    # the sky radiates less than the ground here: a poor emitter keeps more
    assert penman_monteith_of_six(t, q, p, u, sw, lw, emissivity=0.98) > 3.215
    # fog evaporates by radiation alone
    fog = penman_monteith_of_six(t, q * 2, p, u, sw, lw)
    assert fog == penman_monteith_of_six(t, q * 3, p, u, sw, lw)
    assert 0 < fog < 3.214


def test_pet_of_a_grid_of_six_variables():
    units = dict(zip(SIX, ("K", "kg kg-1", "hPa", "m s-1", "W m-2", "W m-2"), strict=True))
    given = SIX | {"temperature": SIX["temperature"] + 273.15, "surface_pressure": 1000}
    grid = xr.Dataset(
        {n: (("time", "lat", "lon"), np.full((2, 3, 4), v), {"units": units[n]})
         for n, v in given.items()},
        {"time": pd.date_range("2001-01-01", periods=2), "lat": [-1.0, -2, -3],
         "lon": [-60.0, -59, -58, -57]},
    )  # fmt: skip
    values = pet_of(grid, "penman_monteith")
    assert values.dims == ("time", "lat", "lon")
    np.testing.assert_allclose(values, 3.214, atol=1e-3)
    np.testing.assert_allclose(pet_of(grid, "priestley_taylor"), 3.657, atol=1e-3)
    with pytest.raises(ValueError, match=r"needs vapour_pressure, .* or specific_humidity; the"):
        pet_of(grid.drop_vars("specific_humidity"), "penman_monteith")


@pytest.mark.parametrize("real", [torch.float32, torch.float64])
def test_the_sun_at_the_poles_is_that_close_to_them(real):
    days = torch.arange(1, 367, dtype=real)[:, None]
    poles, near = torch.tensor([90.0, -90.0]).to(real), torch.tensor([89.999, -89.999]).to(real)
    for function in (met.extraterrestrial_radiation, met.day_length):
        found = function(poles, days)
        assert torch.isfinite(found).all() and (found >= 0).all()
        changing = (function(near, days) - found).abs() > 0.01 * found.max()
        assert changing.sum() <= 4  # the days of the equinoxes
    assert met.extraterrestrial_radiation(poles, days)[171, 0] > 500
    # single precision may take a latitude of 90 degrees a little further
    beyond = torch.tensor([90.00001, -90.00001]).to(real)
    torch.testing.assert_close(met.day_length(beyond, days), met.day_length(poles, days))


def test_radiation_of_polar_night_and_day():
    latitude, night, day = numbers(80, 355, 172)
    assert met.extraterrestrial_radiation(latitude, night) == 0
    assert met.day_length(latitude, night) == 0
    assert float(met.day_length(latitude, day)) == pytest.approx(86400)
    assert 500 < float(met.extraterrestrial_radiation(latitude, day)) < 530
    weather = numbers(300, -25, -15)
    net = met.net_radiation(torch.tensor(0.0), *weather, latitude, night, 0.0)
    assert -150 < float(net) < -20


METHODS = {
    "oudin": lambda t, r, n, p, e, w, la, d: oudin(t, la, d),
    "hargreaves": lambda t, r, n, p, e, w, la, d: hargreaves(t, t - r, t + r, la, d),
    "priestley_taylor": lambda t, r, n, p, e, w, la, d: priestley_taylor(t, n, p),
    "penman_monteith": lambda t, r, n, p, e, w, la, d: penman_monteith(
        t, n, e, w, p, temperature_min=t - r, temperature_max=t + r
    ),
    "six": lambda t, r, n, p, e, w, la, d: penman_monteith_of_six(t, e / 1e5, p, w, n, n + r),
    "net_radiation": lambda t, r, n, p, e, w, la, d: met.net_radiation(
        n, e, t - r, t + r, la, d, 300.0
    ),
}


def weather(days=5, cells=3):
    """Warm days as a tensor of each kind, (days, cells); latitude (cells,), day (days, 1)."""
    generator = torch.Generator().manual_seed(3)

    def between(low, high):
        u = torch.rand(days, cells, generator=generator, dtype=torch.float64)
        return (low + (high - low) * u).requires_grad_()

    latitude = torch.tensor([-35.0, 2.0, 61.0][:cells], dtype=torch.float64).requires_grad_()
    day = torch.arange(20.0, 20 + 60 * days, 60, dtype=torch.float64)[:, None]
    return (
        between(5, 30), between(2, 8), between(60, 200), between(8e4, 1.01e5),
        between(400, 800), between(0.5, 6), latitude, day,
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_gradcheck_of_pet(method):
    assert torch.autograd.gradcheck(METHODS[method], weather(), eps=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_pet_gradients_are_finite_at_the_edges(method):
    """No range, no moisture, no wind, frost, the poles: kinks are allowed there, NaN is not."""
    t = torch.tensor([-17.8, -5.0, 0.0, -60.0, 45.0])[:, None].expand(5, 3)
    r, n, p, e, w = (torch.zeros(5, 3) for _ in range(5))
    latitude = torch.tensor([-90.0, 0.0, 90.0])
    day = torch.tensor([1.0, 81.0, 172.0, 266.0, 366.0])[:, None]
    inputs = [v.clone().requires_grad_() for v in (t, r, n, p + 9e4, e, w, latitude)]
    values = METHODS[method](*inputs, day)
    assert torch.isfinite(values).all()
    values.sum().backward()
    assert all(i.grad is None or torch.isfinite(i.grad).all() for i in inputs)


def test_oudin_agrees_with_camels_fr(data):
    """airGR's own Oudin: the same but for a latent heat 0.5 % off and another day of the year."""
    basins = read_basins(data("camels_fr/camels_fr_19.nc"))
    ours, theirs = pet_of(basins), basins["potential_evapotranspiration"]
    assert ours.dims == ("time", "gauge")
    assert ours.attrs["units"] == "mm d-1"
    assert np.corrcoef(ours.values.ravel(), theirs.values.ravel())[0, 1] > 0.999
    np.testing.assert_allclose(ours.mean("time"), theirs.mean("time"), rtol=0.03)


def test_methods_agree_on_caravan_and_its_own_is_unusable(data):
    path = data("ewatercycle/test_caravan_file.nc")
    basins = read_caravan(path, pet="potential_evaporation_sum")
    by_wind = pet_of(basins, "penman_monteith").mean("time")
    for method in ("oudin", "hargreaves", "priestley_taylor"):
        np.testing.assert_allclose(pet_of(basins, method).mean("time"), by_wind, rtol=0.2)
    assert (basins["potential_evapotranspiration"].mean("time") > 5 * by_wind).all()


def test_variables_missing_for_a_pet_method_are_named(data):
    basins = read_camels_us(data("camels_us_text"))
    with pytest.raises(ValueError, match="penman_monteith needs wind_speed, or eastward_wind and"):
        pet_of(basins, "penman_monteith")
    with pytest.raises(ValueError, match=r"hargreaves needs temperature_min; temperature_max; the"):
        pet_of(basins.drop_vars(["temperature_min", "temperature_max"]), "hargreaves")
    bare = basins.drop_vars(["elevation", "elev_mean", "shortwave_radiation"])
    with pytest.raises(ValueError, match=r"needs net_radiation, or .*; surface_pressure or elev"):
        pet_of(bare, "priestley_taylor")
    with pytest.raises(ValueError, match="oudin needs the coordinate latitude"):
        pet_of(basins.drop_vars("latitude"))
    with pytest.raises(ValueError, match=r"the method is one of oudin, .* not 'turc'"):
        pet_of(basins, "turc")
    unclear = basins.copy()
    unclear["temperature"] = unclear["temperature"].drop_attrs()
    with pytest.raises(ValueError, match="'temperature' has no units: set dataset"):
        pet_of(unclear)


def test_pet_derives_missing_variables_from_others(data):
    basins = read_camels_us(data("camels_us_text"))
    np.testing.assert_allclose(pet_of(basins.drop_vars("temperature")), pet_of(basins), atol=1e-5)
    wind = xr.full_like(basins["temperature"], 2.0).assign_attrs(units="m s-1")
    complete = basins.assign(wind_speed=wind)
    expected = pet_of(complete, "penman_monteith")
    low, high = (basins[f"temperature_{end}"] for end in ("min", "max"))
    saturated = met.mean_saturation(torch.tensor(low.values), torch.tensor(high.values)).numpy()
    humidity = (basins["vapour_pressure"] / saturated * 100).assign_attrs(units="%")
    moist = complete.drop_vars("vapour_pressure").assign(relative_humidity=humidity)
    np.testing.assert_allclose(pet_of(moist, "penman_monteith"), expected, atol=1e-4)
    assert (pet_of(complete, "penman_monteith", wind_height=2) > expected - 1e-6).mean() > 0.9


def test_pet_of_grids_by_latitude_and_by_reference_system(data):
    with xr.open_dataset(data("ewatercycle/OBS6_ERA5_reanaly_1_day_tas_2000-2000.nc")) as era5:
        grid = era5.rename(tas="temperature")[["temperature"]].load()
    values = pet_of(grid)
    assert values.dims == ("time", "lat", "lon")
    row, column = np.argwhere(np.isfinite(grid["temperature"][0].values))[0]
    cell = grid["temperature"].values[:, row, column] - 273.15
    latitude, day = float(grid["lat"][row]), torch.arange(1.0, len(cell) + 1)
    expected = oudin(torch.tensor(cell), torch.tensor(latitude), day)
    np.testing.assert_allclose(values[:, row, column], expected, atol=1e-4)
    # the same place in metres
    times = pd.date_range("2000-06-01", periods=2)
    metres = xr.Dataset(
        {"temperature": (("time", "y", "x"), np.full((2, 2, 2), 20.0), {"units": "degC"})},
        {"time": times, "y": [2_800_000.0, 2_790_000.0], "x": [4_000_000.0, 4_010_000.0]},
    )
    with pytest.raises(ValueError, match="reference system of the raster"):
        pet_of(metres)
    projected = pet_of(metres.rio.write_crs("EPSG:3035"))
    near = oudin(torch.tensor(20.0), torch.tensor(48.2), torch.tensor(153.0))
    np.testing.assert_allclose(projected[0], near, rtol=0.01)


@pytest.mark.peers
def test_pet_equals_that_of_pyet():
    """Their latent heat depends on temperature, ours is that of 20 degC: otherwise the same."""
    pyet = pytest.importorskip("pyet", reason="pyet is in the peers extra")
    days = pd.date_range("2001-01-01", periods=365)
    rng = np.random.default_rng(1)
    mean = 10 - 12 * np.cos(np.arange(365) / 58) + rng.normal(0, 2, 365)
    half = rng.uniform(1, 6, 365)
    sun = np.ravel(pyet.extraterrestrial_r(days, 0.82)) * rng.uniform(0.1, 0.7, 365)
    made = {"t": mean, "tn": mean - half, "tx": mean + half, "rs": sun,
            "e": 0.6 + 0.3 * rng.random(365), "u": rng.uniform(0.5, 5, 365)}  # fmt: skip
    s = {name: pd.Series(values, days) for name, values in made.items()}
    t, tn, tx, rs, e, u = (torch.tensor(values) for values in made.values())
    place, day = torch.tensor(np.degrees(0.82)), torch.tensor(np.arange(1, 366.0))
    pressure = met.air_pressure(torch.tensor(350.0, dtype=torch.float64))
    net = met.net_radiation(rs / MJ, e * 1000, tn, tx, place, day, 350.0)
    weather = {"tmax": s["tx"], "tmin": s["tn"], "ea": s["e"], "elevation": 350.0}
    theirs = pyet.calc_rad_net(s["t"], rs=s["rs"], lat=0.82, **weather)
    np.testing.assert_allclose(net * MJ, theirs, atol=0.02)

    heat = pyet.calc_lambda(s["t"]) / LATENT_HEAT
    np.testing.assert_allclose(oudin(t, place, day), pyet.oudin(s["t"], 0.82) * heat, atol=1e-3)
    np.testing.assert_allclose(
        hargreaves(t, tn, tx, place, day),
        pyet.hargreaves(s["t"], s["tx"], s["tn"], 0.82) * heat, atol=1e-3,
    )  # fmt: skip
    rn = theirs.clip(lower=0)
    # their psychrometric constant depends on temperature here, by 2 % of a third of the sum
    np.testing.assert_allclose(
        priestley_taylor(t, torch.tensor(rn.values) / MJ, pressure),
        pyet.priestley_taylor(s["t"], rn=rn, elevation=350.0) * heat, rtol=0.02, atol=1e-3,
    )  # fmt: skip
    np.testing.assert_allclose(
        penman_monteith(t, net, e * 1000, u, pressure, temperature_min=tn, temperature_max=tx),
        pyet.pm_fao56(s["t"], s["u"], rs=s["rs"], lat=0.82, **weather), atol=0.01,
    )  # fmt: skip
