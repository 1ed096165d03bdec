"""Columns of FUSE against its program, against plain loops, and made of whatever decisions."""

from dataclasses import asdict
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.special import gammaincc

import gridhydro as gh
from gridhydro.columns import column
from gridhydro.columns.fuse_options import DECISIONS, PARENTS, FuseOptions
from gridhydro.columns.topographic_index import upper_gamma
from tests.kernels.test_column_gradients import packed
from tests.kernels.test_schemes import check
from tests.support import fuse_numbers as program
from tests.support.column_cases import Case, make_case, names
from tests.support.forks import Fork

P = program.PARAMETERS
parents = pytest.mark.parametrize("name", PARENTS)


def scalars(**values):
    return SimpleNamespace(**{n: torch.tensor(v, dtype=torch.float64) for n, v in values.items()})


def every_column():
    """One column of each set of decisions that go together, without snow."""
    for values in product(*list(DECISIONS.values())[:-1]):
        chosen = dict(zip(DECISIONS, values, strict=False))
        two = chosen["upper"] == "tension2" and chosen["lower"] == "tens2pll"
        if not two and (chosen["upper"] == "onestate" or chosen["percolation"] != "w2sat"):
            yield gh.Fuse(**chosen, snow="none")


@pytest.mark.parametrize("row", program.RATES, ids=lambda row: row[0])
def test_fluxes_and_rates_equal_those_of_the_program(row):
    name, stores, fluxes, rates = row
    # the program sums the index in bins: seen where the exponent magnifies it
    tolerance = 2e-4 if "topmodel" in name or "tmdl" in name or "unlimpow" in name else 2e-8
    made = gh.Fuse(**asdict(FuseOptions.of(name)) | {"snow": "none"})
    x = scalars(precipitation=program.RAIN, potential_evapotranspiration=program.DEMAND)
    changes, found = made.tendency(scalars(**stores), x, scalars(**P), 1.0)
    assert changes.keys() == rates.keys()
    for key, value in (rates | {n: v for n, v in fluxes.items() if n in found}).items():
        got = (changes | found)[key].item()
        assert got == pytest.approx(value, rel=tolerance, abs=tolerance), key
    assert "interflow" in found or fluxes["interflow"] == 0


def test_the_program_s_numbers_are_of_every_value_of_every_decision():
    told = [asdict(FuseOptions.of(name)) for name, *_ in program.RATES]
    for decision, values in DECISIONS.items():
        if decision != "snow":
            assert {one[decision] for one in told} == set(values)


def test_every_set_of_decisions_closes_its_balance_and_needs_all_its_parameters():
    """By its daily step and by its rates; each parameter has a gradient in one of some cells."""
    some = torch.Generator().manual_seed(3)
    count = 0
    for made in every_column():
        count += 1
        p, s, x = (
            {f.name: torch.rand(24, generator=some, dtype=torch.float64) for f in group}
            for group in (made.parameters, made.states, made.forcings)
        )
        p = {f.name: f.bounds[0] + (f.bounds[1] - f.bounds[0]) * p[f.name] for f in made.parameters}
        p = {name: value.requires_grad_() for name, value in p.items()}
        for layer, capacity in ((made.upper, "maxwatr_1"), (made.lower, "maxwatr_2")):
            room = p[capacity].detach() if capacity in p else 100.0
            s |= {f.name: s[f.name] * room / len(layer.states) for f in layer.states}
        x = {n: 20 * v for n, v in x.items()}
        groups = [SimpleNamespace(**group) for group in (s, x, p)]
        states, day = made.step(*groups)
        changes, rates = made.tendency(*groups, 1.0)
        assert min(state.min() for state in states.values()) >= 0
        for moved, out in (
            (sum(states.values()) - sum(s.values()), day),
            (sum(changes.values()), rates),
        ):
            gone = out["runoff"] + out["actual_evapotranspiration"]
            torch.testing.assert_close(x["precipitation"] - gone, moved, rtol=1e-12, atol=1e-10)
        sum((rates[f.name] * (k + 1)).sum() for k, f in enumerate(made.fluxes)).backward()
        for name, value in p.items():
            assert value.grad is not None and value.grad.isfinite().all(), (made.name, name)
            assert value.grad.any(), (made.name, name)
    assert count == 312


