"""Checkpoints that a kill at any moment leaves whole: safetensors for numbers, JSON for the rest.

The numbers are written to a file of their own, then the JSON that names them takes the place of
the old one in a single step. Whatever happens, the JSON names a complete file.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from gridhydro.base.files import replace

INDEX = "checkpoint.json"


def write(folder: Path, epoch: int, model, optimizer, history: list[dict], about: dict) -> None:
    """Keep the state of training after `epoch`; see `keep`."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(v) for name, v in state.items()}
    tensors["random"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random_cuda"] = torch.cuda.get_rng_state()
    keep(folder, epoch, tensors, history, about)


def read(folder: Path, model, optimizer, about: dict) -> tuple[int, list[dict]]:
    """Put the last checkpoint into model and optimizer; returns its epoch and history.

    (0, []) when there is none yet. ValueError when it belongs to another model or training.
    """
    found = kept(folder, about)
    if found is None:
        return 0, []
    epoch, tensors, history = found
    model.load_state_dict(_under("model.", tensors))
    moments: dict[int, dict] = {}
    for name, value in _under("optimizer.", tensors).items():
        number, key = name.split(".", 1)
        moments.setdefault(int(number), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    torch.set_rng_state(tensors["random"])
    if "random_cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random_cuda"])
    return epoch, history


def keep(folder: Path, epoch: int, tensors: dict, history: list[dict], about: dict) -> None:
    """Keep tensors by name, history and settings; earlier numbers are removed afterwards.

    So is what a killed process left half written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = folder / f"checkpoint-{epoch:06d}.safetensors"
    tensors = {name: value.detach().contiguous() for name, value in tensors.items()}
    replace(numbers, lambda path: save_file(tensors, path))
    content = {"epoch": epoch, "numbers": numbers.name, "history": history, "about": about}
    replace(folder / INDEX, lambda path: path.write_text(json.dumps(content, indent=1)))
    for old in (*folder.glob("checkpoint-*.safetensors"), *folder.glob(".checkpoint*")):
        if old != numbers:
            old.unlink()


def kept(folder: Path, about: dict) -> tuple[int, dict, list[dict]] | None:
    """Epoch, tensors and history of `keep`; None when there is none yet.

    ValueError when they were kept with other settings.
    """
    index = folder / INDEX
    if not index.exists():
        return None
    content = json.loads(index.read_text())
    different = [k for k in about if content["about"].get(k) != json.loads(json.dumps(about[k]))]
    if different:
        changes = ", ".join(f"{k} was {content['about'].get(k)}, is {about[k]}" for k in different)
        raise ValueError(
            f"the checkpoint in {folder} is of another training ({changes}): "
            "resume with the same settings, or train into another folder"
        )
    return content["epoch"], load_file(folder / content["numbers"]), content["history"]


def _under(prefix: str, tensors: dict) -> dict:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
