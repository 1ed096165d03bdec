"""What a training calls after every epoch: a function of one's own, a CSV file, TensorBoard."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch

from gridhydro.base.files import replace, writable


class Callback(Protocol):
    """Any function of the epoch, counted from 1, the model and the numbers of the epoch by name.

    The model is not in training then and makes no gradients. The numbers that are returned, if
    any, go into the history, and to the callbacks after this one. It must not draw from torch's
    random numbers. An epoch that was cut off is called again when the training is gone on with.
    """

    def __call__(
        self, epoch: int, model: torch.nn.Module, numbers: Mapping[str, float], /
    ) -> Mapping[str, float] | None:
        """Do something with an epoch."""


def numbers_of(said: Any, known: Collection[str]) -> dict[str, float]:
    """What a callback returned as numbers by name, those of torch and numpy too; ValueError for
    anything else, and for a name that the epoch has already."""
    if said is None:
        return {}
    try:
        found = {str(name): float(value) for name, value in said.items()}
    except (AttributeError, TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"a callback returned {said!r}: it returns nothing, or numbers by name, such as "
            "{'mean': 0.5}"
        ) from None
    twice = [name for name in found if name in known]
    if twice:
        raise ValueError(
            f"a callback returned '{twice[0]}', which is in the history already: call it otherwise"
        )
    return found


class CSVLog:
    """A CSV file with a line for every epoch, there as soon as the epoch is over.

    A training that is gone on with goes on in its file. A column that comes later, such as the
    scores of a validation, is empty before.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        writable(self.path.parent)

    def __call__(self, epoch: int, model, numbers: Mapping[str, float]) -> None:
        """Add the line of an epoch; those of it and of later ones, from a training that was cut
        off, go."""
        lines = [line for line in self._lines() if int(line["epoch"]) < epoch]
        lines.append({"epoch": epoch, **numbers})
        names = list(dict.fromkeys(name for line in lines for name in line))
        replace(self.path, partial(_write, names=names, lines=lines))

    def _lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        with open(self.path, newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        if lines and not all((line.get("epoch") or "").isdigit() for line in lines):
            raise ValueError(f"{self.path} is no table of epochs: give another file to CSVLog")
        return lines


def _write(path: Path, names: list[str], lines: list[dict]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(lines)


class TensorBoard:
    """The numbers of every epoch as scalars for TensorBoard, in a folder of event files.

    ImportError without the package tensorboard.
    """

    def __init__(self, folder: str | Path):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ImportError(
                "TensorBoard needs the package tensorboard: pip install 'gridhydro[tensorboard]'"
            ) from None
        self.folder = Path(folder)
        writable(self.folder)
        self._open = SummaryWriter
        self._writer: Any = None

    def __call__(self, epoch: int, model, numbers: Mapping[str, float]) -> None:
        """Write the numbers of an epoch; of a training that was cut off, later ones go."""
        if self._writer is None:
            self._writer = self._open(str(self.folder), purge_step=epoch)
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()
