"""Expected gradients, against networks whose attributions are known."""

import numpy as np
import pytest
import torch

from gridhydro import Model
from tests.support.lumped import basins
from tests.support.small_world import small_model, small_world

pytest.importorskip("captum", reason="pip install 'gridhydro[analyses]'")

from gridhydro.analysis.importance import Draws, Position, expected_gradients, table
from gridhydro.nets.options import ParameterNetwork


def linear(scale):
    """A model on 134 cells whose parameters are nearly linear in the attributes: of small weights,
    for the sigmoid is 1/2 + z/4 about 0."""
    domain, attributes, _, _ = small_world()
    model = Model(
        domain.crop("G05"), attributes=attributes, network=ParameterNetwork(hidden=(), seed=3)
    )
    model.fit_inputs(torch.empty(0))
    (layer,) = model.network.layers
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        layer.weight.copy_(scale * torch.randn(layer.weight.shape, generator=generator))
        layer.weight[:, 2] = 0
    return model, layer.weight.detach().numpy()


@pytest.mark.thorough
def test_attributions_of_a_linear_network():
    model, weight = linear(1e-3)
    standard = model.network.inputs(model.attributes).numpy()
    found = expected_gradients(model, Draws(400), progress=False)
    wanted = weight[:, :, None] / 4 * standard.T  # x' is 0 on average
    given = model.domain.pack(found["attribution"])
    # means over 400 draws: x' spreads by 1, so their error is about 1/20
    error = np.abs(given - wanted) / np.abs(weight[:, :, None] / 4 + (weight == 0)[:, :, None])
    assert error.max() < 6 / 400**0.5 and error[weight != 0].std() < 1.2 / 400**0.5
    assert (given[:, 2] == 0).all()
    importance = np.abs(wanted).mean(-1)
    np.testing.assert_allclose(found["importance"], importance, rtol=0.05, atol=1e-9)
    ranked = table(found)
    assert ranked.index[0] == model.network.names[importance.sum(0).argmax()]
    assert ranked.index[-1] == model.network.names[2]


@pytest.mark.end_to_end
def test_attributions_add_up_to_the_departure_from_the_mean():
    model, _ = linear(1.0)  # far from linear, and the velocity's range is logarithmic
    found = expected_gradients(model, Draws(600), progress=False)
    total = model.domain.pack(found["attribution"].sum("attribute", skipna=False))
    values = model.cell_parameters()
    velocity = values["river_velocity"].detach().numpy()[:, 0]
    place = np.log(velocity / 0.05) / np.log(5 / 0.05)
    np.testing.assert_allclose(total[-1], place - place.mean(), atol=0.1)
    beta = (values["beta"].detach().numpy()[:, 0] - 1) / 5
    np.testing.assert_allclose(total[0], beta - beta.mean(), atol=0.1)
    assert np.ptp(place) > 0.5 and np.ptp(beta) > 0.5


def test_the_seed_decides_and_nothing_else_is_touched():
    model = small_model(components=2, fixed={"C": 0.0})
    torch.manual_seed(3), np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1]
    first, again, other = (
        expected_gradients(model, Draws(5, seed), progress=False) for seed in (0, 0, 1)
    )
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()
    assert first.equals(again) and not first.equals(other)
    assert "C" not in first["parameter"] and first.sizes["parameter"] == 14
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.slow
def test_parts_make_no_difference_to_what_is_meant(monkeypatch):
    model, _ = linear(0.3)
    whole = expected_gradients(model, Draws(200), progress=False)["importance"]
    monkeypatch.setattr("gridhydro.analysis.importance.ROWS", 200 * 100)
    parts = expected_gradients(model, Draws(200), progress=False)["importance"]
    np.testing.assert_allclose(parts, whole, rtol=0.1, atol=1e-6)


def test_a_position_is_a_fraction_of_the_range():
    model = small_model()
    position = Position(model.network)
    fields = [f.name for f in model.network.learned]
    fraction = position(model.attributes[:1], fields.index("FC")).item()
    low, high = model.network.learned[fields.index("FC")].bounds
    value = model.cell_parameters()["FC"][0, 0].item()
    assert fraction == pytest.approx((value - low) / (high - low), rel=1e-5)


def test_networks_that_read_the_weather_are_refused():
    parts = basins()
    model = Model(
        parts.domain, attributes=parts.attributes, network=ParameterNetwork("lstm", hidden=4)
    )
    with pytest.raises(ValueError, match="off the weather"):
        expected_gradients(model, progress=False)
