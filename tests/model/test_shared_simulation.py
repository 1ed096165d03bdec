"""Several processes at one simulation: the very store, series and scores of one process."""

import json

import numpy as np
import pytest
import torch
import xarray as xr

from gridhydro.base import ranks
from gridhydro.inputs.forcing import Forcing
from gridhydro.model import shared_walk
from gridhydro.model.run import Run
from gridhydro.model.shared_store import Chunks
from gridhydro.model.shared_walk import SharedWalk
from gridhydro.model.state import State
from tests.model.test_blocks import run_of
from tests.support import shared_simulation as cases
from tests.support.two_ranks import in_two


@pytest.fixture(autouse=True)
def small_parts():
    with cases.small_parts():
        yield


@pytest.mark.end_to_end
def test_two_processes_write_the_store_of_one(tmp_path):
    """Whatever begins it, and goes on: processes that fail do so together."""
    one, two = tmp_path / "one", tmp_path / "two"
    cases.written(one)
    expected = cases.simulated()
    assert "no more" in cases.broken_off(two / "begun_by_one.zarr", 1)
    assert (two / "begun_by_one.zarr.unfinished").is_dir()
    in_two("tests.support.shared_simulation", two)
    for name in cases.CASES:
        cases.same_store(two / f"{name}.zarr", one / f"{name}.zarr")
        cases.same_store(two / f"{name}_rest.zarr", one / f"{name}_rest.zarr")
        rest, whole = (xr.open_zarr(one / f"{name}{end}.zarr") for end in ("_rest", ""))
        assert rest["runoff"].equals(whole["runoff"][cases.CUT :])  # to the last bit, too
        states = [
            State.from_file(*each.glob(f"{name}-state-*.nc")).tensors() for each in (one, two)
        ]
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(values, states[1][key]) for key, values in states[0].items())
    cases.same_store(two / "begun_by_one.zarr", one / "rivers.zarr")
    assert len(list((one / "rivers.zarr" / "runoff").iterdir())) > 5  # chunks of both processes

    found = [torch.load(two / f"{number}.pt", weights_only=True) for number in (0, 1)]
    for values, _, refused in found:
        assert values.keys() == expected.keys()
        assert all(torch.equal(values[name], expected[name]) for name in expected)
        assert "2 processes write one Zarr store" in refused
    said = [each[1] for each in found]
    assert said[1][0] == "ValueError: no more"
    assert "process 1 of 2 has failed: no more" in said[0][0]
    assert said[0][1] == said[1][1] and said[0][1].startswith("after 2003-0")
    kept = json.loads((two / "begun_by_two.zarr.unfinished" / "simulation.json").read_text())
    assert len(kept["forcing"]) == 1
    cases.rivers().simulate(
        outputs=cases.OUTPUTS, out=two / "begun_by_two.zarr", block=100, progress=False
    )
    cases.same_store(two / "begun_by_two.zarr", one / "rivers.zarr")


def walk_of(monkeypatch, run, number, parts=None) -> SharedWalk:
    """What one of two processes has of a run, without the other."""
    monkeypatch.setattr(ranks, "count", lambda: 2)
    monkeypatch.setattr(ranks, "number", lambda: number)
    monkeypatch.setattr(ranks, "told", lambda value: [value, value])
    if parts is not None:
        monkeypatch.setattr(shared_walk, "by_size", lambda network, count: parts)
    return SharedWalk(run, run.record(), ("runoff",))


def test_a_part_reads_around_its_own_cells_and_looks_at_its_neighbours(monkeypatch):
    """A correction over neighbours gives in a part what it gives in the whole, to rounding."""
    run = run_of("corrected")
    upstream = run.model.domain.upstream("branch")
    expected = run.simulation(("runoff",)).outputs["runoff"][:90]
    with monkeypatch.context() as patch:
        walk = walk_of(patch, run, 0, [upstream, upstream])
        found = walk.take(slice(0, 90))
        assert walk.walk.read(slice(0, 1)).shape[-1] > len(upstream) == len(walk.own)
    torch.testing.assert_close(found.outputs["runoff"], expected[:, walk.own], rtol=1e-4, atol=1e-6)
    assert walk.gauges[0].tolist() == [1]


def test_a_part_of_a_stream_reads_a_part_and_decides_by_all(monkeypatch):
    run = cases.rivers()
    stream = run.record().values
    with monkeypatch.context() as patch:
        walk = walk_of(patch, run, 1, [np.arange(0), np.flatnonzero(run.model.domain.row == 3)])
        part = walk.walk.record.values
        assert part.series[0].cells.box.shape[1:] == (1, 6) and part.shape[2] == 6
        assert torch.equal(walk.walk.read(slice(3, 9)), stream[:, 3:9][..., walk.own])
    whole = stream.series[0].whole
    assert part.series[0].whole is whole


def test_digests_of_parts_add_up_whatever_the_parts_and_see_every_change(monkeypatch):
    run, days = cases.rivers(), slice(40, 140)
    whole = SharedWalk(run, run.record()).digest(days)
    for parts in (None, [np.arange(0), np.arange(48)]):
        sums = []
        for number in (0, 1):
            with monkeypatch.context() as patch:
                sums.append(walk_of(patch, run, number, parts).digest(days))
        assert sum(sums) % 2**64 == whole
    values = run.record().values[:].clone()
    for place in ((0, 40, 0), (2, 139, 47)):
        other = values.clone()
        other[place] = torch.nextafter(other[place], torch.tensor(99.0))
        changed = Run(run.model, Forcing(run.record().times, other), run.history, run.about)
        assert SharedWalk(changed, changed.record()).digest(days) != whole
    swapped = values.clone()
    swapped[:, :, [0, 1]] = values[:, :, [1, 0]]
    changed = Run(run.model, Forcing(run.record().times, swapped), run.history, run.about)
    assert SharedWalk(changed, changed.record()).digest(days) != whole


@pytest.mark.parametrize("shape", [(5, 7), (13,)])
def test_every_chunk_has_one_writer_and_every_cell_a_chunk(monkeypatch, shape):
    rng = np.random.default_rng(3)
    active = rng.permutation(np.prod(shape))[:9]
    places = np.stack(np.unravel_index(active, shape), axis=1)
    holders = np.split(rng.permutation(9), [4, 4])  # the second of three has none
    values, sides = rng.random((2, 9)).astype(np.float32), (2, 3)[: len(shape)]
    chunks, sent = [], []
    for number in range(3):
        monkeypatch.setattr(ranks, "number", lambda number=number: number)
        chunks.append(Chunks(places, shape, sides, holders, first=1))
        own = torch.from_numpy(values[:, holders[number]])
        sent.append([own[:, places] for places in chunks[-1].given])
    raster, written = np.full((2, *shape), np.nan), []
    for number, one in enumerate(chunks):
        handed = torch.cat([sent[k][number] for k in range(3)], dim=1).numpy()
        assert [sent[k][number].shape[1] for k in range(3)] == one.counts
        for corner, part in one.filled(handed):
            written.append(corner)
            first = np.array(corner) * sides
            where = tuple(slice(a, a + n) for a, n in zip(first, part.shape[1:], strict=True))
            raster[(slice(None), *where)] = part
    assert len(written) == len(set(written))
    expected = np.full((2, *shape), np.nan)
    expected[(slice(None), *places.T)] = values
    np.testing.assert_array_equal(raster, expected)
