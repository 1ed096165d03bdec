"""The history of a calibration, a line for each shuffle, its progress bar and its checkpoints."""

from __future__ import annotations

import math
import time

from gridhydro.base.interrupt import Interrupt
from gridhydro.base.progress import progress_bar
from gridhydro.training import checkpoint
from gridhydro.training.calibration.evolution import Evolution
from gridhydro.training.checkpoint import Progress
from gridhydro.training.options import Checkpoints


class Record:
    """The history of a calibration, and the `state` that a checkpoint gives it to go on with.

    about   settings of the calibration, data: digests of what it reads; a checkpoint with other
            ones is refused
    """

    def __init__(
        self, checkpoints: Checkpoints | None, about: dict, data: dict, progress: bool, device
    ):
        self.checkpoints, self.about, self.data = checkpoints, about, data
        self.progress = progress
        self.state: Evolution | None = None
        self.history: list[dict] = []
        kept = None
        if checkpoints is not None and checkpoints.resume:
            kept = checkpoint.kept(checkpoints.state, about, data)
        if kept is not None:
            tensors, before = kept
            self.history = before.history
            self.state = Evolution(**{name: v.to(device) for name, v in tensors.items()})

    def __enter__(self) -> Record:
        runs = self.history[-1]["epoch"] if self.history else 0
        self.bar = progress_bar(
            total=self.about["max_runs"], done=round(runs), unit=" runs a cell",
            desc="calibrating", shown=self.progress,
        )  # fmt: skip
        self.began, self.saved = time.monotonic(), -math.inf  # the first shuffle is kept
        self.interrupt = Interrupt()
        self.interrupt.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self.interrupt.__exit__(*error)
        self.bar.close()

    def note(self, evolution: Evolution) -> None:
        """Add a line after a shuffle; KeyboardInterrupt, once kept, where it was asked for."""
        now = time.monotonic()
        runs = evolution.spent.double().mean().item()
        loss = evolution.lowest[-1].double().mean().item()
        left = int((evolution.stopped == 0).sum())
        line = {"epoch": runs, "loss": loss, "running": left, "seconds": now - self.began}
        self.history.append(line)
        self.began = now
        self.bar.update(round(runs) - self.bar.n)
        self.bar.set_postfix_str(f"mean loss {loss:.4f}, {left} of {len(evolution.spent)} cells")
        asked = self.interrupt.asked is not None
        self._keep(evolution, last=asked or not left)
        if asked:
            raise self.interrupt.error(f"after {runs:.0f} runs a cell")

    def _keep(self, evolution: Evolution, last: bool) -> None:
        """Write a checkpoint, if one is due."""
        if self.checkpoints is None:
            return
        now = time.monotonic()
        if last or now - self.saved > self.checkpoints.every:
            tensors, loops = evolution.tensors(), evolution.loops
            checkpoint.keep(
                self.checkpoints.state, loops, tensors, Progress(self.history), self.about,
                self.data,
            )  # fmt: skip
            self.saved = now
