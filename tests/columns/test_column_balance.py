"""Water: what came in is what left and what is still there, cell by cell, over ten years."""

import pytest
import torch

from gridhydro import COLUMNS, Column, fields, simulate
from tests.support.column_cases import make_case, names
from tests.support.options import stepped

DAYS = 3652


class Tank(Column):
    """Other forcings than HBV's, two of which bring water, and another name for what leaves."""

    name = "tank"
    states = fields("tank mm: water in the tank")
    forcings = fields("demand mm d-1: demand", "rain mm d-1: rain", "dew mm d-1: dew")
    parameters = fields("rate d-1 [0.05, 0.5]: recession rate")
    fluxes = fields("runoff mm d-1: runoff", "loss mm d-1: evaporation")
    water_in, water_out = ("rain", "dew"), ("runoff", "loss")

    def step(self, s, x, p):
        tank = s.tank + x.rain + x.dew
        loss = torch.minimum(x.demand, tank)
        runoff = p.rate * (tank - loss)
        return dict(tank=tank - loss - runoff), dict(runoff=runoff, loss=loss)


EVERY = [*COLUMNS.values(), Tank()]


# gr6j stands for both GR columns: another test compiles its kernel as well; those of FUSE share
# all they are made of, and one has most stores
SLOW = ("gr4j", "fuse_prms", "fuse_topmodel", "fuse_vic")


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(one, marks=pytest.mark.slow if one.name in SLOW else (), id=one.name)
        for one in EVERY
    ],
)
def test_column_conserves_mass_over_ten_years(column):
    ten_years_close(column, torch.float64, 1e-12)


# of a structure one in single precision
SINGLE = ("hbv", "hbv_nn", "hydropy")


# the exponential store of gr6j falls to some meters below zero, where float32 has few digits a day
@pytest.mark.parametrize(
    "column",
    [
        pytest.param(one, marks=() if one.name in SINGLE else pytest.mark.slow, id=one.name)
        for one in EVERY
        if one.name != "gr6j"
    ],
)
def test_column_conserves_mass_over_ten_years_in_single_precision(column):
    # sac_sma takes 29 thousand steps, and a store of the variable area is rounded in each
    ten_years_close(column, torch.float32, 3e-5 if column.name == "sac_sma" else 1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "scheme, real, tolerance",
    [
        pytest.param("explicit:4", torch.float64, 1e-12, marks=pytest.mark.slow),
        ("rk4:2", torch.float64, 1e-12),
        ("implicit", torch.float64, 1e-12),
        pytest.param("implicit", torch.float32, 1e-6, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_column_conserves_mass_by_every_scheme(scheme, real, tolerance):
    ten_years_close("hbv", real, tolerance, scheme=scheme)


def ten_years_close(column, real, tolerance, **choices):
    case = make_case(column, cells=40, days=DAYS).to(real)
    values, final = simulate(
        column, case.forcing, case.parameters, properties=case.properties, initial=case.initial,
        outputs=names(case.column), networks=case.networks, **stepped(**choices),
    )  # fmt: skip
    weather = dict(zip((f.name for f in case.column.forcings), case.forcing, strict=True))
    came = sum(weather[name].double().sum(0) for name in case.column.water_in)
    left = sum(values[name].double().sum(0) for name in case.column.water_out)
    water = [field.name for field in case.column.states if field.unit == "mm"]
    start, end = (
        torch.stack([states[name] for name in water]).double().sum((0, 2))
        for states in (case.initial, final)
    )
    assert (came > 1000).all() and (left > 100).all()  # it did rain
    assert ((start + came - left - end).abs() / (start + came)).max() < tolerance
    for name, states in final.items():
        assert torch.equal(values[name][-1], states[:, 0])


@pytest.mark.parametrize(
    "scheme",
    [
        "sequential", "implicit:4",
        *(pytest.param(s, marks=pytest.mark.slow) for s in ("explicit:4", "rk4:2", "implicit")),
    ],
)  # fmt: skip
def test_every_store_of_hbv_conserves_mass_every_day(scheme):
    """Each day's change of a store is what flowed in less what flowed out, in float64."""
    case = make_case("hbv", cells=40, days=400)
    v, _ = simulate(
        "hbv", case.forcing, case.parameters, initial=case.initial, outputs=names(case.column),
        scheme=scheme,
    )  # fmt: skip
    atol = 1e-9 if "implicit" in scheme else 1e-11
    budgets = {
        "snowpack": v["snowfall"] + v["refreezing"] - v["melt"],
        "meltwater": v["melt"] - v["refreezing"] - v["infiltration"],
        "soil_moisture": v["rainfall"] + v["infiltration"] + v["capillary_rise"] - v["recharge"]
        - v["excess"] - v["actual_evapotranspiration"],
        "upper_zone": v["recharge"] + v["excess"] - v["percolation"] - v["near_surface_flow"]
        - v["interflow"],
        "lower_zone": v["percolation"] - v["capillary_rise"] - v["baseflow"],
    }  # fmt: skip
    for name, change in budgets.items():
        before = torch.cat([case.initial[name].T, v[name][:-1]])
        torch.testing.assert_close(v[name], before + change, rtol=1e-12, atol=atol)
        if scheme in ("sequential", "implicit", "implicit:4"):
            assert (v[name] >= 0).all(), f"{name} below zero"
    swe = v["snowpack"] + v["meltwater"]
    torch.testing.assert_close(v["snow_water_equivalent"], swe, rtol=1e-14, atol=1e-14)
