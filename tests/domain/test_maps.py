"""Maps: what is on them, where, and what they say of it."""

import warnings

import matplotlib
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from gridhydro.domain import map_lines
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import known_crs
from gridhydro.domain.map_colours import Limits, colour_bar
from gridhydro.domain.map_figure import MISFITS, UNKNOWN, misfit, write_names
from gridhydro.domain.map_frame import Frame, dress
from gridhydro.domain.map_layers import rivers
from tests.io.test_export import DOMAINS
from tests.support.small_world import small_world

WGS84 = known_crs("EPSG:4326")


def texts(figure):
    return {text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()}


def colours(figure):
    """Face colour of each gauge that is drawn, by its place."""
    return {
        (float(x), float(y)): matplotlib.colors.to_hex(line.get_markerfacecolor())
        for line in figure.axes[0].lines
        if line.get_marker() == "o"
        for x, y in zip(*line.get_data(), strict=True)
    }


@pytest.fixture(scope="module")
def domain():
    return small_world()[0]


def test_a_domain_is_drawn_with_its_rivers_gauges_scale_and_north(domain, tmp_path):
    elevation = small_world()[1]["elevation"]
    figure = domain.plot(elevation)
    figure.savefig(tmp_path / "domain.png")
    told = texts(figure)
    assert {"easting / km", "northing / km", "N", "10 km"} <= told
    assert f"{elevation.attrs['long_name']} / m" in told
    assert set(domain.gauges.index) <= told  # as many as there is room for
    (image,) = figure.axes[0].images
    left, right, bottom, top = image.get_extent()
    x, y = domain.x[domain.col[5]] / 1000, domain.y[domain.row[5]] / 1000
    shown = image.get_array()
    row = int((top - y) / (top - bottom) * shown.shape[0])
    col = int((x - left) / (right - left) * shown.shape[1])
    assert shown[row, col] == pytest.approx(domain.pack(elevation)[5])


def test_rivers_widen_downstream_and_end_where_the_network_does(domain):
    axis = Figure().subplots()
    low, high = rivers(axis, domain, Frame.of(domain), minimum_km2=20.0)
    (drawn,) = axis.collections
    area = domain.network.accumulate(domain.area) / 1e6
    shown = np.flatnonzero((area >= 20) & (domain.network.downstream >= 0))
    assert len(drawn.get_segments()) == len(shown) < domain.size
    assert (low, high) == (area[shown].min(), area.max())
    order = shown[np.argsort(area[shown], kind="stable")]
    starts = np.array([segment[0] for segment in drawn.get_segments()]) * 1000
    np.testing.assert_allclose(starts[:, 0], domain.x[domain.col[order]])
    assert (np.diff(drawn.get_linewidths()) >= 0).all()


def test_gauges_tell_how_far_their_area_is_off():
    area = DOMAINS["projected"].area.sum() / 1e6  # of both rows, a gauge each
    ldd = np.array([[4.0, 4, 4, np.nan], [4, 4, 4, np.nan]])
    ldd[:, 0] = 5
    y, x = [5000.0, 4000], [100.0, 1100, 2100, 3100]
    raster = xr.DataArray(ldd, {"y": y, "x": x}, ("y", "x"))
    gauges = [
        {"name": "mill", "x": x[0], "y": y[0], "area_km2": area / 2 / 1.1},
        {"name": "weir", "x": x[1], "y": y[1]},
    ]
    domain = Domain.from_d8(raster, "ldd", gauges=gauges, crs="EPSG:3035")
    np.testing.assert_allclose(misfit(domain), [0.1, np.nan])
    figure = domain.plot()
    assert {"mill +10%", "weir"} <= texts(figure)
    assert colours(figure) == {(0.1, 5.0): MISFITS[1][1], (1.1, 4.0): UNKNOWN[0]}


def test_names_cover_neither_points_nor_each_other():
    frame = Frame((0.0, 1.0, 0.0, 1.0), WGS84)
    axis = Figure().subplots()
    crowd = np.linspace(0.5, 0.51, 30)
    missed = write_names(axis, frame, crowd, crowd, [f"gauge {i}" for i in range(30)])
    assert 0 < missed < 30 and len(axis.texts) == 30 - missed


def test_lumped_basins_are_points_and_need_places():
    domain = Domain.of_basins([10.0, 20], ["a", "b"], [50.0, 51], [6.0, 7])
    figure = domain.plot()
    assert {"longitude / degrees", "a", "b"} <= texts(figure)
    with pytest.raises(ValueError, match="none of the points has a place"):
        Domain.of_basins([10.0], ["a"]).plot()
    with pytest.raises(ValueError, match="one raster"):
        domain.plot(xr.DataArray(np.zeros((2, 2)), dims=("y", "x")))


