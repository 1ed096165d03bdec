"""A simulation that is written as it goes: its memory is that of a block, however long it is.

While it is under way all of it lies in the folder OUT.unfinished: what is written, and after each
block a snapshot from which the same call goes on. At its end what is written becomes OUT.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path

import numpy as np
import xarray as xr
from torch import Tensor
from tqdm import tqdm

from gridhydro.base import ranks, snapshots
from gridhydro.base.arguments import required
from gridhydro.base.damage import reading
from gridhydro.base.exchange import as_one
from gridhydro.base.files import writable
from gridhydro.base.interrupt import Interrupt
from gridhydro.base.lock import Lock
from gridhydro.inputs.forcing import Forcing
from gridhydro.io import export
from gridhydro.io.block_files import NetCDFFiles, ZarrStore
from gridhydro.model.shared_store import SharedStore
from gridhydro.model.shared_walk import SharedWalk
from gridhydro.model.state import Simulation

_STEM, _WHAT = "simulation", "a simulation under way"


def simulate_into(
    run,
    record: Forcing,
    outputs: Sequence[str],
    out: Path,
    days: slice,
    block: str | int = "year",
    progress: bool = True,
) -> None:
    """Write these days of a run's simulation to `out`, a Zarr store or a folder of NetCDF files.

    See `Run.simulate`. Processes that share it have some of the cells each, and write some of the
    chunks; the first keeps the states of all. ValueError where `out` is there already, and where
    what is under way is of another model, forcing or choice of days.
    """
    work, times, model = out.with_name(f"{out.name}.unfinished"), record.times[days], run.model
    with ExitStack() as held:
        with as_one():
            if ranks.first():
                _refuse_used(out)
                writable(work)
                held.enter_context(Lock(work))
        part = work / "series"
        shape = (record.size,) if model.domain.lumped else model.domain.shape
        if out.suffix == ".zarr":
            store: ZarrStore | NetCDFFiles = ZarrStore(part, times, block, shape)
        else:
            _refuse_several(out)
            store = NetCDFFiles(part, times, block)
        writing = _Writing(run, record, outputs, work, days, store)
        writing.go_on()
        writing.write(progress and ranks.first())
        with as_one():
            if ranks.first():
                store.finish()
                if out.exists():
                    out.rmdir()
                os.replace(part, out)
    if ranks.first():
        shutil.rmtree(work, ignore_errors=True)


class _Writing:
    """A simulation on its way to the disk.

    about     what it is of, as far as that has a name
    digests   of the forcing of each block that is written
    """

    def __init__(
        self, run, record: Forcing, outputs: Sequence[str], work: Path, days: slice,
        store: ZarrStore | NetCDFFiles,
    ):  # fmt: skip
        self.run, self.record, self.outputs, self.store = run, record, tuple(outputs), store
        self.work, self.first = work, days.start
        self.walk = SharedWalk(run, record, outputs)
        self.shared: SharedStore | None = None
        if isinstance(store, ZarrStore) and ranks.count() > 1:
            self.shared = SharedStore(store, run.model.domain, self.walk, self.outputs)
        self.digests: list[str] = []
        self.mend = f"remove the folder {work} to start anew"
        start = ("period", "spinup", "spinup_cycles", "start")
        self.about = {
            "model": digest_of_model(run.model),
            "column": run.model.column.name,
            "begins": str([run.about.get(name) for name in start]),
            "record": [f"{record.times[0]:%Y-%m-%d}", len(record.times)],
            "outputs": list(outputs),
            "days": [days.start, days.stop],
            "blocks": [[part.start, part.stop] for part in store.parts],
        }

    def of_record(self, part: slice) -> slice:
        """The days of the record that a block has."""
        return slice(self.first + part.start, self.first + part.stop)

    def go_on(self) -> None:
        """Take up what an earlier call has left, if it has: with any number of processes."""
        with as_one():
            if ranks.first():
                self.store.tidy()
            content = snapshots.content_of(self.work, _STEM, _WHAT, self.mend)
            if content is None:
                return
            with reading(self.work / f"{_STEM}.json", _WHAT, self.mend):
                before, digests = dict(content["about"]), [str(one) for one in content["forcing"]]
            other = [name for name, value in self.about.items() if before.get(name) != value]
            parts = self.store.parts[: len(digests)]
            known = [] if other else [*zip(parts, digests, strict=True)]
            if not isinstance(self.record.values, Tensor):
                known = [*known[:1], *known[1:][-1:]]  # to read all takes as long as to go on
            mine = [self._digest(part) for part, _ in known]
        if self._told(mine) != [kept for _, kept in known]:
            other = ["forcing"]
        with as_one():
            if other:
                raise ValueError(
                    f"{self.work} is of another simulation (its {', '.join(other)} differ): go on "
                    f"with the same, {self.mend}, or choose another name"
                )
            self._take_up(content, parts)
        self.digests = digests

    def _take_up(self, content: Mapping, parts: Sequence[slice]) -> None:
        """Go on behind these parts."""
        lost = [part for part in parts if not self.store.has(part)]
        if lost:
            day = self.record.times[self.of_record(lost[0]).start]
            raise ValueError(
                f"{self.work} lacks what was written from {day:%Y-%m-%d} on: {self.mend}"
            )
        tensors = snapshots.tensors_of(self.work, _STEM, content, _WHAT, self.mend)
        done = self.of_record(parts[-1]).stop
        self.walk.resume(done, tensors)
        last = f"{self.record.times[done - 1]:%Y-%m-%d}"
        if ranks.first():
            print(
                f"going on behind {last}: {len(parts)} of {len(self.store.parts)} blocks are in "
                f"{self.work}",
                file=sys.stderr,
            )

    def write(self, progress: bool) -> None:
        """The blocks that are lacking; KeyboardInterrupt between two of them."""
        parts = self.store.parts
        bar = tqdm(
            total=parts[-1].stop, initial=parts[len(self.digests) - 1].stop if self.digests else 0,
            desc="simulating", unit="day", disable=not progress,
        )  # fmt: skip
        with bar, Interrupt() as interrupt:
            for part in parts[len(self.digests) :]:
                days = self.of_record(part)
                with as_one():
                    found = self.walk.take(days)
                    mine = self._digest(part)
                self._write(part, found)
                self.digests += self._told([mine])
                tensors = self.walk.tensors()
                with as_one():
                    self._keep(tensors)
                bar.update(part.stop - part.start)
                asked = [one for one in ranks.told(interrupt.asked) if one is not None]
                if asked and len(self.digests) < len(parts):
                    interrupt.asked = asked[0]  # of any of the processes
                    raise interrupt.error(f"after {self.record.times[days.stop - 1]:%Y-%m-%d}")

    def _write(self, part: slice, found: Simulation) -> None:
        flow = required("discharge", found.discharge)
        if self.shared is None:
            self.store.write(part, self._dataset(part, found.outputs, flow))
            return
        if part.start == 0:
            domain, none = self.run.model.domain, slice(0, 0)
            with as_one():
                if ranks.first() and isinstance(self.store, ZarrStore):
                    empty = {n: v.new_empty(0, domain.size) for n, v in found.outputs.items()}
                    gauges = flow.new_empty(0, len(domain.gauges))
                    self.store.begin(self._dataset(none, empty, gauges))
        self.shared.write(part, {**found.outputs, "discharge": flow})

    def _dataset(self, part: slice, outputs: Mapping[str, Tensor], flow: Tensor) -> xr.Dataset:
        """Series of all cells on the days of a block."""
        model = self.run.model
        return export.dataset(
            model.domain, self.record.times[self.of_record(part)],
            [model.output(name) for name in self.outputs],
            {name: values.numpy() for name, values in outputs.items()}, flow.numpy(),
        )  # fmt: skip

    def _keep(self, tensors: Mapping[str, Tensor] | None) -> None:
        """What it takes to go on from here; the first of the processes has it."""
        if tensors is not None:
            content = {"about": self.about, "forcing": self.digests}
            snapshots.keep(self.work, _STEM, len(self.digests), tensors, content)

    def _digest(self, part: slice) -> int:
        """Of the forcing of a block, in the cells of this process."""
        return self.walk.digest(self.of_record(part))

    @staticmethod
    def _told(digests: Sequence[int]) -> list[str]:
        """Those in the cells of all processes."""
        return [f"{sum(each) % 2**64:016x}" for each in zip(*ranks.told(digests), strict=True)]


def digest_of_model(model) -> str:
    """Of all numbers of a model, of its rivers and its gauges."""
    domain = model.domain
    named = [text.encode() for text in (*map(str, domain.gauges.index), str(model.options))]
    tensors = [values for _, values in sorted(model.state_dict().items())]
    return _digest_of(tensors, [domain.network.downstream, domain.gauge_cells], named)


def _digest_of(*groups: Iterable) -> str:
    found = blake2b(digest_size=16)
    for group in groups:
        for one in group:
            if isinstance(one, bytes):
                found.update(one)
                continue
            array = one.detach().cpu().numpy() if isinstance(one, Tensor) else np.asarray(one)
            found.update(f"{array.shape} {array.dtype}".encode())
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _refuse_used(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is there already: remove it, or choose another name")


def _refuse_several(out: Path) -> None:
    if ranks.count() > 1:
        raise ValueError(
            f"{ranks.count()} processes write one Zarr store together, not NetCDF files: take a "
            f"name that ends with .zarr, such as {out.with_suffix('.zarr')}, or one process"
        )
