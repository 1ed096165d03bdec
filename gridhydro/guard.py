"""When training diverges: find the first number that is not finite, and keep what leads to it."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from gridhydro.forcing import Forcing
from gridhydro.model import Model
from gridhydro.simulate import simulate


class NotFinite(ArithmeticError):
    """A number that is not finite, with the cell, day and quantity where it first appears."""


@torch.no_grad()
def report(model: Model, forcing: Forcing, start: int, stop: int, epoch: int, folder: Path) -> str:
    """Say where NaN or infinity first appears in days start to stop, and save the case.

    Writes `not-finite.safetensors` (weights, the cell's parameters and its forcing up to that
    day) and `not-finite.json` (where, when, what) into `folder`.
    """
    where = first(model, forcing, start, stop) or {
        "what": "the gradient is not finite, though every parameter, flux and store is"
    }
    folder.mkdir(parents=True, exist_ok=True)
    case = folder / "not-finite.safetensors"
    tensors = {f"model.{k}": v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    cell = where.get("cell")
    if cell is not None:
        weather = forcing.values[:, start : start + where["step"] + 1, cell]
        tensors["forcing"] = weather.cpu().contiguous()
        for name, value in model.cell_parameters().items():
            tensors[f"parameter.{name}"] = value[cell].cpu().contiguous()
    save_file(tensors, case)
    where |= {"epoch": epoch, "options": model.options}
    case.with_suffix(".json").write_text(json.dumps(where, indent=1, default=str))
    return (
        f"epoch {epoch + 1}: {where['what']}. The case is kept in {case}. "
        "A smaller learning_rate or clip usually helps"
    )


@torch.no_grad()
def first(model: Model, forcing: Forcing, start: int, stop: int) -> dict | None:
    """The first weight, parameter, flux or store that is not finite; None if all are."""
    for name, weights in model.network.named_parameters():
        if not torch.isfinite(weights).all():
            return {"what": f"the weights '{name}' of the network are not finite"}
    parameters = model.cell_parameters()
    for name, value in parameters.items():
        bad = (~torch.isfinite(value)).nonzero()
        if len(bad):
            cell = int(bad[0, 0])
            place = model.domain.name_cell(cell)
            return {
                "what": f"the parameter {name} is {value[tuple(bad[0])].item()} in {place}",
                "cell": cell,
                "step": 0,
            }
    return _first_in_column(model, forcing, start, stop, parameters)


def _first_in_column(model, forcing, start, stop, parameters) -> dict | None:
    own = {f.name: parameters[f.name] for f in model.column.parameters}
    names = [f.name for f in (*model.column.states, *model.column.fluxes)]
    state = None
    for t in range(start, stop):
        values, state = simulate(
            model.column, forcing.values[:, t : t + 1], own, initial=state, outputs=names,
            backend=model.backend,
        )  # fmt: skip
        for name in names:
            bad = (~torch.isfinite(values[name][0])).nonzero()
            if len(bad):
                cell = int(bad[0, 0])
                day = forcing.times[t]
                return {
                    "what": f"{name} is {values[name][0, cell].item()} on {day:%Y-%m-%d} in "
                    f"{model.domain.name_cell(cell)}, the first quantity that is not finite",
                    "cell": cell, "step": t - start, "day": str(day.date()), "quantity": name,
                }  # fmt: skip
    return None
