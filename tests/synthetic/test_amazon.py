"""The generated Amazon: real rivers and dates, a plausible climate, a truth within bounds."""

import tomllib

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.config.find import find
from gridhydro.config.load import load
from gridhydro.domain.domain import Domain
from gridhydro.inputs.land_surface import ATTRIBUTES, land_surface
from gridhydro.io import next_cells, read_land_surface
from gridhydro.synthetic import amazon
from gridhydro.synthetic.amazon import DDM30, GRACE, make_amazon
from gridhydro.synthetic.amazon_climate import el_nino
from gridhydro.synthetic.amazon_folder import write_amazon
from gridhydro.synthetic.amazon_truth import LARGEST_ERROR
from gridhydro.synthetic.amazon_weather import VARIABLES, reference_evapotranspiration, rounded
from gridhydro.synthetic.random_fields import persistent, smooth_days

YEARS = (2002, 2003)
BOUNDS = {
    "drainage_min": (0.001, 0.1),
    "drainage_max": (0.1, 10),
    "drainage_low": (0, 0.2),
    "drainage_high": (0.2, 0.99),
    "transpiration_critical": (0.55, 0.95),
    "bare_soil_low": (0, 0.25),
    "surface_lag": (1, 200),
    "groundwater_lag": (30, 1500),
    "river_lag": (0.01, 5),
}


@pytest.fixture(scope="module")
def folder(data):
    data(GRACE)
    return data(DDM30).parents[1]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("amazon")


@pytest.fixture(scope="module")
def world(folder, out):
    return write_amazon(out, folder, years=YEARS)


def monthly(world, values, where):
    month = world.times.month.to_numpy()
    return np.array([values[month == m][:, where].mean() for m in range(1, 13)])


@pytest.mark.end_to_end
def test_synthetic_basin_is_the_amazon(world):
    domain = world.domain
    assert domain.size == 1946
    assert domain.shape == (60, 72)
    assert 5.85e12 < domain.area.sum() < 5.97e12
    assert domain.network.outlets.size == 1
    assert not domain.report.warnings
    height = world.file["srftopo"].values[domain.row, domain.col]
    below = domain.network.downstream
    assert (height[below >= 0] > height[below[below >= 0]]).all()  # water runs downhill
    lon, _ = domain.lonlat
    assert height[lon < -76].max() > 2500 and np.median(height) < 500


def test_gauges_are_on_large_rivers(world):
    gauges = world.domain.gauges
    assert len(gauges) == 24
    assert gauges["cell"].is_unique
    # reported areas have glaciers, those of the network have not
    assert np.allclose(gauges["area_km2"], gauges["network_area_km2"], rtol=2e-3)
    assert (gauges["area_km2"] > gauges["network_area_km2"] - 1).all()
    assert 1e5 < gauges["area_km2"].min() < gauges["area_km2"].max() / 20
    downstream = world.domain.network.downstream
    main = gauges["cell"].to_numpy()[:5]
    for upper, lower in zip(main[1:], main[:-1], strict=True):
        cell = upper
        while cell >= 0 and cell != lower:
            cell = downstream[cell]
        assert cell == lower


def test_climate_of_the_amazon_is_plausible(world):
    series, domain = world.weather, world.domain
    assert set(series) == set(VARIABLES)
    assert all(v.dtype == np.float32 and np.isfinite(v).all() for v in series.values())
    weight = domain.area / domain.area.sum()
    rain, demand = series["precipitation"], reference_evapotranspiration(series)
    assert 1900 < (rain.mean(0) * weight).sum() * 365.25 < 2400
    low = domain.pack(world.attributes["srftopo"]) < 800
    annual = rain[:, low].mean(0) * 365.25
    assert 1000 < annual.min() < annual.max() < 4000  # the far south is the edge of the Chaco
    assert 0.4 < (rain > 1).mean() < 0.7
    assert rain.min() == 0 and rain.max() < 300
    assert 3 < demand[:, low].mean(0).min() < demand[:, low].mean(0).max() < 4.5
    temperature = series["temperature"].mean(0)
    assert 21 < temperature[low].min() < temperature[low].max() < 28.5
    assert temperature.min() < 6  # on the heights of the Andes
    assert 190 < series["shortwave_radiation"].mean() < 230
    assert 380 < series["longwave_radiation"][:, low].mean() < 430
    kelvin = series["temperature"] + 273.15
    assert (series["longwave_radiation"] <= 5.68e-8 * kelvin**4).all()
    # air is humid, and never oversaturated
    vapour = series["specific_humidity"] * series["surface_pressure"] / 0.622
    saturated = 610.8 * np.exp(17.27 * series["temperature"] / (series["temperature"] + 237.3))
    assert 0.7 < np.median(vapour / saturated) < 0.9
    assert (vapour / saturated).max() < 1.01


