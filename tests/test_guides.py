"""The guides are run as they stand, block after block."""

import importlib.util
import re
from importlib import resources

import pytest
import xarray

from gridhydro.cli import main

GUIDES = sorted(resources.files("gridhydro").joinpath("guides").iterdir(), key=lambda p: p.name)
GUIDES = [guide for guide in GUIDES if guide.name.endswith(".md")]


def run_blocks(guide, language="python", names=None) -> dict:
    """The names that are there behind all blocks of a guide in a language."""
    blocks = re.findall(rf"```{language}\n(.*?)```", guide.read_text(), re.DOTALL)
    assert blocks
    names = {} if names is None else names
    for number, block in enumerate(blocks):
        exec(compile(block, f"{guide.name}, block {number + 1}", "exec"), names)
    return names


@pytest.mark.end_to_end
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_guide_runs_from_top_to_bottom(guide, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    names = run_blocks(guide)
    if guide.name == "parameter_learning.md":  # what it says of its methods is so
        said = dict(re.findall(r"^(.*): (0\.\d+)$", capsys.readouterr().out, re.MULTILINE))
        alone, informed = float(said["attributes alone"]), float(said["with what was observed"])
        assert informed < 0.95 * alone and 0.03 < float(said["each cell alone"]) < alone
    if guide.name == "forecast.md":
        (shell,) = re.findall(r"```\n(gridhydro run.*?)```", guide.read_text(), re.DOTALL)
        for line in shell.splitlines():
            assert main(line.split()[1:]) == 0
        assert xarray.open_dataset("ahead.nc")["discharge"].sizes["time"] == 61
        if importlib.util.find_spec("bmipy") is None:
            pytest.skip("its block on BMI needs the package bmipy; the others have run")
        run_blocks(guide, "py", names)
        assert len(list(tmp_path.glob("*.nc"))) >= 8
    if guide.name == "own_loop.md":
        course = names["course"]
        assert course[-1] < 0.7 * course[0]
        if importlib.util.find_spec("lightning") is None:
            pytest.skip("its blocks of Lightning need the package lightning; the others have run")
        run_blocks(guide, "py", names)
        assert 0 < names["trainer"].callback_metrics["loss"] < course[0]
