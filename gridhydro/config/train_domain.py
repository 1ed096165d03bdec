"""From a domain file to a finished run: what the shell commands do, callable from Python."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from gridhydro.base import ranks
from gridhydro.base.arguments import whole
from gridhydro.base.files import replace
from gridhydro.base.folders import place, settle, settled
from gridhydro.base.lock import Lock
from gridhydro.base.periods import overlap
from gridhydro.base.progress import say
from gridhydro.base.report import Report, noting
from gridhydro.config.build_model import build_model, make_split
from gridhydro.config.find import find
from gridhydro.config.load import CHANGES, Setup, load, training_options
from gridhydro.config.score_domain import (
    DOMAIN_FILE,
    SOURCE,
    finish,
    load_ensemble,
    refuse_unscored,
    score,
    source_of,
)
from gridhydro.io.text_files import read_text
from gridhydro.model import run_folder
from gridhydro.observations.storage_target import StorageTarget
from gridhydro.observations.targets import Target
from gridhydro.training import checkpoint
from gridhydro.training.callbacks import Callback, TensorBoard
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
    storage_weight, balance, fold, and sections (other keys); `cache`, here or there, has packed
    copies of the series in `out`, gone with the process, instead of memory. The file, the changes
    and the place of the data are kept in the run folder, so that `evaluate` and `export` find them.
    Returns the scores of discharge.
    """
    noted = Report()
    with ranks.sharing(), noting(noted):
        return _trained(
            domain, data, Path(out), changes or {}, noted, resume=resume, epochs=epochs, seed=seed,
            device=device, cache=cache, progress=progress and ranks.first(),
        )  # fmt: skip


def _trained(domain, data, out: Path, changes: Mapping, noted: Report, **options) -> pd.DataFrame:
    """`train_domain`, in each of the processes that share it; see `finish`."""
    changes = {name: value for name, value in changes.items() if value is not None}
    setup = load(domain, data, changes, cache=options["cache"])
    progress = options["progress"]
    asked = keywords(setup, out, **options)
    seed = asked["session"].seed
    torch.manual_seed(seed)
    model = build_model(setup, seed)
    refuse_unscored(setup)
    with begun(out, setup, changes, options["resume"]) as files:
        if progress:
            announce(setup, _what(setup))
        run = train(model, setup.forcing, fitted_discharge(setup), **asked)
        if progress and run.drift:
            say(run.drift)
        return finish(run, setup, out, files, noted)


def fitted_discharge(setup: Setup):
    """The discharge that is trained on, or None."""
    return setup.discharge if setup.training.fit_discharge else None


