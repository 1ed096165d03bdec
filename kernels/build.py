"""From printed source to an imported module: written once to a cache folder, keyed by content."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
from functools import cache
from types import ModuleType

from numba.core.dispatcher import Dispatcher

from gridhydro.kernels import cells_numba, numba_math, vectors_numba
from gridhydro.kernels.cache import cache_folder, holds, kept, write


@cache
def load(name: str, source: str) -> ModuleType:
    """The module with this source. A second process finds it, and its compiled code, on disk."""
    support = "".join(map(inspect.getsource, (numba_math, vectors_numba, cells_numba)))
    key = hashlib.sha256((source + support).encode()).hexdigest()[:16]
    module_name = f"{name}_{key}"
    path = cache_folder() / f"{module_name}.py"
    if not holds(path, source):
        write(path, source)
    specification = importlib.util.spec_from_file_location(module_name, path)
    assert specification is not None  # as of any .py file
    module = importlib.util.module_from_spec(specification)
    sys.modules[module_name] = module
    # the source at hand is run, not a file: that is for numba, Triton and whoever debugs
    exec(compile(source, path, "exec"), vars(module))
    for one in list(vars(module).values()):
        if isinstance(one, Dispatcher) and one.py_func.__module__ == module_name and _keeps(one):
            kept(one)
    return module


def _keeps(dispatcher: Dispatcher) -> bool:
    """Whether its code is kept on disk."""
    return hasattr(getattr(dispatcher, "_cache", None), "_cache_file")


@cache
def kernel(emitter: ModuleType, target: str, spec, direction: str):
    """The kernel that an emitter prints for a spec, "forward" or "adjoint", printed once."""
    source = getattr(emitter, direction)(spec)
    # the name of a file: that of a column may have options behind a colon
    name = re.sub(r"\W+", "_", f"{spec.column.name}_{direction}_{target}_{spec.real}")
    return getattr(load(name, source), direction)
