"""A record without a day gives series without a day, on rasters as of basins."""

import pytest
import torch

import gridhydro as gh
from tests.support.lumped import basins
from tests.support.small_world import small_model

KINDS = ["raster", "basins", "routed", "lstm", "daily", "last day"]


def made(kind):
    if kind == "raster":
        return small_model().eval()
    parts = basins()
    attributes = {name: parts.attributes[name] for name in ("sand", "slope")}
    if kind == "lstm":
        return gh.LSTMModel(parts.domain, attributes).eval()
    sizes = {"daily": (4, 4), "last day": 4}
    network = "mlp"
    if kind in sizes:
        network = gh.ParameterNetwork("lstm", hidden=sizes[kind], dynamic=["beta", "gamma"])
    routing = gh.UnitHydrograph() if kind == "routed" else None
    return gh.Model(
        parts.domain, "hbv", attributes, network=network, components=3 if kind in sizes else 1,
        routing=routing,
    ).eval()  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_no_days_give_empty_series_and_leave_the_state_as_it_is(kind):
    model = made(kind)
    some = torch.rand(len(model.forcings), 6, model.domain.size)
    with torch.no_grad():
        before = model(some).state
        found = model(some[:, :0], before, outputs=("runoff",))
        assert len(model(some[:, :0], before=some[:, :0]).discharge) == 0
    assert found.discharge.shape == (0, len(model.domain.gauges))
    assert found.outputs["runoff"].shape == (0, model.domain.size)
    for name, store in before.column.items():
        assert torch.equal(found.state.column[name], store)
    assert before.river is None or torch.equal(found.state.river, before.river)
    assert found.state.memory is None or all(
        torch.equal(found.state.memory[name], value) for name, value in before.memory.items()
    )
    model(some[:, :0]).discharge.sum().backward()  # a gradient of nothing is no error


@pytest.mark.parametrize("averages", [None, (torch.zeros(0), torch.zeros(0), 2)])
def test_rivers_without_a_day_stay_as_they_are(averages):
    network = small_model().domain.network
    storage = torch.rand(6, network.size)
    found = gh.route(
        torch.empty(0, network.size), network, 1.0, 2, storage=storage, averages=averages
    )
    assert found[0].shape == (0, network.size) and torch.equal(found[1], storage)
    assert averages is None or found[2].shape == (2, network.size)
