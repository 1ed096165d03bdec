"""The units of work of `globe`: a run in blocks of days, and steps over whole basins.

Each makes the world itself, as it has a process of its own, and runs a first block or unit before
the clock, in which kernels are loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

import gridhydro as gh
from benchmarks.scale.apart import Clock
from benchmarks.speed import columns
from benchmarks.speed.contest import refuse_no_gradient
from gridhydro.domain.builders import only
from gridhydro.domain.domain import Domain
from gridhydro.domain.network import Network
from gridhydro.evaluation.losses import loss
from gridhydro.synthetic.catchment_observations import KNOWN, RIVER
from gridhydro.synthetic.globe import SyntheticGlobe, make_globe

BLOCK = 30  # days
_SEASONAL = {
    "vegetation_fraction": (0.5, 0.3),
    "leaf_area_index": (3.0, 2.0),
    "melt_factor": (4, 1),
}


@dataclass(frozen=True)
class Work:
    """What is run: a column on so many cells of a globe, or on all (None), for so many days."""

    network: str
    resolution: float
    column: str
    days: int
    cells: int | None = None

    def world(self) -> SyntheticGlobe:
        years = -(-self.days // 365)
        return make_globe(self.network, self.resolution, years, spinup=0)

    def part(self, world: SyntheticGlobe) -> tuple[Domain, np.ndarray]:
        """Whole basins of about so many cells, and which cells these are."""
        if self.cells is None:
            return world.domain, np.arange(world.domain.size)
        return part_of(world.domain, some_basins(world.domain.network, self.cells))


def some_basins(network: Network, cells: int) -> np.ndarray:
    """Outlets of basins, of all sizes, of about so many cells together: at random, each that still
    fits."""
    outlets = network.outlets
    size = np.bincount(network.basin, minlength=network.size)[outlets]
    chosen, left = [], cells
    for place in np.random.default_rng(0).permutation(outlets.size):
        if size[place] <= left:
            chosen.append(outlets[place])
            left -= size[place]
    return np.sort(np.array(chosen))


def groups(network: Network, most: int) -> list[np.ndarray]:
    """Outlets of all basins, in groups of at most so many cells; a larger basin is its own."""
    outlets = network.outlets
    size = np.bincount(network.basin, minlength=network.size)[outlets]
    found: list[list[int]] = []
    free: list[int] = []
    for place in np.argsort(-size, kind="stable"):
        fits = next((i for i, left in enumerate(free) if left >= size[place]), None)
        if fits is None:
            found.append([])
            free.append(most)
            fits = len(found) - 1
        found[fits].append(int(outlets[place]))
        free[fits] -= int(size[place])
    return [np.array(group) for group in found]


def part_of(domain: Domain, outlets: np.ndarray) -> tuple[Domain, np.ndarray]:
    """The domain of whole basins, with their outlets as gauges where it has none, and its cells."""
    part, cells = only(domain, domain.network.upstream_cells(outlets))
    if not len(part.gauges):
        own = part.network.outlets[:20]
        table = {"x": 0.0, "y": 0.0, "cell": own, "area_km2": np.nan, "network_area_km2": 1.0}
        names = [f"outlet {number}" for number in range(own.size)]
        part = replace(
            part, gauges=part.gauges.reindex(names).assign(**table).astype({"cell": int})
        )
    return part, cells


def model_of(work: Work, domain: Domain, world: SyntheticGlobe, cells, learning=False) -> gh.Model:
    """The column with its rivers: `learning` from attributes, or with parameters that are given."""
    more: dict[str, Any] = {"network": "none"}
    if learning:
        attributes = {name: values[cells] for name, values in world.attributes.items()}
        more = {"network": gh.ParameterNetwork(hidden=(32,)), "attributes": attributes}
    if work.column == "hbv":
        if learning:
            return gh.Model(domain, "hbv", fixed=KNOWN, routing=RIVER, **more)
        return world.true_model(domain, cells)
    land = columns.LAND | {"river_reservoirs": 5}
    properties = {name: np.full(domain.size, value) for name, value in land.items()}
    return gh.Model(domain, work.column, properties=properties, routing=gh.River.hydropy(), **more)


def forcing(model: gh.Model, values: torch.Tensor, world: SyntheticGlobe, days: slice):
    """Weather (3, T, N), with the seasons that HydroPy's column takes as well."""
    if len(model.forcings) == len(values):
        return values
    day = np.array(world.weather.times[days].day_of_year)
    wave = torch.as_tensor(-np.cos(2 * np.pi * day / 365.25), dtype=torch.float32)[:, None]
    whole = values.new_empty(len(model.forcings), *values.shape[1:])
    whole[: len(values)] = values
    for row, field in zip(whole[len(values) :], model.forcings[len(values) :], strict=True):
        mean, spread = _SEASONAL[field.name]
        row.copy_((mean + spread * wave).expand_as(row))
    return whole


def spans(days: int, block: int) -> Iterator[slice]:
    for first in range(0, days, block):
        yield slice(first, min(first + block, days))


@torch.no_grad()
def forward(work: Work, block: int) -> dict:
    """A run in blocks of days, the state carried on; weather is made a block at a time."""
    clock = Clock()
    with clock("prepare"):
        world = work.world()
        domain, cells = work.part(world)
        model = model_of(work, domain, world, cells)
    some = None if work.cells is None else cells
    days = slice(0, 2)
    with clock("start"):
        model(forcing(model, world.weather.days(days, some), world, days))
    state, mean = None, 0.0
    for days in spans(work.days, block):
        with clock("weather"):
            values = forcing(model, world.weather.days(days, some), world, days)
        with clock("model"):
            run = model(values, state)
        state, mean = run.state, mean + float(run.discharge.sum())
        del values, run
    if not (np.isfinite(mean) and mean > 0):
        raise ValueError(f"the discharge is {mean}")
    return clock.seconds | {"cells": domain.size, "units": -(-work.days // block)}


def learning(work: Work, most: int) -> dict:
    """Forward and backward over the days, a group of whole basins of at most so many cells at a
    time; the weather of the coarse cells is made once."""
    clock = Clock()
    with clock("prepare"):
        world = work.world()
        network = world.domain.network
        units = groups(network, most)
        if work.cells is not None:
            units = [some_basins(network, work.cells)]
    with clock("weather"):
        parts = [world.weather.measured(days) for days in spans(work.days, BLOCK)]
        measured = tuple(np.concatenate(rows) for rows in zip(*parts, strict=True))
    del parts
    _step(work, world, measured, [network.outlets[0]], Clock())
    count = sum(_step(work, world, measured, unit, clock) for unit in units)
    return clock.seconds | {"cells": count, "units": len(units)}


def _step(work: Work, world: SyntheticGlobe, measured, outlets, clock: Clock) -> int:
    """Loss and its gradient on these basins; their number of cells."""
    days = slice(0, work.days)
    with clock("prepare"):
        domain, cells = part_of(world.domain, np.asarray(outlets))
        model = model_of(work, domain, world, cells, learning=True)
    with clock("weather"):
        values = forcing(model, world.weather.brought(measured, days, cells), world, days)
        noise = torch.rand(
            work.days, len(domain.gauges), generator=torch.Generator().manual_seed(1)
        )
    with clock("model"):
        discharge = model(values).discharge
        loss("nse")(discharge, discharge.detach() * noise + 1e-6 * noise).backward()
    if len(cells) > 100:  # a few may be dry or frozen throughout, and have none
        refuse_no_gradient(model, "a step over whole basins")
    return domain.size
