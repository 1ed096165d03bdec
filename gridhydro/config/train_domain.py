"""From a domain file to a finished run: what the shell commands do, callable from Python."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch

from gridhydro.base import files
from gridhydro.base.periods import days
from gridhydro.config.build_model import build_model, make_split
from gridhydro.config.find import find
from gridhydro.config.load import CHANGES, Setup, load
from gridhydro.evaluation.tables import SHOWN, summary
from gridhydro.model import storage_scores
from gridhydro.model.ensemble import Ensemble
from gridhydro.model.ensemble import seeds as seeds_of
from gridhydro.model.run import Run
from gridhydro.model.run_figures import FEW, draw_scores
from gridhydro.training import checkpoint
from gridhydro.training.batches import Batches
from gridhydro.training.train import train


def train_domain(
    domain: str | Path,
    data: str | Path | None,
    out: str | Path,
    *,
    resume: bool = False,
    epochs: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    cache: bool = False,
    progress: bool = True,
    changes: Mapping[str, object] | None = None,
) -> pd.DataFrame:
    """Train on a domain file, score both periods, and export everything into `out`.

    `epochs` and `seed` replace those of the file, and so does what `changes` has of configuration,
    storage_weight and fold; `cache`, here or there, has packed copies of the series in `out`, gone
    with the process, instead of memory. The file, the changes and the place of the data are kept in
    the run folder, so that `evaluate` and `export` find them. Returns the scores of discharge.
    """
    changes = {name: value for name, value in (changes or {}).items() if value is not None}
    setup = load(domain, data, changes)
    settings = setup.training
    seed = settings.seed if seed is None else seed
    torch.manual_seed(seed)
    model = build_model(setup, seed)
    out = Path(out)
    begin(out, setup, changes, resume)
    split = make_split(setup)
    if progress:
        announce(setup, _what(setup))
    run = train(
        model, setup.forcing, setup.discharge if settings.fit_discharge else None, split=split,
        targets=setup.targets,
        period=settings.period if split is None else None, spinup=settings.spinup,
        spinup_cycles=settings.spinup_cycles, epochs=settings.epochs if epochs is None else epochs,
        learning_rate=settings.learning_rate, optimizer=settings.optimizer, loss=settings.loss,
        batches=None if settings.batches is None else Batches(**settings.batches), seed=seed,
        held_out=settings.held_out, device=device, out=out, resume=resume, progress=progress,
        cache=out if cache or settings.cache else None, start=settings.start,
        storage=setup.storage, storage_weight=_weight(setup), validation=_along_the_way(setup),
    )  # fmt: skip
    scores = evaluate(run, setup)
    save(run, setup, out, scores)
    return scores


def begin(out: Path, setup: Setup, changes: Mapping[str, object], resume: bool) -> None:
    """Make the run folder, with what it takes to find the data again; ValueError if it is used.

    With `resume` it may be one that was begun with the same file and changes, nothing else.
    """
    if resume:
        _refuse_other(out, setup.source, changes)
    elif (out / "checkpoint" / checkpoint.INDEX).exists():
        raise ValueError(
            f"{out} holds a training already: go on with --resume, or choose another folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    text, source = setup.source.read_text(), {"data": str(setup.data.resolve()), **changes}
    files.replace(out / "domain.toml", lambda p: p.write_text(text))
    files.replace(out / "source.json", lambda p: p.write_text(json.dumps(source, indent=1)))


def announce(setup: Setup, what: str) -> None:
    """Warnings of the domain and a line that says what is done, on the error stream."""
    for warning in setup.domain.report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(what, file=sys.stderr)


def _what(setup: Setup) -> str:
    """A line that says what is fitted to what."""
    model, weight = setup.model, _weight(setup) if setup.storage is not None else 0.0
    fits = weight < 1 and setup.training.fit_discharge
    parts = [f"discharge at gauges ({1 - weight:g})"] if fits else []
    if weight > 0:
        parts.append(f"water storage on {setup.storage.tiles.size} tiles ({weight:g})")
    parts += [f"{target.name} ({target.weight:g})" for target in setup.targets]
    name = f"{model.configuration}: " if model.configuration else ""
    network = {"none": "nothing learned", "free": "free values"}.get(model.network, model.network)
    corrected = f" and {model.correction}" if model.correction else ""
    return f"{name}{model.column}, {network}{corrected}; fitted to {' and '.join(parts)}"


def _weight(setup: Setup) -> float:
    given = setup.training.storage_weight
    return 0.5 if given is None else given


def _along_the_way(setup: Setup) -> tuple[str, str] | None:
    """The validation period of a raster, if it follows the training: scored while training."""
    training, later = setup.training.period, setup.training.validation
    if later is None or setup.domain.lumped or not setup.training.fit_discharge:
        return None
    return later if days(later)[0] > days(training)[1] else None


def save(run: Run, setup: Setup, out: str | Path, scores: pd.DataFrame) -> None:
    """Everything of a run on disk, scores of storage included where it was observed."""
    run.save(out, scores=scores, discharge=setup.discharge)
    score_storage(run, setup, out)
    score_targets(run, setup, out)


def score_storage(run: Run | Ensemble, setup: Setup, out: str | Path) -> pd.DataFrame | None:
    """Scores of storage over the periods of the file, written to `out` with series and figures.

    None where no storage is given. A period without a whole solution is left out.
    """
    if setup.storage is None:
        return None
    pairs = run.storage(setup.storage)
    tables = [
        run.evaluate_storage(setup.storage, period, name, pairs)
        for name, period in _periods(setup).items()
        if storage_scores.within(pairs, period).any()
    ]
    found = pd.concat(tables, ignore_index=True)
    storage_scores.write(out, pairs, found)
    return found


def score_targets(run: Run | Ensemble, setup: Setup, out: str | Path) -> pd.DataFrame | None:
    """Scores of all targets over the periods of the file, written to target_metrics.csv.

    None where there are none. A period without an observation is left out.
    """
    tables = []
    for target in setup.targets:
        series = run.target_series(target)
        for name, period in _periods(setup).items():
            if series[0].within(*period):
                tables.append(run.evaluate_target(target, period, name, series))
    if not tables:
        return None
    found = pd.concat(tables, ignore_index=True)
    files.replace(Path(out) / "target_metrics.csv", lambda p: found.to_csv(p, index=False))
    return found


def _periods(setup: Setup) -> dict[str, tuple[str, str]]:
    both = {"training": setup.training.period, "validation": setup.training.validation}
    return {name: period for name, period in both.items() if period is not None}


def train_ensemble(domain, data, out: str | Path, seeds: int, **options) -> pd.DataFrame:
    """Train with the seeds 0, 1, ... into out/seed-0, ..., and score their mean; finished ones
    are not trained again. Options and scores as for `train_domain`."""
    out = Path(out)
    for seed in range(seeds):
        folder = out / f"seed-{seed}"
        if not (folder / "run.json").exists():
            train_domain(domain, data, folder, seed=seed, **options)
        else:
            _refuse_other(folder, find(domain), options.get("changes") or {})
    ensemble, setup = load_run(out, data)
    ensemble = Ensemble(ensemble.runs[:seeds])
    scores = evaluate(ensemble, setup)
    files.replace(out / "metrics.csv", lambda p: scores.to_csv(p, index=False))
    draw_scores(out / "figures", setup.domain, scores)
    score_storage(ensemble, setup, out)
    score_targets(ensemble, setup, out)
    return scores


def load_run(folder: str | Path, data: str | Path | None = None) -> tuple[Run | Ensemble, Setup]:
    """A finished run, or an ensemble of them, with the input it was trained on."""
    folder = Path(folder)
    members = seeds_of(folder)
    if members:
        first, setup = load_run(members[0], data)
        return Ensemble([first, *(Run.load(m, setup.forcing) for m in members[1:])]), setup
    changes = {}
    if (folder / "source.json").exists():
        changes = json.loads((folder / "source.json").read_text())
        kept = changes.pop("data")
        data = kept if data is None else data
    if not (folder / "domain.toml").exists():
        raise FileNotFoundError(
            f"{folder} holds no run of `gridhydro train` (domain.toml is missing)"
        )
    setup = load(folder / "domain.toml", data, changes)
    return Run.load(folder, setup.forcing), setup


def evaluate(
    run: Run | Ensemble, setup: Setup, period: tuple[str, str] | None = None
) -> pd.DataFrame:
    """Scores over one period, or over the training and the validation period of the file.

    Where the forcing begins with the training period, its warm-up is not scored.
    """
    if period is not None:
        return run.evaluate(setup.discharge, tuple(period))
    periods = _periods(setup)
    if setup.training.batches is not None:
        one = run.runs[0] if isinstance(run, Ensemble) else run
        periods["training"] = behind_warmup(setup, periods["training"], one.forcing.times)
    simulated = run.discharge()
    tables = [
        run.evaluate(setup.discharge, p, name=name, simulated=simulated)
        for name, p in periods.items()
    ]
    return pd.concat(tables, ignore_index=True)


def behind_warmup(setup: Setup, period, times: pd.DatetimeIndex) -> tuple[str, str]:
    """The period without the days on which a record that begins with it is still warming up.

    ValueError, naming the file, where no day is left.
    """
    warmup = Batches(**setup.training.batches).warmup
    start, end = days(period)
    scored = times[warmup:]
    if not len(scored) or str(scored[0].date()) > end:
        raise ValueError(
            f"{setup.source}, [training]: batches: a warm-up of {warmup} days leaves nothing of "
            "the period to score: take a shorter one, or begin the forcing earlier"
        )
    return max(start, str(scored[0].date())), end


def report(scores: pd.DataFrame) -> str:
    """The scores for the terminal: of each site, or where there are many their medians."""
    if scores["site"].nunique() <= FEW:
        columns = [c for c in ("site", "period", "gauge_use", "nse", "kge", "days") if c in scores]
        return scores[columns].to_string(index=False, float_format=lambda v: f"{v:.3f}")
    groups = ["period", "gauge_use"]
    table = summary(scores, groups)
    medians = table.pivot_table("median", groups, "metric", sort=False)[list(SHOWN)]
    sites = table.groupby(groups, sort=False)["sites"].first()
    text = medians.assign(sites=sites).to_string(float_format=lambda v: f"{v:.3f}")
    return f"median over the sites (fhv, flv in percent, rmse of flows)\n{text}"


def _refuse_other(folder: Path, source: Path, changes: Mapping[str, object]) -> None:
    """ValueError if a run folder was begun with another domain file, or other changes to it."""
    kept, told = folder / "domain.toml", folder / "source.json"
    before = json.loads(told.read_text()) if told.exists() else changes
    other = [
        f"{name} ({before.get(name, 'that of the file')})"
        for name in CHANGES
        if before.get(name) != changes.get(name)
    ]
    if kept.exists() and kept.read_text() != source.read_text():
        other.append(f"domain file ({kept})")
    if other:
        raise ValueError(
            f"{folder} was begun with another {', another '.join(other)}: go on with the same, or "
            "choose another folder"
        )
