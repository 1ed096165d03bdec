"""Climatic indices of CAMELS, of made weather and of 400 basins."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro import basins, io
from gridhydro.config.load import load
from gridhydro.inputs.climate_indices import INDICES, climate_indices
from tests.support.small_basins import FILE, small_basins

DAYS = pd.date_range("2001-01-01", "2004-12-31", name="time")
YEAR = 2 * np.pi * (DAYS.day_of_year.to_numpy() - 1) / 365.25


def weather(rain, warm) -> xr.Dataset:
    return xr.Dataset(
        {
            "precipitation": (("time", "gauge"), rain, {"units": "mm d-1"}),
            "temperature": (("time", "gauge"), warm, {"units": "degC"}),
            "potential_evapotranspiration": (("time", "gauge"), 0 * rain + 2, {"units": "mm d-1"}),
        },
        {"time": DAYS, "gauge": [f"b{i}" for i in range(rain.shape[1])],
         "latitude": ("gauge", np.full(rain.shape[1], 45.0))},
    )  # fmt: skip


def test_sines_have_the_seasonality_of_woods():
    lag = np.array([0.0, np.pi, np.pi / 3])
    warm = 10 - 8 * np.cos(YEAR)[:, None] + 0 * lag
    rain = 4 * (1 - 0.6 * np.cos(YEAR[:, None] - lag))
    found = climate_indices(weather(rain, warm), pet="given")
    # in phase, against it, and two months behind it
    assert found["p_seasonality"].values == pytest.approx([0.6, -0.6, 0.3], abs=1e-3)
    assert found["p_mean"].values == pytest.approx([4, 4, 4], rel=2e-3)
    assert found["aridity"].values == pytest.approx(2 / found["p_mean"].values)
    flipped = climate_indices(weather(rain, 20 - warm), pet="given")  # as south of the equator
    assert flipped["p_seasonality"].values == pytest.approx([-0.6, 0.6, -0.3], abs=1e-3)


def test_spells_and_snow_are_counted():
    rain = np.full((len(DAYS), 1), 2.0)
    rain[10:13] = 0.5  # a spell of three and one of two
    rain[20:22] = 0.0
    rain[30:32], rain[40] = 50, 50
    warm = np.full((len(DAYS), 1), 5.0)
    warm[30] = -1.0
    found = climate_indices(weather(rain, warm), pet="given").isel(gauge=0)
    assert found["low_prec_freq"].item() == pytest.approx(5 * 365.25 / len(DAYS))
    assert found["low_prec_dur"].item() == 2.5
    assert found["high_prec_freq"].item() == pytest.approx(3 * 365.25 / len(DAYS))
    assert found["high_prec_dur"].item() == 1.5
    assert found["frac_snow"].item() == pytest.approx(50 / rain.sum())
    gap = rain.copy()
    gap[11] = np.nan  # ends a spell
    other = climate_indices(weather(gap, warm), pet="given").isel(gauge=0)
    assert other["low_prec_dur"].item() == pytest.approx(4 / 3)
    dry = climate_indices(weather(np.full_like(rain, 2.0), warm), pet="given").isel(gauge=0)
    assert (dry["high_prec_freq"].item(), dry["high_prec_dur"].item()) == (0, 0)


def test_a_period_and_series_that_lack_are_named():
    made = weather(np.full((len(DAYS), 1), 2.0), np.full((len(DAYS), 1), 5.0))
    made["precipitation"][:365] = 4
    assert climate_indices(made, ("2001", "2001"))["p_mean"].item() == 4
    with pytest.raises(ValueError, match="the weather lacks temperature; it has precipitation"):
        climate_indices(made.drop_vars("temperature"))
    extremes = made.drop_vars("temperature").assign(
        temperature_min=made["temperature"] - 6, temperature_max=made["temperature"] - 5
    )
    assert climate_indices(extremes)["frac_snow"].item() == pytest.approx(1)
    with pytest.raises(ValueError, match="is not all in the weather"):
        climate_indices(made, ("1999", "2001"))


def test_indices_of_400_basins_are_those_of_caravan(data):
    """Caravan has them of 1981 to 2020, here are 1981 to 2014; as fractions of days, by its PET."""
    found = io.read_basins(data("camels_us_400/timeseries.nc")).isel(gauge=slice(0, 400, 5)).load()
    made = climate_indices(found)
    for name, factor, apart in (
        ("p_mean", 1, 0.04), ("high_prec_freq", 365.25, 0.1), ("high_prec_dur", 1, 0.04),
        ("low_prec_freq", 365.25, 0.04), ("low_prec_dur", 1, 0.06),
    ):  # fmt: skip
        expected = factor * found[name].values
        off = np.abs(made[name].values / expected - 1)
        assert off.max() < 2.5 * apart and off.mean() < apart, name


def test_a_domain_file_asks_for_them(tmp_path):
    io.write_basins(small_basins(), tmp_path / "basins.nc")
    text = FILE.replace('"rock"]', '"rock", "aridity", "p_seasonality"]')
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ValueError, match="no attribute aridity, p_seasonality"):
        load(tmp_path / "a.toml", tmp_path)
    (tmp_path / "b.toml").write_text(text.replace('pet = "given"', 'pet = "given"\nclimate = true'))
    setup = load(tmp_path / "b.toml", tmp_path)
    expected = basins.climate_indices(small_basins(), pet="given")
    assert setup.attributes["aridity"] == pytest.approx(expected["aridity"].values, rel=1e-5)
    assert set(expected) == set(INDICES)
