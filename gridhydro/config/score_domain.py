"""A finished run of a domain file: found again with its input, scored, written to its folder."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from gridhydro.analysis.page.contents import WARNINGS
from gridhydro.analysis.page.write import report as report_of
from gridhydro.base import ranks
from gridhydro.base.arguments import required
from gridhydro.base.damage import read_json
from gridhydro.base.files import replace
from gridhydro.base.folders import place, settled
from gridhydro.base.periods import days, within
from gridhydro.base.report import Report
from gridhydro.base.steps import steps_a_day
from gridhydro.config.load import CHANGES, Setup, load
from gridhydro.config.parse import named
from gridhydro.evaluation.tables import SHOWN, summary
from gridhydro.io import export
from gridhydro.io.csv_tables import write_table
from gridhydro.model import run_figures, run_folder, storage_scores
from gridhydro.model.ensemble import Ensemble
from gridhydro.model.ensemble import seeds as seeds_of
from gridhydro.model.reduced import Wanted
from gridhydro.model.run import Run
from gridhydro.model.run_figures import FEW
from gridhydro.model.scored import at_target
from gridhydro.observations.discharge import discharge_table
from gridhydro.observations.target_series import TargetSeries

# the files of a run folder from which its input is found again
DOMAIN_FILE, SOURCE = "domain.toml", "source.json"
_KEYS = {"training": "period", "validation": "validation"}  # of [training]


def load_run(folder: str | Path, data: str | Path | None = None) -> tuple[Run | Ensemble, Setup]:
    """A finished run, or an ensemble of them, with the input it was trained on.

    FileNotFoundError if the folder has no domain file.
    """
    members = seeds_of(Path(folder))
    return load_ensemble(members, data) if members else load_one(Path(folder), data)


def load_ensemble(
    folders: Sequence[Path], data: str | Path | None = None
) -> tuple[Ensemble, Setup]:
    """The runs in these folders as one, with the input they were trained on."""
    first, setup = load_one(folders[0], data)
    return Ensemble.of(folders, first), setup


def load_one(folder: Path, data: str | Path | None = None) -> tuple[Run, Setup]:
    """A finished run with the input it was trained on."""
    settled(folder)
    changes, file = source_of(folder), place(folder, DOMAIN_FILE)
    kept = changes.pop("data", None)
    if not file.exists():
        raise FileNotFoundError(
            f"{folder} holds no run of `gridhydro train` ({DOMAIN_FILE} is missing)"
        )
    if not run_folder.finished(folder):
        run_folder.index(folder)  # says so, before the data is read
    setup = load(file, kept if data is None else data, changes)
    with named(str(folder)):
        return Run.load(folder, setup.forcing), setup


def source_of(folder: Path) -> dict:
    """What a run was begun with beside its domain file: the place of its data, and changes."""
    path = place(folder, SOURCE)
    if not path.exists():
        return {}
    mend = "remove it, and give --data"
    found = read_json(path, "what a run was begun with", mend)
    sections = found.get("sections") or {}
    tables = isinstance(sections, dict) and all(isinstance(one, dict) for one in sections.values())
    named_so = not set(found) - {"data", *CHANGES} and isinstance(found.get("data", ""), str)
    if not (tables and named_so):
        raise ValueError(f"{path} is not what a run was begun with, or is damaged: {mend}")
    return found


def finish(
    run: Run,
    setup: Setup,
    out: str | Path,
    files: Mapping[str, str] | None = None,
    noted: Report | None = None,
) -> pd.DataFrame:
    """Everything of a run on disk, with the scores of all that is observed; those of discharge.

    The record is simulated once, for all of it; `files` are texts by name to be written with it,
    and so are the warnings that were `noted`. The report is made of the folder, last.
    All of it changes at once: a folder that has a run.json has everything. Processes that were
    launched simulate together, then the first scores and writes: the others have an empty table.
    """
    _simulate(run, setup, run_folder.wanted(run, run.usual_outputs))
    if not ranks.leads():
        return pd.DataFrame()
    with ranks.alone():
        return _finish(run, setup, out, dict(files or {}), noted)


def _finish(run: Run, setup: Setup, out, files: dict[str, str], noted) -> pd.DataFrame:
    scores = evaluate(run, setup)
    if noted is not None:
        files[WARNINGS] = json.dumps({"warnings": noted.warnings}, indent=1)
    with run_folder.saving(out) as part:
        run.save(part, scores=scores, discharge=setup.discharge)
        score_storage(run, setup, part)
        score_targets(run, setup, part)
        for name, text in files.items():
            replace(part / name, partial(Path.write_text, data=text, encoding="utf-8"))
    write_report(Path(out))
    return scores


def write_report(folder: Path) -> None:
    """The report of a run, or of several; one that cannot be made is told, and takes nothing else
    with it."""
    try:
        report_of(folder)
    except Exception as error:
        (folder / run_folder.REPORT).unlink(missing_ok=True)
        warnings.warn(
            f"{folder} has all results, but no report of them could be written "
            f"({type(error).__name__}: {error}): `gridhydro --debug report {folder}` shows why",
            stacklevel=2,
        )


def score(
    run: Run | Ensemble, setup: Setup, out: str | Path, period: tuple[str, str] | None = None
) -> pd.DataFrame:
    """Scores of discharge over one period, or those of the file, written to `out` with figures.

    Without a period, those of storage and of targets too, where the file has them. Processes that
    were launched simulate together, then the first scores and writes: the others have an empty
    table.
    """
    if period is None or ranks.launched():
        _simulate(run, setup, others=period is None)
    if not ranks.leads():
        return pd.DataFrame()
    with ranks.alone():
        return _score(run, setup, Path(out), period)


def _score(run: Run | Ensemble, setup: Setup, out: Path, period) -> pd.DataFrame:
    scores = evaluate(run, setup, period)
    write_table(out / scores_file(period), scores)
    run_figures.draw_scores(out / "figures", setup.domain, scores)
    if period is None:
        if isinstance(run, Ensemble):
            write_members(run, out)
            write_spread(run, out)
        score_storage(run, setup, out)
        score_targets(run, setup, out)
        if seeds_of(out):
            write_report(out)
    return scores


def write_members(ensemble: Ensemble, out: Path) -> None:
    """Discharge of every run of an ensemble, with its mean and quantiles, in one file."""
    members = ensemble.members()
    data = members.rename("discharge_of_runs").to_dataset()
    data["discharge"] = members.mean("member", keep_attrs=True)
    data["discharge_quantiles"] = ensemble.quantiles()
    export.write_dataset(out / "discharge_ensemble.nc", data, "runs of an ensemble")


def write_spread(ensemble: Ensemble, out: Path) -> None:
    """Maps of the parameters of an ensemble: their mean over the runs, and NAME_spread."""
    domain, values = ensemble.model.domain, ensemble.parameter_values()
    means, spreads = ensemble.model.fields, ensemble.spread_fields
    export.write_parameters(out, domain, [*means, *spreads], values)
    for name, fields in (("parameters", means), ("spread", spreads)):
        run_figures.draw_parameters(out / "figures" / f"{name}.png", domain, fields, values)


def scores_file(period: tuple[str, str] | None = None) -> str:
    """The file of a run folder that has the scores over a period, or over those of the file."""
    return "metrics.csv" if period is None else f"metrics-{'-'.join(period)}.csv"


def _simulate(
    run: Run | Ensemble, setup: Setup, outputs: tuple[Wanted, ...] = (), others: bool = True
) -> None:
    """One simulation of all that is scored and exported afterwards, which the run keeps: of targets
    and storage too, unless these `others` are not asked for."""
    times = run.record().times
    targets = [TargetSeries.read(t, run.model, times) for t in setup.targets if others]
    storage = setup.storage if others else None
    averages = None if storage is None else storage.windows(times).averages
    with ranks.sharing():
        run.simulation((*outputs, *map(at_target, targets)), averages)


def evaluate(
    run: Run | Ensemble, setup: Setup, period: tuple[str, str] | None = None
) -> pd.DataFrame:
    """Scores over one period, or over the training and the validation period of the file.

    Where the forcing begins with the training period, its warm-up is not scored.
    """
    if period is not None:
        first, last = period
        return run.evaluate(setup.discharge, (first, last))
    scored = scored_periods(setup, run.record().times)
    tables = [run.evaluate(setup.discharge, p, name=name) for name, p in scored.items()]
    return pd.concat(tables, ignore_index=True)


def scored_periods(setup: Setup, times: pd.DatetimeIndex) -> dict[str, tuple[str, str]]:
    """The periods of the file by name, that of minibatches without its warm-up.

    ValueError, naming the file, where one is not in the record of these days.
    """
    scored = _periods(setup)
    for name, period in scored.items():
        with named(f"{setup.source}, [training]: {_KEYS[name]}"):
            within(times, period, "the forcing", f"{name} period")
    if setup.training.batches is not None:
        scored["training"] = behind_warmup(setup, scored["training"], times)
    return scored


def refuse_unscored(setup: Setup) -> None:
    """ValueError for what a finished training could not be scored with: told before it begins."""
    scored_periods(setup, setup.times)
    if not setup.training.fit_discharge:  # which no training has looked at
        with named(f"{setup.source}: discharge"):
            table = discharge_table(setup.discharge, setup.domain)
            if not set(setup.domain.gauges.index) & set(table):
                raise ValueError(
                    f"none of the gauges {', '.join(setup.domain.gauges.index)} has observed "
                    f"discharge, which is given for {', '.join(table)}"
                )


def score_storage(run: Run | Ensemble, setup: Setup, out: str | Path) -> pd.DataFrame | None:
    """Scores of storage over the periods of the file, written to `out` with series and figures.

    None where no storage is given, or no period has any. A period without a whole solution is left
    out.
    """
    if setup.storage is None:
        return None
    pairs = run.storage(setup.storage)
    tables = [
        storage_scores.scores(pairs, period, name)
        for name, period in _periods(setup).items()
        if storage_scores.within(pairs, period).any()
    ]
    if not tables:
        return None
    found = pd.concat(tables, ignore_index=True)
    storage_scores.write(out, pairs, found)
    return found


def score_targets(run: Run | Ensemble, setup: Setup, out: str | Path) -> pd.DataFrame | None:
    """Scores of all targets over the periods of the file, written to target_metrics.csv.

    None where there are none. A period without an observation is left out.
    """
    tables = []
    for target in setup.targets:
        observed, _ = run.target_series(target)
        for name, period in _periods(setup).items():
            if observed.within(*period):
                tables.append(run.evaluate_target(target, period, name))
    if not tables:
        return None
    found = pd.concat(tables, ignore_index=True)
    write_table(Path(out) / "target_metrics.csv", found)
    return found


def _periods(setup: Setup) -> dict[str, tuple[str, str]]:
    both = {"training": setup.training.period, "validation": setup.training.validation}
    return {name: period for name, period in both.items() if period is not None}


def behind_warmup(setup: Setup, period, times: pd.DatetimeIndex) -> tuple[str, str]:
    """The period without the days on which a record that begins with it is still warming up.

    ValueError, naming the file, where no day is left.
    """
    warmup = required("batches", setup.training.batches).before
    start, end = days(period)
    scored = times[warmup * steps_a_day(times) :]
    if not len(scored) or str(scored[0].date()) > end:
        raise ValueError(
            f"{setup.source}, [training]: batches: a warm-up of {warmup} days leaves nothing of "
            "the period to score: take a shorter one, or begin the forcing earlier"
        )
    return max(start, str(scored[0].date())), end


def report(scores: pd.DataFrame) -> str:
    """The scores for the terminal: of each gauge, or where there are many their medians."""
    if scores["gauge"].nunique() <= FEW:
        columns = [c for c in ("gauge", "period", "gauge_use", "nse", "kge", "days") if c in scores]
        return scores[columns].to_string(index=False, float_format=lambda v: f"{v:.3f}")
    groups = ["period", "gauge_use"]
    table = summary(scores, groups)
    medians = table.pivot_table("median", groups, "metric", sort=False)[list(SHOWN)]
    gauges = table.groupby(groups, sort=False)["count"].first()
    text = medians.assign(gauges=gauges).to_string(float_format=lambda v: f"{v:.3f}")
    return f"median over the gauges (fhv, flv in percent, rmse of flows)\n{text}"
