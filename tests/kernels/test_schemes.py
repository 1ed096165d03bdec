"""Time-stepping schemes: every backend against the plain loop, convergence, order, wrong calls."""

import warnings

import pytest
import torch

from gridhydro import Column, simulate
from gridhydro.cli import main
from gridhydro.kernels import Scheme
from gridhydro.kernels.column_op import checkpoint_interval
from gridhydro.model.stepping import Stepping
from tests.support.column_cases import TWO_STORE, assert_close, make_case, names, results
from tests.support.decay import DECAY, Decay

SOME = ("runoff", "melt", "soil_moisture", "total_storage")
DYNAMIC = ("beta", "gamma", "FC")
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}

numba_or_triton = pytest.mark.parametrize("backend", ["numba", "triton"])


def device_of(backend):
    return "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"


def check(case, backend, storages=("all",), tolerance=None, **choices):
    expected = results(case, backend="torch", **choices)
    for storage in storages:
        found = results(case.to(device_of(backend)), backend=backend, storage=storage, **choices)
        assert_close(found, expected, tolerance or TOLERANCE[case.forcing.dtype])


@pytest.mark.parametrize(
    ("scheme", "backend"),
    [
        ("explicit:4", "numba"), ("explicit:4", "triton"),
        pytest.param("implicit", "numba", marks=pytest.mark.thorough),
        *(
            pytest.param(scheme, backend, marks=pytest.mark.slow)
            for scheme, backend in [
                ("rk4:2", "numba"), ("rk4:2", "triton"), ("implicit", "triton"),
                ("implicit:2", "numba"), ("implicit:2", "triton"),
            ]
        ),
    ],
)  # fmt: skip
def test_schemes_of_kernels_equal_the_plain_loop(backend, scheme):
    # sub-steps of halves and quarters: 1 / dt is exact, and so are ties of stores that just empty
    case = make_case("hbv", cells=23, days=5, components=3, dynamic=DYNAMIC, ties=False)
    storages = ("all", "auto", 3) if backend == "numba" else ("all", 3)
    check(case, backend, storages, outputs=SOME, scheme=scheme)


@pytest.mark.parametrize(
    ("scheme", "backend"),
    [
        pytest.param("implicit", "numba", marks=pytest.mark.thorough),
        pytest.param("implicit", "triton", marks=pytest.mark.slow),
        pytest.param("explicit:4", "numba", marks=pytest.mark.slow),
        pytest.param("explicit:4", "triton", marks=pytest.mark.slow),
    ],
)
def test_schemes_in_single_precision_equal_the_loop(backend, scheme):
    case = make_case(TWO_STORE, cells=40, days=6, ties=False).to(torch.float32)
    # Newton's method stops at 2e-6 of all water, which a part of it may feel ten times over
    tolerance = 5e-5 if scheme == "implicit" else None
    check(case, backend, (4,), tolerance, scheme=scheme)


@pytest.mark.slow
@numba_or_triton
def test_implicit_scheme_with_separate_components_equals_the_loop(backend):
    case = make_case(TWO_STORE, cells=9, days=3, components=16, ties=False)
    choices = dict(outputs=("runoff", "lower"), components="separate", forcing_gradient=False)
    check(case, backend, ("all", 2), scheme="implicit", **choices)


@pytest.mark.thorough
@numba_or_triton
@pytest.mark.parametrize("scheme", ["explicit:2", pytest.param("implicit", marks=pytest.mark.slow)])
def test_every_operation_by_scheme_equals_the_loop(backend, scheme):
    case = make_case(TWO_STORE, cells=66, days=5, ties=False)
    check(case, backend, ("all", 3), scheme=scheme)


