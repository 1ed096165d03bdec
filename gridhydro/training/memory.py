"""The memory that a step of training needs, against what there is, before anything runs.

Counted is what grows with cells and days: a copy of the weather, daily series of outputs and of
parameters with their gradients, states kept for the gradient, and what an LSTM keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from gridhydro.base import ranks
from gridhydro.model.base import CellModel

GIB = 2**30
_EVERY = 32  # days between the states that are kept on a CPU, see `kernels.column_op`
# numbers that an LSTM keeps of a step for each of its hidden ones: its input, four gates, the cell,
# the output, and gradients of them
_LSTM = 16
_DAILY = 6  # of a parameter of a day: as the network gives it, in its bounds, and gradients


def needed(model: CellModel, cells: int, before: int, days: int, outputs: int = 1) -> float:
    """Bytes of a step over so many cells and scored days, `before` of which others pass without
    gradient, about; `outputs` of the column are compared."""
    numbers = sum(count for count in _of_a_cell(model, before, days, outputs))
    return cells * numbers * model.area.element_size() + _of_correction(model, days)


def _of_a_cell(model: CellModel, before: int, days: int, outputs: int) -> Iterator[float]:
    """Numbers that are held of one cell, by what they are for."""
    components, column = model.components, model.column
    yield len(model.forcings) * (before + days)
    if model.correction is not None:  # as the column sees it, and the gradient
        yield (len(column.forcings) + 1) * (before + days)
    yield max(before, 2 * outputs * days)
    yield _DAILY * len(model.network.daily) * components * (before + days)
    yield len(column.states) * components * days / _interval(model, days)
    trunk = getattr(model.network, "trunk", None)
    if trunk is not None:
        steps = days if model.history is None else model.history.shape[1]
        yield _LSTM * trunk.lstm.hidden_size * steps + trunk.lstm.hidden_size * before


def _of_correction(model: CellModel, days: int) -> float:
    """Bytes that a correction may keep of its layers."""
    return 0.0 if model.correction is None else model.correction.held(days)


def _interval(model: CellModel, days: int) -> float:
    """Days between the states that are kept, at most: on a GPU all are where there is room."""
    storage = model.stepping.storage
    if storage == "auto":
        storage = round(days**0.5 / 2) if model.area.is_cuda else _EVERY
    return 1 if storage == "all" else max(1, min(int(storage), days))


def free(device: torch.device) -> float | None:
    """Bytes that are free on a device for this process, None where nothing says so."""
    if device.type == "cuda":
        known, _ = torch.cuda.mem_get_info(device)
        # blocks that torch holds for later use are free too
        return known + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    try:
        lines = Path("/proc/meminfo").read_text().split("\n")
    except OSError:
        return None
    kibibytes = [float(line.split()[1]) for line in lines if "MemAvailable" in line]
    return kibibytes[0] * 1024 / ranks.beside() if kibibytes else None


def refuse(
    model: CellModel, cells: int, before: int, days: int, outputs: int, given: float | None,
    batched: bool,
) -> None:  # fmt: skip
    """ValueError, with what helps, where a step needs more memory than there is; arguments as for
    `needed`, and `given`: GiB to reckon with in place of what is free."""
    device = model.area.device
    there = free(device) if given is None else given * GIB
    need = needed(model, cells, before, days, outputs)
    if there is None or need <= there:
        return
    fixed = _of_correction(model, days)
    fit = int((there - fixed) * cells / (need - fixed)) if there > fixed else 0
    more = f"cells={fit}" if fit and not model.domain.lumped else "gauges=..."
    remedy = f"smaller minibatches, gridhydro.Batches({more}, days=...)"
    if not batched:
        remedy = f"minibatches, batches=gridhydro.Batches({more}, days=...), or a shorter period"
    whose = "that memory= says" if given is not None else f"free on {device}"
    raise ValueError(
        f"a step over {cells} cells and {before + days} days needs about {need / GIB:.3g} GiB of "
        f"memory, more than the {there / GIB:.3g} GiB {whose}: take {remedy}; or say what there is "
        "with gridhydro.Session(memory=...), in GiB (inf: try it)"
    )
