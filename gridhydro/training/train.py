"""Training against what is observed: whole periods or minibatches, spin-up, exact resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
import xarray as xr
from tqdm import tqdm

from gridhydro.base import files
from gridhydro.base.arguments import one_of, whole
from gridhydro.base.interrupt import Interrupt
from gridhydro.evaluation.losses import NothingObserved, name_of
from gridhydro.evaluation.losses import loss as loss_named
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.model import Model
from gridhydro.model.run import Run
from gridhydro.observations.discharge import observations, refuse_empty
from gridhydro.observations.storage import StorageObservations
from gridhydro.observations.target_series import read_all
from gridhydro.observations.targets import Target
from gridhydro.training import checkpoint, data, divergence
from gridhydro.training.batches import Batch, Batches
from gridhydro.training.objective import Objective
from gridhydro.training.splits import Split

STARTS = ("empty", "equilibrium")
OPTIMIZERS = {"adam": torch.optim.Adam, "adadelta": torch.optim.Adadelta}


def train(
    model: Model,
    forcing: xr.Dataset | Forcing,
    discharge: pd.DataFrame | xr.DataArray | None = None,
    *,
    targets: Sequence[Target] = (),
    period: tuple[str, str] | None = None,
    spinup: int = 365,
    spinup_cycles: int = 0,
    epochs: int = 150,
    learning_rate: float = 0.005,
    decay: bool = True,
    optimizer: str = "adam",
    batches: Batches | None = None,
    seed: int = 0,
    loss: str | Callable = "nse",
    gauges: Sequence[str] | None = None,
    held_out: Sequence[str] = (),
    split: Split | None = None,
    clip: float = 1.0,
    device: str | torch.device | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    storage: StorageObservations | None = None,
    storage_weight: float = 0.5,
    start: str = "empty",
    validation: tuple[str, str] | None = None,
    each: Callable[[int, Model], Mapping[str, float] | None] | None = None,
    cache: str | Path | None = None,
    checkpoint_every: float = 20.0,
    progress: bool = True,
) -> Run:
    """Fit the model's network to what is observed: discharge, water storage, and other targets.

    forcing     Dataset (time, y, x) of the column's forcings on the domain's grid
    discharge   m3 s-1 (or a DataArray with units, mm d-1 too), one column per gauge of the domain;
                NaN is a missing day; may be left out where there is something else to fit
    targets     observed series of other outputs of the column, `gridhydro.Target`s; the loss
                is the mean of all parts by their weights, of which discharge has 1, or
                1 - `storage_weight` beside storage
    period      first and last day (or month, or year) that are scored, both included
    spinup      (without batches) days before the period that only fill the stores
    spinup_cycles  runs over all forcing up to the period's end before that, for short records
    decay       let the learning rate fall to nothing along a half cosine over the epochs
    optimizer   "adam" or "adadelta"
    batches     minibatches of lumped basins x windows of days; None: each step sees everything
    seed        of what the minibatches are, and of dropout
    loss        "nse", "rmse_lowflow", "kge" or a function (simulated, observed), mm d-1, (T, G);
                one that also takes `variance` gets, for minibatches, that of each gauge's period
    gauges, held_out  the gauges to train on (all), and those to leave out of them
    split       gauges and period to train on, instead of `period` and `gauges`; kept with the run
    clip        largest norm of the gradient
    out         folder for checkpoints, one every `checkpoint_every` seconds and at the end;
                with `resume` training goes on from the last, to the numbers of an unbroken run
    storage     anomalies of water storage on tiles to fit as well: the loss is then (1 - w) of that
                of discharge + w (1 - NSE, meaned over the tiles), with w = `storage_weight`,
                where there are no targets beside
    start       "empty": the column's initial stores; "equilibrium": those that fill over many
                years begin where the spin-up's mean fluxes would bring them, which depends on what
                is learned, so that gradients pass through the spin-up too
    validation  a later period, scored ten times along the way (and shown; training ignores it)
    each        called after every epoch with its number and the model, which is not in training
                then and makes no gradients; the numbers that it returns, if any, go into the
                history. It must not draw from torch's random numbers
    cache       folder for packed copies of forcing and observations, of which minibatches read
                their windows: nothing else is held in memory; gone with the process

    Without `batches` an epoch is one step over the whole period. Raises ValueError for input that
    does not fit together, and NotFinite, naming the first bad cell, day and quantity, if training
    diverges.
    """
    device = device_named(device)
    epochs, seed = whole("epochs", epochs, 0), whole("seed", seed, 0)
    spinup, spinup_cycles = whole("spinup", spinup, 0), whole("spinup_cycles", spinup_cycles, 0)
    if not isinstance(batches, Batches | None):
        raise ValueError(f"batches is a gridhydro.Batches(basins=..., ...), not {batches!r}")
    period, gauges = data.period_and_gauges(period, gauges, split)
    if batches is not None and spinup_cycles:
        raise ValueError("minibatches have warm-ups of their own: leave spinup_cycles out")
    model.to(device)
    pet = data.method_of(forcing)
    forcing = Forcing.read(
        forcing, model.domain, model, device=device, cache=cache, progress=progress
    )
    days = forcing.between(*period)
    lumped = model.domain.lumped
    if discharge is None and not lumped:
        if gauges is not None or held_out:
            raise ValueError("there is no discharge: leave gauges and held_out out")
        names = []
    else:
        names = data.training_gauges(model, gauges, held_out)
    if batches is not None:  # the warm-up has to lie in the record
        days = slice(max(days.start, batches.warmup), days.stop)
        if days.start >= days.stop:
            raise ValueError(
                f"a warm-up of {batches.warmup} days leaves nothing of the period to score: take a "
                "shorter one, or begin the forcing earlier"
            )
    observed, places = None, data.places_of(model, names)
    if discharge is not None:
        observed = observations(discharge, forcing.times, model, names, device, cache, progress)
    targets = [targets] if isinstance(targets, Target) else targets
    seen = read_all(targets, model, forcing.times, device)
    if lumped:
        seen = [one.only(places) for one in seen]
    series = [*([observed] if observed else []), *(one.series for one in seen if lumped)]
    if series and names:
        refuse_empty(series, days, places, names)
    balanced = one_of("start", start, STARTS) == "equilibrium"
    if balanced and (batches or spinup < 2):
        raise ValueError(
            "a start near equilibrium is found in the days of a spin-up: give some, no batches"
        )
    epoch_of = data.epochs(
        model, forcing, observed, places, days, spinup, batches, seed, balanced, seen
    )
    run_days = slice(days.start - spinup, days.stop) if balanced else days
    objective = Objective(
        model, loss_named(loss), observed, forcing.times, run_days, days, batches, storage,
        storage_weight, seen,
    )  # fmt: skip
    checking = data.validation(validation, model, forcing, observed, days, spinup, places, storage)
    if lumped:
        model.fit_inputs(data.sample(forcing, days, places, device), places)
    elif model.network.reads_weather or model.correction is not None:
        model.fit_inputs(data.sample(forcing, days, torch.arange(model.domain.size), device))
    history: list[dict] = []
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer is one of {', '.join(OPTIMIZERS)}, not '{optimizer}'")
    weights = [w for w in model.parameters() if w.requires_grad]
    if epochs and not weights:
        raise ValueError("this model has nothing to learn (network='none'): take epochs=0")
    torch_optimizer = OPTIMIZERS[optimizer](weights or model.parameters(), lr=learning_rate)
    about = model.options | dict(
        period=list(period), spinup=spinup, spinup_cycles=spinup_cycles, loss=name_of(loss),
        optimizer=optimizer, learning_rate=float(learning_rate), decay=decay, epochs=epochs,
        batches=asdict(batches) if batches else None, gauges=names, clip=float(clip), seed=seed,
        split=split.to_json() if split else None, pet=pet, start=start, **objective.about,
    )  # fmt: skip
    done = 0
    folder = Path(out) / "checkpoint" if out is not None else None
    if folder is not None:
        files.writable(folder)
        if resume:
            done, history = checkpoint.read(folder, model, torch_optimizer, about)
    saved = time.monotonic()
    bar = tqdm(
        range(done, epochs), initial=done, total=epochs, desc="training", unit="epoch",
        disable=not progress,
    )  # fmt: skip

    def keep():
        nonlocal saved
        if folder is not None and history:
            checkpoint.write(folder, len(history), model, torch_optimizer, history, about)
        saved = time.monotonic()

    def state_of(batch: Batch):
        if spinup_cycles:
            return model.spin_up(forcing.values[:, : days.stop].to(device), spinup_cycles)
        if balanced:  # with a gradient: how full the ground is depends on what is learned
            return model.near_equilibrium(batch.forcing[:, :spinup].contiguous())
        return None

    def step(batch: Batch, epoch: int) -> dict[str, float] | None:
        torch_optimizer.zero_grad()
        parts = {}
        try:
            run = batch.simulate(model, state_of(batch), objective)
            value, parts = objective(run, batch)
            value.backward()
        except NothingObserved:
            if batches is None:
                raise
            return None  # a window in which nothing varies
        except ValueError:
            # the routing refuses NaN; anything else is for the caller
            if divergence.first(model, batch, forcing.times) is None:
                raise
            value = torch.tensor(torch.nan)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        if not (torch.isfinite(value) and torch.isfinite(norm)):
            raise divergence.NotFinite(
                divergence.report(model, batch, forcing.times, epoch, Path(out or "."))
            )
        torch_optimizer.step()
        return {"loss": value.item()} | {name: part.item() for name, part in parts.items()}

    model.train()
    if not done:
        torch.manual_seed(seed)
    with Interrupt() as interrupt:
        for epoch in bar:
            began = time.perf_counter()
            rate = learning_rate * (0.5 + 0.5 * math.cos(math.pi * epoch / epochs) if decay else 1)
            torch_optimizer.param_groups[0]["lr"] = rate
            found, steps = [], 0
            for batch in epoch_of(epoch):
                value = step(batch, epoch)
                if value is None:
                    continue
                found.append(value)
                lanes = batch.forcing.shape[2] * model.components
                steps += (batch.before.shape[1] + batch.forcing.shape[1]) * lanes
            seconds = time.perf_counter() - began
            if not found:
                raise ValueError(
                    f"no minibatch of epoch {epoch + 1} has observations to learn from"
                )
            # not every minibatch has observations of every part; one part is the whole
            parts = tuple(objective.weights) if len(objective.weights) > 1 else ()
            means = {name: _mean_of(name, found) for name in ("loss", *parts)}
            if checking and (epoch + 1) % max(1, epochs // 10) == 0:
                with torch.no_grad():
                    scores = checking(model, forcing, state_of(batch))
                means |= {f"validation_{name}_nse": score for name, score in scores.items()}
            if each is not None:
                with torch.no_grad():
                    means |= each(epoch + 1, model.eval()) or {}
                model.train()
            history.append({"epoch": epoch + 1, **means, "seconds": seconds})
            shown = ", ".join(f"{_spoken(name)} {value:.4f}" for name, value in means.items())
            bar.set_postfix_str(f"{shown}, {steps / seconds / 1e6:.1f} M cell-steps/s")
            over = epoch + 1 == epochs or interrupt.asked
            if over or time.monotonic() - saved > checkpoint_every:
                keep()
            if interrupt.asked:
                raise KeyboardInterrupt(f"after epoch {epoch + 1} of {epochs}")
    model.eval()
    return Run(model, forcing, pd.DataFrame(history), about)


def _mean_of(name: str, found: list[dict[str, float]]) -> float:
    values = [one[name] for one in found if name in one]
    return sum(values) / len(values) if values else math.nan


def _spoken(name: str) -> str:
    return name.replace("_nse", " NSE").replace("_", " ")


def device_named(name) -> torch.device:
    """The device of this name; None: a GPU where there is one. ValueError for one that is not."""
    device = torch.device("cuda" if name is None and torch.cuda.is_available() else name or "cpu")
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device is 'cpu' or 'cuda', not '{name}'")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no CUDA device here, or torch is a build without CUDA: use cpu")
    return device
