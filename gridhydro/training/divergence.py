"""When training diverges: find the first number that is not finite, and keep what leads to it."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from gridhydro.base.files import replace
from gridhydro.base.tensors import write_tensors
from gridhydro.model.base import CellModel
from gridhydro.model.simulate import simulate
from gridhydro.training.batches import Batch


class NotFinite(ArithmeticError):
    """A number that is not finite, with the cell, day and quantity where it first appears."""


@torch.no_grad()
def report(model: CellModel, batch: Batch, times, epoch: int, folder: Path) -> str:
    """Say where NaN or infinity first appears in a batch, and save the case.

    Writes `not-finite.safetensors` (weights, the cell's parameters and its forcing up to that
    day) and `not-finite.json` (where, when, what) into `folder`.
    """
    model = batch.part or model
    where = first(model, batch, times) or {
        "what": "the gradient is not finite, though every parameter, flux and store is"
    }
    folder.mkdir(parents=True, exist_ok=True)
    case = folder / "not-finite.safetensors"
    tensors = {f"model.{k}": v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    place = where.pop("place", None)
    if place is not None:
        weather = torch.cat([batch.before, batch.forcing], dim=1)[:, : where["step"] + 1, place]
        tensors["forcing"] = weather.cpu().contiguous()
        parameters = model.cell_parameters(batch.forcing, batch.chosen, batch.early)
        for name, value in parameters.items():
            tensors[f"parameter.{name}"] = value[..., place, :].cpu().contiguous()
    write_tensors(case, tensors)
    where |= {"epoch": epoch, "options": model.options}
    text = json.dumps(where, indent=1, default=str)
    replace(case.with_suffix(".json"), lambda path: path.write_text(text))
    return (
        f"epoch {epoch + 1}: {where['what']}. The case is kept in {case}. "
        "A smaller learning_rate or clip usually helps"
    )


@torch.no_grad()
def first(model: CellModel, batch: Batch, times) -> dict | None:
    """The first weight, parameter, flux or store that is not finite; None if all are."""
    model = batch.part or model
    for name, weights in model.network.named_parameters():
        if not torch.isfinite(weights).all():
            return {"what": f"the weights '{name}' of the network are not finite"}
    parameters = model.cell_parameters(batch.forcing, batch.chosen, batch.early)
    for name, value in parameters.items():
        bad = (~torch.isfinite(value)).nonzero()
        if len(bad):
            where = _place(model, batch, int(bad[0, -2]))
            number = value[tuple(bad[0])].item()
            return where | {"what": f"the parameter {name} is {number} in {where['name']}"}
    return _first_in_column(model, batch, times, parameters)


def _place(model: CellModel, batch: Batch, place: int) -> dict:
    cell = place if batch.cells is None else int(batch.cells[place])
    named = place if batch.part is not None else cell
    return {"cell": cell, "place": place, "step": 0, "name": model.domain.name_cell(named)}


def _first_in_column(model, batch, times, parameters) -> dict | None:
    own = {f.name: parameters[f.name] for f in model.column.parameters if f.name in parameters}
    names = [f.name for f in (*model.column.states, *model.column.fluxes)]
    weather = torch.cat([batch.before, batch.forcing], dim=1)
    state = None if batch.state is None else batch.state.column
    if not own:
        return None
    weather = model.weather(weather)[: len(model.column.forcings)]
    properties = model.cell_properties(batch.chosen)
    properties = {f.name: properties[f.name] for f in model.column.properties}
    for t in range(weather.shape[1]):
        today = {name: p[t : t + 1] if p.ndim == 3 else p for name, p in own.items()}
        values, state = simulate(
            model.column, weather[:, t : t + 1], today, properties=properties, initial=state,
            outputs=names, networks=model.embedded, scheme=model.stepping,
        )  # fmt: skip
        for name in names:
            bad = (~torch.isfinite(values[name][0])).nonzero()
            if len(bad):
                where = _place(model, batch, int(bad[0, 0]))
                day, number = times[batch.day(t, where["place"])], values[name][0, where["place"]]
                return where | {
                    "what": f"{name} is {number.item()} on {day:%Y-%m-%d} in {where['name']}, "
                    "the first quantity that is not finite",
                    "step": t, "day": str(day.date()), "quantity": name,
                }  # fmt: skip
    return None
