"""An emulator in the place of a column: its inputs, its outputs, and the inputs it refuses."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from gridhydro.columns.column import Column, Field
from gridhydro.columns.components import over_components
from gridhydro.observations.averages import Averages
from gridhydro.surrogate import folder as folder_of
from gridhydro.surrogate.emulator import Emulator
from gridhydro.surrogate.fidelity import table
from gridhydro.surrogate.runs import Runs

_LANE_DAYS = 2**20  # that are run at once where no gradient is wanted
_RUNS = 256
# a parameter may leave its range by this fraction of it: the rounding of float32
_ROUNDING = 1e-6


class Surrogate(Column):
    """A trained emulator as the column of a `gridhydro.Model`.

    forcings, parameters, fluxes   as of any column; the bounds of the parameters are the range
                that was sampled, outside of which nothing is run
    ranges      forcing -> lowest and highest value that it was trained on
    warmup      days that it needs before what it says counts: it warns, once, if a run without
                a state has fewer, or is learned from without a spin-up
    about       how it was trained
    history     loss, and scores of held-out runs along the way

    Its weights are no parameters of a model that it is in: gradients pass through them to the
    parameters of the column, and they do not change. Its state, handed on from run to run, is that
    of the LSTM: it holds no water, and no balance.
    """

    def __init__(
        self,
        emulator: Emulator,
        forcings: Sequence[Field],
        parameters: Sequence[Field],
        outputs: Sequence[Field],
        *,
        ranges: Mapping[str, tuple[float, float]],
        label: str = "surrogate",
        warmup: int = 0,
        about: Mapping | None = None,
        history: pd.DataFrame | None = None,
    ):
        self.forcings, self.parameters = tuple(forcings), tuple(parameters)
        self.fluxes = tuple(outputs)
        self.ranges = {name: (float(low), float(high)) for name, (low, high) in ranges.items()}
        self.label, self.warmup, self.about = label, warmup, dict(about or {})
        self.history = pd.DataFrame() if history is None else history
        # in training mode whatever the model does: on a GPU an LSTM has no gradient outside of it
        self.emulator = emulator.requires_grad_(False).train()
        names = [field.name for field in self.fluxes]
        self.runoff = "runoff" if "runoff" in names else None
        self.water_in = self.water_out = ()
        self._warned: dict[str, float] = {}
        self._warned_of_start = False

    @property
    def name(self) -> str:  # type: ignore[override]  # made of the weights, so not to be set
        """Its label, and a few digits that tell its weights from others."""
        digits = hashlib.sha256()
        for value in self.emulator.state_dict().values():
            digits.update(value.detach().cpu().numpy().tobytes())
        return f"{self.label}-{digits.hexdigest()[:8]}"

    def __repr__(self) -> str:
        ranges = ", ".join(f"{f.name} [{f.range[0]:g}, {f.range[1]:g}]" for f in self.parameters)
        return (
            f"Surrogate {self.name}: {', '.join(f.name for f in self.forcings)} -> "
            f"{', '.join(f.name for f in self.fluxes)}\n  {ranges}"
        )

    def save(self, folder: str | Path) -> None:
        """Keep it in a folder, weights as safetensors and the rest as JSON."""
        folder_of.save(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> Surrogate:
        """One that was kept; FileNotFoundError where there is none."""
        return cls(**folder_of.read(folder))

    def step(self, s, x, p):
        raise TypeError("a surrogate has no step of its own, only the LSTM that it was trained as")

    def advance(
        self,
        weather: Tensor,
        parameters: Mapping[str, Tensor],
        initial: Mapping[str, Tensor] | None,
        outputs: Sequence[str],
        averages,
        averaged: Sequence[str],
        mean: bool,
        weights: Tensor | None,
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The days of `gridhydro.simulate`, for which see there; forcing (F, T, N)."""
        daily = [name for name, value in parameters.items() if value.ndim == 3]
        if daily:
            raise ValueError(
                f"{', '.join(daily)} cannot change by day: the surrogate was trained on runs with "
                "constant parameters"
            )
        self.refuse(parameters)
        self._look_at(weather)
        cells = weather.shape[2]
        lanes = [parameters[f.name].reshape(cells, -1) for f in self.parameters]
        components = max(lane.shape[1] for lane in lanes)
        theta = torch.stack([lane.expand(cells, components).flatten() for lane in lanes])
        wanted = dict.fromkeys((*outputs, *averaged))
        state = None
        if initial is None:
            self._look_at_start(weather.shape[1], theta.requires_grad)
        else:
            state = tuple(initial[n].flatten(0, 1)[None].contiguous() for n in ("hidden", "cell"))
        values, state = self._run(weather, theta, components, state, list(wanted))
        found = {
            name: value if not mean else over_components(value, weights)
            for name, value in zip(wanted, values.unbind(-1), strict=True)
        }
        if averaged:
            periods = averages if isinstance(averages, Averages) else Averages(*averages)
            found |= {name: periods.means(found[name]) for name in averaged}
        final = (part[0].unflatten(0, (cells, components)) for part in state)
        return found, dict(zip(("hidden", "cell"), final, strict=True))

    def _run(self, weather, theta, components, state, wanted):
        """(T, N, M, O) of the outputs that are wanted, and the state."""
        net = self.emulator.to(weather.device)
        real = net.head.weight.dtype
        rows = [[f.name for f in self.fluxes].index(name) for name in wanted]
        days = weather.shape[1]
        block = max(1, days if torch.is_grad_enabled() else _LANE_DAYS // theta.shape[1])
        parts = []
        for first in range(0, days, block):
            part = weather[:, first : first + block].repeat_interleave(components, dim=2)
            values, state = net(part.to(real), theta.to(real), state)
            parts.append(values[..., rows])
        values = torch.cat(parts).to(weather.dtype)
        return values.unflatten(1, (-1, components)), state

    def refuse(self, values: Mapping[str, object]) -> None:
        """ValueError for values of parameters outside the range that was sampled."""
        for field in self.parameters:
            if field.name not in values:
                continue
            given = values[field.name]
            given = torch.as_tensor(given if torch.is_tensor(given) else np.asarray(given)).detach()
            low, high = field.range
            slack = _ROUNDING * max(high - low, abs(low), abs(high))
            wrong = given[(given < low - slack) | (given > high + slack)]
            if wrong.numel():
                raise ValueError(
                    f"{field.name} = {wrong.flatten()[0].item():g} {field.unit} is outside "
                    f"[{low:g}, {high:g}], the range that the surrogate was sampled in "
                    f"({wrong.numel()} of {given.numel()} values): it knows nothing of the model "
                    "there; sample a wider range"
                )

    def _look_at(self, weather: Tensor) -> None:
        """A warning for each forcing that leaves what was trained on, once unless it gets worse."""
        for field, row in zip(self.forcings, weather, strict=True):
            low, high = self.ranges[field.name]
            lowest, highest = float(row.min()), float(row.max())
            beyond = max(low - lowest, highest - high) / max(high - low, 1e-12)
            if beyond > 1e-6 and beyond > 1.1 * self._warned.get(field.name, 0.0):
                self._warned[field.name] = beyond
                warnings.warn(
                    f"{field.name} goes from {lowest:.4g} to {highest:.4g} {field.unit}; the "
                    f"surrogate was trained on {low:.4g} to {high:.4g}, which it leaves by "
                    f"{beyond:.0%} of that range: what it says there is extrapolated",
                    stacklevel=3,
                )

    def _look_at_start(self, days: int, learning: bool) -> None:
        """A warning, once, for a start without a state: days of a spin-up have no gradient."""
        if self._warned_of_start or not (days < self.warmup or (learning and self.warmup)):
            return
        self._warned_of_start = True
        warnings.warn(
            f"a run of {days} days begins without a state: what the surrogate says of its first "
            f"{self.warmup} does not count; begin with a spin-up as long, or leave them out",
            stacklevel=3,
        )

    @torch.no_grad()
    def predict(self, runs: Runs) -> xr.Dataset:
        """Outputs (time, run) in place of those of the model in these runs."""
        self._check(runs)
        series = np.stack([runs.series(field) for field in self.forcings])
        device = self.emulator.head.weight.device
        weather = torch.as_tensor(series, dtype=torch.float32, device=device)
        theta, names = runs.values(self.parameters), [f.name for f in self.fluxes]
        parts = []
        for first in range(0, runs.size, _RUNS):
            some = slice(first, first + _RUNS)
            values = {
                f.name: torch.as_tensor(row[some], dtype=torch.float32, device=device)
                for f, row in zip(self.parameters, theta, strict=True)
            }
            part = weather[:, :, runs.cell[some]].contiguous()
            found = self.advance(part, values, None, names, None, (), True, None)[0]
            parts.append({name: found[name].cpu().numpy() for name in names})
        return xr.Dataset(
            {
                f.name: (("time", "run"), np.concatenate([p[f.name] for p in parts], 1), f.attrs)
                for f in self.fluxes
            },
            {"time": runs.times, "run": runs.data["run"].values},
        )

    def fidelity(self, runs: Runs) -> pd.DataFrame:
        """Scores against the model in runs that it was not trained on, one row an output.

        Medians over the runs, after the first `warmup` days: correlation, NSE, RMSE and bias (in
        the output's unit), percent_bias; and NSE that 90 % of the runs reach.
        """
        self._check(runs)
        return table(self.fluxes, runs, self.predict(runs), self.warmup)

    def _check(self, runs: Runs) -> None:
        for kind, of_runs, own in (
            ("forcing", runs.forcings, self.forcings),
            ("parameter", runs.parameters, self.parameters),
        ):
            given = {f.name: f for f in of_runs}
            for field in own:
                if field.name not in given:
                    raise ValueError(f"the runs lack the {kind} {field.name}: they have "
                                     f"{', '.join(given)}")  # fmt: skip
                if given[field.name].unit != field.unit:
                    raise ValueError(
                        f"{field.name} of the runs is in '{given[field.name].unit}', the surrogate "
                        f"takes '{field.unit}'"
                    )
