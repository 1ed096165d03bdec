"""What a training calls after every epoch: a function of one's own, a CSV file, TensorBoard."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch

from gridhydro.base.files import writable
from gridhydro.io.csv_tables import read_table, write_csv


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
        line = pd.DataFrame([{"epoch": epoch, **numbers}])
        before = self._before(epoch)
        write_csv(self.path, pd.concat([before, line]) if len(before) else line, index=False)

    def _before(self, epoch: int) -> pd.DataFrame:
        """The lines of the epochs before this one."""
        if not self.path.exists():
            return pd.DataFrame()
        try:
            table = read_table(self.path, ("epoch",), dtype=str, keep_default_na=False)
            table = table.map(lambda text: float(text or "nan")).astype({"epoch": int})
        except ValueError as error:
            raise ValueError(
                f"{self.path} is no table of epochs: give another file to CSVLog"
            ) from error
        return table[table["epoch"] < epoch]


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
