"""Figures of many gauges: what is on them."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.columns import column
from gridhydro.domain.map_colours import quantity
from gridhydro.evaluation import plot_scores, plots
from tests.io.test_export import DOMAINS

FIELDS = column("hbv").parameters
LON, LAT = np.array([-120.0, -110, -100, -80]), np.array([35.0, 45, 40, 30])


def texts(figure):
    return {text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()}


def scores(**columns):
    return pd.DataFrame({"gauge": ["01", "02", "03", "04"], **columns})


def drawn(figure, axis=0):
    """Positions and values of the points that have a value."""
    points = figure.axes[axis].collections[1]
    return points.get_offsets(), points.get_array(), points.norm


def curve(axis, label):
    """A curve's fraction of the gauges at or below a score."""
    (line,) = [line for line in axis.lines if line.get_label().startswith(label)]
    x, fraction = line.get_data()
    assert line.get_drawstyle() == "steps-post"
    return lambda score: fraction[np.searchsorted(x, score, side="right") - 1]


def test_curves_are_the_fractions_of_gauges(tmp_path):
    tables = {
        "bucket": scores(nse=[0.5, -3.0, 0.1, 0.3]),
        "lstm": scores(nse=[0.9, 0.7, np.nan, 0.8]),
        "broken": scores(nse=[np.nan] * 4),
    }
    figure = plot_scores.cdf(tables)
    plots.save(figure, tmp_path / "cdf.png")
    (axis,) = figure.axes
    assert axis.get_xlim() == (-0.5, 1) and axis.get_ylim() == (0, 1)
    assert {"NSE", "gauges / %"} <= texts(figure)
    assert "bucket: median 0.2, 4 gauges, 25 % below -0.5" in texts(figure)
    assert "lstm: median 0.8, 3 gauges, 1 without" in texts(figure)
    assert "broken: no score at 4 gauges" in texts(figure)
    bucket = curve(axis, "bucket")
    assert [bucket(x) for x in (-4, -0.5, 0.1, 0.29, 0.5, 1)] == [0, 0.25, 0.5, 0.5, 1, 1]
    assert curve(axis, "lstm")(0.75) == pytest.approx(1 / 3)


def test_curves_of_other_scores_have_units_and_keep_outliers_off():
    table = scores(fhv=[-10.0, 0, 10, 20])
    assert "FHV / %" in texts(plot_scores.cdf({"a": table}, "fhv"))
    many = pd.DataFrame({"gauge": range(100), "rmse": np.append(np.linspace(1, 2, 99), 1e6)})
    figure = plot_scores.cdf({"a": many}, "rmse", "mm d-1")
    assert "RMSE / mm d-1" in texts(figure)
    assert figure.axes[0].get_xlim()[1] < 2.1
    with pytest.raises(ValueError, match="table of a has no column 'kge'"):
        plot_scores.cdf({"a": table}, "kge")
    with pytest.raises(ValueError, match="no gauge has a nse"):
        plot_scores.cdf({"a": scores(nse=[np.nan] * 4)})


def test_gauges_lie_where_they_are_in_the_order_of_the_table(tmp_path):
    table = scores(nse=[0.1, np.nan, -0.4, 0.9])
    index = pd.Index(["04", "02", "03", "01"])  # positions come in another order
    lon, lat = pd.Series(LON, index), pd.Series(LAT, index)
    figure = plot_scores.score_map(lon, lat, table)
    plots.save(figure, tmp_path / "map.png")
    place, values, norm = drawn(figure)
    np.testing.assert_array_equal(place, [[-80, 30], [-100, 40], [-120, 35]])
    np.testing.assert_array_equal(values, [0.1, -0.4, 0.9])
    assert (norm.vmin, norm.vmax) == (0, 1)
    hollow = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_array_equal(hollow, [[-110, 45]])
    assert {"NSE", "longitude / degrees", "latitude / degrees"} <= texts(figure)
    assert (
        figure.axes[0].get_title(loc="left") == ""
    )  # of several periods, or of none that is named
    named = plot_scores.score_map(lon, lat, table.assign(period="1995 to 1999"))
    assert named.axes[0].get_title(loc="left") == "1995 to 1999"
    two = table.assign(period=["one", "one", "two", "two"])
    assert plot_scores.score_map(lon, lat, two).axes[0].get_title(loc="left") == ""
    with pytest.raises(ValueError, match="longitude of 04 is not given"):
        plot_scores.score_map(lon.drop("04"), lat, table)


