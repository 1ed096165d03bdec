"""Weather as one raster a day, whose name says the day: PRISM's BIL and GeoTIFF, also zipped."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import xarray as xr

from gridhydro.base import calendar
from gridhydro.base.damage import reading, reason
from gridhydro.base.files import existing

SUFFIXES = (".bil", ".tif", ".tiff")
# the name of what it holds, and the day
_NAMED = re.compile(r"(?P<name>.+?)[_.-](?P<day>\d{8}|\d{4}([.-])\d\d\3\d\d)(_bil)?")
_PRISM = re.compile(r"prism_(?P<name>[a-z]+)_.*", re.IGNORECASE)
# what the names of PRISM's variables mean: its files say no units
_PRISM_UNITS = {"ppt": "mm", "tmean": "degC", "tmin": "degC", "tmax": "degC", "tdmean": "degC"}


def is_day_raster(path: str) -> bool:
    """Whether a file, or a raster in an archive, is a raster of a day by its name."""
    name = Path(path.rpartition("!")[2])
    return name.suffix.lower() in SUFFIXES and _day(name.stem) is not None


def within_archive(path: str | Path) -> list[str]:
    """The rasters of days in an archive, as `day_raster` takes them; ValueError for a file that is
    none."""
    try:
        with reading(Path(path), "a ZIP archive"), zipfile.ZipFile(existing(path)) as archive:
            names = sorted(name for name in archive.namelist() if is_day_raster(name))
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is no ZIP archive: {error}") from error
    return [f"{path}!{name}" for name in names]


def may_hold_days(path: Path) -> bool:
    """Whether an archive has the name of a day or of several."""
    return path.suffix.lower() == ".zip" and re.search(r"(?<!\d)\d{8}(?!\d)", path.stem) is not None


def day_of(path: str) -> pd.Timestamp:
    """The day in the name of a raster; ValueError for one that is none."""
    found = _day(Path(path.rpartition("!")[2]).stem)
    if found is None:
        raise ValueError(
            f"{path}: its name does not end with a day, as in PRISM_ppt_stable_4kmD2_20200101_bil"
        )
    return found


def _day(stem: str) -> pd.Timestamp | None:
    found = _NAMED.fullmatch(stem)
    if found is None:
        return None
    day = re.sub(r"[.-]", "", found["day"])
    stamp = calendar.written([f"{day[:4]}-{day[4:6]}-{day[6:]}"])[0]
    return None if pd.isna(stamp) else stamp


def kin_of(path: str) -> tuple[str, str]:
    """What rasters of the same variable on other days have in common: folder, and name."""
    outside, _, inside = path.rpartition("!")
    found = _NAMED.fullmatch(Path(inside).stem)
    folder = Path(outside or inside).parent
    return str(folder), f"{found['name'] if found else inside}{Path(inside).suffix}"


@contextmanager
def day_raster(path: str) -> Iterator[xr.Dataset]:
    """A raster as a Dataset (time, y, x) of its day, nothing of it read, open within it.

    Its variable is called as the file is before its day, of PRISM by PRISM's name (ppt, tmean),
    whose units are known. FileNotFoundError; ValueError naming what cannot be read.
    """
    import rioxarray

    outside, _, inside = path.rpartition("!")
    place = str(existing(outside or inside))
    day, name = day_of(path), kin_of(path)[1].rpartition(".")[0]
    prism = _PRISM.fullmatch(name)
    name = prism["name"].lower() if prism else name
    try:
        raster = rioxarray.open_rasterio(
            f"/vsizip/{{{place}}}/{inside}" if outside else place, mask_and_scale=True, cache=False
        )
    except Exception as error:  # rasterio's errors have no common base that is public
        raise ValueError(f"{path} cannot be read as a raster: {reason(error)}") from error
    if not isinstance(raster, xr.DataArray) or raster.sizes.get("band") != 1:
        raise ValueError(f"{path} holds several rasters: one of a day is needed")
    with raster:
        encoding = {k: raster.encoding[k] for k in ("grid_mapping",) if k in raster.encoding}
        array = raster.squeeze("band", drop=True).expand_dims(time=[day]).rename(name)
        array.encoding = encoding
        if prism and name in _PRISM_UNITS:
            array.attrs["units"] = _PRISM_UNITS[name]
        with reading(Path(place), "a raster"):
            yield array.to_dataset()
