"""Basins datasets of polygons and gridded weather."""

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

import gridhydro as gh
from gridhydro import basins, io
from gridhydro.base.units import depth_of_flow
from gridhydro.cli import main
from gridhydro.config.load import load
from gridhydro.domain.check import DomainWarning

pytest.importorskip("exactextract", reason="the extra polygons is not installed")
DAYS = pd.date_range("2001-01-01", periods=40, name="time")
LAT, LON = np.arange(49.5, 45, -1), np.arange(5.5, 12)


def weather() -> xr.Dataset:
    rng = np.random.default_rng(0)
    shape = DAYS.size, LAT.size, LON.size
    dims = ("time", "lat", "lon")
    return xr.Dataset(
        {
            "pr": (dims, rng.gamma(0.5, 5, shape) / 86400, {"units": "kg m-2 s-1"}),
            "tas": (dims, 280 + rng.normal(0, 3, shape), {"units": "K"}),
        },
        {"time": DAYS, "lat": LAT, "lon": LON},
    )


def polygons() -> geopandas.GeoDataFrame:
    # one in a cell, one over four halves of cells, overlapping
    shapes = [shapely.box(6.2, 47.2, 6.6, 47.6), shapely.box(6.5, 47, 8.5, 49)]
    columns = {"gauge_id": ["small", "large"], "slope": [0.1, 0.2], "rock": ["lime", "clay"]}
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")


def flow() -> pd.DataFrame:
    return pd.DataFrame({"large": np.linspace(100, 500, 40), "other": 1.0}, DAYS)


def test_a_basins_dataset_is_what_the_readers_of_basins_give(tmp_path):
    given = weather()
    with pytest.warns(UserWarning, match="no discharge of 1 polygons: small"):
        data = basins.from_polygons(polygons(), given, discharge=flow(), columns=["slope", "rock"])
    area = data["area"].values
    rain = 86400 * given["pr"].values
    assert data["precipitation"].values[:, 0] == pytest.approx(rain[:, 2, 1], rel=1e-6)
    rows = np.cos(np.radians([48.5, 47.5]))  # bands of a degree, almost
    parts = np.outer(rows, [0.5, 1, 0.5])
    mean = (rain[:, 1:3, 1:4] * parts).sum((1, 2)) / parts.sum()
    assert data["precipitation"].values[:, 1] == pytest.approx(mean, rel=1e-3)
    assert data["temperature"].values[:, 0] == pytest.approx(
        given["tas"].values[:, 2, 1] - 273.15, abs=1e-3
    )
    assert np.isnan(data["discharge"].values[:, 0]).all()
    depth = flow()["large"].to_numpy() * depth_of_flow(area[1])
    assert data["discharge"].values[:, 1] == pytest.approx(depth, rel=1e-6)
    assert data["latitude"].values == pytest.approx([47.4, 48], abs=0.02)
    io.write_basins(data, tmp_path / "basins.nc")
    again = io.read_basins(tmp_path / "basins.nc")
    xr.testing.assert_allclose(again[list(data)].load(), data.load(), rtol=1e-6)
    parts = basins.of_dataset(again, pet="oudin")
    assert set(parts.attributes) == {"slope", "rock: clay", "rock: lime"}


@pytest.mark.parametrize("units", ["m3 s-1", "mm d-1", "ft3 s-1"])
def test_discharge_comes_in_its_own_unit_from_tables_and_files(tmp_path, units):
    given, table = weather(), flow()[["large"]].assign(small=2.0)
    data = basins.from_polygons(polygons(), given, discharge=table, units=units)
    table.to_csv(tmp_path / "q.csv")
    filed = basins.from_polygons(polygons(), given, discharge=tmp_path / "q.csv", units=units)
    factor = {"m3 s-1": 1, "ft3 s-1": 0.3048**3}.get(units)
    per_area = 1 if factor is None else factor * depth_of_flow(data["area"].values)
    expected = table[["small", "large"]].to_numpy() * per_area
    for one in (data, filed):
        assert one["discharge"].values == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("discharge", "message"),
    [
        (flow().rename(columns={"large": "L"}), "discharge is of L, other, the polygons are"),
        (flow().set_axis(DAYS + pd.Timedelta("3650D")), "no day in common"),
        (flow().replace(100.0, -999.0), "-999"),
        (flow().astype(str).replace("100.0", "dry"), "'dry' on 2001-01-01 at gauge large"),
        ([1, 2], "discharge is a list"),
        (pd.concat([flow(), flow()], axis=1), "discharge has 'large' twice"),
    ],
)
def test_discharge_that_is_none_is_refused(discharge, message):
    with pytest.raises(ValueError, match=message):
        basins.from_polygons(polygons(), weather(), discharge=discharge, select=["large"])


