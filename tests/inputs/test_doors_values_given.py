"""Values that are given by hand: attributes of other kinds and sizes, scales of targets, the
demand for water that is left out."""

import warnings

import numpy as np
import pytest
import xarray as xr

import gridhydro as gh
from gridhydro.inputs.basins import BasinsOptions, lumped_domain, of_dataset
from gridhydro.inputs.series import in_unit
from gridhydro.observations.target_series import TargetSeries
from tests.support.small_basins import small_basins
from tests.support.small_world import small_world

LUMPED = gh.Domain.of_basins([1.0, 2, 3], ["a", "b", "c"])
DATES = np.array(["2001-01-01", "2002-01-01", "2003-01-01"], "M8[ns]")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, 2], r"the attribute 'sand' has the shape \(2,\): give one value for each of the 3"),
        (np.ones((3, 3)), r"has the shape \(3, 3\): give one value for each of the 3 basins"),
        (1.0, r"has the shape \(\): give one value for each of the 3 basins"),
        (DATES, "the attribute 'sand' holds dates, not numbers"),
        (DATES - DATES[0], "the attribute 'sand' holds durations, not numbers"),
        (np.ones(3) * 1j, "the attribute 'sand' holds complex numbers"),
    ],
)
def test_an_attribute_has_one_number_for_each_basin(values, said):
    with pytest.raises(ValueError, match=said):
        gh.Model(LUMPED, "hbv", {"sand": values})


def test_an_attribute_on_a_raster_has_one_number_for_each_cell():
    domain = small_world()[0]
    with pytest.raises(ValueError, match=rf"one value for each of the {domain.size} cells"):
        gh.Model(domain, "hbv", {"sand": np.ones(domain.size - 1)})
    gh.Model(domain, "hbv", {"sand": np.ones(domain.size)})


@pytest.fixture(scope="module")
def basins():
    return small_basins().isel(gauge=slice(3), time=slice(60)).load()


@pytest.fixture(scope="module")
def model(basins):
    domain = gh.Domain.of_basins(basins["area"].values, list(basins["gauge"].values))
    return gh.Model(domain, "hbv", {"sand": basins["sand"].values})


def observed(basins):
    seen = (basins["temperature"] + 200).rename("soil_moisture")
    return seen.assign_attrs(units="mm")


def read(model, array, **options):
    target = gh.Target("soil_moisture", array, **options)
    return TargetSeries.read(target, model, array.indexes["time"]).values


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_axis_of_one_value_is_no_axis_of_a_target_of_basins(basins, model, axis):
    plain = observed(basins)
    assert (read(model, plain.expand_dims(depth=[0.05], axis=axis)) == read(model, plain)).all()
    two = plain.expand_dims(depth=[0.05, 0.1], axis=axis)
    with pytest.raises(ValueError, match=r"'soil_moisture' are over .*depth.* time and gauge"):
        read(model, two)


@pytest.mark.parametrize("name", ["gauge", "station"])
def test_a_target_of_one_gauge_finds_it_beside_another_axis_of_one(basins, model, name):
    one = observed(basins).isel(gauge=[1]).rename(gauge=name)
    values = read(model, one.expand_dims(depth=[0.05], axis=2))
    assert values[:, 1].isfinite().all() and not values[:, [0, 2]].isfinite().any()


@pytest.mark.parametrize("key", ["scale", "offset"])
@pytest.mark.parametrize("value", ["x", ["1", "2", "x"]])
def test_scales_of_targets_are_numbers(basins, model, key, value):
    with pytest.raises(ValueError, match=rf"the {key} of 'soil_moisture' is 'x'.* no number"):
        read(model, observed(basins), **{key: value})


@pytest.mark.parametrize("given", [np.ones(3), None, small_basins()["sand"]])
def test_what_is_no_basins_dataset_is_refused_by_a_sentence(given):
    with pytest.raises(ValueError, match="a basins Dataset has the dimension 'gauge'"):
        lumped_domain(given)


def test_a_series_that_is_missing_throughout_has_no_unit_to_be_told():
    nothing = np.full((3, 2), np.nan)
    nameless = xr.DataArray(nothing, dims=("time", "gauge"), name="temperature")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(in_unit(nothing, nameless, "degC")).all()
        assert in_unit(nothing + 1, nameless, None) is not None


def test_that_the_demand_of_the_basins_is_left_out_is_said(basins):
    with pytest.warns(UserWarning, match="potential_evapotranspiration of the basins is left out"):
        computed = of_dataset(basins)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        meant, given = of_dataset(basins, pet="oudin"), of_dataset(basins, pet="given")
        of_dataset(basins.drop_vars("potential_evapotranspiration"))
    name = "potential_evapotranspiration"
    assert (computed.forcing[name] == meant.forcing[name]).all()
    assert (given.forcing[name] == basins[name]).all() and not (given.forcing == meant.forcing)[
        name
    ].all()
    assert BasinsOptions("netcdf", "a.nc").pet is None
