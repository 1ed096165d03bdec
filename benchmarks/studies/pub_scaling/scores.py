"""Scores of the finished jobs of `pub-scaling`, pooled over basins, folds and draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks import jobs
from benchmarks.studies.pub_scaling.job import FRACTIONS
from benchmarks.studies.pub_scaling.nearest import NEAREST
from benchmarks.studies.pub_scaling.training import SCORES, VARIANTS

ORDER = [*VARIANTS, NEAREST]
KEYS = ["variant", "fraction", "fold", "draw"]
METRICS = {"kge_2012": "KGE", "nse": "NSE"}


@dataclass(frozen=True)
class Found:
    """scores of the basins held out, of folds that are whole; jobs, what is told of each;
    calibrated, scores at the basins themselves; wet, basins with more flow than rain."""

    runs: Path
    scores: pd.DataFrame
    folds: list[int]
    jobs: pd.DataFrame
    calibrated: pd.DataFrame | None
    wet: list[str]

    @property
    def first(self) -> pd.DataFrame:
        """Scores in the period of the training, as in the paper."""
        return self.scores[self.scores["period"] == "training"]


def collect(runs: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of all jobs below a folder, a row per basin and period, and what is told of each job,
    by variant, fraction, fold and draw."""
    tables, about = [], []
    for folder in jobs.finished(runs, "*/fraction-*/fold-*"):
        variant, fraction, place = folder.parts[-3:]
        _, fold, _, draw = place.split("-")
        name = next(v for v in ORDER if v.replace(" ", "-") == variant)
        values = (name, float(fraction.split("-")[1]), int(fold), int(draw))
        job = dict(zip(KEYS, values, strict=True))
        table = pd.read_csv(folder / "scores.csv", dtype={"gauge": str})
        tables.append(table.assign(**job))
        told = jobs.about(folder)
        about.append(job | {k: told.get(k) for k in ("basins", "steps", "seconds", "loss")})
    if not tables:
        raise SystemExit(f"there is no finished job below {runs}")
    table = pd.DataFrame(about).set_index(KEYS)
    return pd.concat(tables, ignore_index=True)[KEYS + SCORES], table


def finished(scores: pd.DataFrame) -> tuple[pd.DataFrame, list[int]]:
    """The scores of the folds of which every variant has every fraction and draw.

    While no fold is whole, those of the fractions and draws that all variants have.
    """
    found = scores[KEYS].drop_duplicates()
    whole = found.groupby("fold").size() == found["variant"].nunique() * sum(FRACTIONS.values())
    if whole.any():
        folds = sorted(whole.index[whole])
        return scores[scores["fold"].isin(folds)], folds
    common = found.groupby(KEYS[1:])["variant"].nunique() == found["variant"].nunique()
    kept = scores.merge(common[common].index.to_frame(index=False))
    return kept, sorted(kept["fold"].unique())


def of_jobs(scores: pd.DataFrame) -> pd.DataFrame:
    """Medians over the basins of each job and period."""
    groups = scores.groupby([*KEYS, "period"], sort=False)
    return groups[SCORES[2:]].median().join(groups.size().rename("gauges")).reset_index()


def pooled(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Of each fraction and variant: median over the basins of all folds, meaned over the draws,
    and the standard deviation (sd) of the medians of the folds."""
    keys = ["fraction", "variant"]
    draws = scores.groupby([*keys, "draw"])[metric].median()
    folds = scores.groupby([*keys, "fold", "draw"])[metric].median().groupby([*keys, "fold"]).mean()
    return pd.DataFrame({"median": draws.groupby(keys).mean(), "sd": folds.groupby(keys).std()})


def present(scores: pd.DataFrame) -> list[str]:
    return [v for v in ORDER if v in set(scores["variant"])]


def at_most(scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Scores of each variant where it was trained on the largest fraction, a row per basin."""
    some = scores[(scores["fraction"] == scores["fraction"].max()) & (scores["draw"] == 0)]
    return {variant: some[some["variant"] == variant] for variant in present(some)}