def test_a_file_of_discharge_of_others_is_refused(tmp_path):
    flow().rename(columns={"large": "L"}).rename_axis("date").to_csv(tmp_path / "q.csv")
    with pytest.raises(ValueError, match=r"q\.csv has the columns date, L, other, none of small"):
        basins.from_polygons(polygons(), weather(), discharge=tmp_path / "q.csv")


def test_attributes_come_of_rasters_in_their_own_reference_systems(tmp_path):
    lat, lon = np.arange(49.95, 46, -0.1), np.arange(5.05, 10, 0.1)
    field = xr.DataArray(
        np.outer(np.ones(lat.size), lon), {"lat": lat, "lon": lon}, ("lat", "lon"), name="east"
    )
    rotated = field.rename(lat="y", lon="x").rio.write_crs("EPSG:4326").rio.reproject(3035)
    rotated.rio.to_raster(tmp_path / "east.tif")
    classes = xr.where(field < 7.5, 3.0, 9.0)
    rare = xr.where((field < 6.55) & (field["lat"] < 47.1), 1.0, classes)
    data = basins.from_polygons(
        polygons(), weather(), select=["large"],
        attributes={
            "east": field, "moved": tmp_path / "east.tif",
            "cover": basins.Layer(rare, "fraction"),
            "aspect": basins.Layer(xr.where(field < 7.5, 350.0, 30.0), "direction"),
        },
    )  # fmt: skip
    found = {name: data[name].item() for name in data if data[name].dims == ("gauge",)}
    assert found["east"] == pytest.approx(7.5, abs=1e-6)
    assert found["moved"] == pytest.approx(7.5, abs=0.02)
    # a class of 0.25 % is left out
    assert "cover_1" not in found
    assert [found["cover_3"], found["cover_9"]] == pytest.approx([0.5, 0.5], abs=0.005)
    angle = np.degrees(np.arctan2(found["aspect_eastness"], found["aspect_northness"]))
    assert angle == pytest.approx(10, abs=1e-6)
    with pytest.raises(ValueError, match="how is one of"):
        basins.from_polygons(polygons(), weather(), {"a": basins.Layer(field, "median")})
    with pytest.raises(ValueError, match=r"no column 'height', but gauge_id, slope, rock"):
        basins.from_polygons(polygons(), weather(), columns=["height"])


def test_nothing_is_read_before_it_is_used(monkeypatch):
    given, read = weather(), []
    from gridhydro.domain.layers import Layers

    whole = Layers.read
    monkeypatch.setattr(
        Layers, "read", lambda own, block: read.append(block["time"]) or whole(own, block)
    )
    data = basins.from_polygons(polygons(), given)
    assert read == [slice(0, 1)] * 2  # the first day of each series: where there are data
    del read[:]
    window = data["precipitation"].isel(time=slice(7, 9)).values
    assert read == [slice(7, 9)]
    assert data["precipitation"].values[7:9] == pytest.approx(window)


