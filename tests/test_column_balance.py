"""Water: what came in is what left and what is still there, cell by cell, over ten years."""

import pytest
import torch
from column_cases import make_case, names

from gridhydro.simulate import simulate

DAYS = 3652


@pytest.mark.parametrize(
    "real, tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-6)], ids=["float64", "float32"]
)
def test_ten_years_close(real, tolerance):
    case = make_case("hbv", cells=40, days=DAYS).to(real)
    values, final = simulate(
        "hbv", case.forcing, case.parameters, initial=case.initial, outputs=names(case.column)
    )
    exact = {name: series.double() for name, series in values.items()}
    start = torch.stack(list(case.initial.values())).double().sum((0, 2))
    came = case.forcing[0].double().sum(0)
    left = sum(exact[name].sum(0) for name in case.column.water_out)
    stored = exact["total_storage"][-1]
    assert (came > 1000).all() and (left > 100).all()  # it did rain
    assert ((start + came - left - stored).abs() / (start + came)).max() < tolerance
    assert (torch.stack(list(final.values())).double().sum((0, 2)) - stored).abs().max() < 1e-3 * (
        tolerance * DAYS * stored.max()
    )


def test_every_store_closes_every_day():
    """Each day's change of a store is what flowed in less what flowed out, in float64."""
    case = make_case("hbv", cells=40, days=400)
    v, _ = simulate(
        "hbv", case.forcing, case.parameters, initial=case.initial, outputs=names(case.column)
    )
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
        torch.testing.assert_close(v[name], before + change, rtol=1e-12, atol=1e-11)
        assert (v[name] >= 0).all(), f"{name} below zero"
    swe = v["snowpack"] + v["meltwater"]
    torch.testing.assert_close(v["snow_water_equivalent"], swe, rtol=1e-14, atol=1e-14)
