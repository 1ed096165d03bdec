"""Numbers in safetensors files: written whole, read only if they are what was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from gridhydro.base.damage import digest as digest_of
from gridhydro.base.damage import reading
from gridhydro.base.files import replace


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors by name; returns the digest of the file."""
    from safetensors.torch import save_file

    ready = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    replace(path, lambda place: save_file(ready, place))
    return digest_of(path)


def read_tensors(
    path: Path, mend: str, digest: str | None = None, what: str = "a file of safetensors"
) -> dict[str, Tensor]:
    """Tensors by name; FileNotFoundError; ValueError where the file is damaged, or has another
    digest than is told.

    what  the file should be
    """
    from safetensors.torch import load_file

    with reading(path, what, mend):
        refuse_other(path, mend, digest)
        return load_file(path)


def refuse_other(path: Path, mend: str, digest: str | None) -> None:
    """ValueError where a file has another digest than the one that was kept of it, if any was."""
    if digest is not None and digest_of(path) != digest:
        raise ValueError(
            f"{path} is not the file that was written here: it is damaged, or of another run: "
            f"{mend}"
        )


def refuse_infinite(path: Path, tensors: Mapping[str, Tensor], names: Iterable[str], mend: str):
    """ValueError for weights of these names that are NaN or infinite."""
    for name in names:
        if name in tensors and not torch.isfinite(tensors[name]).all():
            raise ValueError(f"{path}: the weights '{name}' are not finite: {mend}")
