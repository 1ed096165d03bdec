"""The pages of the documentation are run as they stand, block after block.

```python blocks are executed, ```sh blocks are commands of gridhydro that are run, and ```toml
blocks with a title are the files that later blocks read. What needs data or packages that nobody
has here stands in ```py and ```console blocks: names, keywords and options in them have to exist.
"""

import ast
import importlib.util
import inspect
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest

import gridhydro
from gridhydro.cli import main
from gridhydro.cli.program import parser
from gridhydro.config import load, sections
from gridhydro.synthetic.catchment_folder import write_catchment
from tests.support.forks import Fork
from tests.support.small_basins import small_basins

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "pages").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
GENERATES = "gridhydro synthetic catchment --out catchment"
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', re.DOTALL | re.MULTILINE)


def blocks(page: Path, *languages) -> list[tuple[str, str, str]]:
    """Language, title and text of the blocks of a page in some languages."""
    found = _BLOCK.findall(page.read_text())
    return [block for block in found if block[0] in languages]


def run_blocks(page: Path, *languages, names=None, shorter=()) -> dict:
    """The names that are there behind all blocks of a page; `shorter`: texts and shorter ones."""
    names = {} if names is None else names
    found = blocks(page, *languages)
    assert found
    for number, (language, title, text) in enumerate(found):
        for was, short in shorter:
            text = text.replace(was, short)
        if language == "toml":
            if title:
                Path(title).write_text(text)
        elif language == "sh":
            for line in text.splitlines():
                assert line == GENERATES or main(shlex.split(line)[1:]) == 0, line
        else:
            exec(compile(text, f"{page.name}, block {number + 1}", "exec"), names)
    return names


@pytest.fixture(scope="session")
def catchment(tmp_path_factory):
    """The folder that `gridhydro synthetic catchment` writes, once for all pages."""
    folder = tmp_path_factory.mktemp("pages") / "catchment"
    write_catchment(folder)
    return folder


def rhine(data, folder: Path) -> None:
    """Polygons, a month of weather and discharge, as the page of polygons names them."""
    import numpy as np
    import pandas as pd

    for path in data("ewatercycle/Rhine").iterdir():
        (folder / f"basins{path.suffix}").write_bytes(path.read_bytes())
    (folder / "weather").mkdir()
    for name in ("pr", "tas"):
        path = data(f"ewatercycle/OBS6_ERA5_reanaly_1_day_{name}_2000-2000.nc")
        (folder / "weather" / path.name).write_bytes(path.read_bytes())
    days = pd.date_range("2000-01-01", periods=30, name="date")
    # no gauge of that month is among the data: a recession
    flow = pd.DataFrame({"2040023010": 4000 * np.exp(-np.arange(30) / 20)}, days)
    flow.to_csv(folder / "discharge.csv")


SHORTER = {
    "polygons.md": (
        ('("1990", "2005"), spinup=365', '("2000-01-11", "2000-01-24"), spinup=10'),
        ('("2006", "2015")', '("2000-01-25", "2000-01-30")'),
    ),
    "parameter_learning.md": (
        ("learning_rate=0.02", "learning_rate=0.05"), ("epochs=200", "epochs=70"),
        ("sets=600", "sets=200"), ("epochs=8", "epochs=2"),
    ),
}  # fmt: skip
RUN = [page for page in PAGES if blocks(page, "python", "sh")]


