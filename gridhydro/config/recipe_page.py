"""What comes of a recipe, on disk: its table, paired tests, figures, and all settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from gridhydro.base.files import replace
from gridhydro.config.recipe_table import Tables
from gridhydro.config.recipes import DISCHARGE, Recipe, slug
from gridhydro.config.score_domain import scores_file
from gridhydro.evaluation import plot_boxes, plot_scores, plots
from gridhydro.evaluation.paired import paired_tests
from gridhydro.evaluation.plot_boxes import BOXES
from gridhydro.evaluation.tables import to_markdown
from gridhydro.io.csv_tables import write_table

TESTS = "tests.csv"


def write(out: Path, name: str, recipe: Recipe, table: pd.DataFrame, tables: Tables, other) -> None:
    """The tables of a recipe, with figures and settings."""
    write_table(out / "table.csv", table)
    every = [
        scores.assign(experiment=experiment, model=model)
        for (experiment, of), of_models in tables.items() if of == DISCHARGE
        for model, scores in of_models.items()
    ]  # fmt: skip
    if every:
        write_table(out / scores_file(), pd.concat(every, ignore_index=True))
    tests = pd.concat(list(_tests(recipe, tables)) or [pd.DataFrame()], ignore_index=True)
    if len(tests):
        write_table(out / TESTS, tests)
    page = _page(name, recipe, table, tables, tests, other)
    replace(out / "table.md", partial(Path.write_text, data=page, encoding="utf-8"))
    _draw(out / "figures", recipe, tables)


def _tests(recipe: Recipe, tables: Tables) -> Iterator[pd.DataFrame]:
    """Paired tests of all models in each experiment."""
    for (experiment, of), found in tables.items():
        if of == DISCHARGE and len(found) > 1:
            table = paired_tests(found, _metrics(recipe))
            table.insert(0, "experiment", experiment)
            yield table


def _metrics(recipe: Recipe) -> list[str]:
    """The scores of discharge that were published, by which models are compared."""
    each = [p.scores for m in recipe.models for p in m.published if p.of == DISCHARGE]
    return list(dict.fromkeys(metric for scores in each for metric in scores))


def _draw(folder: Path, recipe: Recipe, tables: Tables) -> None:
    """Distributions of the scores of discharge as curves and boxes, by group as boxes."""
    for (experiment, of), found in tables.items():
        if of != DISCHARGE:
            continue
        place = folder if len(recipe.experiments) == 1 else folder / slug(experiment)
        for metric in _metrics(recipe):
            if any(scores[metric].notna().any() for scores in found.values()):
                plots.save(plot_scores.cdf(found, metric), place / f"{metric}.png")
        if any(scores[list(BOXES)].notna().any(axis=None) for scores in found.values()):
            plots.save(plot_boxes.boxes(found, BOXES), place / "boxes.png")
        if recipe.groups is not None and all("group" in scores for scores in found.values()):
            figure = plot_boxes.boxes_by(found, "group", "kge", recipe.groups.column)
            plots.save(figure, place / "groups.png")


def _page(
    name: str,
    recipe: Recipe,
    table: pd.DataFrame,
    tables: Tables,
    tests: pd.DataFrame,
    other: Sequence[str],
) -> str:
    """Table, paired tests, deviations and settings as Markdown."""
    parts = [
        f"# {name}: {recipe.about}",
        f"Published: {recipe.source}, {recipe.table}. Medians and correlations over the "
        "gauges; those `undefined` have no such score and are passed over.",
        *_fewer(recipe, table),
        *_units(tables),
        to_markdown(table),
    ]
    lacking = table[table["count"] == 0]
    if len(lacking):
        lacking = lacking.assign(group=lacking.get("group", ""))
        what = sorted(set(lacking["of"].where(lacking["group"] == "", "scores by group")))
        parts.append(
            f"Not observed here, and n/a: {', '.join(what)} (`count` 0). Observations of other "
            "outputs are [[targets]] of the domain file."
        )
    if len(tests):
        parts += ["## Paired tests", _explained(), to_markdown(tests, 4)]
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


def _fewer(recipe: Recipe, table: pd.DataFrame) -> list[str]:
    """What is said where other gauges are scored than in the paper."""
    table = table[table["of"] == DISCHARGE]
    found = []
    for one in recipe.experiments:
        part = table[table["experiment"] == one.name] if "experiment" in table else table
        whole = part[part["group"] == ""] if "group" in part else part
        count = int(whole["count"].max()) if len(whole) else 0
        published = recipe.gauges if one.gauges is None else one.gauges
        if count and count != published and published:
            which = f"{one.name}: of" if len(recipe.experiments) > 1 else "Of"
            found.append(
                f"**{which} {count} gauges, not the {published} of the paper: the columns do not "
                "compare.**"
            )
    return found


def _units(tables: Tables) -> list[str]:
    """In what unit the errors of discharge are."""
    units = {
        unit for (_, of), found in tables.items() if of == DISCHARGE
        for scores in found.values() for unit in scores["unit"]
    }  # fmt: skip
    told = ", ".join(sorted(units)) or "no unit, for there are none"
    return [f"Errors of discharge (rmse) are in {told}, flv and fhv in percent."]


def _explained() -> str:
    return (
        "Wilcoxon's signed-rank test over the gauges: the probability of such differences if "
        "neither model scored higher, `p_higher` for `model` scoring higher than `other`."
    )
