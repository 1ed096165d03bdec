"""Columns by parts of a day: units per day, the balance, one day against its hours, refusals."""

from itertools import pairwise

import pytest
import torch

from gridhydro.columns import COLUMNS, column
from gridhydro.columns.column import Column, fields
from gridhydro.kernels.spec import Spec
from gridhydro.model.simulate import simulate
from gridhydro.model.stepping import Stepping
from gridhydro.surrogate.column import Surrogate
from tests.support.column_cases import make_case

STEPPED = ("hbv", "hbv_improved", "hbv_bounded", "hbv_nn", "hydropy", "hydropy_ramp")


def run(case, count, outputs=("runoff",), scheme="sequential", backend="torch", **more):
    """A run of the case with so many steps a day, the weather of a day in all of them."""
    return simulate(
        case.column.stepped(count), case.forcing.repeat_interleave(count, 1), case.parameters,
        properties=case.properties, initial=case.initial, outputs=outputs,
        networks=case.networks, scheme=Stepping(scheme, backend=backend), **more,
    )  # fmt: skip


def by_day(values, count):
    return values.unflatten(0, (-1, count)).mean(1)


def test_a_day_is_one_step_and_the_same_column():
    for one in COLUMNS.values():
        assert one.stepped(1) is one and one.dt == 1
    hourly = column("hbv").stepped(24)
    assert hourly is column("hbv").stepped(24) and hourly.stepped(24) is hourly
    assert hourly.dt == 1 / 24 and hourly.name == "hbv" and column("hbv").dt == 1
    keys = {Spec(column("hbv").stepped(n), ("runoff",)).key for n in (1, 4, 24)}
    assert len(keys) == 3  # kernels of other steps are others


@pytest.mark.parametrize("name", STEPPED)
def test_balance_is_closed_by_parts_of_a_day(name):
    case = make_case(name, cells=11, days=3, ties=False)
    taken = run(case, 8, case.column.water_out)[0]
    states = run(case, 8)[1]
    water = [f.name for f in case.column.states if f.unit == "mm"]
    gained = sum(states[n] - case.initial[n] for n in water).squeeze(1)
    names = [f.name for f in case.column.forcings]
    rain = sum(case.forcing[names.index(n)].sum(0) for n in case.column.water_in)
    left = sum(by_day(taken[n], 8).sum(0) for n in case.column.water_out)
    torch.testing.assert_close(gained, rain - left, rtol=0, atol=1e-10)


def dry(name):
    """Stores that only empty: no rain, no melt, no demand, nothing percolates or rises."""
    case = make_case(name, cells=9, days=2, ties=False)
    case.forcing[:] = 0
    for unused in ("PERC", "C"):
        if unused in case.parameters:
            case.parameters[unused][:] = 0
    for store, values in case.initial.items():
        if store not in ("upper_zone", "lower_zone"):
            values[:] = 0
    return case


@pytest.mark.parametrize("count", [2, 24])
def test_hours_leave_of_a_store_what_a_day_leaves(count):
    case = dry("hbv")
    case.parameters["UZL"][:] = 1000  # no threshold: two linear stores, each with its own rate
    day, end_of_day = run(case, 1, ("runoff", "interflow", "baseflow"))
    hours, end = run(case, count, ("runoff", "interflow", "baseflow"))
    for store in ("upper_zone", "lower_zone"):
        torch.testing.assert_close(end[store], end_of_day[store], rtol=1e-12, atol=0)
    for flux, values in hours.items():
        torch.testing.assert_close(by_day(values, count), day[flux], rtol=1e-12, atol=0)


def test_residence_times_of_hydropy_are_implicit_in_any_step():
    case = make_case("hydropy", cells=5, days=2, ties=False)
    case.forcing[:] = 0
    for store, values in case.initial.items():
        values[:] = 100 if store == "groundwater" else 0
    for count in (1, 24):
        lag = case.parameters["groundwater_lag"] * count
        expected = 100 * (lag / (lag + 1)) ** (2 * count)
        torch.testing.assert_close(run(case, count)[1]["groundwater"], expected, rtol=1e-12, atol=0)


# mm d-1 and mm of the middle of all bounds under one day of constant weather, from the same
# stores: by the day, by the hour; see docs/pages/steps.md
WEATHER = dict(
    precipitation=12.0, temperature=6.0, potential_evapotranspiration=3.0,
    vegetation_fraction=0.6, leaf_area_index=2.0, melt_factor=3.0,
)  # fmt: skip
STORES = dict(
    snowpack=20.0, meltwater=1.0, soil_moisture=150.0, upper_zone=25.0, lower_zone=60.0,
    skin_storage=0.05, canopy_storage=0.2, surface_water=30.0, groundwater=100.0,
)  # fmt: skip
LAND = dict(
    soil_capacity=250.0, wilting_point=60.0, soil_capacity_min=20.0, soil_capacity_max=400.0,
    arno_shape=0.3, water_fraction=0.02,
)  # fmt: skip
ONE_DAY = {
    "hbv": dict(runoff=(9.767, 10.817), actual_evapotranspiration=(0.707, 0.708)),
    "hbv_improved": dict(runoff=(10.712, 11.306), actual_evapotranspiration=(0.707, 0.660)),
    "hbv_bounded": dict(runoff=(9.767, 10.817), actual_evapotranspiration=(0.707, 0.708)),
    "hydropy": dict(runoff=(2.834, 2.720), actual_evapotranspiration=(3.0, 3.0)),
    "hydropy_ramp": dict(runoff=(2.834, 2.720), actual_evapotranspiration=(3.0, 3.0)),
}


