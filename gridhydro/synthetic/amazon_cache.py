"""The generated worlds of domain files, kept from one run to the next."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
from hashlib import sha256
from pathlib import Path

from gridhydro.kernels.build import cache_folder
from gridhydro.synthetic import amazon


def rehearsal_folder(data: str | Path, seed: int = 0, years: tuple[int, int] = amazon.YEARS):
    """The folder of the generated Amazon of these options, made if it is not there yet.

    It lies beside the kernels, or in the folder of GRIDHYDRO_CACHE, under a name that changes with
    the options and with the code that generates; see `amazon.generate` for its files.
    ValueError for years that end before they begin, FileNotFoundError for what the data folder
    lacks.
    """
    first, last = years
    if first > last:
        raise ValueError(f"years end ({last}) before they begin ({first})")
    place = cache_folder()
    place = place if os.environ.get("GRIDHYDRO_CACHE") else place.parent
    folder = place / f"rehearsal-{_code()}-seed-{seed}-{first}-{last}"
    if folder.exists():
        return folder
    print(f"generating the rehearsal's world of {first} to {last} in {folder}", file=sys.stderr)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        amazon.generate(beside, data, seed, (first, last))
        if not folder.exists():  # another process may have been faster
            os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _code() -> str:
    """What tells whether another version generated a world."""
    parts = [amazon, *(v for v in vars(amazon).values() if callable(v))]
    names = {inspect.getmodule(part).__name__ for part in parts if inspect.getmodule(part)}
    own = sorted(name for name in names if name.startswith("gridhydro.synthetic.amazon"))
    text = "".join(inspect.getsource(sys.modules[name]) for name in own)
    return sha256(text.encode()).hexdigest()[:8]
