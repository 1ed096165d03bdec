"""Flow directions at the door: codings, no data, circles, parts of larger rasters, pyflwdir."""

import geopandas
import numpy as np
import pyflwdir
import pytest
import rasterio.transform
import rioxarray
import xarray as xr

import gridhydro as gh
from gridhydro.domain import d8
from gridhydro.domain.directions import find_loops, renumber, repair_loops
from gridhydro.domain.domain import Domain

from .test_d8 import WRITTEN, encode, nextxy, raster

# a valley of 6 x 7 cells that drains south through column 3
VALLEY = np.full((6, 7), -1)
for _row in range(6):
    for _col in range(7):
        _step = np.sign(3 - _col)
        _down = _row + (_step == 0)
        VALLEY[_row, _col] = _down * 7 + _col + _step if _down < 6 else d8.LEAVES


def filled(coding, code, margin=3):
    """The valley amid cells of another code."""
    codes = encode(VALLEY, VALLEY.shape, coding)
    return raster(np.pad(codes, margin, constant_values=code))


@pytest.fixture(scope="module")
def moselle(data):
    codes = rioxarray.open_rasterio(data("mhm_moselle/morph/fdir.asc"), masked=True)
    codes = codes.squeeze(drop=True).rio.write_crs("EPSG:3035")
    domain = Domain.from_d8(codes, "esri")
    target = np.full(codes.shape, d8.NO_CELL)
    cells = domain.row * codes.shape[1] + domain.col
    down = domain.network.downstream
    target.ravel()[cells] = np.where(down < 0, d8.LEAVES, cells[down])
    window = slice(100, 220), slice(60, 200)  # quick to look through
    part = np.full(target[window].shape, d8.NO_CELL)
    row, col = np.nonzero(target[window] != d8.NO_CELL)
    to_row, to_col = np.divmod(target[window][row, col], codes.shape[1])
    to_row, to_col = to_row - 100, to_col - 60
    inside = (to_row >= 0) & (to_row < 120) & (to_col >= 0) & (to_col < 140)
    part[row, col] = np.where(inside, to_row * 140 + to_col, d8.LEAVES)
    return codes, part


@pytest.mark.parametrize("coding", ["whitebox", "taudem", "saga"])
def test_wrong_codings_are_refused_with_the_right_one(coding, moselle):
    part = moselle[1]
    codes = encode(part, part.shape, coding)
    right = Domain.from_d8(raster(codes), coding)
    for other in d8.CODINGS:
        if other == coding:
            continue
        with pytest.raises(ValueError, match=f"'{coding}'") as found:
            Domain.from_d8(raster(codes), other)
        assert f"coding='{coding}'" in str(found.value) or f"or '{coding}'" in str(found.value)
        # and the other way round
        written = encode(part, part.shape, other)
        with pytest.raises(ValueError, match=rf"coding=.*'{other}'"):
            Domain.from_d8(raster(written), coding)
    assert right.size == (part != d8.NO_CELL).sum()


@pytest.mark.parametrize("coding", ["grass", "esri", "smash", "taudem", "whitebox", "watergap"])
def test_zeros_that_fill_a_raster_are_refused_or_taken_on_request(coding):
    codes = filled(coding, 0)
    mouth = encode(VALLEY, VALLEY.shape, coding)[5, 3]
    with pytest.raises(ValueError, match=rf"have the code 0, which '{coding}' has where water lea"):
        Domain.from_d8(codes, coding)
    land = Domain.from_d8(codes, coding, nodata="codes")
    assert land.size == codes.size
    found = Domain.from_d8(codes, coding, nodata=0)
    assert found.size == 42 - (mouth == 0)  # a mouth of the same code goes with the rest
    # every cell by itself, as for a model without rivers, is nothing odd
    assert Domain.from_d8(raster(np.zeros((5, 5))), coding).size == 25


