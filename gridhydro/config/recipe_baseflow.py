"""The baseflow index of a recipe's model, beside that of the observed discharge in CAMELS."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from gridhydro.base.arguments import required
from gridhydro.base.files import newer
from gridhydro.config.load import Setup
from gridhydro.config.score_domain import load_run
from gridhydro.evaluation.baseflow import flow_fraction
from gridhydro.io.csv_tables import read_table, write_table
from gridhydro.io.tables import read_attributes
from gridhydro.io.text_files import read_text
from gridhydro.model.ensemble import seeds as seeds_of

FILE, NAME = "baseflow_index.csv", "baseflow_index"
_HYDRO = "camels_hydro.txt"


def baseflow_indices(folder: Path, data: str | Path | None) -> pd.DataFrame:
    """`simulated` Q2/Q over the validation period of a finished model, and the `observed` index of
    CAMELS (Ladson et al. 2013, of discharge over 1989-10 to 2009-09), a row per gauge; no unit.

    Written to baseflow_index.csv of the folder, and read from it while the model is the same. The
    observed ones are NaN, which is said, where the data have no camels_hydro.txt.
    """
    path = folder / FILE
    members = seeds_of(folder) or [folder]
    if newer(path, *(one / "run.json" for one in members)):
        return read_table(path, ("gauge",), ("simulated",), dtype={"gauge": str})
    run, setup = load_run(folder, data)
    with torch.no_grad():
        found = run.simulation(("baseflow", "runoff")).outputs
    days = run.record().between(*required("validation", setup.training.validation))
    part, whole = (found[name][days].numpy() for name in ("baseflow", "runoff"))
    gauges = [str(name) for name in setup.domain.gauges.index]
    table = pd.DataFrame({"gauge": gauges, "simulated": flow_fraction(part, whole)})
    table["observed"] = _observed(setup, gauges)
    write_table(path, table)
    return table


def correlation(table: pd.DataFrame) -> float:
    """Spatial correlation of both indices; NaN of fewer than two gauges with both."""
    both = table[["simulated", "observed"]].dropna()
    if len(both) < 2 or (both.std() == 0).any():
        return np.nan
    return float(np.corrcoef(both["simulated"], both["observed"])[0, 1])


def _observed(setup: Setup, gauges: list[str]) -> np.ndarray:
    """The index of CAMELS at these gauges, NaN without its table."""
    options = tomllib.loads(read_text(setup.source))["basins"]
    place = setup.data / options["path"]
    found = [*sorted(place.rglob(_HYDRO)), *sorted(place.parent.glob(f"*/{_HYDRO}"))]
    if not found:
        print(f"warning: {place} has no {_HYDRO}: no observed {NAME}", file=sys.stderr)
        return np.full(len(gauges), np.nan)
    return read_attributes(found[0], gauges, ";")[NAME].to_numpy(float)
