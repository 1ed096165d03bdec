"""The generated globe on a small network made by hand: rivers at any resolution, weather by blocks,
a folder that its domain file reads."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from gridhydro.cli import main
from gridhydro.config.check_domain import check_domain
from gridhydro.config.find import find
from gridhydro.config.load import load
from gridhydro.domain.domain import Domain
from gridhydro.inputs.stream import Stream
from gridhydro.synthetic import globe_folder
from gridhydro.synthetic.globe import SPINUP, make_globe
from gridhydro.synthetic.globe_folder import write_globe
from gridhydro.synthetic.globe_network import parents, read_network, refined

PARTS = 3


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Land from 20 to 80 degrees north of cells of 10 degrees. Pairs of columns drain south, the
    eastern one west into its neighbour half way; the last pair lies across the date line."""
    lat, lon = np.arange(85.0, -90, -10), np.arange(-175.0, 180, 10)
    codes = np.full((18, 36), np.nan)
    codes[1:7, 1:-4] = 2
    codes[1:7, [-1, 0]] = 2
    codes[4:7, 2:-4:2] = np.nan
    codes[3, 2:-4:2], codes[3, 0], codes[4:7, 0] = 4, 4, np.nan
    codes[6][~np.isnan(codes[6])] = 5
    fields = {
        "flow_direction": codes,
        "river_slope": np.where(np.isnan(codes), np.nan, 5e-4),
        "river_length": np.full(codes.shape, 1000.0),
    }
    path = tmp_path_factory.mktemp("network") / "rivers.nc"
    data = {name: (("lat", "lon"), values) for name, values in fields.items()}
    xr.Dataset(data, {"lat": lat, "lon": lon}).to_netcdf(path)
    return path


@pytest.fixture(scope="module")
def world(network):
    return make_globe(network, 10 / PARTS, 1, seed=3)


def test_a_finer_network_keeps_basins_and_lengths(network):
    coarse, _ = read_network(network)
    directions, steps = refined(coarse, PARTS, np.random.default_rng(0))
    fine = Domain.from_d8(directions, "ldd")
    parent = parents(fine, coarse, PARTS)
    assert fine.size == PARTS**2 * coarse.size and not fine.report.warnings
    assert np.array_equal(np.bincount(parent), np.full(coarse.size, PARTS**2))
    assert np.array_equal(parent[fine.network.basin], coarse.network.basin[parent])
    assert fine.area.sum() == pytest.approx(coarse.area.sum())
    # from the middle of a cell it is PARTS times as many steps to the mouth
    middle = (fine.row % PARTS == PARTS // 2) & (fine.col % PARTS == PARTS // 2)
    depth = [n.level_start.size - n.level for n in (fine.network, coarse.network)]
    assert np.array_equal(depth[0][middle] - 2, PARTS * (depth[1][parent[middle]] - 2))
    assert steps[fine.row, fine.col][middle].max() == 0 and steps.max() >= 1


@pytest.mark.parametrize("resolution", [5.0, 20.0, 3.0])
def test_a_resolution_that_rivers_cannot_follow_is_refused(network, resolution):
    with pytest.raises(ValueError, match=r"should be .* an odd number: 10, 3.333, 2, 1.429, ..."):
        make_globe(network, resolution, 1)


def test_a_file_that_is_no_network_is_refused_by_name(tmp_path):
    xr.Dataset({"flow_direction": (("lat", "lon"), np.ones((2, 2)))}).to_netcdf(tmp_path / "a.nc")
    with pytest.raises(ValueError, match=r"a\.nc: lacks river_slope, river_length"):
        make_globe(tmp_path / "a.nc")
    with pytest.raises(FileNotFoundError, match=r"b\.nc"):
        make_globe(tmp_path / "b.nc")


def test_weather_of_a_block_is_that_of_the_record(world):
    whole = world.weather.days(slice(0, 40))
    parts = [world.weather.days(slice(first, first + 8)) for first in range(0, 40, 8)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-5, atol=1e-5)
    cells = np.array([5, 2, 90])
    torch.testing.assert_close(world.weather.days(slice(3, 9), cells), whole[:, 3:9][..., cells])
    assert (whole[[0, 2]] >= 0).all() and whole[0].std() > 1 and whole[1].std() > 3


def test_weather_has_the_climate_of_the_attributes(world):
    year = world.weather.days(slice(SPINUP, SPINUP + 365))
    rain = year[0].mean(0).numpy() * 365 / world.attributes["mean_precipitation"]
    assert 0.9 < np.median(rain) < 1.1
    warm = year[1].mean(0).numpy() - world.attributes["mean_temperature"]
    assert abs(np.median(warm)) < 1
    january, july = year[1, :31].mean(0), year[1, 181:212].mean(0)
    assert (july > january)[torch.from_numpy(world.domain.lonlat[1] > 30)].all()


def test_the_seed_decides_all_but_the_rivers(network, world):
    again = make_globe(network, 10 / PARTS, 1, seed=3)
    other = make_globe(network, 10 / PARTS, 1, seed=4)
    assert torch.equal(again.weather.days(slice(7, 9)), world.weather.days(slice(7, 9)))
    pd.testing.assert_frame_equal(again.gauges, world.gauges)
    for name, values in world.parameters.items():
        assert np.array_equal(values, again.parameters[name]), name
    assert not np.array_equal(other.parameters["FC"], world.parameters["FC"])
    assert not torch.equal(other.weather.days(slice(7, 9)), world.weather.days(slice(7, 9)))


def test_gauges_of_held_out_basins_have_no_trained_neighbour(world):
    basin = world.domain.network.basin[world.domain.gauge_cells]
    use = world.gauges["use"].to_numpy()
    assert {"trained", "basin"} <= set(use) <= {"trained", "basin", "gauge"}
    assert not set(basin[use == "basin"]) & set(basin[use != "basin"])
    assert set(basin[use == "gauge"]) <= set(basin[use == "trained"])
    assert [name[0] for name in world.gauges.index] == [
        {"trained": "G", "basin": "B", "gauge": "H"}[one] for one in use
    ]


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory):
    out = tmp_path_factory.mktemp("globe") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(globe_folder, "_MOST", 100)  # blocks of a year do not end with it
        main(["synthetic", "globe", "--network", str(network), "--resolution", "3.33333",
              "--years", "1", "--seed", "3", "--out", str(out)])  # fmt: skip
    return out