def test_the_command_writes_what_a_domain_file_trains_on(tmp_path, capsys):
    polygons().to_crs("EPSG:3035").to_file(tmp_path / "basins.gpkg")
    for name, series in weather().items():
        series.to_dataset(name=name).to_netcdf(tmp_path / f"{name}.nc")
    flow()[["large"]].assign(small=2.0).to_csv(tmp_path / "q.csv")
    out = str(tmp_path / "basins.nc")
    command = [
        "basins", "--polygons", str(tmp_path / "basins.gpkg"), "--forcing",
        str(tmp_path / "pr.nc"), str(tmp_path / "tas.nc"), "--columns", "slope", "--discharge",
        str(tmp_path / "q.csv"), "--period", "2001-01-01", "2001-02-05", "--out", out,
    ]  # fmt: skip
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "2 basins, 2001-01-01 to 2001-02-05: precipitation, temperature, slope" in said
    (tmp_path / "basins.toml").write_text(
        '[basins]\nformat = "netcdf"\npath = "basins.nc"\npet = "oudin"\nattributes = ["slope"]\n'
        '[model]\ncolumn = "hbv"\n[training]\nperiod = ["2001-01-21", "2001-02-05"]\nspinup = 20\n'
    )
    setup = load(tmp_path / "basins.toml", tmp_path)
    assert list(setup.domain.gauges.index) == ["small", "large"]
    # the same of the polygons themselves, as keys of the domain file
    (tmp_path / "polygons.toml").write_text(
        '[basins]\npolygons = { file = "basins.gpkg", columns = ["slope"] }\ndischarge = "q.csv"\n'
        'forcing = ["pr.nc", "tas.nc"]\nperiod = ["2001-01-01", "2001-02-05"]\npet = "oudin"\n'
        '[model]\ncolumn = "hbv"\n[training]\nperiod = ["2001-01-21", "2001-02-05"]\nspinup = 20\n'
    )
    again = load(tmp_path / "polygons.toml", tmp_path)
    xr.testing.assert_allclose(again.forcing.load(), setup.forcing.load(), rtol=1e-6)
    xr.testing.assert_allclose(again.discharge, setup.discharge, rtol=1e-6)
    assert again.attributes["slope"].tolist() == setup.attributes["slope"].tolist()
    assert main([*command[:-1], str(tmp_path / "basins.csv")]) == 1
    assert "a file .nc or a store .zarr" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('polygons = "basins.gpkg"', r"\[basins\]: polygons go with a 'forcing'"),
        ('polygons = "b.gpkg"\nforcing = "pr.nc"', r"\[basins\]: there is nothing at .*b\.gpkg"),
        ('polygons = "basins.gpkg"\nforcing = "w/*.nc"', r"\[basins\]: there is no file .*w/"),
        ('polygons = "basins.gpkg"\nformat = "netcdf"', r"\[basins\]: give either 'format' and"),
        ('polygons = "basins.gpkg"\ncountry = "gb"', r"'country' is not used by polygons"),
        ('format = "netcdf"\npath = "a.nc"\nrasters = {}', r"'rasters' is not used by format = "),
        ('format = "polygons"\npath = "basins.gpkg"', "format is one of camels_us, "),
        ('pet = "oudin"', r"missing 'format' with its 'path', or 'polygons'"),
        (
            'polygons = "basins.gpkg"\nforcing = "pr.nc"\nrasters.dem = "dem.tif"',
            r"\[basins\]: rasters: dem: there is no file .*dem\.tif",
        ),
        (
            'polygons = "basins.gpkg"\nforcing = "pr.nc"\nrasters.dem = { raster = "d", hw = "a" }',
            r"\[basins\.rasters\.dem\]: unknown key 'hw'; did you mean 'how'",
        ),
        ('polygons = "basins.gpkg"\nforcing = "pr.nc"\nrasters.dem = 3', r"no file .*3"),
        ('polygons = "basins.gpkg"\nforcing = 3', r"\[basins\]: there is no file .*3"),
    ],
)  # fmt: skip
def test_keys_that_do_not_fit_are_refused(tmp_path, keys, message):
    polygons().to_file(tmp_path / "basins.gpkg")
    weather()[["pr"]].to_netcdf(tmp_path / "pr.nc")
    training = '[training]\nperiod = ["2001-01-21", "2001-02-05"]\n'
    (tmp_path / "a.toml").write_text(f"[basins]\n{keys}\n{training}")
    with pytest.raises((ValueError, FileNotFoundError), match=message) as refused:
        load(tmp_path / "a.toml", tmp_path)
    assert str(refused.value).startswith(str(tmp_path / "a.toml"))


def test_the_rhine_by_hand(data):
    """ERA5 on the HydroBASINS polygon, against weights of a raster a hundred times finer."""
    folder = data("ewatercycle/OBS6_ERA5_reanaly_1_day_pr_2000-2000.nc").parent
    with pytest.warns(DomainWarning, match=r"2040023010 94.0%"):
        found = basins.from_polygons(folder / "Rhine", folder / "OBS6*.nc", columns=["ORDER"])
    with xr.open_dataset(folder / "OBS6_ERA5_reanaly_1_day_pr_2000-2000.nc") as own:
        rain = own["pr"].load()
    shape = geopandas.read_file(folder / "Rhine").geometry[0]
    fine = np.arange(-0.1125, 0.12, 0.025)  # within a cell
    lon, lat = (np.add.outer(rain[d].values, fine).ravel() for d in ("lon", "lat"))
    inside = shapely.contains_xy(shape, *np.meshgrid(lon, lat)).reshape(rain.lat.size, 10, -1, 10)
    weights = inside.mean((1, 3)) * np.cos(np.radians(rain.lat.values))[:, None]
    weights = np.where(np.isfinite(rain[0]), weights, 0)
    mean = 86400 * (rain.fillna(0).values * weights).sum((1, 2)) / weights.sum()
    # points of a hundredth of a cell miss a few per mille of cells along the divide
    assert found["precipitation"].values[:, 0] == pytest.approx(mean, rel=2e-3, abs=2e-3)
    assert found["area"].item() == pytest.approx(163_646, rel=1e-4)


