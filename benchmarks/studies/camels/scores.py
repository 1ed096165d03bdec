"""Scores of the finished jobs of `camels`, by study, variant and period."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import xarray as xr

from benchmarks import jobs
from benchmarks.studies.camels.study import PERIODS, VARIANTS
from gridhydro.base.units import depth_of_flow
from gridhydro.config.load import Setup
from gridhydro.evaluation import metrics
from gridhydro.evaluation.tables import compare, to_markdown

METRICS = ("nse", "kge", "correlation", "percent_bias", "fhv", "flv", "rmse_low", "rmse_high")


@dataclass(frozen=True)
class Found:
    """The folder of the runs, and what their domain file says."""

    runs: Path
    data: Path
    setup: Setup

    def folders(self, study: str, variant: str) -> list[Path]:
        """Finished jobs of a variant."""
        return jobs.finished(self.runs / study / variant.replace(" ", "-"), "seed-*")

    def first(self, variant: str, file: str, **options) -> pd.DataFrame | None:
        """A CSV of the first seed of the temporal study; None where there is none."""
        for folder in self.folders("temporal", variant)[:1]:
            if (folder / file).exists():
                return pd.read_csv(folder / file, **options)
        return None

    @cached_property
    def temporal(self) -> dict[str, pd.DataFrame]:
        """Model -> scores of the test period: each seed, and the mean discharge of several."""
        tables = {}
        for variant in VARIANTS:
            found = self.folders("temporal", variant)
            for folder in found:
                name = variant if folder.name == "seed-0" else f"{variant}, {folder.name}"
                tables[name] = scores(folder, "test")
            if len(found) > 1:
                tables[f"{variant}, mean of {len(found)} seeds"] = self.mean_of_seeds(found)
        return tables

    def mean_of_seeds(self, found: list[Path]) -> pd.DataFrame:
        """Scores of the mean discharge of several runs, as those of one."""
        parts = []
        for folder in found:
            with xr.open_dataset(folder / "discharge.nc") as file:
                parts.append(file["discharge"].transpose("time", "gauge").load().to_pandas())
        depth = depth_of_flow(self.setup.domain.gauges["network_area_km2"])
        simulated = sum(parts) / len(parts) * depth
        observed = self.setup.discharge.to_pandas().reindex(simulated.index)
        return metrics.table(simulated, observed[list(simulated)], "test")

    def by_variant(self, study: str) -> dict[str, dict[str, Path]]:
        """Variant -> name -> folder of its finished jobs, of variants that have any."""
        found = {v: {f.name: f for f in self.folders(study, v)} for v in VARIANTS}
        return {variant: named for variant, named in found.items() if named}

    def common(self, study: str) -> tuple[list[str], dict[str, int]]:
        """Jobs (seed and fold) that all variants have finished, and the epochs of each variant."""
        found = self.by_variant(study)
        names = sorted(set.intersection(*(set(named) for named in found.values()))) if found else []
        epochs = {v: jobs.about(named[names[0]])["epochs"] for v, named in found.items() if names}
        return names, epochs

    def held_out(self, study: str, period: str) -> dict[str, pd.DataFrame]:
        """Variant -> scores of the basins held out of the jobs that all variants have finished."""
        names, _ = self.common(study)
        tables = {
            variant: pd.concat([scores(named[name], period) for name in names])
            for variant, named in self.by_variant(study).items()
        }
        return {v: t[t["gauge_use"] == "held out"] for v, t in tables.items()}


def scores(folder: Path, period: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"scores-{period}.csv", dtype={"gauge": str})


def medians(tables: dict[str, pd.DataFrame], without: list[str] | None = None) -> str:
    return to_markdown(compare(tables, METRICS, without))


def more_flow_than_rain(setup: Setup, period: tuple[str, str] = PERIODS["test"]) -> list[str]:
    """Basins with more discharge than precipitation over a period: an error of the data."""
    days = slice(*period)
    q, p = setup.discharge.sel(time=days), setup.forcing["precipitation"].sel(time=days)
    excess = q.mean("time") > p.where(q.notnull()).mean("time")
    return [str(g) for g in excess["gauge"].values[excess.values]]