def test_islands_of_the_global_network_are_land(data):
    with xr.open_dataset(data("ddm30/ddm30_global_30min.nc")) as opened:
        codes = opened.flow_direction.load()
    # the mouths of WaterGAP's keypad as ISIMIP has them
    turned = codes.copy(data=np.select([codes == 5, codes >= 1], [0.0, 7.0], codes))
    assert Domain.from_d8(turned.where(codes.notnull()), "watergap").size == 67_420


@pytest.mark.parametrize("decoded", [True, False])
@pytest.mark.parametrize(
    ("coding", "tag"),
    [("esri", 0), ("esri", 1), ("esri", 255), ("grass", 0), ("grass", 2), ("saga", 0), ("smash", 8),
     ("ldd", 5), ("taudem", 0), ("whitebox", 128), ("trip", 9), ("watergap", 0)],
)  # fmt: skip
def test_a_no_data_tag_that_is_also_a_code(coding, tag, decoded):
    codes = encode(VALLEY, VALLEY.shape, coding)
    codes[5, 3] = tag if tag in d8.CODINGS[coding].ends else codes[5, 3]
    codes[0, 0] = tag if tag not in d8.CODINGS[coding].ends else codes[0, 0]
    array = raster(codes)
    if decoded:
        array = array.where(array != tag)
        array.encoding["_FillValue"] = tag
    else:
        array.attrs["_FillValue"] = tag
    with pytest.raises(ValueError, match=rf"no-data tag of the raster is {tag}, which is also"):
        Domain.from_d8(array, coding)
    assert Domain.from_d8(array, coding, nodata=tag).size < 42
    if tag in d8.CODINGS[coding].ends:
        assert Domain.from_d8(array, coding, nodata="codes").size == 42
    with pytest.raises(ValueError, match="nodata is a code, or 'codes', not 'none'"):
        Domain.from_d8(array, coding, nodata="none")


def test_a_no_data_tag_that_is_an_end_code_and_marks_no_outlet_is_taken():
    """As 255 of ArcGIS in unsigned bytes, which in HydroSHEDS is an inland sink."""
    for tag in (255, 0, 247, -9999):
        codes = np.pad(encode(VALLEY, VALLEY.shape, "esri"), 1, constant_values=tag)
        codes[6, 4] = 4  # out to the south
        array = raster(codes)
        array.attrs["_FillValue"] = tag
        if tag in (255, 0):  # the mouth drains into it
            with pytest.raises(ValueError, match=r"1 drain into them, the first: row 6, col 4"):
                Domain.from_d8(array, "esri")
            array[6, 4] = 0 if tag == 255 else 255
        assert Domain.from_d8(array, "esri").size == 42


@pytest.mark.parametrize("y_down", [True, False])
@pytest.mark.parametrize("offset", [(40, 25), (1, 0), (0, 2), (300, 1)])
def test_parts_of_a_larger_nextxy(offset, y_down):
    rows, cols = offset
    whole = nextxy(VALLEY, VALLEY.shape)
    part = np.where(whole > 0, whole + np.array([cols, rows])[:, None, None], whole)
    array = raster(part, y_down=y_down)
    with pytest.raises(ValueError, match=rf"larger raster, {rows} rows and {cols} columns off.*r"):
        Domain.from_d8(array, "nextxy")
    found = Domain.from_d8(renumber(array, rows, cols), "nextxy")
    assert found.size == 42 and found.network.outlets.size == 1
    both = xr.Dataset({"nextx": array[0], "nexty": array[1]})
    assert Domain.from_d8(renumber(both, rows, cols), "nextxy").network.outlets.size == 1
    # what leaves the part is an outlet
    cut = renumber(array.isel(y=slice(None, 4) if y_down else slice(2, None)), rows, cols)
    assert Domain.from_d8(cut, "nextxy").network.outlets.size == 1


