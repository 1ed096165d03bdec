"""Tables and figures of what `surrogate-hbv` and `surrogate-vic` left in their folders.

python -m benchmarks surrogate-page --runs RUNS/hbv RUNS/vic
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable

from benchmarks.page import Drawing, Page, Table
from benchmarks.studies.surrogate import figures
from benchmarks.studies.surrogate.hbv import BOX as HBV
from benchmarks.studies.surrogate.maps import Found, by_output, correlations
from benchmarks.studies.surrogate.vic import BOX as VIC

MODELS = (HBV.name, VIC.name)


def read(given: Namespace) -> dict[str, Found]:
    """Model -> what its study left."""
    found = [Found.read(folder) for folder in given.runs]
    return {one.name: one for one in found}


def of_each(makes: dict[str, Callable[[Found], object]], between: str) -> dict[str, Callable]:
    """The same for every model whose study is there: "MODEL{between}WHAT" -> make."""

    def only(model: str, make: Callable) -> Callable:
        return lambda found: make(found[model]) if model in found else None

    return {
        f"{model}{between}{what}": only(model, make)
        for model in MODELS
        for what, make in makes.items()
    }


TABLES = {
    "fidelity": lambda found: found.fidelity,
    "scores": lambda found: by_output(found.scores),
    "maps": lambda found: correlations(found.maps),
}
FIGURES = {
    "series": lambda found: figures.series(found.folder),
    "parameters": lambda found: figures.parameters(found.maps),
}
CAPTIONS = {
    "fidelity": "scores of the surrogate in runs that it was not fitted to",
    "scores": "median NSE against the truth, means of two seeds",
    "maps": "correlation of learned and hidden parameters",
    "series": "runs that were not learned from, of good, median and poor fidelity",
    "parameters": "learned against hidden parameters of the basins",
}
PAGE = Page(
    "surrogate",
    "Learning parameters through a surrogate",
    {
        "surrogate-hbv --data FOLDER --out RUNS/hbv": "",
        "surrogate-vic --data FOLDER --out RUNS/vic": 'needs the extra "peers": hydro-smash',
        "surrogate-page --runs RUNS/hbv RUNS/vic": "",
    },
    read,
    sections=of_each({**TABLES, "cost": lambda found: json.dumps(found.cost)}, ": "),
    tables={
        name: Table(CAPTIONS[name.split("-")[1]], make)
        for name, make in of_each(TABLES, "-").items()
    },
    figures={
        name: Drawing(CAPTIONS[name.split("-")[1]], make, 70)
        for name, make in of_each(FIGURES, "-").items()
    },
    runs="+",
)
arguments, main = PAGE.arguments, PAGE.main
