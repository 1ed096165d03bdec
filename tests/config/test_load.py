"""Domain files: the two that come along with real data, and every fault naming file and key."""

import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401, gives arrays their .rio
import xarray as xr

from gridhydro.config.find import find
from gridhydro.config.load import load
from gridhydro.domain.domain import Domain
from gridhydro.io import read_raster, read_series
from gridhydro.training.check import check


@pytest.fixture(scope="module")
def moselle(data):
    return load("moselle", data("mhm_moselle").parent)


def test_domain_file_of_the_moselle(moselle):
    assert moselle.domain.grid.x[1] - moselle.domain.grid.x[0] == 4000
    gauge = moselle.domain.gauges.loc["398"]
    assert abs(gauge.network_area_km2 / gauge.area_km2 - 1) < 0.02
    assert moselle.training.period == ("1990-01-01", "1992-12-31")
    assert list(moselle.discharge) == ["398"]
    assert moselle.discharge.loc["1990-01-01", "398"] == 157.0
    domain = moselle.domain
    for name, unit, low, high in (
        ("precipitation", "mm d-1", 2, 3),
        ("temperature", "degC", 8, 11),
        ("potential_evapotranspiration", "mm d-1", 1.8, 2.5),
    ):
        series = moselle.forcing.dataset(domain)[name]
        assert series.attrs["units"] == unit
        assert series.dims == ("time", "y", "x")
        packed = domain.pack(series)
        assert packed.shape == (1826, domain.size)
        assert np.isfinite(packed).all()
        assert low < packed.mean() < high
    assert not check(domain, moselle.forcing).errors


def test_attributes_of_the_moselle(moselle, data):
    domain, attributes = moselle.domain, moselle.attributes
    packed = {name: domain.pack(attributes[name]) for name in attributes}
    assert all(np.isfinite(values).all() for values in packed.values())
    assert all({"units", "long_name"} <= set(attributes[name].attrs) for name in attributes)
    cover = sum(values for name, values in packed.items() if name.startswith("land_cover_"))
    np.testing.assert_allclose(cover, 1, atol=1e-9)
    # means of the fine cells, against a plain average of one coarse cell
    dem = read_raster(data("mhm_moselle/morph/dem.asc"))
    cell = domain.size // 2
    x, y = domain.x[domain.col[cell]], domain.y[domain.row[cell]]
    inside = dem.sel(x=slice(x - 2000, x + 2000), y=slice(y + 2000, y - 2000))
    np.testing.assert_allclose(packed["elevation"][cell], inside.mean(), rtol=1e-6)
    north, east = packed["aspect_northness"], packed["aspect_eastness"]
    assert (north**2 + east**2 <= 1 + 1e-9).all()


def test_moselle_soil_is_looked_up(moselle, data):
    """Sand is the mean over the horizons of a class, then over the fine cells."""
    table = pd.read_csv(
        data("mhm_moselle/morph/soil_classdefinition.txt"), sep=r"\s+", skiprows=1
    ).groupby("MU_GLOBAL")["SAND[%]"].mean()  # fmt: skip
    classes = read_raster(data("mhm_moselle/morph/soil_class.asc"))
    domain = moselle.domain
    fine = xr.apply_ufunc(lambda c: table.reindex(c.ravel()).to_numpy().reshape(c.shape), classes)
    expected = domain.pack(domain.aggregate(fine.where(classes.notnull())))
    np.testing.assert_allclose(domain.pack(moselle.attributes["sand"]), expected)


def test_moselle_weather_is_where_it_belongs(moselle, data):
    """Interpolated between the centres of the 24 km cells, which the file's axes do not name."""
    domain = moselle.domain
    packed = domain.pack(moselle.forcing.dataset(domain)["precipitation"]).mean(0)
    path = data("mhm_moselle/meteo/pre/pre.nc")
    x, y = (xr.DataArray(v, dims="cell") for v in (domain.x[domain.col], domain.y[domain.row]))

    def interpolated(reference):
        source = read_series(path, cell_reference=reference).mean("time")
        return source.interp(xc=x, yc=y).values

    expected, shifted = interpolated("upper_left"), interpolated("center")
    inside = np.isfinite(expected)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(packed[inside], expected[inside], rtol=1e-5)
    both = inside & np.isfinite(shifted)
    assert np.abs(shifted - expected)[both].max() > 0.3  # mm d-1, of about 3


