"""CAMELS of several countries, written as their descriptions have them."""

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from gridhydro.config.load import load
from gridhydro.io import read_camels
from gridhydro.io.camels import LAYOUTS

DAYS = pd.date_range("2001-01-01", periods=40)
GAUGES = ["1001", "2002"]


def write(folder, country, missing="NaN"):
    """Two gauges of ever other days, with the columns of the data set in its own separators."""
    layout = LAYOUTS[country]
    separator = ";" if country in ("ch", "fr") else ","
    series = folder / "timeseries"
    series.mkdir(parents=True)
    for number, gauge in enumerate(GAUGES):
        days = DAYS[number:]
        table = pd.DataFrame(
            {layout.day: days.strftime("%Y%m%d" if country == "fr" else "%Y-%m-%d")}
        )
        for place, theirs in enumerate(layout.columns):
            values = 1 + number + place + np.arange(len(days)) / 100
            table[theirs] = [f"{v:.2f}" for v in values]
        discharge = next(c for c, (ours, _) in layout.columns.items() if ours == "discharge")
        table.loc[4, discharge] = missing
        name = layout.files[0].replace("*", gauge).replace("????????", "19700101")
        head = "# tsd_date: the day\n# a description\n" if country == "fr" else ""
        (series / name).write_text(head + table.to_csv(index=False, sep=separator))
    attributes = {layout.gauge: [*GAUGES, "3003"], "slope": ["0.1", "", "0.3"]}
    lat, lon, area = [50, 51, 52], [5, 6, 7], np.array([10.0, 20, 30])
    area = 1e6 * area if layout.area_unit == "m2" else area
    if layout.crs is not None:
        lon, lat = Transformer.from_crs(4326, layout.crs, always_xy=True).transform(lon, lat)
    places = {"latitude": lat, "longitude": lon, "area": area}
    for theirs, ours in layout.places.items():
        attributes[theirs] = places.get(ours, ["Ä", "b", "c"])
    head = "topographic attributes of the gauges\n" if country == "ch" else ""
    path = folder / layout.tables[-1].replace("*", "topographic", 1).replace("*", "")
    path.write_text(head + pd.DataFrame(attributes).to_csv(index=False, sep=separator))
    return layout


@pytest.mark.parametrize("country", ["gb", "de", "ch", "fr", "dk"])
@pytest.mark.parametrize("missing", ["NaN", "", "-999"])
def test_series_and_attributes_come_by_our_names(tmp_path, country, missing):
    layout = write(tmp_path, country, missing)
    found = read_camels(tmp_path, country)
    assert found["gauge"].values.tolist() == GAUGES
    assert found.sizes["time"] == 39  # the days of both
    assert {ours for ours, _ in layout.columns.values()} <= set(found)
    place = next(
        i for i, (ours, _) in enumerate(layout.columns.values()) if ours == "precipitation"
    )
    rain = found["precipitation"].values
    assert rain[:, 1] == pytest.approx(2 + place + np.arange(39) / 100)
    assert np.isnan(found["discharge"].values).sum() == 2
    assert found["area"].values.tolist() == [10, 20]
    assert found["latitude"].values == pytest.approx([50, 51], abs=1e-6)
    assert found["longitude"].values == pytest.approx([5, 6], abs=1e-6)
    columns = list(layout.columns.values())
    if columns[-1] == ("discharge", "m3 s-1"):  # over the area, as depth of a day
        volume = 2 + len(columns) - 1 + np.arange(3) / 100
        assert found["discharge"].values[:3, 1] == pytest.approx(volume * 86400 / 20e6 * 1000)
    assert found["slope"].values[0] == 0.1 and np.isnan(found["slope"].values[1])
    if "specific_humidity" in found:  # g kg-1 in the files
        assert found["specific_humidity"].values.max() < 0.02
    one = read_camels(tmp_path, country, ["2002"], ("2001-01-11", "2001-01-20"))
    assert one["precipitation"].values[:, 0] == pytest.approx(rain[9:19, 1])


def test_what_is_wrong_is_refused_by_line(tmp_path):
    layout = write(tmp_path, "de")
    path = tmp_path / "timeseries" / layout.files[0].replace("*", "1001")
    good = path.read_text()
    path.write_text(good.replace("1.05", "dry"))
    with pytest.raises(ValueError, match=r"1001\.csv, line 7, column 'precipitation_mean': 'dry'"):
        read_camels(tmp_path, "de")
    # the other gauge is read without a look at this one
    assert read_camels(tmp_path, "de", ["2002"]).sizes["gauge"] == 1
    path.write_text("date,x\n2001-01-01,1\n")
    with pytest.raises(
        ValueError, match=r"has none of the columns precipitation_mean, .* but date, x"
    ):
        read_camels(tmp_path, "de")
    with pytest.raises(FileNotFoundError, match="has no files CAMELS_GB_hydromet"):
        read_camels(tmp_path, "gb")
    with pytest.raises(
        ValueError, match=r"country is one of gb, de, ch, fr, dk, br, cl, aus, not 'us'"
    ):
        read_camels(tmp_path, "us")


def test_a_domain_file_names_the_country(tmp_path):
    write(tmp_path / "CAMELS_GB", "gb")
    text = (
        '[basins]\nformat = "camels"\npath = "CAMELS_GB"\n{}attributes = ["slope"]\npet = "given"\n'
        '[model]\ncolumn = "hbv"\n[training]\nperiod = ["2001-01-21", "2001-02-05"]\nspinup = 19\n'
    )
    (tmp_path / "a.toml").write_text(text.format('country = "gb"\nselect = ["2002"]\n'))
    assert load(tmp_path / "a.toml", tmp_path).domain.gauges.index.tolist() == ["2002"]
    (tmp_path / "b.toml").write_text(text.format(""))
    with pytest.raises(ValueError, match=r"\[basins\]: .*country"):
        load(tmp_path / "b.toml", tmp_path)
