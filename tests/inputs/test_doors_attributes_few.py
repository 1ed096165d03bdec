"""Attributes of a few basins, and what declares that there is no code for missing values."""

import numpy as np
import pytest
import xarray as xr

from gridhydro import Domain
from gridhydro.inputs.attributes import attribute_values


def basins():
    return Domain.of_basins([1.0, 2.0, 3.0], ["a", "b", "c"])


def test_of_three_basins_one_may_be_far_above_the_others():
    found = attribute_values(basins(), {"elevation": [400.0, 500.0, 999.0]})
    assert found["elevation"].tolist() == [400.0, 500.0, 999.0]


def test_a_negative_code_is_refused_unless_there_is_declared_to_be_none():
    values = [-10.0, 50.0, -999.0]
    with pytest.raises(ValueError, match="'cold' is -999"):
        attribute_values(basins(), {"cold": values})
    names = {"gauge": ["a", "b", "c"]}
    told = xr.DataArray(values, names, "gauge", attrs={"missing_value": []})
    found = attribute_values(basins(), xr.Dataset({"cold": told}))
    assert found["cold"].tolist() == values


def test_a_fill_value_of_nan_declares_no_code():
    given = xr.DataArray([100.0, 120.0, -9999.0], {"gauge": ["a", "b", "c"]}, "gauge")
    dataset = xr.Dataset({"elevation": given.assign_attrs(_FillValue=np.nan)})
    with pytest.raises(ValueError, match="'elevation' is -9999"):
        attribute_values(basins(), dataset)
