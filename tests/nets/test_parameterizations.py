"""The parameterization network: bounds, standardisation, constants and refusals."""

import numpy as np
import pandas as pd
import pytest
import torch

from gridhydro.columns import column
from gridhydro.columns.column import Field, fields
from gridhydro.columns.components import Components
from gridhydro.nets import Parameterization, ParameterNetwork

HBV = column("hbv").parameters
LAG = Field("river_lag", "d", "lag of a river reservoir", bounds=(0.01, 5.0))


def attributes(cells=40, seed=1):
    rng = np.random.default_rng(seed)
    return {
        "elevation": rng.uniform(200, 2500, cells),
        "sand": rng.uniform(0, 1, cells),
        "glacier": np.full(cells, 0.1),
    }


def network(*args, seed=0, **options):
    torch.manual_seed(seed)
    return Parameterization(*args, **options)


def test_parameters_by_name_in_shape_and_near_mid_range():
    net = network(attributes(), (*HBV, LAG), log=["river_lag"])
    parameters = net(attributes())
    assert list(parameters) == [field.name for field in HBV] + ["river_lag"]
    for field in HBV:
        low, high = field.bounds
        theta = parameters[field.name]
        assert theta.shape == (40, 1)
        fraction = (theta - low) / (high - low)
        assert 0.3 < fraction.min() < fraction.max() < 0.7
        assert fraction.std() > 0  # cells differ from the start
    middle = np.sqrt(0.01 * 5)  # of a range uniform in the logarithm
    assert middle / 3 < parameters["river_lag"].min() < parameters["river_lag"].max() < middle * 3


def test_components_start_apart():
    parameters = network(attributes(), HBV, components=Components(8))(attributes())
    assert parameters["FC"].shape == (40, 8)
    assert parameters["FC"].std(-1).min() > 50  # of a range of 950


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("push", [-1e4, 1e4])
def test_saturated_parameters_stay_strictly_inside(dtype, push):
    narrow = fields("a 1 [1000, 1000.01]: narrow", "b 1 [0.1, 0.3]: inexact in binary")
    net = network(attributes(), (*HBV, *narrow, LAG), log=["river_lag", "K2", "a"]).to(dtype)
    with torch.no_grad():
        net.layers[-1].bias.fill_(push)
    parameters = net(attributes())
    for field in net.fields:
        theta = parameters[field.name].double()
        assert theta.dtype == torch.float64
        assert (theta > field.bounds[0]).all()
        assert (theta < field.bounds[1]).all()


def test_standardised_by_the_cells_given():
    given = attributes()
    net = network(given, HBV)
    assert net.names == ("elevation", "sand", "glacier")
    assert net.inputs.mean[0].item() == pytest.approx(given["elevation"].mean(), rel=1e-6)
    assert net.inputs.std[0].item() == pytest.approx(given["elevation"].std(), rel=1e-6)
    assert net.inputs.std[2] == 1  # constant
    scaled = {name: 1000 * values for name, values in given.items()}
    other = network(scaled, HBV)
    torch.testing.assert_close(net(given)["FC"], other(scaled)["FC"], rtol=1e-4, atol=0)
    # another region is put on the scale of the cells the network was made for
    elsewhere = attributes(7, seed=2)
    inside = {name: np.concatenate([given[name], elsewhere[name]]) for name in given}
    torch.testing.assert_close(net(elsewhere)["FC"], net(inside)["FC"][40:])


def test_one_cell_is_enough():
    one = attributes(1)
    assert torch.isfinite(network(one, HBV)(one)["beta"]).all()


def test_mapping_frame_and_matrix_are_the_same_input():
    given = attributes()
    net = network(given, HBV)
    expected = net(net.matrix(given))["K1"]
    shuffled = pd.DataFrame(given)[["sand", "glacier", "elevation"]]
    torch.testing.assert_close(net(shuffled)["K1"], expected)
    torch.testing.assert_close(network(pd.DataFrame(given), HBV)(given)["K1"], expected)


def test_fixed_parameters_are_constant_and_cost_no_weights():
    net = network(attributes(), HBV, components=Components(2), fixed={"gamma": 1, "C": 0})
    parameters = net(attributes())
    assert (parameters["gamma"] == 1).all()
    assert (parameters["C"] == 0).all()
    assert parameters["C"].shape == (40, 2)
    assert net.layers[-1].out_features == 12 * 2


def test_same_seed_same_network_and_weights_travel_with_standardisation():
    net, same = network(attributes(), HBV), network(attributes(), HBV)
    assert torch.equal(net(attributes())["FC"], same(attributes())["FC"])
    other = network(attributes(seed=9), HBV, seed=5)
    assert not torch.equal(net(attributes())["FC"], other(attributes())["FC"])
    other.load_state_dict(net.state_dict())
    assert torch.equal(net(attributes())["FC"], other(attributes())["FC"])


def test_learns_a_map_from_attributes():
    given = attributes(200)
    net = network(given, (*HBV, LAG), network=ParameterNetwork(hidden=(32, 16)), log=["river_lag"])
    inputs = net.matrix(given)
    elevation, sand = inputs[:, 0] / 1000, inputs[:, 1]
    target = {"FC": 150 + 600 * sand**2, "river_lag": torch.exp(-elevation)}
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        parameters = net(inputs)
        loss = sum(((parameters[n][:, 0] / t).log() ** 2).mean() for n, t in target.items())
        loss.backward()
        assert all(torch.isfinite(p.grad).all() for p in net.parameters())
        optimizer.step()
    assert loss < 0.005


def test_gradients_reach_every_weight():
    net = network(attributes(), (*HBV, LAG), log=["river_lag"])
    sum(theta.sum() for theta in net(attributes()).values()).backward()
    for name, weight in net.named_parameters():
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.any(), name


def test_missing_values_are_named():
    given = attributes()
    given["sand"][[7, 12]] = np.nan
    with pytest.raises(ValueError, match=r"'sand' is nan at cell 7, 2 of 40"):
        network(given, HBV)
    net = network(attributes(), HBV)
    with pytest.raises(ValueError, match=r"'sand' is nan at cell 7"):
        net(given)
    del given["sand"]
    with pytest.raises(ValueError, match="lack sand"):
        net(given)
    with pytest.raises(ValueError, match=r"'sand' has shape \(39,\)"):
        network({**attributes(), "sand": np.ones(39)}, HBV)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fixed": {"FD": 1}}, "no parameter is called FD"),
        ({"log": ["lag"]}, "no parameter is called lag"),
        ({"fixed": {"FC": 10}}, r"'FC' is fixed at 10.0, outside its bounds \(50.0, 1000.0\)"),
        ({"log": ["UZL"]}, r"'UZL' starts at 0.0"),
        ({"fixed": {field.name: field.bounds[0] for field in HBV}}, "one free field"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        network(attributes(), HBV, **options)
