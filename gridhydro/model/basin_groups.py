"""Lumped basins a few at a time: what a network holds of their daily series is large."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from gridhydro.inputs.forcing import Forcing

# days x basins that are held at once
_BASIN_DAYS = 2**20


def groups_of(forcing: Forcing) -> list[Tensor]:
    """The cells (B,) of each group, in order."""
    count = max(1, _BASIN_DAYS // max(1, len(forcing.times)))
    return list(torch.arange(forcing.size).split(count))


def basin_groups(model, forcing: Forcing) -> Iterator[tuple[Tensor, Tensor]]:
    """Cells (B,) and their forcing (F, T, B), on the device of the model, group by group."""
    for cells in groups_of(forcing):
        part = slice(int(cells[0]), int(cells[-1]) + 1)
        values = forcing.values[:, :, part].contiguous().to(model.area.device)
        yield cells.to(values.device), values


@torch.no_grad()
def mean_parameters(model, forcing: Forcing) -> dict[str, np.ndarray]:
    """Name -> (N,), over the components and days, of a network that reads the forcing."""
    parts = []
    for cells, weather in basin_groups(model, forcing):
        values = model.cell_parameters(weather, cells)
        parts.append({n: v.mean(-1) if v.ndim == 2 else v.mean((0, -1)) for n, v in values.items()})
    return {f.name: torch.cat([p[f.name] for p in parts]).cpu().numpy() for f in model.fields}
