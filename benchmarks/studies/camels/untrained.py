"""What no variant of `camels` was trained on, against what is known of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.studies.camels.scores import Found
from benchmarks.studies.camels.study import PERIODS, VARIANTS
from gridhydro.analysis import untrained_variables
from gridhydro.config.load import Setup
from gridhydro.evaluation.baseflow import baseflow_index
from gridhydro.evaluation.tables import to_markdown

MEANS = dict(dtype={"gauge": str}, index_col="gauge")


def known(setup: Setup, period: tuple[str, str]) -> tuple[pd.Series, pd.Series]:
    """Of each basin: baseflow index of the observed discharge (1), and rain minus flow, where it
    is above zero, an estimate of mean evapotranspiration (mm d-1)."""
    days = slice(*period)
    q = setup.discharge.sel(time=days).to_pandas()
    p = setup.forcing["precipitation"].sel(time=days).to_pandas()
    lost = p.where(q.notna()).mean() - q.mean()
    return baseflow_index(q), lost[lost > 0]


def against_known(means: pd.DataFrame, index: pd.Series, lost: pd.Series) -> dict[str, float]:
    """Mean flows of each basin (mm d-1) against its baseflow index and what is lost."""
    flow = untrained_variables.spatial(means["routed_baseflow"] / means["runoff"], index)
    taken = untrained_variables.spatial(means["actual_evapotranspiration"], lost)
    return {
        "BFI correlation": flow["correlation"], "BFI rmse": flow["rmse"],
        "ET correlation": taken["correlation"], "ET error mm d-1": taken["bias"],
    }  # fmt: skip


def baseflow_fraction(found: Found, variant: str) -> tuple[pd.Series, pd.Series] | None:
    """Modelled and observed, by basin, of a variant's first seed."""
    means = found.first(variant, "untrained.csv", **MEANS)
    if means is None:
        return None
    index, _ = known(found.setup, PERIODS["test"])
    return means["routed_baseflow"] / means["runoff"], index


def nobody_trained_on(found: Found) -> str:
    """Baseflow index, evapotranspiration and storage of each variant's first seed."""
    index, lost = known(found.setup, PERIODS["test"])
    file, rows = found.data / "camels_us_400" / "grace_twsa.nc", {}
    grace = untrained_variables.read_storage(file) if file.exists() else None
    for variant in VARIANTS:
        means = found.first(variant, "untrained.csv", **MEANS)
        if means is None:
            continue
        rows[variant] = against_known(means, index, lost)
        if grace is not None:
            rows[variant]["TWSA correlation"] = storage(found, variant, grace)
    return to_markdown(pd.DataFrame(rows).T.rename_axis("model")) if rows else ""


def storage(found: Found, variant: str, grace: xr.DataArray) -> float:
    """Median over the basins of the correlation of monthly total storage with GRACE."""
    file = found.folders("temporal", variant)[0] / "storage.nc"
    if not file.exists():
        return np.nan
    with xr.open_dataset(file) as opened:
        simulated = opened["total_storage"].load().to_pandas()
    monthly = grace.to_pandas().groupby(lambda day: day.to_period("M").to_timestamp()).mean()
    months = simulated.index.intersection(monthly.index)
    gauges = [g for g in monthly if g in simulated]
    return float(simulated.loc[months, gauges].corrwith(monthly.loc[months, gauges]).median())
