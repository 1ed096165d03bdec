"""NetCDF files and Zarr stores, here or elsewhere, that stay open and are read when used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import xarray as xr

from gridhydro.base.damage import MEND, reason, told
from gridhydro.base.files import existing


def stays_open(source: str | Path) -> xr.Dataset:
    """A NetCDF file or Zarr store, or the address of a store elsewhere, nothing of it read.

    FileNotFoundError; ImportError naming what is to be installed for a place elsewhere; ValueError
    for what is no NetCDF or Zarr.
    """
    elsewhere = _elsewhere(source)
    place = str(source) if elsewhere else existing(source)
    engine = "zarr" if elsewhere or Path(place).is_dir() else "netcdf4"
    try:
        return xr.open_dataset(place, engine=engine, cache=False, chunks=None, decode_coords="all")
    except ImportError as error:
        raise ImportError(
            f"{source} is read by fsspec, which says: {reason(error)}: pip install "
            "'gridhydro[remote]', or what fsspec needs for it"
        ) from error
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no Zarr store at {source}: {reason(error)}") from error
    except Exception as error:  # whatever a library raises over damaged bytes
        raise ValueError(f"{source} cannot be opened as NetCDF or Zarr: {reason(error)}") from error


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Within it errors of what a store holds name it, whatever they are raised by; "" is none."""
    try:
        yield
    except Exception as error:
        if not source or source in str(error) or isinstance(error, OSError | ImportError):
            raise
        if type(error) is ValueError:
            raise ValueError(f"{source}: {error}") from error
        raise told(error, Path(source), "a readable NetCDF or Zarr file", MEND) from error


def written(source: str | Path) -> str | None:
    """What a file or store is, and when each of its files was written; None of one elsewhere,
    where that cannot be known."""
    if _elsewhere(source):
        return None
    path = existing(source).resolve()
    found = blake2b(str(path).encode(), digest_size=16)
    for file in sorted(_files(path)):
        about = os.stat(file)
        found.update(f"{file} {about.st_size} {about.st_mtime_ns}\n".encode())
    return found.hexdigest()


def _files(path: Path) -> list[str]:
    if not path.is_dir():
        return [str(path)]
    return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]


def _elsewhere(source: str | Path) -> bool:
    return isinstance(source, str) and "://" in source
