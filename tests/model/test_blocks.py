"""A run cut into blocks anywhere, kept on disk between them: the very numbers of one run."""

from functools import cache
from itertools import pairwise

import pandas as pd
import pytest
import torch

import gridhydro as gh
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.blocks import Walk
from gridhydro.model.kept_simulation import parts_of, simulate_record
from gridhydro.model.run import Run
from tests.support.hydropy_world import hydropy_model, hydropy_world, own
from tests.support.lumped import basins, model

DAYS = 400
CUTS = (0, 1, 64, 150, 151, 399, DAYS)
OUTPUTS = ("runoff", "actual_evapotranspiration")
STARTS = {
    "empty": {},
    "settled": dict(start="settled", period=("2000", "2001-01")),
    "cycles": dict(spinup_cycles=2, period=("2000", "2001-01")),
    "balanced": dict(start="equilibrium", spinup=300),
}


def of_raster(**options) -> Run:
    world = hydropy_world()
    one = hydropy_model(world.domain, world.land, **options)
    record = own(world, one)
    one.fit_inputs(record.values)
    if one.correction is not None:
        torch.nn.init.normal_(one.correction.layers[-1].weight, std=0.5)
    return Run.of(one, Forcing(record.times[:DAYS], record.values[:, :DAYS]))


def of_basins(kind, **options) -> Run:
    one, parts = model(kind, **options), basins()
    record = Forcing.read(parts.forcing, parts.domain, one)
    one.fit_inputs(record.values)
    return Run.of(one, Forcing(record.times[:DAYS], record.values[:, :DAYS]))


@cache
def run_of(case) -> Run:
    """A run by the name of its case; small networks, whose products depend on their length."""
    torch.manual_seed(1)
    if case == "raster":
        return of_raster(network="none")
    if case == "corrected":
        world = hydropy_world()
        return of_raster(
            attributes=world.attributes, network="mlp", hidden=(8,), correction="conv3d"
        )
    return of_basins(case)


def whole_of(run, outputs, averages=None):
    return simulate_record(run, run.record(), outputs, averages)


def in_blocks(run, outputs, cuts=CUTS):
    """Discharge and outputs of blocks, each by a walk that knows only what the last one kept."""
    kept, found = None, {}
    for first, stop in pairwise(cuts):
        walk = Walk(run, run.record(), outputs)
        if kept is not None:
            walk.resume(first, kept)
        parts = list(walk.go(slice(first, stop)))
        flow = torch.cat([part.simulation.discharge for part in parts], dim=1)
        found.setdefault("discharge", []).append(flow)
        for name in outputs:
            values = torch.cat([part.simulation.outputs[name] for part in parts], dim=1)
            found.setdefault(name, []).append(values)
        kept = walk.tensors()
    return {name: torch.cat(values) for name, values in found.items()}


def same(blocks, whole):
    assert torch.equal(blocks.pop("discharge"), whole.discharge)
    for name, values in blocks.items():
        assert torch.equal(values, whole.outputs[name]), name


@pytest.mark.parametrize("case", ["raster", "corrected", "mlp", "lstm", "rival"])
def test_blocks_are_one_run_to_the_last_bit(case):
    run = run_of(case)
    outputs = OUTPUTS[:1] if case == "rival" else OUTPUTS
    if case in ("mlp", "lstm"):
        outputs = (*outputs, "routed_actual_evapotranspiration")
    whole = whole_of(run, outputs)
    same(in_blocks(run, outputs), whole)
    with torch.no_grad():
        model, values = run.model, run.record().values
        plain = model(values.contiguous(), outputs=outputs)
    if case in ("raster", "mlp"):  # nothing but columns and routing
        same({"discharge": plain.discharge, **plain.outputs}, whole)
    torch.testing.assert_close(plain.discharge, whole.discharge, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("start", STARTS)
def test_blocks_begin_as_the_run_does(start):
    case = "raster" if start == "balanced" else "mlp"
    run = run_of(case)
    run = Run(run.model, run.forcing, pd.DataFrame(), run.about | STARTS[start])
    assert (run.cycles, run.balanced, run.settled).count(True) == (start in ("balanced", "settled"))
    outputs = ("routed_runoff",) if case == "mlp" else ("runoff",)
    whole = whole_of(run, outputs)
    same(in_blocks(run, outputs, (0, 100, DAYS)), whole)
    first = whole_of(run_of(case), ()).discharge[0]
    assert torch.equal(first, whole.discharge[0]) == (start == "empty")


def test_blocks_of_a_year_do_not_cut_a_period_of_averages():
    run = run_of("raster")
    averages = gh.Averages.monthly(run.record().times)
    assert parts_of(DAYS) == [slice(0, 366), slice(366, DAYS)]
    assert parts_of(DAYS, averages) == [slice(0, 365), slice(365, DAYS)]
    long = gh.Averages.of_labels([-1] * 3 + [0] * 380 + [-1] + [1] * (DAYS - 384), 2)
    assert parts_of(DAYS, long) == [slice(0, 3), slice(3, 383), slice(383, DAYS)]
    for periods in (averages, long, gh.Averages.of_labels([-1] * DAYS, 2)):
        found = whole_of(run, (), periods).storage
        with torch.no_grad():
            one = run.model(run.record().values.contiguous(), averages=periods)
        assert torch.equal(found, one.storage)


def test_a_run_passes_over_the_days_before_the_first_block():
    run = run_of("lstm")
    outputs = ("routed_runoff",)
    whole, walk = whole_of(run, outputs), Walk(run, run.record(), outputs)
    (block,) = walk.go(slice(380, 390))
    assert torch.equal(
        block.simulation.outputs["routed_runoff"], whole.outputs[outputs[0]][380:390]
    )
