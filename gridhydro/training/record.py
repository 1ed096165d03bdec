"""The history of a training, its progress bar and its checkpoints."""

from __future__ import annotations

import math
import time
from dataclasses import asdict

import pandas as pd
from tqdm import tqdm

from gridhydro.base import files
from gridhydro.training import checkpoint
from gridhydro.training.data import TrainingData
from gridhydro.training.objective import Objective
from gridhydro.training.options import Checkpoints, Optimizer, Session


def settings(
    data: TrainingData, objective: Objective, optimizer: Optimizer, epochs: int, seed: int
) -> dict:
    """All settings of a training, as a run and its checkpoints keep them."""
    batches = None if data.batches is None else asdict(data.batches)
    split = None if data.split is None else data.split.to_json()
    spinup = data.spinup
    return data.model.options | dict(
        period=list(data.period), spinup=spinup.days, spinup_cycles=spinup.cycles,
        loss=objective.loss, optimizer=optimizer.name, learning_rate=optimizer.first_rate,
        decay=optimizer.decay, epochs=epochs, batches=batches, gauges=data.gauges,
        clip=optimizer.clip, seed=seed, split=split, pet=data.forcing.method, start=spinup.start,
        **objective.about,
    )  # fmt: skip


class Record:
    """The history of a training, a line an epoch, with its bar and its checkpoints.

    about   settings of the training; a checkpoint with other ones is refused
    resumed  whether it goes on from a checkpoint, which is then in the model and the optimizer
    """

    def __init__(
        self, checkpoints: Checkpoints | None, about: dict, model, optimizer, session: Session
    ):
        self.checkpoints, self.about = checkpoints, about
        self.model, self.optimizer = model, optimizer
        self.history: list[dict] = []
        if checkpoints is not None:
            files.writable(checkpoints.state)
            if checkpoints.resume:
                _, self.history = checkpoint.read(checkpoints.state, model, optimizer, about)
        self.resumed = bool(self.history)
        self.saved = time.monotonic()
        done, epochs = len(self.history), about["epochs"]
        self.bar = tqdm(
            range(done, epochs), initial=done, total=epochs, desc="training", unit="epoch",
            disable=not session.progress,
        )  # fmt: skip

    def note(self, found: dict[str, float], seconds: float, steps: int, interrupted: bool) -> None:
        """Add the numbers of an epoch, which ran so many days of cells; KeyboardInterrupt, once
        they are kept, where it was asked for."""
        epoch, epochs = len(self.history) + 1, self.about["epochs"]
        self.history.append({"epoch": epoch, **found, "seconds": seconds})
        shown = ", ".join(f"{_spoken(name)} {value:.4f}" for name, value in found.items())
        self.bar.set_postfix_str(f"{shown}, {steps / seconds / 1e6:.1f} M cell-steps/s")
        self._keep(last=epoch == epochs or interrupted)
        if interrupted:
            raise KeyboardInterrupt(f"after epoch {epoch} of {epochs}")

    def _keep(self, last: bool) -> None:
        """Write a checkpoint, if one is due."""
        if self.checkpoints is None:
            return
        if last or time.monotonic() - self.saved > self.checkpoints.every:
            checkpoint.write(
                self.checkpoints.state, len(self.history), self.model, self.optimizer,
                self.history, self.about,
            )  # fmt: skip
            self.saved = time.monotonic()

    @property
    def table(self) -> pd.DataFrame:
        """The history, one row an epoch."""
        return pd.DataFrame(self.history)


def means(found: list[dict[str, float]], parts: tuple[str, ...]) -> dict[str, float]:
    """Means over the steps of an epoch of the loss and of its parts, of which there may be one
    only: it is the whole then, and left out. NaN for a part that no step had."""
    names = ("loss", *(parts if len(parts) > 1 else ()))
    return {name: _mean([one[name] for one in found if name in one]) for name in names}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _spoken(name: str) -> str:
    return name.replace("_nse", " NSE").replace("_", " ")
