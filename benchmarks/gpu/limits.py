"""What a GPU could do: instructions a second, and how many a kernel takes for a cell and day."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import torch

from benchmarks.gpu.place import Place
from benchmarks.speed import columns, routing
from gridhydro.kernels import Spec, column_triton, route_triton
from gridhydro.kernels.reach_spec import reach_spec
from gridhydro.model.simulate import spec_of
from gridhydro.reaches.linear_cascade import LinearCascade

NAN = float("nan")
# threads of a multiprocessor that begin an instruction in a cycle, since compute capability 7.0
THREADS = 128
# what is chosen of a river's kernel: forward, once more for the adjoint, and back
RIVERS = {"once": ("DAILY", "STARTS"), "again": ("KEEP",), "back": ()}


def card() -> dict[str, str]:
    """What the GPU is, for the header."""
    found = torch.cuda.get_device_properties(0)
    return {
        "multiprocessors": f"{found.multi_processor_count}, compute capability "
        f"{found.major}.{found.minor}",
        "clock": f"{clock() / 1e6:.0f} MHz at most",
        "driver, CUDA of torch": f"{_asked('driver_version')}, {torch.version.cuda}",
    }


@lru_cache
def clock() -> float:
    """Cycles a second at most; not a number where neither torch nor nvidia-smi tells."""
    kilohertz = getattr(torch.cuda.get_device_properties(0), "clock_rate", None)
    if kilohertz:
        return kilohertz * 1e3
    try:
        return float(_asked("clocks.max.sm")) * 1e6
    except ValueError:
        return NAN


def _asked(what: str) -> str:
    """The answer of nvidia-smi, or that there is none."""
    command = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        return done.stdout.splitlines()[0].strip()
    except (OSError, subprocess.SubprocessError, IndexError):
        return "unknown"


def with_issue(
    place: Place, rows: Iterable[dict], count: Callable[[], tuple[float, float]]
) -> Iterator[dict]:
    """Rows with the instructions of a cell and day that `count` tells, and the fraction of the
    limit of instructions that forward, and forward + adjoint, reach; in miniature as they are."""
    if place.small:
        yield from rows
        return
    most = torch.cuda.get_device_properties(0).multi_processor_count * THREADS * clock()
    for row in rows:
        if "runs" in row:
            try:
                counts = count()
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                # an assembler that does not know the device is no reason to lose what was measured
                row["note"] += f"; instructions not counted: {error}"[:160]
                counts = NAN, NAN
            for kind, instructions in zip(("forward", "adjoint"), counts, strict=True):
                row[f"{kind}_instructions"] = instructions
                row[f"{kind}_issue"] = instructions * row[f"{kind}_msteps"] * 1e6 / most
        yield row


def capability() -> int:
    found = torch.cuda.get_device_properties(0)
    return 10 * found.major + found.minor


def spec_for(problem: columns.Problem) -> Spec:
    """What is printed for the runoff of a problem."""
    real = str(problem.dtype)[6:]
    return spec_of(problem.column, ("runoff",), (), problem.components, True, real)


def of_columns(
    problem: columns.Problem, every: int, target: int | None = None
) -> tuple[float, float]:
    """Instructions of a cell and day in the loops of the printed kernels: forward, and forward +
    adjoint, of programs of the usual width. Not a number where Triton came without its
    disassembler. `target` is a compute capability, that of the device if left out."""
    spec = spec_for(problem)
    again = spec.recomputes(every)
    runs = [dict(direction="forward", every=0), dict(direction="forward", every=every)]
    runs.append(dict(direction="adjoint", recompute=again, every=every))
    alone, storing, back = (
        _total(column_triton.usage(spec, capability=target or capability(), **run).loops)
        for run in runs
    )
    return alone, storing + back


def of_rivers(problem: routing.Problem, target: int | None = None) -> tuple[float, float]:
    """The same of rivers, of a cell to which three others flow at most: those of a fourth and more
    are a loop of their own. What the adjoint runs forward once more is counted with it."""
    real = str(problem.dtype)[6:]
    spec = reach_spec(LinearCascade(problem.reservoirs), routing.SUBSTEPS, real)
    groups, of = routing.SUBSTEPS // spec.together, target or capability()
    counts = []
    for run, choices in RIVERS.items():
        direction = "adjoint" if run == "back" else "forward"
        usage = route_triton.usage(spec, direction, of, groups, choices)
        # the day goes around a loop over inflows
        counts.append(groups * _total(usage.loops if run == "back" else usage.around))
    return counts[0], sum(counts)


def _total(loops: tuple[dict[str, int], ...] | None) -> float:
    """Instructions of all these loops."""
    return NAN if loops is None else sum(sum(kinds.values()) for kinds in loops)
