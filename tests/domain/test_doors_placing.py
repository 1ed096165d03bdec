"""Gauges at the door: which cell they stand for, and what is said of their areas."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.config.domain import make_domain, read_gauges
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.domain import Domain

# two rivers side by side, flowing north to south in columns 1 and 3, each fed from both sides
ROWS = 20
CODES = np.tile([1, 4, 16, 4, 16], (ROWS, 1))
CODES[-1, [1, 3]] = 0
# column 2 drains west into the first river; what lies further east drains into the second
WIDE = np.concatenate([CODES, np.full((ROWS, 3), 16)], axis=1)
WIDE[:4, 3:] = 247  # it begins further south


def raster(codes, step=1000.0, dims=("y", "x"), crs="EPSG:3035"):
    rows, cols = codes.shape
    coords = {dims[0]: step * np.arange(rows)[::-1], dims[1]: step * np.arange(cols)}
    return xr.DataArray(codes, coords, dims, "d8").rio.write_crs(crs)


def place(codes, snap=True, **gauge):
    table = [{"name": "a", **gauge}]
    return Domain.from_d8(raster(codes), "esri", gauges=table, snap=snap)


def cell(domain):
    where = domain.gauge_cells[0]
    return int(domain.row[where]), int(domain.col[where])


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_snap_keeps_to_the_river_that_the_position_drains_to(turn):
    """Row 10, column 2 drains to the first river, which has 33 km2 there, 4.3 % less than reported;
    a cell of the second river, as near, has 35 km2, 1.4 % more."""
    codes, (row, col), right = WIDE, (10, 2), (10, 1)
    reported, own = 34.5, 33.0
    y, x = 1000.0 * (ROWS - 1 - row), 1000.0 * col
    if turn:
        codes = np.rot90(codes, turn)
        quarter = {1: 64, 4: 1, 16: 4, 64: 16, 0: 0, 247: 247}
        for _ in range(turn):
            codes = np.vectorize(quarter.get)(codes)
        marked = np.zeros(WIDE.shape, int)
        marked[row, col], marked[right] = 1, 2
        marked = np.rot90(marked, turn)
        (i, j), right = np.argwhere(marked == 1)[0], tuple(np.argwhere(marked == 2)[0].tolist())
        y, x = 1000.0 * (codes.shape[0] - 1 - i), 1000.0 * j
    domain = place(codes, x=x, y=y, area_km2=reported)
    assert cell(domain) == right
    assert domain.gauges["network_area_km2"].item() == own
    with pytest.raises(ValueError, match="a better cell is") as found:
        place(codes, snap=False, x=x, y=y, area_km2=reported)
    assert f"row {right[0]}, col {right[1]} " in str(found.value)


def test_another_river_is_taken_only_for_want_of_the_own_one_and_with_a_warning():
    codes = np.tile([4, 4, 16, 16, 16, 16, 16], (ROWS, 1))
    codes[-1, :2] = 0
    with pytest.warns(DomainWarning, match="was moved .* on another river than the one at its"):
        domain = place(codes, x=0.0, y=9000.0, area_km2=64.0)
    assert domain.gauges["network_area_km2"].item() == 66
    assert cell(domain) == (10, 1)


def test_of_cells_that_fit_the_nearest_is_taken():
    """Row 11 of the river fits a little better, 36 km2 and not 33; row 10 is beside."""
    domain = place(WIDE, x=2000.0, y=9000.0, area_km2=34.6)
    assert cell(domain) == (10, 1)


@pytest.mark.parametrize("accept", [True, 1, "yes", "TRUE", np.True_, 1.0])
def test_an_area_more_than_half_off_is_an_error_unless_it_is_accepted(accept):
    where = {"x": 1000.0, "y": 9000.0}
    for area in (10.0, 100.0, 0.001, 1e9):
        with pytest.raises(ValueError, match=r"drains 33 km2, not the .*%; .* set accept to true"):
            place(WIDE, area_km2=area, snap=False, **where)
        domain = place(WIDE, area_km2=area, accept=accept, **where)
        assert cell(domain) == (10, 1)  # it stays, with snap too
        assert "accepted as it is" in str(domain.report) and not domain.report.warnings
    with pytest.warns(DomainWarning, match="drains 33 km2, not the 25 km2 reported"):
        assert place(WIDE, area_km2=25.0, snap=False, **where).report.warnings
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        place(WIDE, area_km2=31.0, snap=False, **where)
        place(WIDE, snap=False, **where)


def test_what_accept_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"accept of gauge 'a' is 'perhaps', should be true or fa"):
        place(WIDE, x=1000.0, y=9000.0, accept="perhaps")
    for nothing in (None, np.nan, "", "no", 0, False, "False"):
        with pytest.raises(ValueError, match="set accept"):
            place(WIDE, x=1000.0, y=9000.0, area_km2=90, snap=False, accept=nothing)


def test_accept_in_a_domain_file(tmp_path):
    raster(WIDE).to_netcdf(tmp_path / "d8.nc")
    days = pd.DataFrame({"date": ["2001-01-01"], "a": [1.0], "b": [1.0]})
    days.to_csv(tmp_path / "q.csv", index=False)
    each = {"name": "a", "x": 1000.0, "y": 9000.0, "area_km2": 90.0, "discharge": "q.csv"}
    content = {"domain": {"flow_direction": "d8.nc", "coding": "esri", "crs": "EPSG:3035"}}
    source = tmp_path / "domain.toml"

    def made(**gauges):
        table = read_gauges(source, content | gauges, tmp_path)
        return make_domain(source, content | gauges, tmp_path, table, None)

    with pytest.raises(ValueError, match=r"\[\[gauges\]\].* gauge 'a' .* set accept to true"):
        made(gauges=[each])
    assert "accepted" in str(made(gauges=[each | {"accept": True}]).report)
    (tmp_path / "g.csv").write_text("name,x,y,area_km2,accept\na,1000,9000,90,yes\nb,1000,0,60,\n")
    found = made(gauge_table={"file": "g.csv", "discharge": "q.csv"})
    assert "accepted" in str(found.report)
    (tmp_path / "g.csv").write_text("name,x,y,area_km2,accept\na,1000,9000,90,no\nb,1000,0,60,1\n")
    with pytest.raises(ValueError, match=r"gauge 'a' .* set accept to true"):
        made(gauge_table={"file": "g.csv", "discharge": "q.csv"})


def test_a_gauge_of_the_moselle_on_the_wrong_cell_is_refused(data):
    """The gauge 398 drains 11,522 km2; this position lies far up its river."""
    import rioxarray

    codes = rioxarray.open_rasterio(data("mhm_moselle/morph/fdir.asc"), masked=True).squeeze()
    gauge = {"name": "398", "area_km2": 11522, "x": 4040119.0, "y": 2890597.0}
    with pytest.raises(ValueError, match=r"gauge '398' .*not the 11522 km2 reported, -89%"):
        Domain.from_d8(codes, "esri", gauges=[gauge], crs="EPSG:3035", resolution=8000)
    right = gauge | {"x": 4058119.0, "y": 2935597.0}
    domain = Domain.from_d8(codes, "esri", gauges=[right], crs="EPSG:3035", resolution=8000)
    assert domain.report.good


@pytest.mark.parametrize(
    ("gauge", "sentence"),
    [
        ({"area_km2": "nine"}, "area_km2 of gauge 'a' is 'nine', should be a number"),
        ({"area_km2": np.inf}, "area of gauge 'a' is not above zero, or infinite"),
        ({"x": "1 km"}, "x of gauge 'a' is '1 km', should be a number"),
        ({"y": "9000,5"}, "y of gauge 'a' is '9000,5', should be a number"),
    ],
)
def test_what_is_no_number_in_a_gauge_is_refused_by_name(gauge, sentence):
    with pytest.raises(ValueError, match=sentence):
        place(WIDE, **({"x": 1000.0, "y": 9000.0} | gauge))
    assert place(WIDE, x="1000", y=" 9000 ", area_km2="33").gauges["area_km2"].item() == 33
