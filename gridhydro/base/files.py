"""Files that are whole or not there: written beside their place, then put into it in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import xarray as xr


def replace(path: Path, write_to: Callable[[Path], object]) -> None:
    """Write beside `path`, flush to disk and take its place at once; nothing stays on failure."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_to(beside)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def replace_zarr(path: Path, data: xr.Dataset) -> None:
    """As `replace`, for the folder of a Zarr store; what was there comes back on failure."""
    beside, old = (path.with_name(f".{path.name}.{word}.{os.getpid()}") for word in ("new", "old"))
    try:
        # format 2: format 3 has no settled way to store names of gauges
        data.to_zarr(beside, mode="w", zarr_format=2, consolidated=True)
        if path.exists():
            os.replace(path, old)
        os.replace(beside, path)
    finally:
        if old.exists() and not path.exists():
            os.replace(old, path)
        for left in (beside, old):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """A folder beside `folder` to write into, which takes its place whole when all is written.

    ValueError, before any work, if there is a file of this name or a folder that is not empty;
    OSError where nothing can be written. Nothing stays on failure.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is there already and is not empty: choose another folder")
    beside = folder.with_name(f".{folder.resolve().name}.{os.getpid()}")
    try:
        writable(beside)
        yield beside
        if folder.exists():
            folder.rmdir()
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def writable(folder: Path) -> None:
    """Make a folder and see that files can be written there, before work is put into it.

    OSError if not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(f"nothing can be written to the folder {folder}: {error}") from error


def existing(path: str | Path) -> Path:
    """The path if the file is there, else an error that says where it was looked for."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path.resolve()}")
    return path
