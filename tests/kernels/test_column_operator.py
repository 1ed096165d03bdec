"""The column as an operator of torch: torch's own check, compiled, differentiated once only."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gridhydro.columns.column import Column, fields
from gridhydro.kernels import SPECS, Scheme, Spec, column_op
from gridhydro.kernels.operators import NO_SECOND_DERIVATIVE, Interned
from gridhydro.model.simulate import simulate
from gridhydro.model.stepping import PeriodMeans, Stepping
from tests.support.column_cases import TWO_STORE, make_case, names
from tests.support.forks import Fork

pytestmark = pytest.mark.thorough

numba_or_triton = pytest.mark.parametrize("backend", ["numba", "triton"])
ROWS = torch.tensor([0, 0, 0, 1, 1])
PERIODS = (ROWS, torch.tensor([1.0, 1.0, 1.0, 1.5, 1.5], dtype=torch.float64) / 3, 2)
# kernels that other tests of averages have compiled
MEANS = PeriodMeans(("total_storage", "melt"), PERIODS)


def averaged_case():
    return make_case("hbv", cells=3, days=5, components=3, ties=False)


def device_of(backend):
    return "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"


class Leak(Column):
    """A store that loses a fraction of its water; this and how slow it is make another column."""

    name = "leak"
    states = fields("store mm: water")
    forcings = fields("precipitation mm d-1: rain")
    parameters = fields("delay d [1, 9]: residence time")
    fluxes = fields("runoff mm d-1: water to the river", "lost mm d-1: water to the ground")
    water_out = ("runoff", "lost")

    def __init__(self, fraction, slow=2.0):
        self.fraction, self.slow = fraction, slow

    def step(self, s, x, p):
        store = s.store + x.precipitation
        lost = self.fraction * store
        runoff = (store - lost) / (self.slow * p.delay)
        return dict(store=store - lost - runoff), dict(runoff=runoff, lost=lost)


def leaking(column, forcing, delay, initial=None, **options):
    """A sum of squares of what comes out: its gradients differ, and second ones are not 0."""
    if initial is not None:
        options["initial"] = {"store": initial}
    outputs, final = simulate(
        column, {"precipitation": forcing}, {"delay": delay}, outputs=("runoff", "lost"), **options
    )
    return sum(v.square().sum() for v in (*outputs.values(), *final.values()))


def leaky_case(cells=3, days=5, dtype=torch.float64):
    random = torch.Generator().manual_seed(3)
    forcing = 9 * torch.rand(days, cells, generator=random, dtype=dtype)
    delay = 1 + torch.rand(cells, generator=random, dtype=dtype)
    return forcing, delay, torch.ones(cells, 1, dtype=dtype)


def with_gradients(function, *tensors, **options):
    """The value of a function, and its gradients to the tensors."""
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    value = function(*leaves, **options)
    return value.detach(), *torch.autograd.grad(value, leaves)


def assert_same(found, expected):
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


class Calls(TorchDispatchMode):
    """The calls of operators of gridhydro that are made within."""

    def __init__(self):
        super().__init__()
        self.made = []

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        if function.namespace == "gridhydro":
            self.made.append((function, arguments))
        return function(*arguments, **keywords or {})


@numba_or_triton
@pytest.mark.parametrize("means", [pytest.param(False, marks=pytest.mark.slow), True])
def test_operators_pass_torchs_own_check(backend, means):
    """Schema, registered gradient, shapes without data, and a trace with sizes left open."""
    case = averaged_case() if means else make_case(TWO_STORE, cells=3, days=5)
    case = case.to(device_of(backend))
    case.forcing.requires_grad_()
    parameters = {n: p.requires_grad_() for n, p in case.parameters.items()}
    with Calls() as calls:
        values, _ = simulate(
            case.column, case.forcing, parameters, initial=case.initial,
            outputs=("runoff",) if means else names(case.column), means=MEANS if means else None,
            scheme=Stepping(storage=2, backend=backend),
        )  # fmt: skip
        sum(v.sum() for v in values.values()).backward()
    assert [function._opname for function, _ in calls.made] == ["column", "column_adjoint"]
    for function, arguments in calls.made:
        arguments = tuple(
            a.detach().clone().requires_grad_(a.is_floating_point()) if torch.is_tensor(a) else a
            for a in arguments
        )
        adjoint = function._opname == "column_adjoint"
        # an adjoint refuses to be differentiated, which the last check, a gradient, would do
        checks = ("test_schema", "test_autograd_registration", "test_faketensor")
        checks = checks if adjoint else (*checks, "test_aot_dispatch_dynamic")
        torch.library.opcheck(function, arguments, test_utils=checks)


@numba_or_triton
@pytest.mark.parametrize("dynamic", [pytest.param(False, marks=pytest.mark.slow), True])
def test_compiled_simulate_equals_eager(backend, dynamic):
    case = averaged_case().to(device_of(backend))
    case.forcing.requires_grad_()
    parameters = {n: p.requires_grad_() for n, p in case.parameters.items()}

    def run(forcing, parameters, initial):
        values, final = simulate(
            case.column, forcing, parameters, initial=initial, outputs=("runoff",), means=MEANS,
            scheme=Stepping(backend=backend),
        )  # fmt: skip
        return sum(v.square().sum() for v in (*values.values(), *final.values()))

    torch._dynamo.reset()
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager", dynamic=dynamic)
    found = []
    for function in (run, compiled):
        value = function(case.forcing, parameters, case.initial)
        leaves = (case.forcing, *parameters.values())
        found.append((value.detach(), *torch.autograd.grad(value, leaves)))
    assert_same(*found)


def test_gradient_to_a_single_output_is_not_copied():
    forcing, delay, _ = leaky_case()
    with Calls() as calls:
        found, _ = simulate(
            Leak(0.1), {"precipitation": forcing}, {"delay": delay.requires_grad_()}, scheme=TRITON
        )
        gradient = torch.ones_like(found["runoff"])
        found["runoff"].backward(gradient)
    _, (function, arguments) = calls.made
    assert function._opname == "column_adjoint"
    assert gradient.data_ptr() in {a.data_ptr() for a in arguments if torch.is_tensor(a)}


def test_compiled_code_is_that_of_its_column():
    """Another column of the same class, other cells and another scheme are compiled anew."""
    torch._dynamo.reset()
    compiled = torch.compile(leaking, fullgraph=True, backend="aot_eager")
    columns = Leak(0.1), Leak(0.3)
    values = []
    for cells in (3, 4, 6):
        for column in columns:
            forcing, delay, _ = leaky_case(cells)
            found, expected = (
                with_gradients(lambda *t, f=f, c=column: f(c, *t, scheme=TRITON), forcing, delay)
                for f in (compiled, leaking)
            )
            assert_same(found, expected)
            values.append(found[0])
    assert len(set(values)) == 6


TRITON = Stepping(backend="triton")


@pytest.mark.slow  # as the run that is not compiled does, and compiled routing
def test_compiled_run_refuses_periods_out_of_order():
    torch._dynamo.reset()
    case = averaged_case()

    def run(row):
        means = PeriodMeans(MEANS.outputs, (row, *PERIODS[1:]))
        found, _ = simulate(
            case.column, case.forcing, case.parameters, means=means, outputs=("runoff",)
        )
        return found["melt"]

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(ROWS), run(ROWS))
    with pytest.raises(ValueError, match="the periods of days are 0 to 1, in order of time"):
        compiled(ROWS.flip(0))


@numba_or_triton
@pytest.mark.parametrize(
    "of", [pytest.param("forcing", marks=pytest.mark.slow), "delay", "initial"]
)
def test_second_derivative_is_refused(backend, of):
    """Of a weighted sum too, whose weights have no gradient and leave no trace of themselves."""
    tensors = dict(zip(("forcing", "delay", "initial"), leaky_case(), strict=True))
    leaf = tensors[of].requires_grad_()
    column = Leak(0.1)
    device = device_of(backend)
    moved = {name: value.to(device) for name, value in tensors.items()}
    first = simulate(
        column, {"precipitation": moved["forcing"]}, {"delay": moved["delay"]},
        initial={"store": moved["initial"]}, scheme=Stepping(backend=backend),
    )[0]["runoff"].sum()  # fmt: skip
    (gradient,) = torch.autograd.grad(first, leaf, create_graph=True)
    assert gradient.requires_grad
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(gradient.square().sum(), leaf)


def test_second_derivative_of_compiled_code_is_refused():
    torch._dynamo.reset()
    forcing, delay, _ = leaky_case()
    delay.requires_grad_()
    compiled = torch.compile(leaking, fullgraph=True, backend="aot_eager")
    loss = compiled(Leak(0.1), forcing, delay, scheme=TRITON)
    (gradient,) = torch.autograd.grad(loss, delay, create_graph=True)
    with pytest.raises(RuntimeError, match="double backward"):
        (loss + gradient.square().sum()).backward()


@pytest.mark.parametrize("transform", [torch.func.grad, torch.func.vmap, torch.func.jacrev])
def test_transforms_of_functions_are_refused(transform):
    """They would have to go through kernels."""
    forcing, delay, _ = leaky_case()
    run = transform(lambda delay: leaking(Leak(0.1), forcing, delay, scheme=TRITON))
    with pytest.raises(RuntimeError, match="functorch transforms"):
        run(delay[None] if transform is torch.func.vmap else delay)


@pytest.mark.parametrize("learning", [True, False])
def test_forward_derivatives_are_refused(learning):
    forcing, delay, _ = leaky_case()
    with torch.set_grad_enabled(learning), torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(delay, torch.ones_like(delay))
        with pytest.raises(NotImplementedError, match="forward mode AD"):
            leaking(Leak(0.1), forcing, dual, scheme=TRITON)


def test_plain_loops_have_second_derivatives():
    assert "backend='torch'" in NO_SECOND_DERIVATIVE
    forcing, delay, _ = leaky_case()

    def run(delay):
        return leaking(Leak(0.1), forcing, delay, scheme=Stepping(backend="torch"))

    assert torch.autograd.gradgradcheck(run, delay.requires_grad_())


@pytest.mark.parametrize("backend", [pytest.param("triton", marks=pytest.mark.slow), "torch"])
def test_autocast_changes_no_bit_of_a_column(backend):
    """The matrix products of the networks inside a step would be in half precision."""
    device = device_of(backend)
    case = make_case("hbv_nn", cells=5, days=6).to(torch.float32).to(device)
    found = []
    for on in (False, True):
        weights = [w for m in case.networks.values() for w in m.parameters()]
        parameters = {n: p.clone().requires_grad_() for n, p in case.parameters.items()}
        with torch.autocast(device, dtype=torch.bfloat16, enabled=on):
            values, _ = simulate(
                case.column, case.forcing, parameters, initial=case.initial,
                networks=case.networks, scheme=Stepping(backend=backend),
            )  # fmt: skip
            total = values["runoff"].square().sum()
            with torch.autocast(device, enabled=on and backend != "torch"):  # there by torch's own
                gradients = torch.autograd.grad(total, [*parameters.values(), *weights])
        found.append((values["runoff"], *gradients))
        assert values["runoff"].dtype == torch.float32
    assert_same(*found)


def test_gradient_that_no_states_were_kept_for_is_refused():
    forcing, delay, initial = leaky_case()
    spec = Spec(Leak(0.1), ("runoff",), real="float64")
    SPECS.hold(spec.key, spec)
    nothing = forcing.new_empty(0)
    results = torch.ops.gridhydro.column(
        forcing[None], delay[None].requires_grad_(), forcing.new_empty(0, 5, 3), initial.T, nothing,
        nothing.int(), nothing, 0, spec.key, "triton", 0,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="the run of 'leak' kept no states"):
        results[0].sum().backward()


def test_means_over_no_periods_are_refused():
    forcing, delay, initial = leaky_case()
    spec = Spec(Leak(0.1), (), real="float64", averaged=("store",))
    with pytest.raises(ValueError, match=r"means of \['store'\] are asked for, over 0 periods"):
        column_op(spec, forcing[None], delay[None], forcing.new_empty(0, 5, 3), initial.T)


def other_specs():
    yield Spec(TWO_STORE, ("runoff",))
    yield Spec(TWO_STORE, ("runoff", "warm"))
    yield Spec(TWO_STORE, ("warm", "runoff"))
    yield Spec(TWO_STORE, ("runoff",), ("rate",))
    yield Spec(TWO_STORE, ("runoff",), components=2)
    yield Spec(TWO_STORE, ("runoff",), components=2, mean=False)
    yield Spec(TWO_STORE, ("runoff",), components=2, weighted=True)
    yield Spec(TWO_STORE, ("runoff",), real="float64")
    yield Spec(TWO_STORE, (), averaged=("runoff",))
    yield Spec(TWO_STORE, ("runoff",), averaged=("warm",))
    yield Spec(TWO_STORE, ("runoff",), scheme=Scheme("explicit"))
    yield Spec(TWO_STORE, ("runoff",), scheme=Scheme("explicit", 2))
    yield Spec(TWO_STORE, ("runoff",), scheme=Scheme("implicit"))
    yield Spec(TWO_STORE, ("runoff",), scheme=Scheme("implicit", iterations=9))
    yield Spec(Leak(0.1), ("runoff",))
    yield Spec(Leak(0.2), ("runoff",))
    yield Spec(Leak(0.1, slow=3.0), ("runoff",))  # another quantity before the time loop only


def test_specs_that_differ_have_other_keys():
    keys = [spec.key for spec in other_specs()]
    assert len(set(keys)) == len(keys)
    assert Spec(Leak(0.1), ("runoff",)).key == keys[-3]


def test_key_is_the_same_in_another_process():
    """Compiled code that another process kept on disk means the same column by it."""
    spec = Spec(TWO_STORE, ("runoff",))
    assert pickle.loads(pickle.dumps(spec)).key == spec.key
    script = (
        "from gridhydro.kernels import Spec; from tests.support.two_store import TwoStore; "
        "print(Spec(TwoStore(), ('runoff',)).key)"
    )
    assert Fork("-c", script).printed().strip() == spec.key


def test_unknown_key_is_refused_by_how_to_make_it_known():
    with pytest.raises(RuntimeError, match="'snow-00' is unknown in this process: it stands for a"):
        SPECS["snow-00"]


def test_weak_keys_go_with_their_things():
    class Thing:
        pass

    things = Interned("things", weak=True)
    first, second = Thing(), Thing()
    assert things.hold("one", first) == things.hold("one", second) == "one"
    assert things["one"] is first
    del first
    with pytest.raises(RuntimeError, match="things"):
        things["one"]


def test_threads_that_begin_at_once_agree():
    forcing, delay, _ = leaky_case()
    column = Leak(0.7)
    with ThreadPoolExecutor(8) as pool:
        runs = [
            # not in Triton's interpreter, which changes the language for the whole process
            pool.submit(leaking, column, forcing, delay, scheme=Stepping(backend="numba"))
            for _ in range(16)
        ]  # fmt: skip
        values = {run.result().item() for run in runs}
    assert len(values) == 1
