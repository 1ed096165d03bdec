"""How columns are launched on a GPU: by the size of the grid, and without a change of numbers."""

import pytest
import torch

from gridhydro.columns import column
from gridhydro.kernels import Scheme, Spec, launch
from gridhydro.kernels.launch import ColumnSettings, column_settings
from gridhydro.kernels.periods import Periods
from tests.kernels.test_column_averages import DAYS, averaged_run, periods
from tests.support.column_cases import TWO_STORE, make_case, results

pytest.importorskip("triton")

from gridhydro.kernels import column_triton

pytestmark = pytest.mark.thorough

CASES = {
    "daily": (results, ("hbv", 70, 7), dict(storage="all")),
    "last day": (results, ("hbv", 3, 1), dict(storage="all")),
    "checkpoints": (results, ("hbv", 9, 11, 3, ("beta",)), dict(storage=4, outputs=("runoff",))),
    "components": (
        results, ("hydropy", 5, 6, 2, ("surface_lag",)),
        dict(storage=3, outputs=("runoff", "total_storage"), components="separate"),
    ),
    "sub-steps": (
        results, (TWO_STORE, 5, 5, 1, (), False), dict(storage="all", scheme="implicit:2")
    ),
    "solved again": (
        results, (TWO_STORE, 5, 5, 3, (), False), dict(storage=2, scheme="implicit:2")
    ),
    "explicit": (results, (TWO_STORE, 5, 5, 1, (), False), dict(storage=2, scheme="explicit:2")),
    "network": (results, ("hbv_nn", 5, 5), dict(storage="all", outputs=("runoff",))),
    "averages": (
        lambda case, **choices: averaged_run(case, periods(), **choices),
        ("hbv", 9, DAYS, 3, (), False), dict(storage=4, weighted=True),
    ),
}  # fmt: skip
WAYS = {
    "wide": (ColumnSettings(), 0),
    "ahead": (ColumnSettings(32, ahead=True), 2**32),
    "wide, ahead": (ColumnSettings(64, ahead=True), 0),
}


# what is solved takes as long as all others together
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(c, marks=[pytest.mark.slow] * (c in ("sub-steps", "solved again")))
        for c in CASES
    ],
)
def test_each_way_to_launch_gives_the_same_numbers(case, monkeypatch):
    """Offsets of 64 bits, narrow programs, and days that are read ahead: bit by bit the same.

    As an absent cell or a day too many would show, results are compared whole, gradients too.
    """
    run, size, choices = CASES[case]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    made = make_case(*size).to(device)
    types = []
    chosen = column_triton.index_type
    monkeypatch.setattr(
        column_triton,
        "index_type",
        lambda *sizes: types.append(chosen(*sizes).name) or chosen(*sizes),
    )
    expected = run(made, backend="triton", **choices)
    assert types == ["uint32"] * 2
    for how, narrow in WAYS.values():
        monkeypatch.setattr(column_triton, "settings", lambda *grid, how=how: how)
        monkeypatch.setattr(launch, "NARROW", narrow)
        found = run(made, backend="triton", **choices)
        assert types[-2:] == ["uint32" if narrow else "int64"] * 2
        assert found.keys() == expected.keys()
        for name, one in expected.items():
            assert torch.equal(found[name], one), f"{name}: {(found[name] - one).abs().max()}"


def test_all_days_are_one_segment_unless_states_are_made_again(monkeypatch):
    """Or the loop over segments would run once a day, for nothing."""

    asked = []

    class Kernel:
        def __getitem__(self, grid):
            return lambda *given, **choices: asked.append((given[-2], choices))

    monkeypatch.setattr(column_triton, "kernel", lambda *of: Kernel())
    spec, none = Spec(column("hbv"), ("runoff",)), torch.empty(0)
    forcing, static, states = torch.empty(3, 11, 2), torch.empty(14, 2), torch.empty(5, 2)
    like = (forcing, static, torch.empty(0, 11, 2))
    whole = Periods.of(None, 11, forcing)
    for every in (0, 1, 4):
        column_triton.forward(spec, every, whole, *like, states, none)
    for every in (1, 4):
        trajectory = torch.empty(spec.rows(11, every), 5, 2)
        seeds = torch.empty(1, 11, 2), torch.empty(0, 0, 2), states
        column_triton.adjoint(spec, every, whole, *like, none, trajectory, *seeds)
    assert [every for every, _ in asked] == [11, 11, 4, 11, 4]
    forward = [(choices["DAILY"], choices["SPACED"]) for _, choices in asked[:3]]
    assert forward == [(False, False), (True, False), (False, True)]
    assert [choices["RECOMPUTE"] for _, choices in asked[3:]] == [False, True]


@pytest.mark.parametrize(
    "cells, days, substeps, states, index",
    [
        (2**20, 2**11, 1, 0, "uint32"),  # 2^31 values
        (2**20, 2**12 - 1, 1, 0, "uint32"),
        (2**20, 2**12, 1, 0, "int64"),
        (2**20, 2**10, 4, 0, "int64"),  # of a day's four sub-steps
        (10, 10, 1, 2**32 - 1, "uint32"),
        (10, 10, 1, 2**32, "int64"),  # of all days' states
    ],
)
def test_offsets_are_as_wide_as_the_longest_series(cells, days, substeps, states, index):
    scheme = Scheme.of("sequential" if substeps == 1 else f"explicit:{substeps}")
    for components in (1, 4):
        spec = Spec(column("hbv"), ("runoff",), components=components, scheme=scheme)
        one = torch.empty(1).expand(1, 1, states)
        found = column_triton.index_type(spec, cells // components, days, one)
        assert found.name == index


def test_small_grids_get_narrow_programs_that_read_ahead():
    """On 132 multiprocessors: from 2,000 cells to 16 components of land at half a degree."""
    for lanes, expected in (
        (2_000, ColumnSettings(32, ahead=True)),
        (33_791, ColumnSettings(32, ahead=True)),
        (33_792, ColumnSettings(64, ahead=True)),
        (33_793, ColumnSettings(64, ahead=False)),
        (67_420, ColumnSettings(64, ahead=False)),
        (16 * 67_420, ColumnSettings(128, ahead=False)),
    ):
        assert column_settings(lanes, 132, "float32") == expected
        assert column_settings(lanes, 132, "float64") == ColumnSettings(expected.lanes)
    for how in (ColumnSettings(32, True), ColumnSettings(64), ColumnSettings()):
        assert how.options()["num_warps"] * 32 == how.lanes
        assert ("maxnreg" in how.options()) == how.ahead
        assert "maxnreg" in how.options(all_registers=True)
        assert [how.cells(m) * m for m in (1, 4, 16)] == [how.lanes] * 3
        assert how.cells(2 * how.lanes) == 1
