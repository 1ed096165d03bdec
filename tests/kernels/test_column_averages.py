"""Averages over periods of days, made in the kernels instead of by day."""

import pytest
import torch

from gridhydro import Averages, simulate
from gridhydro.kernels import column_numba
from gridhydro.kernels.periods import Periods
from gridhydro.model.stepping import PeriodMeans, Stepping
from tests.kernels.test_column_backends import TOLERANCE, numba_or_triton
from tests.kernels.test_column_weights import some_weights
from tests.support.column_cases import assert_close, make_case, once_per_case
from tests.support.decay import DECAY
from tests.support.options import stepped

DAYS = 13
AVERAGED = ("total_storage", "melt")  # a value at the end of the day and a rate over it


def periods(count=6):
    """Of one day and of five, two periods without days, one day of no weight, any other weights."""
    row = torch.tensor([0, 0, 0, 1, 1, 1, 1, 1, 3, 3, 3, 4, 4], dtype=torch.int32)
    random = torch.Generator().manual_seed(0)
    weight = torch.rand(DAYS, generator=random, dtype=torch.float64)
    weight[4] = 0
    return row, weight, count


def averaged_run(case, averages, weighted=False, outputs=("runoff",), names=AVERAGED, **choices):
    """What is put out and, of a fixed random sum of it, the gradients: by name."""
    choices |= dict(weighted=weighted, outputs=outputs, names=names)
    if choices.get("backend") == "torch":  # slow: kept for the next backend compared with it
        return once_per_case(case, _averaged_run, averages, **choices)
    return _averaged_run(case, averages, **choices)


def _averaged_run(case, averages, *, weighted, outputs, names, **choices):
    leaves = {f"d_{n}": v for g in (case.parameters, case.initial) for n, v in g.items()}
    leaves["d_forcing"] = case.forcing
    if weighted:
        leaves["d_weights"] = some_weights(case).to(case.forcing.device)
    leaves = {name: value.clone().requires_grad_() for name, value in leaves.items()}
    values, final = simulate(
        case.column,
        leaves["d_forcing"],
        {n: leaves[f"d_{n}"] for n in case.parameters},
        properties=case.properties,
        initial={n: leaves[f"d_{n}"] for n in case.initial},
        outputs=outputs,
        means=PeriodMeans(names, averages),
        **stepped(**{"components": leaves.get("d_weights", "mean")} | choices),
    )
    found = values | {f"final_{name}": value for name, value in final.items()}
    random = torch.Generator().manual_seed(1)
    factors = [torch.rand(v.shape, generator=random, dtype=torch.float64) for v in found.values()]
    sum((v * w.to(v)).sum() for v, w in zip(found.values(), factors, strict=True)).backward()
    found |= {name: value.grad for name, value in leaves.items()}
    return {name: value.detach() for name, value in found.items()}


def on_backend(case, backend, averages=None, **choices):
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    return averaged_run(case.to(device), averages or periods(), backend=backend, **choices)


@numba_or_triton
def test_averages_of_kernels_equal_those_of_the_loop(backend):
    check(backend, make_case("hbv", 9, DAYS, 3, ties=False), 1e-10)


# of the store that is quickest to compile, and to solve for in the plain loop
OF_DECAY = dict(names=("water", "runoff"), outputs=("twice",))


@pytest.mark.slow
@numba_or_triton
@pytest.mark.parametrize(
    "choices",
    [dict(components="separate"), dict(weighted=True)],
    ids=["components", "weighted"],
)
def test_averages_of_components_equal_those_of_the_loop(backend, choices):
    scheme = dict(scheme="explicit:2")
    check(backend, make_case(DECAY, 9, DAYS, 3), 1e-10, **OF_DECAY, **scheme, **choices)


@pytest.mark.slow
@numba_or_triton
def test_averages_of_solved_days_equal_those_of_the_loop(backend):
    case = make_case(DECAY, 9, DAYS, ties=False)
    check(backend, case, 1e-9, scheme="implicit:2", **OF_DECAY)


def check(backend, case, tolerance, names=AVERAGED, **choices):
    choices |= dict(names=names)
    expected = averaged_run(case, periods(), backend="torch", **choices)
    storage, rate = (expected[name] for name in names)
    assert storage.shape[0] == 6 and not storage[[2, 5]].any() and not rate[[2, 5]].any()
    for stored in ("all", 4):
        found = on_backend(case, backend, storage=stored, **choices)
        assert_close(found, expected, tolerance)


