"""CAMELS of Brazil, Chile and Australia: a file for each variable, of a gauge or of all."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridhydro.config.load import load
from gridhydro.inputs.basins import of_dataset
from gridhydro.io import read_camels
from gridhydro.io.gauge_columns import GaugeColumns

DAYS = pd.date_range("2001-01-01", periods=40)
FLOW, RAIN, COLD, WARM = np.arange(40) / 10, np.arange(40) % 7 * 1.5, np.full(40, -2.0), 8.0


def _lines(path: Path, lines, end="\n", encoding="utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def _brazil(folder: Path, version: str) -> None:
    """Gauge 2 has no potential evapotranspiration, and gauge 3 discharge of the 3679 only."""

    def series(path, columns: dict, days=DAYS):
        rows = zip(days, *(np.broadcast_to(v, len(days)) for v in columns.values()), strict=True)
        body = [" ".join([f"{d:%Y %m %d}", *(f"{v:.6f}" for v in vs)]) for d, *vs in rows]
        _lines(folder / path, [f"year month day {' '.join(columns)}", *body])

    for gauge in ("10100000", "10200000"):
        flow = np.where(np.arange(40) == 4, np.nan, FLOW)
        more = {"qual_control_by_ana": 0, "qual_flag": 1}
        if version == "1.1":
            mm = f"03_CAMELS_BR_streamflow_mm_selected_catchments/{gauge}_streamflow_mm.txt"
            series(mm, {"streamflow_mm": flow} | more)
            for number, name, values in (
                ("05", "precipitation_chirps", RAIN), ("06", "precipitation_mswep", RAIN + 1),
                ("10", "potential_evapotransp_gleam", 3.0), ("12", "temperature_mean", 20.0),
                ("11", "temperature_min", 15.0), ("13", "temperature_max", 26.0),
            ):  # fmt: skip
                if gauge == "10200000" and number == "10":
                    continue
                end = "_cpc" if name.startswith("temp") else ""
                days = DAYS[:-2] if number == "05" else DAYS
                path = f"{number}_CAMELS_BR_{name}{end}/{gauge}_{name}.txt"
                series(path, {name: np.broadcast_to(values, 40)[: len(days)]}, days)
        else:  # unpacked into a folder of its own name
            twice = "{0}/{0}/" + gauge
            q = twice.format("03_CAMELS_BR_streamflow_selected_catchments") + "_streamflow.txt"
            series(q, {"streamflow_m3s": 10 * flow, "streamflow_mm": flow} | more)
            p = twice.format("05_CAMELS_BR_precipitation") + "_precipitation.txt"
            series(p, {"p_cpc": RAIN + 2, "p_mswep": RAIN + 1, "p_chirps": RAIN})
            t = twice.format("09_CAMELS_BR_temperature") + "_temperature.txt"
            series(t, {"tmin_cpc": 14.0, "tmin_era5land": 15.0, "tmean_era5land": 20.0})
    for gauge in ("10100000", "10300000"):  # of all catchments, which is not read
        q = "02_CAMELS_BR_streamflow_all_catchments"
        end = "_streamflow_m3s.txt" if version == "1.1" else "_streamflow.txt"
        series(f"{q}/{gauge}{end}", {"streamflow_m3s": FLOW, "qual_flag": 1})
    table = folder / "01_CAMELS_BR_attributes"
    names = ["10100000 são_joão amazon -4.2 -69.9", "10200000 palmeiras amazon -5.1 -72.8"]
    head = "gauge_id gauge_name gauge_region gauge_lat gauge_lon"
    _lines(table / "camels_br_location.txt", [head, *names], "\r\n")
    head = "gauge_id elev_mean area"
    _lines(table / "camels_br_topography.txt", [head, "10100000 88.5 100", "10200000 nan 200"])
    _lines(table / "camels_br_hydrology.txt", ["gauge_id q_mean", "10100000 1", "10200000 2"])


def _chile(folder: Path, version: int) -> None:
    """Discharge from 1999 on, and gauge 3 in the discharge only."""
    days = pd.date_range("1999-12-01", DAYS[-1])
    gauges = ["1001001", "1001002", "1001003"]

    def wide(name, number, values, days, gauges):
        cells = [[f"{v:.3f}" if v == v else " " for v in row] for row in values]
        if version == 2018:
            rows = [[f"{d:%Y-%m-%d}", *row] for d, row in zip(days, cells, strict=True)]
            quoted = ["\t".join(f'"{c}"' for c in row) for row in [["gauge_id", *gauges], *rows]]
            stem = f"{number}_CAMELScl_{name}"
            _lines(folder / stem / f"{stem}.txt", quoted)
            return
        name = {"streamflow_m3s": "q_m3s_day", "precip_cr2met": "precip_cr2met_mm_day"}.get(
            name, f"{name}_C_day"
        )
        head = ["date", "year", "month", "day", *gauges]
        rows = [[f"{d:%Y-%m-%d}", f"{d.year}", f"{d.month}", f"{d.day}", *(c.strip() for c in row)]
                for d, row in zip(days, cells, strict=True)]  # fmt: skip
        _lines(folder / f"CAMELS_CL_v202201/{name}.csv", map(",".join, [head, *rows]), "\r\n")

    flow = np.full((len(days), 3), np.nan)
    flow[-40:] = FLOW[:, None] * [1, 2, 3]
    wide("streamflow_m3s", 2, flow, days, gauges)
    for number, name, one in ((4, "precip_cr2met", RAIN), (8, "tmin_cr2met", COLD),
                              (9, "tmax_cr2met", WARM), (10, "tmean_cr2met", 3.5)):  # fmt: skip
        values = np.broadcast_to(one, 40)[:, None] * [1, 1]
        wide(name, number, values, DAYS, gauges[:2])
    table = {"gauge_name": ["Río Uno", "Rio Dos", "Tres"], "gauge_lat": [-17.5, -18.2, -19],
             "gauge_lon": [-69.5, -70.1, -70], "area": [86.4, 864, 1], "p_mean_cr2met": [1, 2, 3],
             "runoff_ratio_cr2met": [0.1, 0.2, 0.3], "Q95": [5, 6, 7]}  # fmt: skip
    if version == 2018:
        rows = [["gauge_id", *gauges], *([name, *map(str, row)] for name, row in table.items())]
        text = ["\t".join(f'" {c}"' for c in row) for row in rows]
        _lines(folder / "1_CAMELScl_attributes/1_CAMELScl_attributes.txt", text, "\n", "latin-1")
    else:
        frame = pd.DataFrame(table, pd.Index(gauges, name="gauge_id"))
        text = frame.rename(columns={"area": "area_km2"}).to_csv().splitlines()
        _lines(folder / "CAMELS_CL_v202201/catchment_attributes.csv", text)


def _australia(folder: Path, flow="streamflow_MLd", rain="AWAP") -> None:
    gauges = ["912101A", "204034"]

    def wide(path, values):
        values = np.broadcast_to(values, (40, 2))
        rows = [f"{d.year},{d.month},{d.day},{a:.2f},{b:.2f}"
                for d, (a, b) in zip(DAYS, values, strict=True)]  # fmt: skip
        _lines(folder / f"{path}.csv", [",".join(["year", "month", "day", *gauges]), *rows])

    values = FLOW[:, None] * [1, 2] + 0.0
    values[[4, 7], 1] = -99.99
    wide(f"03_streamflow/03_streamflow/{flow}", values)
    weather = folder / "05_hydrometeorology/05_hydrometeorology"
    weather = weather.relative_to(folder)
    wide(weather / f"01_precipitation_timeseries/precipitation_{rain}", RAIN[:, None])
    wide(weather / "01_precipitation_timeseries/precipitation_SILO", RAIN[:, None] + 1)
    wide(weather / "02_EvaporativeDemand_timeseries/et_morton_wet_SILO", 3.0)
    wide(weather / f"03_Other/{rain}/tmin_{rain}", COLD[:, None])
    wide(weather / f"03_Other/{rain}/tmax_{rain}", WARM)
    wide(weather / "03_Other/SILO/radiation_SILO", 21.6)
    _lines(folder / "CAMELS_AUS_Attributes&Indices_MasterTable.csv", [
        "station_id,station_name,lat_outlet,long_outlet,catchment_area,next_station_ds,elev_mean,"
        "q_mean,q_uncert_q10,start_date",
        "912101A,Test River,-17.5,145.2,86.4,204034,300,1,2,19500101",
        "204034,Other River,-18.0,146.0,864,NA,400,1,2,19600101",
    ])  # fmt: skip


def read_quietly(*given, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_camels(*given, **options)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_brazil_has_a_folder_for_each_variable(tmp_path, version):
    _brazil(tmp_path, version)
    if version == "1.1":
        with pytest.warns(UserWarning, match="no potential_evapo.* of 1 basins: 10200000"):
            found = read_camels(tmp_path, "br")
        assert found.sizes["time"] == 38  # of the rain
        assert np.isnan(found["potential_evapotranspiration"].values[:, 1]).all()
    else:
        found = read_quietly(tmp_path, "br")
        assert found["temperature_min"].values == pytest.approx(15)  # of the mean's product
    count = found.sizes["time"]
    assert found["gauge"].values.tolist() == ["10100000", "10200000"]
    assert found["discharge"].values[:4, 0] == pytest.approx(FLOW[:4])
    assert np.isnan(found["discharge"].values[:, 0]).sum() == 1
    assert found["precipitation"].values[:, 1] == pytest.approx(RAIN[:count])
    assert found["temperature"].values == pytest.approx(20)
    assert found["area"].values.tolist() == [100, 200]
    assert found["gauge_name"].values[0] == "são_joão"
    assert found["elev_mean"].values[0] == 88.5 and np.isnan(found["elev_mean"].values[1])
    assert "q_mean" not in found
    product = "precipitation_mswep" if version == "1.1" else "p_mswep"
    one = read_camels(tmp_path, "br", ["10100000"], names={"precipitation": product})
    assert one["precipitation"].values[:3, 0] == pytest.approx(RAIN[:3] + 1)


def test_a_date_that_is_none_is_refused_by_line(tmp_path):
    _brazil(tmp_path, "1.1")
    path = next(tmp_path.rglob("10100000_streamflow_mm.txt"))
    path.write_text(path.read_text().replace("2001 01 03 ", "2001 02 31 "))
    with pytest.raises(ValueError, match=r"mm.txt, line 4, columns year, month, day: '2001 02 31'"):
        read_camels(tmp_path, "br")


@pytest.mark.parametrize("version", [2018, 2022])
def test_chile_has_a_column_for_each_gauge(tmp_path, version):
    _chile(tmp_path, version)
    with pytest.warns(UserWarning, match=r"no precipitation of 1 basins: 1001003"):
        found = read_camels(tmp_path, "cl")
    # without weather, a basin has the days of its discharge
    assert found["gauge"].values.tolist() == ["1001001", "1001002", "1001003"]
    assert found["time"].values[0] == DAYS.values[0] and found.sizes["time"] == 40
    # m3 s-1 over 86.4 km2 are mm d-1, tenfold the area a tenth
    assert found["discharge"].values[:, :2] == pytest.approx(FLOW[:, None] * [1, 0.2])
    found = read_quietly(tmp_path, "cl", ["1001002", "1001001"])
    assert found["precipitation"].values[:, 0] == pytest.approx(RAIN)
    assert found["temperature"].values == pytest.approx(3.5)  # its own, no mean of the others
    assert "processing" not in found.attrs
    assert found["latitude"].values.tolist() == [-18.2, -17.5]
    assert found["gauge_name"].values.tolist() == ["Rio Dos", "Río Uno"]
    assert found["p_mean_cr2met"].values.tolist() == [2, 1]
    used = of_dataset(found, pet="oudin").attributes
    assert "p_mean_cr2met" in used and not {"runoff_ratio_cr2met", "Q95"} & set(used)


def test_australia_has_litres_and_codes(tmp_path):
    _australia(tmp_path)
    found = read_quietly(tmp_path, "aus")
    assert found["gauge"].values.tolist() == ["204034", "912101A"]
    # megalitres a day over 86.4 km2: a thousandth m3, of which 86400 are a mm
    flow = found["discharge"].values
    assert flow[:, 1] == pytest.approx(FLOW / 86.4, rel=1e-5)
    assert np.flatnonzero(np.isnan(flow[:, 0])).tolist() == [4, 7]
    assert found["temperature"].values == pytest.approx(3)
    assert found.attrs["processing"] == "temperature is the mean of minimum and maximum"
    assert found["shortwave_radiation"].values == pytest.approx(250)
    assert found["potential_evapotranspiration"].values == pytest.approx(3)
    assert found["precipitation"].values[:, 0] == pytest.approx(RAIN)
    assert found["next_station_ds"].values.tolist() == ["NA", "204034"]
    assert {"q_mean", "q_uncert_q10", "start_date"} <= set(found)
    used = of_dataset(found.drop_vars("next_station_ds"), pet="given").attributes
    assert set(used) == {"elev_mean"}
    silo = read_camels(tmp_path, "aus", names={"precipitation": "precipitation_SILO"})
    assert silo["precipitation"].values[:, 0] == pytest.approx(RAIN + 1)
    with pytest.raises(ValueError, match=r"no 'x' for precipitation, but precipitation_AWAP\.csv"):
        read_camels(tmp_path, "aus", names={"precipitation": "x"})
    # depths are taken before volumes, and the second version's names
    _australia(tmp_path / "2", "streamflow_mmd", "AGCD")
    (tmp_path / "2/03_streamflow/03_streamflow/streamflow_MLd.csv").write_text("not read")
    again = read_quietly(tmp_path / "2", "aus", period=("2001-01-11", "2001-01-20"))
    assert again["discharge"].values[:, 1] == pytest.approx(FLOW[10:20])


def test_a_domain_file_chooses_the_product(tmp_path):
    _australia(tmp_path / "AUS")
    (tmp_path / "a.toml").write_text(
        '[basins]\nformat = "camels"\npath = "AUS"\ncountry = "aus"\npet = "given"\n'
        'names = { precipitation = "precipitation_SILO" }\nattributes = ["elev_mean"]\n'
        '[training]\nperiod = ["2001-01-21", "2001-02-05"]\nspinup = 19\n'
    )
    setup = load(tmp_path / "a.toml", tmp_path)
    assert setup.forcing["precipitation"].values[:, 1] == pytest.approx(RAIN + 1)


def test_what_is_wrong_in_a_column_of_gauges_is_refused_by_line(tmp_path):
    _australia(tmp_path)
    path = next(tmp_path.rglob("streamflow_MLd.csv"))
    good = path.read_text()
    for bad, told in (
        (good.replace("2001,1,3,0.20", '2001,1,3,"0,20"'), r"line 4, .*'912101A': '0,20' is no"),
        (good.replace("2001,1,3,0.20", "2001,1,3,x"), r"line 4, column '912101A': 'x' is no num"),
        (good.replace("2001,1,3,", "2001,2,31,"), r"line 4, columns year, month, day: '2001 2 31'"),
        (good.replace("2001,1,3,0.20,", "2001,1,3,"), r"line 4: 4 columns, but line 1 names 5"),
        (good.replace("204034", "912101A"), r"line 1: the column '912101A' is twice"),
        (good.replace("2001,1,3,", "2001,1,2,"), r"2001-01-02"),
        ("year,month,day,912101A,204034\n", r"has no days below"),
    ):
        path.write_text(bad)
        with pytest.raises(ValueError, match=told) as refused:
            read_camels(tmp_path, "aus")
        assert "streamflow_MLd" in str(refused.value)
    path.write_text(good)
    (tmp_path / "again").mkdir()
    (tmp_path / "again/streamflow_MLd.csv").write_text(good)
    with pytest.raises(ValueError, match=r"streamflow_MLd\.csv is there twice"):
        read_camels(tmp_path, "aus")
    with pytest.raises(FileNotFoundError, match="has none of the files 3_CAMELScl_streamflow"):
        read_camels(tmp_path, "cl")


def test_quick_and_slow_reading_are_the_same(tmp_path, monkeypatch):
    _chile(tmp_path, 2018)
    table = GaugeColumns(next(tmp_path.rglob("2_CAMELScl_streamflow_m3s.txt")))
    quick = table.read(["1001003", "1001001"])
    assert quick.notna().to_numpy().sum() == 80
    monkeypatch.setattr(table, "_quickly", lambda gauges: None)
    pd.testing.assert_frame_equal(quick, table.read(["1001003", "1001001"]))
