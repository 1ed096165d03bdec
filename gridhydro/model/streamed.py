"""A simulation that is written as it goes: its memory is that of a block, however long it is.

While it is under way all of it lies in the folder OUT.unfinished: what is written, and after each
block a snapshot from which the same call goes on. At its end what is written becomes OUT.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from gridhydro.base import snapshots
from gridhydro.base.arguments import required
from gridhydro.base.damage import reading
from gridhydro.base.files import writable
from gridhydro.base.interrupt import Interrupt
from gridhydro.base.lock import Lock
from gridhydro.inputs.forcing import Forcing
from gridhydro.io import export
from gridhydro.io.block_files import NetCDFFiles, ZarrStore
from gridhydro.model.blocks import Walk

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

    See `Run.simulate`. ValueError where `out` is there already, and where what is under way is of
    another model, forcing or choice of days.
    """
    _refuse_used(out)
    work, times = out.with_name(f"{out.name}.unfinished"), record.times[days]
    writable(work)
    with Lock(work):
        part = work / "series"
        shape = (record.size,) if run.model.domain.lumped else run.model.domain.shape
        store = (
            ZarrStore(part, times, block, shape)
            if out.suffix == ".zarr"
            else NetCDFFiles(part, times, block)
        )
        writing = _Writing(run, record, outputs, work, days, store)
        store.tidy()
        writing.go_on()
        writing.write(progress)
        store.finish()
        if out.exists():
            out.rmdir()
        os.replace(part, out)
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
        self.walk = Walk(run, record, outputs)
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
        """Take up what an earlier call has left, if it has."""
        content = snapshots.content_of(self.work, _STEM, _WHAT, self.mend)
        if content is None:
            return
        path = self.work / f"{_STEM}.json"
        with reading(path, _WHAT, self.mend):
            before, digests = dict(content["about"]), [str(one) for one in content["forcing"]]
        other = [name for name, value in self.about.items() if before.get(name) != value]
        parts = self.store.parts[: len(digests)]
        known = [] if other else [*zip(parts, digests, strict=True)]
        if known and not isinstance(
            self.record.values, Tensor
        ):  # to read all would take as long as to go on
            known = [known[0], known[-1]]
        if not other and any(self._digest(part) != kept for part, kept in known):
            other = ["forcing"]
        if other:
            raise ValueError(
                f"{self.work} is of another simulation (its {', '.join(other)} differ): go on with "
                f"the same, {self.mend}, or choose another name"
            )
        lost = [part for part in parts if not self.store.has(part)]
        if lost:
            day = self.record.times[self.of_record(lost[0]).start]
            raise ValueError(
                f"{self.work} lacks what was written from {day:%Y-%m-%d} on: {self.mend}"
            )
        tensors = snapshots.tensors_of(self.work, _STEM, content, _WHAT, self.mend)
        done = self.of_record(parts[-1]).stop
        self.walk.resume(done, tensors)
        self.digests = digests
        last = f"{self.record.times[done - 1]:%Y-%m-%d}"
        print(
            f"going on behind {last}: {len(parts)} of {len(self.store.parts)} blocks are in "
            f"{self.work}",
            file=sys.stderr,
        )

    def write(self, progress: bool) -> None:
        """The blocks that are lacking; KeyboardInterrupt between two of them."""
        parts, model = self.store.parts, self.run.model
        fields = [model.output(name) for name in self.outputs]
        bar = tqdm(
            total=parts[-1].stop, initial=parts[len(self.digests) - 1].stop if self.digests else 0,
            desc="simulating", unit="day", disable=not progress,
        )  # fmt: skip
        with bar, Interrupt() as interrupt:
            for part in parts[len(self.digests) :]:
                days = self.of_record(part)
                found = self.walk.take(days)
                data = export.dataset(
                    model.domain, self.record.times[days], fields,
                    {name: values.numpy() for name, values in found.outputs.items()},
                    required("discharge", found.discharge).numpy(),
                )  # fmt: skip
                self.store.write(part, data)
                self.digests.append(self._digest(part))
                content = {"about": self.about, "forcing": self.digests}
                number = len(self.digests)
                snapshots.keep(self.work, _STEM, number, self.walk.tensors(), content)
                bar.update(part.stop - part.start)
                if interrupt.asked is not None and number < len(parts):
                    raise interrupt.error(f"after {self.record.times[days.stop - 1]:%Y-%m-%d}")

    def _digest(self, part: slice) -> str:
        """Of the forcing of a block."""
        return _digest_of([self.walk.read(self.of_record(part))])


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
