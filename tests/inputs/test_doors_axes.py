"""Axes at the doors of the inputs: their order never matters, and none is dropped in silence."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import gridhydro as gh
from gridhydro.columns import column
from gridhydro.inputs.attributes import attribute_values
from gridhydro.inputs.basins import of_dataset
from tests.support.small_basins import small_basins
from tests.support.small_world import small_world

HBV = column("hbv")


@pytest.fixture(scope="module")
def weather():
    return small_world()[2].isel(time=slice(40)).load()


def read(dataset):
    return gh.Forcing.read(dataset, small_world()[0], HBV).values


@pytest.mark.parametrize("order", [("x", "y", "time"), ("y", "time", "x")])
def test_the_order_of_the_axes_of_a_forcing_does_not_matter(weather, order):
    assert (read(weather.transpose(*order)) == read(weather)).all()
    one = weather.assign(temperature=weather["temperature"].transpose(*order))
    assert (read(one) == read(weather)).all()


@pytest.mark.parametrize("axis", ["expver", "member", "height", "band"])
def test_an_axis_of_one_value_is_taken_and_of_several_refused_by_name(weather, axis):
    rain = weather["precipitation"]
    one = weather.assign(precipitation=rain.expand_dims({axis: [1]}, axis=2))
    assert (read(one) == read(weather)).all()
    two = weather.assign(precipitation=rain.expand_dims({axis: [1, 5]}, axis=1))
    said = rf"precipitation is over time \(\d+\), {axis} \(2\), .*'{axis}' is one axis too many"
    with pytest.raises(ValueError, match=said):
        read(two)
    with pytest.raises(ValueError, match=said):
        gh.History.of(small_world()[0], two, ("2001-01-01", "2001-01-30"))
    assert any(axis in error for error in gh.check(small_world()[0], two).errors)
    with pytest.raises(ValueError, match=r"precipitation is over .* it needs the axis 'time'"):
        read(weather.assign(precipitation=rain.isel(time=0, drop=True)))


def test_codes_and_text_of_a_forcing_are_named_and_declared_codes_are_missing(weather):
    rain = weather["precipitation"].copy(deep=True).astype("f4")
    domain = small_world()[0]
    here = dict(time="2001-01-04", y=domain.y[domain.row[5]], x=domain.x[domain.col[5]])
    rain.loc[here] = -99.9
    coded = weather.assign(precipitation=rain)
    with pytest.raises(ValueError, match=r"precipitation is -99.9 mm d-1 on 2001-01-04 in row"):
        read(coded)
    coded["precipitation"].attrs["missing_value"] = np.float32(-99.9)
    with pytest.raises(ValueError, match=r"precipitation is missing on 2001-01-04 in row"):
        read(coded)
    texts = rain.astype(object)
    texts.loc[here] = "trace"
    with pytest.raises(ValueError, match=r"precipitation is 'trace' on 2001-01-04 in row"):
        read(weather.assign(precipitation=texts))


def rasters():
    return small_world()[1][["slope"]].load() if "slope" in small_world()[1] else small_world()[1]


def values(**more):
    return attribute_values(small_world()[0], rasters().assign(more))


def any_raster():
    return next(iter(rasters().data_vars.values()))


def test_twelve_months_and_classes_are_one_attribute_each():
    leaves = xr.concat([any_raster() * m for m in range(1, 13)], "month")
    leaves = leaves.assign_coords(month=range(1, 13)).transpose(..., "month")
    found = values(lai=leaves)
    np.testing.assert_allclose(found["lai: month 7"], 7 * found["lai: month 1"])
    assert [name for name in found if name.startswith("lai")] == [
        f"lai: month {m}" for m in range(1, 13)
    ]
    days = pd.date_range("2000-06-15", periods=12, freq="MS")
    found = values(lai=leaves.rename(month="time").assign_coords(time=days))
    assert list(found)[-12:][0] == "lai: month 7"
    parts = xr.concat([any_raster(), any_raster() * 2], "class").assign_coords({"class": [3.0, 8]})
    assert {"rock: 3", "rock: 8"} < set(values(rock=parts))
    chosen = attribute_values(small_world()[0], rasters().assign(rock=parts), ["rock: 8"])
    assert list(chosen) == ["rock: 8"]


def test_classes_of_aggregate_make_attributes():
    domain = small_world()[0]
    classes = (any_raster() > any_raster().median()).astype(float).rename("rock")
    found = attribute_values(domain, domain.aggregate(classes, how="fraction").to_dataset())
    assert set(found) == {"rock: 0", "rock: 1"}
    np.testing.assert_allclose(sum(found.values()), 1)


@pytest.mark.parametrize("axis", ["member", "time", "band"])
def test_another_axis_of_an_attribute_is_refused(axis):
    layers = xr.concat([any_raster()] * 12, axis)
    if axis == "time":
        layers = layers.assign_coords(time=pd.date_range("2001-01-01", periods=12))
    with pytest.raises(ValueError, match=rf"the attribute 'lai' has the axis '{axis}' of 12 valu"):
        values(lai=layers)


def test_what_is_no_map_is_left_out_with_a_warning():
    with pytest.warns(UserWarning, match="^band, lake: left out of the attributes"):
        values(band=any_raster().isel(x=0, drop=True), lake=3.0)
    bounds = xr.DataArray(np.zeros((any_raster().sizes["y"], 2)), dims=("y", "bound"))
    told = rasters().assign(y_bounds=bounds)
    told["y"].attrs["bounds"] = "y_bounds"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attribute_values(small_world()[0], told)


def test_codes_in_attributes_are_refused_and_declared_ones_missing():
    domain = small_world()[0]
    wet = domain.pack(any_raster()).copy()
    wet[4] = -9999
    coded = domain.unpack(wet, "wet")
    said = r"the attribute 'wet' is -9999 in row \d+, col \d+ .*, 1 of"
    with pytest.raises(ValueError, match=said):
        values(wet=coded)
    found = values(wet=coded.assign_attrs(missing_value=-9999))
    assert np.flatnonzero(np.isnan(found["wet"])).tolist() == [4]
    with pytest.raises(ValueError, match=r"'wet' is -9999 at row \d+, column \d+, 1 of"):
        domain.aggregate(coded)
    with pytest.raises(ValueError, match=r"'wet' is -9999 at row \d+, column \d+, 1 of"):
        domain.regrid(coded, gaps=True)


def test_defaults_may_be_rasters_in_any_order():
    domain = small_world()[0]
    beta = domain.unpack(np.linspace(1.5, 5.5, domain.size), "beta")
    options = dict(network="none", column="hbv")
    by_map = gh.Model(domain, defaults={"beta": beta.transpose("x", "y")}, **options)
    by_cell = gh.Model(domain, defaults={"beta": domain.pack(beta)}, **options)
    assert (by_map.cell_parameters()["beta"] == by_cell.cell_parameters()["beta"]).all()


def test_curves_of_basins_are_left_out_by_name_and_refused_where_they_are_asked_for():
    data = small_basins()
    curve = xr.DataArray(np.ones((data.sizes["gauge"], 5)), dims=("gauge", "pct"))
    with pytest.warns(UserWarning, match="^hypso: left out of the attributes, with several"):
        assert "hypso" not in of_dataset(data.assign(hypso=curve), pet="given").attributes
    with pytest.raises(ValueError, match="the attribute 'hypso' has the axis 'pct' of 5 values"):
        of_dataset(data.assign(hypso=curve), attributes=("hypso",), pet="given")
