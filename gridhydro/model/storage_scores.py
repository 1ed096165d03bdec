"""Storage anomalies of a run beside those observed, and how well they fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.arguments import required
from gridhydro.base.periods import days
from gridhydro.evaluation import metrics, plot_storage, plots
from gridhydro.io import export
from gridhydro.io.csv_tables import write_table
from gridhydro.observations.storage import DAY, StorageObservations

SCORES = ("nse", "correlation", "rmse")


def anomalies(run, observations: StorageObservations, forcing=None) -> xr.Dataset:
    """See `Run.storage`."""
    model, tiles = run.model, observations.tiles
    tiles.check(model.domain)
    record = run.record(forcing)
    windows = observations.windows(record.times)
    given = None if forcing is None else record
    simulation = run.simulation((), windows.averages, given)
    storage = required("storage", simulation.storage)
    pairs = {
        "modelled": observations.anomalies(storage.double(), windows),
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
        "fraction": (
            "tile",
            tiles.fraction,
            {"long_name": "fraction of the tile inside the domain", "units": "1"},
        ),
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
    """Columns tile, period, nse, correlation, rmse (mm), solutions; one row per tile.

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
        rows.append({"tile": str(tile), "period": label, **found, "solutions": int(there.sum())})
    return pd.DataFrame(rows)


def within(pairs: xr.Dataset, period: tuple[str, str]) -> np.ndarray:
    """Which of the solutions lie wholly in a period, (S,)."""
    first, last = (np.datetime64(day) for day in days(period))
    start, end = _days(pairs)
    return (start >= first) & (end <= last + DAY)


def _days(pairs: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The first day of each solution, and the first after it."""
    start, end = (pairs[n].values.astype("datetime64[D]") for n in ("time_start", "time_end"))
    return start, end


def write(folder: str | Path, pairs: xr.Dataset, tables: pd.DataFrame) -> None:
    """storage.nc, storage_metrics.csv, and figures: a map of the tiles' NSE, series of some."""
    folder = Path(folder)
    file = pairs.rename(solution="time")
    export.write_dataset(folder / "storage.nc", file, "anomalies of water storage on tiles")
    write_table(folder / "storage_metrics.csv", tables)
    last = tables[tables["period"] == tables["period"].iloc[-1]]
    if np.isfinite(pairs["west"].values).all():
        figure = plot_storage.tile_map(pairs, last)
        plots.save(figure, folder / "figures" / "storage_map.png")
    figures = folder / "figures"
    plots.save(plot_storage.tile_series(pairs, tables), figures / "storage.png")
    plots.save(plot_storage.seasons(pairs, tables), figures / "storage_seasons.png")
