"""Snapshots of long work that a kill at any moment leaves whole: safetensors for numbers, JSON for
the rest.

The numbers are written to a file of their own, then the JSON that names them, with their digest,
takes the place of the old one in a single step. Whatever happens, the JSON names a complete file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from torch import Tensor

from gridhydro.base.damage import read_json, reading
from gridhydro.base.files import replace
from gridhydro.base.tensors import read_tensors, write_tensors


def keep(
    folder: Path, stem: str, number: int, tensors: Mapping[str, Tensor], content: Mapping
) -> None:
    """Keep tensors and content as folder/STEM.json and STEM-NUMBER.safetensors; earlier numbers are
    removed afterwards, and so is what a killed process left half written."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = folder / _free_name(folder, stem, number)
    told = {"numbers": numbers.name, "digest": write_tensors(numbers, tensors), **content}
    replace(folder / f"{stem}.json", lambda path: path.write_text(json.dumps(told, indent=1)))
    for old in (*folder.glob(f"{stem}-*.safetensors"), *folder.glob(f".{stem}*")):
        if old != numbers:
            old.unlink()


def _free_name(folder: Path, stem: str, number: int) -> str:
    """A name that the JSON does not have: what it names stays whole until it names another."""
    taken = None
    with suppress(OSError, ValueError):
        taken = read_json(folder / f"{stem}.json", "", "").get("numbers")
    name = f"{stem}-{number:06d}.safetensors"
    return f"{stem}-{number:06d}-b.safetensors" if name == taken else name


def content_of(folder: Path, stem: str, what: str, mend: str) -> dict | None:
    """What the JSON says; None where nothing was kept. ValueError where it is damaged."""
    path = folder / f"{stem}.json"
    return read_json(path, what, mend) if path.exists() else None


def tensors_of(
    folder: Path, stem: str, content: Mapping, what: str, mend: str
) -> dict[str, Tensor]:
    """The tensors that belong to this content; ValueError where the file is damaged or missing."""
    with reading(folder / f"{stem}.json", what, mend):
        numbers = folder / Path(content["numbers"]).name
    return read_tensors(numbers, mend, content.get("digest"))
