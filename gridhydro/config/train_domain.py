"""From a domain file to a finished run: what the shell commands do, callable from Python."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch

from gridhydro.base import files
from gridhydro.base.arguments import whole
from gridhydro.base.periods import days
from gridhydro.config.build_model import build_model, make_split
from gridhydro.config.find import find
from gridhydro.config.load import CHANGES, Setup, load
from gridhydro.config.score_domain import finish, load_ensemble, score
from gridhydro.observations.storage_target import StorageTarget
from gridhydro.observations.targets import Target
from gridhydro.training import checkpoint
from gridhydro.training.options import Checkpoints, Session
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
        model,
        setup.forcing,
        setup.discharge if settings.fit_discharge else None,
        period=settings.period if split is None else split,
        targets=_targets(setup),
        loss=settings.loss,
        spinup=settings.spinup,
        epochs=settings.epochs if epochs is None else epochs,
        optimizer=settings.optimizer,
        batches=settings.batches,
        checkpoints=Checkpoints(out, resume, **settings.checkpoints),
        session=Session(
            seed=seed,
            device=device or settings.device,
            cache=out if cache or settings.cache else None,
            validation=_validated_meanwhile(setup),
            progress=progress,
        ),
    )
    if progress and run.drift:
        print(run.drift, file=sys.stderr)
    return finish(run, setup, out)


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
    if setup.storage is not None and weight > 0:
        parts.append(f"water storage on {setup.storage.tiles.size} tiles ({weight:g})")
    parts += [f"{target.name} ({target.weight:g})" for target in setup.targets]
    name = f"{model.configuration}: " if model.configuration else ""
    kind = model.network.kind
    network = {"none": "nothing learned", "free": "free values"}.get(kind, kind)
    corrected = f" and {model.correction}" if model.correction else ""
    return f"{name}{model.column}, {network}{corrected}; fitted to {' and '.join(parts)}"


def _weight(setup: Setup) -> float:
    given = setup.training.storage_weight
    return 0.5 if given is None else given


def _targets(setup: Setup) -> list[Target | StorageTarget]:
    """Targets that are fitted beside discharge."""
    storage = [] if setup.storage is None else [StorageTarget(setup.storage, _weight(setup))]
    return [*setup.targets, *storage]


def _validated_meanwhile(setup: Setup) -> tuple[str, str] | None:
    """The validation period of a raster, if it follows the training: scored while training."""
    training, later = setup.training.period, setup.training.validation
    if later is None or setup.domain.lumped or not setup.training.fit_discharge:
        return None
    return later if days(later)[0] > days(training)[1] else None


def train_ensemble(domain, data, out: str | Path, seeds: int, **options) -> pd.DataFrame:
    """Train with the seeds 0, 1, ... into out/seed-0, ..., and score their mean; finished ones
    are not trained again. Options and scores as for `train_domain`."""
    out, seeds = Path(out), whole("seeds", seeds, 1)
    for seed in range(seeds):
        folder = out / f"seed-{seed}"
        if not (folder / "run.json").exists():
            train_domain(domain, data, folder, seed=seed, **options)
        else:
            _refuse_other(folder, find(domain), options.get("changes") or {})
    ensemble, setup = load_ensemble([out / f"seed-{seed}" for seed in range(seeds)], data)
    return score(ensemble, setup, out)


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