@pytest.mark.parametrize("shape", [2.0, 2.43, 3.0, 4.6, 5.0])
def test_saturated_area_is_the_incomplete_gamma_function(shape):
    x = np.concatenate([np.geomspace(1e-6, 1, 50), np.linspace(1, 60, 60)])
    found = upper_gamma(*scalars(shape=shape, x=x).__dict__.values())
    atol = 1e-8 if shape == int(shape) else 7e-5
    np.testing.assert_allclose(found, gammaincc(shape, x), rtol=0, atol=atol)


def calm(name, days) -> Case:
    """A cell without snow, with the parameters of the program's numbers."""
    case = make_case(f"{name}:snow=none", cells=1, days=days, ties=False, seed=4)
    for field in case.column.parameters:
        case.parameters[field.name][:] = P[field.name]
    for layer, water in ((case.column.upper, 90.0), (case.column.lower, 600.0)):
        for field in layer.states:
            case.initial[field.name][:] = water / len(layer.states) ** 1.2
    return case


def right_hand_side(name, s, rain, demand):
    """Rates of change of the stores and of runoff, mm d-1: the paper's equations, in numpy."""
    p, o = SimpleNamespace(**P), FuseOptions.of(name)
    T1, T2 = p.fracten * p.maxwatr_1, p.fracten * p.maxwatr_2
    F1, F2 = p.maxwatr_1 - T1, p.maxwatr_2 - T2
    chi = (p.loglamb - 3) / p.tishape
    index = np.exp(3 / p.qb_powr) * (1 - chi / p.qb_powr) ** -p.tishape  # lambda_n

    def W(S, full):
        return 1 / (1 + np.exp(-(S - full * (1 - 5 * 0.01)) / (0.01 * full)))

    one = o.upper == "onestate"
    *upper, free = s[: {"onestate": 1, "tension1": 2, "tension2": 3}[o.upper]]
    lower = s[len(upper) + 1 :]
    tension, S1, S2 = (
        (min(free, T1), free, sum(lower)) if one else (sum(upper), sum(upper) + free, sum(lower))
    )
    above = max(free - T1, 0) if one else free
    if o.surface == "tmdl_param":
        zeta = p.qb_powr * np.log(index / (S2 / p.maxwatr_2))
        area = gammaincc(p.tishape, max(zeta - 3, 0) / chi)
    elif o.surface == "prms_varnt":
        area = p.sareamax * tension / T1
    else:
        area = 1 - (1 - S1 / p.maxwatr_1) ** p.axv_bexp
    enters = rain * (1 - area)
    runoff = rain - enters
    rates = []
    if o.upper == "tension2":
        A, B = p.frchzne * T1, (1 - p.frchzne) * T1
        e = [demand * upper[0] / A]
        e.append((demand - e[0]) * upper[1] / B)
        e2 = 0.0
        over = W(upper[0], A) * enters
        rates += [enters - over - e[0]]
        enters, over = over, W(upper[1], B) * over
        rates += [enters - over - e[1]]
    else:
        roots = (p.rtfrac1, 1 - p.rtfrac1) if o.evaporation == "rootweight" else None
        e1 = (demand * roots[0] if roots else demand) * tension / T1
        e2 = demand * roots[1] if roots else demand - e1
        over = enters if one else W(upper[0], T1) * enters
        if not one:
            rates += [enters - over - e1]
    saturated = {
        "fixedsiz": p.baserte,
        "unlimfrc": 0,
        "tens2pll": p.qbrate_2a * p.fprimqb * F2 + p.qbrate_2b * (1 - p.fprimqb) * F2,
        "unlimpow": p.baserte * p.maxwatr_2 / 1000 / p.qb_powr / index**p.qb_powr,
    }[o.lower]
    if o.percolation == "lower":
        q12 = saturated * (1 + p.sacpmlt * (1 - S2 / p.maxwatr_2) ** p.sacpexp) * above / F1
    else:
        part = above / F1 if o.percolation == "f2sat" else S1 / p.maxwatr_1
        q12 = p.percrte * part**p.percexp
    qif = p.iflwrte * above / F1 if o.interflow == "linear" else 0.0
    spilt = W(free, p.maxwatr_1 if one else F1) * over
    rates += [over - spilt - q12 - qif - (e1 if one else 0)]
    runoff += qif + spilt
    if o.lower == "tens2pll":
        e2 = e2 * lower[0] / T2
        over = W(lower[0], T2) * (1 - p.percfrac) * q12
        half = (p.percfrac * q12 + over) / 2
        rates += [(1 - p.percfrac) * q12 - over - e2]
        for S, full, rate in (
            (lower[1], p.fprimqb * F2, p.qbrate_2a),
            (lower[2], (1 - p.fprimqb) * F2, p.qbrate_2b),
        ):
            spilt = W(S, full) * half
            rates += [half - spilt - rate * S]
            runoff += spilt + rate * S
    else:
        qb = (
            p.qb_prms * S2 if o.lower == "unlimfrc" else saturated * (S2 / p.maxwatr_2) ** p.qb_powr
        )
        e2 = e2 * min(S2, T2) / T2 if o.lower == "fixedsiz" else 0.0
        spilt = W(S2, p.maxwatr_2) * q12 if o.lower == "fixedsiz" else 0.0
        rates += [q12 - e2 - qb - spilt]
        runoff += qb + spilt
    return np.array([*rates, runoff])


