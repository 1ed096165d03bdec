"""What the benchmarks on real storage and on the Moselle's land surface make of their input."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import amazon_tiles, camels_storage, moselle_land
from gridhydro.config.load import load


def test_soil_holds_less_the_drier_and_the_sandier_it_is():
    wet, dry = (moselle_land.water_content(40, 20, 1.4, s) for s in (3.3, 150.0))
    sandy = moselle_land.water_content(80, 5, 1.4, 3.3)
    porosity = 1 - 1.4 / 2.65
    assert porosity > wet > dry > 0 and sandy < wet
    assert moselle_land.water_content(40, 20, 1.4, 0.01) == pytest.approx(porosity)


def test_land_surface_of_the_moselle(data):
    folder = data("mhm_moselle").parent
    domain = load("moselle", folder).domain
    land = moselle_land.surface(domain, folder)
    low, high, shape, capacity = (
        land.properties[name]
        for name in ("soil_capacity_min", "soil_capacity_max", "arno_shape", "soil_capacity")
    )
    # the capacities of the Arno scheme have the mean that the soil map gives
    np.testing.assert_allclose(low + (high - low) / (1 + shape), capacity)
    assert capacity.min() > 100 and capacity.max() < 500
    # a map of percent, rounded down to whole ones: the mean slope of the elevation is 3.9 %
    assert land.raw["slope_avg"].mean() == pytest.approx(0.04, abs=0.003)
    fraction, leaves = land.vegetation
    assert (leaves.mean(1).argmax(), fraction.mean(1).argmin()) == (6, 11)
    assert leaves.min() >= 0 and leaves.max() <= 12
    np.testing.assert_array_equal(land.area, domain.area)


def test_scores_of_storage_tell_an_offset_from_a_wrong_season():
    times = pd.date_range("2003-01-15", "2014-12-15", freq="30D")
    season = 50 * np.sin(2 * np.pi * times.day_of_year / 365.25)
    wet_years = np.repeat(np.random.default_rng(0).normal(0, 20, 12), 13)[: len(times)]
    seen = pd.DataFrame({"same": season + wet_years, "moved": season + wet_years}, times)
    simulated = seen.assign(moved=seen["moved"] + 40 * (times.year >= 2009))
    scores = camels_storage.score_storage(simulated, seen).set_index(["period", "gauge"])
    assert scores.loc[("test", "same"), "nse"] == 1
    assert scores.loc[("training", "moved"), "nse"] == 1
    assert scores.loc[("test", "moved"), "nse"] < 0.7
    assert scores.loc[("test", "moved"), ["centred", "correlation"]].tolist() == pytest.approx(
        [1, 1]
    )
    seasonal = pd.DataFrame({name: season for name in seen}, times)
    scores = camels_storage.score_storage(seasonal, seen).set_index(["period", "gauge"])
    assert scores.loc[("test", "same"), "departures"] < 0.5 < scores.loc[("test", "same"), "nse"]


def test_tiles_of_the_amazon(data):
    folder = data("grace").parent
    domain, tiles, storage = amazon_tiles.observed(folder)
    table = amazon_tiles.statistics(tiles, storage)
    assert tiles.size == 56 and (table["share inside"] >= 0.5).all()
    # the lower Solimoes and Purus swing most, in May
    assert table["annual range mm"].idxmax() == "4.5S 61.5W"
    assert table.loc["4.5S 61.5W", "wettest month"] == 5
    basin = amazon_tiles.over_basin(tiles, storage, domain)
    assert np.isfinite(basin).all() and basin.std() < storage.values.std()
