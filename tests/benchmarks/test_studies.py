"""What the studies of real storage and of the Moselle's land surface make of their input."""

from argparse import Namespace

import numpy as np
import pandas as pd
import pytest

from benchmarks.studies.amazon_tiles import tiles
from benchmarks.studies.camels_storage.study import score_storage
from benchmarks.studies.moselle import land
from benchmarks.studies.structures import page as structures
from benchmarks.studies.structures.study import comparable, setup_of
from gridhydro.config.load import load

pytestmark = pytest.mark.end_to_end


def test_soil_holds_less_the_drier_and_the_sandier_it_is():
    wet, dry = (land.water_content(40, 20, 1.4, s) for s in (3.3, 150.0))
    sandy = land.water_content(80, 5, 1.4, 3.3)
    porosity = 1 - 1.4 / 2.65
    assert porosity > wet > dry > 0 and sandy < wet
    assert land.water_content(40, 20, 1.4, 0.01) == pytest.approx(porosity)


def test_land_surface_of_the_moselle(data):
    folder = data("mhm_moselle").parent
    domain = load("moselle", folder).domain
    found = land.surface(domain, folder)
    low, high, shape, capacity = (
        found.properties[name]
        for name in ("soil_capacity_min", "soil_capacity_max", "arno_shape", "soil_capacity")
    )
    # the capacities of the Arno scheme have the mean that the soil map gives
    np.testing.assert_allclose(low + (high - low) / (1 + shape), capacity)
    assert capacity.min() > 100 and capacity.max() < 500
    # a map of percent, rounded down to whole ones: the mean slope of the elevation is 3.9 %
    assert found.raw["slope_avg"].mean() == pytest.approx(0.04, abs=0.003)
    fraction, leaves = found.vegetation
    assert (leaves.mean(1).argmax(), fraction.mean(1).argmin()) == (6, 11)
    assert leaves.min() >= 0 and leaves.max() <= 12
    np.testing.assert_array_equal(found.area, domain.area)


def test_scores_of_storage_tell_an_offset_from_a_wrong_season():
    times = pd.date_range("2003-01-15", "2014-12-15", freq="30D")
    season = 50 * np.sin(2 * np.pi * times.day_of_year / 365.25)
    wet_years = np.repeat(np.random.default_rng(0).normal(0, 20, 12), 13)[: len(times)]
    observed = pd.DataFrame({"same": season + wet_years, "moved": season + wet_years}, times)
    simulated = observed.assign(moved=observed["moved"] + 40 * (times.year >= 2009))
    scores = score_storage(simulated, observed).set_index(["period", "gauge"])
    assert scores.loc[("test", "same"), "nse"] == 1
    assert scores.loc[("training", "moved"), "nse"] == 1
    assert scores.loc[("test", "moved"), "nse"] < 0.7
    assert scores.loc[("test", "moved"), ["centred", "correlation"]].tolist() == pytest.approx(
        [1, 1]
    )
    seasonal = pd.DataFrame({name: season for name in observed}, times)
    scores = score_storage(seasonal, observed).set_index(["period", "gauge"])
    assert scores.loc[("test", "same"), "departures"] < 0.5 < scores.loc[("test", "same"), "nse"]


def test_tiles_of_the_amazon(data):
    folder = data("grace").parent
    found = tiles.read(Namespace(data=folder))
    table = tiles.statistics(found)
    assert found.tiles.size == 56 and (table["fraction inside"] >= 0.5).all()
    # the lower Solimoes and Purus swing most, in May
    assert table["annual range mm"].idxmax() == "4.5S 61.5W"
    assert table.loc["4.5S 61.5W", "wettest month"] == 5
    assert np.isfinite(found.basin).all()
    assert found.basin.std() < found.storage.values.std()


def test_a_basins_best_column_is_chosen_by_other_years():
    trained = pd.DataFrame({"hbv": [0.2, 0.9], "gr4j": [0.8, 0.1]}, ["b", "a"])
    test = pd.DataFrame({"hbv": [0.3, 0.7], "gr4j": [0.6, 0.5]}, ["a", "b"])
    assert structures.picked(trained, test).to_dict() == {"a": 0.3, "b": 0.5}


def test_columns_are_compared_with_all_else_alike(data):
    base = load("camels_us_400", data("camels_us_400").parent)
    assert "gr6j" in comparable() and "hydropy" not in comparable()
    changed = setup_of(base, "gr6j", 1, 3)
    assert (changed.model.column, changed.model.routing) == ("gr6j", None)
    assert changed.model.network == base.model.network and changed.training.epochs == 3
    hbv = setup_of(base, "hbv", 0, None)  # which the domain file takes without capillary rise
    assert base.model.fixed and not hbv.model.fixed and hbv.model.routing == base.model.routing
    assert hbv.training == base.training
