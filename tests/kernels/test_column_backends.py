"""Every backend against the plain loop: fluxes, final states and all gradients."""

import pytest
import torch

from gridhydro.model.simulate import simulate
from gridhydro.model.stepping import Stepping
from tests.support.column_cases import TWO_STORE, assert_close, make_case, names, results

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
# few outputs where many are not the point: compiling takes longer than running
SOME = ("runoff", "actual_evapotranspiration", "soil_moisture", "total_storage")
DYNAMIC = dict(hbv=("beta", "gamma"), hydropy=("drainage_max", "surface_lag"))

numba_or_triton = pytest.mark.parametrize("backend", ["numba", "triton"])


def check(case, backend, *, storages=("all",), **choices):
    """The kernels against the loop on the same inputs, for each storage of the trajectory."""
    expected = results(case, backend="torch", **choices)
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    for storage in storages:
        found = results(case.to(device), backend=backend, storage=storage, **choices)
        assert_close(found, expected, TOLERANCE[case.forcing.dtype])


@numba_or_triton
@pytest.mark.parametrize(
    "column, real",
    [
        ("hbv", torch.float64),
        pytest.param("hbv", torch.float32, marks=pytest.mark.slow),
        pytest.param("hydropy", torch.float32, marks=pytest.mark.slow),
        ("hydropy_ramp", torch.float64),
        ("gr6j", torch.float64),
        pytest.param("gr4j", torch.float64, marks=pytest.mark.thorough),
    ],
    ids=str,
)
def test_all_outputs_and_gradients_equal_the_loop(backend, column, real):
    days = 9
    case = make_case(column, cells=70, days=days).to(real)
    # the interpreter takes long: whole segments are as good there as one of all days
    check(case, backend, storages=("all", 4, days) if backend == "numba" else ("all", 4))


@numba_or_triton
@pytest.mark.parametrize(
    "column, components, mean, real",
    [
        ("hbv", 3, True, torch.float64),
        pytest.param("hbv", 16, False, torch.float32, marks=pytest.mark.slow),
        pytest.param("hydropy", 3, True, torch.float32, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_components_and_daily_parameters_equal_the_loop(backend, column, components, mean, real):
    case = make_case(column, 23, 7, components, dynamic=DYNAMIC[column]).to(real)
    over = "mean" if mean else "separate"
    check(case, backend, storages=("all", 3), outputs=SOME, components=over, forcing_gradient=mean)


@numba_or_triton
@pytest.mark.parametrize(
    "real", [torch.float64, pytest.param(torch.float32, marks=pytest.mark.slow)], ids=str
)
def test_every_operation_equals_the_loop(backend, real):
    check(make_case(TWO_STORE, cells=66, days=8, ties=False).to(real), backend, storages=("all", 5))


@numba_or_triton
@pytest.mark.parametrize("cells, days", [(1, 9), (9, 1), (1, 1), (64, 2), (65, 3)])
def test_small_and_odd_sizes_equal_the_loop(backend, cells, days):
    check(make_case("hbv", cells=cells, days=days), backend, storages=("all", 2))


@pytest.mark.parametrize("column, seeds", [("hbv", range(8)), ("hydropy_ramp", range(4))])
def test_random_parameters_and_longer_weather_equal_the_loop(column, seeds):
    for seed in seeds:
        check(make_case(column, cells=130, days=60, seed=seed), "numba", storages=("auto",))


@numba_or_triton
def test_gradients_from_final_states_alone(backend):
    """A loss on the final states alone: no cotangent comes in through the outputs."""
    case = make_case("hbv", cells=5, days=6)
    found = []
    for choice in (backend, "torch"):
        FC = case.parameters["FC"].clone().requires_grad_()
        device = "cuda" if choice == "triton" and torch.cuda.is_available() else "cpu"
        moved = case.to(device)
        _, final = simulate(
            "hbv",
            moved.forcing.requires_grad_(),
            moved.parameters | dict(FC=FC.to(device)),
            outputs=names(case.column),  # as most tests ask for: compiled already
            scheme=Stepping(backend=choice),
        )
        final["lower_zone"].square().sum().backward()
        found.append({"d_FC": FC.grad})
    assert_close(*found, 1e-10)


def test_gradients_without_ties_equal_plain_autograd():
    """Plain autograd of the step, with torch's own conventions, gives the same gradients."""
    from types import SimpleNamespace

    case = make_case("hbv", cells=40, days=10, ties=False, seed=3)
    leaves = {n: p[:, 0].clone().requires_grad_() for n, p in case.parameters.items()}
    states = {n: s[:, 0] for n, s in case.initial.items()}
    total = 0.0
    for day in case.forcing.unbind(1):
        weather = {f.name: row for f, row in zip(case.column.forcings, day, strict=True)}
        groups = (SimpleNamespace(**values) for values in (states, weather, leaves))
        states, fluxes = case.column.step(*groups)
        total = total + fluxes["runoff"].square().sum()
    expected = dict(zip(leaves, torch.autograd.grad(total, leaves.values()), strict=True))

    leaves = {n: p.clone().requires_grad_() for n, p in case.parameters.items()}
    forcing = case.forcing.requires_grad_()
    values, _ = simulate("hbv", forcing, leaves, initial=case.initial, outputs=names(case.column))
    values["runoff"].square().sum().backward()
    assert_close({n: p.grad[:, 0] for n, p in leaves.items()}, expected, 1e-10)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_tensors_run_on_triton_by_default():
    case = make_case("hbv", cells=70, days=13).to(torch.float32)
    found = results(case.to("cuda"))
    assert all(value.is_cuda for value in found.values())
    assert_close(found, results(case, backend="torch"), TOLERANCE[torch.float32])
