"""Parameters searched at each site by itself: the classical baseline of learning them together."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor
from tqdm import tqdm

from gridhydro.base import files
from gridhydro.base.arguments import one_of, whole
from gridhydro.base.interrupt import Interrupt
from gridhydro.base.periods import as_texts as period_of
from gridhydro.columns.column import Column
from gridhydro.domain.domain import Domain
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.model import Model
from gridhydro.model.run import Run
from gridhydro.model.unit_hydrograph import UnitHydrograph
from gridhydro.nets.options import ParameterNetwork
from gridhydro.observations.targets import Target
from gridhydro.training import checkpoint
from gridhydro.training.calibration.losses import LOSSES
from gridhydro.training.calibration.objective import Observed, Sites, put
from gridhydro.training.calibration.sceua import STOPS, Search, search
from gridhydro.training.data import method_of
from gridhydro.training.train import device_named

METHODS = ("sceua",)


def calibrate(
    domain: Domain,
    column: str | Column,
    forcing: xr.Dataset | Forcing,
    discharge: pd.DataFrame | xr.DataArray | None = None,
    *,
    target: Target | None = None,
    period: tuple[str, str],
    spinup: int = 365,
    method: str = "sceua",
    loss: str | None = None,
    complexes: int = 7,
    max_runs: int = 5000,
    variant: str = "published",
    gauges: Sequence[str] | None = None,
    fixed: Mapping[str, float] | None = None,
    unit_hydrograph: str | None = None,
    properties=None,
    scheme: str = "sequential",
    seed: int = 0,
    device: str | torch.device | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    checkpoint_every: float = 20.0,
    progress: bool = True,
) -> Calibration:
    """Search the parameters of every site alone, all of them side by side; returns a `Run`.

    domain      lumped basins, or with a target any cells
    discharge   of lumped basins, as for `gridhydro.train`
    target      a `gridhydro.Target` instead: a flux or state that is observed on cells
    period, spinup  days that are scored, and days before them that only fill the stores
    method      "sceua", see `sceua.search`, which has complexes, max_runs and variant
    loss        "nse" (of discharge; of a target its own), "kge", "rmse" or "rmse_lowflow"
    gauges      sites to search (all); the others keep the middle of every range
    fixed, unit_hydrograph, properties, scheme  see `gridhydro.Model`
    out         folder for the state of the search, at shuffles at least `checkpoint_every` seconds
                apart; with `resume` it goes on from the last, to the numbers of an unbroken one

    Ranges are searched as the networks see them, those with `log` in logarithm. Where the data says
    nothing of a parameter (a river's, for cells) it stays at mid-range. ValueError for input that
    does not fit together, and naming the sites where nothing varies or no run is finite.
    """
    one_of("method", method, METHODS)
    spinup, seed = whole("spinup", spinup, 0), whole("seed", seed, 0)
    complexes, max_runs = whole("complexes", complexes, 1), whole("max_runs", max_runs, 1)
    routing = None if unit_hydrograph is None else UnitHydrograph(unit_hydrograph)
    model = Model(
        domain, column, network=ParameterNetwork("free", seed=seed), fixed=fixed, routing=routing,
        properties=properties, scheme=scheme,
    ).to(device_named(device))  # fmt: skip
    if model.column.networks:
        raise ValueError(
            f"the column '{model.column.name}' has a network that all sites share: train it"
        )
    pet = method_of(forcing)
    forcing = Forcing.read(forcing, domain, model, device=model.area.device)
    period = period_of(period)
    days = forcing.between(*period)
    if days.start < spinup:
        raise ValueError(
            f"the spin-up needs {spinup} days before {forcing.times[days.start]:%Y-%m-%d}, the "
            f"forcing has {days.start}: begin the period later, or take spinup={days.start}"
        )
    if (target is None) == (discharge is None):
        raise ValueError("a search fits one series a site: give either discharge or a target")
    if target is None:
        seen = Observed.discharge(discharge, model, forcing, days, gauges)
    else:
        seen = Observed.target(target, model, forcing, days, gauges)
    loss = one_of("loss", loss or ("nse" if target is None else target.loss), LOSSES)
    sites = Sites(model, forcing, seen, days, spinup, loss)
    about = model.options | dict(
        method=method, period=list(period), spinup=spinup, loss=loss, target=seen.about,
        complexes=complexes, max_runs=max_runs, variant=variant, seed=seed,
        gauges=list(seen.gauges), sites=len(seen.cells), pet=pet,
        fitted=["discharge" if target is None else target.name],
    )  # fmt: skip
    low = torch.zeros(len(sites.rows), device=model.area.device)
    log = _Log(out, resume, about, checkpoint_every, progress, low.device)
    with log, Interrupt() as log.interrupt:
        found = search(
            sites, low, low + 1, sites=seen.cells, complexes=complexes, max_runs=max_runs,
            seed=seed, variant=variant, state=log.state, each=log.note,
        )  # fmt: skip
    sites.refuse_infinite(found.lowest[-1])
    put(model, seen.cells, sites.rows, found.best[-1])
    model.eval()
    history = pd.DataFrame(log.history)
    return Calibration(model, forcing, history, about, found, seen.cells, sites.rows)


@dataclass
class Calibration(Run):
    """A `Run` with its `search`, whose sites are these `cells` (K,) of the domain.

    In its history an epoch is a run of every site, `loss` the mean over the sites of the lowest so
    far, and `searching` how many have not ended. `rows`: the learned parameters that are searched.
    """

    search: Search
    cells: Tensor
    rows: list[int]

    def __repr__(self) -> str:
        stops = [(self.search.stopped == i).sum().item() for i in range(len(STOPS))]
        why = ", ".join(f"{n} by {name}" for name, n in zip(STOPS, stops, strict=True) if n)
        runs = self.search.spent.double().mean()
        return f"Calibration of {self.model!r}\n  {runs:.0f} runs a site; ended {why}"

    def after(self, runs: int) -> Run:
        """The run with what was best at each site within this number of runs of it.

        Found at shuffles: as of the last one before. ValueError where not even the first
        population was complete.
        """
        within = (self.search.runs <= runs).sum(0) - 1
        if (within < 0).any():
            raise ValueError(f"the first population takes {int(self.search.runs[0, 0])} runs")
        best = self.search.best.take_along_dim(within[None, :, None], 0)[0]
        # all but the domain, which nothing changes
        model = copy.deepcopy(self.model, {id(self.model.domain): self.model.domain})
        put(model, self.cells, self.rows, best)
        return Run(model, self.forcing, self.history, self.about)

    @property
    def trace(self) -> xr.Dataset:
        """`runs` and lowest `loss` so far at every shuffle, the first population included: (loop,
        cell), the cells by their number in the domain."""
        found = {"runs": self.search.runs, "loss": self.search.lowest}
        data = {name: (("loop", "cell"), value.cpu().numpy()) for name, value in found.items()}
        loops = np.arange(len(self.search.runs))
        return xr.Dataset(data, {"loop": loops, "cell": self.cells.cpu().numpy()})

    def save(self, folder: str | Path, **options) -> None:
        """As `Run.save`; the trace goes to search.nc."""
        super().save(folder, **options)
        files.replace(Path(folder) / "search.nc", lambda p: self.trace.to_netcdf(p))


class _Log:
    """What happens at every shuffle: a line of history, the bar, and now and then a checkpoint."""

    def __init__(self, out, resume: bool, about: dict, every: float, progress: bool, device):
        self.folder = None if out is None else Path(out) / "checkpoint"
        self.about, self.every, self.progress = about, every, progress
        self.state, self.history = None, []
        if self.folder is not None:
            files.writable(self.folder)
            if resume and (kept := checkpoint.kept(self.folder, about)):
                _, tensors, self.history = kept
                self.state = Search(**{name: v.to(device) for name, v in tensors.items()})

    def __enter__(self) -> _Log:
        runs = self.history[-1]["epoch"] if self.history else 0
        self.bar = tqdm(
            total=self.about["max_runs"], initial=round(runs), unit=" runs a site",
            desc="searching", disable=not self.progress,
        )  # fmt: skip
        self.began = self.saved = time.monotonic()
        return self

    def __exit__(self, *error) -> None:
        self.bar.close()

    def note(self, search: Search) -> None:
        now, (runs, loss) = (
            time.monotonic(),
            (value.double().mean().item() for value in (search.spent, search.lowest[-1])),
        )
        left = int((search.stopped == 0).sum())
        seconds, self.began = now - self.began, now
        line = {"epoch": runs, "loss": loss, "searching": left, "seconds": seconds}
        self.history.append(line)
        self.bar.update(round(runs) - self.bar.n)
        self.bar.set_postfix_str(f"mean loss {loss:.4f}, {left} of {len(search.spent)} sites")
        over = self.interrupt.asked or not left
        if self.folder is not None and (over or now - self.saved > self.every):
            tensors = search.tensors()
            checkpoint.keep(self.folder, search.loops, tensors, self.history, self.about)
            self.saved = now
        if self.interrupt.asked:
            raise KeyboardInterrupt(f"after {runs:.0f} runs a site")
