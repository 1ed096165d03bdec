"""Training against river gauges: whole periods, spin-up without gradient, exact resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from tqdm import tqdm

from gridhydro import checkpoint, guard
from gridhydro.forcing import Forcing
from gridhydro.interrupt import Interrupt
from gridhydro.losses import loss as loss_named
from gridhydro.model import Model
from gridhydro.observed import discharge_table
from gridhydro.run import Run


def train(
    model: Model,
    forcing: xr.Dataset | Forcing,
    discharge: pd.DataFrame | xr.DataArray,
    *,
    period: tuple[str, str],
    spinup: int = 365,
    spinup_cycles: int = 0,
    epochs: int = 150,
    learning_rate: float = 0.005,
    decay: bool = True,
    loss: str | Callable = "nse",
    gauges: Sequence[str] | None = None,
    held_out: Sequence[str] = (),
    clip: float = 1.0,
    device: str | torch.device | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    checkpoint_every: float = 20.0,
    progress: bool = True,
) -> Run:
    """Fit the model's network to observed discharge.

    forcing     Dataset (time, y, x) of the column's forcings on the domain's grid
    discharge   m3 s-1, one column per gauge of the domain; NaN is a missing day
    period      first and last day (or month, or year) that are scored, both included
    spinup      days before the period that only fill the stores
    spinup_cycles  runs over all forcing up to the period's end before that, for short records
    decay       let the learning rate fall to nothing along a half cosine over the epochs
    loss        "nse", "rmse_lowflow", "kge" or a function (simulated, observed), mm d-1, (T, G)
    gauges, held_out  the gauges to train on (all), and those to leave out of them
    clip        largest norm of the gradient
    out         folder for checkpoints, one every `checkpoint_every` seconds and at the end;
                with `resume` training goes on from the last, to the numbers of an unbroken run

    One epoch is one step of Adam over the whole period. Raises ValueError for input that does not
    fit together, and NotFinite, naming the first bad cell, day and quantity, if training diverges.
    """
    device = _device(device)
    if epochs < 1 or int(epochs) != epochs:
        raise ValueError(f"epochs is {epochs}, should be a whole number, 1 or more")
    model.to(device)
    forcing = Forcing.read(forcing, model.domain, model.column, device=device)
    days = forcing.between(*period)
    start = days.start - spinup
    if start < 0:
        raise ValueError(
            f"the spin-up needs {spinup} days before {forcing.times[days.start]:%Y-%m-%d}, the "
            f"forcing has {days.start}: begin the period later, take spinup={days.start}, or give "
            "spinup_cycles to run over the record beforehand"
        )
    names = _training_gauges(model, gauges, held_out)
    observed, columns = _observed(discharge, forcing.times[days], model, names, device)
    score, per_area = loss_named(loss), _per_area(model, columns)
    history: list[dict] = []
    optimizer = torch.optim.Adam(model.network.parameters(), lr=learning_rate)
    loss_name = loss if isinstance(loss, str) else getattr(loss, "__name__", "own")
    about = model.options | dict(
        period=list(period), spinup=spinup, spinup_cycles=spinup_cycles, loss=loss_name,
        learning_rate=learning_rate, decay=decay, epochs=epochs, gauges=names, clip=clip,
    )  # fmt: skip
    done = 0
    folder = Path(out) / "checkpoint" if out is not None else None
    if folder is not None:
        checkpoint.writable(folder)
        if resume:
            done, history = checkpoint.read(folder, model, optimizer, about)

    before = forcing.values[:, : days.stop]
    warm_up = forcing.values[:, start : days.start].contiguous()
    scored = forcing.values[:, days].contiguous()
    steps = (warm_up.shape[1] + scored.shape[1] + spinup_cycles * before.shape[1]) * (
        model.domain.size * model.components
    )
    saved = time.monotonic()
    bar = tqdm(
        range(done, epochs), initial=done, total=epochs, desc="training", unit="epoch",
        disable=not progress,
    )  # fmt: skip

    def keep():
        nonlocal saved
        if folder is not None and history:
            checkpoint.write(folder, len(history), model, optimizer, history, about)
        saved = time.monotonic()

    with Interrupt() as interrupt:
        for epoch in bar:
            began = time.perf_counter()
            rate = learning_rate * (0.5 + 0.5 * math.cos(math.pi * epoch / epochs) if decay else 1)
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            try:
                state = model.spin_up(before, spinup_cycles) if spinup_cycles else None
                state = model.spin_up(warm_up, 1, state)
                simulated = model(scored, state).discharge[:, columns]
                value = score(simulated * per_area, observed)
                value.backward()
            except ValueError:
                # the routing refuses NaN; anything else is for the caller
                if guard.first(model, forcing, start, days.stop) is None:
                    raise
                value = torch.tensor(torch.nan)
            norm = torch.nn.utils.clip_grad_norm_(model.network.parameters(), clip)
            if not (torch.isfinite(value) and torch.isfinite(norm)):
                text = guard.report(model, forcing, start, days.stop, epoch, Path(out or "."))
                raise guard.NotFinite(text)
            optimizer.step()
            seconds = time.perf_counter() - began
            history.append({"epoch": epoch + 1, "loss": value.item(), "seconds": seconds})
            bar.set_postfix_str(
                f"loss {value.item():.4f}, {steps / seconds / 1e6:.1f} M cell-steps/s"
            )
            over = epoch + 1 == epochs or interrupt.asked
            if over or time.monotonic() - saved > checkpoint_every:
                keep()
            if interrupt.asked:
                raise KeyboardInterrupt(f"after epoch {epoch + 1} of {epochs}")
    return Run(model, forcing, pd.DataFrame(history), about)


def _device(name) -> torch.device:
    device = torch.device("cuda" if name is None and torch.cuda.is_available() else name or "cpu")
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device is 'cpu' or 'cuda', not '{name}'")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no CUDA device here, or torch is a build without CUDA: use cpu")
    return device


def _per_area(model: Model, columns) -> torch.Tensor:
    """m3 s-1 -> mm d-1 over the area upstream of each gauge, (G,)."""
    area = model.domain.gauges["network_area_km2"].to_numpy()[columns.cpu().numpy()] * 1e6
    return torch.as_tensor(86400 * 1000 / area, dtype=torch.float32, device=columns.device)


def _training_gauges(model: Model, gauges, held_out) -> list[str]:
    known = list(model.domain.gauges.index)
    unknown = [g for g in (*(gauges or ()), *held_out) if g not in known]
    if unknown:
        raise ValueError(f"no gauge is called {', '.join(unknown)}; there is {', '.join(known)}")
    names = [g for g in (gauges or known) if g not in set(held_out)]
    if not names:
        raise ValueError("no gauge is left to train on: hold fewer of them out")
    return names


def _observed(discharge, times, model: Model, names: list[str], device):
    """Observations in mm d-1, (T, G), and the columns of the model's gauges they belong to."""
    table = discharge_table(discharge)
    missing = [g for g in names if g not in table]
    if missing:
        raise ValueError(
            f"there is no discharge of the gauges {', '.join(missing)}; it has "
            f"{', '.join(table.columns)}: name them alike, or leave them out with held_out"
        )
    # one memory layout whatever the table's: sums, and with them every bit, depend on it
    values = np.array(table[names].reindex(times), dtype=np.float64, order="C")
    empty = [g for g, column in zip(names, values.T, strict=True) if np.isnan(column).all()]
    if empty:
        raise ValueError(
            f"the gauges {', '.join(empty)} have no observation from {times[0]:%Y-%m-%d} to "
            f"{times[-1]:%Y-%m-%d}: hold them out or choose another period"
        )
    known = list(model.domain.gauges.index)
    columns = torch.tensor([known.index(g) for g in names], device=device)
    observed = torch.as_tensor(values, dtype=torch.float32, device=device)
    return observed * _per_area(model, columns), columns
