"""Runs: cut in two, with gaps, on several threads, within the memory promised, wrongly called."""

import pytest
import torch

from gridhydro.kernels import Spec, column_op
from gridhydro.model.simulate import simulate
from gridhydro.model.stepping import Stepping
from tests.support.column_cases import assert_close, make_case, names, results
from tests.support.options import stepped

numba_or_triton = pytest.mark.parametrize("backend", ["numba", "triton"])


def device_of(backend):
    return "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"


@numba_or_triton
@pytest.mark.parametrize("real", [torch.float32, torch.float64], ids=str)
def test_run_cut_in_two_equals_one_run_to_the_last_bit(backend, real):
    case = make_case("hbv", cells=70, days=13).to(real).to(device_of(backend))
    whole, end = run(case, backend, case.initial)
    for cut in (1, 6):
        first, middle = run(case.days(0, cut), backend, case.initial)
        second, last = run(case.days(cut, 13), backend, middle)
        for name, series in whole.items():
            assert torch.equal(series, torch.cat([first[name], second[name]])), name
        assert all(torch.equal(end[name], last[name]) for name in end)


def run(case, backend, initial):
    return simulate(
        case.column, case.forcing, case.parameters,
        initial=initial, outputs=names(case.column), scheme=Stepping(backend=backend),
    )  # fmt: skip


@numba_or_triton
@pytest.mark.parametrize("row", range(3))
def test_a_gap_in_the_forcing_stays_in_its_cell(backend, row):
    case = make_case("hbv", cells=70, days=8).to(device_of(backend))
    good, end = run(case, backend, case.initial)
    case.forcing[row, 3, 17] = torch.nan
    found, last = run(case, backend, case.initial)
    others = torch.arange(70) != 17
    for name in good:
        assert torch.equal(found[name][:, others], good[name][:, others])
        assert torch.equal(found[name][:3], good[name][:3])
    for name in ("runoff", "total_storage"):
        assert found[name][4:, 17].isnan().all()
    assert all(torch.equal(last[name][others], end[name][others]) for name in end)
    assert last["soil_moisture"][17].isnan().all()


@numba_or_triton
def test_uninitialised_memory_is_never_read(backend, monkeypatch):
    case = make_case("hbv", cells=70, days=13).to(device_of(backend))
    expected = results(case, backend=backend, storage=5)

    def poisoned(make):
        def made(*arguments, **keywords):
            values = make(*arguments, **keywords)
            return values.fill_(torch.nan if values.is_floating_point() else -1)

        return made

    monkeypatch.setattr(torch, "empty_like", poisoned(torch.empty_like))
    monkeypatch.setattr(torch.Tensor, "new_empty", poisoned(torch.Tensor.new_empty))
    found = results(case, backend=backend, storage=5)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_number_of_threads_changes_no_result():
    case = make_case("hbv", cells=300, days=13)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(results(case, backend="numba", storage="all"))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(other[name], found[0][name]) for name in other)


@numba_or_triton
@pytest.mark.parametrize("storage, rows", [("all", 13), (1, 13), (5, 3), (13, 1), (99, 1)])
def test_storage_keeps_the_states_it_promises(backend, storage, rows):
    """20 bytes a day and cell for HBV in float32, or a K-th of that, and nothing beside the inputs.

    The tensors kept for the backward pass are seen by autograd's own hooks.
    """
    cells, days = 70, 13
    case = make_case("hbv", cells=cells, days=days).to(torch.float32).to(device_of(backend))
    kept = {}
    parameters = {n: p.requires_grad_() for n, p in case.parameters.items()}
    keep = lambda tensor: kept.setdefault(tensor.data_ptr(), tensor)  # noqa: E731
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        simulate(
            "hbv", case.forcing, parameters, initial=case.initial, outputs=names(case.column),
            scheme=Stepping(storage=storage, backend=backend),
        )  # fmt: skip
    sizes = sorted(t.numel() * t.element_size() for t in kept.values() if t.numel())
    trajectory, forcing, static = 20 * cells * rows, 12 * cells * days, 4 * 14 * cells
    assert sizes == sorted([trajectory, forcing, static])