@pytest.mark.slow  # of two stores, the loop does the same in the test before
@pytest.mark.parametrize("seed, days", [(0, 8), (0, 30), (1, 30), (2, 30)])
def test_implicit_adjoint_is_autograd_through_newtons_iterations(seed, days):
    """The plain loop unrolls them, and its gradient knows nothing of the implicit function."""
    case = make_case("hbv_improved", cells=130, days=days, ties=False, seed=seed)
    outputs = ("runoff", "total_storage")
    check(case, "numba", ("auto",), 1e-6, outputs=outputs, scheme="implicit")


def test_explicit_step_of_daily_changes_is_the_sequential_step():
    """A tendency made of the daily step's own changes."""

    class Changes(type(TWO_STORE)):
        def tendency(self, s, x, p, dt):
            states, fluxes = self.step(s, x, p)
            return {name: value - vars(s)[name] for name, value in states.items()}, fluxes

    case = make_case(Changes(), cells=20, days=6, ties=False)
    explicit = results(case, scheme="explicit", backend="torch")
    assert_close(explicit, results(case, scheme="sequential", backend="torch"), 1e-12)


RATE, WATER, DAYS = torch.tensor([0.7], dtype=torch.float64), 10.0, 3


def decayed(name, substeps, backend="torch"):
    """The error of a linear store at the end, each day's values being those of one decay."""
    values, final = simulate(
        DECAY,
        torch.zeros(1, DAYS, 1, dtype=torch.float64),
        {"rate": RATE},
        initial={"water": torch.full((1,), WATER, dtype=torch.float64)},
        outputs=["runoff", "twice", "water"],
        scheme=Stepping(Scheme(name, substeps), backend=backend),
    )
    assert torch.equal(values["twice"][-1], 2 * final["water"][0])
    assert torch.equal(values["water"][-1], final["water"][0])
    left = WATER - final["water"].sum()
    torch.testing.assert_close(values["runoff"].sum(), left, rtol=1e-12, atol=1e-11)
    return (final["water"][0] - WATER * torch.exp(-RATE * DAYS)).abs()


@pytest.mark.parametrize("name, order", [("explicit", 1), ("rk4", 4), ("implicit", 1)])
def test_order_of_convergence_on_a_linear_store(name, order):
    errors = [decayed(name, substeps) for substeps in (4, 8)]
    observed = torch.log2(errors[0] / errors[1])
    assert abs(observed - order) < 0.15, observed
    for backend in ("numba", "triton"):
        same = decayed(name, 4, backend)
        torch.testing.assert_close(same, errors[0], rtol=0, atol=1e-12)


@pytest.mark.slow  # a linear store is quicker, in the test before
def test_explicit_and_implicit_hbv_converge_to_the_same():
    """Explicit and implicit Euler halve their errors with the sub-step, and meet."""
    case = make_case("hbv", cells=20, days=4, ties=False, seed=1)
    # a pulse at the start goes to the soil at once in one scheme, in halves in the other
    case.initial["meltwater"].zero_()
    case.initial["soil_moisture"].clamp_(max=50)

    def end(name, substeps):
        # a kernel of its own for each count: the plain loop is quick where nothing is solved for
        quick = name == "explicit" and substeps < 100
        stepping = Stepping(Scheme(name, substeps), backend="torch" if quick else "numba")
        _, final = simulate(
            "hbv", case.forcing, case.parameters, initial=case.initial, scheme=stepping
        )
        return torch.cat(list(final.values()), 1)

    explicit, implicit = end("explicit", 10_000), end("implicit", 10_000)
    scale = explicit.abs().amax(0)
    assert ((implicit - explicit).abs() / scale).max() < 1e-3
    limit = (explicit + implicit) / 2
    for name in ("explicit", "implicit"):
        errors = [(end(name, n) - limit).abs().mean(0) for n in (32, 64)]
        orders = torch.log2(errors[0] / errors[1])[2:]  # snow may melt without an error to halve
        assert ((orders - 1).abs() < 0.1).all(), (name, orders)


