"""What a training sees: which days, gauges and sites, and what each of its steps is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from gridhydro.base.arguments import names as names_of
from gridhydro.base.periods import as_texts as period_of
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.forcing import method_of as forcing_method
from gridhydro.model.model import Model
from gridhydro.observations.discharge import refuse_empty
from gridhydro.observations.target_series import TargetSeries
from gridhydro.training.batches import Batch, minibatches
from gridhydro.training.objective import Validation
from gridhydro.training.splits import Split


def period_and_gauges(period, gauges, split: Split | None):
    """The period and the gauges to train on."""
    if split is None and period is None:
        raise ValueError("which days to train on? give period=(first, last), or a split")
    if split is None:
        return period_of(period), gauges
    if period is not None or gauges is not None:
        raise ValueError("a split has its own period and gauges: give either it or these")
    return split.train_period, split.train_gauges


def method_of(forcing) -> str | None:
    """How the potential evapotranspiration was computed, where the Dataset says so."""
    return forcing.method if isinstance(forcing, Forcing) else forcing_method(forcing)


def epochs(
    model, forcing, observed, places, days, spinup, batches, seed, through=False,
    seen: Sequence[TargetSeries] = (),
) -> Callable:  # fmt: skip
    """Number of the epoch -> its batches; `through`: gradients pass through the spin-up as well.

    observed  discharge (1, T, G), or None; seen: the targets
    """
    if batches is not None:
        if not model.domain.lumped:
            raise ValueError("minibatches are for lumped basins: cells of a raster belong together")

        def windows(starts, length, cells):
            nothing = torch.full((length, len(cells)), torch.nan)
            discharge = nothing if observed is None else observed.window(starts, length, cells)[0]
            return [discharge, *(one.window(starts, length, cells) for one in seen)]

        return lambda epoch: minibatches(
            batches, forcing, windows, days, places, seed * 1_000_003 + epoch
        )
    start = days.start - spinup
    if start < 0:
        raise ValueError(
            f"the spin-up needs {spinup} days before {forcing.times[days.start]:%Y-%m-%d}, the "
            f"forcing has {days.start}: begin the period later, take spinup={days.start}, or give "
            "spinup_cycles to run over the record beforehand"
        )
    # a record that is packed on disk is on the CPU, whatever the model is on
    before, scored = (
        forcing.values[:, part].to(places.device) for part in (slice(start, days.start), days)
    )
    discharge = scored.new_full((days.stop - days.start, len(places)), torch.nan)
    if observed is not None:
        discharge = observed.values[0, days][:, places.to(observed.values.device)]
    series = [discharge.to(places.device), *(one.values[days] for one in seen)]
    if through:
        series = [torch.cat([v.new_full((spinup, v.shape[1]), torch.nan), v]) for v in series]
        before, scored = before[:, :0], torch.cat([before, scored], dim=1)
    everything = Batch(
        before.contiguous(), scored.contiguous(), series[0], places, None, start, tuple(series[1:])
    )
    return lambda epoch: [everything]


def validation(validation, model, forcing, observed, days, spinup, places, storage):
    """What scores the model on the validation period, None without one."""
    if validation is None:
        return None
    if observed is None:
        raise ValueError("validation along the way is of discharge, of which there is none")
    scored = forcing.between(*validation)
    if scored.start < days.stop:
        raise ValueError(
            f"the validation begins on {forcing.times[scored.start]:%Y-%m-%d}, before the training "
            f"ends on {forcing.times[days.stop - 1]:%Y-%m-%d}: take a later one"
        )
    if model.domain.lumped and model.network.reads_weather:
        raise ValueError("validation along the way is not for networks that read the weather")
    known = list(model.domain.gauges.index)
    refuse_empty([observed], scored, places, [known[place] for place in places.tolist()])
    run = slice(max(days.start - spinup, 0), scored.stop)
    return Validation(model, observed, run, scored, places, storage)


def sample(forcing: Forcing, days: slice, cells: torch.Tensor, device) -> torch.Tensor:
    """Forcing (F, T, n) of the training period, of 100 of the cells at most."""
    some = cells[torch.linspace(0, len(cells) - 1, min(len(cells), 100)).long()]
    starts = torch.full_like(some, days.start)
    return forcing.window(starts, days.stop - days.start, some, device)


def training_gauges(model: Model, gauges, held_out) -> list[str]:
    known = list(model.domain.gauges.index)
    gauges = known if gauges is None else names_of("gauges", gauges)
    held_out = names_of("held_out", held_out)
    unknown = [g for g in (*gauges, *held_out) if g not in known]
    if unknown:
        some = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        raise ValueError(f"no gauge is called {', '.join(unknown)}; there is {some}")
    names = [g for g in gauges if g not in set(held_out)]
    if not names:
        raise ValueError("no gauge is left to train on: hold fewer of them out")
    return names


def places_of(model: Model, names: Sequence[str]) -> torch.Tensor:
    """Which of the domain's gauges these are, (g,); of lumped basins the cells as well."""
    known = list(model.domain.gauges.index)
    return torch.tensor([known.index(n) for n in names], device=model.area.device).long()
