"""Capillary rise of HBV: as published it may lift the soil above field capacity; bounded, never."""

import pytest
import torch

from gridhydro import simulate
from gridhydro.columns import column
from gridhydro.model.stepping import Stepping
from tests.kernels.test_schemes import check
from tests.support.column_cases import make_case

SCHEMES = ("sequential", "explicit:2", "implicit")
OUTPUTS = (
    "runoff", "soil_moisture", "capillary_rise", "actual_evapotranspiration", "total_storage",
)  # fmt: skip


def risen(name, scheme):
    """Soil moisture (T,) and field capacity: a full lower zone under a soil that dries out."""
    wet, dry = 60, 40
    values = {f.name: sum(f.range) / 2 for f in column(name).parameters}
    values |= dict(FC=50.0, K0=0.05, K1=0.01, K2=0.001, PERC=10.0, C=1.0, UZL=100.0, beta=1.0)
    rain = torch.cat([torch.full((wet, 1), 20.0), torch.zeros(dry, 1)]).double()
    weather = {
        "precipitation": rain,
        "temperature": torch.full_like(rain, 15.0),
        "potential_evapotranspiration": torch.where(rain > 0, 0.5, 8.0),
    }
    parameters = {n: torch.tensor([v], dtype=torch.float64) for n, v in values.items()}
    # the plain loop is slow only through Newton's iterations
    stepping = Stepping(scheme, backend="numba" if scheme == "implicit" else "torch")
    found, _ = simulate(name, weather, parameters, outputs=OUTPUTS, scheme=stepping)
    left = rain - found["runoff"] - found["actual_evapotranspiration"]
    gained = found["total_storage"].diff(dim=0)
    torch.testing.assert_close(gained, left[1:], atol=1e-4, rtol=0)  # Newton's method stops there
    return found["soil_moisture"][:, 0], values["FC"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_bounded_capillary_rise_never_lifts_the_soil_above_field_capacity(scheme):
    soil, capacity = risen("hbv_bounded", scheme)
    assert soil.max() <= capacity * (1 + 1e-6)
    assert soil[-20:].min() > 0.3 * capacity  # water does rise


def test_published_capillary_rise_lifts_the_soil_above_field_capacity():
    soil, capacity = risen("hbv", "sequential")
    assert soil.max() > 1.5 * capacity


def test_bounded_capillary_rise_is_the_published_one_where_there_is_room():
    case = make_case("hbv", cells=20, days=5, ties=False)
    case.parameters["C"] *= 0.01
    initial = case.initial | {"soil_moisture": 0.2 * case.parameters["FC"]}
    found = [
        simulate(
            name, case.forcing, case.parameters, initial=initial, scheme=Stepping(backend="torch")
        )
        for name in ("hbv", "hbv_bounded")
    ]
    torch.testing.assert_close(*(final["soil_moisture"] for _, final in found), rtol=0, atol=0)
    torch.testing.assert_close(*(final["lower_zone"] for _, final in found), rtol=0, atol=0)


@pytest.mark.thorough
@pytest.mark.parametrize("backend", ["numba", "triton"])
@pytest.mark.parametrize("scheme", ["sequential", pytest.param("implicit", marks=pytest.mark.slow)])
def test_kernels_of_the_bounded_form_equal_the_plain_loop(backend, scheme):
    case = make_case("hbv_bounded", cells=23, days=4, ties=False)
    for name, value in dict(FC=0.2, C=1.0).items():  # where the bound is felt
        case.parameters[name] *= value
    tolerance = 1e-6 if scheme == "implicit" else None
    check(case, backend, ("all",), tolerance, outputs=OUTPUTS, scheme=scheme)
