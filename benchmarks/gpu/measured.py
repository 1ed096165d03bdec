"""The measurements of speed that there are, at the sizes of a GPU: one function for each part."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.gpu.limits import of_columns, of_rivers, with_issue
from benchmarks.gpu.place import Place
from benchmarks.machine import copy_bandwidth
from benchmarks.speed import (
    columns,
    hybrid,
    peers_columns,
    peers_routing,
    routing,
    schemes,
    torch_loops,
    training,
)
from benchmarks.speed.peers_columns import invite

# what a day of a cell takes of memory while its weather is drawn and its gradient made
BYTES_PER_CELL_DAY = 64


def bandwidth(place: Place) -> Iterator[dict]:
    """Copies, large and small: bytes read and written."""
    for mebibytes in (1,) if place.small else (4096, 256, 16):
        speed = copy_bandwidth(place.device, mebibytes)
        yield dict(case=f"copy of {mebibytes} MiB", gigabytes_per_s=speed / 1e9)


def run_columns(place: Place) -> Iterator[dict]:
    """HBV and HydroPy, forward and forward + adjoint."""
    both = ("hbv", "hydropy")
    cases = {
        "half a degree": ((67_420, 1, 365), both), "many": ((500_000, 1, 365), both),
        "few cells, 12 years": ((2000, 1, 4383), both), "parallel": ((10_000, 16, 365), both[:1]),
    }  # fmt: skip
    if place.small:
        cases = {"small": ((3, 1, 3), both)}
    for case, (size, columns_of) in cases.items():
        for of in columns_of:
            yield from one_column(place, f"{of}, {case}", place.column(*size, of=of))


def one_column(place: Place, case: str, problem: columns.Problem) -> Iterator[dict]:
    """Rows of a column with the storage of states that is chosen for it."""
    every = columns.interval(problem, "auto")
    rows = place.contest(case, columns.ours(problem))
    yield from with_issue(place, rows, lambda: of_columns(problem, every))


def run_routing(place: Place) -> Iterator[dict]:
    """A year over a network of the size of DDM30."""
    network = routing.synthetic(4 if place.small else routing.CELLS)
    days = 2 if place.small else 365
    for reservoirs, delay in ((5, 1), (1, 0)):
        problem = place.rivers(network, days, reservoirs, delay)
        rows = place.contest(f"cascade of {reservoirs}", routing.ours(problem))
        yield from with_issue(place, rows, lambda problem=problem: of_rivers(problem))


def run_schemes(place: Place) -> Iterator[dict]:
    """HBV by every scheme, beside the step of a day."""
    size = (2, 1, 2) if place.small else (67_420, 1, 365)
    named = ("sequential", "implicit") if place.small else ("sequential", *schemes.SCHEMES)
    problem = place.column(*size)
    made = [schemes.by(scheme, problem) for scheme in named]
    if not place.small:
        made.append(schemes.by("implicit", problem, 32))
    yield from place.contest("schemes", *made)


def run_hybrid(place: Place) -> Iterator[dict]:
    """An iteration of the hybrid, networks in float32, TF32 and bf16, and how far they are off."""
    size = (2, 3, 4) if place.small else (hybrid.ROWS, hybrid.COLS, hybrid.CELLS)
    domain = hybrid.basin(*size)
    for correction in (None, "conv3d"):
        days = 3 if place.small else hybrid.DAYS
        made = hybrid.Iteration(domain, days, correction, place.device, place.backend)
        case = f"with {correction}" if correction else "without correction"
        # a CPU has no TF32, and without the correction little is left to be off
        coarse = ("bf16",) * (correction is not None) if place.small else ("tf32", "bf16")
        for precision in coarse:
            try:
                found = made.differences(precision)
            except Exception as error:
                yield dict(case=case, code=precision, note=f"not measured: {error}")
            else:
                yield dict(case=case, code=precision) | {
                    f"{name}_apart": value for name, value in found.items()
                }
        precisions = ("float32",) if place.small else ("float32", "tf32", "bf16")
        yield from place.contest(case, *map(made.contestant, precisions), seconds=5)


def run_grids(place: Place) -> Iterator[dict]:
    """Grids of 1 and of 10 million cells: columns, and rivers through random forests."""
    for cells in (2, 4) if place.small else (10**6, 10**7):
        days = 2 if place.small else min(365, int(place.free / cells / BYTES_PER_CELL_DAY))
        if days < 1:
            yield dict(case=f"{cells:,} cells", note="not measured: too little memory")
            continue
        yield from one_column(place, f"columns, {cells:,} cells", place.column(cells, 1, days))
        rivers = place.rivers(routing.synthetic(cells), min(days, 60), 1, 0)
        rows = place.contest(f"rivers, {cells:,} cells", routing.ours(rivers))
        yield from with_issue(place, rows, lambda rivers=rivers: of_rivers(rivers))


def run_training(place: Place, captured: bool = False) -> Iterator[dict]:
    """Steps of training with everything on the device; or with their launches captured too."""
    sizes = {
        "few cells, 12 years": ((40, 50), 1, 4383), "half a degree": ((250, 270), 1, 365),
        "parallel": ((100, 100), 16, 365),
    }  # fmt: skip
    if place.small:
        sizes = {"small": ((2, 2), 1, 2)}
    for case, (shape, components, days) in sizes.items():
        problem = (training.comb(*shape), components, days, place.device, place.backend)
        made = [training.step(*problem)]
        if captured:
            made.append(training.step(*problem, captured=True))
        yield from place.contest(case, *made)


def run_captured(place: Place) -> Iterator[dict]:
    """Rivers, whose launches are many, and steps of training, as they are and captured."""
    network = routing.synthetic(2000)
    problem = place.rivers(network, 4383, 1, 0)
    yield from place.contest("rivers", routing.ours(problem), routing.captured(problem))
    yield from run_training(place, captured=True)


def run_peers(place: Place) -> Iterator[dict]:
    """Other codes on the same work, where they are installed."""
    basins = place.column(*((2, 2, 3) if place.small else (100, 16, 365)))
    yield from place.contest("basins", columns.ours(basins), invite(peers_columns.hydrodl2, basins))
    cells = place.column(*((2, 1, 3) if place.small else (10_000, 1, 365)))
    made = [invite(rival, cells) for rival in (torch_loops.torch_loop, peers_columns.jfuse)]
    yield from place.contest("cells", columns.ours(cells), *made)
    network = routing.synthetic(4 if place.small else routing.CELLS)
    rivers = place.rivers(network, 2 if place.small else 365, 1, 0)
    made = [invite(rival, rivers) for rival in (peers_routing.diffroute, routing.plain_torch)]
    yield from place.contest("rivers", routing.ours(rivers), *made)
    if not place.small:  # last: it may compile for longer than there is time
        compiled = invite(torch_loops.torch_compiled, cells)
        yield from place.contest("compiled", columns.ours(cells), compiled)
