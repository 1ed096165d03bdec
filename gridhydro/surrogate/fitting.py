"""Training an emulator on the runs of a model."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from gridhydro.base.arguments import names, whole
from gridhydro.base.progress import progress_bar
from gridhydro.columns.column import Field
from gridhydro.surrogate.column import Surrogate
from gridhydro.surrogate.data import Data, spread_of
from gridhydro.surrogate.emulator import Emulator
from gridhydro.surrogate.options import Training, Windows
from gridhydro.surrogate.runs import Runs


def fit(
    runs: Runs,
    outputs: Sequence[str] | None = None,
    *,
    hidden: int = 64,
    training: Training = Training(),
    windows: Windows = Windows(),
    label: str = "surrogate",
    device: str | torch.device = "cpu",
    progress: bool = True,
) -> Surrogate:
    """An LSTM that gives what a model gives, from forcing and parameters.

    outputs   names of those to learn; all without it
    hidden    size of the LSTM
    training  epochs, learning rate, size of a step, runs held out and seed
    windows   days that are learned from at once, and their warm-up
    label     what it is to be called

    The loss is the mean squared error of each output, in fractions of its spread in each run. Runs
    that failed are left out, gaps do not count. ValueError where the runs are too short, a
    parameter is the same in all of them, or an output has no value in those learned from.
    """
    hidden, device = whole("hidden", hidden, 1), torch.device(device)
    runs = _usable(runs, windows.length)
    fields = _chosen(runs, outputs)
    learned, scored = _split(runs, training)
    _refuse_empty(learned, fields)
    data = Data.of(learned, fields, device)
    surrogate = _untrained(runs, fields, data, hidden, training.seed)
    surrogate.label, surrogate.warmup = label, windows.warmup
    surrogate.about = {
        "runs": learned.size, "cells": runs.data.sizes["cell"], "hidden": hidden,
        **training.about(), **windows.about(),
    }  # fmt: skip
    surrogate.history = _train(surrogate, data, scored, training, windows, progress)
    return surrogate


def _split(runs: Runs, training: Training) -> tuple[Runs, Runs | None]:
    """Runs that are learned from, and those that are scored along the way, if any."""
    if training.held_out == 0:
        return runs, None
    try:
        return runs.split(training.held_out, training.seed)
    except ValueError as error:
        raise ValueError(f"{error}; with held_out=0 all are learned from") from None


def _untrained(
    runs: Runs, outputs: Sequence[Field], data: Data, hidden: int, seed: int
) -> Surrogate:
    """A surrogate with the scales of the data and weights drawn at random, on the data's device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # the range is that of all runs: those held out are scored in it
        net = Emulator(runs.forcings, runs.parameters, outputs, hidden)
    net.fit(data.weather, data.targets.permute(1, 2, 0))
    rows = zip(runs.forcings, data.weather, strict=True)
    ranges = {field.name: (row.min(), row.max()) for field, row in rows}
    return Surrogate(net.to(data.device), runs.forcings, runs.parameters, outputs, ranges=ranges)


def _train(
    surrogate: Surrogate,
    data: Data,
    scored: Runs | None,
    training: Training,
    windows: Windows,
    progress: bool,
) -> pd.DataFrame:
    """Learn the weights; gives the loss by epoch, and now and then the NSE of the runs scored."""
    net, epochs = surrogate.emulator.requires_grad_(True), training.epochs
    optimizer = torch.optim.Adam(net.parameters(), lr=training.learning_rate)
    random = torch.Generator().manual_seed(training.seed)
    spread = spread_of(data.targets.to(data.device), net.std)
    days = len(data.forcing.times) - windows.warmup
    steps = max(1, round(data.size * days / (training.batch * windows.days)))
    history = []
    bar = progress_bar(range(epochs), desc="surrogate", unit="epoch", shown=progress)
    for epoch in bar:
        began, total = time.perf_counter(), 0.0
        for step in range(steps):
            rate = 0.5 + 0.5 * math.cos(math.pi * (epoch * steps + step) / (epochs * steps))
            optimizer.param_groups[0]["lr"] = training.learning_rate * rate
            loss = data.loss(net, training.batch, windows, spread, random)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
        row = {"epoch": epoch + 1, "loss": total / steps, "seconds": time.perf_counter() - began}
        if scored is not None and (epoch + 1 == epochs or (epoch + 1) % max(1, epochs // 5) == 0):
            found = surrogate.fidelity(scored).set_index("output")["nse"]
            row |= {f"nse_{name}": value for name, value in found.items()}
        history.append(row)
        shown = {name: f"{value:.3f}" for name, value in row.items() if name.startswith(("l", "n"))}
        bar.set_postfix(shown)
    net.requires_grad_(False)
    return pd.DataFrame(history)


def _usable(runs: Runs, least: int) -> Runs:
    """Those that gave something, if they can be learned from."""
    if len(runs.times) < least:
        raise ValueError(
            f"the runs have {len(runs.times)} days, a window with its warm-up {least}: take fewer "
            "days or less warm-up, or run the model for longer"
        )
    if runs.failed.all():
        raise ValueError(f"all of the {runs.size} runs failed: nothing can be learned of them")
    if runs.failed.any():
        warnings.warn(
            f"{runs.failed.sum()} of {runs.size} runs failed and are left out", stacklevel=3
        )
        runs = runs.select(~runs.failed)
    for field in runs.parameters:
        low, high = field.range
        if low == high:
            raise ValueError(
                f"the parameter {field.name} is {low:g} in all runs: nothing can be "
                "learned of it; leave it out of the runs"
            )
    return runs


def _chosen(runs: Runs, outputs):
    known = {field.name: field for field in runs.outputs}
    chosen = list(known) if outputs is None else names("outputs", outputs)
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        raise ValueError(
            f"the runs have no output {', '.join(unknown) or 'chosen'}, but {', '.join(known)}"
        )
    return tuple(known[name] for name in chosen)


def _refuse_empty(runs: Runs, fields) -> None:
    empty = [f.name for f in fields if not np.isfinite(runs.series(f)).any()]
    if empty:
        raise ValueError(
            f"{', '.join(empty)} has no value in any of the {runs.size} runs that are learned "
            "from: say in `outputs` which others are to be learned"
        )
