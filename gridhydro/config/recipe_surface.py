"""Surfaces of KGE over two parameters, of a recipe's model at some of its basins."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from gridhydro.analysis import surface
from gridhydro.base.arguments import required
from gridhydro.base.files import newer
from gridhydro.config.recipes import Surface
from gridhydro.config.score_domain import load_one, scores_file
from gridhydro.evaluation import plots
from gridhydro.io import export
from gridhydro.io.csv_tables import read_table
from gridhydro.model.ensemble import seeds as seeds_of
from gridhydro.model.model import Model

FILE = "kge_surface.nc"


def surfaces(folder: Path, data: str | Path | None, wanted: Surface) -> xr.Dataset | None:
    """KGE in the validation period over two parameters, a variable for each of some basins: half of
    them those with the highest KGE, half those with the lowest above 0.

    Written to kge_surface.nc and figures/kge_surface.png of the folder of a finished model, of
    several seeds of the first, and read from it while the model is the same. None where the model
    has no such parameters.
    """
    one = (seeds_of(folder) or [folder])[0]
    path = folder / FILE
    if newer(path, one / "run.json"):
        return xr.load_dataset(path)
    run, setup = load_one(one, data)
    known = {field.name for field in run.model.network.learned} if _columned(run) else set()
    if not set(wanted.parameters) <= known:
        return None
    table = read_table(one / scores_file(), ("gauge", "period"), ("kge",), dtype={"gauge": str})
    gauges = chosen(table[table["period"] == "validation"], wanted.gauges)
    period = required("validation", setup.training.validation)
    found = [
        surface.kge_surface(run, setup.discharge, gauge, period, wanted.parameters, wanted.values)
        for gauge in gauges
    ]
    if not found:
        return None
    # each basin has axes of its own
    kept = xr.Dataset({f"kge_{k}": _own_axes(one, k) for k, one in enumerate(found)})
    export.write_dataset(path, kept, "KGE over two parameters")
    plots.save(surface.figure(found), folder / "figures" / "kge_surface.png")
    return kept


def chosen(scores: pd.DataFrame, count: int) -> list[str]:
    """Gauges with the highest KGE, and as many with the lowest above 0, the best first."""
    ordered = scores[scores["kge"] > 0].sort_values("kge", ascending=False)["gauge"].tolist()
    few = min(count, len(ordered))
    return ordered[: -(-few // 2)] + ordered[len(ordered) - few // 2 :]


def _own_axes(found: xr.DataArray, number: int) -> xr.DataArray:
    return found.rename({name: f"{name}_{number}" for name in found.dims})


def _columned(run) -> bool:
    return isinstance(run.model, Model) and run.model.domain.lumped