@pytest.mark.end_to_end
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_page_runs_from_top_to_bottom(page, catchment, data, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    if GENERATES in page.read_text():
        shutil.copytree(catchment, tmp_path / "catchment")
    if page.name == "basins.md":
        gridhydro.io.write_basins(small_basins(), tmp_path / "basins.nc")
    if page.name == "polygons.md":
        pytest.importorskip("exactextract", reason="the extra polygons is not installed")
        rhine(data, tmp_path)
    shorter = SHORTER.get(page.name, ())
    assert all(was in page.read_text() for was, _ in shorter)
    names = run_blocks(page, "python", "toml", "sh", shorter=shorter)
    said = capsys.readouterr().out
    if page.name in CHECKS:
        CHECKS[page.name](page, names, said)


def _index(page, names, said):
    assert Path("run/metrics-2006-2006.csv").exists() and names["run"].parameters["FC"].dims == (
        "y",
        "x",
    )


def _own_data(page, names, said):
    assert "nothing to report" in str(names["report"]) and not names["report"].errors


def _raster(page, names, said):
    assert names["fluxes"].sizes["time"] == 365 and Path("parameters.nc").exists()


def _basins(page, names, said):
    assert "predict" in page.read_text() and Path("fold0/metrics.csv").exists()


def _polygons(page, names, said):
    import geopandas

    table = geopandas.read_file("parameters.gpkg")
    assert table["name"].tolist() == ["2040023010"] and 50 <= table["FC"].item() <= 1000
    assert names["run"].history["loss"].iloc[-1] < names["run"].history["loss"].iloc[0]


def _training(page, names, said):
    assert names["scores"]["nse"].median() > 0.5 and len(names["run"].history) == 4


def _corrections(page, names, said):
    loss = names["run"].history["loss"]
    assert loss.iloc[-1] < 0.8 * loss.iloc[0]


def _own_column(page, names, said):
    block = next(text for _, _, text in blocks(page, "python") if "class Bucket" in text)
    assert len(block.splitlines()) < 40 and "def " in said
    assert names["outputs"]["runoff"].shape == (730, 1000)
    assert (names["outputs"]["runoff"] >= 0).all() and names["outputs"]["runoff"].max() > 0
    assert names["capacity"].grad.abs().sum() > 0


def _memory(page, names, said):
    import xarray as xr

    assert xr.open_zarr("fluxes.zarr").sizes["time"] == 731


def _parameter_learning(page, names, said):
    """What it says of its methods is so."""
    scores = dict(re.findall(r"^(.*): (0\.\d+)$", said, re.MULTILINE))
    alone, informed = float(scores["attributes alone"]), float(scores["with what was observed"])
    assert informed < 0.95 * alone and 0.03 < float(scores["each cell alone"]) < alone


def _own_loop(page, names, said):
    course = names["course"]
    assert course[-1] < 0.7 * course[0]
    if importlib.util.find_spec("lightning") is None:
        pytest.skip("its blocks of Lightning need the package lightning; the others have run")
    run_blocks(page, "py", names=names)
    assert 0 < names["trainer"].callback_metrics["loss"] < course[0]


def _forecast(page, names, said):
    import xarray as xr

    assert xr.open_dataset("ahead.nc")["discharge"].sizes["time"] == 61
    off = [float(one) for one in re.findall(r"assimilation: ([\d.]+) m3", said)]
    assert off[1] < 0.3 * off[0]
    if importlib.util.find_spec("bmipy") is None:
        pytest.skip("its block on BMI needs the package bmipy; the others have run")
    run_blocks(page, "py", names=names)
    assert len(list(Path().glob("*.nc"))) >= 8


def _sensitivity(page, names, said):
    assert 0.6 < names["expected"] / names["lost"] < 1.4 and names["lost"] > 0
    assert 0 < float(names["soil"]["soil_moisture"].sum()) < 1
    assert Path("soil_sensitivity.nc").exists()


CHECKS = {
    "index.md": _index, "own_data.md": _own_data, "raster.md": _raster, "basins.md": _basins,
    "polygons.md": _polygons, "training.md": _training, "corrections.md": _corrections,
    "own_column.md": _own_column, "memory.md": _memory, "own_loop.md": _own_loop,
    "parameter_learning.md": _parameter_learning, "forecast.md": _forecast,
    "sensitivity.md": _sensitivity,
}  # fmt: skip


def resolved(node: ast.expr):
    """The public object that an expression such as gh.Domain.from_d8 names; None for any other."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in ("gh", *gridhydro.__all__):
        return None
    found = gridhydro if node.id == "gh" else getattr(gridhydro, node.id)
    for part in reversed(parts):
        found = getattr(found, part)  # an AttributeError is what this looks for
    return found


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_names_and_options_on_a_page_exist(page):
    for _, _, text in blocks(page, "py", "python"):
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call) or not callable(found := resolved(node.func)):
                continue
            known = inspect.signature(found).parameters
            if any(p.kind is p.VAR_KEYWORD for p in known.values()):
                continue
            for keyword in node.keywords:
                assert keyword.arg is None or keyword.arg in known, ast.unparse(node)
    for _, _, text in blocks(page, "console", "sh"):
        for line in text.splitlines():
            _, found, given = line.partition("gridhydro ")
            if found and not line.startswith(("pip", "#")):
                parser().parse_args(shlex.split(given.partition(" && ")[0], comments=True))


_KEYS = {"model": sections.ModelOptions, "training": sections.TrainingOptions}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sections_and_keys_on_a_page_exist(page):
    for _, _, text in blocks(page, "toml"):
        content = tomllib.loads(text)
        assert set(content) <= {*load.SECTIONS, *load.BASIN_SECTIONS}
        for section, kind in _KEYS.items():
            assert set(content.get(section, {})) <= set(kind.__dataclass_fields__), page.name


def place_of(path: Path, catchment: Path, folder: Path) -> Path:
    """Where a notebook is run, with the data that it begins with."""
    if path.name == "first_catchment.ipynb":
        shutil.copytree(catchment, folder / "catchment")
    return folder


# as Jupyter runs it, and slowly all of them: its kernel takes longer to start than their cells do
KERNEL = [path for path in NOTEBOOKS if path.stem == "grace"]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=getattr(pytest.mark, "end_to_end" if path in KERNEL else "slow"))
        for path in NOTEBOOKS
    ],
    ids=lambda path: path.name,
)
def test_notebook_runs_from_top_to_bottom(path, catchment, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(place_of(path, catchment, tmp_path))}}
    client.NotebookClient(book, timeout=600, kernel_name="python3", resources=place).execute()
    outputs = [out for cell in book.cells for out in cell.get("outputs", [])]
    assert outputs and not any(out.output_type == "error" for out in outputs)


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if path not in KERNEL], ids=lambda path: path.name
)
def test_cells_of_a_notebook_run_from_top_to_bottom(path, catchment, tmp_path, monkeypatch):
    pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.chdir(place_of(path, catchment, tmp_path))
    assert int(Fork("-m", "tests.support.notebook_cells", path).printed()) > 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs(path):
    import json

    for cell in json.loads(path.read_text())["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None
