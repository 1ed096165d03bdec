"""One iteration of the distributed hybrid at the size of the Amazon on half-degree cells.

Parameterization network, HydroPy columns, rivers with 4 sub-steps a day, discharge at 24 gauges and
storage on 3-degree tiles, loss, backward and Adam's step: alone, and with the Conv3D correction of
Penman-Monteith.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch

import gridhydro as gh
from benchmarks.speed import columns, flat, measure, routing
from benchmarks.speed.contest import Contestant, contest, refuse_no_gradient
from gridhydro.evaluation.losses import nse_loss
from gridhydro.model.stepping import Stepping

ROWS, COLS, CELLS, DAYS = 60, 72, 1950, 4383
GAUGES, ATTRIBUTES = 24, 21
SPACING, TILE = 55_600.0, 6  # m, of half a degree; cells along the side of a tile
PROPERTIES = columns.LAND | dict(river_reservoirs=5)
# mean and spread of the series, in the order of the model's forcings
SERIES = (
    (6, 8), (25, 3), (4, 1), (0.7, 0.1), (4, 1), (5, 0.1), (0.016, 0.003), (9.8e4, 2e3), (2, 1),
    (200, 50), (400, 30),
)  # fmt: skip


def basin(rows: int, cols: int, cells: int) -> gh.Domain:
    """Columns of different heights that drain south into a river along the last row."""
    heights = 1 + (2 * (cells / cols - 1) * np.linspace(0, 1, cols)).round()
    heights = np.minimum(rows, heights).astype(int)
    return flat.draining_south(heights, rows, SPACING, GAUGES)


class Iteration:
    """The model with its weather and what it is compared with; weather, network and rivers stay on
    the device.

    `observed` is discharge and storage of the model itself times noise.
    """

    def __init__(
        self, domain: gh.Domain, days: int, correction: str | None, device: str,
        backend: str | None = None,
    ):  # fmt: skip
        random = np.random.default_rng(4)
        attributes = {f"a{k}": random.standard_normal(domain.size) for k in range(ATTRIBUTES)}
        properties = {n: np.full(domain.size, v) for n, v in PROPERTIES.items()}
        self.domain, self.days, self.device, self.correction = domain, days, device, correction
        self.model = gh.Model(
            domain, "hydropy_ramp", attributes, properties=properties, correction=correction,
            routing=gh.River.hydropy(), scheme=Stepping(backend=backend),
        ).to(device)  # fmt: skip
        generator = torch.Generator().manual_seed(5)
        weather = torch.empty(len(self.model.forcings), days, domain.size)
        for row, (mean, spread) in zip(weather, SERIES, strict=False):
            row.normal_(generator=generator).mul_(spread).add_(mean).clamp_(min=0)
        self.weather = weather.to(device)
        self.model.fit_inputs(self.weather[:, :365])
        self.tiles = flat.SquareTiles(domain, TILE)
        # few days lie in two months all the same: storage that never changes has no variance
        times = pd.date_range("2001-01-01" if days > 31 else "2001-01-30", periods=days)
        self.averages = gh.Averages.monthly(times).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=5e-4)
        with torch.no_grad():
            self.observed = [v.detach() * torch.rand_like(v) for v in self.simulated()]

    def simulated(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Discharge at the gauges and storage on the tiles."""
        run = self.model(self.weather, averages=self.averages)
        return run.discharge, self.tiles.mean(run.storage)

    def loss(self) -> torch.Tensor:
        pairs = zip(self.simulated(), self.observed, strict=True)
        return sum(nse_loss(a, b) for a, b in pairs) / 2

    def gradient(self, precision: str) -> torch.Tensor:
        """The gradient to all weights of the network, as one vector."""
        self.optimizer.zero_grad()
        with networks_in(precision, self.device):
            self.loss().backward()
        grads = [p.grad.flatten() for p in self.model.parameters() if p.grad is not None]
        return torch.cat(grads)

    def differences(self, precision: str) -> dict[str, float]:
        """How far discharge and gradient are from those in float32: the root of the squares of the
        differences, of that of the values."""
        found = []
        for one in ("float32", precision):
            with torch.no_grad(), networks_in(one, self.device):
                discharge = self.simulated()[0]
            found.append((discharge, self.gradient(one)))
        (discharge, gradient), (coarse, steep) = found
        pairs = {"discharge": (coarse, discharge), "gradient": (steep, gradient)}
        return {name: float((a - b).norm() / b.norm()) for name, (a, b) in pairs.items()}

    def contestant(self, precision: str = "float32") -> Contestant:
        def forward():
            with torch.no_grad(), networks_in(precision, self.device):
                self.loss()

        def optimise():
            self.gradient(precision)
            self.optimizer.step()

        def learns():
            optimise()
            refuse_no_gradient(self.model, "the iteration")

        cells = self.domain.size
        name = f"with {self.correction}" if self.correction else "gridhydro"
        return Contestant(
            name if precision == "float32" else f"{name}, {precision}",
            f"{cells:,} cells x {self.days} d", cells * self.days, forward, optimise, learns,
            note=f"{GAUGES} gauges, {self.tiles.count} tiles, {self.averages.count} months",
        )  # fmt: skip


@contextmanager
def networks_in(precision: str, device: str) -> Iterator[None]:
    """Products of matrices and convolutions in "float32", "tf32", or "bf16" by autocast, which
    leaves columns and rivers as they are."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    try:
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def run(device: str, quick: bool, bandwidth: float) -> Iterator[dict]:
    columns.check(device)
    routing.check(device)
    size = (12, 14, 90) if quick else (ROWS, COLS, CELLS)
    days = 400 if quick else DAYS
    options = dict(repeats=2, budget=5.0) if quick else dict(repeats=3)
    domain = basin(*size)
    contestants = [Iteration(domain, days, c, device).contestant() for c in (None, "conv3d")]
    yield from contest("iteration", contestants, bandwidth, device, **options)


arguments = measure.arguments
main = measure.measurement("hybrid", run)
