"""The memory that a step of training needs, against what there is, before anything runs.

Counted is what grows with cells and days: a copy of the weather, daily series of outputs and of
parameters with their gradients, states kept for the gradient, and what an LSTM keeps; and what runs
over all cells without gradient beside the steps: a spin-up, a validation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from gridhydro.base import ranks
from gridhydro.model.base import CellModel

GIB = 2**30
_EVERY = 32  # days between the states that are kept on a CPU, see `kernels.column_op`
# numbers that an LSTM keeps of a step for each of its hidden ones: its input, four gates, the cell,
# the output, and gradients of them
_LSTM = 16
_LSTM_PASSED = 3  # of a step without gradient: its input, the output, what torch works with
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


@dataclass(frozen=True)
class Demand:
    """What needs memory at once: some days of some cells, as they are told, and what helps.

    bytes  about
    fixed  those of them that do not depend on the cells
    """

    of: str
    bytes: float
    remedy: str
    cells: int = 0
    fixed: float = 0.0

    def refuse(self, device: torch.device, given: float | None) -> None:
        """ValueError, with what helps, where it needs more than there is; `given`: GiB to reckon
        with in place of what is free."""
        there = free(device) if given is None else given * GIB
        if there is None or self.bytes <= there:
            return
        fit = 0
        if self.cells and there > self.fixed:
            fit = int((there - self.fixed) * self.cells / (self.bytes - self.fixed))
        remedy = self.remedy.format(cells=f"cells={fit}" if fit else "gauges=...")
        whose = "that memory= says" if given is not None else f"free on {device}"
        raise ValueError(
            f"{self.of} needs about {self.bytes / GIB:.3g} GiB of memory, more than the "
            f"{there / GIB:.3g} GiB {whose}: take {remedy}; or say what there is with "
            "gridhydro.Session(memory=...), in GiB (inf: try it); documentation: When it does not "
            "fit"
        )


def of_step(
    model: CellModel, cells: int, before: int, days: int, outputs: int, batched: bool
) -> Demand:
    """That of a step; arguments as for `needed`."""
    remedy = "smaller minibatches, gridhydro.Batches({cells}, days=...)"
    if not batched:
        remedy = "minibatches, batches=gridhydro.Batches({cells}, days=...), or a shorter period"
    return Demand(
        f"a step over {cells} cells and {before + days} days",
        needed(model, cells, before, days, outputs), remedy,
        0 if model.domain.lumped else cells, _of_correction(model, days),
    )  # fmt: skip


def of_spinup(model: CellModel, cells: int, days: int, step: int) -> Demand:
    """That of runs over so many days before each step, beside the weather of its `step` days."""
    remedy = (
        'gridhydro.SpinUp(start="empty") with days enough for the stores to fill, or minibatches, '
        "batches=gridhydro.Batches(gauges=..., days=...)"
    )
    return _of_run(model, "the spin-up before each step", cells, days, step, remedy)


def of_validation(model: CellModel, days: int, step: int) -> Demand:
    """That of the scores of a validation, all cells a block of days at once, beside the weather of
    the `step` days of a step."""
    remedy = "no validation while training, Session(validation=None)"
    return _of_run(model, "the validation", model.domain.size, days, step, remedy)


def _of_run(model: CellModel, what: str, cells: int, days: int, step: int, remedy: str) -> Demand:
    weather = cells * step * len(model.forcings) * model.area.element_size()
    told = f"{what}, a run over {cells} cells and {days} days at once,"
    return Demand(told, passed(model, cells, days) + weather, remedy)


def passed(model: CellModel, cells: int, days: int) -> float:
    """Bytes of a run without gradient over so many cells and days at once, about."""
    components, column = model.components, model.column
    numbers = len(model.forcings) + 1.0  # the weather, and what leaves a cell
    if model.correction is not None:
        numbers += len(column.forcings) + 1
    numbers += 2 * len(model.network.daily) * components
    trunk = getattr(model.network, "trunk", None)
    if trunk is not None and model.history is None:
        numbers += _LSTM_PASSED * trunk.lstm.hidden_size
    return cells * days * numbers * model.area.element_size() + _of_correction(model, days)
