"""The table of quantities: one entry a name, one unit, one range, known to every door."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro import Forcing
from gridhydro.base import quantities
from gridhydro.base.quantities import CODES, OBSERVED, OF_UNIT, SERIES, entries, quantity
from gridhydro.base.units import conversions
from gridhydro.columns import column
from gridhydro.columns.column import Column, Field
from gridhydro.io.hydropy import FIELDS
from gridhydro.io.schema import refuse_outside, series_attrs
from gridhydro.observations.discharge import discharge_table
from tests.support.lumped import basins

DAYS = pd.date_range("2001-01-01", periods=3)


def test_every_entry_has_a_unit_a_name_and_a_range():
    names = [name for name, _ in entries()]
    assert len(set(names)) == len(names)
    for name, one in entries():
        assert one.long_name and one.low < one.high, name
        assert name == "gauge_name" or one.unit in conversions(one.unit), name
        assert one.names == tuple(n.lower() for n in one.names), name
        assert one.codes == CODES, name
    for one in (*(q for _, q in entries() if q.unit), *FIELDS.values()):
        assert conversions(one.unit)[one.unit] == (1, 0), one
    spellings = [n for one in SERIES.values() for n in one.names]
    assert len(set(spellings)) == len(spellings) and not set(spellings) & set(SERIES)


def test_a_variable_is_found_by_its_name_in_its_unit_and_else_by_its_unit():
    assert quantity("wind_speed", "m s-1") is SERIES["wind_speed"]
    assert quantity("discharge", "mm d-1") is SERIES["discharge"]
    assert quantity("temperature", "K").low == -np.inf
    assert quantity("melt", "mm d-1") is OF_UNIT["mm d-1"]
    assert quantity("ground", "degC") is OF_UNIT["degC"]
    other = quantity("ph_value", "1")
    assert (other.unit, other.long_name, other.low, other.codes) == (
        "1",
        "ph value",
        -np.inf,
        CODES,
    )


def test_cf_attributes_name_what_cf_has_a_name_for():
    assert series_attrs("precipitation") == {
        "units": "mm d-1", "long_name": "precipitation", "standard_name": "lwe_precipitation_rate",
    }  # fmt: skip
    assert series_attrs("fog", "h") == {"units": "h", "long_name": "fog"}
    assert "standard_name" not in SERIES["potential_evapotranspiration"].attrs


@pytest.mark.parametrize("name", ["precipitation", "potential_evapotranspiration"])
def test_what_a_column_takes_is_rounding_below_zero_at_most(name):
    assert SERIES[name].taken.low == quantities.ROUNDING and SERIES[name].taken.never_negative
    assert SERIES[name].taken.high == SERIES[name].high


def test_dew_is_read_from_a_file_but_no_forcing():
    dew = np.full((3, 12), -0.4)
    refuse_outside("potential_evapotranspiration", dew, DAYS, range(12), "era5.nc")
    assert SERIES["potential_evapotranspiration"].low == -50
    with pytest.raises(ValueError, match=r"is -0.4 mm d-1 on .*of the opposite sign"):
        Forcing.read(changed("potential_evapotranspiration", -0.4), basins().domain, column("hbv"))


def changed(name, value):
    forcing = basins().forcing.copy(deep=True)
    forcing[name][5, 2] = value
    return forcing


@pytest.mark.parametrize(
    "name, value, reads",
    [("precipitation", -1e-3, 0), ("precipitation", 4999, 4999), ("temperature", -94.5, -94.5),
     ("potential_evapotranspiration", 499, 499)],
)  # fmt: skip
def test_forcing_within_its_range_is_read(name, value, reads):
    found = Forcing.read(changed(name, value), basins().domain, column("hbv"))
    row = [field.name for field in column("hbv").forcings].index(name)
    assert found.values[row, 5, 2] == pytest.approx(reads)


@pytest.mark.parametrize(
    "name, value",
    [("precipitation", -2e-3), ("precipitation", 5001), ("temperature", -101),
     ("temperature", 71), ("potential_evapotranspiration", 501), ("temperature", np.inf)],
)  # fmt: skip
def test_forcing_beyond_its_range_is_refused_with_day_and_place(name, value):
    with pytest.raises(ValueError, match=rf"{name} is {value:g}.* on 2000-01-06 in basin 'b02', "):
        Forcing.read(changed(name, value), basins().domain, column("hbv"))


class Windy(Column):
    """A column that is not known by name, a forcing of which the table knows."""

    name = "windy"
    forcings = (Field("wind_speed", "m s-1", "wind"), Field("cloud", "okta", "cloud cover"))


@pytest.mark.parametrize(
    "name, value, message",
    [("wind_speed", 5.0, ""), ("cloud", -5.0, ""), ("wind_speed", -1.0, "is -1 m s-1 on"),
     ("wind_speed", 200.0, "0 to 98 is possible")],
)  # fmt: skip
def test_bounds_of_any_column_s_forcing_are_found_by_its_name(name, value, message):
    units = {"wind_speed": "m s-1", "cloud": "okta"}
    size = basins().domain.size
    forcing = xr.Dataset(
        {n: (("time", "gauge"), np.full((3, size), value if n == name else 1.0), {"units": u})
         for n, u in units.items()},
        {"time": DAYS, "gauge": basins().forcing["gauge"]},
    )  # fmt: skip
    if message:
        with pytest.raises(ValueError, match=message):
            Forcing.read(forcing, basins().domain, Windy())
    else:
        assert Forcing.read(forcing, basins().domain, Windy()).values.min() == min(value, 1.0)


@pytest.mark.parametrize("code", CODES)
def test_codes_are_refused_in_discharge(code):
    table = pd.DataFrame({"a": [1.0, 2, 3], "b": [1, code, np.nan]}, DAYS)
    number = re.escape(f"{code:.7g}")
    with pytest.raises(ValueError, match=rf"discharge is {number} m3 s-1 on 2001-01-02 at gauge b"):
        discharge_table(table)


def test_discharge_may_be_missing_or_zero_and_anything_above():
    table = pd.DataFrame({"a": [0.0, np.nan, 3e5]}, DAYS)
    pd.testing.assert_frame_equal(discharge_table(table), table, check_freq=False)
    assert OBSERVED["river_discharge"].low == SERIES["discharge"].low == 0
