"""A published study repeated: its models trained one by one, beside what was published."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gridhydro.base import ranks
from gridhydro.base.arguments import one_of
from gridhydro.base.files import newer
from gridhydro.base.progress import say
from gridhydro.config.analyse_domain import analyse_run, grace_of
from gridhydro.config.cross_validate import cross_validate
from gridhydro.config.find import data_folder, find
from gridhydro.config.load import training_options
from gridhydro.config.recipe_baseflow import baseflow_indices
from gridhydro.config.recipe_page import write
from gridhydro.config.recipe_surface import surfaces
from gridhydro.config.recipe_table import groups_of, read_tables, rows
from gridhydro.config.recipes import BASEFLOW, Experiment, Recipe, RecipeModel, recipe, slug
from gridhydro.config.score_domain import load_one, scores_file
from gridhydro.config.train_domain import train_ensemble, train_unless_finished
from gridhydro.io.csv_tables import read_table, write_table
from gridhydro.io.text_files import read_text
from gridhydro.model.ensemble import seeds as seeds_of

ANALYSES, LEFT_OUT = "analyses", "left_out.csv"


def reproduce(
    name: str,
    data: str | Path | None,
    out: str | Path,
    *,
    domain: str | Path | None = None,
    models: Sequence[str] | None = None,
    experiments: Sequence[str] | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Train the models of a recipe in each of its experiments, into folders of their own below
    `out`, and set their scores beside the published ones.

    Finished models are not trained again; processes of torchrun train with one each.
    domain   a domain file in place of the packaged one; what it says otherwise is listed
    models, experiments  names of some of them, of models configurations too; all if left out
    seeds    runs of each model, whose mean discharge is scored; one, of the `seed`, if left out
    epochs   in place of those of the recipe; options as for `train_domain`
    Returns, and writes to table.csv and with all settings to table.md, a row per published score:
    `recipe_table.rows`. metrics.csv has the scores of every gauge and model, tests.csv paired tests
    of the models, and figures their distribution.
    ValueError for a recipe, a model or an experiment that there is not, and for a domain file
    without validation.
    """
    study, out = recipe(name), Path(out)
    chosen = _chosen("model", models, [((m.configuration, m.name), m) for m in study.models])
    ways = _chosen("experiment", experiments, [((e.name,), e) for e in study.experiments])
    source = find(study.domain if domain is None else domain)
    other = _others(source, find(study.domain), chosen, epochs)
    if seeds is not None:
        other.append(f"seeds: the mean discharge of {seeds} runs instead of one")
    runs = [(way, one) for way in ways for one in chosen if one.part_of(way)]
    folders = {(w.name, one.name): _folder(out, study, w, one) for w, one in runs}
    for way, one in ranks.own(runs):
        folder = folders[way.name, one.name]
        if options.get("progress", True):
            say(f"{one.name}: {folder.relative_to(out)}")
        with ranks.alone():
            usual = training_options(source, {"configuration": one.configuration}).epochs
            # where nothing is learned there are none
            given = options | {"epochs": epochs if usual else None}
            _run(source, data, folder, way, one, seeds, seed, given)
            _look_at(study, data, folder, way, one, bool(options.get("progress", True)))
    ranks.wait()
    if not ranks.leads():
        return pd.DataFrame()
    with ranks.alone():
        tables = read_tables(study, folders, _groups(study, data, folders.values()))
        table = rows(study, folders.keys(), tables)
        write(out, Path(name).stem, study, table, tables, other)
    return table


def _folder(out: Path, study: Recipe, way: Experiment, one: RecipeModel) -> Path:
    """Where a model is trained: of several experiments in the folder of its own, called by its
    configuration, or by its name where others have the same one."""
    within = out if len(study.experiments) == 1 else out / slug(way.name)
    alone = [m.configuration for m in study.models].count(one.configuration) == 1
    return within / slug(one.configuration if alone else one.name)


def _run(source, data, folder, way: Experiment, one: RecipeModel, seeds, seed, options) -> None:
    """Train a model as the experiment has it, unless that is done."""
    changes: dict[str, object] = {"configuration": one.configuration}
    sections = dict(one.sections)
    if way.training:
        sections["training"] = sections.get("training", {}) | way.training
    if sections:
        changes["sections"] = sections
    if "split" in way.training:
        cross_validate(source, data, folder, seeds=seeds, seed=seed, changes=changes, **options)
        return
    if seeds is None:
        train_unless_finished(source, data, folder, seed=seed, changes=changes, **options)
    else:
        train_ensemble(source, data, folder, seeds, changes=changes, **options)


def _look_at(study: Recipe, data, folder, way: Experiment, one: RecipeModel, progress) -> None:
    """What a recipe wants to know of a model beside its scores."""
    if "split" in way.training:
        return
    if any(published.of == BASEFLOW for published in one.published):
        baseflow_indices(folder, data)
    if study.surface is not None:
        surfaces(folder, data, study.surface)
    first, done = (seeds_of(folder) or [folder])[0], folder / ANALYSES / LEFT_OUT
    if study.analyses != way.name or newer(done, first / "run.json"):
        return
    run, setup = load_one(first, data)
    found = analyse_run(run, setup, folder / ANALYSES, None, grace_of(setup), progress)
    table = pd.DataFrame(found.items(), columns=["analysis", "why"])
    write_table(done, table)  # the last file: with it all of them are there
    for name, why in found.items():
        say(f"{one.name}: left out of the analyses: {name}: {why}")


def _groups(study: Recipe, data, folders) -> pd.Series | None:
    """The group of each gauge that is scored in one of these folders."""
    if study.groups is None:
        return None
    tables = [read_table(f / scores_file(), ("gauge",), dtype={"gauge": str}) for f in folders]
    gauges = sorted({gauge for table in tables for gauge in table["gauge"]})
    return groups_of(study.groups, data_folder(data), gauges)


def _chosen(what: str, wanted: Sequence[str] | None, every: Sequence[tuple]) -> list:
    """Those that are asked for by one of their names, in the order of the recipe."""
    known = dict.fromkeys(name for names, _ in every for name in names)
    for name in wanted or ():
        one_of(f"the {what}", name, known)
    return [one for names, one in every if wanted is None or set(names) & set(wanted)]


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
        usual = " and ".join(map(str, sorted({one.epochs for one in asked} - {0})))
        told.append(f"epochs: {epochs} instead of {usual}")
    return told
