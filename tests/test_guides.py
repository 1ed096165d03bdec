"""The guides are run as they stand, block after block."""

import re
from importlib import resources

import pytest

GUIDES = sorted(resources.files("gridhydro").joinpath("guides").iterdir(), key=lambda p: p.name)
GUIDES = [guide for guide in GUIDES if guide.name.endswith(".md")]


@pytest.mark.end_to_end
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_guide_runs_from_top_to_bottom(guide, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL)
    assert blocks
    names = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{guide.name}, block {number + 1}", "exec"), names)
    if guide.name == "parameter_learning.md":  # what it says of its methods is so
        said = dict(re.findall(r"^(.*): (0\.\d+)$", capsys.readouterr().out, re.MULTILINE))
        alone, informed = float(said["attributes alone"]), float(said["with what was observed"])
        assert informed < 0.95 * alone and 0.03 < float(said["each cell alone"]) < alone
