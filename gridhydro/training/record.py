"""The history of a training, its progress bar and its checkpoints."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import pandas as pd
import torch

from gridhydro.base import files, ranks
from gridhydro.base.arguments import required
from gridhydro.base.interrupt import Interrupt
from gridhydro.base.lock import Lock
from gridhydro.base.progress import progress_bar, say
from gridhydro.training import checkpoint
from gridhydro.training.balance import BY_WEIGHTS, Balancing
from gridhydro.training.checkpoint import Progress
from gridhydro.training.data import TrainingData
from gridhydro.training.objective import Objective
from gridhydro.training.options import Checkpoints, Optimizer, Session


def settings(
    data: TrainingData, objective: Objective, optimizer: Optimizer, epochs: int, session: Session
) -> dict:
    """All settings of a training, as a run and its checkpoints keep them."""
    batches = None if data.batches is None else asdict(data.batches)
    if batches is not None and batches["steps"] == "once":
        del batches["steps"]  # as in the checkpoints from before there was a choice
    split = None if data.split is None else data.split.to_json()
    spinup, chosen = data.spinup, session.selection
    selection = None
    if chosen is not None and chosen.decides:
        selection = asdict(chosen) | {"period": list(chosen.period)}  # as a file has it
    balance = {} if optimizer.shares == BY_WEIGHTS else {"balance": asdict(optimizer.shares)}
    return data.model.options | balance | dict(
        period=list(data.period), spinup=spinup.days, spinup_cycles=spinup.cycles,
        loss=objective.loss, optimizer=optimizer.name, learning_rate=optimizer.first_rate,
        decay=optimizer.decay, epochs=epochs, batches=batches, gauges=data.gauges,
        clip=optimizer.clip, seed=session.seed, split=split, pet=data.forcing.method,
        start=spinup.start, selection=selection, **objective.about,
    )  # fmt: skip


class Record:
    """The history of a training, a line an epoch, with its bar and its checkpoints.

    about   settings of the training, data: digests of what it reads; a checkpoint with other ones
            is refused
    resumed  whether it goes on from a checkpoint, which is then in the model and the optimizer
    """

    def __init__(
        self,
        checkpoints: Checkpoints | None,
        about: dict,
        data: dict,
        model,
        optimizer,
        session: Session,
        balance: Balancing,
    ):
        self.checkpoints, self.about, self.data = checkpoints, about, data
        self.balance = balance
        self.model, self.optimizer, self.session = model, optimizer, session
        self.progress, self.resumed = Progress(), False
        if checkpoints is not None and checkpoints.resume:
            found = checkpoint.read(checkpoints.state, model, optimizer, about, data)
            self.progress, self.resumed = found or Progress(), found is not None
            if found is not None:
                balance.restore(found.balance)
        self.saved = time.monotonic()
        done, epochs = self.progress.epoch, about["epochs"]
        self.bar = progress_bar(
            range(done, epochs), desc="training", unit="epoch", total=epochs, done=done,
            shown=session.progress and ranks.first(),
        )  # fmt: skip

    def begin(self) -> None:
        """Keep the state before the first step: from then on a training can be gone on with."""
        if self.checkpoints is not None and not self.resumed:
            self._write()

    def within(self) -> dict:
        """What is kept of the epoch that comes: its minibatches so far, and what they gave."""
        kept = self.progress.within or {"batches": 0, "found": [], "steps": 0, "seconds": 0.0}
        return {**kept, "found": list(kept["found"])}

    def begun(self) -> dict[str, torch.Tensor]:
        """The weights by name with which the epoch that comes, or is gone on with, begins."""
        if not self.progress.begun:
            weights = self.model.named_parameters()
            self.progress.begun = {name: value.detach().clone() for name, value in weights}
        return self.progress.begun

    def pause(self, within: dict, interrupt: Interrupt) -> None:
        """After a minibatch: keep how far the epoch is, if that is due; KeyboardInterrupt, once it
        is kept, where it was asked for."""
        if self.checkpoints is None:
            return  # an interrupt waits for the epoch, whose numbers the caller may have seen
        due = self._due(interrupt)
        if interrupt.asked is not None or due:
            self.progress.within = within
            self._write()
            self.progress.within = None
        if interrupt.asked is not None:
            epoch, epochs = self.progress.epoch + 1, self.about["epochs"]
            raise interrupt.error(f"in epoch {epoch} of {epochs}")

    def note(
        self, found: dict[str, float], seconds: float, steps: int, interrupt: Interrupt
    ) -> None:
        """Add the numbers of an epoch, which ran so many days of cells; KeyboardInterrupt, once
        they are kept, where it was asked for."""
        epoch, epochs = self.progress.epoch + 1, self.about["epochs"]
        self.progress.history.append({"epoch": epoch, **found, "seconds": seconds})
        self.progress.within, self.progress.begun = None, {}
        chosen, history = self.session.selection, self.progress.history
        if chosen is not None and chosen.keep == "best" and chosen.best(history) == epoch - 1:
            self.progress.best = {k: v.clone() for k, v in self.model.state_dict().items()}
        shown = ", ".join(_spoken(name, value) for name, value in found.items())
        self.bar.set_postfix_str(f"{shown}, {steps / seconds / 1e6:.1f} M cell-steps/s")
        due = self._due(interrupt)
        interrupted = interrupt.asked is not None
        last = epoch == epochs or self.ended
        if self.checkpoints is not None and (last or interrupted or due):
            self._write()
        if interrupted:
            raise interrupt.error(f"after epoch {epoch} of {epochs}")

    @property
    def ended(self) -> bool:
        """Whether the validation has ended the training."""
        chosen = self.session.selection
        return chosen is not None and chosen.ends(self.progress.history)

    def choose(self) -> None:
        """Give the model the weights that are kept, and say whose they are where it is not the
        last epoch of all. Warns of a validation that should have decided and had no score."""
        done, epochs, kept = self.progress.epoch, self.about["epochs"], self.kept_epoch
        if self.progress.best:
            self.model.load_state_dict(self.progress.best)
        chosen, history = self.session.selection, self.progress.history
        if chosen and chosen.decides and history and chosen.best(history) is None:
            warnings.warn(
                f"no score of the validation {' to '.join(chosen.period)} is a number (no series "
                "has two different observations in it): it has chosen nothing, and the weights are "
                f"those of epoch {kept}, the last that was run, of {epochs}",
                stacklevel=4,
            )
        if self.session.progress and ranks.first() and not done == epochs == kept:
            why = "the validation scored highest" if kept != done else "the last one"
            say(f"{done} of {epochs} epochs; weights of epoch {kept}, {why}")

    @property
    def kept_epoch(self) -> int:
        """The epoch, from 1, whose weights are kept; 0 before the first."""
        chosen = self.session.selection
        best = chosen.best(self.progress.history) if chosen and self.progress.best else None
        return self.progress.epoch if best is None else best + 1

    def _due(self, interrupt: Interrupt) -> bool:
        """Whether it is time for a checkpoint: by the clock of the first process, and all of them
        end where one was asked to."""
        checkpoints = self.checkpoints
        late = checkpoints is not None and time.monotonic() - self.saved > checkpoints.every
        told = ranks.told((late, interrupt.asked))
        interrupt.asked = next((asked for _, asked in told if asked is not None), None)
        return told[0][0]

    def _write(self) -> None:
        """Write a checkpoint, in the first process."""
        if not ranks.first():
            return
        self.progress.balance = self.balance.state
        checkpoint.write(
            required("folder of checkpoints", self.checkpoints).state, self.progress, self.model,
            self.optimizer, self.about, self.data,
        )  # fmt: skip
        self.saved = time.monotonic()

    @property
    def table(self) -> pd.DataFrame:
        """The history, one row an epoch."""
        return pd.DataFrame(self.progress.history)


@contextmanager
def holding(checkpoints: Checkpoints | None) -> Iterator[None]:
    """Within it the folder of the checkpoints, if there is one, is that of this process alone.

    ValueError where another is at work there, and where it holds a training and was not asked to
    go on with it. Of several processes that share a training the first holds it for all.
    """
    if checkpoints is None or not ranks.first():
        yield
        return
    files.writable(checkpoints.state)
    with Lock(checkpoints.folder):
        if not checkpoints.resume and checkpoint.exists(checkpoints.state):
            raise ValueError(
                f"{checkpoints.folder} holds a training already: go on with "
                "Checkpoints(folder, resume=True), on the command line with --resume, or choose "
                "another folder"
            )
        yield


def means(found: list[dict[str, float]], parts: tuple[str, ...]) -> dict[str, float]:
    """Means over the steps of an epoch of the loss and of its parts, of which there may be one
    only: it is the whole then, and left out. NaN for a part that no step had."""
    names = ("loss", *(parts if len(parts) > 1 else ()))
    return {name: _mean([one[name] for one in found if name in one]) for name in names}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _spoken(name: str, value: float) -> str:
    if name == "waiting":
        return f"{value:.0%} waiting for data"
    return f"{name.replace('_nse', ' NSE').replace('_', ' ')} {value:.4f}"
