"""Checkpoints of a training, each a snapshot that a kill at any moment leaves whole."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from gridhydro.base import snapshots
from gridhydro.base.arguments import required
from gridhydro.base.damage import reading
from gridhydro.base.tensors import refuse_infinite
from gridhydro.training import data_digest

_STEM = "checkpoint"
INDEX = f"{_STEM}.json"
_MEND = "remove the folder 'checkpoint' to start anew"


class OtherTraining(ValueError):
    """A checkpoint is of other settings or data than it was to be gone on with."""


@dataclass
class Progress:
    """How far a training has come: history, a line an epoch; within: what is kept of an epoch that
    was cut off, else None; begun: the weights by name that it began with, where they matter; best:
    those of the epoch that a validation keeps, if it keeps any but the last; balance: the state of
    that of the parts of the loss."""

    history: list[dict] = field(default_factory=list)
    within: dict[str, Any] | None = None
    begun: dict[str, torch.Tensor] = field(default_factory=dict)
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    balance: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """Whole epochs."""
        return len(self.history)


def write(folder: Path, progress: Progress, model, optimizer, about: dict, data: dict) -> None:
    """Keep the state of a training as far as it has come; see `keep`."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(v) for name, v in state.items()}
    tensors |= {f"begun.{name}": value for name, value in progress.begun.items()}
    tensors |= {f"best.{name}": value for name, value in progress.best.items()}
    tensors |= {f"balance.{name}": value for name, value in progress.balance.items()}
    tensors["random"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random_cuda"] = torch.cuda.get_rng_state()
    keep(folder, progress.epoch, tensors, progress, about, data)


def read(folder: Path, model, optimizer, about: dict, data: dict) -> Progress | None:
    """Put the last checkpoint into model and optimizer; how far it had come, None without one.

    ValueError when it belongs to another model, training or data, or is damaged.
    """
    found = kept(folder, about, data)
    if found is None:
        return None
    tensors, progress = found
    with reading(folder / INDEX, "a checkpoint of this training", _MEND):
        state = _under("model.", tensors)
        refuse_infinite(folder, state, [name for name, _ in model.named_parameters()], _MEND)
        model.load_state_dict(state)
        moments: dict[int, dict] = {}
        for name, value in _under("optimizer.", tensors).items():
            number, key = name.split(".", 1)
            moments.setdefault(int(number), {})[key] = value
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
        progress.begun, progress.best = _under("begun.", tensors), _under("best.", tensors)
        progress.balance = _under("balance.", tensors)
        torch.set_rng_state(tensors["random"])
        if "random_cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random_cuda"])
    return progress


def keep(
    folder: Path, number: int, tensors: dict, progress: Progress, about: dict, data: dict
) -> None:
    """Keep tensors by name, progress, settings and digests of the data; earlier numbers are removed
    afterwards.

    So is what a killed process left half written.
    """
    content = {
        "epoch": progress.epoch, "history": progress.history, "within": progress.within,
        "about": about, "data": data,
    }  # fmt: skip
    snapshots.keep(folder, _STEM, number, tensors, content)


def exists(folder: Path) -> bool:
    """Whether a training was kept in this folder."""
    return (folder / INDEX).exists()


def kept(folder: Path, about: dict, data: dict) -> tuple[dict, Progress] | None:
    """Tensors and progress of `keep`; None when there is none yet.

    ValueError when they were kept with other settings or data, or the files are damaged.
    """
    if not exists(folder):
        return None
    path = folder / INDEX
    content = required("checkpoint", snapshots.content_of(folder, _STEM, "a checkpoint", _MEND))
    with reading(path, "a checkpoint", _MEND):
        before, history = dict(content["about"]), list(content["history"])
        progress = Progress([dict(line) for line in history], content.get("within"))
        kept_data = data_digest.kept(content.get("data"))
        if not isinstance(before.get("epochs", 0), int):
            raise ValueError(f"its epochs are {before['epochs']!r}")
    _refuse_other(folder, before, about, kept_data, data, progress)
    tensors = snapshots.tensors_of(folder, _STEM, content, "a checkpoint of this training", _MEND)
    return tensors, progress


def _refuse_other(folder, before: dict, about: dict, kept_data, data: dict, progress) -> None:
    """ValueError for other settings, but for more epochs, and for other data."""
    now = json.loads(json.dumps(about))
    different = [k for k in about if before.get(k) != now[k]]
    if "epochs" in different and now["epochs"] > before.get("epochs", now["epochs"]):
        different.remove("epochs")
        if now.get("decay") and progress.epoch and not different:
            warnings.warn(
                f"the first {progress.epoch} epochs had the learning rates of a training of "
                f"{before['epochs']}; from now on they are those of one of {now['epochs']}",
                stacklevel=6,
            )
    changes = [f"{k} was {before.get(k)}, is {about[k]}" for k in different]
    if kept_data is None:
        warnings.warn(
            f"the checkpoint in {folder} is of an earlier version, which kept no digest of its "
            "data: see to it yourself that they are the same",
            stacklevel=6,
        )
    else:
        changes += data_digest.differences(kept_data, data)
    if changes:
        raise OtherTraining(
            f"the checkpoint in {folder} is of another training ({', '.join(changes)}): "
            "resume with the same settings and data, or train into another folder"
        )


def _under(prefix: str, tensors: dict) -> dict:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
