"""One iteration of the distributed hybrid at the size of the Amazon on half-degree cells.

Parameterization network, HydroPy columns, rivers with 4 sub-steps a day, discharge at 24 gauges and
storage on 3-degree tiles, loss, backward and Adam's step: alone, and with the Conv3D correction of
Penman-Monteith.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from benchmarks.speed import columns, measure, routing
from benchmarks.speed.contest import Contestant, contest, refuse_no_gradient
from gridhydro.evaluation.losses import nse_loss

ROWS, COLS, CELLS, DAYS = 60, 72, 1950, 4383
GAUGES, ATTRIBUTES = 24, 21
PROPERTIES = dict(
    soil_capacity=400.0, wilting_point=150.0, soil_capacity_min=60.0, soil_capacity_max=700.0,
    arno_shape=0.3, water_fraction=0.05, river_reservoirs=5,
)  # fmt: skip
# mean and spread of the series, in the order of the model's forcings
SERIES = (
    (6, 8), (25, 3), (4, 1), (0.7, 0.1), (4, 1), (5, 0.1), (0.016, 0.003), (9.8e4, 2e3), (2, 1),
    (200, 50), (400, 30),
)  # fmt: skip


def basin(rows: int, cols: int, cells: int) -> gh.Domain:
    """Columns of different heights that drain south into a river along the last row."""
    heights = np.minimum(rows, 1 + (2 * (cells / cols - 1) * np.linspace(0, 1, cols)).round())
    heights = heights.astype(int)
    codes = np.full((rows, cols), np.nan)
    for col, height in enumerate(heights):
        codes[rows - height :, col] = 2
    codes[-1], codes[-1, -1] = 6, 5
    coords = {"lat": 6.75 - 0.5 * np.arange(rows), "lon": -82.75 + 0.5 * np.arange(cols)}
    places = np.linspace(5, cols - 1, GAUGES).round().astype(int)
    gauges = pd.DataFrame(
        {"name": [f"G{k}" for k in range(GAUGES)], "lon": coords["lon"][places],
         "lat": coords["lat"][-1]}
    )  # fmt: skip
    raster = xr.DataArray(codes, coords, ("lat", "lon"))
    return gh.Domain.from_d8(raster, "ldd", gauges=gauges, crs="EPSG:4326")


def iteration(domain: gh.Domain, days: int, correction: str | None, device: str) -> Contestant:
    random = np.random.default_rng(4)
    attributes = {f"a{k}": random.standard_normal(domain.size) for k in range(ATTRIBUTES)}
    properties = {n: np.full(domain.size, v) for n, v in PROPERTIES.items()}
    model = gh.Model(
        domain, "hydropy_ramp", attributes, properties=properties, correction=correction,
        routing=gh.River.hydropy(),
    ).to(device)  # fmt: skip
    generator = torch.Generator().manual_seed(5)
    weather = torch.empty(len(model.forcings), days, domain.size)
    for row, (mean, spread) in zip(weather, SERIES, strict=False):
        row.normal_(generator=generator).mul_(spread).add_(mean).clamp_(min=0)
    weather = weather.to(device)
    model.fit_inputs(weather[:, :365])
    tiles = gh.Tiles.of(domain)
    times = pd.date_range("2001-01-01", periods=days)
    averages = gh.Averages.monthly(times).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)

    def objective(observed=None):
        run = model(weather, averages=averages)
        found = run.discharge, tiles.mean(run.storage)
        if observed is None:
            return [values.detach() * torch.rand_like(values) for values in found]
        return sum(nse_loss(a, b) for a, b in zip(found, observed, strict=True)) / 2

    with torch.no_grad():
        observed = objective()

    def forward():
        with torch.no_grad():
            objective(observed)

    def optimise():
        optimizer.zero_grad()
        objective(observed).backward()
        optimizer.step()

    def learns():
        optimise()
        refuse_no_gradient(model, "the iteration")

    return Contestant(
        f"with {correction}" if correction else "gridhydro", f"{domain.size:,} cells x {days} d",
        domain.size * days, forward, optimise, learns,
        note=f"{GAUGES} gauges, {tiles.size} tiles, {averages.count} months",
    )  # fmt: skip


def run(device: str, quick: bool, bandwidth: float) -> Iterator[dict]:
    columns.check(device)
    routing.check(device)
    size = (12, 14, 90) if quick else (ROWS, COLS, CELLS)
    days = 400 if quick else DAYS
    options = dict(repeats=2, budget=5.0) if quick else dict(repeats=3)
    domain = basin(*size)
    contestants = [iteration(domain, days, c, device) for c in (None, "conv3d")]
    yield from contest("iteration", contestants, bandwidth, device, **options)


arguments = measure.arguments
main = measure.measurement("hybrid", run)
