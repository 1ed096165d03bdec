"""Texts in NetCDF files: characters of one length, which HDF5 reads when a file is open twice."""

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.base.texts import text_encoding
from gridhydro.io.export import write_dataset

NAMES = ["Perl", "Trois-Épis", "b"]


@pytest.fixture
def series():
    times = pd.date_range("2000-01-01", periods=2)
    names, mixed = np.array(NAMES, object), np.array([1, "a", 2.5], object)
    return xr.Dataset(
        {"discharge": (("time", "gauge"), np.ones((2, 3), "float32"), {"units": "m3 s-1"})},
        {"time": times, "gauge": names, "river": ("gauge", np.array(NAMES)),
         "none": ("nobody", np.array([], object)), "mixed": ("gauge", mixed)},
    )  # fmt: skip


def test_texts_alone_are_characters(series):
    assert text_encoding(series) == {"gauge": {"dtype": "S1"}, "river": {"dtype": "S1"}}


def test_a_file_of_series_has_no_texts_of_any_length(series, tmp_path):
    series = series.drop_vars(["none", "mixed"])
    write_dataset(tmp_path / "series.nc", series)
    with netCDF4.Dataset(tmp_path / "series.nc") as file:
        assert not [v for v in file.variables.values() if v.dtype is str]
    held = xr.open_dataset(tmp_path / "series.nc")
    for _ in range(2):  # what crashed
        with xr.open_dataset(tmp_path / "series.nc") as again:
            assert list(again["gauge"].values) == NAMES == list(again["river"].values)
            assert again["discharge"].sel(gauge="Trois-Épis").sum() == 2
    held.close()