def test_what_lies_beneath_is_refused_where_it_is_elsewhere(domain):
    with pytest.raises(ValueError, match="values of the cells, not"):
        domain.plot(np.zeros(3))
    elevation = small_world()[1]["elevation"]
    far = elevation.assign_coords(x=elevation["x"] + 1e6)
    with pytest.raises(ValueError, match="'elevation' lies nowhere on the map"):
        domain.plot(far)
    with pytest.raises(ValueError, match="the domain in ETRS89"):
        domain.plot(elevation.rio.write_crs("EPSG:25832"))


def test_maps_keep_shapes_and_tell_lengths():
    equator, north = (Frame((0.0, 4.0, a, a + 2), WGS84) for a in (-1.0, 59.0))
    assert equator.stretch == pytest.approx(1) and north.stretch == pytest.approx(2)
    assert north.km == pytest.approx(111.32 / 2)
    assert north.north == 0
    # the central meridian of the projection is 10 east; north leans to the left of it east of it
    turned = Frame((5.3e6, 5.4e6, 3.0e6, 3.1e6), known_crs("EPSG:3035")).north
    assert -20 < turned < -5
    figure = Figure()
    dress(figure.subplots(), north)
    assert "50 km" in texts(figure)


def test_coasts_and_borders_where_the_map_is_wide_enough(monkeypatch):
    if map_lines.source() is None:
        pytest.skip("the extra 'maps' is not installed")
    # the mouth of the Rhine: the coast, and the border of Belgium
    for edges, crs in (
        ((3.0, 7.0, 50.5, 53.0), WGS84),
        ((3.85e6, 4.1e6, 3.05e6, 3.35e6), known_crs("EPSG:3035")),
    ):
        axis = Figure().subplots()
        dress(axis, Frame(edges, crs), furniture=False)
        (drawn,) = axis.collections
        left, right = axis.get_xlim()
        x = np.concatenate([segment[:, 0] for segment in drawn.get_segments()])
        assert x.size > 100 and ((x > left - 30) & (x < right + 30)).all()
    axis = Figure().subplots()
    dress(axis, Frame((5.0, 5.5, 51.4, 51.7), WGS84), furniture=False)
    assert not axis.collections  # a small catchment has no use for them


def test_lines_go_on_beyond_the_date_line():
    if map_lines.source() is None:
        pytest.skip("the extra 'maps' is not installed")
    found = map_lines.lines((170.0, 190.0, -20.0, -12.0), WGS84)  # Fiji lies on both sides
    x = np.concatenate([line[:, 0] for line in found])
    assert (x < 180).any() and (x > 180).any() and x.min() >= 170 and x.max() <= 190


def test_without_the_package_maps_have_no_lines_which_is_said_once(monkeypatch):
    monkeypatch.setattr(map_lines, "find_spec", lambda name: None)
    map_lines.source.cache_clear()
    map_lines.lines.cache_clear()
    frame = Frame((3.0, 7.0, 50.5, 53.0), WGS84)
    with pytest.warns(RuntimeWarning, match=r"without coasts and borders: pip install"):
        dress(Figure().subplots(), frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dress(Figure().subplots(), frame)
    map_lines.source.cache_clear()
    map_lines.lines.cache_clear()


def test_colours_end_where_few_values_lie_beyond_and_say_so():
    even = np.linspace(0, 1, 200)
    assert Limits.of(even) == Limits(0.0, 1.0)
    few = Limits.of(np.append(even, [50.0]))
    assert few.high < 1 and few.extend == "both" and few.note == "colours: middle 96 %"
    assert Limits.of(even, (0.2, 1.0)) == Limits(0.2, 1.0, "min")
    around = Limits.of([-10.0, 30.0, np.nan], centre=0.0)
    assert (around.low, around.high, around.extend) == (-30, 30, "neither")
    constant = Limits.of([2.0, 2.0])
    assert constant.low < 2 < constant.high
    with pytest.raises(ValueError, match="no value to draw"):
        Limits.of([np.nan])
    figure = Figure()
    axis = figure.subplots()
    image = axis.imshow(even.reshape(20, 10), norm=few.norm)
    colour_bar(figure, image, axis, "FC / mm", few)
    assert "FC / mm\n(colours: middle 96 %)" in texts(figure)
    assert not [c for c in axis.collections if isinstance(c, LineCollection)]
