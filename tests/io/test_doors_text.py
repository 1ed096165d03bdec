"""Text files of every system are read, or refused naming file, line and column."""

import numpy as np
import pandas as pd
import pytest

from gridhydro import io
from gridhydro.config.domain import read_gauges
from gridhydro.io.delimited import read_delimited
from gridhydro.io.schema import wanted_basins
from gridhydro.io.tables import read_attributes, read_columns
from gridhydro.io.text_files import read_lines, read_text

TABLE = "date,A,B\n2000-01-01,1.5,2\n2000-01-02,,3\n"
SAME = {
    "mark": b"\xef\xbb\xbf" + TABLE.encode(),
    "utf-16": TABLE.encode("utf-16"),
    "utf-16 big": b"\xfe\xff" + TABLE.encode("utf-16-be"),
    "utf-32": TABLE.encode("utf-32"),
    "cr lf": TABLE.replace("\n", "\r\n").encode(),
    "cr": TABLE.replace("\n", "\r").encode(),
    "semicolons": TABLE.replace(",", ";").encode(),
    "tabs": TABLE.replace(",", "\t").encode(),
    "declared": b"sep=;\n" + TABLE.replace(",", ";").encode(),
    "comments": b"# one\n# two\n" + TABLE.encode(),
    "quotes": TABLE.replace("1.5", '"1.5"').replace("A", '"A"').encode(),
    "blanks": TABLE.replace(",", " , ").encode(),
    "blank lines": TABLE.replace("\n", "\n\n").encode(),
    "end of file": TABLE.encode() + b"\x1a",
    "form feed": TABLE.replace("1.5", "1.5\x0c").encode(),
    "NA": TABLE.replace(",,", ",NA,").encode(),
    "slashes": TABLE.replace("2000-01-0", "2000/01/0").encode(),
    "clocks": TABLE.replace(",1.5", "T00:00:00Z,1.5").encode(),
}


@pytest.mark.parametrize("kind", SAME)
def test_tables_of_all_systems_are_read_alike(kind, tmp_path):
    path = tmp_path / "q.csv"
    path.write_bytes(SAME[kind])
    found = io.read_discharge(path, "A")
    assert list(found.index) == list(pd.date_range("2000-01-01", periods=2))
    assert found.iloc[0] == 1.5 and np.isnan(found.iloc[1])


