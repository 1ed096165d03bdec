"""The gamma unit hydrograph: its shape, its mass, and runs cut in two."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import gamma

from gridhydro import Model, Run
from gridhydro.columns.components import over_components
from gridhydro.inputs.attributes import attribute_values
from gridhydro.inputs.basins import lumped_domain
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.unit_hydrograph import (
    DAYS,
    METHODS,
    UnitHydrograph,
    convolve,
    ordinates,
    route,
    under_way,
)
from gridhydro.nets.options import ParameterNetwork
from tests.support import lumped
from tests.support.small_basins import small_basins


def test_unit_hydrograph_is_the_gamma_density_at_mid_days_made_one():
    a, b = torch.tensor([0.0, 1.3, 2.9]), torch.tensor([0.0, 2.0, 6.5])
    t = np.arange(DAYS) + 0.5
    for i in range(3):
        density = gamma.pdf(t, a[i].item() + 0.1, scale=b[i].item() + 0.5)
        expected = density / density.sum()
        np.testing.assert_allclose(ordinates(a, b)[:, i], expected, rtol=1e-5, atol=1e-12)


def test_unit_hydrograph_convolution_conserves_mass():
    runoff = torch.rand(40, 3, dtype=torch.float64)
    fractions = ordinates(torch.rand(3, dtype=torch.float64) * 2.9, torch.full((3,), 2.0))
    routed, tail = convolve(runoff, fractions)
    for n in range(3):
        expected = np.convolve(runoff[:, n], fractions[:, n])
        np.testing.assert_allclose(routed[:, n], expected[:40], rtol=1e-12)
    rest, _ = convolve(torch.zeros(DAYS, 3, dtype=torch.float64), fractions, tail)
    torch.testing.assert_close(routed.sum(0) + rest.sum(0), runoff.sum(0))


@pytest.mark.parametrize("method", METHODS)
def test_unit_hydrograph_holds_what_has_come_in_and_not_out(method):
    """Day by day, from a tail on: what is under way grows by the inflow less the outflow."""
    torch.manual_seed(0)
    flow, before = (torch.rand(days, 2, 3, dtype=torch.float64) for days in (30, DAYS - 1))
    parameters = {n: 2 * torch.rand(2, 3, dtype=torch.float64) for n in ("route_a", "route_b")}
    weights = torch.softmax(torch.rand(2, 3, dtype=torch.float64), -1)
    if method == "mean":
        flow, before = (over_components(values, weights) for values in (flow, before))
    routed, tails = route({"runoff": flow}, parameters, weights, method, {"runoff": before})
    held = under_way(flow, parameters, weights, method, before)
    gained = over_components(flow, weights) - routed["routed_runoff"]
    torch.testing.assert_close(held.diff(dim=0), gained[1:])
    assert held.min() > 0
    rest = route({"runoff": 0 * before}, parameters, weights, method, tails)[0]["routed_runoff"]
    torch.testing.assert_close(rest.sum(0), held[-1])  # and all of it comes


def test_unit_hydrograph_gradients():
    inputs = [
        torch.rand(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((6, 2), (2,), (2,), (DAYS - 1, 2))
    ]
    assert torch.autograd.gradcheck(lambda q, a, b, w: convolve(q, ordinates(a, b), w), inputs)


def test_unit_hydrograph_of_the_mean_is_weighted_like_the_flow():
    a, b = torch.tensor([[0.2, 2.5]]), torch.tensor([[0.5, 6.0]])
    weights, flow = torch.tensor([[0.9, 0.1]]), torch.rand(30, 1)
    parameters = {"route_a": a, "route_b": b}
    flows, _ = route({"runoff": flow}, parameters, weights, "mean", None)
    fractions = ordinates((a * weights).sum(-1), (b * weights).sum(-1))
    torch.testing.assert_close(flows["routed_runoff"], convolve(flow, fractions)[0])
    # a component of no weight has no say
    only = torch.tensor([[1.0, 0.0]])
    flows, _ = route({"runoff": flow}, parameters, only, "mean", None)
    torch.testing.assert_close(flows["routed_runoff"], convolve(flow, ordinates(a, b)[..., 0])[0])


@pytest.mark.parametrize("method", METHODS)
def test_unit_hydrograph_restart_carries_the_tail(method):
    data = small_basins()
    domain = lumped_domain(data)
    series = [name for name in data if "time" in data[name].dims]
    values = attribute_values(domain, data.drop_vars(series))
    model = Model(
        domain,
        "hbv",
        values,
        network=ParameterNetwork(hidden=(8,)),
        components=3,
        routing=UnitHydrograph(method),
    )
    forcing = Forcing.read(data, domain, model.column).values[:, :90]
    names = ("routed_baseflow", "routed_interflow", "routed_near_surface_flow")
    with torch.no_grad():
        whole = model(forcing, outputs=names)
        first = model(forcing[:, :37], outputs=names)
        second = model(forcing[:, 37:], first.state, outputs=names)
    joined = torch.cat([first.discharge, second.discharge])
    torch.testing.assert_close(whole.discharge, joined, rtol=1e-6, atol=0)
    parts = sum(whole.outputs[name] for name in names)
    routed = whole.discharge / (model.area / 1000 / 86400)
    torch.testing.assert_close(parts, routed, rtol=1e-4, atol=1e-5)


def test_flows_behind_the_hydrograph_go_on_from_settled_stores():
    """They are carried from the runs over the record that settle the stores, as the runoff is."""
    parts = lumped.basins()
    model = lumped.model()
    forcing = Forcing.read(parts.forcing, parts.domain, model)
    about = {"gauges": [], "start": "settled", "period": ["2000", "2001"], "spinup": 365}
    run = Run(model.eval(), forcing, pd.DataFrame(), model.options | about)
    names = [f"routed_{name}" for name in ("baseflow", "interflow", "near_surface_flow")]
    found = run.simulate(outputs=names)
    depth = run.discharge().to_numpy() / (model.area.numpy() / 1000 / 86400)
    routed = sum(found[name].values for name in names)
    np.testing.assert_allclose(routed, depth, rtol=1e-4, atol=1e-4)
    assert routed[0].min() > 0  # the tail of the days before
