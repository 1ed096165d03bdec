"""Convolutions over attribute rasters: borders, reach, both kinds, refusals."""

import numpy as np
import pytest
import torch

from gridhydro.columns.column import Field, fields
from gridhydro.columns.components import Components
from gridhydro.domain.domain import Domain
from gridhydro.nets import Parameterization, ParameterNetwork, RasterParameterization
from gridhydro.nets.raster import KINDS
from tests.support.raster_cells import attributes_of, holed_domain

DOMAIN = holed_domain()
FIELDS = (
    *fields("drainage_max mm d-1 [0.1, 10]: drainage", "shape 1 [1, 6]: shape"),
    Field("river_lag", "d", "lag of a river reservoir", bounds=(0.01, 5.0)),
)


def network(domain=DOMAIN, seed=0, fields=FIELDS, **options):
    torch.manual_seed(seed)
    own = {n: options.pop(n) for n in ("kind", "hidden", "log_attributes") if n in options}
    own = ParameterNetwork(**{"kind": "conv2d", "hidden": (8, 6)} | own)
    options = {"log": ["river_lag"]} | options
    return RasterParameterization(domain, attributes_of(DOMAIN), fields, own, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_by_name_in_shape_and_bounds(kind):
    net = network(kind=kind, components=Components(3, "learned"), fixed={"shape": 2.0})
    parameters = net(attributes_of(DOMAIN))
    assert isinstance(net, Parameterization)
    assert set(parameters) == {field.name for field in FIELDS} | {"component_weight"}
    for field in FIELDS:
        theta = parameters[field.name]
        assert theta.shape == (DOMAIN.size, 3)
        assert (theta > field.bounds[0]).all()
        assert (theta < field.bounds[1]).all()
    torch.testing.assert_close(net(net.matrix(attributes_of(DOMAIN))), parameters)
    sum(theta.sum() for theta in parameters.values()).backward()
    for name, weight in net.named_parameters():
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.any(), name


@pytest.mark.parametrize("kind", KINDS)
def test_means_over_uniform_land_are_uniform_up_to_the_border(kind):
    """Zeros outside or a dimmed border would show."""
    net = network(kind=kind, log_attributes=("elevation",)).double()
    with torch.no_grad():  # kernels that take means
        for convolution in net.convolutions:
            convolution.weight.copy_(convolution.weight.mean((2, 3), keepdim=True))
    ones = torch.tensor([[0.9, 2000.0, 2e5]], dtype=torch.float64).expand(DOMAIN.size, -1)
    for theta in net(ones).values():
        torch.testing.assert_close(theta, theta[:1].expand_as(theta), rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_reaches_its_neighbours_and_no_further(kind):
    net = network(kind=kind).double()
    inputs = net.matrix(attributes_of(DOMAIN), torch.float64).requires_grad_()
    for cell in (0, DOMAIN.size // 2, DOMAIN.size - 1):
        (slope,) = torch.autograd.grad(net(inputs)["shape"][cell].sum(), inputs)
        reaches = slope.abs().sum(1).numpy() > 0
        away = np.maximum(abs(DOMAIN.row - DOMAIN.row[cell]), abs(DOMAIN.col - DOMAIN.col[cell]))
        assert not reaches[away > 2].any()
        assert reaches[away <= 1].all()
        assert (away > 2).any()


@pytest.mark.parametrize("kind", KINDS)
def test_first_layer_is_the_sum_over_cells_inside(kind):
    """By hand: every neighbour visited in a loop."""
    net = network(kind=kind, hidden=(4,)).double()
    given = net.inputs(net.matrix(attributes_of(DOMAIN), torch.float64))
    weight, bias = net.convolutions[0].weight, net.convolutions[0].bias
    at = {(r, c): i for i, (r, c) in enumerate(zip(DOMAIN.row, DOMAIN.col, strict=True))}
    features = []
    for (row, col), _ in sorted(at.items(), key=lambda item: item[1]):
        near = [(i, j) for i in range(3) for j in range(3) if (row + i - 1, col + j - 1) in at]
        total = 0
        for i, j in near:
            values = given[at[row + i - 1, col + j - 1]]
            kernel = weight[:, :, i, j]
            total += kernel * values if kind == "conv3d" else (kernel @ values)[:, None]
        features.append((total * 9 / len(near) + bias[:, None]).T.flatten())
    raw = net.last(torch.nn.functional.silu(torch.stack(features)))
    expected = net.named(raw.unflatten(-1, (-1, 1)))
    found = net(net.matrix(attributes_of(DOMAIN), torch.float64))
    for name, theta in expected.items():
        torch.testing.assert_close(found[name], theta, rtol=1e-9, atol=1e-9)


def test_conv3d_has_few_weights_and_keeps_attributes_apart():
    counts = {f: sum(p.numel() for p in network(kind=f).convolutions.parameters()) for f in KINDS}
    assert counts["conv3d"] == counts["conv2d"] - 2 * 9 * 8
    net = network(kind="conv3d", hidden=(4,))
    with torch.no_grad():  # only what comes from the second attribute
        net.last.weight.view(-1, 3, 4)[:, [0, 2]] = 0
    given = attributes_of(DOMAIN)
    same = net(given | {"sand": given["sand"][::-1].copy()})
    torch.testing.assert_close(same, net(given))


def test_weights_go_with_another_domain():
    other = holed_domain(seed=5)
    moved = network(other)
    moved.load_state_dict(network().state_dict())
    assert moved(attributes_of(other))["shape"].shape == (other.size, 1)


def test_learns_what_lies_in_the_neighbours():
    """A slope is no attribute of the cell itself: fully connected layers cannot find it."""
    given = attributes_of(DOMAIN)
    net = network(hidden=(12,))
    inside = np.full(DOMAIN.shape, np.nan)
    inside[DOMAIN.row, DOMAIN.col] = given["elevation"]
    west = np.roll(inside, 1, axis=1)[DOMAIN.row, DOMAIN.col]
    has = torch.tensor(np.isfinite(west))
    assert has.sum() > 10
    fraction = torch.tensor(np.nan_to_num(west) / 2500).float().clamp(0.1, 0.9)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-2)
    for _ in range(200):
        optimizer.zero_grad()
        theta = (net(given)["shape"][:, 0] - 1) / 5
        loss = (theta - fraction)[has].square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.1 * fraction[has].var()


def test_raster_parameterization_refuses_what_does_not_fit():
    net, given = network(), attributes_of(DOMAIN)
    with pytest.raises(ValueError, match=r"attributes are \(3, 3\).* every cell of the domain"):
        net(net.matrix(given)[:3])
    with pytest.raises(ValueError, match="kind is one of 'conv2d', 'conv3d', not 'mlp'"):
        network(kind="mlp")
    with pytest.raises(ValueError, match="no neighbours"):
        network(Domain.of_basins([1.0], ["a"]))
    with pytest.raises(ValueError, match="one free field"):
        network(fields=FIELDS[:1], fixed={"drainage_max": 1}, log=[])
