"""Flow-direction codings: the same river written in every one of them."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from gridhydro.domain import d8
from gridhydro.domain.domain import Domain

STEPS = {"N": (-1, 0), "NE": (-1, 1), "E": (0, 1), "SE": (1, 1)}
STEPS |= {"S": (1, 0), "SW": (1, -1), "W": (0, -1), "NW": (-1, -1)}
# row by row from the north, columns from the west; "." is the mouth, "" no data
RIVER = [["SE", "S", "SW", ""], ["E", "E", "E", "."], ["NE", "N", "NW", "W"]]
TARGET = [[5, 5, 5, -2], [5, 6, 7, -1], [5, 5, 5, 10]]

# written out from the manuals, independently of the table in the package
WRITTEN = {
    "esri": dict(N=64, NE=128, E=1, SE=2, S=4, SW=8, W=16, NW=32, mouth=0, none=247),
    "ldd": dict(N=8, NE=9, E=6, SE=3, S=2, SW=1, W=4, NW=7, mouth=5, none=255),
    "keypad": dict(N=8, NE=9, E=6, SE=3, S=2, SW=1, W=4, NW=7, mouth=5, none=-1),
    "watergap": dict(N=8, NE=9, E=6, SE=3, S=2, SW=1, W=4, NW=7, mouth=0, none=np.nan),
    "ddm30": dict(N=7, NE=8, E=1, SE=2, S=3, SW=4, W=5, NW=6, mouth=0, none=np.nan),
    "smash": dict(N=1, NE=2, E=3, SE=4, S=5, SW=6, W=7, NW=8, mouth=0, none=np.nan),
    "grass": dict(N=2, NE=1, E=8, SE=7, S=6, SW=5, W=4, NW=3, mouth=-8, none=np.nan),
    "whitebox": dict(N=128, NE=1, E=2, SE=4, S=8, SW=16, W=32, NW=64, mouth=0, none=-32768),
    "taudem": dict(N=3, NE=2, E=1, SE=8, S=7, SW=6, W=5, NW=4, mouth=0, none=-32768),
    "saga": dict(N=0, NE=1, E=2, SE=3, S=4, SW=5, W=6, NW=7, mouth=-1, none=-99999),
    "trip": dict(N=1, NE=2, E=3, SE=4, S=5, SW=6, W=7, NW=8, mouth=9, none=0),
}


def encode(target, shape, coding):
    """Codes (north up, west first) of a target raster whose cells drain to neighbours."""
    cols = shape[1]
    codes = np.empty(shape)
    words = WRITTEN[coding]
    for cell, to in enumerate(np.ravel(target)):
        here = divmod(cell, cols)
        if to < 0:
            codes[here] = words["mouth"] if to == d8.LEAVES else words["none"]
        else:
            step = to // cols - here[0], to % cols - here[1]
            codes[here] = words[next(w for w, move in STEPS.items() if move == step)]
    return codes


def nextxy(target, shape):
    """The same as next columns and rows, counted from one."""
    target = np.reshape(target, shape)
    row, col = np.divmod(target, shape[1])
    ends = {d8.LEAVES: -9, d8.NO_CELL: -9999}
    layers = np.array([col + 1, row + 1])
    for code, written in ends.items():
        layers[:, target == code] = written
    return layers


def raster(codes, y_down=True, x_right=True):
    """The codes as a DataArray, stored in another orientation if asked for."""
    rows, cols = codes.shape[-2:]
    dims = ("y", "x") if codes.ndim == 2 else ("next", "y", "x")
    array = xr.DataArray(
        codes,
        dims=dims,
        coords={"y": 1000.0 * np.arange(rows)[::-1], "x": 1000.0 * np.arange(cols)},
    )
    array = array if y_down else array.isel(y=slice(None, None, -1))
    array = array if x_right else array.isel(x=slice(None, None, -1))
    return array.rio.write_crs("EPSG:3035")


@pytest.mark.parametrize("x_right", [True, False])
@pytest.mark.parametrize("y_down", [True, False])
@pytest.mark.parametrize("coding", d8.NAMES)
def test_flow_directions_of_every_coding_and_orientation(coding, y_down, x_right):
    target = np.array(TARGET)
    if coding == "nextxy":
        codes = nextxy(target, target.shape)
    else:
        written = {**WRITTEN[coding], ".": WRITTEN[coding]["mouth"], "": WRITTEN[coding]["none"]}
        codes = np.array([[written[word] for word in row] for row in RIVER])
    domain = Domain.from_d8(raster(codes, y_down, x_right), coding)

    assert domain.size == 11
    upstream = domain.unpack(domain.network.accumulate(np.ones(domain.size)))
    upstream = upstream.sortby("y", ascending=False).sortby("x")
    np.testing.assert_array_equal(
        upstream, [[1, 1, 1, np.nan], [1, 9, 10, 11], [1, 1, 2, 1]], err_msg=coding
    )
    assert domain.network.outlets.size == 1


def test_keypad_codings_of_hd_and_watergap_with_inland_sinks():
    # the sea cell of the HD model is no land; WaterGAP's 0 is
    codes = np.array([[6.0, 6.0, 0.0], [5.0, 4.0, -1.0]])
    hd = Domain.from_d8(raster(codes), "keypad")
    assert hd.size == 4
    assert hd.network.outlets.size == 2
    assert Domain.from_d8(raster(codes), "watergap").size == 6


def test_flow_directions_cross_the_date_line():
    lon = np.arange(-179.0, 180, 2)
    codes = np.full((2, lon.size), 6.0)
    codes[:, 3] = 5
    globe = xr.DataArray(codes, coords={"lat": [1.0, -1.0], "lon": lon}, dims=("lat", "lon"))
    domain = Domain.from_d8(globe, "ldd")
    assert domain.network.outlets.size == 2
    upstream = domain.network.accumulate(np.ones(domain.size))
    np.testing.assert_array_equal(upstream[domain.network.outlets], lon.size)
    # a strip that does not go round has a border
    assert Domain.from_d8(globe.isel(lon=slice(1, None)), "ldd").network.outlets.size == 4


def test_unknown_codings_and_codes_are_refused_by_name():
    with pytest.raises(ValueError, match="no flow-direction coding 'd8'; there are esri, ldd"):
        Domain.from_d8(raster(np.ones((2, 2))), "d8")
    codes = np.array([[1, 1, 128], [64, 64, 0]])
    with pytest.raises(
        ValueError, match=r"'ldd' does not know \(0, 64, 128\).*row 0, col 2 .*'esri'"
    ):
        Domain.from_d8(raster(codes), "ldd")
    with pytest.raises(ValueError, match="'nextxy' has 3 dimensions"):
        Domain.from_d8(raster(codes), "nextxy")


@st.composite
def rasters(draw):
    """Any coding filled at random, mostly with codes it knows, in any orientation."""
    coding = draw(st.sampled_from(sorted(WRITTEN)))
    shape = draw(st.integers(2, 7)), draw(st.integers(2, 7))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    known = np.array(d8.CODINGS[coding].known, float)
    codes = rng.choice(known, shape)
    if draw(st.booleans()):  # a tree, so that many of them are sound
        target = np.full(shape, d8.LEAVES)
        rows, cols = np.nonzero(rng.random(shape) < 0.8)
        step = rng.integers(-1, 2, rows.size)
        low = (rows + 1 < shape[0]) & (cols + step >= 0) & (cols + step < shape[1])
        rows, cols, step = rows[low], cols[low], step[low]
        target[rows, cols] = (rows + 1) * shape[1] + cols + step
        codes = encode(target, shape, coding)
    codes[rng.random(shape) < draw(st.sampled_from([0, 0.1]))] = np.nan
    if draw(st.integers(0, 9)) == 0:
        codes[rng.integers(shape[0]), rng.integers(shape[1])] = 99
    return raster(codes, draw(st.booleans()), draw(st.booleans())), coding


@given(rasters())
@settings(max_examples=120, deadline=None)
def test_random_flow_directions_conserve_mass_or_are_refused(drawn):
    array, coding = drawn
    codes = array.values
    land = ~np.isnan(codes) & ~np.isin(codes, d8.CODINGS[coding].missing)
    try:
        domain = Domain.from_d8(array, coding)
    except ValueError as error:
        assert "row " in str(error) or not land.any()
        return
    assert domain.size == land.sum()
    upstream = domain.network.accumulate(domain.area)
    np.testing.assert_allclose(upstream[domain.network.outlets].sum(), 1e6 * land.sum())
    # what ends without an end code is said
    ends = np.isin(codes[domain.row, domain.col], d8.CODINGS[coding].ends)
    strayed = int((~ends & (domain.network.downstream < 0)).sum())
    told = "cell of the flow" if strayed == 1 else "cells of the flow"
    assert strayed == 0 or f"{strayed} {told}-direction raster" in str(domain.report)
