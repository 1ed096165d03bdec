"""Domain files of a distributed hybrid: land, weather, gauges, storage, and their faults."""

import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.config.build_model import properties_of
from gridhydro.config.find import find
from gridhydro.config.load import load
from gridhydro.config.presets import WANG
from gridhydro.inputs.pet import penman_monteith_of_six, pet_of
from gridhydro.model.bed_slope import LEAST
from gridhydro.model.river import River
from gridhydro.nets.correction import SIX
from gridhydro.nets.options import ParameterNetwork
from gridhydro.training.options import SpinUp
from tests.support import small_amazon

NETWORK = "network = { hidden = [8] }"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("amazon")
    small_amazon.write(folder)
    return folder


@pytest.fixture
def change(folder):
    """The setup of the file with one text in place of another."""

    def change(*pairs, **changes):
        text = small_amazon.FILE
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        (folder / "changed.toml").write_text(text)
        return load(folder / "changed.toml", folder, changes)

    return change


def test_domain_file_with_every_section(change):
    setup = change()
    domain, land = setup.domain, setup.land
    assert domain.size == 36 and domain.network.outlets.size == 1
    np.testing.assert_allclose(domain.area, land.area)
    assert list(domain.gauges.index) == list(setup.discharge) == ["out", "east", "west"]
    np.testing.assert_allclose(domain.gauges["network_area_km2"] / 12321, [36, 24, 5], rtol=0.01)
    assert len(setup.attributes) == 21
    series = setup.forcing.dataset(domain)
    training = series.sel(time="2004")
    rain = training["precipitation"].mean("time")
    np.testing.assert_allclose(setup.attributes["prec_avg"], rain, rtol=1e-5)
    # only the days that training and validation need are read
    times = setup.times
    assert times[0] == pd.Timestamp("2004-01-01") - pd.Timedelta(300, "D")
    assert times[-1] == pd.Timestamp("2005-12-31")
    assert setup.storage.tiles.size == 4 and setup.storage.values.shape == (36, 4)
    assert setup.storage.baseline == ("2004-01-01", "2004-12-31")
    assert setup.model.routing == River.hydropy()
    assert setup.model.network == ParameterNetwork("mlp", hidden=(8,))
    assert (setup.training.epochs, setup.training.storage_weight) == (2, 0.5)
    assert setup.training.spinup == SpinUp(300, start="equilibrium")


