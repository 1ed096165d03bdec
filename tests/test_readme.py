"""What the README shows is run as it stands there."""

import importlib.util
import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_column_of_ones_own_runs_and_is_short(tmp_path):
    block = next(b for b in BLOCKS if "class Bucket" in b)
    assert len(block.splitlines()) < 40
    path = tmp_path / "bucket.py"
    path.write_text(block)
    specification = importlib.util.spec_from_file_location("bucket", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert module.outputs["runoff"].shape == (730, 1000)
    assert (module.outputs["runoff"] >= 0).all() and module.outputs["runoff"].max() > 0
    assert module.capacity.grad.abs().sum() > 0


def test_the_quick_start_uses_what_there_is():
    """The names and keywords of the quick start exist; its files are the reader's own."""
    import inspect

    import gridhydro as gh

    block = next(b for b in BLOCKS if "gh.train" in b)
    compile(block, "README", "exec")
    calls = {
        "gh.Domain.from_d8": gh.Domain.from_d8,
        "gh.Model": gh.Model,
        "gh.train": gh.train,
        "run.evaluate": gh.Run.evaluate,
        "run.simulate": gh.Run.simulate,
        "run.save": gh.Run.save,
    }
    for text, function in calls.items():
        keywords = re.findall(r"(\w+)=", re.search(re.escape(text) + r"\((.*)\)", block)[1])
        for keyword in keywords:
            assert keyword in inspect.signature(function).parameters, f"{text}({keyword}=)"
    for name in re.findall(r"gh\.(\w+)", block):
        assert hasattr(gh, name)


@pytest.mark.end_to_end
def test_a_shapefile_and_weather_become_a_map_in_ten_lines(data, tmp_path, monkeypatch):
    """The block as it stands, on the Rhine and a month of ERA5; only the periods are others."""
    pytest.importorskip("exactextract", reason="the extra polygons is not installed")
    import geopandas
    import numpy as np
    import pandas as pd

    import gridhydro as gh

    block = next(b for b in BLOCKS if "from_polygons" in b)
    assert len(block.splitlines()) <= 10
    for was, short in (
        ('("1990", "2005"), spinup=365', '("2000-01-11", "2000-01-24"), spinup=10'),
        ('("2006", "2015")', '("2000-01-25", "2000-01-30")'),
    ):
        assert was in block
        block = block.replace(was, short)
    monkeypatch.chdir(tmp_path)
    for path in data("ewatercycle/Rhine").iterdir():
        (tmp_path / f"basins{path.suffix}").write_bytes(path.read_bytes())
    (tmp_path / "weather").mkdir()
    for name in ("pr", "tas"):
        path = data(f"ewatercycle/OBS6_ERA5_reanaly_1_day_{name}_2000-2000.nc")
        (tmp_path / "weather" / path.name).write_bytes(path.read_bytes())
    days = pd.date_range("2000-01-01", periods=30, name="date")
    # no gauge of that month is among the data: a recession
    flow = pd.DataFrame({"2040023010": 4000 * np.exp(-np.arange(30) / 20)}, days)
    flow.to_csv("discharge.csv")
    found = {"gh": gh}
    exec(compile(block, "README", "exec"), found)
    table = geopandas.read_file("parameters.gpkg")
    assert table["name"].tolist() == ["2040023010"] and 50 <= table["FC"].item() <= 1000
    assert found["run"].history["loss"].iloc[-1] < found["run"].history["loss"].iloc[0]


@pytest.mark.parametrize("command", ["gridhydro demo", "pytest -n auto"])
def test_the_two_commands_install_with_the_constraints(command):
    line = next(line for line in README.splitlines() if line.endswith(f"&& {command}"))
    assert line.startswith("pip install -c constraints.txt -e ")