@pytest.mark.slow
def test_ten_thousand_substeps_have_a_gradient():
    case = make_case(DECAY, cells=2, days=2, ties=False)
    case.forcing.add_(1)
    found = results(case, ("runoff",), scheme=Scheme("implicit", 10_000))
    assert all(value.isfinite().all() for value in found.values())
    assert found["d_precipitation"].abs().min() > 0


@pytest.mark.parametrize("scheme", ["explicit:4", "implicit"])
def test_forcing_gap_stays_in_its_cell_by_every_scheme(scheme):
    case = make_case("hbv", cells=70, days=6, ties=False)
    choices = dict(outputs=names(case.column), scheme=scheme)  # as in the tests of balances
    good, _ = simulate("hbv", case.forcing, case.parameters, **choices)
    case.forcing[0, 3, 17] = torch.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, last = simulate("hbv", case.forcing, case.parameters, **choices)
    others = torch.arange(70) != 17
    for name in good:
        assert torch.equal(found[name][:, others], good[name][:, others])
        assert torch.equal(found[name][:3], good[name][:3])
    assert found["runoff"][4:, 17].isnan().all() and last["soil_moisture"][17].isnan().all()


@pytest.mark.parametrize(
    "scheme, message",
    [
        ("heun", "no scheme 'heun'; there is sequential, explicit, rk4, implicit"),
        ("explicit:", "cannot read the scheme 'explicit:'"),
        ("explicit:many", "such as 'explicit:24'"),
        ("explicit:0", "1 or more substeps, not 0"),
        ("sequential:4", "one whole day.*'explicit:4'"),
    ],
)
def test_unknown_schemes_are_refused(scheme, message):
    case = make_case("hbv", cells=2, days=2)
    with pytest.raises(ValueError, match=message):
        simulate("hbv", case.forcing, case.parameters, scheme=scheme)


def test_column_without_the_method_of_a_scheme_is_refused():
    class Daily(Column):
        name, states, forcings, parameters, fluxes = (
            "daily", Decay.states, Decay.forcings, Decay.parameters, Decay.fluxes[:1],
        )  # fmt: skip

        def step(self, s, x, p):
            return dict(water=s.water), dict(runoff=p.rate * s.water)

    rain, rate = torch.zeros(1, 2, 3), {"rate": torch.ones(3)}
    with pytest.raises(TypeError, match=r"Daily has no tendency\(s, x, p, dt\).*'sequential'"):
        simulate(Daily(), rain, rate, scheme="implicit")
    with pytest.raises(TypeError, match=r"Decay has no step\(s, x, p\)"):
        simulate(Decay(), rain, rate)


def test_a_tendency_must_give_each_state_and_flux():
    class Leaky(Decay):
        def tendency(self, s, x, p, dt):
            changes, fluxes = super().tendency(s, x, p, dt)
            return changes | dict(more=0.0), fluxes

    for scheme in ("explicit", "rk4", "implicit"):
        with pytest.raises(ValueError, match=r"tendency\(\) of .* not declared: \['more'\]"):
            simulate(Leaky(), torch.zeros(1, 2, 3), {"rate": torch.ones(3)}, scheme=scheme)


def test_checkpoint_interval_depends_on_the_cost_of_a_step():
    lanes, few, many = torch.empty(5, 1000), torch.empty(3, 730, 1000), torch.empty(3, 10**6, 1)
    assert checkpoint_interval("auto", few, lanes) == 32
    assert checkpoint_interval("auto", few, lanes, Scheme("explicit", 8)) == 4
    assert checkpoint_interval("auto", few, lanes, Scheme("implicit")) == 1
    assert checkpoint_interval("auto", many, lanes, Scheme("implicit")) == 32


def test_the_command_shows_a_kernel_by_scheme(capsys):
    for target in ("numba", "triton"):
        arguments = ["kernels", "show", "hbv", "--target", target, "--scheme", "implicit:2"]
        assert main(arguments) == 0
        printed = capsys.readouterr().out
        assert "by the scheme implicit:2" in printed and "slope_of_infiltration" in printed
