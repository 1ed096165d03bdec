"""A model whose rivers are channels: learned roughness, states, bed slopes from an elevation."""

import numpy as np
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.model.march import storage
from gridhydro.model.part import part_of
from gridhydro.model.river import flow_length
from tests.model.test_river import CELLS, line
from tests.support.small_world import small_model, small_world

DAYS = 60


class Store(gh.Column):
    """A linear store: a column that is compiled in no time."""

    name = "store"
    states = gh.fields("water mm = 10: water")
    forcings = gh.fields("precipitation mm d-1: precipitation")
    parameters = gh.fields("rate d-1 [0.05, 0.5]: rate")
    fluxes = gh.fields("runoff mm d-1: outflow", "total_storage mm: all water")
    water_out = ("runoff",)

    def step(self, s, x, p):
        runoff = p.rate * (s.water + x.precipitation)
        water = s.water + x.precipitation - runoff
        return dict(water=water), dict(runoff=runoff, total_storage=water)


def channels(**options):
    """A double-precision model of the small catchment; one sub-step a day compiles quickest."""
    domain, attributes, forcing, _ = small_world()
    slope = gh.river_slope(domain, attributes["elevation"])
    options = dict(substeps=1) | options
    river = gh.River(reach="muskingum_cunge", **options)
    properties = {"river_slope": slope}
    model = small_model(column=Store(), routing=river, properties=properties).double()
    values = gh.Forcing.read(forcing, domain, model).values[:, :DAYS].double().contiguous()
    return model, values


def test_channels_lose_no_water_and_their_parameters_are_learned():
    model, forcing = channels()
    names = [f.name for f in model.fields if f.name.startswith("river_")]
    assert names == ["river_roughness", "river_width", "river_shape"]
    parameters = model.cell_parameters()
    low, high = 0.015, 0.25
    assert (low <= parameters["river_roughness"]).all()
    assert (parameters["river_roughness"] <= high).all()
    for name in names:
        parameters[name].retain_grad()
    averages = gh.Averages.of_labels([0] * DAYS, 1)
    found = model(forcing, None, ("runoff",), parameters, averages=averages)
    mouth = model.domain.gauges.index.get_loc("G03")
    left = found.discharge[:, mouth].sum() * 86400
    runoff = (found.outputs["runoff"] * model.area / 1000).sum()
    torch.testing.assert_close(left + found.state.river.sum(), runoff, rtol=1e-9, atol=0)
    assert found.state.river[0].min() > 0
    with torch.no_grad():
        state = found.state.map(torch.Tensor.detach)
        assert storage(model, state, parameters).sum() > state.river.sum().item()
    assert (found.storage > 0).all()
    found.discharge[-20:].square().sum().backward()
    for name in names:
        gradient = parameters[name].grad
        assert gradient.isfinite().all() and gradient.abs().max() > 0
    assert any(w.grad.abs().max() > 0 for w in model.network.parameters())


def test_channels_go_on_from_a_state_and_in_a_part_to_the_last_bit():
    model, forcing = channels()
    with torch.no_grad():
        whole = model(forcing)
        first = model(forcing[:, :25].contiguous())
        rest = model(forcing[:, 25:].contiguous(), first.state)
        assert torch.equal(torch.cat([first.discharge, rest.discharge]), whole.discharge)
        assert torch.equal(rest.state.river, whole.state.river)
        part, taken = part_of(model, model.domain.upstream(["G20"]))
        found = part(forcing[:, :, taken].contiguous())
    place = model.domain.gauges.index.get_loc("G20")
    own = part.domain.gauges.index.get_loc("G20")
    torch.testing.assert_close(
        found.discharge[:, own], whole.discharge[:, place], rtol=1e-12, atol=0
    )


def test_rougher_channels_delay_the_water():
    model, forcing = channels()
    parameters = model.cell_parameters()

    def held(factor):
        changed = parameters | {"river_roughness": parameters["river_roughness"] * factor}
        with torch.no_grad():
            return model(forcing, None, (), changed).state.river.sum()

    assert held(2.0) > held(1.0) > held(0.5) > 0


def test_bed_slopes_are_the_fall_to_the_next_cell():
    domain = line()
    row, col = domain.row, domain.col
    height = 100.0 - 20 * col + 5 * row
    height[(row == 1) & (col == 2)] = 999.0  # a hill in the way
    with pytest.warns(UserWarning, match=r"1 of 8 cells fall by less than 0\.0001 .* or climb"):
        slope = gh.river_slope(domain, height)
    expected = np.full(domain.size, 20 / flow_length(domain)[0])
    # not above the hill, below it, and where the water leaves: the mean of what comes in
    expected[(row == 1) & (col == 1)] = 1e-4
    beyond = (height[(row == 1) & (col == 2)] - height[(row == 1) & (col == 3)])[0]
    expected[(row == 1) & (col >= 2)] = beyond / flow_length(domain)[0]
    np.testing.assert_allclose(slope, expected, rtol=1e-12)
    raster = xr.DataArray(
        domain.unpack(height / 1000, "elevation", {"units": "km"}), attrs={"units": "km"}
    )
    with pytest.warns(UserWarning, match="or climb"):
        np.testing.assert_allclose(gh.river_slope(domain, raster), expected, rtol=1e-9)
    with pytest.warns(UserWarning, match="less than 0.001"):
        assert gh.river_slope(domain, height, least=1e-3).min() == 1e-3
    with pytest.raises(ValueError, match=r"least is 0\.0, should be a slope above 0"):
        gh.river_slope(domain, height, least=0)
    with pytest.raises(ValueError, match=f"not one value for each of the {2 * CELLS} cells"):
        gh.river_slope(domain, height[:3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(delay=1), "delay = 1 is of a linear cascade, not of the reach 'muskingum_cunge'"),
        (dict(velocity=1.0), "velocity = 1.0 is of a linear cascade"),
        (dict(learned="lag"), "learned = 'lag' is of a linear cascade"),
        (dict(reservoirs=None), "reservoirs = None is of a linear cascade"),
        (dict(reservoirs=6), "reservoirs is one of 1, 2, 3, 4, 5"),
    ],
)
def test_options_of_a_cascade_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        gh.River(**dict(reach="muskingum_cunge") | options)


def test_reaches_and_values_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="reach is one of 'linear_cascade', 'kinematic_wave', 'mu"):
        gh.River(reach="canal")
    with pytest.raises(ValueError, match=r"river_slope is not given: .* gridhydro\.river_slope"):
        small_model(routing=gh.River(reach="muskingum_cunge"))
    domain, runoff = line(), torch.ones(2, 2 * CELLS)
    given = dict(roughness=0.03, width=10.0, shape=0.5, length=1e3, slope=1e-3)
    for name, value, message in (
        ("slope", 0.0, "slope has a value that no channel has, 0.0, at cell 0 .8 in all.: give mo"),
        ("roughness", torch.nan, "roughness has a missing or infinite value"),
        ("shape", -0.1, "shape has a value that no channel has"),
        ("width", None, "there is no width"),
    ):
        with pytest.raises(ValueError, match=message):
            gh.route_reach("muskingum_cunge", runoff, domain.network, given | {name: value})
    with pytest.raises(ValueError, match="runoff has a missing or infinite value"):
        gh.route_reach("muskingum_cunge", runoff * torch.inf, domain.network, given)
