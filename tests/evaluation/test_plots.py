"""Figures: what is on them, not how pretty they are."""

import matplotlib
import matplotlib.pyplot as pyplot
import numpy as np
import pandas as pd
import pytest

from gridhydro.columns import column
from gridhydro.domain.domain import Domain
from gridhydro.domain.map_colours import quantity
from gridhydro.evaluation import plots
from tests.io.test_export import DOMAINS, build

FIELDS = column("hbv").parameters


def values(domain, seed=0):
    rng = np.random.default_rng(seed)
    return {field.name: rng.uniform(*field.bounds, domain.size) for field in FIELDS}


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


@pytest.mark.parametrize("kind", DOMAINS)
def test_maps_show_the_values_where_they_are_with_units(tmp_path, kind):
    domain, maps = DOMAINS[kind], values(DOMAINS[kind])
    figure = plots.cell_maps(domain, maps, FIELDS)
    plots.save(figure, tmp_path / "maps.png")
    shown = texts(figure)
    told = " ".join(" ".join(shown).split())  # titles are broken into lines
    assert all(field.long_name in told for field in FIELDS)
    bars = {text.partition("\n")[0] for text in shown}
    assert {quantity(field.name, field.unit) for field in FIELDS} <= bars
    assert ("easting / km" if domain.crs.is_projected else "longitude / degrees") in shown
    axis = next(a for a in figure.axes if a.get_title() == "field capacity")
    (image,) = axis.images
    left, right, bottom, top = image.get_extent()
    scale = 1e-3 if domain.crs.is_projected else 1
    raster = image.get_array().filled(np.nan)
    assert raster.shape == (2, 3)  # the two columns without cells are cut off
    for cell in range(domain.size):
        x, y = domain.x[domain.col[cell]] * scale, domain.y[domain.row[cell]] * scale
        i = int((top - y) / (top - bottom) * 2)
        j = int((x - left) / (right - left) * 3)
        assert raster[i, j] == maps["FC"][cell]


def test_axes_in_kilometres_whatever_the_unit_of_the_reference_system():
    domain = build([5000.0, 4000], [100.0, 1100, 2100, 3100], "EPSG:2263")
    figure = plots.cell_maps(domain, values(domain), FIELDS[:1])
    assert {"easting / km", "northing / km"} <= set(texts(figure))
    feet = np.array([-400, 2600, 3500, 5500])
    extent = figure.axes[0].images[0].get_extent()
    np.testing.assert_allclose(extent, feet * 1200 / 3937 / 1000)


def test_pairs_share_their_colours_and_tell_the_correlation(tmp_path):
    domain = DOMAINS["projected"]
    learned, truth = values(domain), values(domain, seed=1)
    figure = plots.cell_maps(domain, learned, FIELDS[:4], truth)
    plots.save(figure, tmp_path / "pairs.png")
    titles = [axis.get_title() for axis in figure.axes]
    here = titles.index("field capacity, learned")
    r = np.corrcoef(learned["FC"], truth["FC"])[0, 1]
    assert titles[here + 1] == f"true (r = {r:.2f})"
    limits = [figure.axes[here + i].images[0].get_clim() for i in range(2)]
    both = np.concatenate([learned["FC"], truth["FC"]])
    assert limits[0] == limits[1] == (both.min(), both.max())


def test_constant_maps_have_no_correlation():
    domain = DOMAINS["projected"]
    constant = {"beta": np.full(domain.size, 2.0)}
    figure = plots.cell_maps(domain, constant, FIELDS[:1], constant)
    assert "true (r = nan)" in texts(figure)


def test_lumped_basins_have_no_maps():
    domain = Domain.of_basins([10.0], ["a"])
    with pytest.raises(ValueError, match="lumped basins have no maps"):
        plots.cell_maps(domain, values(domain), FIELDS)


def test_training_curve(tmp_path):
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [1.0, 0.5, 0.1]})
    figure = plots.training_curve(history)
    (axis,) = figure.axes
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), history["loss"])
    assert axis.get_xlabel() == "epoch"
    assert axis.get_yscale() == "log"
    negative = plots.training_curve(history.assign(loss=[0.5, 0.0, -0.5]))
    assert negative.axes[0].get_yscale() == "linear"


def test_saving_leaves_the_backend_and_other_figures_alone(tmp_path):
    backend, figures = matplotlib.get_backend(), pyplot.get_fignums()
    history = pd.DataFrame({"epoch": [1, 2], "loss": [1.0, 0.5]})
    plots.save(plots.training_curve(history), tmp_path / "new" / "curve.png")
    assert matplotlib.get_backend() == backend
    assert pyplot.get_fignums() == figures
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["curve.png"]
    assert (tmp_path / "new" / "curve.png").read_bytes().startswith(b"\x89PNG")
