"""The benchmarks run at tiny sizes, say what they could not measure, and refuse wrong kernels."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import commands, machine
from benchmarks.speed import (
    columns,
    contest,
    gpu_loops,
    lumped,
    measure,
    peers_columns,
    peers_routing,
    routing,
    step,
    torch_loops,
    training,
)
from gridhydro.columns import column

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]


def rows_of(path):
    with open(path) as file:
        lines = list(file)
    header = dict(
        line[2:].strip().split(": ", 1) for line in lines if line.startswith("# ") and ": " in line
    )
    return header, list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.mark.slow  # .ci/run counts them in tests/kernels/test_column_compile.py
def test_gpu_loops_command_counts_instructions_by_kind(tmp_path):
    """In a process of its own, since this one may run Triton's interpreter."""
    pytest.importorskip("triton")
    arguments = ["--columns", "hbv", "--precisions", "float32", "--out", str(tmp_path)]
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "benchmarks", "gpu-loops", *arguments]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    if "without cuobjdump" in run.stderr:
        pytest.skip("Triton came without cuobjdump, which shows the instructions")
    assert run.returncode == 0, run.stderr
    header, rows = rows_of(tmp_path / "gpu_loops.csv")
    assert header["target"] == "sm_90" and header["command"].endswith(" ".join(arguments))
    assert len(rows) == 3 * (2 + 1 + 2)  # ways; forward, adjoint, adjoint of two loops
    for row in rows:
        kinds = [int(row[kind]) for kind in gpu_loops.SHARES]
        assert sum(kinds) == int(row["instructions"]) and kinds[0] > 80
    none, daily = (row for row in rows[:6] if row["way"] == "large grid")
    assert int(daily["memory"]) - int(none["memory"]) in (5, 6, 7)  # five states more a day