def test_a_run_is_a_map_of_its_polygons():
    table = flow()[["large"]].assign(small=2.0)
    data = basins.from_polygons(polygons(), weather(), discharge=table)
    parts = basins.of_dataset(data, pet="oudin")
    model = gh.Model(parts.domain, "hbv", network="free", routing=gh.UnitHydrograph())
    run = gh.Run.of(model, parts.forcing)
    found = run.to_geodataframe("basins", polygons=polygons()[::-1])
    assert found["name"].tolist() == ["small", "large"]
    assert shapely.equals(found.geometry.values, polygons().geometry.values).all()
    for name, values in run.parameters.items():
        assert found[name].tolist() == pytest.approx(values.values.tolist())
    assert run.to_geodataframe("gauges")["FC"].tolist() == found["FC"].tolist()
    with pytest.raises(ValueError, match="lumped basins have no cells"):
        run.to_geodataframe("cells")


@pytest.mark.end_to_end
def test_the_moselle_from_its_outline_alone(data, tmp_path):
    """Flow directions to a basin, a basin to weather and discharge, these to a model that fits."""
    directions = io.open_raster(data("mhm_moselle/morph/fdir.asc"), crs="EPSG:3035")
    domain = gh.delineate(
        directions, 6.3664, 49.4774, coding="esri", name="398", area_km2=11522, snap=True
    )
    domain.to_geodataframe("basins").to_file(tmp_path / "moselle.gpkg")
    meteo = data("mhm_moselle/meteo")
    made = basins.from_polygons(
        tmp_path / "moselle.gpkg", [meteo / "pre", meteo / "tavg", meteo / "pet"],
        {"elevation": basins.Layer(data("mhm_moselle/morph/dem.asc"), crs="EPSG:3035")},
        io.read_discharge(data("mhm_moselle/gauge/00398.txt"), "398").to_frame(),
        reading=io.Reading(crs="EPSG:3035", cell_reference="upper_left"),
    )  # fmt: skip
    heights = io.read_raster(data("mhm_moselle/morph/dem.asc"), crs="EPSG:3035")
    expected = heights.sel(
        x=xr.DataArray(domain.x[domain.col]), y=xr.DataArray(domain.y[domain.row])
    )
    assert made["elevation"].item() == pytest.approx(float(expected.mean()), rel=1e-6)
    assert made["area"].item() == pytest.approx(domain.area.sum() / 1e6, rel=1e-6)
    parts = basins.of_dataset(made, pet="given")
    (tmp_path / "moselle.toml").write_text(f"""
        [basins]
        polygons = "moselle.gpkg"
        forcing = ["{meteo}/pre", "{meteo}/tavg", "{meteo}/pet"]
        reading = {{ crs = "EPSG:3035", cell_reference = "upper_left" }}
        rasters.elevation = {{ raster = "{data("mhm_moselle/morph/dem.asc")}", crs = "EPSG:3035" }}
        discharge = "{data("mhm_moselle/gauge/00398.txt")}"
        pet = "given"
        [training]
        period = ["1990", "1992"]
    """)
    setup = load(tmp_path / "moselle.toml", tmp_path)
    xr.testing.assert_identical(setup.forcing.load(), parts.forcing.load())
    xr.testing.assert_equal(setup.discharge, parts.discharge)
    assert setup.attributes["elevation"] == parts.attributes["elevation"]
    model = gh.Model(parts.domain, "hbv", network="free", routing=gh.UnitHydrograph())
    run = gh.train(
        model, parts.forcing, parts.discharge, period=("1990", "1992"), spinup=365, epochs=25,
        optimizer=gh.Optimizer(learning_rate=0.1),
    )  # fmt: skip
    # a lumped HBV reaches 0.94 here
    assert run.evaluate(parts.discharge, ("1993", "1993"))["kge"].item() > 0.85
    found = run.to_geodataframe("basins", polygons=tmp_path / "moselle.gpkg")
    assert found.area.item() / 1e6 == pytest.approx(11522, rel=0.02)
