"""Domain files at the door: periods and selections of basins, units and codes of their files."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridhydro.base.units import depth_of_flow
from gridhydro.config import check_domain as config_check
from gridhydro.config.check_domain import check_domain
from gridhydro.config.domain import read_gauges
from gridhydro.config.load import load
from gridhydro.io import write_basins
from tests.support.small_basins import FILE as OF_BASINS
from tests.support.small_basins import small_basins

DAYS = pd.date_range("1999-01-01", "2002-12-31", name="date")
FILE = """
[basins]
format = "caravan"
path = "caravan"
attributes = ["p_mean"]
{more}
[model]
column = "hbv"
[training]
period = ["2001", "2002"]
"""


@pytest.fixture
def caravan(tmp_path):
    """Two gauges: weather of the first begins a year late, and it has a negative flow then."""
    series, tables = tmp_path / "caravan/timeseries/csv/x", tmp_path / "caravan/attributes/x"
    series.mkdir(parents=True)
    tables.mkdir(parents=True)
    weather, rng = ["total_precipitation_sum", "temperature_2m_mean"], np.random.default_rng(0)
    for gauge in ("x_1", "x_2"):
        table = pd.DataFrame(rng.gamma(2, 2, (len(DAYS), 3)), DAYS, [*weather, "streamflow"])
        if gauge == "x_1":
            table.loc[:"1999-12-31", weather] = np.nan
            table.loc["1999-05-05", "streamflow"] = -1
        table.to_csv(series / f"{gauge}.csv")
    gauges = pd.Index(["x_1", "x_2"], name="gauge_id")
    other = {"gauge_lat": [45.0, 46], "gauge_lon": [5.0, 6], "area": [100.0, 200]}
    pd.DataFrame(other, gauges).to_csv(tables / "attributes_other_x.csv")
    pd.DataFrame({"p_mean": [3.0, 2]}, gauges).to_csv(tables / "attributes_caravan_x.csv")
    return tmp_path


def loaded(folder, more=""):
    (folder / "a.toml").write_text(FILE.format(more=more))
    return load(folder / "a.toml", folder)


def test_a_period_or_a_selection_leaves_out_what_cannot_be_read(caravan):
    with pytest.raises(ValueError, match=r"a\.toml, \[basins\]: .*x_1.* is missing on 1999-01-01"):
        loaded(caravan)
    setup = loaded(caravan, 'period = ["2000", "2002"]')
    assert setup.domain.size == 2 and setup.times[0] == pd.Timestamp("2000-01-01")
    setup = loaded(caravan, 'select = ["x_2"]')
    assert list(setup.domain.gauges.index) == ["x_2"] and len(setup.times) == len(DAYS)
    with pytest.raises(ValueError, match=r"a\.toml, \[basins\]: .* has no basin x_9"):
        loaded(caravan, 'select = ["x_9"]')


def gauges(folder, **more):
    place = {"name": "g", "x": 0.0, "y": 0.0, "discharge": "q.csv"} | more
    return read_gauges(Path("a.toml"), {"gauges": [place]}, folder).discharge["g"]


def test_gauges_of_a_domain_file_have_units_and_declare_codes(tmp_path):
    values = np.linspace(1, 9, len(DAYS))
    values[5] = -99.9
    pd.DataFrame({"g": values}, DAYS).to_csv(tmp_path / "q.csv")
    rest = np.arange(len(DAYS)) != 5
    with pytest.raises(ValueError, match=r"\[\[gauges\]\] g: discharge: .* is -99.9 m3 s-1 on"):
        gauges(tmp_path)
    found = gauges(tmp_path, missing=-99.9, units="ft3 s-1")
    np.testing.assert_allclose(found[rest], values[rest] * 0.3048**3)
    assert found.isna().tolist() == (~rest).tolist()
    found = gauges(tmp_path, missing=[-99.9], units="mm d-1", area_km2=50.0)
    np.testing.assert_allclose(found[rest], values[rest] / depth_of_flow(50.0))
    with pytest.raises(ValueError, match="give its area, area_km2"):
        gauges(tmp_path, missing=[-99.9], units="mm d-1")


def test_a_table_of_gauges_has_units_and_declares_codes(tmp_path):
    values = np.linspace(1, 9, len(DAYS))
    pd.DataFrame({"g": values}, DAYS).to_csv(tmp_path / "q.csv")
    place = pd.DataFrame({"name": ["g"], "lon": [1.0], "lat": [2.0], "area_km2": [50.0]})
    place.to_csv(tmp_path / "g.csv", index=False)
    section = {"file": "g.csv", "discharge": "q.csv", "units": "mm/day", "missing": [9.0]}
    found = read_gauges(Path("a.toml"), {"gauge_table": section}, tmp_path).discharge["g"]
    np.testing.assert_allclose(found[:-1], values[:-1] / depth_of_flow(50.0))
    assert np.isnan(found.iloc[-1])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('validation = ["2002-12", "2002-12"]', True),
        ('validation = ["2000", "2001-01-01"]', True),
        ('validation = ["2000", "2000"]', False),
        ('validation = ["2002-12", "2002-12"]\nheld_out = ["x_1"]', False),
        ('validation = ["2002", "2002"]\nsplit = { kind = "pub", folds = 2 }', False),
        ("", False),
    ],
)
def test_a_validation_of_days_that_are_trained_on_is_told(caravan, more, told):
    (caravan / "a.toml").write_text(FILE.format(more='period = ["2000", "2002"]') + more)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load(caravan / "a.toml", caravan)
    said = [str(one.message) for one in caught]
    assert any("[training]: the validation" in text for text in said) == told


def test_a_file_without_calibration_is_not_held_against_one(tmp_path):
    """A network without a column has nothing to be calibrated."""
    write_basins(small_basins(), tmp_path / "basins.nc")
    text = OF_BASINS.replace("components = 2\n", "").replace('routing = "unit_hydrograph"\n', "")
    text = text.replace("network = { hidden = [8] }", 'column = "lstm"\nnetwork = { hidden = 4 }')
    (tmp_path / "a.toml").write_text(text)
    setup, report = check_domain(tmp_path / "a.toml", tmp_path)
    assert setup is not None and report.good, report
    (tmp_path / "a.toml").write_text(text + "[calibration]\n")
    assert not check_domain(tmp_path / "a.toml", tmp_path)[1].good


def test_what_one_part_refuses_is_no_reason_to_refuse_another(tmp_path, monkeypatch):
    write_basins(small_basins(), tmp_path / "basins.nc")
    text = OF_BASINS.replace("[model]", "[model]\nfixed = { FC = -1.0 }")
    (tmp_path / "a.toml").write_text(text)
    (error,) = check_domain(tmp_path / "a.toml", tmp_path)[1].errors
    assert "'FC' is fixed at -1.0" in error
    split = 'split = { kind = "pub", folds = 99 }'
    (tmp_path / "a.toml").write_text(OF_BASINS.replace("[training]", f"[training]\n{split}"))
    (error,) = check_domain(tmp_path / "a.toml", tmp_path)[1].errors
    assert "99 folds of 12 gauges" in error

    def refusing(*given, **named):
        raise ValueError("these keywords are none")

    monkeypatch.setattr(config_check, "keywords", refusing)
    (tmp_path / "a.toml").write_text(OF_BASINS)
    assert check_domain(tmp_path / "a.toml", tmp_path)[1].errors == ["these keywords are none"]