def test_columns_command_writes_table_and_figure(tmp_path, monkeypatch):
    tiny = columns.Problem(5, 2, 8)
    monkeypatch.setattr(
        columns, "cases", lambda *_: [("tiny", tiny, ["auto", 3], [torch_loops.torch_loop])]
    )
    monkeypatch.setattr(columns.startup, "run", lambda _: [])
    monkeypatch.setattr(measure, "copy_bandwidth", lambda device: machine.copy_bandwidth("cpu", 1))
    commands.main(["columns", "--quick", "--out", str(tmp_path)])
    header, rows = rows_of(tmp_path / "columns_cpu_quick.csv")
    assert header["command"] == f"python -m benchmarks columns --quick --out {tmp_path}"
    assert header["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert "GB/s" in header["copy bandwidth"]
    assert [row["code"] for row in rows] == ["gridhydro", "gridhydro", "torch loop"]
    assert rows[2]["note"] == "not measured: ValueError: the plain loop runs one component, not 2"
    assert float(rows[0]["adjoint_best_s"]) <= float(rows[0]["adjoint_median_s"])
    assert float(rows[0]["forward_ratio"]) == 1
    speed = 5 * 2 * 8 / float(rows[0]["forward_best_s"]) / 1e6
    assert float(rows[0]["forward_msteps"]) == pytest.approx(speed, rel=1e-3)
    assert (tmp_path / "columns_cpu_quick.png").stat().st_size > 10_000


def test_torch_loop_is_the_same_column():
    problem = columns.Problem(6, 1, 12)
    loop = torch_loops.torch_loop(problem)
    loop.check()
    for theirs, ours in zip(loop.adjoint(), problem.gradient(), strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("wrong", ["runoff", "gradient"])
def test_wrong_column_is_not_measured(monkeypatch, wrong):
    right = getattr(columns.Problem, wrong)

    def spoilt(self, **options):
        result = right(self, **options)
        if options.get("backend") == "torch":
            return result
        return result * 1.01 if wrong == "runoff" else tuple(g * 1.01 for g in result)

    monkeypatch.setattr(columns.Problem, wrong, spoilt)
    with pytest.raises(SystemExit, match=r"refusing to measure: .* away from the plain loop"):
        next(columns.run("cpu", True, 1e9))


def test_wrong_routing_is_not_measured(monkeypatch):
    right = routing.Problem.outflow
    monkeypatch.setattr(
        routing.Problem, "outflow",
        lambda self, **options: right(self, **options) + 0.01 * (not options),
    )  # fmt: skip
    with pytest.raises(SystemExit, match="refusing to measure: outflow"):
        next(routing.run("cpu", True, 1e9))


def test_bytes_that_must_move():
    # 3 forcings, 1 output, 14 parameters and 5 states of 4 bytes; the adjoint reads forcing,
    # parameters and cotangent again, writes gradients, and writes and reads 2 stored states
    forward, both = columns.bytes_moved(columns.Problem(10, 1, 8), every=4)
    assert forward == 4 * 10 * (3 * 8 + 14 + 2 * 5 + 8)
    assert both == forward + 4 * 10 * (3 * 8 + 2 * 14 + 8 + 2 * 5 + 2 * 2 * 5)


@pytest.mark.parametrize(("reservoirs", "delay"), [(3, 1), (1, 0)])
def test_numba_loop_routes_alike(reservoirs, delay):
    problem = routing.Problem(routing.synthetic(200), 10, reservoirs, delay)
    peers_routing.numba_loop(problem).check()


def test_absent_and_failing_codes_are_named():
    problem = columns.Problem(3, 1, 4)

    def nowhere(_):
        import no_such_hydrology  # noqa: F401

    def late():
        raise ValueError("out of water\nat length")

    contestants = [
        columns.ours(problem),
        peers_columns.invite(nowhere, problem),
        contest.Contestant("late", "", 1, late),
    ]
    rows = list(contest.contest("case", contestants, 1e9, "cpu", repeats=2))
    notes = [row["note"] for row in rows]
    assert notes[1:] == [
        "not measured: not installed (no_such_hydrology)",
        "not measured: ValueError: out of water",
    ]
    assert rows[0]["runs"] == 2


def test_peak_memory_is_measured():
    if sys.platform != "linux":
        pytest.skip("peak memory is read from /proc")
    _, held = machine.timed(lambda: torch.ones(20 * 2**20).sum(), "cpu")
    assert 70e6 < held < 200e6


def test_weather_has_ties():
    rain, warmth, demand = columns.Problem(50, 1, 365).weather
    assert 0.5 < (rain == 0).double().mean() < 0.7
    assert warmth.min() < -2.5 and warmth.max() > 10 and demand.min() >= 0


@pytest.mark.peers
@pytest.mark.parametrize("code", ["hydrodl2", "jfuse", "smash"])
def test_peers_answer_plausibly(code):
    problem = columns.Problem(20, 2 if code == "hydrodl2" else 1, 60)
    pytest.importorskip(code)
    getattr(peers_columns, code)(problem).check()


def test_parameters_are_inside_bounds():
    problem = columns.Problem(50, 3, 2)
    for field in column("hbv").parameters:
        low, high = field.bounds
        values = problem.parameters[field.name]
        assert values.shape == (50, 3) and low < values.min() and values.max() < high


def test_a_step_of_lumped_basins_and_its_column():
    rows = list(lumped.run("cpu", True, 1e10))
    assert [row["code"] for row in rows] == ["gridhydro", "the column alone"]
    assert 0 < rows[1]["adjoint_ratio"] < 1


def test_a_step_on_a_raster_is_measured_beside_its_columns():
    case = step.generated(training.comb(4, 6), 12, 1)
    assert case.above == 1 and case.domain.network.downstream[case.domain.gauge_cells] == -1
    rows = list(contest.contest("comb", step.contestants(case, 1), 1e9, "cpu", repeats=2))
    assert [row["code"] for row in rows] == ["the columns alone", "with rivers", "the step"]
    assert rows[0]["adjoint_ratio"] == 1 and all(row["runs"] == 2 for row in rows)
    assert rows[2]["note"].startswith("1 gauge, 100% of the cells above one")
