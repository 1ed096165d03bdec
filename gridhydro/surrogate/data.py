"""Windows of runs that an emulator is trained on, and the loss over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gridhydro.columns.column import Field
from gridhydro.inputs.forcing import Forcing, by_cell
from gridhydro.surrogate.emulator import Emulator
from gridhydro.surrogate.options import Windows
from gridhydro.surrogate.runs import Runs

# added to the spread of a run, as fraction of that of all: runs in which little happens count, but
# not without end (Kratzert et al. 2019, doi:10.5194/hess-23-5089-2019, eq. 7)
_LEAST = 0.1


class Data:
    """Runs that are learned from, of which windows of days are drawn at random.

    weather (F, T, C) of all cells, targets (O, T, R) with gaps, theta (P, R); cell (R,) of each run
    """

    def __init__(self, runs: Runs, weather, targets, theta, device):
        self.weather, self.targets, self.theta, self.device = weather, targets, theta, device
        self.forcing = Forcing(runs.times, by_cell(weather))
        self.wanted = Forcing(runs.times, by_cell(targets))
        self.cell, self.size = torch.as_tensor(runs.cell), runs.size

    @classmethod
    def of(cls, runs: Runs, outputs: Sequence[Field], device: torch.device) -> Data:
        """The data of these runs, windows of which go to the device."""
        series = ([runs.series(field) for field in kind] for kind in (runs.forcings, outputs))
        weather, targets = (torch.as_tensor(np.stack(s), dtype=torch.float32) for s in series)
        theta = torch.as_tensor(runs.values(runs.parameters), dtype=torch.float32)
        return cls(runs, weather, targets, theta, device)

    def loss(self, net: Emulator, batch: int, windows: Windows, spread, random) -> torch.Tensor:
        """Mean squared error of so many windows, errors divided by the spread (R, O)."""
        warmup, total = windows.warmup, len(self.forcing.times)
        run = torch.randint(0, self.size, (batch,), generator=random)
        first = torch.randint(0, total - windows.length + 1, (batch,), generator=random)
        weather = self.forcing.window(first, windows.length, self.cell[run], self.device)
        wanted = self.wanted.window(first + warmup, windows.days, run, self.device)
        wanted = wanted.permute(1, 2, 0)
        theta, state = self.theta[:, run].to(self.device), None
        if warmup:
            with torch.no_grad():
                _, state = net(weather[:, :warmup], theta)
        found, _ = net(weather[:, warmup:], theta, state)
        there = torch.isfinite(wanted)
        error = torch.where(there, found - wanted.nan_to_num(), 0.0) / spread[run.to(self.device)]
        return (error**2).sum() / there.sum().clamp(min=1)


def spread_of(targets: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """The divisor of the errors of each run, (R, O), of outputs (O, T, R) with the spread (O,)."""
    there = torch.isfinite(targets)
    count = there.sum(1).clamp(min=1)
    values = targets.nan_to_num()
    mean = values.sum(1) / count
    apart = torch.where(there, targets.nan_to_num() - mean[:, None], 0.0)
    of_run = ((apart**2).sum(1) / count).sqrt()
    return (of_run + _LEAST * whole[:, None]).T
