"""SAC-SMA and SNOW-17 against numbers of the programs of the National Weather Service."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from gridhydro import COLUMNS, simulate
from gridhydro.columns import column, snow_17
from gridhydro.columns.sac_sma import SacSma
from gridhydro.inputs.seasons import melt_season
from gridhydro.model.stepping import Stepping
from tests.support import nws_numbers as nws
from tests.support.column_cases import assert_close, make_case, names, results

PER_6_HOURS = ("MFMAX", "MFMIN", "UADJ", "NMF")
SNOW = {n: v * 4 if n in PER_6_HOURS else v for n, v in nws.SNOW_PARAMETERS.items()} | {"ADC": 1.0}
TIMES = pd.date_range(nws.FIRST_DAY, periods=len(nws.RAIN))


def test_snow_equals_that_of_the_nws():
    """Rain on snow, cold and ripe snow, new snow on bare ground; a switch at PXTEMP as there."""
    given = SNOW | {"elevation": nws.ELEVATION}
    p = SimpleNamespace(**{n: torch.tensor(v, dtype=torch.float64) for n, v in given.items()})
    s = SimpleNamespace(**{f.name: p.MBASE * 0 for f in snow_17.STATES})
    seasons = melt_season(TIMES, [nws.LATITUDE])[:, 0].astype(float)
    liquid, pack = [], []
    for day in np.stack([nws.RAIN, nws.TEMPERATURE, seasons], 1):
        x = dict(
            zip(("precipitation", "temperature", "melt_season"), torch.tensor(day), strict=True)
        )
        came = 0.0
        for _ in range(8):
            water, states, _ = snow_17.snow_17(s, SimpleNamespace(**x), p, 1 / 8, mixed=0.0)
            s, came = SimpleNamespace(**states), came + water.item()
        liquid.append(came)
        pack.append((s.snowpack + s.meltwater).item())
    np.testing.assert_allclose(liquid[9::10], nws.LIQUID, atol=2e-5)
    np.testing.assert_allclose(pack[9::10], nws.SNOW, rtol=1e-6, atol=2e-5)


@cache
def soil():
    """Runoff and evapotranspiration by day, mm d-1, of little rain and of more: (150, 2) each."""
    given = SNOW | nws.SAC_PARAMETERS
    parameters = {n: torch.tensor([nws.LITTLE.get(n, v), v]).double() for n, v in given.items()}
    pervious = 1 - given["PCTIM"] - given["ADIMP"]
    start = [depth * pervious for depth in nws.SAC_START[:5]]
    start.append(nws.SAC_START[5] * given["ADIMP"])
    stores = [f.name for f in COLUMNS["sac_sma"].states]
    initial = dict.fromkeys(stores, 0.0) | dict(zip(stores[-6:], start, strict=True))
    rain, demand = nws.RAIN[:150, None], nws.DEMAND[:150, None]
    weather = np.stack(
        np.broadcast_arrays(rain * [1 / 3, 1], np.full((150, 2), 20.0), demand, 0 * rain)
    )
    found, _ = simulate(
        "sac_sma", torch.tensor(weather), parameters,
        properties={"elevation": torch.zeros(2).double()},
        initial={n: torch.full((2, 1), v).double() for n, v in initial.items()},
        outputs=("runoff", "actual_evapotranspiration"), scheme=Stepping(backend="torch"),
    )  # fmt: skip
    return found["runoff"].numpy(), found["actual_evapotranspiration"].numpy()


def test_soil_equals_that_of_the_nws():
    """Where its increments are steps of ours; it takes no percolation of less than 0.01 mm."""
    runoff, evapotranspiration = (values[9::10, 0] for values in soil())
    np.testing.assert_allclose(runoff, nws.RUNOFF, atol=5e-4)
    np.testing.assert_allclose(evapotranspiration, nws.EVAPOTRANSPIRATION, atol=5e-4)


def test_eight_increments_are_near_those_of_the_nws():
    """As near as the runs of its program by days and by 3 hours are to one another."""
    runoff = soil()[0][9::10, 1]
    by_days, by_hours = (np.array(v) for v in (nws.RUNOFF_DAILY, nws.RUNOFF_WET))
    apart = np.abs(by_days - by_hours).mean()
    assert np.abs(runoff - by_hours).mean() < apart
    assert np.abs(runoff - by_days).mean() < 1.5 * apart


def test_melt_season_follows_day_and_latitude():
    days = pd.DatetimeIndex(["2001-06-20", "2001-12-20", "2001-03-21", "2004-02-29", "2001-01-31"])
    found = melt_season(days, [45.0, -45.0, 60.0])
    np.testing.assert_allclose(found[:2, 0], [1, 0], atol=1e-3)
    np.testing.assert_allclose(found[:2, 1], [0, 1], atol=1e-3)
    assert found[2, 0] == 0.5
    # in Alaska nothing in winter, and all of it in summer
    assert found[0, 2] == found[0, 0] and found[4, 2] == 0 and found[4, 0] > 0.1


def test_precipitation_turns_to_snow_around_pxtemp():
    """Half of it at PXTEMP, and a slope there; at once where `mixed` is 0."""
    x = SimpleNamespace(precipitation=torch.tensor(8.0), melt_season=torch.tensor(0.5))
    p = SimpleNamespace(**{n: torch.tensor(v) for n, v in (SNOW | {"elevation": 0.0}).items()})
    s = SimpleNamespace(**{f.name: torch.tensor(0.0) for f in snow_17.STATES})
    for mixed, fallen in ((2.0, [1.0, 0.75, 0.5, 0.0]), (0.0, [1.0, 1.0, 1.0, 0.0])):
        for degrees, part in zip((-1.0, 0.5, 1.0, 2.5), fallen, strict=True):
            x.temperature = torch.tensor(degrees)
            _, _, fluxes = snow_17.snow_17(s, x, p, mixed=mixed)
            assert fluxes["snowfall"] == pytest.approx(8 * part * SNOW["SCF"])


def test_no_variable_area_and_no_snow_are_no_divisors():
    """ADIMP, PCTIM and all else at 0 where it may be; gradients are there all the same."""
    case = make_case("sac_sma", cells=3, days=6, ties=False, seed=1)
    for name in ("ADIMP", "PCTIM", "RIVA", "SIDE", "RSERV", "PFREE", "DAYGM"):
        case.parameters[name][0] = 0.0
    for store in case.initial.values():
        store[1:] = 0.0
    found = results(case, backend="torch")
    assert all(value.isfinite().all() for value in found.values())
    assert all(found[f.name].min() > -1e-9 for f in case.column.states)


@pytest.mark.thorough
@pytest.mark.parametrize("backend", ["numba", "triton"])
def test_kernels_equal_the_loop(backend):
    case = make_case("sac_sma", cells=70, days=9, ties=False, seed=1)
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    for storage in ("all", 4):
        found = results(case.to(device), backend=backend, storage=storage)
        assert_close(found, results(case, backend="torch"), 1e-10)


def test_a_day_of_other_parts_is_a_column_of_its_own():
    """A day in four parts is another one than in eight, and not far off."""
    case = make_case("sac_sma", cells=4, days=12, ties=False, seed=1)
    four = SacSma(parts=4)
    found, expected = (
        simulate(
            one, case.forcing, case.parameters, properties=case.properties, initial=case.initial,
            outputs=("runoff",), scheme=Stepping(backend="torch"),
        )[0]["runoff"]
        for one in (four, "sac_sma")
    )  # fmt: skip
    assert not torch.equal(found, expected)
    assert (found - expected).abs().mean() < 0.1 * expected.mean()
    assert column(four) is four and names(four) == names(COLUMNS["sac_sma"])


def test_options_are_in_the_name_of_the_column():
    assert (
        column("sac_sma:parts=4, mixed=0").name == SacSma(0, 4).name == "sac_sma:mixed=0.0,parts=4"
    )
    assert column(SacSma(parts=4).name).parts == 4
    assert column("sac_sma:parts=8") is column("sac_sma") and column("sac_sma").name == "sac_sma"
    for text, told in (
        ("depth=4", "an option of SAC-SMA"), ("parts=some", "parts is a number, not 'some'"),
        ("parts=4,parts=2", "parts is given twice"), ("parts=0", "parts"), ("mixed=-1", "mixed"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=told):
            column(f"sac_sma:{text}")
