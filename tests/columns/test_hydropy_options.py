"""HydroPy's own options of its column: by their equations, by name, and in every kernel."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gridhydro import COLUMNS
from gridhydro.columns import column
from gridhydro.columns.hydropy import HydroPy
from gridhydro.columns.hydropy_options import HydroPyOptions
from gridhydro.inputs.land_surface import land_surface
from tests.kernels.test_schemes import check
from tests.support.column_cases import Case, make_case, results
from tests.support.hydropy_land import flat_land, row_domain

ALL = "hydropy_ramp:with_leakage,with_skin=off,qsb_exp=2.2,rain_and_snow"


def case_of(name, **options) -> Case:
    """Cells with lakes, of which every second one has much of them."""
    case = make_case("hydropy", **dict(cells=40, days=6, ties=False) | options)
    case.properties["water_fraction"][::2] = 0.6
    chosen = column(name)
    if chosen.options.rain_and_snow:
        rain, temperature = case.forcing[:2]
        phases = torch.where(temperature > 0, rain, 0.0), torch.where(temperature > 0, 0.0, rain)
        case = replace(case, forcing=torch.stack([*phases, *case.forcing[1:]]))
    return replace(case, column=chosen)


def run(name, **options):
    case = case_of(name, **options)
    return case, results(case, backend="torch")


def test_a_name_says_the_options_and_they_the_name():
    assert column("hydropy:with_skin=off") is column("hydropy: with_skin = off")
    assert column("hydropy:qsb_exp=1.5,with_leakage=off") is COLUMNS["hydropy"]
    assert column(ALL).name == ALL and column(ALL).options.qsb_exp == 2.2
    options = HydroPyOptions(with_leakage=True, skincap1=0.3)
    assert HydroPy(options).name == "hydropy:with_leakage,skincap1=0.3"
    assert "lake_leakage" not in [f.name for f in COLUMNS["hydropy"].fluxes]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hydropy:leaky", "an option of HydroPy is one of 'with_leakage'.*, not 'leaky'"),
        ("hydropy:with_skin=perhaps", "HydroPy: with_skin is one of 'on'.*, not 'perhaps'"),
        ("hydropy:qsb_exp", "HydroPy: qsb_exp is a number, not ''"),
        ("hydropy:qsb_exp=0", "qsb_exp is 0, should be above"),
        ("hydropy:skincap1=-1", "skincap1 is -1.0, should be a number, 0 or more"),
        ("hbv:with_skin", "there is no column 'hbv:with_skin'"),
    ],
)
def test_doors_options_of_hydropy_that_cannot_be(name, message):
    with pytest.raises(ValueError, match=message):
        column(name)


def test_lakes_leak_where_the_root_zone_is_not_full():
    case, found = run("hydropy:with_leakage", days=1)
    water = case.properties["water_fraction"]
    stored, soil = (case.initial[n][:, 0] for n in ("surface_water", "soil_moisture"))
    room = (case.properties["soil_capacity"] - soil).clamp(min=0)
    frozen = case.forcing[1, 0] < 0
    leakage = torch.where(frozen, 0.0, torch.minimum(room, stored) * water**2)
    evaporation = torch.minimum(case.forcing[2, 0] * water, stored)
    gained = (found["rainfall"] + found["snow_outflow"])[0] * water + found["surface_runoff"][0]
    short = (stored + gained - leakage - evaporation).clamp(max=0) / (leakage + evaporation)
    torch.testing.assert_close(found["lake_leakage"][0], leakage * (1 + short))
    torch.testing.assert_close(found["open_water_evaporation"][0], evaporation * (1 + short))
    assert frozen.any() and leakage.max() > 1
    ground = case.initial["groundwater"][:, 0] + found["drainage"][0] + found["lake_leakage"][0]
    torch.testing.assert_close(found["groundwater"][0] + found["baseflow"][0], ground)


def test_water_falls_through_without_skin():
    case, found = run("hydropy:with_skin=off")
    liquid = found["rainfall"] + found["snow_outflow"]
    torch.testing.assert_close(
        found["throughfall"], liquid * (1 - case.properties["water_fraction"])
    )
    for name in ("skin", "canopy"):
        assert not found[f"{name}_evaporation"].any()
        kept = case.initial[f"{name}_storage"][:, 0].expand(len(case.forcing[0]), -1)
        torch.testing.assert_close(found[f"{name}_storage"], kept)


def test_a_layer_of_leaves_holds_what_skincap1_says():
    case, found = run("hydropy:skincap1=1.5", days=3)
    leaves, vegetation = case.forcing[4], case.forcing[3]
    vegetation = torch.minimum(vegetation, 1 - case.properties["water_fraction"])
    capacity = 1.5 * leaves * vegetation
    assert (found["canopy_storage"] <= capacity + 1e-12).all()
    assert (found["canopy_storage"] > 0.5 * capacity).any()


@pytest.mark.parametrize("exponent", [0.5, 1, 2, 3.3])
def test_fast_drainage_by_its_exponent(exponent):
    case = case_of(f"hydropy:qsb_exp={exponent}", days=1)
    p = {n: v[:, 0] for n, v in case.parameters.items()}
    soil = case.properties["soil_capacity"] > 50
    # halfway between the onset of fast drainage and a full root zone
    wetness = (1 + p["drainage_high"]) / 2
    case.initial["soil_moisture"] = (wetness * case.properties["soil_capacity"])[:, None]
    case.forcing[1] = 5.0
    case.forcing[0] = case.forcing[2] = 0.0
    found = results(case, ["drainage"], backend="torch")["drainage"][0]
    wanted = p["drainage_min"] * wetness
    wanted = wanted + (p["drainage_max"] - p["drainage_min"]) * 0.5**exponent
    torch.testing.assert_close(found[soil], wanted[soil])


def test_rain_and_snow_that_are_given_are_taken_as_they_are():
    case, found = run("hydropy:rain_and_snow")
    rain, snow, temperature = case.forcing[:3]
    assert column("hydropy:rain_and_snow").water_in == ("rainfall", "snowfall")
    assert "rainfall" not in found and snow.max() > 5
    stores = found["total_storage"]
    lost = found["runoff"] + found["actual_evapotranspiration"]
    torch.testing.assert_close(stores.diff(dim=0), (rain + snow - lost)[1:])
    # by its own split, as without the option
    solid = ((3.3 - temperature) / 4.4).clamp(0, 1)
    split = case.forcing.clone()
    split[0], split[1] = (rain + snow) * (1 - solid), (rain + snow) * solid
    usual = replace(
        case, column=COLUMNS["hydropy"], forcing=torch.cat([(rain + snow)[None], case.forcing[2:]])
    )
    same = results(replace(case, forcing=split), ["runoff"], backend="torch")["runoff"]
    torch.testing.assert_close(same, results(usual, ["runoff"], backend="torch")["runoff"])


@pytest.mark.thorough
@pytest.mark.parametrize("backend", ["numba", "triton"])
@pytest.mark.parametrize(
    "name",
    [ALL, pytest.param("hydropy:with_leakage,skincap1=0.5,qsb_exp=2", marks=pytest.mark.slow)],
)
def test_kernels_of_the_options_equal_the_plain_loop(backend, name):
    case = case_of(name, cells=23, days=4)
    outputs = ("runoff", "actual_evapotranspiration", "lake_leakage", "total_storage")
    check(case, backend, ("all",), 1e-8, outputs=outputs)


def test_the_root_zone_over_permafrost_is_as_deep_as_is_said():
    lat, lon = np.array([60.25, 59.75]), np.array([10.25, 10.75])
    land, domain = flat_land(lat, lon, perm=1.0), row_domain(lat, lon)
    for depth in (50.0, 80.0):
        found = land_surface(domain, land, wcap_perma=depth).properties["soil_capacity"]
        np.testing.assert_allclose(found, depth)
    with pytest.raises(ValueError, match="wcap_perma is -1, should be a number, 0 or more"):
        land_surface(domain, land, wcap_perma=-1)
