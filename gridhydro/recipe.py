"""From a domain file to a finished run: what the shell commands do, callable from Python."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch

from gridhydro import checkpoint, splits
from gridhydro.baseline import make_model
from gridhydro.basins import filled_for
from gridhydro.batches import Batches
from gridhydro.config import LSTM_OPTIONS, Setup, find, load
from gridhydro.ensemble import Ensemble
from gridhydro.ensemble import seeds as seeds_of
from gridhydro.figures import FEW, draw_scores
from gridhydro.option_values import refuse_unknown
from gridhydro.river import River
from gridhydro.run import Run
from gridhydro.scores import SHOWN, summary
from gridhydro.splits import Split
from gridhydro.training import train

# kinds of splits in a domain file, and the keys that each takes besides `fold`
_SPLITS = {"pub": ("folds", "seed"), "spatiotemporal": ("folds", "seed"), "pur": ("groups",)}


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
) -> pd.DataFrame:
    """Train on a domain file, score both periods, and export everything into `out`.

    `epochs` and `seed` replace those of the file; `cache`, here or there, has packed copies of the
    series in `out`, gone with the process, instead of memory. The file and the place of the data
    are kept in the run folder, so that `evaluate` and `export` find them. Returns the scores.
    """
    setup = load(domain, data)
    settings = setup.training
    seed = settings.seed if seed is None else seed
    torch.manual_seed(seed)
    model = build_model(setup, seed)
    out = Path(out)
    _refuse_overwriting(out, setup, resume)
    out.mkdir(parents=True, exist_ok=True)
    text, source = setup.source.read_text(), {"data": str(setup.data.resolve())}
    checkpoint.replace(out / "domain.toml", lambda p: p.write_text(text))
    checkpoint.replace(out / "source.json", lambda p: p.write_text(json.dumps(source, indent=1)))
    split = make_split(setup)
    run = train(
        model, setup.forcing, setup.discharge, split=split,
        period=settings.period if split is None else None, spinup=settings.spinup,
        spinup_cycles=settings.spinup_cycles, epochs=settings.epochs if epochs is None else epochs,
        learning_rate=settings.learning_rate, optimizer=settings.optimizer, loss=settings.loss,
        batches=None if settings.batches is None else Batches(**settings.batches), seed=seed,
        held_out=settings.held_out, device=device, out=out, resume=resume, progress=progress,
        cache=out if cache or settings.cache else None,
    )  # fmt: skip
    scores = evaluate(run, setup)
    run.save(out, scores=scores, discharge=setup.discharge)
    return scores


def train_ensemble(domain, data, out: str | Path, seeds: int, **options) -> pd.DataFrame:
    """Train with the seeds 0, 1, ... into out/seed-0, ..., and score their mean; finished ones
    are not trained again. Options and scores as for `train_domain`."""
    out = Path(out)
    for seed in range(seeds):
        folder = out / f"seed-{seed}"
        if not (folder / "run.json").exists():
            train_domain(domain, data, folder, seed=seed, **options)
        elif (folder / "domain.toml").read_text() != find(domain).read_text():
            raise ValueError(
                f"{folder} was trained with another domain file: choose another folder"
            )
    ensemble, setup = load_run(out, data)
    ensemble = Ensemble(ensemble.runs[:seeds])
    scores = evaluate(ensemble, setup)
    checkpoint.replace(out / "metrics.csv", lambda p: scores.to_csv(p, index=False))
    draw_scores(out / "figures", setup.domain, scores)
    return scores


def build_model(setup: Setup, seed: int):
    """The model that a domain file describes."""
    options = asdict(setup.model)
    options |= {"hidden": options["hidden"] or None, "seed": seed}
    if options["column"] == "lstm":
        options = {name: options[name] for name in (*LSTM_OPTIONS, "seed")}
        options["hidden"] = (options["hidden"] or (64,))[0]
    else:
        options["river"] = River(**options["river"])
    attributes = setup.attributes
    if setup.domain.grid is None:  # gaps are filled without a look at what is held out
        attributes = filled_for(setup.domain, attributes, _trained(setup))
    return make_model(setup.domain, attributes, **options)


def _trained(setup: Setup) -> list[str]:
    """The gauges that a domain file trains on."""
    split, held_out = make_split(setup), setup.training.held_out
    among = setup.domain.gauges.index if split is None else split.train_gauges
    return [gauge for gauge in among if gauge not in held_out]


def make_split(setup: Setup) -> Split | None:
    """The split of gauges that the domain file asks for, such as one fold of several.

    [training] split = { kind = "pub", folds = 10, fold = 0, seed = 0 }, of random folds, or
    { kind = "pur", groups = 5, fold = 0 }, of bands of longitude.
    """
    given, settings = setup.training.split, setup.training
    if given is None:
        return None
    place = f"{setup.source}, [training]: split"
    options, gauges = dict(given), setup.domain.gauges
    kind, fold = options.pop("kind", None), options.pop("fold", 0)
    if kind not in _SPLITS:
        raise ValueError(f"{place}: kind is {', '.join(map(repr, _SPLITS))}, not {kind!r}")
    refuse_unknown(place, options, _SPLITS[kind])
    if not all(isinstance(value, int) for value in (fold, *options.values())):
        raise ValueError(f"{place}: fold, {', '.join(_SPLITS[kind])} are whole numbers: {given}")
    period, test = _days(settings.period), _days(settings.validation or settings.period)
    if kind == "pub":
        found = splits.pub(list(gauges.index), period, **options)
    elif kind == "spatiotemporal":
        found = splits.spatiotemporal(list(gauges.index), period, test, **options)
    else:
        found = splits.pur(
            list(gauges.index), period, longitude=gauges["x"].to_numpy(),
            groups=options.get("groups", 5), test_period=test,
        )  # fmt: skip
    if not 0 <= fold < len(found):
        raise ValueError(f"{place}: fold is 0 to {len(found) - 1}, not {fold}")
    return found[fold]


def _days(period: tuple[str, str]) -> tuple[str, str]:
    """First and last day of a period given in days, months or years."""
    first, last = (pd.Period(part) for part in period)
    return str(first.start_time.date()), str(last.end_time.date())


def load_run(folder: str | Path, data: str | Path | None = None) -> tuple[Run | Ensemble, Setup]:
    """A finished run, or an ensemble of them, with the input it was trained on."""
    folder = Path(folder)
    members = seeds_of(folder)
    if members:
        first, setup = load_run(members[0], data)
        return Ensemble([first, *(Run.load(m, setup.forcing) for m in members[1:])]), setup
    if data is None and (folder / "source.json").exists():
        data = json.loads((folder / "source.json").read_text())["data"]
    if not (folder / "domain.toml").exists():
        raise FileNotFoundError(
            f"{folder} holds no run of `gridhydro train` (domain.toml is missing)"
        )
    setup = load(folder / "domain.toml", data)
    return Run.load(folder, setup.forcing), setup


def evaluate(
    run: Run | Ensemble, setup: Setup, period: tuple[str, str] | None = None
) -> pd.DataFrame:
    """Scores over one period, or over the training and the validation period of the file.

    Where the forcing begins with the training period, its warm-up is not scored.
    """
    if period is not None:
        return run.evaluate(setup.discharge, tuple(period))
    settings = setup.training
    periods = {"training": settings.period, "validation": settings.validation}
    if settings.batches is not None:
        one = run.runs[0] if isinstance(run, Ensemble) else run
        first = one.forcing.times[Batches(**settings.batches).warmup]
        start, end = settings.period
        periods["training"] = (str(max(pd.Timestamp(start), first).date()), end)
    simulated = run.discharge()
    tables = [
        run.evaluate(setup.discharge, p, name=name, simulated=simulated)
        for name, p in periods.items()
        if p is not None
    ]
    return pd.concat(tables, ignore_index=True)


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


def _refuse_overwriting(out: Path, setup: Setup, resume: bool) -> None:
    before = out / "domain.toml"
    if resume and before.exists() and before.read_text() != setup.source.read_text():
        raise ValueError(
            f"{out} was begun with another domain file than {setup.source}: resume with its own "
            f"({before}), or choose another folder"
        )
    begun = (out / "checkpoint" / checkpoint.INDEX).exists()
    if begun and not resume:
        raise ValueError(
            f"{out} holds a training already: go on with --resume, or choose another folder"
        )
