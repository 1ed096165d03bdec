"""Simulations that processes share: `python -m tests.support.shared_simulation OUT` is one of two,
and `alone` is what one process makes of the same."""

import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.base import ranks
from gridhydro.base.interrupt import Interrupt
from gridhydro.columns import HBV
from gridhydro.inputs.forcing import Forcing
from gridhydro.io import block_files
from gridhydro.model import basin_groups
from gridhydro.model.blocks import Walk
from gridhydro.model.ensemble import Ensemble
from gridhydro.model.reduced import AtCells, Monthly
from gridhydro.model.run import Run
from gridhydro.observations.averages import Averages
from tests.model.test_blocks import run_of
from tests.support.shared_training import world

OUTPUTS = ("runoff", "actual_evapotranspiration")
CUT = 150  # days, behind which one is cut
SETTLED = dict(start="settled", period=("2003", "2003-06"))


@contextmanager
def small_parts() -> Iterator[None]:
    """Within it chunks are small, and groups are of few basins."""
    usual = block_files._NUMBERS, basin_groups._BASIN_DAYS
    block_files._NUMBERS, basin_groups._BASIN_DAYS = 2**10, 2000
    try:
        yield
    finally:
        block_files._NUMBERS, basin_groups._BASIN_DAYS = usual


@cache
def rivers(seed=0) -> Run:
    """Eight rivers under weather that is read by the block, from stores that are settled first."""
    domain, attributes, _, _, _ = world()
    network = gh.ParameterNetwork("mlp", hidden=(8,), seed=seed)
    model = gh.Model(domain, "hbv", attributes, network=network)
    record = Forcing.open(weather(), domain, model)
    return Run(model.eval(), record, pd.DataFrame(), dict(SETTLED))


@cache
def weather() -> xr.Dataset:
    """That of the rivers."""
    domain, _, forcing, _, _ = world()
    fields = [field.name for field in HBV.forcings]
    time = xr.DataArray(forcing.times, dims="time", coords={"time": forcing.times})
    maps = [domain.unpack(v.numpy(), n, {"units": "mm d-1"}, ["time"], {"time": time})
            for n, v in zip(fields, forcing.values, strict=True)]  # fmt: skip
    data = xr.Dataset(dict(zip(fields, maps, strict=True)))
    data["temperature"].attrs["units"] = "degC"
    return data


def one_river() -> Run:
    """A raster with a single river, of which one of two processes has nothing."""
    run = run_of("raster")
    return Run(run.model, run.forcing, run.history, run.about | dict(SETTLED))


CASES = {"rivers": rivers, "one_river": one_river, "basins": lambda: run_of("lstm")}


def written(out: Path) -> None:
    """The store of each case, and the one that goes on from its state."""
    warnings.filterwarnings("ignore", message="the run begins with empty stores")
    for name, made in CASES.items():
        run = made()
        record, common = run.record(), dict(outputs=OUTPUTS, block=100, progress=False)
        date = f"{record.times[CUT - 1]:%Y-%m-%d}"
        _, states = run.simulate(out=out / f"{name}.zarr", save_state=date, **common)
        rest = Forcing(record.times[CUT:], record.values[:, CUT:], fields=record.fields)
        if name == "rivers":
            period = record.times[CUT], record.times[-1]
            rest = Forcing.open(weather(), run.model.domain, run.model, period=period)
        run.simulate(rest, out=out / f"{name}_rest.zarr", state=states[date], **common)


def broken_off(out: Path, after: int, in_process: int = 0) -> str:
    """A simulation that fails in a process behind some blocks; what is said of it."""
    take, done = Walk.take, []

    def taken(self, *arguments):
        done.append(arguments)
        if len(done) > after and ranks.number() == in_process:
            raise ValueError("no more")
        return take(self, *arguments)

    Walk.take = taken
    try:
        rivers().simulate(outputs=OUTPUTS, out=out, block=100, progress=False)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        Walk.take = take
    return ""


def interrupted(out: Path) -> str:
    """A simulation that the second process alone is asked to end; what is said of it."""
    made = Interrupt.__init__

    def asked(self):
        made(self)
        self.asked = signal.SIGINT if ranks.number() == 1 else None

    Interrupt.__init__ = asked
    try:
        rivers().simulate(outputs=OUTPUTS, out=out, block=100, progress=False)
    except KeyboardInterrupt as error:
        return str(error)
    finally:
        Interrupt.__init__ = made
    return ""


def simulated() -> dict[str, torch.Tensor]:
    """Series in memory: of a run what is reduced too, and of the members of an ensemble."""
    wanted = ("runoff", AtCells("soil_moisture", (40, 3, 17)), Monthly("runoff"))
    times = rivers().record().times
    averages = Averages.of_labels(times.month.to_numpy() - 1, 12)
    one = rivers().simulation(wanted, averages)
    found = {"flow": one.discharge, "storage": one.storage}
    found |= {str(name): one.outputs[name] for name in wanted}
    three = Ensemble([rivers(seed) for seed in range(3)]).simulation(("runoff",))
    single = Ensemble([rivers()]).simulation()
    return found | {
        "members": three.discharge, "runoff of members": three.outputs["runoff"],
        "one member": single.discharge,
    }  # fmt: skip


def main(out: Path) -> None:
    """All that is asked of two processes."""
    written(out)
    rivers().simulate(outputs=OUTPUTS, out=out / "begun_by_one.zarr", block=100, progress=False)
    said = [broken_off(out / "begun_by_two.zarr", 1, in_process=1)]
    said.append(interrupted(out / "asked.zarr"))
    with ranks.sharing():
        refused = ""
        try:
            rivers().simulate(out=out / "folder")
        except ValueError as error:
            refused = str(error)
        torch.save((simulated(), said, refused), out / f"{ranks.number()}.pt")
    ranks.leave()


def same_store(found: Path, expected: Path) -> None:
    """Every byte is the same, but for the time of writing."""
    names = [sorted(p.relative_to(each) for p in each.rglob("*")) for each in (found, expected)]
    assert names[0] == names[1]
    for name in names[0]:
        if (found / name).is_file() and name.name not in (".zattrs", ".zmetadata"):
            assert (found / name).read_bytes() == (expected / name).read_bytes(), name
    assert np.isfinite(xr.open_zarr(found)["discharge"].values).all()


if __name__ == "__main__":
    with small_parts():
        main(Path(sys.argv[1]))