WRONG = {
    "latin-1": (TABLE.replace("A", "é").encode("latin-1"),
                r"line 1, character 6: the byte 0xe9 is not UTF-8"),
    "utf-16 without mark": (TABLE.encode("utf-16-le"), "line 1, character 2: a null character"),
    "cut utf-16": (TABLE.encode("utf-16")[:-1], "begins as UTF-16 does"),
    "null": (TABLE.replace("1.5", "1\0.5").encode(), "line 2, character 13: a null character"),
    "decimal comma": (TABLE.replace(",", ";").replace(".", ",").encode(),
                      r"line 2, column 'A': '1,5' is no number.*point"),
    "decimal comma between commas": (TABLE.replace(".", ",").encode(),
                                     r"line 2: 4 columns, but line 1 names 3"),
    "thousands": (TABLE.replace("1.5", '"1,234.5"').encode(), "line 2, column 'A': '1,234.5'"),
    "thousands of blanks": (TABLE.replace("1.5", "1 234").encode(), "line 2, column 'A'"),
    "underscore": (TABLE.replace("1.5", "1_0").encode(), "line 2, column 'A': '1_0'"),
    "word": (TABLE.replace("1.5", "Ice").encode(), "line 2, column 'A': 'Ice' is no number"),
    "infinite": (TABLE.replace("1.5", "1e999").encode(), "line 2, column 'A': '1e999'"),
    "ragged": (TABLE.encode() + b"2000-01-03,1\n", "line 4: 2 columns, but line 1 names 3"),
    "longer": (TABLE.encode() + b"2000-01-03,1,2,3\n", "line 4: 4 columns"),
    "below comments": (b"# x\n" + TABLE.replace("1.5", "x").encode(), "line 3, column 'A'"),
    "quote": (TABLE.replace("1.5", '"1.5').encode(), "line 2: quotes that are not closed"),
    "long": (TABLE.replace("1.5", "1" * 200_000).encode(), "field larger than field limit"),
    "empty": (b"", "is empty"),
    "blank": (b"\n \n", "is empty"),
    "comments alone": (b"# x\n", "is empty"),
    "header alone": (b"date,A\n", "has no days"),
    "twice": (TABLE.replace("B", "A").encode(), "line 1: the column 'A' is twice"),
    "day first": (TABLE.replace("2000-01-01", "13/01/2000").encode(),
                  "line 2, column 'date': '13/01/2000' is no date.*written year first"),
    "either first": (TABLE.replace("2000-01-02", "01.02.2000").encode(), "line 3, column 'date'"),
    "month": (TABLE.replace("2000-01-02", "2000-02").encode(), "line 3, column 'date': '2000-02'"),
    "decimal year": (TABLE.replace("2000-01-02", "2000.5").encode(), "'2000.5' is no date"),
    "no date": (TABLE.replace("2000-01-02", "").encode(), "line 3, column 'date': '' is no date"),
    "year 9999": (TABLE.replace("2000-01-02", "9999-01-02").encode(), "the year 9999"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_faults_of_tables_are_named(kind, tmp_path):
    content, message = WRONG[kind]
    path = tmp_path / "q.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^.*q\.csv.*{message}"):
        io.read_discharge(path, "A")


def test_lines_end_where_a_line_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("a\x85b\x0cc\u2028d\r\ne\rf\n\n".encode())
    assert read_lines(path) == ["a\x85b\x0cc\u2028d", "e", "f", ""]
    path.write_bytes(b"caf\xe9 \x81")
    assert read_text(path, western=True) == "café \x81"
    path.write_bytes(b"\x85")
    assert read_text(path, western=True) == "…"
    with pytest.raises(ValueError, match="is a folder"):
        read_text(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_text(tmp_path / "none.txt")


HEAD = "1 gauge\nnodata -9\n\n\n\n"


@pytest.mark.parametrize(
    "row",
    ["2000 01 01 00 00 1,5", "2000 01 01 00 00 1_0", "2000 01 01 00 00 nan", "2000 01 01 1.5",
     "2000 01 01 00 00 1 2", "2000 13 01 00 00 1", "01 01 2000 00 00 x", "2000 01 01 25 00 1"],
)  # fmt: skip
def test_rows_of_mhm_are_whole(row, tmp_path):
    path = tmp_path / "g.txt"
    path.write_bytes((HEAD + "2000 01 01 00 00 1.5\n").encode("utf-16"))
    assert io.read_discharge(path, "g").iloc[0] == 1.5
    path.write_text(HEAD + row)
    with pytest.raises(ValueError, match=r"g\.txt: line 6 is not 'year month day hour"):
        io.read_discharge(path, "g")


GRDC = """# GRDC-No.:              6335020
# River:                 RIVER X
# Station:               PLACE
# Latitude (DD):       51.75
# Longitude (DD):      6.40
# Catchment area (km2):      159300.0
# Unit of measure:                  m3/s
YYYY-MM-DD;hh:mm; Value
1990-01-01;--:--;   2000.000
"""


@pytest.mark.parametrize(
    ("content", "river"),
    [
        (b"RIVER\x85 X", "RIVER… X"),
        (b"RIVER\x0cX", "RIVER X"),
        (b"R\xfcver \x1c\x1d\x1eX", "Rüver X"),
        ("R\u2028X".encode(), "R\u2028X"),
        (b"RIVER\tX", "RIVER X"),
    ],
)
def test_control_characters_break_no_head_of_grdc(content, river, tmp_path):
    (tmp_path / "a.txt").write_bytes(GRDC.encode().replace(b"RIVER X", content))
    table, gauges = io.read_grdc(tmp_path / "a.txt")
    assert table.iloc[0, 0] == 2000 and gauges["river"].iloc[0] == river
    (tmp_path / "a.txt").write_bytes(GRDC.replace("\n", "\r").encode("utf-16"))
    assert io.read_grdc(tmp_path / "a.txt")[0].iloc[0, 0] == 2000


def test_attributes_are_read_or_refused(tmp_path):
    path = tmp_path / "a.csv"
    for separator in ",;\t":
        path.write_bytes("id,x,n\n01,2.5,é\n2,,b\n".replace(",", separator).encode("utf-16"))
        found = read_attributes(path, ["1", "2"])
        assert found["x"].iloc[0] == 2.5 and list(found["n"]) == ["é", "b"]
    for content, message in (
        ("id;x\n1;2,5\n2;3,5\n", r"line 2, column 'x': '2,5' is no number"),
        ("id,x\n1,2\n2\n", r"line 3: 1 columns, but line 1 names 2"),
        ("id,x\n1,2\n\n2,3\n02,4\n", r"line 5: 02 is given twice"),
        ("id,x,y\n1,2,3\n2,3,4\n3,inf,2\n", r"line 4, column 'x': 'inf'"),
    ):
        path.write_text(content)
        with pytest.raises(ValueError, match=rf"a\.csv, {message}"):
            read_attributes(path, ["1", "2"])


def test_lists_of_basins_are_text_files(tmp_path):
    path = tmp_path / "basins.txt"
    path.write_bytes("# mine\r01\r\r2 # two\r".encode("utf-16"))
    assert wanted_basins(path, ["01", "2", "3"], "x") == ["01", "2"]
    path.write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match=r"basins\.txt, line 1, character 4: the byte 0xe9"):
        wanted_basins(path, ["01"], "x")


@pytest.mark.parametrize("number", ["1_0", "inf", "1,5", "\uff11", "0x1"])
def test_columns_between_blanks_hold_numbers(number):
    with pytest.raises(ValueError, match=rf"f\.txt, line 2, column 'b': '{number}' is no finite"):
        read_columns(["1 2", f"1 {number}"], ["a", "b"], 0, "f.txt")


def gauge_table(tmp_path, table: bytes):
    (tmp_path / "g.csv").write_bytes(table)
    (tmp_path / "q.csv").write_text("date,01,é\n2000-01-01,1,2\n")
    content = {"gauge_table": {"file": "g.csv", "discharge": "q.csv"}}
    return read_gauges("d.toml", content, tmp_path)


def test_gauge_tables_are_read_or_refused(tmp_path):
    found = gauge_table(tmp_path, "name;lon;lat;area_km2\n01;5.5;45;\né;5;45;9\n".encode("utf-16"))
    assert found.names == ["01", "é"] and found.discharge.loc["2000-01-01", "é"] == 2
    assert found.table["lon"].tolist() == [5.5, 5] and np.isnan(found.table["area_km2"].iloc[0])
    for table, message in (
        (b"name;lon;lat\n01;5,5;45\n", r"line 2, column 'lon': '5,5' is no number"),
        ("name,lon,lat\né,5,45\n".encode("cp1252"), r"line 2, character 1: the byte 0xe9"),
        (b"gauge,lon,lat\n01,5,45\n", r"has no column 'name'"),
        (b"name,lon,lat\n01,5\n", r"line 2: 2 columns, but line 1 names 3"),
    ):
        with pytest.raises(ValueError, match=rf"\[gauge_table\]: file: .*g\.csv.*{message}"):
            gauge_table(tmp_path, table)


def test_cells_know_the_line_that_they_are_on(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('# c\na,b\n"1\n2",3\n\n4,x\n')
    table = read_delimited(path)
    assert table.column("a") == ["1\n2", "4"] and table.lines == [4, 6]
    with pytest.raises(ValueError, match=r"line 6, column 'b': 'x' is no number"):
        table.numbers("b")
    with pytest.raises(ValueError, match=r"has no column 'c', but a, b"):
        table.column("c")


@pytest.mark.parametrize(("count", "said"), [(9, "c8$"), (10, r"c9$"), (11, r"c9 \.\.\.$")])
def test_a_column_that_is_not_there_is_answered_with_ten_at_most(tmp_path, count, said):
    names = [f"c{i}" for i in range(count)]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + ",".join("1" * count) + "\n")
    with pytest.raises(ValueError, match=rf"has no column 'x', but c0, .*{said}"):
        read_delimited(tmp_path / "a.csv").column("x")
