"""Scores of all folds as one table, in which each gauge is scored by what was not trained on it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from gridhydro.base.files import replace
from gridhydro.config.score_domain import scores_file, write_report
from gridhydro.domain.domain import Domain
from gridhydro.evaluation import plot_boxes, plots
from gridhydro.evaluation.plot_boxes import BOXES
from gridhydro.evaluation.tables import SHOWN, summary, to_markdown
from gridhydro.io.csv_tables import read_table, write_table
from gridhydro.model import run_figures
from gridhydro.training import splits
from gridhydro.training.splits import Split

TARGETS, STORAGE = "target_metrics.csv", "storage_metrics.csv"
MEAN = "mean"  # what the column `seed` has for the mean discharge of all seeds


def pool(
    out: Path, folders: Sequence[Path], folds: Sequence[Split], domain: Domain,
    members: Sequence[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """The scores of each gauge, a row per period, from the folder of the fold that holds it out.

    members  folders of the seeds in that of each fold, whose mean discharge is what is scored there
    Written to `out`: metrics.csv, which is returned; of lumped basins with other targets
    target_metrics.csv; of water storage storage_metrics.csv, see `pooled_storage`;
    metrics_by_seed.csv of the runs of several seeds; medians and quartiles in summary.csv and
    summary.md, those of each fold in folds.csv; splits.json; figures; report.html.
    """
    scores = pooled(folders, folds)
    write_table(out / scores_file(), scores)
    if all(_names_gauges(folder / TARGETS) for folder in folders):
        write_table(out / TARGETS, pooled(folders, folds, TARGETS))
    storage = None
    if all((folder / STORAGE).exists() for folder in folders):
        storage = pooled_storage(folders, folds)
        write_table(out / STORAGE, storage)
    splits.save(folds, out / "splits.json")
    of_folds = summary(scores, ("fold", "period"))
    write_table(out / "folds.csv", of_folds)
    by: tuple[str, ...] = ("period",)
    tables = [scores]
    if members:
        runs = {name.rpartition("-")[2]: [f / name for f in folders] for name in members}
        each = [pooled(places, folds).assign(seed=seed) for seed, places in runs.items()]
        write_table(out / "metrics_by_seed.csv", pd.concat(each))
        by, tables = ("period", "seed"), [scores.assign(seed=MEAN), *each]
    of_all = summary(pd.concat(tables), by)
    write_table(out / "summary.csv", of_all)
    page = _page(folds, scores, _medians(of_all, by), _medians(of_folds, ("fold", "period")))
    page += "" if storage is None else _storage_page(folds, storage)
    replace(out / "summary.md", partial(Path.write_text, data=page, encoding="utf-8"))
    if scores["nse"].notna().any():
        run_figures.draw_distribution(out / "figures", domain, scores)
        periods = dict(list(scores.groupby("period", sort=False)))
        plots.save(plot_boxes.boxes(periods, BOXES), out / "figures" / "boxes.png")
    if lacking := _lacking(folds, scores):
        print(f"warning: {lacking}", file=sys.stderr)
    write_report(out)
    return scores


def pooled(folders: Sequence[Path], folds: Sequence[Split], file: str = "") -> pd.DataFrame:
    """Scores of each gauge from the run, of those in these folders, that its fold was not trained
    on; the column `fold` has its number, from 0. Gauges that are not in the tables have no row.

    file  the table in each folder: that of discharge if left out
    """
    tables = []
    for number, (folder, split) in enumerate(zip(folders, folds, strict=True)):
        path = folder / (file or scores_file())
        table = read_table(path, ("gauge", "period"), ("nse", "kge"), dtype={"gauge": str})
        table = table[table["gauge"].isin(split.test_gauges)]
        table.insert(0, "fold", number)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def pooled_storage(folders: Sequence[Path], folds: Sequence[Split]) -> pd.DataFrame:
    """Scores of water storage of all folds, whose number, from 0, is in the column `fold`.

    Of lumped basins those of the basins that a fold holds out. The tiles of a raster are held out
    by none: they are all there, once for each fold.
    """
    tables = []
    tested = {gauge for split in folds for gauge in split.test_gauges}
    for number, (folder, split) in enumerate(zip(folders, folds, strict=True)):
        table = read_table(folder / STORAGE, ("tile", "period"), ("nse",), dtype={"tile": str})
        if set(table["tile"]) & tested:
            table = table[table["tile"].isin(split.test_gauges)]
        table.insert(0, "fold", number)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _storage_page(folds: Sequence[Split], storage: pd.DataFrame) -> str:
    """What the summary says of water storage."""
    tested = {gauge for split in folds for gauge in split.test_gauges}
    what = (
        "of the basins that are held out" if set(storage["tile"]) & tested
        else "of all tiles, which no fold holds out, once for each fold"
    )  # fmt: skip
    tables = [
        summary(storage, by).query("metric != 'rmse'").drop(columns="mean")
        for by in (("period",), ("fold", "period"))
    ]
    shown = "\n\n".join(to_markdown(table) for table in tables)
    return f"\n## Water storage\n\nScores {what}.\n\n{shown}\n"


def _names_gauges(path: Path) -> bool:
    """Whether there is such a table, and of gauges: of the cells of a raster none are held out."""
    return path.exists() and "gauge" in read_table(path)


def _medians(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The medians of a summary, a row per group, the scores side by side, with the number of gauges
    and how many of them have no NSE."""
    keys = list(by)
    wide = table.pivot_table("median", keys, "metric", sort=False, dropna=False)
    of_nse = table[table["metric"] == "nse"].set_index(keys)
    counts = {"gauges": of_nse["count"], "without": of_nse["undefined"]}
    return wide.reindex(columns=list(SHOWN)).assign(**counts).reset_index()


def _page(folds, scores: pd.DataFrame, medians: pd.DataFrame, of_folds: pd.DataFrame) -> str:
    """The summary as Markdown."""
    units = sorted(set(scores["unit"])) if "unit" in scores else []
    unit = f", rmse in {' and '.join(units)}" if units else ""
    lacking = _lacking(folds, scores)
    parts = [
        f"# {len(folds)} folds, each gauge scored where it is held out",
        f"Medians over the gauges (fhv and flv in percent{unit}); the gauges `without` NSE are "
        "passed over."
        + (f" `{MEAN}` is the mean discharge of the seeds." if "seed" in medians else "")
        + (f" Not scored: {lacking}." if lacking else ""),
        to_markdown(medians),
        "## By fold",
        to_markdown(of_folds),
    ]
    return "\n\n".join(parts) + "\n"


def _lacking(folds: Sequence[Split], scores: pd.DataFrame) -> str:
    """What is said of gauges that are held out and have no row; empty where all have one."""
    tested = {gauge for split in folds for gauge in split.test_gauges}
    without = sorted(tested - set(scores["gauge"]))
    if not without:
        return ""
    some = ", ".join(without[:5]) + (", ..." if len(without) > 5 else "")
    return f"{len(without)} of {len(tested)} gauges have no observed discharge: {some}"
