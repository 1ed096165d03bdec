"""A second parser of periods, reader of times or list of codes cannot come back unnoticed."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "gridhydro"
FILES = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")]
# what is called in one file only -> the file
CALLS = {
    "Period": "base/periods.py",
    "to_datetime": "base/calendar.py",
    "decode_cf": "base/calendar.py",
    "tz_localize": "base/calendar.py",
    "to_csv": "io/csv_tables.py",
    "splitlines": "domain/domain_file.py",
}
CODES = {99, 99.9, 999, 9999, 99999, 999999, 32767, 1e19, 1e20, 9.96921e36}
# codes that are no missing values of a quantity: of directions of flow, of a raster of pyflwdir, of
# a table of reaches for a reach below that there is not
OTHER_CODES = {
    "base/quantities.py": CODES,
    "domain/d8.py": {9999, 99999},
    "domain/reach_layouts.py": {9999},
    "domain/upscale.py": {9999},
    "io/grdc.py": {99},  # a flag of GRDC
}


def tree(file: str) -> ast.Module:
    return ast.parse((PACKAGE / file).read_text())


@pytest.mark.parametrize("name", CALLS)
def test_periods_and_dates_are_parsed_in_one_file(name):
    places = {
        file
        for file in FILES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call)
        and name == getattr(node.func, "attr", getattr(node.func, "id", ""))
    }
    assert places <= {CALLS[name]}


@pytest.mark.parametrize("file", FILES)
def test_codes_for_missing_values_are_only_in_the_table_of_quantities(file):
    found = {
        abs(node.value)
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Constant) and type(node.value) in (int, float)
    }
    assert not (found & CODES) - OTHER_CODES.get(file, set())


@pytest.mark.parametrize("file", FILES)
def test_no_private_name_of_another_file_is_used(file):
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gridhydro"):
            private = [a.name for a in node.names if re.match("_(?!_)", a.name)]
            assert not private, f"{file}:{node.lineno} imports {', '.join(private)}"