@pytest.mark.slow
@numba_or_triton
def test_averages_of_hydropy_in_single_precision(backend):
    """The column that is trained to storages, in the precision of its training."""
    case = make_case("hydropy_ramp", 70, DAYS).to(torch.float32)
    choices = dict(names=("total_storage",), storage=5)
    expected = averaged_run(case, periods(), backend="torch", **choices)
    assert_close(on_backend(case, backend, **choices), expected, TOLERANCE[torch.float32])


def test_averages_of_the_loop_are_weighted_sums_of_daily_series():
    """The averages of the reference are sums of weight times what comes out by day."""
    case = make_case("hbv", 9, DAYS, ties=False)
    averages = Averages(*periods())
    found = averaged_run(case, periods(), backend="torch")
    arguments = (case.column, case.forcing, case.parameters)
    daily, _ = simulate(
        *arguments,
        initial=case.initial,
        outputs=("runoff", *AVERAGED),
        scheme=Stepping(backend="torch"),
    )
    assert torch.equal(found["runoff"], daily["runoff"])
    for name in AVERAGED:
        torch.testing.assert_close(found[name], averages.means(daily[name]), rtol=1e-13, atol=1e-13)


@pytest.mark.thorough
@numba_or_triton
def test_averages_without_daily_outputs(backend):
    """Without daily outputs, on one cell more than a block."""
    case = make_case("hbv", 65, DAYS, ties=False)
    choices = dict(outputs=(), names=("total_storage",))
    expected = averaged_run(case, periods(), backend="torch", **choices)
    found = on_backend(case, backend, **choices)
    assert "runoff" not in found
    assert_close(found, expected, 1e-10)


def test_averaged_outputs_take_no_daily_memory(monkeypatch):
    """All that is as long as the run are the forcing, its gradient and the weights of days."""
    case = make_case("hbv", 65, DAYS)
    made = []
    launch = column_numba._launch

    def watched(direction, spec, cells, every, *tensors):
        made.append([t.shape for t in tensors])
        launch(direction, spec, cells, every, *tensors)

    monkeypatch.setattr(column_numba, "_launch", watched)
    averaged_run(case, periods(), outputs=(), names=("total_storage",), storage=4, backend="numba")
    forward, adjoint = (
        [tuple(shape) for shape in shapes if DAYS in shape and 0 not in shape] for shapes in made
    )
    forcing, weights = (3, DAYS, 65), (DAYS,)
    assert forward == [forcing, weights] and adjoint == [forcing, weights, forcing]
    assert (1, 6, 65) in made[0] and (1, 6, 65) in made[1]


def test_average_over_one_period_is_the_mean_of_the_run():
    case = make_case("hbv", 5, DAYS, ties=False)
    arguments = (case.column, case.forcing, case.parameters)
    whole = torch.zeros(DAYS, dtype=torch.int32), torch.full((DAYS,), 1 / DAYS).double(), 1
    mean, _ = simulate(*arguments, means=PeriodMeans(["total_storage"], whole))
    daily, _ = simulate(*arguments, outputs=["total_storage"], scheme=Stepping(backend="torch"))
    assert list(mean) == ["total_storage"] and mean["total_storage"].shape == (1, 5)
    torch.testing.assert_close(mean["total_storage"][0], daily["total_storage"].mean(0))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda row, weight, count: (row[1:], weight, count), "for 12 days and the weights for 13"),
        (
            lambda row, weight, count: (row, weight[1:], count),
            "the weights for 12, but the run has 13",
        ),
        (lambda row, weight, count: (row, weight, 4), "the periods of days are 0 to 3, in order"),
        (lambda row, weight, count: (row, weight, 0), "at least one period to average over, not 0"),
        (lambda row, weight, count: (row - 1, weight, count), "are 0 to 5, in order of time"),
        (lambda row, weight, count: (row.flip(0), weight, count), "are 0 to 5, in order of time"),
    ],
)
def test_wrong_periods_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Periods.of(change(*periods()), DAYS, torch.empty(0))


def test_wrong_averaged_outputs_are_refused():
    case = make_case("hbv", 5, DAYS)
    with pytest.raises(ValueError, match="'runoff' is asked for by day and averaged"):
        averaged_run(case, periods(), names=("runoff",))
    with pytest.raises(ValueError, match="has no output 'storage'"):
        averaged_run(case, periods(), names=("storage",))
    with pytest.raises(ValueError, match=r"give averages, a gridhydro\.Averages"):
        averaged_run(case, None)
