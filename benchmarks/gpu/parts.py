"""The parts of `python -m benchmarks gpu`, most important first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.gpu import correct, measured, sweep, tests
from benchmarks.gpu.place import Place


class Part(NamedTuple):
    """Work that is done in one go.

    name     in the results
    seconds  that it may take of the eight minutes of all parts
    run      place -> rows
    line     what it is
    cuda     whether it cannot be shown in miniature
    """

    name: str
    seconds: float
    run: Callable[[Place], Iterator[dict]]
    line: str
    cuda: bool = False


PARTS = (
    Part("kernels", 100, correct.kernels, "kernels against the plain loop, long series"),
    Part("tests", 25, tests.run, "`pytest -m gpu`"),
    Part("bandwidth", 5, measured.bandwidth, "copies in the memory of the device"),
    Part("columns", 80, measured.run_columns, "HBV and HydroPy, forward and adjoint"),
    Part("routing", 25, measured.run_routing, "a year over a network of the size of DDM30"),
    Part("schemes", 40, measured.run_schemes, "HBV by every time-stepping scheme"),
    Part("hybrid", 45, measured.run_hybrid, "the hybrid at the Amazon's size, by precision"),
    Part("grids", 25, measured.run_grids, "grids of 1 and 10 million cells"),
    Part("training", 25, measured.run_training, "steps of training, everything on the device"),
    Part("graphs", 20, measured.run_captured, "launches captured in a CUDA graph", cuda=True),
    Part("sweep", 65, sweep.run, "lanes, warps, stages: the table for kernels/launch.py"),
    Part("peers", 25, measured.run_peers, "other codes on the same device"),
)