def test_biases_diverge_from_zero_and_quantities_do_not():
    figure = plot_scores.score_map(LON, LAT, scores(percent_bias=[-10.0, 30, 0, 5]), "percent_bias")
    norm = drawn(figure)[2]
    assert norm.vmin == -norm.vmax and norm.vmax > 25
    assert "percent bias / %" in texts(figure)
    figure = plot_scores.point_map(LON, LAT, [1.0, 2, 3, 4], "precipitation", "mm d-1")
    assert "precipitation / mm d-1" in texts(figure)
    assert drawn(figure)[2].vmin > 0
    constant = drawn(plot_scores.point_map(LON, LAT, np.full(4, 2.0), "precipitation"))[2]
    assert constant.vmin < 2 < constant.vmax
    with pytest.raises(ValueError, match=r"one length: \(4,\), \(4,\), \(3,\)"):
        plot_scores.point_map(LON, LAT, [1.0, 2, 3], "precipitation")
    with pytest.raises(ValueError, match="there is no value to draw"):
        plot_scores.point_map(LON, LAT, np.full(4, np.nan), "precipitation")


def test_parameters_of_lumped_basins_as_points(tmp_path, data):
    basins = xr.open_dataset(data("camels_us_400/timeseries.nc"))
    rng = np.random.default_rng(0)
    values = {field.name: rng.uniform(*field.bounds, 400) for field in FIELDS}
    figure = plot_scores.parameter_points(basins["lon"], basins["lat"], values, FIELDS)
    plots.save(figure, tmp_path / "parameters.png")
    assert {quantity(field.name, field.unit) for field in FIELDS} <= texts(figure)
    here = [axis.get_title() for axis in figure.axes].index("field capacity")
    place, shown, norm = drawn(figure, here)
    np.testing.assert_array_equal(shown, values["FC"])
    np.testing.assert_array_equal(place[:, 0], basins["lon"])
    assert (norm.vmin, norm.vmax) == (values["FC"].min(), values["FC"].max())
    # an oblong country makes an oblong figure, not panels in a void
    width, height = figure.get_size_inches()
    assert height < 0.95 * width


def test_simulated_against_reference_by_gauge(tmp_path):
    simulated = pd.Series({"a": 0.2, "b": 0.4, "c": 0.9, "d": 0.5})
    reference = pd.Series({"c": 0.7, "a": 0.3, "b": 0.4, "e": 0.1, "d": np.nan})
    figure = plot_scores.against(simulated, reference, "baseflow index")
    plots.save(figure, tmp_path / "bfi.png")
    (axis,) = figure.axes
    np.testing.assert_allclose(
        axis.collections[0].get_offsets(), [[0.3, 0.2], [0.4, 0.4], [0.7, 0.9]]
    )
    r = np.corrcoef([0.2, 0.4, 0.9], [0.3, 0.4, 0.7])[0, 1]
    rmse = np.sqrt((0.01 + 0.04) / 3)
    assert f"r = {r:.3f}, RMSE {rmse:.3g}, 3 gauges" in texts(figure)
    assert axis.get_xlim() == axis.get_ylim()
    figure = plot_scores.against(simulated, reference, "evapotranspiration", "mm d-1")
    expected = {f"evapotranspiration, {what} / mm d-1" for what in ("simulated", "reference")}
    assert expected <= texts(figure) and f"r = {r:.3f}, RMSE {rmse:.3g} mm d-1, 3 gauges" in texts(
        figure
    )
    with pytest.raises(ValueError, match="no gauge has both"):
        plot_scores.against(simulated, pd.Series({"x": 1.0}), "baseflow index")


def test_gauges_held_out_are_told_apart(tmp_path):
    table = scores(nse=[0.1, 0.2, 0.3, 0.4], gauge_use=["trained", "held out"] * 2)
    figure = plot_scores.score_map(LON, LAT, table)
    plots.save(figure, tmp_path / "map.png")
    found = {c.get_label(): c.get_array() for c in figure.axes[0].collections[1:3]}
    np.testing.assert_array_equal(found["held out"], [0.2, 0.4])
    np.testing.assert_array_equal(found["trained"], [0.1, 0.3])
    assert {"trained", "held out"} <= texts(figure)
    plain = plot_scores.score_map(LON, LAT, table.assign(gauge_use="trained"))
    assert "trained" not in texts(plain)


def test_scores_of_a_raster_lie_on_its_rivers(tmp_path):
    domain = DOMAINS["projected"]
    longitude, latitude = (values[domain.gauge_cells] for values in domain.lonlat)
    table = pd.DataFrame({"gauge": ["a", "b"], "nse": [0.2, 0.9]})
    figure = plot_scores.score_map(longitude, latitude, table, domain=domain)
    plots.save(figure, tmp_path / "map.png")
    assert {"easting / km", "northing / km"} <= texts(figure)
    points = next(c for c in figure.axes[0].collections if c.get_label() == "trained")
    cells = domain.gauge_cells
    where = np.column_stack([domain.x[domain.col[cells]], domain.y[domain.row[cells]]]) / 1000
    np.testing.assert_allclose(points.get_offsets(), where, atol=1e-6)
