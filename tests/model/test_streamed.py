"""A simulation that is written as it goes: the numbers of one held in memory, after any kill."""

import json
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

from gridhydro.base.interrupt import Interrupt
from gridhydro.io.block_files import NetCDFFiles, ZarrStore, chunk_of
from gridhydro.model.blocks import Walk
from gridhydro.model.run import Run
from tests.model.test_blocks import DAYS, OUTPUTS, run_of
from tests.support.kill_points import killed_at

PERIOD = ("2003-01-05", "2003-12")


def opened(path) -> xr.Dataset:
    """What was written, from one store or from all files."""
    if path.suffix == ".zarr":
        with xr.open_dataset(path, engine="zarr", decode_coords="all", consolidated=True) as found:
            return found.load()
    parts = []
    for file in sorted(path.glob("*.nc")):
        with xr.open_dataset(file, decode_coords="all") as found:
            parts.append(found.load())
    return xr.concat(parts, "time", data_vars="minimal", coords="minimal", compat="equals")


def equal(found: xr.Dataset, expected: xr.Dataset) -> None:
    assert set(found.data_vars) == set(expected.data_vars)
    for name, values in expected.data_vars.items():
        np.testing.assert_array_equal(found[name].values, values.values.astype(np.float32))
        assert found[name].dims == values.dims
        assert found[name].attrs == values.attrs | {k: found[name].attrs[k] for k in values.attrs}
    assert found.indexes["time"].equals(expected.indexes["time"])
    assert found["gauge"].values.tolist() == expected["gauge"].values.tolist()


@pytest.mark.parametrize("name", ["out.zarr", "out"])
@pytest.mark.parametrize(("case", "block"), [("raster", "month"), ("mlp", 150), ("lstm", "year")])
def test_what_is_written_is_what_is_returned(tmp_path, case, block, name, capsys):
    run, out = run_of(case), tmp_path / "new" / name
    period = PERIOD if case == "raster" else None
    assert run.simulate(outputs=OUTPUTS, period=period, out=out, block=block, progress=False) == out
    found, expected = opened(out), run.simulate(outputs=OUTPUTS, period=period)
    equal(found, expected)
    assert found.attrs["Conventions"].startswith("CF") and "gauge_area" in found.coords
    if case == "raster":
        assert found["runoff"].dims == ("time", "y", "x")
        assert found.rio.crs == run.model.domain.crs
        assert str(found["time"].values[0])[:10] == PERIOD[0]
    assert [path.name for path in out.parent.iterdir()] == [name]  # nothing is left
    files = {"month": 12, 150: 3, "year": 2}[block]
    assert name == "out.zarr" or len(list(out.iterdir())) == files
    assert "going on" not in capsys.readouterr().err
    with pytest.raises(ValueError, match="is there already: remove it"):
        run.simulate(out=out)


# some of the moments at which a file or folder changes: all of them take minutes
@pytest.mark.parametrize(
    ("name", "moments"),
    [("out", (9, 16, 18, 28, 45, 55, 57)), ("out.zarr", (50, 178, 184, 193, 226, 236))],
)
def test_it_goes_on_after_a_kill_at_any_moment(tmp_path, name, moments, capfd):
    run, out = run_of("raster"), tmp_path / name
    outputs = OUTPUTS[:1]
    run.simulate(outputs=OUTPUTS, period=PERIOD)  # kernels are compiled before the forks

    def write():
        run.simulate(outputs=outputs, period=PERIOD, out=out, block=120, progress=False)

    expected, resumed = run.simulate(outputs=outputs, period=PERIOD), []
    for moment in moments:
        assert killed_at(write, moment), moment
        if not out.exists():  # killed behind its last step
            capfd.readouterr()
            write()
            resumed.append("going on behind" in capfd.readouterr().err)
        equal(opened(out), expected)
        assert not list(tmp_path.rglob("*.partial"))
        for path in tmp_path.iterdir():
            shutil.rmtree(path)
    assert not resumed[0] and sum(resumed) > 1


def stopped(run, out, after=1, **options):
    """The same simulation, broken off after some blocks."""
    take, done = Walk.take, []

    def taken(self, *arguments):
        if len(done) == after:
            raise RuntimeError("stop")
        done.append(arguments)
        return take(self, *arguments)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError, match="stop"):
        patch.setattr(Walk, "take", taken)
        run.simulate(outputs=OUTPUTS, out=out, block=150, progress=False, **options)


