"""Models under torch.compile and autocast: the same numbers, columns and rivers in float32."""

import pytest
import torch

import gridhydro as gh
from gridhydro.kernels.operators import NO_SECOND_DERIVATIVE
from tests.support.hydropy_world import hydropy_model, hydropy_world, own
from tests.support.lumped import basins, model

DAYS = 40


def lumped(kind):
    one, parts = model(kind).eval(), basins()
    forcing = gh.Forcing.read(parts.forcing, parts.domain, one).values[:, :DAYS].contiguous()
    one.fit_inputs(forcing)
    return one, forcing


def raster(**options):
    world = hydropy_world()
    one = hydropy_model(
        world.domain, world.land, **dict(attributes=world.attributes, hidden=(8,)) | options
    )
    forcing = own(world, one).values[:, :DAYS].contiguous()
    one.fit_inputs(forcing)
    return one.eval(), forcing


def discharge_and_gradients(one, run, forcing, **given):
    one.zero_grad()
    found = run(forcing, **given)
    total = found.discharge.square().mean()
    if found.storage is not None:
        total = total + found.storage.mean()
    total.backward()
    weights = [weight.grad for weight in one.parameters() if weight.grad is not None]
    return found.discharge.detach(), *(gradient.clone() for gradient in weights)


def assert_compiled_equals_eager(one, forcing, fullgraph, **given):
    torch._dynamo.reset()
    compiled = torch.compile(one, fullgraph=fullgraph, backend="aot_eager")
    expected, found = (
        discharge_and_gradients(one, run, forcing, **given) for run in (one, compiled)
    )
    assert len(expected) > 1
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mlp", "weighted", "embedded"])
def test_lumped_models_compile_whole(kind):
    """Network, column and unit hydrograph as one graph."""
    assert_compiled_equals_eager(*lumped(kind), fullgraph=True)


@pytest.mark.end_to_end
def test_models_with_an_lstm_compile_in_parts():
    """Torch's compiler takes no LSTM: it stops before and goes on behind."""
    assert_compiled_equals_eager(*lumped("lstm"), fullgraph=False)


@pytest.mark.thorough
@pytest.mark.parametrize("river", [gh.River(), gh.River.hydropy()], ids=["usual", "hydropy"])
def test_raster_models_compile_whole(river):
    """Network, column and river as one graph."""
    averages = gh.Averages.of_labels([day // 20 for day in range(DAYS)], 2)
    one, forcing = raster(network="mlp", routing=river)
    assert_compiled_equals_eager(one, forcing, fullgraph=True, averages=averages)


@pytest.mark.parametrize(
    "kind",
    ["mlp", "weighted", "lstm", pytest.param("embedded", marks=pytest.mark.thorough)],
)
def test_autocast_of_lumped_models_ends_at_the_network(kind):
    """What the network gives under it, in a run without it, gives the same discharge."""
    one, forcing = lumped(kind)
    with torch.no_grad():
        single = one(forcing)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            parameters = one.cell_parameters(forcing)
            half = one(forcing)
        again = one(forcing, parameters=parameters)
    assert {p.dtype for p in parameters.values()} == {torch.float32}
    assert torch.equal(half.discharge, again.discharge)
    assert all(torch.equal(v, again.state.column[n]) for n, v in half.state.column.items())
    assert {v.dtype for v in (half.state.memory or half.state.column).values()} == {torch.float32}
    # the networks did run in half precision, and its error is small
    assert not torch.equal(half.discharge, single.discharge)
    scale = single.discharge.abs().max()
    torch.testing.assert_close(half.discharge, single.discharge, rtol=0.05, atol=0.02 * scale)


def test_ranges_take_half_precision_without_its_rounding():
    ranges = lumped("lstm")[0].network.ranges
    raw = torch.linspace(-2, 2, 3 * len(ranges.learned)).unflatten(0, (-1, 3)).bfloat16()
    found, expected = (ranges(values, ranges.learned) for values in (raw, raw.float()))
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_autocast_keeps_fixed_parameters_and_weights_to_the_last_digit():
    one, forcing = lumped("weighted")
    fixed = gh.Model(
        basins().domain, "hbv", basins().attributes, fixed={"beta": 2.0001, "C": 0.123456}
    )
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        weights = one.cell_parameters(forcing)["component_weight"]
        held = fixed.cell_parameters(forcing)
    torch.testing.assert_close(weights.sum(-1), torch.ones(len(weights)))
    assert torch.equal(held["beta"], torch.full_like(held["beta"], 2.0001))
    assert torch.equal(held["C"], torch.full_like(held["C"], 0.123456))


@pytest.mark.parametrize(
    "options",
    [dict(network="mlp", correction="conv3d"), dict(network="conv2d", hidden=(4,))],
    ids=["corrected", "convolved"],
)
def test_autocast_of_raster_models_leaves_water_in_single_precision(options):
    one, forcing = raster(**options)
    with torch.no_grad():
        for weight in one.parameters():
            weight += 0.02
        single = one(forcing)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = one(forcing)
    kept = (half.discharge, half.state.river, *half.state.column.values())
    assert {value.dtype for value in kept} == {torch.float32}
    assert not torch.equal(half.discharge, single.discharge)
    scale = single.discharge.abs().max()
    torch.testing.assert_close(half.discharge, single.discharge, rtol=0.05, atol=0.02 * scale)


def test_autocast_of_a_model_of_nothing_but_an_lstm_gives_single_precision():
    one, forcing = lumped("rival")
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = one(forcing, outputs=("runoff",))
    assert found.discharge.dtype == found.outputs["runoff"].dtype == torch.float32
    assert {value.dtype for value in found.state.memory.values()} == {torch.float32}


def test_second_derivative_of_a_model_is_refused():
    one, forcing = lumped("mlp")
    weights = list(one.parameters())
    loss = one(forcing).discharge.square().mean()
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    penalty = sum(gradient.square().sum() for gradient in gradients)
    with pytest.raises(RuntimeError, match="there is no second derivative"):
        (loss + penalty).backward()
    assert "create_graph=True" in NO_SECOND_DERIVATIVE
