"""Columns side by side in a cell: each as it runs alone, and the cell's water that of its parts."""

from types import SimpleNamespace

import pytest
import torch

import gridhydro as gh
from gridhydro.columns import column
from gridhydro.columns.mixture import Mixture
from tests.columns.test_column_balance import Tank
from tests.support.column_cases import make_case

MIXED = column("hbv+gr4j")


def called(fields):
    return [field.name for field in fields]


def parts_of(case):
    """Fraction of each cell that the members have, (N, M) each."""
    parts = [case.parameters[f"part_{name}"] for name in ("hbv", "gr4j")]
    return [part / sum(parts) for part in parts]


def test_each_member_runs_as_it_does_alone():
    case = make_case(MIXED, cells=5, days=40, components=2, seed=3)
    outputs = called(MIXED.fluxes)
    weights = dict(zip(("hbv", "gr4j"), parts_of(case), strict=True))
    found, final = gh.simulate(
        MIXED, case.forcing, case.parameters, initial=case.initial, outputs=outputs,
        components="separate",
    )  # fmt: skip
    expected = dict.fromkeys(("runoff", "actual_evapotranspiration", "total_storage"), 0.0)
    for name, weight in weights.items():
        alone = column(name)
        start = {}
        for field in alone.states:
            held = case.initial[f"{name}_{field.name}"]
            start[field.name] = held / weight if field.unit == "mm" else held
        own, after = gh.simulate(
            alone, case.forcing, {f.name: case.parameters[f"{name}_{f.name}"]
                                  for f in alone.parameters},
            initial=start, outputs=called(alone.fluxes), components="separate",
        )  # fmt: skip
        torch.testing.assert_close(found[f"{name}_runoff"], own["runoff"], rtol=1e-9, atol=1e-9)
        expected = {flux: value + weight * own[flux] for flux, value in expected.items()}
        for field in alone.states:
            held = after[field.name] * (weight if field.unit == "mm" else 1)
            torch.testing.assert_close(final[f"{name}_{field.name}"], held, rtol=1e-9, atol=1e-9)
        if alone.export:  # a loss that only one of them has
            torch.testing.assert_close(found[alone.export], weight * own[alone.export])
    for flux, value in expected.items():
        torch.testing.assert_close(found[flux], value, rtol=1e-9, atol=1e-9)


def test_a_mixture_conserves_mass():
    case = make_case(MIXED, cells=6, days=800, seed=1)
    outputs = [*MIXED.water_out, "total_storage"]
    found, _ = gh.simulate(
        MIXED, case.forcing, case.parameters, initial=case.initial, outputs=outputs
    )
    stores = [f.name for f in MIXED.states if f.unit == "mm"]
    before = sum(case.initial[name][:, 0] for name in stores)
    rain = case.forcing[called(MIXED.forcings).index("precipitation")]
    left = sum(found[name] for name in MIXED.water_out)
    balance = rain.sum(0) - left.sum(0) - (found["total_storage"][-1] - before)
    assert (balance.abs() / rain.sum(0)).max() < 1e-12


@pytest.mark.parametrize("backend", ["numba", "triton"])
def test_gradient_reaches_the_parts_and_every_member(backend):
    case = make_case(column("hbv+gr4j"), cells=2, days=3, ties=False, seed=5)
    given = [case.parameters[f.name].clone().requires_grad_() for f in MIXED.parameters]

    def runoff(*values):
        return gh.simulate(
            MIXED, case.forcing, dict(zip(called(MIXED.parameters), values, strict=True)),
            initial=case.initial, scheme=gh.Stepping(backend=backend),
        )[0]["runoff"]  # fmt: skip

    (d_part, *rest) = torch.autograd.grad(runoff(*given).sum(), given)
    plain = [g.detach().clone().requires_grad_() for g in given]
    expected = torch.autograd.grad(
        gh.simulate(
            MIXED, case.forcing, dict(zip(called(MIXED.parameters), plain, strict=True)),
            initial=case.initial, scheme=gh.Stepping(backend="torch"),
        )[0]["runoff"].sum(), plain,
    )  # fmt: skip
    assert d_part.abs().min() > 0
    for mine, loop in zip((d_part, *rest), expected, strict=True):
        torch.testing.assert_close(mine, loop, rtol=1e-9, atol=1e-10)
    if backend == "numba":
        assert torch.autograd.gradcheck(runoff, given, atol=1e-5)


def test_a_mixture_is_the_same_whenever_it_is_asked_for():
    assert column("hbv + gr4j") is not None and column("hbv+gr4j") is MIXED
    assert [f.name for f in MIXED.parameters][:3] == ["part_hbv", "part_gr4j", "hbv_beta"]
    assert {f.name: f for f in MIXED.states}["gr4j_production_store"].initial == 25
    assert MIXED.export == "groundwater_export"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("hbv+hbv", "has a column twice"),
        ("hbv+hbv_nn", "'hbv_nn' cannot be mixed: it has a network"),
        ("hbv+sac_sma", "'sac_sma' and 'hbv' cannot be mixed: they take a day in 8 and 1 parts"),
        ("hbv+nothing", "there is no column 'nothing'"),
        ("hbv+", "there is no column ''"),
    ],
)
def test_columns_that_do_not_fit_together_are_refused(given, told):
    with pytest.raises(ValueError, match=told):
        column(given)


def test_columns_fed_by_other_water_are_refused():
    with pytest.raises(ValueError, match="the water that comes in is rain, dew and precipitation"):
        Mixture([column("hbv"), Tank()])


def test_columns_of_other_steps_are_refused():
    with pytest.raises(ValueError, match="they have 1 and 24 steps a day"):
        Mixture([column("hbv").stepped(24), column("hbv_improved")])


def test_stores_that_fill_slowly_are_put_at_equilibrium_within_their_part():
    mixed = column("hbv+hydropy_ramp")
    assert mixed.balancing == ("hydropy_ramp_drainage",)
    named = {name: torch.tensor([[0.5]]) for name in called(mixed.parameters)}
    given = SimpleNamespace(**named | dict(part_hbv=torch.tensor([[0.1]])))
    given.hydropy_ramp_groundwater_lag = torch.tensor([[30.0]])
    states = {name: torch.tensor([[12.0]]) for name in called(mixed.states)}
    filled = mixed.balanced(states, {"hydropy_ramp_drainage": torch.tensor([[2.0]])}, given)
    # 2 mm d-1 times 30 d, on five sixths of the cell
    assert filled["hydropy_ramp_groundwater"].item() == pytest.approx(50)
    assert filled["hbv_soil_moisture"].item() == pytest.approx(12)


def test_columns_side_by_side_go_by_the_hour_if_all_of_them_do():
    mixed = column("hbv+hbv_bounded").stepped(24)
    assert mixed is column("hbv+hbv_bounded").stepped(24) and mixed.dt == 1 / 24
    assert {member.dt for member in mixed.members.values()} == {1 / 24} and mixed.any_step
    mixed.refuse_step(sequential=True)
    with pytest.raises(ValueError, match=r"'hbv\+gr4j' takes days only, not 24 steps a day"):
        column("hbv+gr4j").stepped(24).refuse_step(sequential=True)
