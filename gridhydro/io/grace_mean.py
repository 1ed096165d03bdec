"""Several GRACE products made one: their mean, solution by solution."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base import periods
from gridhydro.base.calendar import DAY
from gridhydro.domain.grid import find, nearest, spacing
from gridhydro.io.grace_times import coordinates

# solutions of two products whose middles are so near are of the same month: those of one product
# are 15 days apart or more
_SAME = 8 * DAY


def mean_of_products(products: list[xr.Dataset], baseline: tuple[str, str]) -> xr.Dataset:
    """The mean of products as `read_grace` gives them, on the coarsest of their grids.

    Every product is first put relative to its mean over the solutions of the baseline that all
    have, place by place. Where one lacks a solution, or a value, the mean is that of the others.
    Days are those of the products on average. ValueError if products are not of one kind, or have
    no solution of the baseline in common.
    """
    target = _coarsest(products)
    groups = _matched([p["time"].values for p in products])
    values = [_onto(p, target)["twsa"].values for p in products]
    first, last = (np.datetime64(day) for day in periods.days(baseline, "baseline"))
    middle = _mean_time([p["time"].values for p in products], groups)
    common = (groups >= 0).all(axis=1) & (middle >= first) & (middle < last + DAY)
    if not common.any():
        raise ValueError(
            f"the products have no solution in common within the baseline from {first} to {last}: "
            "choose another baseline"
        )
    total = np.zeros((len(groups), *values[0].shape[1:]), np.float32)
    count = np.zeros(total.shape, np.int8)
    means = _baseline_means([own[at] for own, at in zip(values, groups[common].T, strict=True)])
    for place, own, mean in zip(groups.T, values, means, strict=True):
        for row, found in enumerate(place):
            if found >= 0:
                there = np.isfinite(own[found])
                total[row] += np.where(there, own[found] - mean, 0)
                count[row] += there
    total = np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))
    days = [
        (_mean_time([p[name].values for p in products], groups) + DAY / 2).astype("datetime64[D]")
        for name in ("time_start", "time_end")
    ]
    dims = target["twsa"].dims
    coords = {d: target[d] for d in dims[1:]} | coordinates(*days)
    return xr.Dataset({"twsa": (dims, total)}, coords, {"baseline": f"{first} to {last}"})


def _baseline_means(values: list[np.ndarray]) -> list[np.ndarray]:
    """Each product's mean (...) over the solutions (B, ...) for which all have a value there; over
    its own where they have none in common, as on coasts."""
    shared = np.logical_and.reduce([np.isfinite(own) for own in values])
    means = []
    for own in values:
        there = np.where(shared.any(axis=0), shared, np.isfinite(own))
        count = there.sum(axis=0)
        means.append(np.where(there, own, 0).sum(axis=0) / np.maximum(count, 1))
    return means


def _coarsest(products) -> xr.Dataset:
    kinds = {p["twsa"].dims for p in products}
    if len(kinds) > 1:
        raise ValueError(f"some products are rasters and some series at gauges: {kinds}")
    if "lat" not in products[0].dims:
        return products[0]
    return max(products, key=lambda p: abs(spacing(p["lat"].values)))


def _onto(product: xr.Dataset, target: xr.Dataset) -> xr.Dataset:
    """The product at the gauges, or as means over the cells, of the target."""
    if "gauge" in product.dims:
        lacking = sorted(set(target["gauge"].values) ^ set(product["gauge"].values))
        if lacking:
            raise ValueError(f"not all products have the gauge {lacking[0]}")
        return product.sel(gauge=target["gauge"].values)
    if all(product[d].size == target[d].size and np.allclose(product[d], target[d])
           for d in ("lat", "lon")):  # fmt: skip
        return product
    lat, lon = target["lat"].values, target["lon"].values
    row = nearest(find(lat, product["lat"].values), lat.size)
    col = nearest(find(lon, product["lon"].values, 360.0), lon.size)
    cell = np.where((row[:, None] >= 0) & (col >= 0), row[:, None] * lon.size + col, -1).ravel()
    out = np.full((product.sizes["time"], lat.size * lon.size), np.nan, np.float32)
    for step, layer in enumerate(product["twsa"].values.reshape(len(out), -1)):
        there = (cell >= 0) & np.isfinite(layer)
        count = np.bincount(cell[there], minlength=out.shape[1])
        total = np.bincount(cell[there], layer[there], minlength=out.shape[1])
        out[step] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    coords = {"time": product["time"], "lat": lat, "lon": lon}
    values = out.reshape(-1, lat.size, lon.size)
    return xr.Dataset({"twsa": (("time", "lat", "lon"), values)}, coords)


def _matched(times: list[np.ndarray]) -> np.ndarray:
    """(M, P) the solution of each product in each month of the mean, -1 where it lacks one."""
    every = sorted((t, p, i) for p, own in enumerate(times) for i, t in enumerate(own))
    groups: list[list[int]] = []
    begun = None
    for time, product, place in every:
        if begun is None or time - begun > _SAME or groups[-1][product] >= 0:
            groups.append([-1] * len(times))
            begun = time
        groups[-1][product] = place
    return np.array(groups)


def _mean_time(times: list[np.ndarray], groups: np.ndarray) -> np.ndarray:
    """(M,) the mean of the times of the solutions that are matched."""
    ns = [own.astype("datetime64[ns]").astype(np.int64) for own in times]
    picked = np.stack([own[place] for own, place in zip(ns, groups.T, strict=True)], axis=1)
    there = groups >= 0
    # from a base: 64 bits hold one time in nanoseconds, not the sum of several
    base = picked.min(axis=1)
    mean = base + (np.where(there, picked - base[:, None], 0).sum(1) / there.sum(1)).astype(int)
    return mean.astype("datetime64[ns]")