def test_next_cells_of_unit_catchments_are_not_suspected():
    rng = np.random.default_rng(0)
    target = np.full(400, d8.LEAVES)
    for cell in range(400):
        row, col = divmod(cell, 20)
        down, right = row + rng.integers(1, 4), col + rng.integers(-3, 4)
        if down < 20 and 0 <= right < 20:
            target[cell] = down * 20 + right
    domain = Domain.from_d8(raster(nextxy(target, (20, 20))), "nextxy")
    assert "not their neighbour" in str(domain.report)


PAIRS = np.array([  # esri: two pairs at the coast, one inland, a circle of four
    [1, 16, 4, 4, 247, 247, 247],
    [64, 64, 2, 4, 8, 16, 16],
    [64, 64, 32, 1, 16, 16, 16],
    [64, 64, 64, 64, 1, 4, 16],
    [64, 64, 64, 64, 64, 16, 16],
    [64, 64, 64, 64, 64, 64, 0],
])  # fmt: skip


def test_all_circles_are_listed_and_pairs_at_outlets_repaired():
    array = raster(PAIRS)
    with pytest.raises(ValueError, match=r"pairs of cells drain into each other.*find_loops"):
        Domain.from_d8(array, "esri")
    table = find_loops(array, "esri")
    assert isinstance(table, geopandas.GeoDataFrame) and table.crs.to_epsg() == 3035
    assert sorted(table.groupby("loop")["cells"].first()) == [2, 2, 4]
    assert len(table) == 8
    for _, loop in table.groupby("loop"):
        ends = loop[["to_row", "to_col"]].to_numpy()
        np.testing.assert_array_equal(np.roll(loop[["row", "col"]].to_numpy(), -1, 0), ends)
    first = table.iloc[0]
    assert (first.geometry.x, first.geometry.y) == (1000.0 * first.col, 5000.0 - 1000 * first.row)

    mended, said = repair_loops(array, "esri")
    assert said["repaired"].sum() == 1
    assert mended.values[0, 0] + mended.values[0, 1] in (1 + 0, 0 + 16)
    assert array.values[0, 0] == 1  # the raster given stays as it is
    left = find_loops(mended, "esri")
    assert sorted(left.groupby("loop")["cells"].first()) == [2, 4]
    mended, said = repair_loops(array, "esri", inland=True)
    assert said["repaired"].sum() == 2
    assert set(find_loops(mended, "esri")["cells"]) == {4}
    assert find_loops(raster(encode(VALLEY, VALLEY.shape, "ldd")), "ldd").empty


@pytest.mark.parametrize("coding", [*WRITTEN, "nextxy"])
def test_a_pair_at_the_mouth_is_repaired_in_every_coding(coding):
    target = VALLEY.copy()
    target[5, 3] = 4 * 7 + 3  # the mouth drains back
    if coding == "nextxy":
        array = raster(nextxy(target, target.shape)).astype("i4")
    else:
        array = raster(encode(target, target.shape, coding).astype("i4"), y_down=False)
    with pytest.raises(ValueError, match="1 pair of cells drains into each other"):
        Domain.from_d8(array, coding)
    mended, table = gh.directions.repair_loops(array, coding)
    assert mended.dtype == array.dtype and table["repaired"].sum() == 1
    domain = Domain.from_d8(mended, coding)
    assert domain.network.outlets.size == 1
    assert domain.row[domain.network.outlets] == (0 if coding != "nextxy" else 5)


@pytest.mark.parametrize(("kind", "code"), [("u1", 0), ("i2", 0), ("f4", 0)])
def test_the_outlet_that_is_written_is_the_first_code_that_the_type_can_hold(kind, code):
    array = raster(PAIRS).astype(kind)
    mended, table = repair_loops(array, "esri")
    (cell,) = np.flatnonzero(table["repaired"])
    assert mended.values[table["row"][cell], table["col"][cell]] == code
    assert (mended.values != array.values).sum() == 1