def test_rain_follows_the_sun(world):
    rain, (_, lat) = world.weather["precipitation"], world.domain.lonlat
    south, north = monthly(world, rain, lat < -10), monthly(world, rain, lat > 2)
    assert south[[0, 1, 11]].mean() > 4 * south[5:8].mean()
    assert north[4:7].mean() > 3 * north[[0, 1, 11]].mean()
    demand = reference_evapotranspiration(world.weather)
    dry = monthly(world, demand, lat < -10)
    assert dry[7:10].mean() > 1.2 * dry[1:4].mean()  # clear skies late in the dry season


def test_spells_are_correlated_in_time_and_space(world):
    rain, (lon, lat) = world.weather["precipitation"], world.domain.lonlat

    def at(x, y):
        return int(np.hypot(lon - x, lat - y).argmin())

    here, near, far = (rain[:, at(*place)] for place in ((-60, -3), (-59, -3), (-70, -3)))
    correlation = np.corrcoef([here, near, far])
    assert correlation[0, 1] > 0.6 > 0.4 > correlation[0, 2]
    rainy = (world.times.month >= 3) & (world.times.month <= 5)
    wet = here[rainy] > 1
    assert wet[1:][wet[:-1]].mean() > wet[1:][~wet[:-1]].mean() + 0.1


def test_el_nino_comes_every_few_years():
    series = el_nino(16 * 365, np.random.default_rng(0))
    assert 0.3 < series.std() < 1.7
    assert np.corrcoef(series[30:], series[:-30])[0, 1] > 0.9
    crossings = (np.diff(np.sign(series - series.mean())) != 0).sum()
    assert 4 <= crossings <= 20  # 16 years of about 3.6 are nine crossings


def test_truth_is_in_bounds_and_told_by_the_attributes(world):
    assert tuple(world.attributes) == ATTRIBUTES and len(ATTRIBUTES) == 21
    told = np.stack([world.domain.pack(raster) for raster in world.attributes.values()], 1)
    assert np.isfinite(told).all() and (told.std(0) > 0).all()
    told = np.column_stack([(told - told.mean(0)) / told.std(0), np.ones(len(told))])
    assert set(world.parameters) == set(BOUNDS)
    for name, values in world.parameters.items():
        low, high = BOUNDS[name]
        assert low < values.min() < values.max() < high, name
        rest = values - told @ np.linalg.lstsq(told, values, rcond=None)[0]
        # most is told, but not by a straight line, and not all of it
        assert 0.6 < 1 - rest.var() / values.var() < 0.999, name


def test_pet_error_is_a_fraction_that_varies(world):
    reference = reference_evapotranspiration(world.weather)
    fraction = world.pet_error / reference
    assert np.abs(fraction).max() < LARGEST_ERROR * 1.001
    assert fraction.min() < -0.15 and fraction.max() > 0.2
    assert fraction.mean(0).std() > 0.03  # from place to place
    assert fraction.std(0).mean() > 0.03  # from day to day
    assert 0.02 < fraction.mean() < 0.15


def test_synthetic_files_are_read_by_the_readers(world, out):
    domain = Domain.from_file(out / "domain.nc")
    assert np.array_equal(domain.network.downstream, world.domain.network.downstream)
    assert list(domain.gauges.index) == list(world.gauges.index)

    fields = read_land_surface(out / "landsurface.nc")
    land = land_surface(domain, fields)
    assert np.allclose(land.area, domain.area)
    assert set(np.unique(land.reservoirs)) <= {1, 2, 3, 4, 5}
    # the file's routing is the same network, whose mouth drains into the sea
    again = Domain.from_d8(next_cells(fields), "nextxy", crs="EPSG:4326")
    assert np.array_equal(again.network.downstream, domain.network.downstream)
    assert np.array_equal(again.row, domain.row) and np.array_equal(again.col, domain.col)

    for name, series in (
        ("weather.nc", world.weather),
        ("truth_pet_error.nc", {"pet_error": world.pet_error}),
    ):
        with xr.open_dataset(out / name, decode_coords="all") as file:
            assert set(file.data_vars) == set(series)
            assert file.indexes["time"].equals(world.times)
            for variable, values in series.items():
                assert np.array_equal(domain.pack(file[variable]), values)
                assert file[variable].attrs["units"]
    for name, expected in (("attributes.nc", ATTRIBUTES), ("truth_parameters.nc", BOUNDS)):
        with xr.open_dataset(out / name, decode_coords="all") as file:
            assert list(file.data_vars) == list(expected)
            assert all(np.isfinite(domain.pack(raster)).all() for raster in file.values())
            assert all(raster.attrs["units"] for raster in file.values())

    gauges = pd.read_csv(out / "gauges.csv")
    assert list(gauges) == ["name", "lon", "lat", "area_km2"]
    dates = pd.read_csv(out / "grace_dates.csv", parse_dates=["time_start", "time_end"])
    assert dates["time_start"].min() == pd.Timestamp("2002-04-05")  # of the first solution
    assert dates["time_end"].max() <= pd.Timestamp("2004-01-01")
    assert (dates["time_end"] > dates["time_start"]).all()


