"""Report of this machine: versions, devices, backends."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from gridhydro.columns import COLUMNS
from gridhydro.kernels.build import cache_folder

PACKAGES = ("gridhydro", "torch", "triton", "numba", "numpy", "xarray", "pyflwdir")


def info() -> str:
    """A few lines for a person, or for a report of something that went wrong."""
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return "\n".join(
        [
            f"versions   {versions}, Python {platform.python_version()}",
            f"cpu        {platform.machine()}, {torch.get_num_threads()} threads: numba backend",
            f"gpu        {_gpus()}",
            f"columns    {', '.join(sorted(COLUMNS))}",
            f"kernels    {_cache()}",
        ]
    )


def _cache() -> str:
    try:
        return str(cache_folder())
    except OSError as error:
        return str(error)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def _gpus() -> str:
    if not torch.cuda.is_available():
        return "none: the Triton backend needs a CUDA device and a CUDA build of torch"
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"{', '.join(names)}: Triton backend"
