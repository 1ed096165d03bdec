"""A simulation that is written as it goes: its memory is that of a block, however long it is.

While it is under way all of it lies in the folder OUT.unfinished: what is written, and after each
block a snapshot from which the same call goes on. At its end what is written becomes OUT.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch
import xarray as xr
from torch import Tensor

from gridhydro.base import ranks, snapshots
from gridhydro.base.arguments import required
from gridhydro.base.damage import reading
from gridhydro.base.exchange import as_one
from gridhydro.base.files import replace, writable
from gridhydro.base.interrupt import Interrupt
from gridhydro.base.lock import Lock
from gridhydro.base.progress import progress_bar, say
from gridhydro.inputs.forcing import Forcing
from gridhydro.io import export
from gridhydro.io.block_files import NetCDFFiles, ZarrStore
from gridhydro.model.continued import Stops
from gridhydro.model.digest import digest_of, digest_of_model
from gridhydro.model.shared_store import SharedStore
from gridhydro.model.shared_walk import SharedWalk
from gridhydro.model.state import Simulation, State

_STEM, _WHAT = "simulation", "a simulation under way"


def simulate_into(
    run,
    record: Forcing,
    outputs: Sequence[str],
    out: Path,
    days: slice,
    block: str | int = "year",
    progress: bool = True,
    state: State | None = None,
    save_state: Sequence = (),
) -> dict[str, State]:
    """Write these days of a run's simulation to `out`, a Zarr store or a folder of NetCDF files.

    See `Run.simulate`. Processes that share it have some of the cells each, and write some of the
    chunks; the first keeps the states of all. The states of the days of `save_state` become files
    beside `out`, see `state_beside`, and are returned. ValueError where `out` is there already, and
    where what is under way is of another model, forcing or choice of days.
    """
    work, times, model = out.with_name(f"{out.name}.unfinished"), record.times[days], run.model
    with ExitStack() as held:
        with as_one():
            if ranks.first():
                _refuse_used(out)
                writable(work)
                held.enter_context(Lock(work))
        part = work / "series"
        shape = (record.size,) if model.domain.grid is None else model.domain.shape
        if out.suffix == ".zarr":
            store: ZarrStore | NetCDFFiles = ZarrStore(part, times, block, shape)
        else:
            _refuse_several(out)
            store = NetCDFFiles(part, times, block)
        writing = _Writing(run, record, outputs, work, days, store, state, save_state)
        writing.go_on()
        writing.write(progress and ranks.first())
        with as_one():
            if ranks.first():
                store.finish()
                if out.exists():
                    out.rmdir()
                for path in writing.states():  # copied: after a kill they are looked for again
                    replace(state_beside(out, path.stem), partial(shutil.copyfile, path))
                os.replace(part, out)
    found = {day: State.from_file(state_beside(out, day)) for day in writing.dates}
    if ranks.first():
        shutil.rmtree(work, ignore_errors=True)
    return found


def state_beside(out: str | Path, date: str) -> Path:
    """The file of the state of a day, beside what a simulation is written to."""
    return Path(out).with_name(f"{Path(out).stem}-state-{date}.nc")


class _Writing:
    """A simulation on its way to the disk.

    about     what it is of, as far as that has a name
    digests   of the forcing of each block that is written
    stops     where states are kept, of which there are files in `work` meanwhile
    """

    def __init__(
        self, run, record: Forcing, outputs: Sequence[str], work: Path, days: slice,
        store: ZarrStore | NetCDFFiles, state: State | None = None, save_state: Sequence = (),
    ):  # fmt: skip
        self.run, self.record, self.outputs, self.store = run, record, tuple(outputs), store
        self.work, self.first = work, days.start
        self.walk = SharedWalk(run, record, outputs, state)
        self.stops = Stops.of(save_state, record.times, self._keep_state)
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
        if state is not None:
            self.about["state"] = digest_of([v for _, v in sorted(state.tensors().items())])
        if self.stops.days:
            self.about["states"] = self.dates

    @property
    def dates(self) -> list[str]:
        """The days of the states that are kept."""
        return self.stops.dates(self.record.times)

    def states(self) -> list[Path]:
        """The files of these states, in order; those that are not there yet, too."""
        return [self.work / f"{date}.nc" for date in self.dates]

    def _keep_state(self, date: str, state: State | None) -> None:
        if state is not None:
            state.to_file(self.work / f"{date}.nc")

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
            names = dict.fromkeys((*self.about, *before))
            other = [name for name in names if before.get(name) != self.about.get(name)]
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
        for day, path in zip(self.stops.days, self.states(), strict=True):
            if day <= done and not path.is_file():
                raise ValueError(f"{self.work} lacks the state {path.name}: {self.mend}")
        self.walk.resume(done, tensors)
        last = f"{self.record.times[done - 1]:%Y-%m-%d}"
        if ranks.first():
            say(
                f"going on behind {last}: {len(parts)} of {len(self.store.parts)} blocks are in "
                f"{self.work}"
            )

    def write(self, progress: bool) -> None:
        """The blocks that are lacking; KeyboardInterrupt between two of them."""
        parts = self.store.parts
        done = parts[len(self.digests) - 1].stop if self.digests else 0
        bar = progress_bar(
            desc="simulating", unit="day", shown=progress, total=parts[-1].stop, done=done
        )
        with bar, Interrupt() as interrupt:
            for part in parts[len(self.digests) :]:
                days = self.of_record(part)
                self.stops.pass_by(self.walk, days.start)
                found = joined([self._taken(some) for some in self.stops.cut([days], 0)])
                with as_one():
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
            self.stops.pass_by(self.walk, len(self.record.times))

    def _taken(self, days: slice) -> Simulation:
        with as_one():
            found = self.walk.take(days)
        self.stops.keep_at(self.walk)
        return found

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


def joined(parts: Sequence[Simulation]) -> Simulation:
    """Series of some days after others, as one; without storage."""
    if len(parts) == 1:
        return parts[0]
    flow = torch.cat([required("discharge", part.discharge) for part in parts])
    outputs = {name: torch.cat([p.outputs[name] for p in parts]) for name in parts[0].outputs}
    return Simulation(flow, outputs, None)


def _refuse_used(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is there already: remove it, or choose another name")


def _refuse_several(out: Path) -> None:
    if ranks.count() > 1:
        raise ValueError(
            f"{ranks.count()} processes write one Zarr store together, not NetCDF files: take a "
            f"name that ends with .zarr, such as {out.with_suffix('.zarr')}, or one process"
        )
