"""The command for a GPU in miniature: cut, taken up again, whole; what it says of wrong kernels."""

import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr

from benchmarks import commands
from benchmarks.speed import flat, graphs, routing, training
from gridhydro.domain.domain import Domain

pytest.importorskip("triton")
pytestmark = pytest.mark.end_to_end
NO_GPU = pytest.mark.skipif(
    torch.cuda.is_available(), reason="the miniature is for where no GPU is"
)

from benchmarks.gpu import (  # noqa: E402
    command,
    correct,
    limits,
    page,
    parts,
    results,
    sweep,
)

NAMES = [part.name for part in parts.PARTS]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder, its results when a part was interrupted, and when the same command had gone on."""
    folder = tmp_path_factory.mktemp("gpu")
    words = ["gpu", "--out", str(folder)]

    def interrupted(place):
        yield dict(case="first", seconds=float("nan"))
        raise KeyboardInterrupt

    broken = [p._replace(run=interrupted) if p.name == "routing" else p for p in parts.PARTS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PARTS", tuple(broken))
        with pytest.raises(KeyboardInterrupt):
            commands.main(words)
    first = results.Results(folder).read()
    commands.main(words)
    return folder, first, results.Results(folder).read()


@NO_GPU
def test_a_cut_run_goes_on_where_it_was_cut(runs):
    _, first, last = runs
    before = NAMES[: NAMES.index("routing")]
    assert list(first["parts"]) == [*before, "routing"]
    assert first["parts"]["routing"]["state"] == "running"
    assert first["parts"]["routing"]["rows"] == [{"case": "first", "seconds": None}]
    for name in before:  # to the last digit of its seconds: it was not done again
        assert last["parts"][name] == first["parts"][name]
    assert list(last["parts"]) == NAMES
    states = {name: part["state"] for name, part in last["parts"].items()}
    assert states == dict.fromkeys(NAMES, "done") | {"graphs": "not here"}


@NO_GPU
def test_results_are_few_files_and_the_page_names_all(runs):
    folder, _, last = runs
    files = {path.name for path in folder.iterdir()}
    assert files == {"results.json", "README.md", "pytest.log"} and len(files) <= 8
    text = (folder / "README.md").read_text()
    for name in NAMES:
        assert f"\n## {name}\n" in text and f"| {name} | {last['parts'][name]['state']} |" in text
    for name in ("cpu", "gpu", "torch", "triton", "gridhydro"):
        assert f"- {name}: {last['machine'][name]}\n" in text
    assert "times and speeds mean nothing" in text and "nothing yet" not in text
    assert "needs CUDA" in text and "not installed" in text and "skipped" in text


@NO_GPU
def test_every_kernel_is_held_against_the_plain_loop(runs):
    rows = {row["case"]: row for row in runs[2]["parts"]["kernels"]["rows"]}
    assert all(row["right"] and row["error"] <= row["allowed"] for row in rows.values())
    found = [(r["case"], r["precision"]) for r in runs[2]["parts"]["kernels"]["rows"]]
    for case in ("column hbv", "column hydropy", "cascade of 3, delay 1", "cascade of 1, delay 0"):
        assert {(case, "float32"), (case, "float64")} <= set(found)
    widths = [row["note"].split()[-1] for case, row in rows.items() if "hbv, series" in case]
    assert widths == ["uint32", "uint32", "int64"]
    widths = [row["note"].split()[-1] for case, row in rows.items() if "rivers, series" in case]
    assert widths == ["uint32", "int64"]
    assert not all(row["error"] == 0 for row in rows.values())


@NO_GPU
def test_every_measurement_has_a_speed_and_its_fraction_of_the_bandwidth(runs):
    for name in ("columns", "routing", "schemes", "grids"):
        rows = runs[2]["parts"][name]["rows"]
        assert rows
        for row in rows:
            for kind in ("forward", "adjoint"):
                assert row[f"{kind}_best_s"] > 0 and row[f"{kind}_floor"] > 0
    precise = [r for r in runs[2]["parts"]["hybrid"]["rows"] if "gradient_apart" in r]
    assert precise and all(0 < row["discharge_apart"] < 0.1 for row in precise)


def test_a_wrong_kernel_is_told_and_ends_the_command(tmp_path, monkeypatch, capsys):
    def wrong(place):
        yield correct.verdict("a column", torch.float32, {"a": 0.0, "b": float("nan")}, 1e-3)

    def failing(place):
        yield dict(case="fine")
        raise RuntimeError("out of memory")

    made = [("bad", wrong), ("broken", failing)]
    monkeypatch.setattr(parts, "PARTS", tuple(parts.Part(n, 1, run, n) for n, run in made))
    monkeypatch.setattr(page, "PARTS", parts.PARTS)
    with pytest.raises(SystemExit, match="bad: a column; broken failed: RuntimeError: out of mem"):
        commands.main(["gpu", "--out", str(tmp_path), "--here"])
    found = json.loads((tmp_path / "results.json").read_text())["parts"]
    assert found["bad"]["rows"][0]["of"] == "b" and found["broken"]["rows"] == [{"case": "fine"}]
    assert "**Wrong: bad: a column" in (tmp_path / "README.md").read_text()


def test_time_that_is_too_short_cuts_a_part_and_it_has_its_turn_last(tmp_path, monkeypatch):
    begun, now = [], [0.0]
    # a clock of our own: on a busy machine the real one would leave the second turn out
    monkeypatch.setattr(command, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def endless(place):
        begun.append("endless")
        while True:
            now[0] += 1
            yield dict(case="once more")

    def quick(place):
        begun.append("quick")
        now[0] += 1
        yield dict(case="done")

    made = [("endless", endless), ("quick", quick)]
    monkeypatch.setattr(parts, "PARTS", tuple(parts.Part(n, 1, run, n) for n, run in made))
    monkeypatch.setattr(page, "PARTS", parts.PARTS)
    words = ["gpu", "--out", str(tmp_path), "--here", "--minutes"]
    commands.main([*words, "0.1", "--only", "endless"])
    assert results.Results(tmp_path).state("endless") == "cut"
    commands.main([*words, "0.2"])
    assert begun == ["endless", "quick", "endless"]
    with pytest.raises(SystemExit, match="no part 'columns'; there is endless, quick"):
        commands.main([*words, "1", "--only", "columns"])


@pytest.mark.slow
@NO_GPU
def test_a_part_in_a_process_of_its_own_is_ended_with_its_time(tmp_path, monkeypatch):
    (part,) = (p for p in parts.PARTS if p.name == "bandwidth")
    given, kept = Namespace(out=tmp_path), results.Results(tmp_path)
    kept.begin(command.machine(small=True), None)
    monkeypatch.setattr(command, "GRACE", 0.1)
    command.apart(part, given, 0.1)
    assert kept.state("bandwidth") == "cut"
    command.apart(part, given, 120)
    assert kept.state("bandwidth") == "done"
    assert kept.read()["parts"]["bandwidth"]["rows"][0]["gigabytes_per_s"] > 0
    assert "done in" in (tmp_path / "run.log").read_text()
    command.apart(part._replace(name="none such"), given, 120)
    assert "its process ended with 1" in kept.read()["parts"]["none such"]["error"]


def test_results_of_another_machine_are_not_mixed(tmp_path):
    kept = results.Results(tmp_path)
    kept.begin({"gpu": "A", "torch": "2"}, "one")
    kept.put("columns", state="done", rows=[])
    kept.begin({"gpu": "A", "torch": "2"}, "two")
    assert kept.read()["commands"] == ["one", "two"] and kept.state("columns") == "done"
    for other in ({"gpu": "B", "torch": "2"}, {"gpu": "A", "torch": "3"}):
        with pytest.raises(SystemExit, match="give another folder with --out"):
            kept.begin(other, "three")


def test_the_sweep_gives_the_best_of_each_kernel():
    row = dict(kernel="hbv forward", cells=2000, warps=4, ahead=False, stages=3)
    rows = [
        row | dict(settings="in use", lanes=128, seconds=3.0),
        row | dict(settings="tried", lanes=64, seconds=2.0),
        row | dict(settings="tried", lanes=32, note="not measured: too many registers"),
        row | dict(kernel="cascade of 5 adjoint", settings="in use", lanes=128, seconds=1.0,
                   tile_days="chosen"),
        row | dict(kernel="cascade of 5 adjoint", settings="tried", lanes=64, seconds=0.5,
                   tile_days=8),
        row | dict(kernel="hbv adjoint", settings="in use", lanes=128, seconds=1.0),
    ]  # fmt: skip
    assert sweep.table(rows).splitlines()[2:-1] == [
        '    ("hbv forward", 2000): (64, 4, False, 3),  # 1.50 times as fast as now',
        '    ("cascade of 5 adjoint", 2000): (64, 4, False, 3, 8),  # 2.00 times as fast as now',
        '    ("hbv adjoint", 2000): None,  # as it is',
    ]
    assert sweep.table([]) == ""


def test_fraction_of_the_limit_of_instructions(monkeypatch):
    """100 processors at 1 GHz begin 12.8e12 instructions a second; 6.4e9 cell-days of 200 take a
    tenth of them."""
    card = SimpleNamespace(multi_processor_count=100, clock_rate=1e6)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    limits.clock.cache_clear()
    rows = [dict(runs=1, forward_msteps=6400.0, adjoint_msteps=3200.0, note=""), dict(note="no")]
    place = SimpleNamespace(small=False)
    row, other = limits.with_issue(place, rows, lambda: (200.0, 800.0))
    limits.clock.cache_clear()
    assert row["forward_issue"] == pytest.approx(0.1)
    assert row["adjoint_issue"] == pytest.approx(0.2)
    assert other == dict(note="no")


def test_instructions_of_rivers_are_counted():
    script = """