def test_domain_file_of_the_lez(data):
    setup = load("lez", data("lez").parent)
    series = setup.forcing.dataset(setup.domain)
    assert list(setup.domain.gauges.index) == ["Y3204040", "Y3204030", "Y3204010"]
    gauges = setup.domain.gauges
    np.testing.assert_allclose(gauges["network_area_km2"], gauges["area_km2"], rtol=0.03)
    assert setup.training.held_out == ("Y3204030",)
    assert setup.training.spinup.cycles == 2
    assert set(np.unique(setup.domain.pack(series["temperature"]))) == {10.0}
    assert series["temperature"].attrs["units"] == "degC"
    assert series["precipitation"].shape[1:] == setup.domain.shape
    assert setup.discharge["Y3204040"].isna().sum() == 4


def test_packaged_files_are_found_by_name_or_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # away from the folder of the same files
    packaged = find("moselle")
    assert packaged == find("moselle.toml") == find("domains/moselle.toml")
    (tmp_path / "moselle.toml").write_text("")
    assert find(tmp_path / "moselle.toml") == tmp_path / "moselle.toml"
    with pytest.raises(FileNotFoundError, match=r"no domain file mosel; .*lez, moselle"):
        find("mosel")


def test_data_folder_from_the_variable(small, monkeypatch):
    folder, _ = small
    monkeypatch.delenv("GRIDHYDRO_DATA", raising=False)
    with pytest.raises(ValueError, match="give --data FOLDER, or set the variable GRIDHYDRO_DATA"):
        load(folder / "small.toml")
    monkeypatch.setenv("GRIDHYDRO_DATA", str(folder))
    assert load(folder / "small.toml").domain.size == 6
    with pytest.raises(FileNotFoundError, match=r"data folder .*nowhere is not there"):
        load(folder / "small.toml", folder / "nowhere")


SMALL = """
[domain]
flow_direction = "ldd.tif"
coding = "ldd"

[[gauges]]
name = "out"
x = 500.0
y = 500.0
discharge = "q.csv"

[attributes]
height = { file = "height.tif", units = "m" }
cover = { file = "fine.tif", how = "fraction" }

[forcing]
precipitation = { file = "rain.nc" }
temperature = { constant = 283.15, units = "K" }
potential_evapotranspiration = { constant = 2 }

[training]
period = [2001-01-02, "2001-01-03"]
spinup = 1
"""


@pytest.fixture
def small(tmp_path):
    """A domain of 2 x 3 cells that drain west, with a file for everything."""
    x, y = [500.0, 1500, 2500], [1500.0, 500]

    def write(name, values, x=x, y=y):
        raster = xr.DataArray(np.asarray(values, float), {"y": y, "x": x}, ("y", "x"))
        raster.rio.write_crs("EPSG:3035").rio.write_nodata(np.nan).rio.to_raster(tmp_path / name)

    write("ldd.tif", [[2, 4, 4], [5, 4, 4]])
    write("height.tif", [[1, 2, 3], [4, 5, 6]])
    fine = np.full((4, 6), 7.0)
    fine[:2, :2] = 9
    write("fine.tif", fine, np.arange(250, 3000, 500.0), np.arange(1750, 0, -500.0))
    days = pd.date_range("2001", periods=3)
    rain = xr.DataArray(np.ones((3, 2, 3)), {"time": days, "y": y, "x": x}, ("time", "y", "x"))
    rain.rename("rain").assign_attrs(units="mm h-1").to_netcdf(tmp_path / "rain.nc")
    (tmp_path / "q.csv").write_text("date,out\n2001-01-01,1.5\n")
    (tmp_path / "small.toml").write_text(SMALL)

    def change(old, new):
        assert old in SMALL
        (tmp_path / "small.toml").write_text(SMALL.replace(old, new))
        return load(tmp_path / "small.toml", tmp_path)

    return tmp_path, change


