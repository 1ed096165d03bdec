"""Finished runs side by side: medians, paired tests, and figures of the same gauges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from itertools import combinations
from pathlib import Path

import pandas as pd

from gridhydro.base.files import replace
from gridhydro.config.score_domain import scores_file
from gridhydro.domain.domain import Domain
from gridhydro.evaluation import plot_boxes, plot_scores, plots
from gridhydro.evaluation.paired import paired_tests
from gridhydro.evaluation.plot_boxes import BOXES
from gridhydro.evaluation.tables import SHOWN, compare, summary, to_markdown
from gridhydro.io.csv_tables import read_table, write_table
from gridhydro.io.tables import read_attributes
from gridhydro.model.run_figures import lonlat_of, placed


def compare_runs(
    folders: Mapping[str, Path],
    out: str | Path,
    period: str | None = None,
    groups: tuple[str | Path, str] | None = None,
) -> pd.DataFrame:
    """The scores of discharge of finished runs, ensembles or cross-validations at the gauges that
    all of them have, by the names given here.

    period  of the scores, as it is called in them; "validation" if left out, or "training" where
            one of them has no other
    groups  a table (CSV) with the gauges in its first column, and the column of it by whose values
            scores are told too
    Returns, and writes to medians.csv, a row for each of count (gauges), the medians, and failed
    (gauges at which it alone has no score); of groups to groups.csv; tests.csv has paired tests,
    comparison.md all of it; and figures.
    ValueError for fewer than two, a period that one has not, and other gauges in one.
    """
    out, tables = Path(out), {name: _scores(folder) for name, folder in folders.items()}
    if len(tables) < 2:
        raise ValueError("a comparison is of two runs or more, each with a name of its own")
    period = _period(tables, period)
    tables = {
        name: table[table["period"] == period].reset_index(drop=True)
        for name, table in tables.items()
    }
    medians, tests = compare(tables), paired_tests(tables, SHOWN)
    write_table(out / "medians.csv", medians.reset_index())
    write_table(out / "tests.csv", tests)
    parts = [
        f"# {len(tables)} models, {period} period",
        "Medians over the gauges (fhv and flv in percent, rmse in the unit of the scores).",
        to_markdown(medians),
    ]
    if groups is not None:
        tables, by_group = _grouped(tables, *groups)
        write_table(out / "groups.csv", by_group)
        shown = by_group[by_group["metric"].isin(("nse", "kge"))]
        parts += [f"## By {groups[1]}", to_markdown(shown)]
        figure = plot_boxes.boxes_by(tables, "group", "kge", groups[1])
        plots.save(figure, out / "figures" / "groups.png")
    parts += [
        "## Paired tests",
        "Wilcoxon's signed-rank test: the probability of such differences if neither model scored "
        "higher, `p_higher` for `model` scoring higher than `other`.",
        to_markdown(tests, 4),
    ]
    text = "\n\n".join(parts) + "\n"
    replace(out / "comparison.md", partial(Path.write_text, data=text, encoding="utf-8"))
    _draw(out / "figures", tables, next(iter(folders.values())))
    return medians


def _scores(folder: Path) -> pd.DataFrame:
    path = Path(folder) / scores_file()
    if not path.exists():
        raise FileNotFoundError(
            f"{folder} has no {path.name}: what train, cross-validate, evaluate or reproduce have "
            "scored is compared"
        )
    return read_table(path, ("gauge", "period"), SHOWN, dtype={"gauge": str})


def _period(tables: Mapping[str, pd.DataFrame], asked: str | None) -> str:
    """The period that all tables have."""
    every = {name: set(table["period"]) for name, table in tables.items()}
    shared = set.intersection(*every.values())
    if asked is None and shared & {"validation", "training"}:
        return "validation" if "validation" in shared else "training"
    for name, found in every.items():
        if asked not in found:
            wanted = f"the period '{asked}'" if asked else "a period of the others"
            raise ValueError(f"{name} has no scores of {wanted}: it has {', '.join(sorted(found))}")
    return str(asked)


def _grouped(tables, file: str | Path, column: str):
    """The tables with the group of each gauge, and their distributions by model and group."""
    gauges = sorted({gauge for table in tables.values() for gauge in table["gauge"]})
    known = read_attributes(Path(file), gauges)
    if column not in known:
        raise ValueError(f"{file} has no column '{column}'; it has {', '.join(known)}")
    of_gauge = known[column].astype(str)
    found = {name: t.assign(group=t["gauge"].map(of_gauge)) for name, t in tables.items()}
    every = pd.concat([table.assign(model=name) for name, table in found.items()])
    return found, summary(every, ("group", "model"))


def _draw(folder: Path, tables: Mapping[str, pd.DataFrame], run: Path) -> None:
    """Curves, boxes and, where the gauges have places, maps of each model and of differences."""
    for metric in ("nse", "kge"):
        if any(table[metric].notna().any() for table in tables.values()):
            plots.save(plot_scores.cdf(tables, metric), folder / f"{metric}.png")
    if any(table[list(BOXES)].notna().any(axis=None) for table in tables.values()):
        plots.save(plot_boxes.boxes(tables, BOXES), folder / "boxes.png")
    files = sorted([*run.glob("domain.nc"), *run.glob("*/domain.nc"), *run.glob("*/*/domain.nc")])
    domain = Domain.from_file(files[0]) if files else None
    if domain is None or not placed(domain):
        return
    places = lonlat_of(domain, domain.gauges.index)
    for name, table in tables.items():
        if table["kge"].notna().any():
            figure = plot_scores.score_map(*places, table, "kge")
            plots.save(figure, folder / f"map-{_file(name)}.png")
    for (one, first), (other, second) in combinations(tables.items(), 2):
        kge = [table.set_index("gauge")["kge"] for table in (first, second)]
        difference = (kge[0] - kge[1]).dropna()
        if len(difference):
            x, y = (place.rename(index=str)[difference.index] for place in places)
            what = f"KGE of {one} less that of {other}"
            figure = plot_scores.point_map(x, y, difference, what, centre=0.0)
            plots.save(figure, folder / f"map-{_file(one)}-less-{_file(other)}.png")


def _file(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "model"
