"""A published study repeated: its models trained one by one, beside what was published."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from gridhydro.base import ranks
from gridhydro.base.arguments import one_of
from gridhydro.base.files import replace
from gridhydro.config.find import find
from gridhydro.config.load import training_options
from gridhydro.config.recipe_baseflow import NAME as BASEFLOW
from gridhydro.config.recipe_baseflow import baseflow_indices, correlation
from gridhydro.config.recipes import RECIPES, Published, Recipe
from gridhydro.config.score_domain import scores_file
from gridhydro.config.train_domain import train_ensemble, train_unless_finished
from gridhydro.evaluation import plot_scores, plots
from gridhydro.evaluation.tables import to_markdown
from gridhydro.io.csv_tables import read_table, write_table
from gridhydro.io.text_files import read_text


def reproduce(
    name: str,
    data: str | Path | None,
    out: str | Path,
    *,
    domain: str | Path | None = None,
    models: Sequence[str] | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Train the models of a recipe, each in a folder of its own below `out`, and set their median
    scores in the validation period beside the published ones.

    Finished models are not trained again; processes of torchrun train with one each.
    domain   a domain file in place of the packaged one; what it says otherwise is listed
    models   configurations of some of the models; all if left out
    seeds    runs of each model, whose mean discharge is scored; one, of the `seed`, if left out
    epochs   in place of those of the recipe; options as for `train_domain`
    Returns, and writes to table.csv and with all settings to table.md, a row per model and score:
    model, metric, statistic, published, here, difference, count, undefined. metrics.csv has the
    scores of every gauge and model, and figures their distribution.
    ValueError for a recipe or a model that there is not, and for a domain file without validation.
    """
    one_of("the recipe", name, RECIPES)
    recipe, out = RECIPES[name], Path(out)
    chosen = _chosen(recipe, models)
    source = find(recipe.domain if domain is None else domain)
    other = _others(source, find(recipe.domain), chosen, epochs)
    if seeds is not None:
        other.append(f"seeds: the mean discharge of {seeds} runs instead of one")
    for one in ranks.own(chosen):
        place, more = out / slug(one.configuration), options | {"epochs": epochs}
        changes = {"configuration": one.configuration}
        if options.get("progress", True):
            print(f"{one.name}: {place.name}", file=sys.stderr)
        with ranks.alone():
            if seeds is None:
                train_unless_finished(source, data, place, seed=seed, changes=changes, **more)
            else:
                train_ensemble(source, data, place, seeds, changes=changes, **more)
            if one.baseflow is not None:
                baseflow_indices(place, data)
    ranks.wait()
    if not ranks.leads():
        return pd.DataFrame()
    with ranks.alone():
        tables = {one.name: _scores(out / slug(one.configuration)) for one in chosen}
        rows = [row for one in chosen for row in _rows(one, tables[one.name], out, data)]
        return _written(out, name, pd.DataFrame(rows), tables, other)


def slug(configuration: str) -> str:
    """The name of a configuration as that of a folder."""
    return re.sub(r"[^A-Za-z0-9]+", "-", configuration).strip("-").lower()


def _chosen(recipe: Recipe, models: Sequence[str] | None) -> list[Published]:
    """The models that are asked for, in the order of the recipe."""
    known = [one.configuration for one in recipe.models]
    for wanted in models or ():
        one_of("the model", wanted, known)
    return [one for one in recipe.models if models is None or one.configuration in models]


def _others(source: Path, packaged: Path, chosen, epochs: int | None) -> list[str]:
    """What is run otherwise than the recipe says, in words."""
    asked = [training_options(source, {"configuration": one.configuration}) for one in chosen]
    if asked[0].validation is None:
        raise ValueError(f"{source}, [training] has no validation: it is the period that is scored")
    told = []
    mine, theirs = (tomllib.loads(read_text(path)) for path in (source, packaged))
    for section in dict.fromkeys((*theirs, *mine)):
        before, now = (
            one if isinstance(one, dict) else {"all of it": one}
            for one in (theirs.get(section, {}), mine.get(section, {}))
        )
        for key in dict.fromkeys((*before, *now)):
            if before.get(key) != now.get(key) and (section, key) != ("model", "configuration"):
                was, new = (str(one.get(key, "not given")) for one in (before, now))
                told.append(f"[{section}] {key}: {new} instead of {was}")
    if epochs is not None:
        usual = " and ".join(map(str, sorted({options.epochs for options in asked})))
        told.append(f"epochs: {epochs} instead of {usual}")
    return told


def _scores(folder: Path) -> pd.DataFrame:
    """The scores of a model in the validation period."""
    path = folder / scores_file()
    table = read_table(path, ("gauge", "period"), ("nse",), dtype={"gauge": str})
    return table[table["period"] == "validation"]


def _rows(one: Published, scores: pd.DataFrame, out: Path, data) -> list[dict]:
    """The rows of a model in the table."""
    found = [
        ("median", metric, value, scores[metric].median(), scores[metric])
        for metric, value in one.medians.items()
    ]
    if one.baseflow is not None:
        table = baseflow_indices(out / slug(one.configuration), data)
        both = table["simulated"] + table["observed"]
        found.append(("correlation", BASEFLOW, one.baseflow, correlation(table), both))
    return [
        dict(
            model=one.name, metric=metric, statistic=statistic, published=value, here=here,
            difference=here - value, count=len(each), undefined=int(each.isna().sum()),
        )
        for statistic, metric, value, here, each in found
    ]  # fmt: skip


def _written(
    out: Path, name: str, table: pd.DataFrame, tables: Mapping[str, pd.DataFrame], other
) -> pd.DataFrame:
    """The table of a recipe, on disk with its settings, scores and figure."""
    write_table(out / "table.csv", table)
    every = [scores.assign(model=model) for model, scores in tables.items()]
    write_table(out / scores_file(), pd.concat(every, ignore_index=True))
    page = _page(name, RECIPES[name], table, other)
    replace(out / "table.md", partial(Path.write_text, data=page, encoding="utf-8"))
    medians = table[(table["statistic"] == "median") & table["here"].notna()]
    for metric in dict.fromkeys(medians["metric"]):
        plots.save(plot_scores.cdf(tables, metric), out / "figures" / f"{metric}.png")
    return table


def _page(name: str, recipe: Recipe, table: pd.DataFrame, other: Sequence[str]) -> str:
    """Table, deviations and settings as Markdown."""
    parts = [
        f"# {name}: {recipe.about}",
        f"Published: {recipe.source}, {recipe.table}. Medians and correlations over the "
        "gauges; those `undefined` have no such score and are passed over.",
    ]
    count = int(table["count"].max())
    if count != recipe.gauges:
        parts.append(
            f"**Of {count} gauges, not the {recipe.gauges} of the paper: the columns do not "
            "compare.**"
        )
    parts.append(to_markdown(table))
    if other:
        lines = "\n".join(f"- {one}" for one in other)
        parts.append(f"## Run otherwise than the recipe\n\n{lines}")
    settings = pd.DataFrame(
        [dict(setting=s.what, paper=s.paper, here=s.here, why=s.why) for s in recipe.settings]
    )
    parts += ["## Settings", to_markdown(settings)]
    if recipe.left_out:
        lines = "\n".join(f"- {one}" for one in recipe.left_out)
        parts.append(f"## Not repeated\n\n{lines}")
    return "\n\n".join(parts) + "\n"