def test_the_domain_file_that_comes_with_gridhydro_reads_the_folder(folder, world, tmp_path):
    text = find("globe").read_text()
    held = [name for name in world.gauges.index if name[0] in "BH"]
    for old, new in (
        ('"2002", "2006"', '"2001-03", "2001-09"'), ('"2007", "2010"', '"2001-10", "2001-12"'),
        ("warmup = 365", "warmup = 59"), (re.search(r"(?s)held_out = \[.*\]", text)[0],
                                          f"held_out = {held}"),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "globe.toml").write_text(text)
    setup, report = check_domain(tmp_path / "globe.toml", folder)
    assert report.errors == []
    assert np.array_equal(setup.domain.network.downstream, world.domain.network.downstream)
    assert list(setup.domain.gauges.index) == list(world.gauges.index)
    values = world.weather.days(slice(SPINUP, SPINUP + 365))
    assert [field.name for field in setup.forcing.fields] == [
        "precipitation", "temperature", "potential_evapotranspiration",
    ]  # fmt: skip
    assert isinstance(setup.forcing.values, Stream)
    torch.testing.assert_close(setup.forcing.values[:], values, rtol=2e-4, atol=2e-3)
    (tmp_path / "held.toml").write_text(text.replace("cache = true", ""))
    held = load(tmp_path / "held.toml", folder).forcing
    assert held.method == setup.forcing.method == "oudin" and held.times.equals(setup.times)
    # rain and warmth to the last bit, evapotranspiration as it is of cells and not of a raster
    assert torch.equal(held.values[:2], setup.forcing.values[:2])
    torch.testing.assert_close(held.values, setup.forcing.values[:], rtol=1e-5, atol=1e-5)
    assert isinstance(load(tmp_path / "held.toml", folder, cache=True).forcing.values, Stream)
    for name, told in setup.attributes.items():
        np.testing.assert_allclose(
            setup.domain.pack(told), world.attributes[name], rtol=1e-6, atol=1e-5
        )
    # the discharge is that of the truth in this weather, with the errors of measurements
    model = world.true_model()
    early = model(world.weather.days(slice(0, SPINUP))).state
    true = model(values, early).discharge.numpy()
    ratio = (setup.discharge / true).to_numpy()
    assert 0.01 < np.isnan(ratio).mean() < 0.2
    assert np.nanmean(ratio) == pytest.approx(1, abs=0.005)
    assert np.nanstd(ratio) == pytest.approx(globe_folder.NOISE, rel=0.1)


def test_names_of_the_domain_file_are_those_of_500_gauges():
    held = re.search(r"(?s)held_out = \[(.*)\]", find("globe").read_text())[1]
    names = re.findall(r'"(\w+)"', held)
    assert names == [f"B{n:03d}" for n in range(1, 61)] + [f"H{n:03d}" for n in range(1, 41)]


def test_a_folder_with_files_is_refused_before_any_work(network, tmp_path):
    (tmp_path / "kept").touch()
    with pytest.raises(ValueError, match="is there already and is not empty"):
        write_globe(tmp_path, network)
    with pytest.raises(ValueError, match="years is 0"):
        write_globe(tmp_path / "new", network, years=0)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