def test_pyflwdir_in_and_out(moselle):
    codes, _ = moselle
    ours = Domain.from_d8(codes, "esri")
    values = codes.fillna(247).astype("u1").values
    theirs = pyflwdir.from_array(values, ftype="d8", transform=codes.rio.transform())
    domain = Domain.from_d8(theirs, crs="EPSG:3035")
    np.testing.assert_array_equal(domain.network.downstream, ours.network.downstream)
    np.testing.assert_allclose(domain.y, ours.y)
    np.testing.assert_allclose(domain.area, ours.area)
    back = ours.to_flwdir()
    np.testing.assert_array_equal(back.stream_order(), theirs.stream_order())
    ends, start = back.idxs_pit, theirs.idxs_pit
    np.testing.assert_array_equal(ends, start)
    again = Domain.from_d8(back, crs="EPSG:3035")
    np.testing.assert_array_equal(again.network.downstream, ours.network.downstream)
    upstream = theirs.accuflux(np.where(theirs.mask.reshape(theirs.shape), 1.0, -9999))
    np.testing.assert_array_equal(ours.network.accumulate(np.ones(ours.size)),
                                  upstream[ours.row, ours.col])  # fmt: skip


def test_what_a_flwdirraster_does_not_say_is_refused():
    codes = encode(VALLEY, VALLEY.shape, "ldd").astype("u1")
    plain = pyflwdir.from_array(codes, ftype="ldd")
    with pytest.raises(ValueError, match="make it with transform= and latlon="):
        Domain.from_d8(plain, crs="EPSG:3035")
    transform = rasterio.transform.from_origin(5.0, 50.0, 0.5, 0.5)
    metres = pyflwdir.from_array(codes, ftype="ldd", transform=transform)
    with pytest.raises(ValueError, match="does not say its reference system"):
        Domain.from_d8(metres)
    degrees = pyflwdir.from_array(codes, ftype="ldd", transform=transform, latlon=True)
    domain = Domain.from_d8(degrees, gauges=[{"name": "a", "lon": 6.75, "lat": 47.25}])
    assert domain.crs.is_geographic and domain.size == 42
    assert domain.network.accumulate(np.ones(42))[domain.gauge_cells[0]] == 42
    assert Domain.from_d8(degrees, "ldd").size == 42
    for options, said in (
        ({"coding": "grass"}, "was read as 'ldd': leave coding out"),
        ({"nodata": 0}, "nodata and cell_reference are for rasters of codes"),
        ({"cell_reference": "upper_left"}, "nodata and cell_reference are for rasters of codes"),
    ):
        with pytest.raises(ValueError, match=said):
            Domain.from_d8(degrees, **options)
    inside = np.ones(VALLEY.shape)
    inside[5] = 0
    assert Domain.from_d8(degrees, mask=inside).size == 35
    with pytest.raises(ValueError, match="missing 'coding' of the flow directions: one of esri"):
        Domain.from_d8(raster(codes))


def test_flow_directions_of_corner_coordinates():
    codes = raster(encode(VALLEY, VALLEY.shape, "ldd"))
    corner = codes.assign_coords(x=codes.x - 500, y=codes.y + 500)
    domain = Domain.from_d8(corner, "ldd", cell_reference="upper_left")
    np.testing.assert_array_equal(domain.x, codes.x)
    np.testing.assert_array_equal(domain.y, codes.y)


def test_accumulation_keeps_types_and_missing_values(moselle):
    network = Domain.from_d8(moselle[0], "esri").network
    for kind in (np.float32, np.int32, np.uint8, np.float64):
        assert network.accumulate(np.ones((2, network.size), kind)).dtype == kind
    values = np.ones(network.size)
    values[0] = np.nan
    values[1] = -9999.0
    total = network.accumulate(values)
    assert np.isnan(total[network.outlets]).all() == (network.outlets.size == 1)
    assert total[1] == -9999
