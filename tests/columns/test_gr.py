"""GR4J and GR6J with CemaNeige against a plain loop of the papers, and airGR's own numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gridhydro import COLUMNS, simulate
from gridhydro.columns import gr_stores
from gridhydro.columns.cema_neige import cema_neige
from gridhydro.columns.gr4j import LONGEST
from gridhydro.model.equilibrium import settle
from gridhydro.model.state import State
from gridhydro.model.stepping import Stepping
from tests.support import airgr_numbers as airgr
from tests.support.column_cases import assert_close, make_case, names, results

both = pytest.mark.parametrize("name", ["gr4j", "gr6j"])


def s_curve(t, length, two_sided):
    """The part of a unit hydrograph that has passed after t days, as the papers write it."""
    if not two_sided:
        return min(t / length, 1) ** 2.5
    if t <= length:
        return 0.5 * (t / length) ** 2.5
    return 1 - 0.5 * (2 - t / length) ** 2.5 if t < 2 * length else 1.0


def published(name, weather, p, s):
    """The runoff of a day after another of one cell, mm d-1: the papers' equations, in numpy.

    p and s: parameters and stores at the start, s is changed; unit hydrographs are convolutions.
    """
    n = len(weather[0])
    arrived = {two: np.zeros(n + 30) for two in (False, True)}
    for two, key, days in ((False, "uh1", LONGEST), (True, "uh2", 2 * LONGEST)):
        arrived[two][: days - 1] = [s[f"{key}_{k}"] for k in range(1, days)]
    found = dict(runoff=[], actual_evapotranspiration=[], groundwater_export=[], melt=[])
    for day, (rain, temperature, demand) in enumerate(zip(*weather, strict=True)):
        solid = min(max((3 - temperature) / 4, 0), 1)
        s["snowpack"] += solid * rain
        warmth = p["CTG"] * s["thermal_state"] + (1 - p["CTG"]) * temperature
        s["thermal_state"] = min(warmth, 0)
        melt = 0.0
        if s["thermal_state"] == 0 and temperature > 0:
            melt = min(p["Kf"] * temperature, s["snowpack"])
        melt *= 0.9 * min(s["snowpack"] / p["full_cover"], 1) + 0.1
        s["snowpack"] -= melt
        liquid = (1 - solid) * rain + melt

        x1, S = p["x1"], s["production_store"]
        if liquid >= demand:
            net, th = liquid - demand, np.tanh((liquid - demand) / x1)
            filling, evaporation = x1 * (1 - (S / x1) ** 2) * th / (1 + S / x1 * th), demand
            S += filling
        else:
            net, filling, th = 0.0, 0.0, np.tanh((demand - liquid) / x1)
            drying = S * (2 - S / x1) * th / (1 + (1 - S / x1) * th)
            S, evaporation = S - drying, liquid + drying
        percolation = S * (1 - (1 + (4 / 9 * S / x1) ** 4) ** -0.25)
        s["production_store"] = S - percolation
        water = percolation + net - filling
        for two, part in ((False, 0.9), (True, 0.1)):
            for k in range(1, 21):
                passed = s_curve(k, p["x4"], two) - s_curve(k - 1, p["x4"], two)
                arrived[two][day + k - 1] += part * water * passed
        slow, direct = arrived[False][day], arrived[True][day]

        R, x3 = s["routing_store"], p["x3"]
        gr6j = name == "gr6j"
        F = p["x2"] * (R / x3 - p["x5"] if gr6j else (R / x3) ** 3.5)
        before, R = R + (0.6 if gr6j else 1) * slow, max(R + (0.6 if gr6j else 1) * slow + F, 0)
        gained = R - before + max(direct + F, 0) - direct
        routed = R * (1 - (1 + (R / x3) ** 4) ** -0.25)
        s["routing_store"] = R - routed
        runoff = routed + max(direct + F, 0)
        if gr6j:
            store = s["exponential_store"] + 0.4 * slow + F
            lets_out = p["x6"] * np.logaddexp(0, store / p["x6"])
            s["exponential_store"] = store - lets_out
            runoff, gained = runoff + lets_out, gained + F
        for key, value in zip(found, (runoff, evaporation, -gained, melt), strict=True):
            found[key].append(value)
    return found


@both
def test_column_equals_a_loop_of_the_papers(name):
    """Random weather, from stores within their capacities."""
    case = make_case(name, cells=8, days=300, ties=False, seed=1)
    for store, capacity in (("production_store", "x1"), ("routing_store", "x3")):
        case.initial[store] *= case.parameters[capacity] / 100
    case.initial["thermal_state"] *= -0.1
    case.parameters["x4"][:4, 0] = torch.tensor([0.5, 1.0, 2.0, LONGEST])
    # two cells lose all that there is
    case.forcing[0, :, 4:6] *= 0.05
    case.parameters["x2"][4:6] = -4.0
    if name == "gr6j":
        case.parameters["x5"][4:6] = -0.5
    found, final = simulate(
        name, case.forcing, case.parameters, initial=case.initial, outputs=names(case.column),
        scheme=Stepping(backend="torch"),
    )  # fmt: skip
    for cell in range(8):
        p = {n: v[cell, 0].item() for n, v in case.parameters.items()}
        s = {n: v[cell, 0].item() for n, v in case.initial.items()}
        expected = published(name, case.forcing[:, :, cell].numpy(), p, s)
        for key, values in expected.items():
            np.testing.assert_allclose(found[key][:, cell], values, rtol=1e-9, atol=1e-9)
        for key, store in final.items():
            if not key.startswith("uh"):
                np.testing.assert_allclose(store[cell, 0], s[key], rtol=1e-9, atol=1e-9)
    assert (found["melt"] > 0).any() and (found["groundwater_export"] < 0).any()
    assert (found["direct_flow"][:, 4:6] == 0).any()
    assert name == "gr4j" or (found["routed_flow"][:, 4:6] == 0).any()


@pytest.mark.parametrize(
    "expected, name, gain, full",
    [
        (airgr.GR4J, "gr4j", 1.012, True),
        (airgr.GR4J_LOSS, "gr4j", -1.012, False),
        (airgr.GR6J, "gr6j", 0.637, True),
        (airgr.GR6J_LOSS, "gr6j", -0.637, False),
    ],
    ids=["gr4j", "gr4j loss", "gr6j", "gr6j loss"],
)
def test_runoff_equals_that_of_airgr(expected, name, gain, full):
    if name == "gr4j":
        p = dict(x1=257.238, x2=gain, x3=88.235, x4=2.208)
    else:
        p = dict(x1=242.257, x2=gain, x3=53.517, x4=2.218, x5=0.424, x6=4.759)
    p |= dict(CTG=0.5, Kf=4.0, full_cover=75.0)
    start = dict.fromkeys((f.name for f in COLUMNS[name].states), 0.0)
    if full:
        start |= dict(production_store=0.3 * p["x1"], routing_store=0.5 * p["x3"])
    weather = dict(
        precipitation=airgr.RAIN, temperature=[10.0] * 50, potential_evapotranspiration=airgr.DEMAND
    )
    found, _ = simulate(
        name,
        {n: torch.tensor(v, dtype=torch.float64)[:, None] for n, v in weather.items()},
        {n: torch.full((1,), v, dtype=torch.float64) for n, v in p.items()},
        initial={n: torch.full((1, 1), v, dtype=torch.float64) for n, v in start.items()},
        outputs=("runoff",), scheme=Stepping(backend="torch"),
    )  # fmt: skip
    np.testing.assert_allclose(found["runoff"][:, 0], expected, rtol=0, atol=2e-6)


def test_snow_equals_that_of_airgr():
    p = SimpleNamespace(CTG=0.962, Kf=2.249, full_cover=0.9 * 83)
    s = SimpleNamespace(snowpack=torch.zeros(()), thermal_state=torch.zeros(()))
    days = zip(airgr.SNOW_PRECIPITATION, airgr.SNOW_TEMPERATURE, strict=True)
    melt, pack = [], []
    for rain, temperature in days:
        given = map(torch.tensor, (rain, temperature))
        x = SimpleNamespace(**dict(zip(("precipitation", "temperature"), given, strict=True)))
        _, states, fluxes = cema_neige(s, x, p)
        s = SimpleNamespace(**states)
        melt.append(fluxes["melt"])
        pack.append(s.snowpack)
    np.testing.assert_allclose(melt, airgr.SNOW_MELT, atol=1e-5)
    np.testing.assert_allclose(pack, airgr.SNOW_PACK, atol=1e-5)


def test_float32_on_a_gpu_keeps_the_digits_of_little_rain():
    """What a large, dry store leaves of it is a difference: tanh has to be right near 0."""
    case = make_case("gr6j", cells=70, days=9).to(torch.float32)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = results(case.to(device), backend="triton", storage="all")
    assert_close(found, results(case, backend="torch"), 3e-5)


@pytest.mark.parametrize("length", [0.5, 1.0, 1.7, 4.0, 4.9, 5.0, 7.0])
def test_unit_hydrographs_let_all_water_through(length):
    """Also one that is longer than there are registers."""
    x4 = torch.tensor(length, dtype=torch.float64)
    for ordinates, two in (
        (gr_stores.one_sided(x4, LONGEST), False),
        (gr_stores.two_sided(x4, 2 * LONGEST), True),
    ):
        assert sum(ordinates).item() == pytest.approx(1, abs=1e-14)
        assert all(o >= -1e-14 for o in ordinates)
        passed = np.cumsum(ordinates)[:-1]
        whole = [s_curve(k, length, two) for k in range(1, len(ordinates))]
        np.testing.assert_allclose(passed, whole, atol=1e-13)


def test_stores_below_zero_are_settled_as_any_others():
    """Half way to equilibrium in each pass; the exponential store of GR6J lends water."""
    end = dict(exponential_store=torch.tensor([[-8.0]]), routing_store=torch.tensor([[20.0]]))

    def passed(state):
        before = {n: v * 0 for n, v in end.items()} if state is None else state.column
        return State({n: (v + before[n]) / 2 for n, v in end.items()}, None)

    for name, store in settle(passed).column.items():
        torch.testing.assert_close(store, end[name], rtol=1e-3, atol=0)
