"""Published scores of a recipe beside ours."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gridhydro.config import recipe_baseflow
from gridhydro.config.recipes import BASEFLOW, DISCHARGE, STORAGE, Experiment, Groups, Recipe
from gridhydro.config.score_domain import scores_file
from gridhydro.io.csv_tables import read_table
from gridhydro.io.tables import read_attributes

STORAGE_FILE, TARGETS_FILE = "storage_metrics.csv", "target_metrics.csv"
# (experiment, what is scored) -> model -> its scores
Tables = dict[tuple[str, str], dict[str, pd.DataFrame]]


def read_tables(
    recipe: Recipe, folders: Mapping[tuple[str, str], Path], groups: pd.Series | None
) -> Tables:
    """The scores in the folders of (experiment, model), of all that was published and is there.

    groups  of the gauges by name: a column `group` of the tables
    """
    found: Tables = {}
    for (experiment, model), folder in folders.items():
        (one,) = (m for m in recipe.models if m.name == model)
        wanted = [p.of for p in one.published if p.experiment == experiment]
        for of in dict.fromkeys((DISCHARGE, *wanted)):
            table = _scores(folder, of, recipe.experiment(experiment))
            if table is None:
                continue
            if groups is not None and "gauge" in table:
                table = table.assign(group=table["gauge"].map(groups))
            found.setdefault((experiment, of), {})[model] = table
    return found


def _scores(folder: Path, of: str, experiment: Experiment) -> pd.DataFrame | None:
    """The scores of one model in the period of an experiment; None of what was not observed."""
    if of == BASEFLOW:
        path = folder / recipe_baseflow.FILE
        return read_table(path, dtype={"gauge": str}) if path.exists() else None
    files = {DISCHARGE: scores_file(), STORAGE: STORAGE_FILE}
    path = folder / files.get(of, TARGETS_FILE)
    if not path.exists():
        return None
    table = read_table(path, ("period",), ("nse",), dtype={"gauge": str})
    table = table[table["period"] == experiment.period]
    if of == DISCHARGE:
        table = table[table["days"] >= experiment.days]
    elif of != STORAGE:
        table = table[table["target"] == of]
    return table.reset_index(drop=True) if len(table) else None


def groups_of(groups: Groups | None, data: Path, gauges: Sequence[str]) -> pd.Series | None:
    """The group of each gauge; None, which is said, where the data have no such table."""
    if groups is None:
        return None
    path = data / groups.file
    if not path.exists():
        print(f"warning: there is no {path}: no scores by {groups.column}", file=sys.stderr)
        return None
    table = read_attributes(path, gauges)
    if groups.column not in table:
        raise ValueError(f"{path} has no column '{groups.column}'; it has {', '.join(table)}")
    return table[groups.column].astype(str)


_COLUMNS = (
    "experiment", "group", "model", "of", "metric", "statistic", "published", "here", "difference",
    "count", "undefined",
)  # fmt: skip


def rows(recipe: Recipe, run: Collection[tuple[str, str]], tables: Tables) -> pd.DataFrame:
    """Published scores and ours, a row for each: experiment, group, model, of, metric, statistic,
    published, here, difference, count, undefined; experiment of several, group where there is any.

    run  which (experiment, model) there are
    """
    found = [
        dict(experiment=one.experiment, group=one.group, model=model.name, of=one.of, metric=metric,
             statistic=one.statistic, published=value, **ours)
        for model in recipe.models
        for one in model.published if (one.experiment, model.name) in run
        for metric, value in one.scores.items()
        for ours in [_ours(one, metric, tables.get((one.experiment, one.of), {}).get(model.name))]
    ]  # fmt: skip
    order = {one.name: place for place, one in enumerate(recipe.experiments)}
    found.sort(key=lambda row: (order[row["experiment"]], bool(row["group"])))
    table = pd.DataFrame(found, columns=list(_COLUMNS))
    table["difference"] = table["here"] - table["published"]
    single = {"experiment": len(recipe.experiments) == 1, "group": not (table["group"] != "").any()}
    return table.drop(columns=[name for name, one in single.items() if one])


def _ours(one, metric: str, table: pd.DataFrame | None) -> dict:
    """Our value beside a published one: of how many gauges or tiles, and how many have none."""
    if table is not None and one.group:
        table = table[table["group"] == one.group] if "group" in table else None
    if table is None or not len(table):
        return dict(here=np.nan, count=0, undefined=0)
    if one.of == BASEFLOW:
        here, each = recipe_baseflow.correlation(table), table["simulated"] + table["observed"]
    else:
        here, each = table[metric].median(), table[metric]
    return dict(here=here, count=len(each), undefined=int(each.isna().sum()))