def test_amazon_is_determined_by_its_seed(world, folder):
    again = make_amazon(folder, years=YEARS)
    for name, values in world.weather.items():
        assert np.array_equal(values, again.weather[name]), name
    for name, values in world.parameters.items():
        assert np.array_equal(values, again.parameters[name]), name
    assert np.array_equal(world.pet_error, again.pet_error)
    other = make_amazon(folder, seed=1, years=(2002, 2002))
    assert not np.array_equal(other.parameters["river_lag"], world.parameters["river_lag"])
    assert other.gauges.equals(world.gauges)  # the rivers are real


def test_the_domain_file_that_comes_with_gridhydro_reads_the_folder(world, out, tmp_path):
    text = find("amazon-synthetic").read_text()
    for old, new in (
        ('"2003", "2012"', '"2003-01", "2003-06"'), ('"2013", "2016"', '"2003-07", "2003-12"'),
        ('"2004", "2009"', '"2003", "2003"'), ("spinup = 730", "spinup = 365"),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "file.toml").write_text(text)
    setup = load(tmp_path / "file.toml", out)
    assert np.array_equal(setup.domain.network.downstream, world.domain.network.downstream)
    assert list(setup.domain.gauges.index) == list(world.gauges.index)
    assert setup.storage.tiles.size == 56 and tuple(setup.attributes) == ATTRIBUTES
    assert not setup.domain.report.warnings


def test_the_default_years_are_those_of_the_domain_file():
    training = tomllib.loads(find("amazon-synthetic").read_text())["training"]
    begin = pd.Timestamp(training["period"][0]) - pd.Timedelta(training["spinup"], "D")
    assert (begin.year, int(training["validation"][1])) == amazon.YEARS


def test_what_is_missing_or_in_the_way_is_told_before_any_work(tmp_path):
    with pytest.raises(FileNotFoundError, match="ddm30_global_30min"):
        write_amazon(tmp_path / "new", tmp_path)
    with pytest.raises(ValueError, match="years: the last, 2003, is before the first, 2004"):
        write_amazon(tmp_path / "new", tmp_path, years=(2004, 2003))
    (tmp_path / "kept").touch()
    with pytest.raises(ValueError, match="is not empty: choose another folder"):
        write_amazon(tmp_path, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_persistent_noise_keeps_its_variance():
    noise = np.random.default_rng(0).standard_normal((20_000, 2), dtype=np.float32)
    series = persistent(noise, 0.8)
    assert series.dtype == np.float32
    assert series.std(0) == pytest.approx([1, 1], abs=0.03)
    lagged = np.mean(series[1:] * series[:-1], 0)
    assert lagged == pytest.approx([0.8, 0.8], abs=0.03)
    byhand = [noise[0, 0]]
    for kick in noise[1:50, 0]:
        byhand.append(0.8 * byhand[-1] + 0.6 * kick)
    assert series[:50, 0] == pytest.approx(byhand, rel=1e-5, abs=1e-6)


def test_smooth_days_have_unit_variance_and_reach():
    knots = np.random.default_rng(0).standard_normal((4000, 5, 4), dtype=np.float32)
    field = smooth_days(knots, (20, 30))
    assert field.shape == (4000, 20, 30)
    assert field.std(0) == pytest.approx(np.ones((20, 30)), abs=0.06)
    assert np.mean(field[:, 5, 5] * field[:, 5, 6]) > 0.9
    assert abs(np.mean(field[:, 0, 0] * field[:, -1, -1])) < 0.1


def test_rounded_keeps_four_significant_digits():
    values = np.float32([-273.15, -1e-3, 0, 1 / 3, 98765.4, 1.9999999])
    assert rounded(values) == pytest.approx(values, rel=1 / 8192)
    assert not (rounded(values).view(np.uint32) & 0x7FF).any()