def test_evapotranspiration_is_that_of_the_method(change, folder):
    with xr.open_dataset(folder / "weather.nc") as weather:
        weather = weather.load()
    import torch

    six = [torch.from_numpy(weather[name].values) for name in SIX]
    expected = penman_monteith_of_six(*six).numpy()
    for method in ("priestley_taylor", "oudin", "penman_monteith"):
        setup = change(('file = "weather.nc"', f'file = "weather.nc"\npet = "{method}"'))
        found = setup.forcing.dataset(setup.domain)["potential_evapotranspiration"]
        assert found.attrs["method"] == method and found.attrs["units"] == "mm d-1"
        own = pet_of(weather, method).sel(time=found["time"])
        np.testing.assert_allclose(setup.domain.pack(found), setup.domain.pack(own), rtol=1e-5)
    days = weather.indexes["time"].get_indexer(pd.DatetimeIndex(found["time"]))
    raster = xr.DataArray(expected[days], own.coords, own.dims)
    np.testing.assert_allclose(
        setup.domain.pack(found), setup.domain.pack(raster), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", WANG)
def test_configurations_of_a_domain_file(change, name):
    """What the file gives itself is kept; a correction brings the series that it reads."""
    setup = change(configuration=name)
    model, training = setup.model, setup.training
    assert (model.configuration, model.column) == (name, "hydropy_ramp")
    network = {"HydroPyNN": "none", "HydroPyNN(Q,S)": "free"}.get(name, "mlp")
    assert model.network.kind == network
    assert model.network.sizes == ((8,) if network == "mlp" else ())
    assert (
        (model.correction == "conv3d")
        == name.endswith("+")
        == (set(SIX) <= {f.name for f in setup.forcing.fields})
    )
    assert training.epochs == 2
    assert training.storage_weight == (0 if name == "Hybrid(Q)" else 0.5)
    without = change(("epochs = 2", ""), configuration=name)
    assert without.training.epochs == (0 if name == "HydroPyNN" else 300)
    assert change(storage_weight=0.3, configuration=name).training.storage_weight == 0.3


def test_weather_of_any_data_set_by_its_own_names(change, folder):
    """As ERA5's daily files have it, by years, against the file with our names."""
    with xr.open_dataset(folder / "weather.nc") as opened:
        own = opened[["temperature", "precipitation"]].load()
    era = own.rename(temperature="t2m", precipitation="tp", time="valid_time")
    era = era.assign(t2m=era["t2m"] + 273.15, tp=era["tp"] / 1000)
    era["t2m"].attrs["units"], era["tp"].attrs["units"] = "K", "m"
    (folder / "era5").mkdir()
    for year, part in era.groupby("valid_time.year"):
        part.to_netcdf(folder / f"era5/{year}.nc")
    first = change(('file = "weather.nc"', 'file = "weather.nc"\npet = "oudin"'))
    text = 'folder = "era5"\nformat = "any"\npet = "oudin"'
    second = change(('file = "weather.nc"', text))
    for name in first.forcing.by_field():
        pair = [one.forcing.by_field()[name] for one in (first, second)]
        np.testing.assert_allclose(*pair, rtol=1e-5, atol=1e-4)
    with pytest.raises(
        ValueError, match=r"\[weather\]: folder: 'files' is not used by format 'any'"
    ):
        change(('file = "weather.nc"', text + '\nfiles = { Tair = "*" }'))
    with pytest.raises(ValueError, match="'reading' is not used by format 'wfdei'"):
        change(('file = "weather.nc"', 'folder = "era5"\nreading = { crs = "EPSG:4326" }'))
    with pytest.raises(ValueError, match="has no series 'x', which names= has for precip"):
        change(
            ('file = "weather.nc"', text + '\n[weather.reading]\nnames = { precipitation = "x" }')
        )


def test_weather_by_variable_and_flow_directions_of_a_raster(change, folder):
    with xr.open_dataset(folder / "weather.nc") as weather:
        warm = weather[["temperature"]] + 273.15
        warm["temperature"].attrs["units"] = "K"
        warm.to_netcdf(folder / "warm.nc")
    codes = np.full((6, 6), 6.0)
    codes[:, -1], codes[-1, -1] = 2, 5
    coords = {"lat": small_amazon.LAT, "lon": small_amazon.LON}
    xr.DataArray(codes, coords, ("lat", "lon"), "ldd").to_netcdf(folder / "ldd.nc")
    files = """pet = "oudin"
[weather.temperature]
file = "warm.nc"
[weather.precipitation]
file = "weather.nc"
variable = "precipitation"
"""
    first, second = (
        change(('file = "weather.nc"\n', 'file = "weather.nc"\npet = "oudin"\n')),
        change(
            ('file = "weather.nc"\n', files),
            (
                "[landsurface]",
                '[domain]\nflow_direction = "ldd.nc"\ncoding = "ldd"\n\n[landsurface]',
            ),
        ),
    )
    assert (first.domain.network.downstream == second.domain.network.downstream).all()
    assert first.forcing.fields == second.forcing.fields
    for name in first.forcing.by_field():
        pair = [one.forcing.by_field()[name] for one in (first, second)]
        np.testing.assert_allclose(*pair, rtol=1e-4, atol=1e-4)


WFDEI = {
    "temperature": ("Tair", "K"), "specific_humidity": ("Qair", "kg kg-1"),
    "surface_pressure": ("PSurf", "Pa"), "wind_speed": ("Wind", "m s-1"),
    "shortwave_radiation": ("SWdown", "W m-2"), "longwave_radiation": ("LWdown", "W m-2"),
    "precipitation": ("Rainf", "kg m-2 s-1"),
}  # fmt: skip
STATION = """# GRDC-No.:              {number}
# River:                 SMALL RIVER
# Station:               MOUTH
# Latitude (DD):       {lat}
# Longitude (DD):      {lon}
# Catchment area (km2):      {area}
# Unit of measure:                  m3/s
# DATA
YYYY-MM-DD;hh:mm; Value
"""


def test_packaged_domain_file_of_the_amazon(change, folder):
    """On a small world in the same layout: WFDEI by year, GRDC text, folders, whole rivers."""
    (folder / "wfdei").mkdir()
    for name, copy in (("landsurface", "hydropy/landsurface"), ("twsa", "grace/twsa")):
        (folder / copy).parent.mkdir()
        shutil.copy(folder / f"{name}.nc", folder / f"{copy}.nc")
    with xr.open_dataset(folder / "weather.nc") as weather:
        for name, (theirs, unit) in WFDEI.items():
            values = weather[name]
            values = values + 273.15 if unit == "K" else values
            values = values / 86400 if theirs == "Rainf" else values
            for year, part in values.groupby("time.year"):
                part = part.rename(theirs).assign_attrs(units=unit)
                part.to_netcdf(folder / "wfdei" / f"{theirs}_WFDEI_{year}.nc")
        snow = (weather["precipitation"] * 0).rename("Snowf").assign_attrs(units="kg m-2 s-1")
        snow.to_netcdf(folder / "wfdei" / "Snowf_WFDEI.nc")
    (folder / "grdc").mkdir()
    discharge = pd.read_csv(folder / "discharge.csv", index_col=0)["east"]
    text = STATION.format(number=3629000, lat=2.5, lon=-57.5, area=295700)
    text += "".join(f"{day[:10]};--:--; {value:.3f}\n" for day, value in discharge.items())
    (folder / "grdc" / "3629000.txt").write_text(text)
    text = find("amazon").read_text()
    for old, new in (
        ('"2003", "2012"', '"2004", "2004"'), ('"2013", "2016"', '"2005", "2005"'),
        ('"2004", "2009"', '"2004", "2004"'), ("spinup = 730", "spinup = 300"),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    (folder / "amazon.toml").write_text(text)
    setup, plain = load(folder / "amazon.toml", folder), change()
    assert list(setup.discharge) == ["3629000"] and setup.domain.size == 36
    assert (setup.training.epochs, setup.training.optimizer.learning_rate) == (300, 0.0005)
    assert setup.model.network.sizes == (256, 64, 16) and setup.model.correction == "conv3d"
    for name in plain.forcing.by_field():
        pair = [one.forcing.by_field()[name] for one in (setup, plain)]
        np.testing.assert_allclose(*pair, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(setup.storage.values, plain.storage.values, rtol=1e-6)
    (folder / "amazon.toml").write_text(text.replace('crop_to = "rivers"', ""))
    assert load(folder / "amazon.toml", folder).domain.size == 24  # to the gauge


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('file = "landsurface.nc"', 'file = "a.nc"', r"\[landsurface\]: file: there is no file"),
        ('attributes = "21"', "", r"no section \[attributes\].*\[landsurface\] attributes ="),
        ('"21"', '["wmean"]', r"\[landsurface\]: attributes: there is no attribute wmean"),
        ("[landsurface]", "[landsurfaces]", "unknown key 'landsurfaces'; did you mean 'landsur"),
        ("[weather]", "[forcing]\n[weather]", r"has \[forcing\] and \[weather\]: keep one"),
        ("[weather]", '[weather]\npet = "penman"', r"\[weather\]: pet: pet is one of 'oudin'"),
        ("[weather]", '[weather]\npet = "hargreaves"', r"\[weather\]: pet: hargreaves needs temp"),
        ("[weather]", '[weather]\nfolder = "b"', "give either a 'folder', or a 'file', or a"),
        ("[weather]", '[weather]\nformat = "wfdei"', "'format' is not used by a file"),
        ("[gauge_table]", "[[gauges]]\n[gauge_table]", r"has \[\[gauges\]\] and \[gauge_table\]"),
        ('["twsa.nc"]', "[]", r"\[grace\]: give either a 'folder' or 'files'"),
        ('["twsa.nc"]', '["x.nc"]', r"\[grace\]: files: there is no file .*x.nc"),
        ('["2004", "2004"]', '["2004", "MM"]', r"\[grace\]: baseline: "),
        ("[grace]", "[grace]\ntile_size = 7.0", r"\[grace\]: tile_size, minimum: tiles of 7"),
        ("[grace]", "[grace]\ntile_size = 6.0\nminimum = 1.0", r"minimum: the domain covers at mo"),
        ('"Hybrid(Q,S)"', '"Hybrid"', r"\[model\]: configuration is one of 'HydroPyNN'"),
        (NETWORK, 'routing = "hydro"', r"routing of a raster is 'hydropy' or 'kinematic_w"),
        (NETWORK, "routing = { name = 'mizu' }", r"\[model.routing\]: name is one of 'hydropy'"),
        (NETWORK, "routing = { learned = 'speed' }", r"\[model.routing\]: learned is one of"),
        (NETWORK, "network = 'cnn'", r"\[model.network\]: network is one of 'mlp'"),
        (NETWORK, "network = { seed = 1 }", r"\[model.network\]: 'seed' is no key here: the first"),
        (NETWORK, "network = { history = 5 }", r"'history' is no key here: it is made of the"),
        (NETWORK, "hidden = [8]", r"\[model\]: 'hidden' is written network = { hidden = ... } now"),
        (NETWORK, 'river = "hydropy"', r"\[model\]: 'river' is written routing now"),
        ("spinup = 300", "spinup = 400", r"days from 2002-11-27 to 2005-12-31, but \[weather\]"),
        ("2005-12-31", "2006-12-31", r"need days .* to 2006-12-31, but \[weather\] goes from"),
        ("epochs = 2", "storage_weight = 1.5", r"storage_weight is a number from 0 to 1"),
    ],
)  # fmt: skip
def test_faults_of_a_raster_domain_file_are_refused(change, old, new, message):
    with pytest.raises((ValueError, FileNotFoundError), match=r"changed\.toml.*" + message):
        change((old, new))


def test_faults_of_the_data_of_a_domain_file_are_refused(change, folder):
    def written(name, data):
        data.to_netcdf(folder / name)

    land, rng = small_amazon.land(), np.random.default_rng(0)
    written("bare.nc", land.drop_vars("wava"))
    with pytest.raises(ValueError, match=r"\[landsurface\]: file: .*bare.nc lacks wava"):
        change(("landsurface.nc", "bare.nc"))
    written("norivers.nc", land.drop_vars("rout_lat"))
    with pytest.raises(
        ValueError, match=r"\[landsurface\]: file: the land surface has no rout_lat"
    ):
        change(("landsurface.nc", "norivers.nc"))
    hole = land["wcap"].copy()
    hole[1, 2] = np.nan
    written("hole.nc", land.assign(wcap=hole))
    with pytest.raises(ValueError, match=r"\[landsurface\]: 'wcap' .*missing in 1 of 36 cells"):
        change(("landsurface.nc", "hole.nc"))

    sky = small_amazon.weather(rng)
    written("short.nc", sky.isel(lon=slice(1, None)))
    with pytest.raises(ValueError, match=r"\[weather\]: file: .*does not reach 6 of 36 cells"):
        change(('"weather.nc"', '"short.nc"'))
    gap = sky.copy(deep=True)
    gap["wind_speed"][600, 2, 3] = np.nan
    written("gap.nc", gap)
    message = r"\[weather\]: file: wind_speed is missing on 2004-08-23 in .*1 of 37116 values"
    with pytest.raises(ValueError, match=message):
        change(('"weather.nc"', '"gap.nc"'))
    written("dry.nc", sky.drop_vars("precipitation"))
    with pytest.raises(ValueError, match=r"\[weather\]: lacks precipitation, and has temperature"):
        change(('"weather.nc"', '"dry.nc"'))

    with xr.open_dataset(folder / "twsa.nc") as twsa:
        twsa = twsa.load()
    bare = twsa.copy(deep=True)
    del bare["twsa"].attrs["units"]
    written("bare_twsa.nc", bare)
    with pytest.raises(ValueError, match=r"\[grace\]: files: .*bare_twsa.nc: 'twsa' has no units"):
        change(("twsa.nc", "bare_twsa.nc"))
    metres = twsa.copy(deep=True)
    metres["twsa"].attrs["units"] = "m"
    written("metres.nc", metres)
    with pytest.raises(ValueError, match=r"\[grace\]: files: .*says 'm', but would vary by .* mm"):
        change(("twsa.nc", "metres.nc"))

    table = (folder / "gauges.csv").read_text()
    (folder / "sea.csv").write_text(table.replace("0.5", "-9.5"))
    with pytest.raises(ValueError, match=r"\[gauge_table\]: gauge 'out' at .* outside the raster"):
        change(("gauges.csv", "sea.csv"))
    (folder / "more.csv").write_text(table + "north,-60.5,3.5\n")
    with pytest.raises(ValueError, match=r"\[gauge_table\]: discharge: .*no column 'north'"):
        change(("gauges.csv", "more.csv"))


def test_missing_sections_of_a_domain_file_are_named(change):
    land = '[landsurface]\nfile = "landsurface.nc"\nattributes = "21"'
    domain = '[domain]\nflow_direction = "landsurface.nc"\nvariable = "lsm"\ncoding = "ldd"'
    with pytest.raises(ValueError, match=r"has no section \[domain\]"):
        change((land, ""))
    message = r"column = 'hydropy_ramp' needs soil_capacity, .*add a section \[landsurface\]"
    with pytest.raises(ValueError, match=message):
        change((land, domain))
    with pytest.raises(ValueError, match=r"routing = 'hydropy' needs a section \[landsurface\]"):
        change((land, domain), ("network", 'column = "hbv"\nnetwork'))
    grace = '[grace]\nfiles = ["twsa.nc"]\nbaseline = ["2004", "2004"]'
    message = r"\[training\]: storage_weight is 0.5, but there is no section \[grace\]"
    with pytest.raises(ValueError, match=message):
        change((grace, ""))
    assert change((grace, ""), configuration="Hybrid(Q)").storage is None
    with pytest.raises(ValueError, match="a fold is chosen, but there is no 'split'"):
        change(fold=1)
    message = r"\[model\]: the river's reach needs the slope of its bed: add elevation to"
    channels = 'column = "hbv"\nrouting = "muskingum_cunge"\nnetwork'
    with pytest.raises(ValueError, match=message):
        change((land, domain), ("network", channels))
    # HydroPy's rivers, with its own total water storage
    setup = change(("network", "routing = { name = 'hydropy', transit = false }\nnetwork"))
    assert setup.model.routing == River.hydropy(transit=False) != River.hydropy()
    # channels, whose bed falls as the land surface does
    text = "routing = { name = 'muskingum_cunge', substeps = 8 }\nnetwork"
    setup = change(("network", text))
    assert setup.model.routing == River(substeps=8, reach="muskingum_cunge")
    with pytest.warns(UserWarning, match=r"of 36 cells fall by less than 0\.0001"):
        slope = properties_of(setup)["river_slope"]
    assert slope.shape == (36,) and slope.min() == LEAST
    # or as an attribute of its own does, in the unit that is said
    height = '[attributes.elevation]\nfile = "landsurface.nc"\nvariable = "srftopo"'
    with pytest.raises(ValueError, match=r"elevation\]: say its unit, such as units = \"m\""):
        properties_of(change((grace, f"{height}\n{grace}"), ("network", text)))
    said = f'{height}\nunits = "m"\n{grace}'
    with pytest.warns(UserWarning, match=r"of 36 cells fall by less than 0\.0001"):
        again = properties_of(change((grace, said), ("network", text)))["river_slope"]
    np.testing.assert_allclose(again, slope, rtol=1e-5)
    # another column on the same land
    setup = change(("network", 'column = "hbv"\nrouting = {}\nnetwork'))
    assert [f.name for f in setup.forcing.fields] == [
        "precipitation",
        "temperature",
        "potential_evapotranspiration",
    ]
