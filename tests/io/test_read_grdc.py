"""Discharge in the text files of the Global Runoff Data Centre."""

import numpy as np
import pandas as pd
import pytest

from gridhydro.domain.gauges import read_gauges
from gridhydro.io import read_grdc

HEADER = """# Title:                 GRDC STATION DATA FILE
# Format:                DOS-ASCII
# missing values are indicated by -999.000
#
# GRDC-No.:              {number}
# River:                 RIO PRÊTO
# Station:               A: BRIDGE
# Country:               BR
# Latitude (DD):       {lat}
# Longitude (DD):      -55.51
# Catchment area (km²):      {area}
# Altitude (m ASL):        37.0
#************************************************************
# Data Set Content:      {content}
# Unit of measure:                  m³/s
#
# Data lines: 3
# DATA
"""


def station(folder, number=3629001, rows="", head="Value", encoding="latin-1", **facts):
    facts = {"lat": -1.9192, "area": 4680000.0, "content": "MEAN DAILY DISCHARGE (Q)"} | facts
    text = HEADER.format(number=number, **facts) + f"YYYY-MM-DD;hh:mm; {head}\n{rows}"
    path = folder / f"{number}_Q_Day.Cmd.txt"
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    return path


ROWS = "1999-12-30;--:--;    163000.000\n1999-12-31;--:--;   -999.000\n2000-01-02;--:--; 0.000\n"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_read_grdc_of_a_station(tmp_path, encoding):
    discharge, gauges = read_grdc(station(tmp_path, rows=ROWS, encoding=encoding))
    # the day that is not in the file is missing too
    np.testing.assert_array_equal(discharge["3629001"], [163000, np.nan, np.nan, 0])
    assert discharge.index[0] == pd.Timestamp("1999-12-30")
    gauge = gauges.loc["3629001"]
    assert (gauge.lon, gauge.lat, gauge.area_km2) == (-55.51, -1.9192, 4680000)
    assert (gauge.river, gauge.station) == ("RIO PRÊTO", "A: BRIDGE")
    placed = read_gauges(gauges, "EPSG:4326")
    assert placed.loc["3629001", ["x", "y", "area_km2"]].tolist() == [-55.51, -1.9192, 4680000]


def test_read_grdc_of_a_folder_has_all_days_of_its_stations(tmp_path):
    station(tmp_path, 1, ROWS)
    station(tmp_path, 2, "2000-01-04;--:--; 7\n", area=-999.0)
    discharge, gauges = read_grdc(tmp_path)
    assert discharge.shape == (6, 2) and list(gauges.index) == ["1", "2"]
    assert discharge["1"].count() == 2 and discharge["2"].to_numpy()[-1] == 7
    assert np.isnan(gauges.loc["2", "area_km2"])
    assert list(read_grdc(tmp_path, stations=[2])[0]) == ["2"]
    with pytest.raises(ValueError, match="no file of station 3"):
        read_grdc(tmp_path, stations=[3])
    (tmp_path / "copy.txt").write_bytes((tmp_path / "1_Q_Day.Cmd.txt").read_bytes())
    with pytest.raises(ValueError, match=r"station 1 is in .*1_Q_Day.* and in .*copy\.txt"):
        read_grdc(tmp_path)


def test_read_grdc_flags_of_older_exports(tmp_path):
    rows = (
        "2000-01-01;--:--; 10.0; 11.0; -999\n2000-01-02;--:--; 10.0; 11.0; 1\n"
        "2000-01-03;--:--; 10.0; 11.0; 99\n2000-01-04;--:--; -999.000; 11.0; 900\n"
        "2000-01-05;--:--; -999.000; -999.000; -999\n2000-01-06;--:--; 10.0; -999.000; 1\n"
    )
    path = station(tmp_path, rows=rows, head="Original; Calculated; Flag")
    values = read_grdc(path)[0]["3629001"]
    np.testing.assert_array_equal(values, [10, 11, np.nan, 11, np.nan, 10])


@pytest.mark.parametrize(
    ("rows", "facts", "message"),
    [
        ("2000-01-32;--:--; 1\n", {}, r"txt, line 20: '2000-01-32' is no date"),
        ("\n2000-01-01;--:--; x\n", {}, r"txt, line 21: 'x' under 'Value' is no number"),
        ("2000-01-01;--:--; 1\n2000-01-01;--:--; 1\n", {}, "line 21: 2000-01-01 is given twice"),
        ("2000-01-01;--:--; -5\n", {}, "line 20: discharge is -5 m3 s-1; missing is -999"),
        ("2000-01-01; 1\n", {}, "line 20: 2 columns instead of 3"),
        ("", {}, "no days below line 19"),
        (ROWS, {"lat": "south"}, "line 9: 'south' under 'lat' is no number"),
        (ROWS, {"lat": -999}, "the header has -999 for Latitude"),
        (ROWS, {"lat": -99}, "is no place on Earth"),
        (ROWS, {"content": "MEAN MONTHLY DISCHARGE"}, "download the daily values"),
        (ROWS, {"head": "Level"}, "line 19: no column 'Value' or 'Original'"),
    ],
)
def test_faults_of_grdc_files_are_named_with_their_line(tmp_path, rows, facts, message):
    path = station(tmp_path, rows=rows, **facts)
    with pytest.raises(ValueError, match=message):
        read_grdc(path)


def test_files_that_are_not_of_grdc_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_grdc(tmp_path / "none.txt")
    with pytest.raises(ValueError, match=r"has no file ending in \.txt"):
        read_grdc(tmp_path)
    (tmp_path / "notes.txt").write_text("# River: X\nhello\n")
    with pytest.raises(ValueError, match=r"notes\.txt: the header does not say '# GRDC-No\.'"):
        read_grdc(tmp_path)


@pytest.mark.parametrize("clock", ["00:00", "12:00", "24:00", "23:59"])
def test_doors_hours_that_leave_a_value_on_its_day_are_taken(tmp_path, clock):
    plain, _ = read_grdc(station(tmp_path, rows=ROWS))
    found, _ = read_grdc(station(tmp_path, rows=ROWS.replace("--:--", clock)))
    np.testing.assert_array_equal(found.index, plain.index)
    np.testing.assert_array_equal(found, plain)


def test_doors_other_hours_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Cmd.txt: 'hh:mm' has every day at 06:00"):
        read_grdc(station(tmp_path, rows=ROWS.replace("--:--", "06:00")))


def test_doors_a_place_that_grdc_does_not_know_is_called_so(tmp_path):
    with pytest.raises(ValueError, match=r"the header has -999 for Latitude, .* with stations="):
        read_grdc(station(tmp_path, rows=ROWS, lat=-999.0))
