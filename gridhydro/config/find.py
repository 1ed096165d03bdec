"""Paths of domain files, data folders and runs.

Standard library only: the command line asks here first, so that a wrong name is told before
anything large is imported.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

DATA = "GRIDHYDRO_DATA"


def packaged() -> dict[str, Path]:
    """The domain files that come with gridhydro, by name."""
    folder = resources.files("gridhydro.domains")
    files = [Path(str(file)) for file in folder.iterdir() if file.name.endswith(".toml")]
    return {file.stem: file for file in sorted(files, key=lambda file: file.stem)}


def find(name: str | Path) -> Path:
    """The domain file at a path, or the packaged one of this name.

    FileNotFoundError with the names of the packaged ones.
    """
    if Path(name).is_file():
        return Path(name)
    files = packaged()
    stem = str(name).removesuffix(".toml").removeprefix("domains/")
    if stem in files:
        return files[stem]
    raise FileNotFoundError(
        f"there is no domain file {name}; those that come with gridhydro are {', '.join(files)}"
    )


def data_folder(data: str | Path | None) -> Path:
    """The folder that is given, or that of the variable GRIDHYDRO_DATA.

    ValueError where neither is given, FileNotFoundError where the folder does not exist.
    """
    given = data or os.environ.get(DATA)
    if not given:
        raise ValueError(f"where is the data? give --data FOLDER, or set the variable {DATA}")
    if not Path(given).is_dir():
        raise FileNotFoundError(f"the data folder {Path(given).resolve()} is not there")
    return Path(given)


def run_folder(folder: str | Path) -> Path:
    """The folder of a run; FileNotFoundError where there is no such folder."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"there is no folder {Path(folder).resolve()}, so no run in it")
    return Path(folder)
