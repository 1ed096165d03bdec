"""Maps of benchmarks have the frame and the colours of all maps."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure

from benchmarks.map_panel import draw, frame_of
from benchmarks.studies.amazon_synthetic import figures as amazon
from benchmarks.studies.amazon_synthetic.maps import Found
from benchmarks.studies.soil_moisture import figures as soil_moisture
from gridhydro.domain.map_colours import Limits


@pytest.mark.parametrize("down", [True, False])
def test_a_raster_is_drawn_with_north_above_whatever_its_rows(down):
    lat = np.array([9.5, 8.5, 7.5]) if down else np.array([7.5, 8.5, 9.5])
    lon = np.array([20.5, 21.5])
    values = lat[:, None] * 100 + lon
    raster = xr.DataArray(values, {"lat": lat, "lon": lon}, ("lat", "lon")).transpose()
    axis = Figure().subplots()
    image = draw(axis, raster, Limits.of(values), furniture=True)
    assert image.get_array()[0].tolist() == [970.5, 971.5]
    assert image.get_extent() == [20.0, 22.0, 7.0, 10.0]
    assert frame_of(raster).labels == ("longitude / degrees", "latitude / degrees")
    texts = [text.get_text() for text in axis.texts]
    assert any(text.endswith("km") for text in texts) and "N" in texts


AXES = {"lat": np.array([-1.25, -0.75, -0.25]), "lon": np.array([-60.25, -59.75])}


class Made(Found):
    """A truth, and what would have been found of it."""

    def __init__(self):
        super().__init__(None, {"temporal": {amazon.PLAIN: None}})

    @property
    def truth(self):
        attrs = {"units": "mm", "long_name": "water that a soil holds"}
        values = np.array([[1.0, 2], [3, np.nan], [5, 6]])
        return xr.Dataset({"capacity": (("lat", "lon"), values, attrs)}, AXES)

    def parameters(self, name):
        return self.truth + 0.5


def test_maps_of_studies_say_what_they_are_of():
    figure = amazon.parameters(Made())
    learned, true = figure.axes[:2]
    assert learned.get_title() == "water that a soil holds,\nHybrid(Q,S)"
    assert true.get_title() == "true" and figure.axes[2].get_ylabel() == "capacity / mm"
    ends = [axis.get_images()[0].get_clim() for axis in (learned, true)]
    assert ends == [(1.0, 6.0)] * 2
    rows = [
        {"density": "s8", "seed": 0, "where": "trained", "method": "gA", "row": row, "col": col,
         "FC": 100.0 + row, "beta": 2.0 + col, "LP": 0.5, "gamma": 1.0}
        for row in (3, 11) for col in (0, 8)
    ]  # fmt: skip
    figure = soil_moisture.maps(pd.DataFrame(rows))
    first = figure.axes[0].get_images()[0]
    assert first.get_array().tolist() == [
        [103, 103],
        [111, 111],
    ]  # row 3 is further north
    assert first.get_extent()[3] == pytest.approx(50 - 0.125 * 3.5 + 0.5)
    assert "field capacity, gA" in figure.axes[0].get_title()
