"""Where the parts run: on a GPU, or in miniature in Triton's interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from benchmarks.machine import copy_bandwidth
from benchmarks.speed import columns, routing
from benchmarks.speed.contest import Contestant, contest


@dataclass(frozen=True)
class Place:
    """A device with what is measured against; `small` is a few cells and days in the interpreter.

    folder  of the results, for those parts that write a log
    """

    small: bool
    folder: Path

    @property
    def device(self) -> str:
        return "cpu" if self.small else "cuda"

    @property
    def backend(self) -> str:
        return "triton"

    @cached_property
    def bandwidth(self) -> float:
        """Bytes a second."""
        return copy_bandwidth(self.device, 1 if self.small else None)

    @property
    def free(self) -> int:
        """Bytes of memory that are free on the GPU."""
        if self.small:
            return 0
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info()[0]

    def column(self, cells: int, components: int, days: int, **more) -> columns.Problem:
        return columns.Problem(
            cells, components, days, self.device, **{"backend": self.backend} | more
        )

    def rivers(self, network, days: int, reservoirs: int, delay: int, **more) -> routing.Problem:
        more = {"backend": self.backend} | more
        return routing.Problem(network, days, reservoirs, delay, self.device, **more)

    def contest(self, case: str, *contestants: Contestant, seconds: float = 4) -> Iterator[dict]:
        few = dict(repeats=1) if self.small else dict(repeats=7, budget=seconds)
        yield from contest(case, contestants, self.bandwidth, self.device, **few)
