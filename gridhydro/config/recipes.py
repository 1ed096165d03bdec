"""Published studies that `gridhydro reproduce` repeats: what is run, and what was published.

Each is a file of the folder `recipes` beside the packaged domain files; `Recipe` says what stands
in it. Standard library only: the command line lists them at once.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from gridhydro.base.arguments import number, one_of
from gridhydro.config.parse import named, read_options

DISCHARGE, STORAGE, BASEFLOW = "discharge", "storage", "baseflow_index"
# keys of published scores that are no scores
_WHICH = ("experiment", "of", "group")


@dataclass(frozen=True)
class Published:
    """Published scores of a model.

    experiment  in which of the recipe's; the first if left out
    of          "discharge", "storage" on tiles, "baseflow_index", or the name of a target
    group       of the gauges in this one of the recipe's groups alone
    scores      name -> median over the gauges or tiles; of the baseflow index its correlation over
                the gauges; nan where it was published in a figure only
    """

    scores: Mapping[str, float]
    experiment: str = ""
    of: str = DISCHARGE
    group: str = ""

    @property
    def statistic(self) -> str:
        """What is made of the values of all gauges."""
        return "correlation" if self.of == BASEFLOW else "median"


@dataclass(frozen=True)
class Experiment:
    """One way in which all models are trained and scored.

    training  keys of [training] in place of those of the domain file. With a `split` of the gauges
            among them all its folds are trained, and their scores pooled; without, all gauges at
            once
    period  whose scores are compared: "validation" or "training"
    gauges  how many were scored, where that is not the recipe's number; 0: it is not said
    days    gauges with fewer days of observations in the period are not scored
    """

    name: str
    training: dict = field(default_factory=dict)
    period: str = "validation"
    gauges: int | None = None
    days: int = 0


@dataclass(frozen=True)
class RecipeModel:
    """A model of a study: the configuration that it is here, and its published scores.

    experiments  the names of those that it is part of; all without it
    sections     keys in place of those of the domain file, by their section
    """

    name: str
    configuration: str
    published: tuple[Published, ...] = ()
    experiments: tuple[str, ...] = ()
    sections: dict = field(default_factory=dict)

    def part_of(self, experiment: Experiment) -> bool:
        """Whether the model is trained in an experiment."""
        return not self.experiments or experiment.name in self.experiments


@dataclass(frozen=True)
class Setting:
    """A setting: what the paper says, what is done here, and where they differ why."""

    what: str
    paper: str
    here: str
    why: str = ""


@dataclass(frozen=True)
class Groups:
    """Groups of the gauges, in a table of the data folder whose first column has their names."""

    file: str
    column: str


@dataclass(frozen=True)
class Surface:
    """Two parameters over which the KGE is drawn, at how many gauges of how many values each."""

    parameters: tuple[str, ...]
    gauges: int = 4
    values: int = 15


@dataclass(frozen=True)
class Recipe:
    """A study.

    table     where the published scores stand
    domain    the packaged domain file
    gauges    how many were scored
    groups    by which scores are told too; surface: drawn of every model that has its parameters
    analyses  the experiment whose models are analysed: budgets, evapotranspiration, importance
    left_out  what was published and is not repeated
    """

    about: str
    source: str
    table: str
    domain: str
    gauges: int
    experiments: tuple[Experiment, ...] = (Experiment("temporal"),)
    models: tuple[RecipeModel, ...] = ()
    settings: tuple[Setting, ...] = ()
    left_out: tuple[str, ...] = ()
    groups: Groups | None = None
    surface: Surface | None = None
    analyses: str = ""

    def experiment(self, name: str) -> Experiment:
        """The experiment of this name; the first without one."""
        return next((one for one in self.experiments if one.name == name), self.experiments[0])


def slug(name: str) -> str:
    """The name of a configuration or an experiment as that of a folder."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name.replace("+", " plus")).strip("-").lower()


def recipes() -> dict[str, Path]:
    """The files of the recipes that come with gridhydro, by name."""
    folder = resources.files("gridhydro.domains") / "recipes"
    files = sorted(Path(str(file)) for file in folder.iterdir() if file.name.endswith(".toml"))
    return {file.stem: file for file in files}


def find_recipe(name: str | Path) -> Path:
    """The file of a recipe, from its name or its path; ValueError where there is none."""
    known = recipes()
    if str(name) in known:
        return known[str(name)]
    if Path(name).is_file():
        return Path(name)
    raise ValueError(f"there is no recipe {name}; there is {', '.join(known)}, or the file of one")


def recipe(name: str | Path) -> Recipe:
    """A recipe, from its name or the path of its file; ValueError where there is none."""
    return read_recipe(find_recipe(name))


def read_recipe(path: Path) -> Recipe:
    """The recipe of a file; ValueError naming what is wrong in it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    kinds = {"experiments": Experiment, "models": _Model, "settings": Setting}
    lists = {
        key: tuple(read_options(path, key, kind, one) for one in _listed(path, content, key))
        for key, kind in kinds.items()
    }
    found = read_options(path, "recipe", Recipe, content)
    experiments = lists["experiments"] or found.experiments
    names = [one.name for one in experiments]
    if not lists["models"]:
        raise ValueError(f"{path} has no [[models]]: there is nothing to train")
    with named(str(path)):
        models = tuple(one.model(names) for one in lists["models"])
    return replace(found, experiments=experiments, models=models, settings=lists["settings"])


def _listed(path: Path, content: dict, key: str) -> list:
    """The sections of a kind, taken out of the content."""
    found = content.pop(key, [])
    if not isinstance(found, list):
        raise ValueError(f"{path}: '{key}' is written as [[{key}]] with keys below it")
    return found


@dataclass(frozen=True)
class _Model:
    """A model as it is written, its published scores tables of several kinds of keys."""

    name: str
    configuration: str
    published: list = field(default_factory=list)
    experiments: tuple[str, ...] = ()
    sections: dict = field(default_factory=dict)

    def model(self, experiments: list[str]) -> RecipeModel:
        """As the recipe has it."""
        found = []
        for given in self.published:
            if not isinstance(given, dict):
                raise ValueError(f"{self.name}: published are tables of scores, not {given!r}")
            which = {key: str(given[key]) for key in _WHICH if key in given}
            which.setdefault("experiment", experiments[0])
            one_of(f"{self.name}: experiment", which["experiment"], experiments)
            scores = {
                key: _score(f"{self.name}: published {key}", value)
                for key, value in given.items() if key not in _WHICH
            }  # fmt: skip
            found.append(Published(scores, **which))
        for name in self.experiments:
            one_of(f"{self.name}: experiments", name, experiments)
        for section, keys in self.sections.items():
            if not isinstance(keys, dict):
                raise ValueError(f"{self.name}: sections.{section} is a table of keys")
        return RecipeModel(
            self.name, self.configuration, tuple(found), self.experiments, self.sections
        )


def _score(name: str, value) -> float:
    unknown = isinstance(value, float) and math.isnan(value)
    return value if unknown else number(name, value)