def test_small_domain_file_is_loaded(small):
    folder, _ = small
    setup = load(folder / "small.toml", folder)
    assert isinstance(setup.domain, Domain)
    assert setup.training.period == ("2001-01-02", "2001-01-03")  # a TOML date is as good
    np.testing.assert_array_equal(setup.attributes["height"], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(setup.attributes["cover_9"], [[1, 0, 0], [0, 0, 0]])
    assert [f.name for f in setup.forcing.fields] == [
        "precipitation",
        "temperature",
        "potential_evapotranspiration",
    ]
    values = {name: series.values for name, series in setup.forcing.dataset(setup.domain).items()}
    np.testing.assert_allclose(values["precipitation"], 24)
    np.testing.assert_allclose(values["temperature"], 10)
    np.testing.assert_allclose(values["potential_evapotranspiration"], 2)
    assert setup.discharge.loc["2001-01-01", "out"] == 1.5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("coding =", "codding =", r"\[domain\]: unknown key 'codding'; did you mean 'coding'"),
        ("[training]", "[trainning]", "unknown key 'trainning'; did you mean 'training'"),
        ('coding = "ldd"', "", r"\[domain\]: missing 'coding'"),
        ("spinup = 1", 'spinup = "long"', r"\[training.spinup\]: days is a whole number, not"),
        ("spinup = 1", "spinup = 1.5", "days is a whole number, not 1.5"),
        ("spinup = 1", "seed = true", "seed is a whole number, not True"),
        ("x = 500.0", 'x = "500"', r"\[gauges\]: x is a number, not '500'"),
        ('[2001-01-02, "2001-01-03"]', '"2001"', "period is a list of 2 values"),
        ('[2001-01-02, "2001-01-03"]', '["2001"]', "period is a list of 2 values"),
        ("[[gauges]]", "[gauges]", r"'gauges' is written as \[\[gauges\]\]"),
        ("height = {", 'slope = "a.tif"\nheight = {', r"\[attributes.slope\] is a section"),
        ('units = "m"', 'how = "avg"', "how is one of mean, fraction, direction, not 'avg'"),
        ('units = "m"', 'lookup = "q.csv"', r"\[attributes.height\]: with 'lookup' go 'key'"),
        ('how = "fraction"', 'how = "fraction", minimum = 2', "no class covers 2 of the domain"),
        ('{ file = "rain.nc" }', "{ }", r"\[forcing.precipitation\]: give either a 'file' or"),
        ("temperature =", "temperatur =", "did you mean 'temperature'"),
        ("temperature = { constant = 283.15, units =", "#", r"\[forcing\] lacks temperature"),
        ("spinup = 1", 'held_out = ["in"]', "held_out: unknown key 'in'"),
        ("[training]", "[model.routing]\nspeed = 1\n[training]", "unknown key 'speed'"),
        ("[domain]", "[domain", "is not valid TOML"),
        ("[domain]", "[rehearsal]\nseed = 1\n[domain]", "the domain file amazon-synthetic"),
    ],
)
def test_faults_of_a_domain_file_name_file_key_and_remedy(small, old, new, message):
    _, change = small
    with pytest.raises(ValueError, match=r"small\.toml.*" + message):
        change(old, new)


@pytest.mark.parametrize(
    ("old", "place"),
    [
        ("ldd.tif", r"\[domain\]: flow_direction"),
        ("q.csv", r"\[\[gauges\]\] out: discharge"),
        ("height.tif", r"\[attributes.height\]: file"),
        ("rain.nc", r"\[forcing.precipitation\]: file"),
    ],
)
def test_missing_files_name_the_key_that_asks_for_them(small, old, place):
    _, change = small
    with pytest.raises(FileNotFoundError, match=place + r": there is no file .*absent\.tif"):
        change(old, "absent.tif")