@pytest.mark.parametrize("name", ONE_DAY)
def test_a_day_of_constant_weather_and_its_hours(name):
    case, found = make_case(name, cells=1, days=1, ties=False), {}
    for row, field in zip(case.forcing, case.column.forcings, strict=True):
        row[:] = WEATHER[field.name]
    for field in case.column.parameters:
        low, high = field.range
        case.parameters[field.name][:] = (low * high) ** 0.5 if field.log else (low + high) / 2
    for group, known in ((case.initial, STORES), (case.properties, LAND)):
        for key, values in group.items():
            values[:] = known[key]
    for count in (1, 24):
        values = run(case, count, tuple(ONE_DAY[name]))[0]
        found[count] = {n: v.mean().item() for n, v in values.items()}
    for flux, (day, hours) in ONE_DAY[name].items():
        assert found[1][flux] == pytest.approx(day, abs=6e-4)
        assert found[24][flux] == pytest.approx(hours, abs=6e-4)


@pytest.mark.parametrize(
    "scheme, finer",
    [
        pytest.param("implicit", "implicit:4", marks=pytest.mark.slow),
        ("explicit:2", "explicit:8"),
        ("rk4", "rk4:4"),
    ],
)
def test_a_scheme_over_parts_of_a_day_is_its_sub_steps(scheme, finer):
    case = make_case("hbv", cells=7, days=2, ties=False)
    outputs = ("runoff", "recharge", "total_storage", "soil_moisture")
    parts, end = run(case, 4, outputs, scheme)
    whole, end_of_whole = run(case, 1, outputs, finer)
    for name in outputs[:2]:
        torch.testing.assert_close(by_day(parts[name], 4), whole[name], rtol=1e-9, atol=1e-9)
    for name in outputs[2:]:
        torch.testing.assert_close(parts[name][3::4], whole[name], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(end, end_of_whole, rtol=1e-9, atol=1e-9)


def test_implicit_scheme_converges_with_the_first_order_as_steps_shrink():
    """dS/dt = P - K S, whose solution is known: half the step, half the error."""

    class Store(Column):
        name = "store"
        states = fields("water mm: water")
        forcings = fields("precipitation mm d-1: precipitation")
        parameters = fields("rate d-1 [0, 9]: what leaves")
        fluxes = fields("runoff mm d-1: flow")

        def tendency(self, s, x, p, dt):
            flow = p.rate * s.water
            return {"water": x.precipitation - flow}, {"runoff": flow}

    rain, rate, first = 5.0, torch.tensor([0.3, 1.5], dtype=torch.float64), 40.0
    exact = rain / rate + (first - rain / rate) * torch.exp(-rate)
    errors = []
    for count in (12, 24, 48):
        weather = torch.full((count, 2), rain, dtype=torch.float64)
        _, end = simulate(
            Store().stepped(count), {"precipitation": weather}, {"rate": rate},
            initial={"water": torch.full((2,), first)},
            scheme=Stepping("implicit", backend="torch"),
        )  # fmt: skip
        errors.append((end["water"].squeeze(1) - exact).abs())
    for coarse, fine in pairwise(errors):
        torch.testing.assert_close(
            torch.log2(coarse / fine), torch.ones(2).double(), rtol=0, atol=0.1
        )


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        pytest.param("hbv", "numba", marks=pytest.mark.thorough),
        *(
            pytest.param(name, backend, marks=pytest.mark.slow)
            for name, backend in [
                ("hydropy", "numba"), ("hbv_nn", "numba"), ("hbv", "triton"), ("hydropy", "triton"),
            ]
        ),
    ],
)  # fmt: skip
def test_kernels_of_parts_of_a_day_equal_the_plain_loop(name, backend):
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    case = make_case(name, cells=13, days=2, ties=False)
    found = {}
    for kind, place in (("torch", "cpu"), (backend, device)):
        one = case.to(place)
        given = {n: v.clone().requires_grad_() for n, v in one.parameters.items()}
        series, end = simulate(
            one.column.stepped(3), one.forcing.repeat_interleave(3, 1), given,
            properties=one.properties, initial=one.initial, outputs=("runoff", "total_storage"),
            networks=one.networks, scheme=Stepping(backend=kind),
        )  # fmt: skip
        total = sum((v * (k + 1)).sum() for k, v in enumerate((*series.values(), *end.values())))
        gradients = torch.autograd.grad(total, list(given.values()))
        found[kind] = [v.cpu() for v in (*series.values(), *end.values(), *gradients)]
    for kernel, loop in zip(found[backend], found["torch"], strict=True):
        torch.testing.assert_close(kernel, loop, rtol=1e-9, atol=1e-9)


def test_what_leaves_in_a_day_at_most_has_a_gradient():
    case = make_case("hbv", cells=2, days=1, ties=False)
    case.parameters["C"][:] = 1.0
    case.parameters["C"].requires_grad_()
    run(case, 24)[0]["runoff"].sum().backward()
    assert torch.isfinite(case.parameters["C"].grad).all()


def test_columns_of_days_are_refused():
    for name in ("gr4j", "gr6j", "hydropy:with_leakage"):
        one = column(name)
        with pytest.raises(
            ValueError, match=rf"'{name}' takes days only, not 24 steps a day \(its"
        ):
            one.stepped(24).refuse_step(sequential=True)
        one.refuse_step(sequential=True)
    with pytest.raises(ValueError, match="takes days only, not 2 steps a day"):
        simulate(column("gr4j").stepped(2), torch.zeros(3, 2, 1), {})

    class OneDay(Column):
        name = "one_day"

        def step(self, s, x, p):
            return {}, {}

        tendency = step

    with pytest.raises(ValueError, match="choose another scheme, such as 'implicit'"):
        OneDay().stepped(24).refuse_step(sequential=True)
    OneDay().stepped(24).refuse_step(sequential=False)
    assert not Surrogate.any_step
