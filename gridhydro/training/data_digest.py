"""Digests of what a training reads: a resumed one goes on with the very same data, or not at all.

Of each part of the data there is a digest of all values and their sums. On another processor the
last bits of what is computed from the data may differ: there the sums decide.
"""

from __future__ import annotations

import math
import platform
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from gridhydro.io.packed_file import let_go
from gridhydro.model.base import CellModel
from gridhydro.training.data import TrainingData
from gridhydro.training.objective import Objective

_CELLS = 256  # of which a digest is made at once
_HELD = 32  # digests after which pages of a packed series are let go
_CLOSE = 1e-6  # relative to the sum of magnitudes; other last bits change it by less


def of_training(data: TrainingData, objective: Objective) -> dict:
    """Digests of all that a training reads, by what it is."""
    model, days = data.model, data.days
    first = 0
    over_record = data.batches is not None and data.batches.from_states
    if not data.spinup.cycles and not over_record:
        before = data.batches.before if data.batches is not None else data.spinup.days
        first = max(0, days.start - before * data.steps_a_day)
    parts: dict[str, Iterable] = {"forcing": _series(data.forcing, slice(first, days.stop))}
    if "discharge" in objective.weights and data.discharge is not None:
        parts["discharge"] = (
            v[:, data.places.to(v.device)] for v in data.discharge.values[:, days]
        )
    for target in data.targets:
        parts[f"observed {target.name}"] = (
            target.values[days], target.cells, target.scale, target.offset
        )  # fmt: skip
    if objective.storage is not None and "storage" in objective.weights:
        tiles, windows = objective.storage.observations.tiles.matrix, objective.storage.windows
        parts["observed storage"] = (
            objective.storage.observed, windows.matrix, tiles.data, tiles.indices
        )  # fmt: skip
    return _told(parts | of_model(model))


def of_calibration(model: CellModel, forcing, days: slice, spinup: int, observed) -> dict:
    """As `of_training`, of a calibration."""
    run = slice(max(0, days.start - spinup), days.stop)
    parts = {"forcing": _series(forcing, run), "observations": (observed.values, observed.cells)}
    return _told(parts | of_model(model))


def of_model(model: CellModel) -> dict[str, Iterable]:
    """The data in a model: attributes, properties and history of its cells, its rivers."""
    kept = dict(model.named_buffers())
    names = [n for n in ("attributes", "properties", "history") if kept.get(n) is not None]
    found: dict[str, Iterable] = {name: (kept[name],) for name in names}
    domain = model.domain
    found["domain"] = (kept["area"], domain.network.downstream, domain.gauge_cells)
    return found


def alone(digests: Mapping) -> dict[str, str]:
    """The digests by what they are of, for the index of a run."""
    return {name: one["digest"] for name, one in digests.items() if name != "machine"}


def kept(content) -> dict | None:
    """Digests as JSON keeps them, None where there are none; an error for anything else."""
    if content is None:
        return None
    return {
        name: one if name == "machine" else _one(str(one["digest"]), one["sums"])
        for name, one in dict(content).items()
    }


def _one(digest: str, sums) -> dict:
    return {"digest": digest, "sums": [[float(total), float(size)] for total, size in sums]}


def differences(before: Mapping, now: Mapping) -> list[str]:
    """The parts that are not what they were, in words; [] where all are.

    Warns where they differ in their last bits, on another kind of processor.
    """
    same_machine = before.get("machine") == now["machine"]
    wrong, nearly = [], []
    for name in sorted((before.keys() | now.keys()) - {"machine"}):
        was, given = before.get(name), now.get(name)
        if was is None or given is None:
            wrong.append(f"there was {'no' if was is None else ''} {name}".replace("  ", " "))
        elif was["digest"] == given["digest"]:
            continue
        elif not same_machine and _close(was["sums"], given["sums"]):
            nearly.append(name)
        else:
            wrong.append(f"the {name} {'has' if name != 'attributes' else 'have'} changed")
    if nearly and not wrong:
        warnings.warn(
            f"{', '.join(nearly)}: not the same to the last bit as when the training began, on "
            "another kind of processor; it goes on",
            stacklevel=4,
        )
    return wrong


def _series(forcing, days: slice) -> Iterator:
    """The day on which it begins, then each series (days, cells)."""
    yield np.array([forcing.times[days.start].value])
    yield from forcing.values[:, days]


def _told(parts: Mapping[str, Iterable]) -> dict:
    # what decides about the last bits of a computation
    capability = torch.backends.cpu.get_cpu_capability()
    machine = f"{platform.machine()} {capability}, numpy {np.__version__}"
    return {"machine": machine} | {name: _digested(values) for name, values in parts.items()}


def _digested(values: Iterable) -> dict:
    """Digest of arrays, each with its shape, and the sum and the sum of magnitudes of each."""
    found, sums = blake2b(digest_size=16), []
    with ThreadPoolExecutor() as pool:
        for value in values:
            array = value.detach() if isinstance(value, Tensor) else np.asarray(value)
            found.update(f"{tuple(array.shape)} {array.dtype}".encode())
            total = magnitude = 0.0
            for digest, one, other in pool.map(_piece, _pieces(array)):
                found.update(digest)
                total, magnitude = total + one, magnitude + other
            sums.append([total, magnitude])
    return {"digest": found.hexdigest(), "sums": sums}


def _pieces(array) -> Iterator:
    """Some cells at a time, with the days of a cell together, however it lies in memory."""
    if array.ndim < 2:
        yield array
        return
    for number, start in enumerate(range(0, array.shape[-1], _CELLS)):
        if number % _HELD == 0:
            let_go(array)
        yield array[..., start : start + _CELLS]


def _piece(part) -> tuple[bytes, float, float]:
    part = part.cpu().numpy() if isinstance(part, Tensor) else part
    part = np.ascontiguousarray(np.moveaxis(part, -1, 0))
    numbers = np.nan_to_num(part.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    total, magnitude = float(numbers.sum()), float(np.abs(numbers).sum())
    return blake2b(part.tobytes(), digest_size=16).digest(), total, magnitude


def _close(was: list, now: list) -> bool:
    """Whether sums agree, but for what other last bits do to them."""
    return len(was) == len(now) and all(
        math.isclose(a[0], b[0], rel_tol=0, abs_tol=_CLOSE * max(a[1], b[1]))
        and math.isclose(a[1], b[1], rel_tol=_CLOSE)
        for a, b in zip(was, now, strict=True)
    )
