"""Benchmarks at the size of the globe, on a network of a few cells: groups of basins, one step."""

import re

import numpy as np
import pytest
import torch

from benchmarks.scale import basins, figures, globe, learning, maps, units
from benchmarks.scale.apart import Clock
from gridhydro.config.find import find
from gridhydro.domain.network import Network
from gridhydro.synthetic.globe import make_globe
from tests.synthetic.test_globe import network  # noqa: F401, the fixture


@pytest.fixture(scope="module")
def forest():
    """30 rivers of 1 to 30 cells."""
    sizes = np.arange(1, 31)
    last = np.repeat(np.cumsum(sizes), sizes) - 1
    cells = np.arange(sizes.sum())
    return Network.from_downstream(np.where(cells == last, -1, cells + 1))[0]


def test_groups_hold_every_basin_once_and_no_more_cells_than_asked(forest):
    found = units.groups(forest, 60)
    assert np.array_equal(np.sort(np.concatenate(found)), forest.outlets)
    size = np.bincount(forest.basin)
    assert max(size[group].sum() for group in found) <= 60 and len(found) <= 10
    assert [len(group) for group in units.groups(forest, 1)] == [1] * 30  # larger ones stay whole


def test_some_basins_have_about_as_many_cells_as_asked(forest):
    size = np.bincount(forest.basin)
    assert 90 <= size[units.some_basins(forest, 100)].sum() <= 100


def test_parts_of_a_world_are_its_cells(network):  # noqa: F811
    world = units.Work(str(network), 10, "hbv", 3).world()
    outlets = world.domain.network.outlets[3:6]
    part, cells = units.part_of(world.domain, outlets)
    assert set(world.domain.network.basin[cells]) == set(outlets) and len(part.gauges)
    for ours, theirs in zip(part.lonlat, world.domain.lonlat, strict=True):
        assert np.array_equal(ours, theirs[cells])


@pytest.mark.end_to_end
def test_work_in_groups_is_that_on_all_cells(network):  # noqa: F811
    work = units.Work(str(network), 10, "hbv", 4)
    forward = units.forward(work, 3)
    assert forward["units"] == 2 and forward["cells"] == work.world().domain.size
    learning = units.learning(work, 40)
    assert learning["cells"] == forward["cells"] and learning["units"] > 2
    assert {"prepare_s", "weather_cpu", "model_cpu"} <= set(forward) & set(learning)


def test_clock_adds_up_parts():
    clock = Clock()
    for _ in range(2):
        with clock("part"):
            pass
    assert set(clock.seconds) == {"part_s", "part_cpu"} and clock.seconds["part_s"] > 0


def test_basins_are_read_lazily_and_packed(tmp_path, monkeypatch):
    monkeypatch.setattr(basins, "BATCHES", basins.gh.Batches(gauges=5, days=60, warmup=60))
    path = tmp_path / "basins.zarr"
    basins.generate(path, 12, 1)
    rows = basins.learn(path, 12, 1, 0)["rows"]
    assert [row["part"] for row in rows] == ["open", "pack", "pack discharge again"]
    assert all(0 < row["own_gb"] < 4 for row in rows)


def test_rows_become_figures(tmp_path):
    head = ",".join(globe.HEAD)
    rows = [f"days,hbv,{kind},0.5,10,{d},1,{d},{d},0,0,0,0,1,1,1"
            for kind in ("forward", "forward + adjoint") for d in (1, 10)]  # fmt: skip
    (tmp_path / "globe-days.csv").write_text("\n".join(["# a: b", head, *rows]))
    figures.draw(tmp_path)
    assert (tmp_path / "globe-days.png").exists() and not (tmp_path / "globe-cells.png").exists()
    assert torch.is_grad_enabled()


@pytest.mark.end_to_end
def test_the_globe_is_trained_on_and_told(network, tmp_path):  # noqa: F811
    """The domain file globe on a small network and a year."""
    world = make_globe(network, 10 / 3, 1)
    held = [name for name in world.gauges.index if name[0] in "BH"]
    text = find("globe").read_text()
    for old, new in (
        ('"2002", "2006"', '"2001-03", "2001-09"'), ('"2007", "2010"', '"2001-10", "2001-12"'),
        ("days = 365, warmup = 365", "days = 100, warmup = 59"),
        (re.search(r"(?s)held_out = \[.*\]", text)[0], f"held_out = {held}"),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "small.toml").write_text(text)
    learning.generate(tmp_path / "globe", str(network), 10 / 3, 1)
    found = learning.learn(tmp_path, str(tmp_path / "small.toml"), 1)
    assert [row["part"] for row in found["rows"]] == ["open", "pack", "train", "score"]
    epochs, scores, parameters = (found["tables"][n] for n in ("epochs", "scores", "parameters"))
    assert len(epochs) == 1 and (epochs[["cpu", "seconds"]] > 0).all(None)
    assert set(scores["years"]) == {"trained on", "after them"} and (scores["median"] < 1).all()
    assert len(parameters) == 2 * len(found["maps"]) and "gamma" not in found["maps"]
    maps.draw(found["maps"], tmp_path / "maps.png")
    assert (tmp_path / "maps.png").stat().st_size > 10_000
