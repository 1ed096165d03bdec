"""From printed source to an imported module: written once to a cache folder, keyed by content."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import re
import sys
import tempfile
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType

from gridhydro.kernels import numba_math


@lru_cache
def cache_folder() -> Path:
    """Folder of the compiled kernels: GRIDHYDRO_CACHE, the user's cache folder, or a temporary one.

    OSError if GRIDHYDRO_CACHE cannot be written to.
    """
    chosen = os.environ.get("GRIDHYDRO_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(chosen or Path(base, "gridhydro", "kernels")).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        if chosen:
            raise OSError(
                f"the kernel cache {folder} (GRIDHYDRO_CACHE) cannot be written: {error}"
            ) from error
        return Path(tempfile.mkdtemp(prefix="gridhydro-kernels-"))


@cache
def load(name: str, source: str) -> ModuleType:
    """The module with this source. A second process finds it, and its compiled code, on disk."""
    support = inspect.getsource(numba_math)
    key = hashlib.sha256((source + support).encode()).hexdigest()[:16]
    module_name = f"{name}_{key}"
    path = cache_folder() / f"{module_name}.py"
    if not path.exists() or path.read_text() != source:
        _write(path, source)
    specification = importlib.util.spec_from_file_location(module_name, path)
    assert specification is not None and specification.loader is not None  # as of any .py file
    module = importlib.util.module_from_spec(specification)
    sys.modules[module_name] = module
    specification.loader.exec_module(module)
    return module


@cache
def kernel(emitter: ModuleType, target: str, spec, direction: str):
    """The kernel that an emitter prints for a spec, "forward" or "adjoint", printed once."""
    source = getattr(emitter, direction)(spec)
    # the name of a file: that of a column may have options behind a colon
    name = re.sub(r"\W+", "_", f"{spec.column.name}_{direction}_{target}_{spec.real}")
    return getattr(load(name, source), direction)


def _write(path: Path, source: str) -> None:
    # written beside and renamed: another process never sees half a file
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
        file.write(source)
    os.replace(file.name, path)