@pytest.mark.parametrize(
    "name",
    ["fuse_vic", *(pytest.param(n, marks=pytest.mark.thorough) for n in PARENTS if "vic" not in n)],
)
def test_rates_integrated_are_the_published_equations_integrated(name):
    """Two weeks by short steps of rk4, and by a solver of its own whose error is known."""
    case, days = calm(name, 14), []
    rain, demand = case.forcing[:, :, 0].numpy()
    found, _ = gh.simulate(
        case.column, case.forcing, case.parameters, initial=case.initial, outputs=("runoff",),
        scheme=gh.Stepping("rk4:32", backend="torch"),
    )  # fmt: skip
    s = np.array([*(v.item() for v in case.initial.values()), 0.0])
    for today in zip(rain, demand, strict=True):
        solved = solve_ivp(
            lambda t, s, today=today: right_hand_side(name, s[:-1], *today), (0, 1), s,
            method="LSODA", rtol=1e-8, atol=1e-8,
        )  # fmt: skip
        days.append(solved.y[-1, -1] - s[-1])
        s = solved.y[:, -1]
    np.testing.assert_allclose(found["runoff"][:, 0], days, rtol=1e-3, atol=1e-3)
    assert np.std(days) > 0.1


@parents
@pytest.mark.parametrize("scheme", ["explicit:4", "rk4"])
def test_balance_closes_by_explicit_schemes(name, scheme):
    closes(name, scheme, "torch", cells=20, days=12)


@pytest.mark.thorough
@parents
def test_balance_closes_by_the_implicit_scheme_without_a_warning(name, recwarn):
    closes(name, "implicit", "numba", cells=300, days=730)
    assert not recwarn.list


def closes(name, scheme, backend, **size):
    case = make_case(name, ties=False, **size)
    found, final = gh.simulate(
        name, case.forcing, case.parameters, initial=case.initial, outputs=names(case.column),
        scheme=gh.Stepping(scheme, backend=backend),
    )  # fmt: skip
    start, end = (sum(v.sum(1) for v in group.values()) for group in (case.initial, final))
    came = start + case.forcing[0].sum(0)
    left = end + (found["runoff"] + found["actual_evapotranspiration"]).sum(0)
    assert ((came - left).abs() / came).max() < 3e-12
    torch.testing.assert_close(found["total_storage"][-1], end, rtol=1e-12, atol=1e-12)


slowly = [
    pytest.param(name, "implicit", backend, marks=pytest.mark.slow)
    for name in ("fuse_prms", "fuse_topmodel", "fuse_vic")
    for backend in ("numba", "triton")
]