def test_run_without_gradients_keeps_no_trajectory():
    case = make_case("hbv", cells=70, days=13).to(torch.float32)
    values, _ = run(case, "numba", case.initial)
    assert not values["runoff"].requires_grad


def test_tensors_of_any_layout_give_the_same_run():
    case = make_case("hbv", cells=20, days=5)
    spec = Spec(case.column, names(case.column), real="float64")
    rows = [torch.cat(list(v.values()), 1).T for v in (case.parameters, case.initial)]
    dynamic = case.forcing.new_empty(0, 5, 20)
    assert not rows[0].is_contiguous()
    found = column_op(spec, case.forcing, rows[0], dynamic, rows[1])
    expected = column_op(spec, case.forcing, rows[0].contiguous(), dynamic, rows[1].contiguous())
    found, expected = ([*outputs, final] for outputs, final in (found, expected))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_an_output_asked_for_twice_comes_once():
    case = make_case("hbv", cells=5, days=4)
    found = {}
    for backend in ("triton", "torch"):
        values, _ = simulate(
            "hbv", case.forcing.to(device_of(backend)), case.parameters,
            outputs=("runoff", "melt", "runoff"), scheme=Stepping(backend=backend),
        )  # fmt: skip
        found[backend] = values
    assert_close(found["triton"], found["torch"], 1e-10)


def wrong(change):
    case = make_case("hbv", cells=6, days=4)
    weather = {f.name: row for f, row in zip(case.column.forcings, case.forcing, strict=True)}
    arguments = dict(forcing=weather, parameters=case.parameters, initial=case.initial)
    choices = change(arguments) or {}
    return simulate("hbv", **arguments, **stepped(**choices))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda a: a["forcing"].pop("temperature"), "missing: temperature"),
        (lambda a: a["parameters"].pop("FC"), "missing: FC"),
        (lambda a: a["parameters"].update(fc=torch.ones(6)), "unknown: fc"),
        (lambda a: a["initial"].update(snow=torch.ones(6)), "unknown: snow"),
        (lambda a: a["parameters"].update(FC=torch.ones(7)), "'FC' has the shape .* 6 cells"),
        (lambda a: a["parameters"].update(FC=torch.ones(5, 6, 1)), "'FC'.* 4 days"),
        (lambda a: a["initial"].update(snowpack=torch.ones(4)), "'snowpack' has the shape"),
        (lambda a: a["forcing"].update(temperature=torch.ones(3, 6)), "same shape"),
        (lambda a: a.update(forcing=torch.ones(2, 4, 6)), r"shape \(3, T, N\)"),
        (lambda a: a.update(forcing=torch.ones(3, 4, 6).half()), "float32 or float64"),
        (lambda a: a.update(forcing=torch.ones(3, 4, 6).long()), "float32 or float64"),
        (lambda a: a["parameters"].update(FC=torch.ones(6, 65)), "1 to 64 components, not 65"),
        (lambda a: dict(outputs=("discharge",)), "no output 'discharge'"),
        (lambda a: dict(backend="jax"), "no backend 'jax'"),
    ],
)
def test_wrong_arguments_of_simulate_are_refused(change, message):
    def quietly(arguments):
        found = change(arguments)
        return found if isinstance(found, dict) else None

    with pytest.raises(ValueError, match=message):
        wrong(quietly)


@pytest.mark.parametrize("storage", [0, -1, "some", 2.5])
def test_unknown_storage_of_states_is_refused(storage):
    with pytest.raises(ValueError, match="storage is"):
        results(make_case("hbv", cells=2, days=2), storage=storage)


def test_run_of_no_days_or_no_cells_is_empty():
    case = make_case("hbv", cells=3, days=2, ties=False)
    values, final = run(case.days(0, 0), "numba", case.initial)
    assert values["runoff"].shape == (0, 3)
    assert all(torch.equal(final[name], case.initial[name]) for name in final)
