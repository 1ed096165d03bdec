"""A network in pieces: the numbers of the whole, and nothing kept between its layers."""

import pytest
import torch

from gridhydro.columns.column import fields
from gridhydro.columns.components import Components
from gridhydro.nets import pieces
from gridhydro.nets.mlp import Parameterization
from gridhydro.nets.options import ParameterNetwork

CELLS, PIECE = 23, 5
FIELDS = fields("beta 1 [1, 6]: shape", "lag d [0.01, 5] log: time")


def made(**options):
    torch.manual_seed(1)
    values = {"height": torch.randn(CELLS), "slope": torch.rand(CELLS)}
    network = Parameterization(
        values, FIELDS, ParameterNetwork(hidden=(7, 4), **options), Components(2, "learned"),
        log=["lag"],
    )  # fmt: skip
    return network.double(), network.matrix(values, torch.float64)


def gradients(network, attributes):
    """Of the attributes and all weights, of results that differ by cell, row and component."""
    attributes = attributes.clone().requires_grad_()
    found = torch.stack(list(network(attributes).values()))
    weight = torch.linspace(0.1, 2, found.numel(), dtype=found.dtype).view_as(found)
    return found, torch.autograd.grad((found * weight).sum(), [attributes, *network.parameters()])


def test_pieces_have_the_numbers_of_the_whole(monkeypatch):
    network, attributes = made()
    whole, expected = gradients(network, attributes)
    monkeypatch.setattr(pieces, "PIECE", PIECE)
    monkeypatch.setattr(pieces, "FEW", 1)
    found, of_pieces = gradients(network, attributes)
    torch.testing.assert_close(found, whole)
    for one, other in zip(of_pieces, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("piece", [PIECE, CELLS])
def test_threads_change_no_bit_of_a_network_and_stay_as_many(monkeypatch, piece):
    network, attributes = made()
    monkeypatch.setattr(pieces, "PIECE", piece)
    monkeypatch.setattr(pieces, "FEW", 1)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(gradients(network, attributes))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    (one, of_one), (three, of_three) = found
    assert torch.equal(one, three) and all(map(torch.equal, of_one, of_three))


def test_pieces_keep_nothing_between_the_layers(monkeypatch):
    network, attributes = made()
    wide = (CELLS, 7)  # what lies behind the first layer

    def kept():
        shapes = []
        hooks = torch.autograd.graph.saved_tensors_hooks
        with hooks(lambda t: shapes.append(tuple(t.shape)) or t, lambda t: t):
            network(attributes)
        return shapes

    assert wide in kept()
    monkeypatch.setattr(pieces, "PIECE", PIECE)
    monkeypatch.setattr(pieces, "FEW", 1)
    assert all(shape[:1] != (PIECE,) and shape != wide for shape in kept())


def test_frozen_weights_of_a_network_in_pieces_stay(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", PIECE)
    monkeypatch.setattr(pieces, "FEW", 1)
    network, attributes = made()
    network.layers[0].requires_grad_(False)
    sum(value.sum() for value in network(attributes).values()).backward()
    assert network.layers[0].weight.grad is None
    assert network.layers[2].weight.grad.abs().max() > 0


@pytest.mark.parametrize("piece", [PIECE, CELLS])
def test_dropout_is_that_of_the_whole(monkeypatch, piece):
    """What is dropped does not depend on the pieces."""
    network, attributes = made(dropout=0.5)
    torch.manual_seed(2)
    expected = gradients(network, attributes)
    monkeypatch.setattr(pieces, "PIECE", piece)
    monkeypatch.setattr(pieces, "FEW", 1)
    torch.manual_seed(2)
    for one, other in zip(gradients(network, attributes)[1], expected[1], strict=True):
        assert torch.equal(one, other)
