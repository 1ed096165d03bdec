"""HydroPy's column against the published code's own numbers, and store by store."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from gridhydro import COLUMNS, land_surface, simulate
from gridhydro.inputs.land_surface import CONSTANTS
from gridhydro.inputs.seasons import melt_factor, monthly_weights
from gridhydro.model.stepping import Stepping
from tests.support.column_cases import make_case, names, results
from tests.support.hydropy_land import reference_land

DAYS = pd.date_range("2001-01-01", "2001-12-31")
# our names and those of the reference: fluxes, kg m-2 s-1 there, and states, kg m-2
FLUXES = dict(
    rainfall="rainf", snowfall="snowf", snow_outflow="smelt", throughfall="throu",
    transpiration="transp", bare_soil_evaporation="sevap", open_water_evaporation="levap",
    canopy_evaporation="canoevap", skin_evaporation="skinevap", actual_evapotranspiration="evap",
    surface_runoff="qs", drainage="qsb", overland_flow="qsl", baseflow="qg",
)  # fmt: skip
STATES = dict(
    snowpack="swe", meltwater="wliq", soil_moisture="rootmoist", skin_storage="skinstor",
    canopy_storage="canopystor", surface_water="lakestor", groundwater="groundwstor",
)  # fmt: skip


@pytest.fixture(scope="module")
def reference(data):
    """The published run: its numbers, and the land surface that gridhydro makes of its inputs."""
    path = data("hydropy_reference/columns_2001.npz")
    return np.load(path), land_surface(*reference_land(path))


def inputs(reference, real):
    """Forcing, parameters and properties of the 31 columns for a year."""
    columns, land = reference
    vegetation, leaves = (monthly_weights(DAYS) @ monthly for monthly in land.vegetation)
    forcing = dict(
        precipitation=np.maximum(columns["forc_Precip"], 0) * 86400,
        temperature=columns["forc_TSurf"] - 273.15,
        potential_evapotranspiration=np.maximum(columns["forc_PET"], 0) * 86400,
        vegetation_fraction=vegetation,
        leaf_area_index=leaves,
        melt_factor=melt_factor(DAYS, land.domain.lonlat[1]),
    )
    if real == torch.float32:  # as the land surface hands them out
        daily = land.forcing(DAYS)
        forcing |= {n: land.domain.pack(daily[n]) for n in daily}
    parameters = {f.name: land.defaults[f.name] for f in COLUMNS["hydropy"].parameters}
    # where the sub-grid slope is 0, this lag follows from rivers that the columns lack
    parameters["surface_lag"] = columns["lag_land"]
    properties = {f.name: land.properties[f.name] for f in COLUMNS["hydropy"].properties}
    groups = forcing, parameters, properties
    return [{n: torch.as_tensor(v).to(real) for n, v in group.items()} for group in groups]


def expected(reference, name):
    columns = reference[0]
    if name in FLUXES:
        return columns[f"ref_{FLUXES[name]}"] * 86400
    return columns[f"ref_{STATES[name]}"]


@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("real", [torch.float64, torch.float32], ids=str)
def test_hydropy_equals_a_year_of_the_published_code(reference, backend, real):
    forcing, parameters, properties = inputs(reference, real)
    found, _ = simulate(
        "hydropy", forcing, parameters, properties=properties, outputs=names(COLUMNS["hydropy"]),
        scheme=Stepping(backend=backend),
    )  # fmt: skip
    for name in (*FLUXES, *STATES):
        wanted = expected(reference, name)
        choices = dict(rtol=1e-9, atol=2e-12)
        if real == torch.float32:
            choices = dict(rtol=0, atol=1e-4 * wanted.max())
        assert wanted.max() > 0
        np.testing.assert_allclose(found[name], wanted, **choices, err_msg=name)
    total = sum(expected(reference, name) for name in STATES)
    np.testing.assert_allclose(found["total_storage"], total, rtol=1e-6)


def test_hydropy_on_triton_equals_days_of_the_published_code(reference):
    some, days = slice(0, 31, 4), 25
    groups = inputs(reference, torch.float64)
    forcing, parameters, properties = [
        {n: v[..., some] if v.ndim == 1 else v[:days, some] for n, v in group.items()}
        for group in groups
    ]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    forcing = {n: v.to(device) for n, v in forcing.items()}
    found, _ = simulate(
        "hydropy", forcing, parameters, properties=properties, outputs=[*FLUXES, *STATES],
        scheme=Stepping(backend="triton"),
    )  # fmt: skip
    for name, values in found.items():
        wanted = expected(reference, name)[:days, some]
        np.testing.assert_allclose(values.cpu(), wanted, rtol=1e-9, atol=2e-12, err_msg=name)


def column(name="hydropy", **values):
    """The column with states and parameters of one cell, or one for each of the values given."""
    numbers = {n: torch.as_tensor(v, dtype=torch.float64) for n, v in (CONSTANTS | values).items()}
    return COLUMNS[name], SimpleNamespace(**numbers)


def test_drainage_by_hand():
    wetness = torch.tensor([0.05, 0.0501, 0.5, 0.9, 0.95, 1], dtype=torch.float64)
    hydropy, p = column(soil_capacity=200.0, soil_moisture=200 * wetness)
    worked = torch.tensor([0, 0.0012024, 0.012, 0.0216, 0.86284286, 2.4], dtype=torch.float64)
    torch.testing.assert_close(hydropy.drainage(p, p), worked, rtol=2e-6, atol=1e-15)


def test_surface_runoff_by_hand():
    hydropy, p = column(
        soil_capacity=200, soil_capacity_min=30, soil_capacity_max=400, arno_shape=0.3,
        soil_moisture=[20.0, 20, 100, 180, 199],
    )  # fmt: skip
    throughfall = torch.tensor([10, 30, 30, 30, 150], dtype=torch.float64)
    worked = [0, 0.164255856, 3.957684202, 12.986948526, 149]
    np.testing.assert_allclose(hydropy.arno(p, p, throughfall), worked, rtol=0, atol=1e-9)


def test_snow_by_hand():
    case = make_case("hydropy", cells=4, days=1)
    case.forcing[0], case.forcing[1, 0] = 8.0, torch.tensor([0, -1.1, 3.3, 5.0])
    snowfall = results(case, ["snowfall"], backend="torch")["snowfall"][0]
    torch.testing.assert_close(snowfall, torch.tensor([6, 8, 0, 0], dtype=torch.float64))


def test_every_store_of_hydropy_conserves_mass_every_day():
    case = make_case("hydropy", cells=60, days=400)
    v, _ = simulate(
        case.column, case.forcing, case.parameters, properties=case.properties,
        initial=case.initial, outputs=names(case.column),
    )  # fmt: skip
    rows = dict(zip((f.name for f in case.column.forcings), case.forcing, strict=True))
    water = case.properties["water_fraction"]
    liquid, lost = v["rainfall"] + v["snow_outflow"], v["surface_runoff"] + v["transpiration"]
    wet = v["skin_evaporation"] + v["canopy_evaporation"]
    budgets = {
        ("snowpack", "meltwater"): rows["precipitation"] - liquid,
        ("skin_storage", "canopy_storage"): liquid * (1 - water) - v["throughfall"] - wet,
        ("soil_moisture",): v["throughfall"] - lost - v["bare_soil_evaporation"] - v["drainage"],
        ("surface_water",): liquid * water + v["surface_runoff"] - v["overland_flow"]
        - v["open_water_evaporation"],
        ("groundwater",): v["drainage"] - v["baseflow"],
    }  # fmt: skip
    for stores, change in budgets.items():
        after = sum(v[name] for name in stores)
        before = torch.cat([sum(case.initial[name].T for name in stores), after[:-1]])
        torch.testing.assert_close(after, before + change, rtol=1e-12, atol=1e-11)
    for f in (*case.column.states, *case.column.fluxes):
        assert (v[f.name] >= -1e-15).all(), f"{f.name} below zero"
    capacity = case.properties["soil_capacity"]
    assert (v["soil_moisture"] <= capacity).all()
    evaporation = v["transpiration"] + v["bare_soil_evaporation"] + v["open_water_evaporation"]
    torch.testing.assert_close(v["actual_evapotranspiration"], evaporation + wet)
    assert (evaporation + wet <= rows["potential_evapotranspiration"] + 1e-12).all()


def test_only_hydropy_ramp_has_a_gradient_to_drainage_low():
    """The two columns differ within 0.01 of soil wetness above `drainage_low`, nowhere else."""
    case = make_case("hydropy", cells=200, days=1, ties=False)
    capacity, low = case.properties["soil_capacity"], case.parameters["drainage_low"][:, 0]
    above = torch.linspace(-0.03, 0.04, 200, dtype=torch.float64)
    case.initial["soil_moisture"] = (capacity * (low + above).clamp(min=0))[:, None]
    case.forcing[1] = 5.0  # frozen soil does not drain
    found = {}
    for name in ("hydropy", "hydropy_ramp"):
        given = SimpleNamespace(**vars(case) | dict(column=COLUMNS[name]))
        found[name] = results(given, ["drainage"], backend="torch")
    hard, ramp = found["hydropy"], found["hydropy_ramp"]
    assert not hard["d_drainage_low"].any()
    within = (above > 0) & (above < 0.01) & (capacity > 0)
    assert torch.equal(ramp["d_drainage_low"][:, 0] != 0, within)
    assert torch.equal(ramp["drainage"][0] != hard["drainage"][0], within)
    assert (ramp["drainage"] <= hard["drainage"]).all() and within.sum() > 10
