"""Training an emulator on the runs of a model."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from gridhydro.base.arguments import fraction, names, whole
from gridhydro.inputs.forcing import Forcing, by_cell
from gridhydro.surrogate.column import Surrogate
from gridhydro.surrogate.emulator import Emulator
from gridhydro.surrogate.runs import Runs

# added to the spread of a run, as share of that of all: runs in which little happens count, but
# not without end (Kratzert et al. 2019, doi:10.5194/hess-23-5089-2019, eq. 7)
_LEAST = 0.1


def fit(
    runs: Runs,
    outputs: Sequence[str] | None = None,
    *,
    hidden: int = 64,
    epochs: int = 40,
    days: int = 365,
    warmup: int = 180,
    batch: int = 64,
    learning_rate: float = 0.005,
    held_out: float = 0.1,
    seed: int = 0,
    label: str = "surrogate",
    device: str | torch.device = "cpu",
    progress: bool = True,
) -> Surrogate:
    """An LSTM that gives what a model gives, from forcing and parameters.

    outputs   names of those to learn; all without it
    hidden    size of the LSTM
    epochs    times that it sees as many days as the runs have
    days, warmup  length of a window, and of the days before it that only fill the LSTM's memory;
              windows begin anywhere in the runs. Models with long memories need a long warm-up
    batch     windows in a step of Adam, whose rate falls from `learning_rate` to nothing
    held_out  share of the runs that are not learned from but scored along the way; 0 for none
    label     what it is to be called

    The loss is the mean squared error of each output, in shares of its spread in each run. Runs
    that failed are left out, gaps do not count. ValueError where the runs are too short, a
    parameter is the same in all of them, or an output has no value in those learned from.
    """
    epochs, hidden = whole("epochs", epochs, 1), whole("hidden", hidden, 1)
    batch, seed = whole("batch", batch, 1), whole("seed", seed, 0)
    days, warmup = whole("days", days, 1), whole("warmup", warmup, 0)
    runs = _usable(runs, days + warmup)
    fields = _chosen(runs, outputs)
    learned, scored = (runs, None)
    if fraction("held_out", held_out) > 0:
        try:
            learned, scored = runs.split(held_out, seed)
        except ValueError as error:
            raise ValueError(f"{error}; with held_out=0 all are learned from") from None
    _refuse_empty(learned, fields)
    device, random = torch.device(device), torch.Generator().manual_seed(seed)
    weather = np.stack([runs.series(field) for field in runs.forcings])
    weather = torch.as_tensor(weather, dtype=torch.float32)
    targets = torch.as_tensor(np.stack([learned.series(f) for f in fields]), dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # the range is that of all runs: those held out are scored in it
        net = Emulator(runs.forcings, runs.parameters, fields, hidden)
    net.fit(weather, targets.permute(1, 2, 0))
    net.to(device)
    spread = _spread(targets.to(device), net.std)
    theta = torch.as_tensor(learned.values(runs.parameters), dtype=torch.float32)
    windows = _Windows(learned, weather, targets, theta, device)
    ranges = {f.name: (row.min(), row.max()) for f, row in zip(runs.forcings, weather, strict=True)}
    surrogate = Surrogate(
        net, runs.forcings, runs.parameters, fields, label=label, warmup=warmup,
        ranges=ranges,
        about=dict(
            runs=learned.size, sites=runs.data.sizes["site"], hidden=hidden, epochs=epochs,
            days=days, warmup=warmup, batch=batch, learning_rate=float(learning_rate),
            held_out=float(held_out), seed=seed,
        ),
    )  # fmt: skip
    net.requires_grad_(True)
    optimizer = torch.optim.Adam(net.parameters(), lr=learning_rate)
    steps = max(1, round(learned.size * (len(runs.times) - warmup) / (batch * days)))
    history = []
    bar = tqdm(range(epochs), desc="surrogate", unit="epoch", disable=not progress)
    for epoch in bar:
        began, total = time.perf_counter(), 0.0
        for step in range(steps):
            rate = 0.5 + 0.5 * math.cos(math.pi * (epoch * steps + step) / (epochs * steps))
            optimizer.param_groups[0]["lr"] = learning_rate * rate
            loss = windows.loss(net, batch, days, warmup, spread, random)
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
    surrogate.history = pd.DataFrame(history)
    return surrogate


class _Windows:
    """Windows of days of some of the runs, drawn at random."""

    def __init__(self, runs: Runs, weather, targets, theta, device):
        self.weather = Forcing(runs.times, by_cell(weather))
        self.targets = Forcing(runs.times, by_cell(targets))
        self.site, self.theta, self.device = torch.as_tensor(runs.site), theta, device

    def loss(self, net, batch: int, days: int, warmup: int, spread, random) -> torch.Tensor:
        total = len(self.weather.times)
        run = torch.randint(0, self.targets.size, (batch,), generator=random)
        first = torch.randint(0, total - days - warmup + 1, (batch,), generator=random)
        weather = self.weather.window(first, warmup + days, self.site[run], self.device)
        wanted = self.targets.window(first + warmup, days, run, self.device).permute(1, 2, 0)
        theta, state = self.theta[:, run].to(self.device), None
        if warmup:
            with torch.no_grad():
                _, state = net(weather[:, :warmup], theta)
        found, _ = net(weather[:, warmup:], theta, state)
        there = torch.isfinite(wanted)
        error = torch.where(there, found - wanted.nan_to_num(), 0.0) / spread[run.to(self.device)]
        return (error**2).sum() / there.sum().clamp(min=1)


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
        if field.bounds[0] == field.bounds[1]:
            raise ValueError(
                f"the parameter {field.name} is {field.bounds[0]:g} in all runs: nothing can be "
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


def _spread(targets: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """What errors of a run are divided by, (R, O), of outputs (O, T, R) with the spread (O,)."""
    there = torch.isfinite(targets)
    count = there.sum(1).clamp(min=1)
    values = targets.nan_to_num()
    mean = values.sum(1) / count
    apart = torch.where(there, targets.nan_to_num() - mean[:, None], 0.0)
    of_run = ((apart**2).sum(1) / count).sqrt()
    return (of_run + _LEAST * whole[:, None]).T