def test_another_model_forcing_or_choice_is_refused(tmp_path):
    run, out = run_of("mlp"), tmp_path / "out.zarr"
    stopped(run, out)
    again = dict(outputs=OUTPUTS, out=out, block=150, progress=False)
    others = {
        "outputs": again | dict(outputs=OUTPUTS[:1]),
        "days, blocks": again | dict(period=("2000-02", "2000-06")),
        "blocks": again | dict(block=100),
    }
    cases = [*others.items(), ("blocks", again | dict(block=10**4))]
    for what, options in cases:
        with pytest.raises(ValueError, match=f"another simulation .its {what} differ.: go on with"):
            run.simulate(**options)
    values = run.forcing.values.clone()
    values[0, 10, 3] += 1
    with pytest.raises(ValueError, match=r"its forcing differ"):
        Run(run.model, replace(run.forcing, values=values), run.history, run.about).simulate(
            **again
        )
    with pytest.raises(ValueError, match=r"its begins differ"):
        Run(run.model, run.forcing, run.history, run.about | {"start": "settled"}).simulate(**again)
    weight = next(run.model.network.parameters()).data
    before = weight.clone()
    weight[0] += 1
    with pytest.raises(ValueError, match=r"its model differ"):
        run.simulate(**again)
    weight.copy_(before)
    state = next((tmp_path / "out.zarr.unfinished").glob("*.safetensors"))
    whole = state.read_bytes()
    state.write_bytes(whole[:-9] + b"\0" * 9)
    with pytest.raises(ValueError, match=r"remove the folder .*unfinished to start anew"):
        run.simulate(**again)
    state.write_bytes(whole)
    series, away = out.with_name("out.zarr.unfinished") / "series", tmp_path / "away"
    series.rename(away)
    with pytest.raises(ValueError, match=r"lacks what was written from 2000-.*: remove the folder"):
        run.simulate(**again)
    away.rename(series)
    run.simulate(**again)
    equal(opened(out), run.simulate(outputs=OUTPUTS))


def test_a_block_is_finished_and_kept_when_it_is_asked_to_end(tmp_path, monkeypatch, capsys):
    run, out = run_of("raster"), tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match="after 2003-04-01"):
        patch.setattr(Interrupt, "asked", 2, raising=False)
        patch.setattr(Interrupt, "__init__", lambda self: setattr(self, "_before", {}))
        run.simulate(outputs=OUTPUTS, out=out, block=91, progress=False)
    work = tmp_path / "out.unfinished"
    assert len(json.loads((work / "simulation.json").read_text())["forcing"]) == 1
    assert [path.name for path in (work / "series").iterdir()] == ["fluxes_2003-01-01.nc"]
    run.simulate(outputs=OUTPUTS, out=out, block=91, progress=False)
    assert "going on behind 2003-04-01: 1 of 5 blocks" in capsys.readouterr().err
    equal(opened(out), run.simulate(outputs=OUTPUTS))


def test_chunks_are_read_well_by_day_and_by_cell_and_blocks_hold_whole_ones(tmp_path):
    assert chunk_of(365, (8, 8)) == (365, (8, 8))
    days, sides = chunk_of(365, (3000, 4000))
    assert days * np.prod(sides) <= 2**20 and 3 < days < 40 and sides[0] < sides[1]
    assert chunk_of(1, (5,)) == (1, (5,))
    times = run_of("raster").record().times
    for block in ("year", "month", 40):
        for shape in ((8, 8), (3000, 4000), (5,)):
            store = ZarrStore(tmp_path / "a.zarr", times, block, shape)
            assert all(part.start % store.chunk == 0 for part in store.parts)
            assert store.parts[0].stop <= {"year": 366, "month": 31}.get(block, block)
            both = [*store.parts, slice(DAYS, None)]
            assert all(a.stop == b.start for a, b in pairwise(both))
    for make in (NetCDFFiles, lambda *a: ZarrStore(*a, (8, 8))):
        with pytest.raises(ValueError, match="block is one of 'year', 'month', not 'week'"):
            make(tmp_path, times, "week")
        with pytest.raises(ValueError, match="block is 0, should be a whole number"):
            make(tmp_path, times, 0)
