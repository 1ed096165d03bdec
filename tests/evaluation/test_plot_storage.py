"""Figures of water storage: what is on them."""

import matplotlib
import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.evaluation import plot_storage, plots

TIME = pd.date_range("2003-01-15", periods=36, freq="30D")


def texts(figure):
    return {text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()}


def pairs(count):
    rng = np.random.default_rng(0)
    shape = (TIME.size, count)
    west = -60.0 + 3 * np.arange(count)
    edges = {"west": west, "east": west + 3, "south": np.full(count, -9.0)}
    edges["north"] = edges["south"] + 3
    coords = {name: ("tile", values) for name, values in edges.items()}
    values = {n: (("solution", "tile"), rng.normal(0, 50, shape)) for n in ("modelled", "observed")}
    names = [f"t{i}" for i in range(count)]
    return xr.Dataset(values, {"solution": TIME, "tile": names, **coords})


def scores(count):
    return pd.DataFrame(
        {"tile": [f"t{i}" for i in range(count)], "period": "training",
         "nse": np.linspace(-1, 0.9, count)}
    )  # fmt: skip


def test_seasons_are_the_means_of_months_that_have_both(tmp_path):
    found = pairs(3)
    found["observed"][4:9, 1] = np.nan
    figure = plot_storage.seasons(found, scores(3))
    plots.save(figure, tmp_path / "seasons.png")
    axis = next(a for a in figure.axes if a.get_title(loc="left") == "t1")
    drawn = {line.get_label(): line.get_ydata() for line in axis.lines}
    there = np.isfinite(found["observed"].values[:, 1])
    for name in ("modelled", "observed"):
        series = pd.Series(found[name].values[there, 1])
        expected = series.groupby(TIME[there].month).mean().reindex(range(1, 13))
        np.testing.assert_allclose(drawn[name], expected)
    assert [a.get_title(loc="left") for a in figure.axes] == ["t2", "t1", "t0"]  # best first


def test_tiles_are_drawn_where_they_are_in_the_style_of_all_maps(tmp_path):
    figure = plot_storage.tile_map(pairs(4), scores(4))
    plots.save(figure, tmp_path / "map.png")
    axis = figure.axes[0]
    places = [(p.get_x(), p.get_y(), p.get_width()) for p in axis.patches]
    assert places == [(-60 + 3 * i, -9, 3) for i in range(4)]
    assert {"NSE of storage anomalies", "longitude / degrees", "200 km", "N"} <= texts(figure)


def test_of_many_tiles_the_best_to_the_worst_are_drawn(tmp_path):
    for draw in (plot_storage.tile_series, plot_storage.seasons):
        figure = draw(pairs(12), scores(12))
        assert len(figure.axes) == plot_storage.TILES
        assert "8 of 12 tiles, best to worst" in texts(figure)
        titles = [axis.get_title(loc="left").split()[0] for axis in figure.axes]
        assert titles[0] == "t11" and titles[-1] == "t0"
