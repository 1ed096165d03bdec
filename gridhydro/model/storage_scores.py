"""Storage anomalies of a run beside those observed, and how well they fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.base import files
from gridhydro.base.periods import days
from gridhydro.evaluation import metrics, plot_storage, plots
from gridhydro.io import export
from gridhydro.observations.storage import DAY, StorageObservations

SCORES = ("nse", "correlation", "rmse")


@torch.no_grad()
def anomalies(run, observations: StorageObservations, forcing=None) -> xr.Dataset:
    """See `Run.storage`."""
    model, tiles = run.model, observations.tiles
    tiles.check(model.domain)
    record = run._forcing(forcing)
    windows = observations.windows(record.times)
    _, simulation = run._simulation(record, (), windows.averages.to(model.area.device))
    pairs = {
        "modelled": observations.anomalies(simulation.storage.cpu().double(), windows),
        "observed": observations.observed(windows),
    }
    kept = windows.covered.numpy()
    start, end = (v[kept].astype("datetime64[ns]") for v in (observations.start, observations.end))
    coords = {
        "solution": (
            "solution",
            (start + (end - start) / 2).astype("datetime64[D]").astype(start.dtype),
        ),
        "time_start": ("solution", start, {"long_name": "first day of the solution"}),
        "time_end": ("solution", end, {"long_name": "first day after the solution"}),
        "tile": ("tile", tiles.names),
        "share": ("tile", tiles.share, {"long_name": "share inside the domain", "units": "1"}),
    }
    for place, edge in enumerate(("west", "south", "east", "north")):
        attrs = {"long_name": f"{edge}ern edge of the tile", "units": "degree"}
        coords[edge] = ("tile", tiles.bounds[:, place], attrs)
    found = {
        name: (
            ("solution", "tile"),
            values.numpy()[kept],
            {"units": "mm", "long_name": f"{name} anomaly of the water stored"},
        )
        for name, values in pairs.items()
    }
    attrs = {"baseline": " to ".join(observations.baseline)}
    return xr.Dataset(found, coords, attrs)


def scores(pairs: xr.Dataset, period: tuple[str, str], name: str = "") -> pd.DataFrame:
    """Columns site (the tile), period, nse, correlation, rmse (mm), solutions; one row per tile.

    pairs  of `anomalies`; the solutions that lie wholly in the period count. ValueError without any
    """
    first, last = days(period)
    inside = within(pairs, period)
    if not inside.any():
        start, end = _days(pairs)
        raise ValueError(
            f"no solution of the observed storage lies from {first} to {last}: they go from "
            f"{start.min()} to {end.max() - DAY}"
        )
    rows = []
    for tile in pairs["tile"].values:
        part = pairs.isel(solution=inside).sel(tile=tile)
        there = np.isfinite(part["observed"].values)
        modelled, observed = (part[n].values[there] for n in ("modelled", "observed"))
        found = {s: getattr(metrics, s)(modelled, observed) for s in SCORES}
        label = name or f"{first} to {last}"
        rows.append({"site": str(tile), "period": label, **found, "solutions": int(there.sum())})
    return pd.DataFrame(rows)


def within(pairs: xr.Dataset, period: tuple[str, str]) -> np.ndarray:
    """Which of the solutions lie wholly in a period, (S,)."""
    first, last = (np.datetime64(day) for day in days(period))
    start, end = _days(pairs)
    return (start >= first) & (end <= last + DAY)


def _days(pairs: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The first day of each solution, and the first after it."""
    return tuple(pairs[n].values.astype("datetime64[D]") for n in ("time_start", "time_end"))


def mean_of(pairs: Sequence[xr.Dataset]) -> xr.Dataset:
    """The mean of several runs' anomalies, beside the same observations."""
    modelled = sum(one["modelled"] for one in pairs) / len(pairs)
    return pairs[0].assign(modelled=modelled.assign_attrs(pairs[0]["modelled"].attrs))


def write(folder: str | Path, pairs: xr.Dataset, tables: pd.DataFrame) -> None:
    """storage.nc, storage_metrics.csv, and figures: a map of the tiles' NSE, series of some."""
    folder = Path(folder)
    file = pairs.rename(solution="time")
    export.write_dataset(folder / "storage.nc", file, "anomalies of water storage on tiles")
    path = folder / "storage_metrics.csv"
    files.replace(path, lambda p: tables.to_csv(p, index=False))
    last = tables[tables["period"] == tables["period"].iloc[-1]]
    if np.isfinite(pairs["west"].values).all():
        figure = plot_storage.tile_map(pairs, last)
        plots.save(figure, folder / "figures" / "storage_map.png")
    figure = plot_storage.tile_series(pairs, tables)
    plots.save(figure, folder / "figures" / "storage.png")
