"""Names that a spreadsheet would compute are text in every CSV, and come back as they were."""

import csv

import numpy as np
import pandas as pd
import pytest

from gridhydro import io
from gridhydro.io.csv_tables import NOTE, write_csv, write_discharge, write_table

FORMULAS = ["=1+1", "+cmd|x", "-a", "@SUM(A1)", "=cmd|' /C calc'!A0", '=HYPERLINK("x","y")', "-",
            "+49 Rhine", "\uff1dx", "=x, y", "--1"]  # fmt: skip
PLAIN = ["A", "-5", "+5", "-1.5e3", "a=b", "'q", "é", "1-2", "a b", "12"]
DAYS = pd.date_range("2000-01-01", periods=2)


def cells(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_are_text_in_cells_names_and_index(name, tmp_path):
    table = pd.DataFrame({name: [-1.0, 2.0], "gauge": [name, "A"]}, index=[name, "B"])
    write_table(tmp_path / "a.csv", table.rename_axis(name), index=True)
    found = cells(tmp_path / "a.csv")
    assert found == [[f"'{name}", f"'{name}", "gauge"], [f"'{name}", "-1.0", f"'{name}"],
                     ["B", "2.0", "A"]]  # fmt: skip
    assert [f"'{name}" in row for row in cells(tmp_path / NOTE)][1:] == [True, True, False]


@pytest.mark.parametrize("name", FORMULAS + PLAIN)
def test_discharge_of_any_name_comes_back(name, tmp_path):
    write_discharge(tmp_path / "q.csv", pd.DataFrame({name: [1.0, 2.5]}, DAYS), "simulated")
    assert io.read_discharge(tmp_path / "q.csv", name).tolist() == [1, 2.5]


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names_and_numbers_stay(name, tmp_path):
    write_csv(tmp_path / "a.csv", pd.DataFrame({name: [name]}), index=False)
    assert cells(tmp_path / "a.csv") == [[name], [name]]


def test_tables_of_any_shape_are_written(tmp_path):
    for table in (
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame({"a": [1, None, "=x"], "b": [True, False, True]}),
        pd.DataFrame({"a": pd.Categorical(["=x", "b", "=x"])}),
        pd.DataFrame({"a": [np.nan, 1.5], "when": DAYS}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
    ):
        write_csv(tmp_path / "a.csv", table, index=False)
        assert "\n=x" not in (tmp_path / "a.csv").read_text()
        assert len(table.columns) == 0 or len(cells(tmp_path / "a.csv")) == len(table) + 1
