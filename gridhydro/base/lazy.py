"""Public names of a package that are loaded when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def loader(
    package: str, homes: Mapping[str, str], modules: Mapping[str, str] | None = None
) -> Callable[[str], object]:
    """The `__getattr__` of a package whose public names live in its modules.

    homes    name -> the module of the package that has it, such as "model.run"
    modules  name -> the module that is public as a whole
    It raises AttributeError, which lists the names there are, for any other.
    """
    whole = modules or {}

    def attribute(name: str) -> object:
        if name in whole:
            return import_module(f"{package}.{whole[name]}")
        if name in homes:
            return getattr(import_module(f"{package}.{homes[name]}"), name)
        known = ", ".join(sorted({*homes, *whole}))
        raise AttributeError(f"{package} has no '{name}'; it has {known}")

    return attribute