def keywords(
    setup: Setup,
    out: Path | None,
    *,
    resume: bool = False,
    epochs: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    cache: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """The keywords of `gridhydro.train` that a domain file stands for; those given here take the
    place of its own. Without `out` nothing is kept.
    """
    settings, split = setup.training, make_split(setup)
    return dict(
        period=settings.period if split is None else split,
        targets=_targets(setup),
        loss=settings.loss,
        spinup=settings.spinup,
        epochs=settings.epochs if epochs is None else epochs,
        optimizer=settings.optimizer,
        batches=settings.batches,
        checkpoints=None if out is None else Checkpoints(out, resume, **settings.checkpoints),
        session=Session(
            seed=settings.seed if seed is None else seed,
            device=device or settings.device,
            cache=out if cache or settings.cache else None,
            validation=settings.selection or _validated_meanwhile(setup),
            callbacks=_callbacks(setup, out),
            progress=progress,
            memory=settings.memory,
        ),
    )


@contextmanager
def begun(
    out: Path, setup: Setup, changes: Mapping[str, object], resume: bool
) -> Iterator[dict[str, str]]:
    """Within it the run folder is this process's alone, the first's of several; gives the files, by
    name, from which the data is found again, for `finish`.

    They are written at once where nothing was begun before. A training is only gone on with where
    its checkpoint is of the same settings and data, whatever else the file says now.
    ValueError if the folder is used.
    """
    source = {"data": str(setup.data.resolve()), **changes}
    found = {DOMAIN_FILE: read_text(setup.source), SOURCE: json.dumps(source, indent=1)}
    if not ranks.first():
        ranks.told(None)
        yield found
        return
    with Lock(out):
        settle(out)
        refuse_used(out, changes, resume)
        if not checkpoint.exists(out / "checkpoint"):
            for name, text in found.items():
                replace(out / name, partial(Path.write_text, data=text, encoding="utf-8"))
        ranks.told(None)  # from here on the others may look into the folder
        try:
            yield found
        except checkpoint.OtherTraining as error:
            kept = place(out, DOMAIN_FILE)
            if kept.exists() and read_text(kept) != found[DOMAIN_FILE]:
                raise ValueError(
                    f"{_begun_with(out, [f'domain file ({kept})'])}: {error}"
                ) from error
            raise


def refuse_used(out: Path, changes: Mapping[str, object], resume: bool) -> None:
    """ValueError for a folder that cannot take this run."""
    run_folder.refuse_in_the_way(out)
    if not checkpoint.exists(out / "checkpoint"):
        return
    if not resume:
        raise ValueError(
            f"{out} holds a training already: go on with --resume, or choose another folder"
        )
    if other := _other_changes(out, changes):
        raise ValueError(_begun_with(out, other))


def _other_changes(folder: Path, changes: Mapping[str, object]) -> list[str]:
    """What took the place of keys of the file otherwise than now, when the run was begun."""
    before = source_of(folder)
    return [
        f"{name} ({before.get(name, 'that of the file')})"
        for name in CHANGES
        if before.get(name) != changes.get(name)
    ]


def _begun_with(folder: Path, other: Sequence[str]) -> str:
    return (
        f"{folder} was begun with another {', another '.join(other)}: go on with the same, or "
        "choose another folder"
    )


def announce(setup: Setup, what: str) -> None:
    """Warnings of the domain and a line that says what is done, on the error stream."""
    for warning in setup.domain.report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    say(what)


def _what(setup: Setup) -> str:
    """A line that says what is fitted to what."""
    model, weight = setup.model, _weight(setup) if setup.storage is not None else 0.0
    fits = weight < 1 and setup.training.fit_discharge
    parts = [f"discharge at gauges ({1 - weight:g})"] if fits else []
    if setup.storage is not None and weight > 0:
        parts.append(f"water storage on {setup.storage.tiles.size} tiles ({weight:g})")
    parts += [f"{target.name} ({target.weight:g})" for target in setup.fitted_targets]
    name = f"{model.configuration}: " if model.configuration else ""
    kind = model.network.kind
    network = {"none": "nothing learned", "free": "free values"}.get(kind, kind)
    corrected = f" and {model.correction}" if model.correction else ""
    by = setup.training.optimizer.shares.by
    balanced = f", balanced by {by}" if len(parts) > 1 and by != "weights" else ""
    fitted = f"fitted to {' and '.join(parts)}{balanced}"
    return f"{name}{model.column}, {network}{corrected}; {fitted}"


def _weight(setup: Setup) -> float:
    given = setup.training.storage_weight
    return StorageTarget.weight if given is None else given


def _targets(setup: Setup) -> list[Target | StorageTarget]:
    """Targets that are fitted beside discharge."""
    storage = [] if setup.storage is None else [StorageTarget(setup.storage, _weight(setup))]
    return [*setup.fitted_targets, *storage]


def _validated_meanwhile(setup: Setup) -> tuple[str, str] | None:
    """The validation period of a raster, if it has no days of the training: scored while
    training."""
    training, other = setup.training.period, setup.training.validation
    if other is None or setup.domain.lumped or not setup.training.fit_discharge:
        return None
    return None if overlap(training, other) else other


def _callbacks(setup: Setup, out: Path | None) -> list[Callback]:
    """What is called after every epoch."""
    if out is None or not setup.training.tensorboard or not ranks.first():
        return []
    return [TensorBoard(out / "tensorboard")]


def train_ensemble(domain, data, out: str | Path, seeds: int, **options) -> pd.DataFrame:
    """Train with the seeds 0, 1, ... into out/seed-0, ..., and score their mean; finished ones
    are not trained again. Processes of torchrun train and simulate one each. Options and scores as
    for `train_domain`."""
    out, seeds = Path(out), whole("seeds", seeds, 1)
    folders = [out / f"seed-{seed}" for seed in range(seeds)]
    for seed, folder in ranks.own(list(enumerate(folders))):
        with ranks.alone():
            train_unless_finished(domain, data, folder, seed=seed, **options)
    ranks.wait()
    ensemble, setup = load_ensemble(folders, data)
    return score(ensemble, setup, out)


def train_unless_finished(domain, data, folder: Path, **options) -> None:
    """`train_domain`, unless everything of a run with the same settings is there.

    ValueError where the run is of others; with `resume` one of fewer epochs, or of another domain
    file, is gone on with if its checkpoint allows it.
    """
    settled(folder)
    if run_folder.finished(folder):
        other = _others(folder, find(domain), options)
        if not other:
            return
        if not options.get("resume"):
            raise ValueError(f"{_begun_with(folder, other)}; --resume looks closer")
    train_domain(domain, data, folder, **options)


def _others(folder: Path, source: Path, options: Mapping[str, Any]) -> list[str]:
    """What a finished run was begun with other than is asked for now, in words."""
    changes = options.get("changes") or {}
    other, kept = _other_changes(folder, changes), place(folder, DOMAIN_FILE)
    if kept.exists() and read_text(kept) != read_text(source):
        other.append(f"domain file ({kept})")
    about, wanted = run_folder.index(folder)["training"], training_options(source, changes)
    for name in ("epochs", "seed"):
        given = options.get(name)
        asked = getattr(wanted, name) if given is None else given
        if about.get(name) != asked:
            other.append(f"{name} ({about.get(name)}, now {asked})")
    return other
