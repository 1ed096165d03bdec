"""All folds of a domain file's split, trained one by one and scored where each holds out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from gridhydro.base import ranks
from gridhydro.base.arguments import whole
from gridhydro.base.folders import settled
from gridhydro.base.progress import say
from gridhydro.config.build_model import make_folds, refuse_no_split
from gridhydro.config.find import find
from gridhydro.config.load import load, training_options
from gridhydro.config.pool_folds import pool
from gridhydro.config.score_domain import load_ensemble, refuse_unscored, score
from gridhydro.config.train_domain import train_unless_finished
from gridhydro.domain.domain import Domain
from gridhydro.model import run_folder
from gridhydro.model.ensemble import seeds as seeds_of
from gridhydro.training.splits import Split


def cross_validate(
    domain: str | Path,
    data: str | Path | None,
    out: str | Path,
    *,
    seeds: int | None = None,
    seed: int | None = None,
    changes: Mapping[str, object] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Train with each fold of the file's split left out, into out/fold-0, ..., and pool the scores
    of every gauge from the fold that holds it out, see `pool_folds.pool`.

    Finished runs are not trained again; processes of torchrun train with one each.
    seeds    train each fold with the seeds 0, 1, ... into out/fold-0/seed-0, ..., and score the
             mean of their discharge; one run, of the `seed`, if left out
    changes  as for `train_domain`, and so are the other options
    Returns the pooled scores; processes but the first have an empty table. ValueError for a file
    without a split, before anything is trained.
    """
    out, source = Path(out), find(domain)
    changes = {name: value for name, value in (changes or {}).items() if value is not None}
    refuse_no_split(source, training_options(source, changes))
    members = [""] if seeds is None else [f"seed-{k}" for k in range(whole("seeds", seeds, 1))]
    folds, cells = _folds(source, data, changes, bool(options.get("cache")))
    folders = [out / f"fold-{fold}" for fold in range(len(folds))]
    for folder in folders:
        _refuse_other_kind(folder, seeds)
    runs = [(fold, k) for fold in range(len(folds)) for k in range(len(members))]
    for fold, k in ranks.own(runs):
        folder = folders[fold] / members[k]
        if options.get("progress", True):
            say(f"{folder.relative_to(out)}: {_what(folds[fold], folder)}")
        more = options | {"changes": changes | {"fold": fold}}
        with ranks.alone():
            train_unless_finished(
                source, data, folder, seed=seed if seeds is None else k, **more
            )  # fmt: skip
    ranks.wait()
    if seeds is not None:
        for folder in ranks.own(folders):
            with ranks.alone():
                score(*load_ensemble([folder / name for name in members], data), folder)
        ranks.wait()
    if not ranks.leads():
        return pd.DataFrame()
    return pool(out, folders, folds, cells, members if seeds is not None else ())


def _folds(source: Path, data, changes: Mapping, cache: bool) -> tuple[list[Split], Domain]:
    """The folds and the domain; of the data, which each training reads for itself, nothing is
    kept."""
    setup = load(source, data, changes, cache=cache)
    refuse_unscored(setup)
    return make_folds(setup), setup.domain


def _refuse_other_kind(folder: Path, seeds: int | None) -> None:
    """ValueError for the folder of a fold that holds one run where several seeds are asked for, or
    the other way round."""
    settled(folder)
    if seeds is not None and run_folder.finished(folder):
        holds, mend = "a single run", "leave --seeds out"
    elif seeds is None and seeds_of(folder):
        holds, mend = "runs of several seeds", "give --seeds"
    else:
        return
    raise ValueError(f"{folder} holds {holds}: {mend}, or choose another folder")


def _what(split: Split, folder: Path) -> str:
    """The fold of a run, and whether anything is left to do."""
    done = ", finished already" if run_folder.finished(folder) else ""
    trained, held_out = len(split.train_gauges), len(split.test_gauges)
    return f"{split.name}, {trained} gauges trained on, {held_out} held out{done}"
