"""Domain files of vector networks: [network], values by reach, rasters over unit basins."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.config.check_domain import check_domain
from gridhydro.config.load import load
from gridhydro.io import read_reaches
from tests.support.small_world import small_world
from tests.support.vector_networks import cells_as_reaches

FILE = """
[network]
file = "net.gpkg"
columns = { id = "seg", downstream = "to", length = "length_m", area = "area_m2", slope = "slope" }

[gauge_table]
file = "gauges.csv"
discharge = "discharge.csv"

[attributes]
slope = { file = "table.csv", key = "seg", units = "degree" }
sand = { file = "attributes.nc", variable = "sand_fraction", missing = -1.0 }
forest = { file = "classes.tif", how = "fraction" }

[forcing]
precipitation = { file = "precipitation.nc" }
temperature = { file = "rasters.nc", variable = "temperature" }
potential_evapotranspiration = { constant = 1.5, units = "mm d-1" }

[model]
column = "hbv"
network = { hidden = [4] }
routing = "kinematic_wave"

[training]
period = ["2001-03", "2001-04"]
spinup = 10
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of the small catchment by reach, and its raster domain with the id of each cell."""
    place = tmp_path_factory.mktemp("network")
    domain, attributes, forcing, discharge = small_world()
    table, ids = cells_as_reaches(domain)
    table["slope"] = 2e-3
    table.to_file(place / "net.gpkg", engine="pyogrio")
    slope, sand = (domain.pack(attributes[name]) for name in ("slope", "sand_fraction"))
    pd.DataFrame({"seg": ids, "slope": slope}).to_csv(place / "table.csv", index=False)
    by_reach = {"reach": ids}, "reach"
    xr.Dataset({"sand_fraction": xr.DataArray(sand, *by_reach)}).to_netcdf(place / "attributes.nc")
    forcing = forcing.isel(time=slice(150))
    rain = domain.pack(forcing["precipitation"])[:, ::-1]
    coords = {"time": forcing["time"], "seg": ids[::-1]}
    rain = xr.DataArray(rain, coords, ("time", "seg"), "rain", {"units": "mm d-1"})
    rain.to_netcdf(place / "precipitation.nc")
    forcing[["temperature"]].to_netcdf(place / "rasters.nc")
    classes = (attributes["slope"] > 5).astype(np.float32).rio.write_crs(domain.crs)
    classes.rio.to_raster(place / "classes.tif")
    gauges = domain.gauges.reset_index()[["name", "area_km2"]]
    gauges.assign(reach=ids[domain.gauge_cells]).to_csv(place / "gauges.csv", index=False)
    discharge.iloc[:150].rename_axis("date").to_csv(place / "discharge.csv")
    (place / "vector.toml").write_text(FILE)
    return place, domain, ids


def test_domain_file_of_a_vector_network(folder):
    place, raster, ids = folder
    setup = load(place / "vector.toml", place)
    domain = setup.domain
    assert domain.reaches is not None and domain.size == raster.size
    at = domain.reaches.places(ids)
    _, attributes, forcing, _ = small_world()
    for name in ("slope", "sand"):
        theirs = raster.pack(attributes["sand_fraction" if name == "sand" else name])
        np.testing.assert_allclose(domain.pack(setup.attributes[name])[at], theirs)
    classes = [name for name in setup.attributes if name.startswith("forest")]
    assert len(classes) == 2  # a class for each side of 5 degrees
    whole = sum(domain.pack(setup.attributes[name]) for name in classes)
    np.testing.assert_allclose(whole, 1)
    rain, temperature, demand = setup.forcing.values[:, :, at].numpy()
    np.testing.assert_allclose(rain, raster.pack(forcing["precipitation"])[:150], rtol=1e-6)
    # squares of the raster's own cells: the mean over one is its value
    np.testing.assert_allclose(temperature, raster.pack(forcing["temperature"])[:150], atol=1e-4)
    assert (demand == 1.5).all()
    assert list(setup.discharge) == list(raster.gauges.index)

    _, report = check_domain(place / "vector.toml", place)
    assert report.good, str(report)


def test_forcing_of_reaches_that_stays_in_its_files_is_the_same(folder):
    place, _, _ = folder
    text = FILE.replace("constant = 1.5, units = ", 'file = "rasters.nc", variable = "e", units = ')
    forcing = small_world()[2].isel(time=slice(150))
    both = forcing[["temperature", "potential_evapotranspiration"]]
    both.rename(potential_evapotranspiration="e").to_netcdf(place / "both.nc")
    (place / "files.toml").write_text(text.replace("rasters.nc", "both.nc"))
    held = load(place / "files.toml", place).forcing
    lazy = load(place / "files.toml", place, cache=True).forcing
    days = slice(20, 40)
    np.testing.assert_array_equal(lazy.block(days).numpy(), held.block(days).numpy())


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('key = "seg"', 'key = "id"', r"\[attributes.slope\].* has no column 'id', but seg, slope"),
        ('"net.gpkg"', '"nothing.gpkg"', r"\[network\]: file: there is no file"),
        ("layout_of = 1", 'layot = "a"', "did you mean 'layout'"),
        ("[gauge_table]", '[domain]\ncoding = "ldd"\n[gauge_table]', r"\[domain\] is of a raster"),
        (
            'length = "length_m"',
            'lenth = "length_m"',
            r"\[network\]: the columns of reaches are id",
        ),
        (
            'id = "seg"',
            'id = "SEG"',
            r"\[network\]: the reaches have no column 'SEG' \(id\), but seg",
        ),
    ],
)
def test_what_is_wrong_is_named_by_section(folder, old, new, sentence):
    place, _, _ = folder
    text = FILE.replace(old, new) if old in FILE else FILE.replace("[network]", f"[network]\n{new}")
    (place / "wrong.toml").write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=sentence):
        load(place / "wrong.toml", place)


def test_rasters_need_the_polygons_of_unit_basins(folder):
    place, _, _ = folder
    read_reaches(place / "net.gpkg").drop(columns="geometry").to_csv(place / "net.csv", index=False)
    (place / "csv.toml").write_text(FILE.replace("net.gpkg", "net.csv"))
    with pytest.raises(
        ValueError, match=r"averaged over the unit basins of reaches, and their pol"
    ):
        load(place / "csv.toml", place)