from benchmarks.gpu import limits
from benchmarks.speed import routing

limits.capability = lambda: 90
network = routing.synthetic(4)
print(*limits.of_rivers(routing.Problem(network, 2, 5, 1)))
"""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment,
        cwd=Path(commands.__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    forward, both = map(float, done.stdout.split())
    assert np.isnan(forward) or 50 < forward < both < 2000


def test_a_flat_domain_is_that_of_its_directions():
    heights, rows = [3, 1, 4], 4
    codes = np.full((rows, len(heights)), np.nan)
    for col, height in enumerate(heights):
        codes[rows - height :, col] = 2
    codes[-1], codes[-1, -1] = 6, 5
    coords = {"y": 1000.0 * np.arange(rows)[::-1], "x": 1000.0 * np.arange(len(heights))}
    read = Domain.from_d8(xr.DataArray(codes, coords, ("y", "x")), "ldd", crs="EPSG:3035")
    made = flat.draining_south(heights, rows, 1000.0, 2)
    for name in ("row", "col", "area"):
        np.testing.assert_array_equal(getattr(made, name), getattr(read, name))
    np.testing.assert_array_equal(made.network.downstream, read.network.downstream)
    assert made.gauges["network_area_km2"].tolist() == [3, 8]
    # of the four squares the first has one cell, less than half as many as the fullest
    tiles = flat.SquareTiles(made, 2)
    values = torch.arange(made.size).float()
    square = made.row // 2 * 2 + made.col // 2
    expected = torch.stack([values[square == number].mean() for number in (1, 2, 3)])
    found = tiles.mean(torch.stack([values, 2 * values]))
    torch.testing.assert_close(found, torch.stack([expected, 2 * expected]))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_replayed_launches_give_the_same_gradients():
    problem = routing.Problem(routing.synthetic(300), 20, 3, 1, "cuda")
    routing.captured(problem).check()
    step = training.step(training.comb(10, 20), 1, 30, "cuda", captured=True)
    step.check()
    assert isinstance(step.adjoint, graphs.Captured)
