"""A model seen in part, with the same weights: on some of a raster's cells, or one component."""

from __future__ import annotations

import copy
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from gridhydro.base.arguments import required, whole
from gridhydro.domain import builders
from gridhydro.model.base import CellModel
from gridhydro.model.model import Model
from gridhydro.nets.base import CellNetwork
from gridhydro.nets.box import Box
from gridhydro.nets.mlp import Parameterization

Module = TypeVar("Module", bound=torch.nn.Module)

# what a model keeps of its cells, and the axis on which they are
_OF_CELLS = {"area": 0, "flow_length": 0, "properties": 1, "history": 2}


def part_of(model: Model, cells: np.ndarray) -> tuple[Model, Tensor]:
    """The model of some of a raster's cells, closed upstream, and whose forcing (K,) it takes.

    These are the cells in the order of the part, which is that of its own river network, then those
    around them that a correction looks at. Networks and their weights are those of the model:
    gradients go to them. In the cells of the part its runs give what those of the model give.
    """
    domain, order = builders.only(model.domain, cells)
    part = _again(model)
    part.domain = domain
    own = torch.as_tensor(order, device=model.area.device)
    for name, axis in _OF_CELLS.items():
        values = getattr(model, name, None)
        if values is not None:
            part.register_buffer(name, values.index_select(axis, own))
    gauges = torch.tensor(domain.gauge_cells, device=own.device)
    part.register_buffer("gauge_cells", gauges)
    part.network, near = _around(model.network, own)
    part.register_buffer("attributes", model.attributes[near])
    if model.correction is not None:
        part.correction, own = _around(model.correction, own)
        part.register_buffer("correction_attributes", model.correction_attributes[own])
    return part, own


@torch.no_grad()
def simulated_part(model: Model, cells: np.ndarray) -> tuple[Model, Tensor]:
    """As `part_of`, of a model that is not trained meanwhile: its numbers are those of the whole.

    The last bits of a product depend on how many cells it is of: parameters that do not change by
    day are read off for all cells, then taken for these.
    """
    part, taken = part_of(model.eval(), cells)
    if not model.network.reads_weather:
        own = taken[: part.domain.size]
        known = _Known({n: v[own] for n, v in model.cell_parameters().items()})
        part.network, part.component = cast(Parameterization, known), None
    return part, taken


def component_of(model: CellModel, number: int) -> Model:
    """The model with one of its parameter sets alone, counted from 0.

    ValueError for a model without several, and where the sets have weights that are learned: they
    are no members of one ensemble.
    """
    if not isinstance(model, Model) or model.components < 2:
        raise ValueError(
            "this model has no parallel parameter sets (components=1): train one that has, with "
            "components=4 of Model, or components = 4 under [model] of the domain file"
        )
    if model.options["components"]["weights"] == "learned":
        raise ValueError(
            "the components of this model have weights that are learned: one of them alone is no "
            "member of an ensemble"
        )
    part = _again(model)
    part.component, part.components = whole("component", number, 0, model.components - 1), 1
    return part


class _Known(CellNetwork):
    """Parameters (N, M) by name that are known already."""

    def __init__(self, values: dict[str, Tensor]):
        super().__init__()
        self.values = values

    def forward(self, *inputs: Tensor | None) -> dict[str, Tensor]:
        return self.values


def _around(network: Module, cells: Tensor) -> tuple[Module, Tensor]:
    """A network for these cells, and the cells that it reads: those around them as well."""
    box = getattr(network, "box", None)
    if not isinstance(box, Box):
        return network, cells
    found = _again(network)
    found.box, taken = box.around(cells, required("reach", getattr(network, "reach", None)))
    return found, taken


def _again(module: Module) -> Module:
    """Another module of the same parts, any of which may be replaced in it."""
    found = copy.copy(module)
    for kind in ("_parameters", "_buffers", "_modules"):
        found.__dict__[kind] = dict(getattr(module, kind))
    return found
