"""GRACE: anomalies of terrestrial water storage from mascon files and plain ones.

Mascon products and what their files are like:
  CSR   RL06 on 0.25 degrees, https://www2.csr.utexas.edu/grace/RL06_mascons.html; the land mask
        (LO_val) is a file of its own, attributes may be spelt "Units"
  JPL   RL06M on 0.5 degrees, https://grace.jpl.nasa.gov/data/get-data/jpl_global_mascons/; the land
        mask (land_mask) is a file of its own, and so are the gain factors
  GSFC  RL06 on 0.5 degrees, land_mask inside, or as mascons in HDF5,
        https://earth.gsfc.nasa.gov/geo/data/grace-mascons
All give lwe_thickness in cm, time in days since 2002-01-01 with time_bounds, longitudes from 0 to
360, and anomalies from the mean of 2004 to 2009. Gain (scale) factors are not applied: they come
from another land model.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base import refuse
from gridhydro.base.files import existing
from gridhydro.base.missing import codes_in, declare, declared, masked
from gridhydro.base.quantities import OBSERVED
from gridhydro.base.units import conversion
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import spacing, spatial_dims
from gridhydro.io.grace_mean import mean_of_products
from gridhydro.io.grace_native import NATIVE, read_native
from gridhydro.io.grace_times import attribute, solutions
from gridhydro.io.lazy import opened
from gridhydro.io.raster import NETCDF
from gridhydro.io.schema import gauge_names, named_along

_STORAGE = OBSERVED["twsa"]
_MASKS = ("land_mask", "LO_val")
_BOX = ("lat", "lon")


def read_grace(
    path: str | Path | Sequence[str | Path],
    *,
    domain: Domain | None = None,
    units: str | None = None,
    windows: xr.Dataset | None = None,
    baseline: tuple[str, str] = ("2004-01-01", "2009-12-31"),
    missing: float | Sequence[float] | None = None,
) -> xr.Dataset:
    """Water storage anomalies `twsa` (time, lat, lon) or (time, gauge), mm, float32.

    path      a file, several, or a folder: several products are averaged, solution by solution,
              each relative to its mean over the solutions of the baseline that all of them have;
              files that hold only a land mask apply to the products on their grid
    domain    a raster domain: only its surroundings are read
    units     where the file does not state them
    windows   observations whose solutions those of a file without bounds are, found by time
    baseline  first and last day, for several products; one alone keeps its own
    missing   numbers that stand for missing values, where a file does not declare them; those that
              look like one are left out with a warning

    NaN where missing, and on sea where a land mask is given. Coordinates: time, the middle of each
    solution; time_start and time_end, its first day and the first day after it. Files that name
    the last day instead of the one after it (GSFC does) are recognised by their whole months. A
    file without bounds holds calendar months, or 30 days around a time far from their middle.
    Raises ValueError naming the file, and refuses units that are absent, unknown or implausible.
    """
    files = _files(path)
    found = [_read(file, domain, units, windows, missing) for file in files]
    masks = [mask for mask in found if "twsa" not in mask]
    products = [_masked(product, masks) for product in found if "twsa" in product]
    if not products:
        raise ValueError(f"{', '.join(map(str, files))} holds a land mask, but no storage")
    one = products[0] if len(products) == 1 else mean_of_products(products, baseline)
    one["twsa"].attrs |= _STORAGE.attrs
    one.attrs = {
        "baseline": one.attrs["baseline"],
        "source": ", ".join(file.name for file in files),
        "comment": "gain factors, where the product has any, are not applied",
    }
    return one


def _files(path) -> list[Path]:
    if not isinstance(path, str | Path):
        return [existing(p) for p in path]
    path = existing(path)
    if not path.is_dir():
        return [path]
    files = sorted(f for f in path.iterdir() if f.suffix.lower() in NETCDF | NATIVE)
    if not files:
        raise ValueError(f"the folder {path} has no file ending in {', '.join(NETCDF | NATIVE)}")
    return files


def _read(path: Path, domain, units, windows, missing) -> xr.Dataset:
    """One file as `read_grace` gives it, or a land mask (lat, lon) alone."""
    if path.suffix.lower() in NATIVE:
        return _cut(read_native(path), domain)
    with opened(path, decode_times=False) as data:
        name = next((n for n in _STORAGE.names if n in data), None)
        masks = [data[n] for n in _MASKS if n in data]
        mask = masks[0].rename("land_mask") if masks else None
        if name is None:
            if mask is None:
                there = ", ".join(map(str, data.data_vars))
                raise ValueError(
                    f"{path} has none of {', '.join(_STORAGE.names + _MASKS)}, but {there}"
                )
            return _cut(_boxed(mask.to_dataset(), path), domain)
        series = declare(_on_plain_axes(data, name), missing)
        if "time" not in series.dims or series.ndim not in (2, 3):
            raise ValueError(
                f"{path}: '{name}' has the axes {series.dims}; storage has (time, lat, lon) or "
                "(time, gauge)"
            )
        bounds = solutions(data, path, windows)
        given = units or attribute(series, "units")
        if series.ndim == 3:
            parts = {"twsa": series} | ({} if mask is None else {"land_mask": mask})
            cut = _cut(_boxed(xr.Dataset(parts), path), domain)
        else:
            (other,) = set(series.dims) - {"time"}
            names = gauge_names(data, str(other), path)[0]
            cut = xr.Dataset({"twsa": series.transpose("time", other).rename({other: "gauge"})})
            cut = cut.drop_vars("gauge", errors="ignore").assign_coords(gauge=names).load()
        factor, _ = conversion(name, given, _STORAGE.unit, path)
        values = _without_codes(cut["twsa"], path, name, declared(series) is not None)
        values = values * np.float32(factor)
        said = attribute(data, "time_mean_removed") or attribute(series, "long_name") or ""
    _refuse_implausible(values, path, name, given)
    _refuse_beyond(values, cut, bounds, path, name)
    cut["twsa"] = (cut["twsa"].dims, values)
    cut = cut.drop_vars("time", errors="ignore").assign_coords(bounds)
    years = re.findall(r"(?:19|20)\d\d", said)
    cut.attrs = {"baseline": f"{years[0]} to {years[-1]}" if len(years) > 1 else "of the file"}
    return cut.sortby("time")


def _on_plain_axes(data: xr.Dataset, name: str) -> xr.DataArray:
    """A variable without axes of one value, but for those of time, places and gauges."""
    series = data[name]
    try:
        space: tuple = spatial_dims(series)
    except ValueError:
        space = ()
    kept = ("time", *space)
    single = [str(dim) for dim in series.dims if series.sizes[dim] == 1 and dim not in kept]
    return series.squeeze([dim for dim in single if not named_along(data, dim)], drop=True)


def _boxed(data: xr.Dataset, path) -> xr.Dataset:
    """With the dimensions (..., lat, lon) and nothing else."""
    try:
        y, x = spatial_dims(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    data = data.rename({old: new for old, new in zip((y, x), _BOX, strict=True) if old != new})
    return data.drop_vars(set(data.coords) - set(_BOX)).transpose(..., *_BOX)


def _cut(data: xr.Dataset, domain: Domain | None) -> xr.Dataset:
    """The surroundings of the domain, longitudes running on from 180 W, or from 0 where the domain
    lies across the date line."""
    lat, lon = (data[name].values.astype(np.float64) for name in _BOX)
    west = -180.0
    if domain is not None and not domain.lumped:
        x, y = domain.lonlat
        if np.ptp(x % 360) < np.ptp((x + 180) % 360):
            west = 0.0
        x = (x - west) % 360 + west
        wide = 2 * max(abs(spacing(lat)), abs(spacing(lon)))
        near = (lat >= y.min() - wide) & (lat <= y.max() + wide)
        around = (lon - west) % 360 + west
        close = (around >= x.min() - wide) & (around <= x.max() + wide)
        data = data.isel(lat=_run(near), lon=_run(close))
    around = (data["lon"].values.astype(np.float64) - west) % 360 + west
    data = data.assign_coords(lon=around, lat=data["lat"].values.astype(np.float64))
    return data.load().sortby("lon")


def _run(chosen: np.ndarray):
    """The places chosen, as a slice where they follow each other: a slice is quick to read."""
    places = np.flatnonzero(chosen)
    if places.size and places[-1] - places[0] + 1 == places.size:
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def _masked(product: xr.Dataset, masks: list[xr.Dataset]) -> xr.Dataset:
    """The product with NaN on sea, by its own mask or by one on the same grid."""
    if "lat" not in product.dims:
        return product
    own = [product] if "land_mask" in product else []
    for source in own + masks:
        if all(product[d].size == source[d].size and np.allclose(product[d], source[d], atol=1e-3)
               for d in _BOX):  # fmt: skip
            land = source["land_mask"].values > 0.5
            values = np.where(land, product["twsa"].values, np.float32(np.nan))
            product = product.assign(twsa=(product["twsa"].dims, values))
            break
    return product.drop_vars("land_mask", errors="ignore")


def _without_codes(series: xr.DataArray, path, name: str, known: bool) -> np.ndarray:
    """Values in the unit of the file, float32, with NaN for codes that it does not declare: said
    once, as sea and gaps are what they stand for."""
    values = masked(series).values.astype(np.float32)
    flat = values.reshape(len(values), -1)
    codes = np.zeros(flat.shape, bool) if known else codes_in(flat, _STORAGE.codes)
    codes |= np.isinf(flat)
    if codes.any():
        first = flat[codes][0]
        warnings.warn(
            f"{path}: '{name}' is {first:.7g} in {codes.sum()} of {codes.size} values, first in "
            f"solution {int(np.argmax(codes.any(axis=1))) + 1}, which is taken for a code and left "
            "out: declare it in the file as _FillValue",
            stacklevel=4,
        )
    return np.where(codes, np.float32(np.nan), flat).reshape(values.shape)


def _refuse_beyond(values: np.ndarray, data: xr.Dataset, bounds: dict, path, name: str) -> None:
    """ValueError for a value that no storage has, with its place and the middle of its solution."""
    middle = xr.Dataset(coords=bounds)["time"].values
    space = data["twsa"].dims[1:]

    def place(step: int, *index: int) -> str:
        where = (f"{dim} {data[dim].values[i]}" for dim, i in zip(space, index, strict=True))
        return f"around {str(middle[step])[:10]} at {', '.join(where)}"

    refuse.outside(f"{path}: '{name}'", values, place, _STORAGE)


def _refuse_implausible(values: np.ndarray, path, name, units) -> None:
    if len(values) < 3:
        return  # too few to say how much storage varies
    flat = values.reshape(len(values), -1)
    flat = flat[:, np.isfinite(flat).sum(axis=0) > 2]
    if not flat.size:
        raise ValueError(f"{path}: '{name}' has no values at all where they are wanted")
    spread = float(np.median(np.nanstd(flat, axis=0)))
    assert _STORAGE.spread is not None  # see the table of quantities
    low, high = _STORAGE.spread
    if not low <= spread <= high:
        raise ValueError(
            f"{path}: '{name}' says '{units}', but would vary by {spread:.3g} mm over time at most "
            "places: mend its units"
        )
