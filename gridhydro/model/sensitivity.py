"""What a river or a store would be if something were a little different: gradients as maps.

The mean of an output at a place over a period is differentiated once, backwards, through rivers,
columns and corrections of the weather, to every parameter, every series of the forcing and every
store of every cell: as much as a finite difference for each of them would say, in one pass.
Parameters that a network reads off the weather stay as they are when the weather changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from gridhydro.base.arguments import one_of, required
from gridhydro.base.periods import ends
from gridhydro.columns.column import Field
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.model import Model
from gridhydro.model.state import State
from gridhydro.model.window import RIVER, parameters_from, states_behind

DISCHARGE = "discharge"
YEAR = 365  # days before the period whose weather and stores it still feels, unless said otherwise
OFFSET = "degC"  # a scale without a true zero has no fractions


@dataclass(frozen=True)
class Place:
    """What is differentiated: the mean of an output over a period.

    of      "discharge" (of a gauge), or a flux or a state: the mean by area over what is upstream
            of the gauge, or over the whole domain
    gauge   its name; None: the whole domain
    period  two dates, months or years, both ends included
    since   the first day whose weather counts, and at whose beginning the stores are; a year before
            the period if left out. What was before is not asked about
    """

    of: str
    gauge: str | None
    period: tuple[str, str]
    since: str | None = None


def sensitivity(
    run, place: Place, by: str, relative: bool, forcing: xr.Dataset | Forcing | None
) -> xr.Dataset:
    """See `Run.sensitivity`."""
    one_of("by", by, ("all", "year", "month", "day"))
    model = run.model.eval()
    if not isinstance(model, Model):
        raise ValueError(
            f"sensitivities are of models with a column: {type(model).__name__} has neither "
            "parameters nor stores that mean something"
        )
    weights = _weights(model, place)
    unit = _unit(model, place.of)
    record = run.record(forcing)
    days = record.between(*place.period)
    first = _first(place, record, days)
    run.say_where_cold(record.times, days)
    (state,) = states_behind(run, record, [first])
    leaves = Leaves.of(model, record.values[:, first : days.stop].to(model.area), state)
    outputs = () if place.of == DISCHARGE else (place.of,)
    with torch.enable_grad():
        found = model(leaves.forcing, leaves.state, outputs, leaves.parameters)
        series = found.outputs[place.of] if outputs else required(DISCHARGE, found.discharge)
        value = (series[days.start - first :] * weights).sum(1).mean()
        gradients = leaves.gradients(value)
    if relative and not value:
        raise ValueError(f"the mean {place.of} is 0, of which there are no fractions")
    times = record.times[first : days.stop]
    maps = dict(_maps(model, gradients, times, by, unit, value.item(), relative))
    about = {
        "title": f"sensitivity of the mean {place.of} "
        + (f"at gauge {place.gauge}" if place.gauge else "of the domain")
        + f", {' to '.join(place.period)}",
        "period": "/".join(place.period),
        "stores_at": f"the beginning of {times[0]:%Y-%m-%d}",
        f"mean_{place.of}": value.item(),
        f"unit_of_mean_{place.of}": unit,
    }
    return xr.Dataset(maps, attrs=about)


def _weights(model: Model, place: Place) -> Tensor:
    """What each gauge, or each cell, counts in the mean."""
    domain = model.domain
    names = list(domain.gauges.index)
    if place.gauge is not None:
        one_of("gauge", place.gauge, names)
    if place.of == DISCHARGE:
        if place.gauge is None:
            raise ValueError("the discharge of which gauge? gauge=..., one of " + ", ".join(names))
        found = torch.zeros(len(names))
        found[names.index(place.gauge)] = 1.0
    else:
        found = torch.zeros(domain.size)
        cells = _cells(domain, names, place.gauge)
        found[cells] = (model.area.cpu()[cells] / model.area.cpu()[cells].sum()).float()
    return found.to(model.area.device)


def _cells(domain, names: list[str], gauge: str | None) -> np.ndarray:
    if gauge is None:
        return np.arange(domain.size)
    return np.array([names.index(gauge)]) if domain.lumped else domain.upstream([gauge])


def _unit(model: Model, of: str) -> str:
    return "m3 s-1" if of == DISCHARGE else model.output(of).unit


def _first(place: Place, record: Forcing, days: slice) -> int:
    """The day of the record on which the gradient begins: the second at the earliest, since there
    has to be a state before it."""
    if days.stop <= days.start or days.start < 1:
        raise ValueError(
            f"the period {' to '.join(place.period)} begins on the first day of the forcing, "
            f"{record.times[0]:%Y-%m-%d}: there has to be at least a day before it, and should be "
            "a year that fills the stores"
        )
    if place.since is None:
        count = record.steps_a_day
        return max(count, days.start - YEAR * count)
    since, _ = ends((place.since, place.since), "since")
    first = int(record.times.searchsorted(since))
    if not 1 <= first <= days.start:
        raise ValueError(
            f"since {place.since}: no day from {record.times[1]:%Y-%m-%d}, the second of the "
            f"forcing, to the first of the period, {record.times[days.start]:%Y-%m-%d}"
        )
    return first


@dataclass(frozen=True)
class Leaves:
    """The tensors that a gradient goes to: all that a run over some days is made of."""

    parameters: Mapping[str, Tensor]
    forcing: Tensor
    state: State

    @classmethod
    def of(cls, model: Model, forcing: Tensor, state: State) -> Leaves:
        """Of these days (F, T, N), which begin with this state."""
        # a network that reads the weather sees the square root of rain, of infinite slope at none:
        # what it makes of the weather is given
        given = parameters_from(model, forcing, state)
        begun = replace(
            state,
            column={name: _leaf(values) for name, values in state.column.items()},
            river=None if state.river is None else _leaf(state.river),
        )
        return cls({n: _leaf(values) for n, values in given.items()}, _leaf(forcing), begun)

    def gradients(self, value: Tensor) -> dict[str, dict[str, tuple[Tensor, Tensor]]]:
        """Kind -> name -> the values and the gradient to them; zeros where nothing depends."""
        kinds = {"parameter": dict(self.parameters), "forcing": {"": self.forcing}}
        kinds["store"] = dict(self.state.column)
        if self.state.river is not None:
            kinds["store"][RIVER] = self.state.river
        flat = [leaf for kind in kinds.values() for leaf in kind.values()]
        found = iter(torch.autograd.grad(value, flat, allow_unused=True, materialize_grads=True))
        return {
            kind: {name: (leaf.detach(), next(found)) for name, leaf in leaves.items()}
            for kind, leaves in kinds.items()
        }


def _leaf(values: Tensor) -> Tensor:
    return values.detach().clone().requires_grad_()


def _maps(
    model: Model, gradients: Mapping, times: pd.DatetimeIndex, by: str, unit: str, mean: float,
    relative: bool,
) -> Iterator[tuple[str, xr.DataArray]]:  # fmt: skip
    """Name -> map of each, summed over components, days and reservoirs of a cascade."""
    domain = model.domain

    def told(field: Field, kind: str) -> dict:
        units = "1" if relative else f"{unit} ({field.unit})-1"
        return {"units": units, "long_name": f"sensitivity to the {kind} {field.long_name}"}

    def share(values: Tensor, gradient: Tensor) -> Tensor:
        return gradient * values / mean if relative else gradient

    def asked(field: Field) -> bool:
        return not (relative and field.unit == OFFSET)

    fields = {field.name: field for field in model.fields}
    for name, (values, gradient) in gradients["parameter"].items():
        if name in fields and asked(fields[name]):
            cells = share(values, gradient).sum(-1)
            cells = cells.sum(0) if cells.ndim == 2 else cells
            yield name, domain.unpack(cells.cpu().numpy(), name, told(fields[name], "parameter"))
    stores = {f.name: f for f in model.column.states}
    stores[RIVER] = Field(RIVER, "m3", "water in the rivers")
    for name, (values, gradient) in gradients["store"].items():
        if not asked(stores[name]):
            continue
        cells = share(values, gradient)
        cells = cells.sum(0) if name == RIVER else cells.sum(-1)
        yield name, domain.unpack(cells.cpu().numpy(), name, told(stores[name], "store"))
    (pair,) = gradients["forcing"].values()
    rows, coordinate = labels_of(times, by)
    for number, field in enumerate(model.forcings):
        if asked(field):
            daily = share(*(each[number] for each in pair)).cpu()
            sums = daily.new_zeros(len(coordinate), daily.shape[1]).index_add_(0, rows, daily)
            about = told(field, "series") | {"cell_methods": f"time: sum (of days, by {by})"}
            dims, coords = (["time"], {"time": coordinate}) if by != "all" else ([], {})
            sums = sums if by != "all" else sums[0]
            yield field.name, domain.unpack(sums.numpy(), field.name, about, dims, coords)


def labels_of(times: pd.DatetimeIndex, by: str) -> tuple[Tensor, pd.DatetimeIndex]:
    """The row of each day, and the first day of each row."""
    if by == "all":
        return torch.zeros(len(times), dtype=torch.long), times[:1]
    starts = (
        times.floor("D")
        if by == "day"
        else times.to_period({"year": "Y", "month": "M"}[by]).start_time
    )
    rows, index = pd.factorize(starts)
    return torch.as_tensor(rows), pd.DatetimeIndex(index)
