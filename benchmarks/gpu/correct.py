"""Kernels against the plain loop on the device, and offsets in series of more than 2^31 values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np
import torch

from benchmarks.gpu.place import Place
from benchmarks.speed import routing
from benchmarks.speed.columns import TOLERANCES, apart
from benchmarks.speed.schemes import SCHEMES
from gridhydro.domain.network import Network
from gridhydro.kernels import column_triton, launch, route_triton

# days and cells of what long series are made of, over and over
DAYS, PIECE = 1000, 1000
# values of a series: with them all forcings together have 2^31, each of them has, and 2^32, from
# where on offsets are of 64 bits
LONG = (2**31 // 3, 2**31, 2**32)
# what rounding may do to cells that are computed alike
SAME = 1e-6


def kernels(place: Place) -> Iterator[dict]:
    """Columns and rivers, forward and gradients, in both precisions; long series; schemes."""
    # of miniatures, a component or a day more would double what the interpreter takes
    cells, days = (2, 2) if place.small else (70, 50)
    network = routing.synthetic(5 if place.small else 300)
    for dtype, allowed in TOLERANCES.items():
        for of in ("hbv", "hydropy"):
            problem = place.column(cells, 2, days, dtype=dtype, of=of)
            yield verdict(f"column {of}", dtype, problem.differences(), allowed)
        for reservoirs, delay in ((3, 1), (1, 0)):
            rivers = place.rivers(network, days, reservoirs, delay, dtype=dtype)
            case = f"cascade of {reservoirs}, delay {delay}"
            yield verdict(case, dtype, rivers.differences(), allowed)
    for values in LONG:
        yield long_columns(place, values)
    for values in LONG[1:]:
        yield long_rivers(place, values)
    for scheme in SCHEMES[:1] if place.small else SCHEMES:
        problem = place.column(cells, 1, min(days, 10), dtype=torch.float64)
        found = problem.differences(scheme=scheme)
        yield verdict(f"scheme {scheme}", torch.float64, found, TOLERANCES[torch.float64])


def verdict(case: str, dtype: torch.dtype, differences: dict, allowed: float, note="") -> dict:
    """A row: the largest difference, of what, and whether it is within what is allowed."""
    # no number is the largest of all
    worst = max(differences, key=lambda name: (np.isnan(differences[name]), differences[name]))
    error = differences[worst]
    return dict(
        case=case, precision=str(dtype)[6:], error=error, of=worst, allowed=allowed,
        right=bool(error <= allowed), note=note,
    )  # fmt: skip


def long_columns(place: Place, least: int) -> dict:
    """Columns whose series have at least so many values, beside the few that they repeat."""
    case = f"column hbv, series of {least:,} values"
    days, piece = DAYS, PIECE
    copies = -(-least // (days * piece))
    if place.small:
        days, piece, copies = 2, 3, 3
    elif (needed := 7 * 4 * days * piece * copies) > place.free:
        return absent(case, f"{needed / 1e9:.0f} GB are more than are free")
    few = place.column(piece, 1, days)
    many = place.column(piece * copies, 1, days)
    parameters = {
        name: value.detach().repeat(copies, 1).requires_grad_()
        for name, value in few.parameters.items()
    }
    cotangent = few.cotangent[:1, :1].expand(days, piece * copies)
    given(
        many, weather=few.weather.repeat(1, 1, copies), parameters=parameters, cotangent=cotangent
    )
    expected = (few.runoff(storage=50).detach().T, *few.gradient(storage=50))
    with offsets(place, column_triton, least) as types:
        found = (many.runoff(storage=50).detach().T, *many.gradient(storage=50))
    parts = [slice(start * piece, (start + 1) * piece) for start in (0, copies // 2, copies - 1)]
    differences = {
        name: max(apart(long[part], short) for part in parts)
        for name, long, short in zip(("runoff", *parameters), found, expected, strict=True)
    }
    note = f"{many.size}, offsets {' and '.join(sorted(types))}"
    return verdict(case, torch.float32, differences, SAME, note)


@contextmanager
def offsets(place: Place, kernels, values: int) -> Iterator[set[str]]:
    """The types of offsets that launches choose in here; in miniature series are short, and their
    offsets as wide as those of long ones with so many values."""
    types, chosen, narrow = set(), kernels.index_type, launch.NARROW

    def index_type(*sizes):
        types.add(str(chosen(*sizes)))
        return chosen(*sizes)

    with (
        mock.patch.object(launch, "NARROW", 0 if place.small and values >= narrow else narrow),
        mock.patch.object(kernels, "index_type", index_type),
    ):
        yield types


def given(problem, **tensors) -> None:
    """Put tensors in the place of those that a problem would draw."""
    vars(problem).update(tensors)


def long_rivers(place: Place, least: int) -> dict:
    """Copies of a forest of rivers with at least so many values, beside one of them."""
    case = f"rivers, series of {least:,} values"
    days, piece = DAYS, PIECE
    copies = -(-least // (days * piece))
    if place.small:
        days, piece, copies = 2, 3, 2
    elif (needed := 7 * 4 * days * piece * copies) > place.free:
        return absent(case, f"{needed / 1e9:.0f} GB are more than are free")
    few = place.rivers(routing.synthetic(piece), days, 3, 1)
    downstream = few.network.downstream
    shifted = [np.where(downstream < 0, -1, downstream + k * piece) for k in range(copies)]
    network, order = Network.from_downstream(np.concatenate(shifted))
    many = place.rivers(network, days, 3, 1)
    cells = torch.as_tensor(order % piece, device=place.device)
    given(
        many, runoff=few.runoff.detach()[:, cells].requires_grad_(),
        lag=few.lag.detach()[cells].requires_grad_(),
        cotangent=few.cotangent[:1, :1].expand(days, network.size),
    )  # fmt: skip
    last = np.flatnonzero(order // piece == copies - 1)
    last = torch.as_tensor(last[np.argsort(order[last])], device=place.device)
    with offsets(place, route_triton, least) as types:
        found = (many.outflow().detach()[:, last], *(g[..., last] for g in many.gradient()))
    expected = (few.outflow(), *few.gradient())
    names = ("outflow", "d runoff", "d lag")
    differences = {n: apart(*pair) for n, *pair in zip(names, found, expected, strict=True)}
    note = f"{many.size}, offsets {' and '.join(sorted(types))}"
    return verdict(case, torch.float32, differences, SAME, note)


def absent(case: str, why: str) -> dict:
    """A row of what was not checked."""
    return dict(case=case, note=f"not checked: {why}")