@pytest.mark.parametrize(
    "name, scheme, backend",
    [
        ("fuse_sacramento", "sequential", "triton"), ("fuse_topmodel", "sequential", "triton"),
        pytest.param("fuse_topmodel", "sequential", "numba", marks=pytest.mark.thorough),
        pytest.param("fuse_sacramento", "implicit", "numba", marks=pytest.mark.thorough),
        pytest.param("fuse_sacramento", "implicit", "triton", marks=pytest.mark.thorough),
        *slowly,
    ],
)  # fmt: skip
def test_kernels_equal_the_plain_loop(name, scheme, backend):
    case = make_case(name, cells=9, days=3, ties=False, seed=5)
    outputs = ("runoff", "actual_evapotranspiration", "total_storage")
    # Newton's method stops at 1e-12 of all water, which the overflow's slope magnifies
    tolerance = 1e-6 if scheme == "implicit" else 1e-9
    check(case, backend, ("all",), tolerance, outputs=outputs, scheme=scheme)


USAGE = """
import sys
from gridhydro.columns import column
from gridhydro.kernels import Scheme, Spec, column_triton

spec = Spec(
    column(sys.argv[1]), ("runoff",), scheme=Scheme.of("implicit"), averaged=("total_storage",),
    forcing_gradient=True,
)
for direction, recompute in (("forward", False), ("adjoint", False), ("adjoint", True)):
    for capability in (80, 90):
        usage = column_triton.usage(spec, direction, capability, recompute)
        print(usage.registers, usage.spill_stores + usage.spill_loads)
"""


@pytest.mark.slow
@parents
def test_implicit_gpu_kernels_fit_their_registers(name):
    pytest.importorskip("triton")
    printed = Fork("-c", USAGE, name, TRITON_INTERPRET=None).printed().split()
    assert len(printed) == 12
    assert not any(map(int, printed[1::2])), printed


@parents
def test_gradcheck_of_the_daily_step(name):
    run, inputs = packed(make_case(name, cells=2, days=2, ties=False, seed=2))
    inputs = [v.clone().requires_grad_() for v in inputs]
    assert torch.autograd.gradcheck(
        lambda *v: run(*v, backend="torch"), inputs, eps=1e-6, atol=1e-5, rtol=1e-4,
        fast_mode=True,
    )  # fmt: skip


@pytest.mark.thorough
def test_gradcheck_of_the_implicit_scheme():
    run, inputs = packed(calm("fuse_sacramento", 3))
    inputs = [v.clone().requires_grad_() for v in inputs]
    assert torch.autograd.gradcheck(
        lambda *v: run(*v, backend="numba", scheme="implicit"), inputs, eps=1e-5, atol=1e-5,
        rtol=1e-4, fast_mode=True,
    )  # fmt: skip


def test_a_name_says_the_decisions_and_they_the_name():
    made = gh.Fuse("fuse_prms", interflow="none")
    assert made.name == "fuse:upper=tension2,lower=unlimfrc,surface=prms_varnt"
    assert column("fuse_prms:interflow=none") is column(made.name)
    assert column("fuse_prms:interflow = linear") is gh.COLUMNS["fuse_prms"]
    assert column("fuse").name == gh.Fuse().name == "fuse"
    assert [f.name for f in column("fuse:snow=none").forcings] == [
        "precipitation", "potential_evapotranspiration",
    ]  # fmt: skip
    for name, parent in PARENTS.items():
        assert gh.Fuse(**asdict(parent)).name == name == column(name).name


@pytest.mark.parametrize(
    "name, message",
    [
        ("fuse:uper=onestate", "a decision of FUSE is one of 'upper'.*, not 'uper'"),
        ("fuse:upper=two", "FUSE: upper is one of 'onestate'.*, not 'two'"),
        ("fuse_prms:lower", "FUSE: lower is one of .*, not ''"),
        ("fuse:snow=none,snow=none", "snow is given twice"),
        ("fuse_prms:lower=tens2pll", "do not go together.*take upper = tension1"),
        ("fuse:percolation=w2sat", "with upper = tension1 take f2sat or lower"),
        ("fuse_gr4j", "there is no column 'fuse_gr4j'"),
    ],
)
def test_doors_decisions_that_cannot_be(name, message):
    with pytest.raises(ValueError, match=message):
        column(name)


def test_doors_a_mean_index_that_is_infinite():
    with pytest.raises(ValueError, match=r"qb_powr = 1 .* take 4 or more"):
        column("fuse_topmodel").refuse({"qb_powr": 1.0})
    column("fuse_vic").refuse({"qb_powr": 1.0})
