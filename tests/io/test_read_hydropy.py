"""Land-surface files as HydroPy reads them, and the river network in them."""

import numpy as np
import pytest
import xarray as xr

from gridhydro.domain.domain import Domain
from gridhydro.io import next_cells, read_land_surface
from gridhydro.io.hydropy import FIELDS
from tests.support.hydropy_land import flat_land

LAT, LON = [1.5, 0.5, -0.5], [-60.5, -59.5, -58.5, -57.5]


def written(tmp_path, land):
    path = tmp_path / "land.nc"
    land.to_netcdf(path)
    return path


def test_land_surface_fields_are_read_as_written(tmp_path):
    land = flat_land(LAT, LON, lai=np.arange(12), glacier=0.1)
    found = read_land_surface(written(tmp_path, land))
    assert set(found) == set(land)
    assert found["lai"].dims == ("month", "lat", "lon")
    np.testing.assert_array_equal(found["lai"][:, 0, 0], np.arange(12))
    for name in found:
        xr.testing.assert_equal(found[name].drop_vars("month", errors="ignore"), land[name])
        assert found[name].attrs["units"] == FIELDS[name].unit


def test_land_surface_with_other_units_names_and_axes(tmp_path):
    land = flat_land(LAT, LON, area=3000.0, ddfac=4.0)
    land["area"].attrs["units"] = "km2"
    land["wcap"] = (land["wcap"] / 1000).assign_attrs(units="m")
    land["flake"] = (land["flake"] + 25).assign_attrs(units="%")
    land["ddfac"].attrs["units"] = "mm/K/d"
    land["slope_avg"].attrs["units"] = "m/m"
    land = land.rename(month="time").assign_coords(time=("time", np.arange(15.0, 365, 30)))
    land["time"].attrs["units"] = "day as %Y%m%d.%f"  # of cdo: no date that xarray reads
    land["wmax"] = land["wmax"].expand_dims(layer=1)
    found = read_land_surface(written(tmp_path, land.rename(beta="b")), names={"beta": "b"})
    expected = dict(area=3e9, wcap=200, flake=0.25, ddfac=4, beta=0.3, slope_avg=5e-3, wmax=400)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value)
        assert found[name].dims == ("lat", "lon")
    assert found["fveg"].dims == ("month", "lat", "lon")


def test_projected_land_surface_keeps_its_reference_system(tmp_path):
    land = flat_land([3000.0, 2000.0], [0.0, 1000.0]).rename(lat="y", lon="x")
    found = read_land_surface(written(tmp_path, land.rio.write_crs("EPSG:3035")))
    assert found["wcap"].rio.crs == "EPSG:3035" and found["lai"].rio.crs == "EPSG:3035"


def test_land_surface_gaps_stay_and_rounding_is_cut(tmp_path):
    land = flat_land(LAT, LON, fwetl=1 + 1e-6)
    land["wava"][0, 0] = np.nan
    found = read_land_surface(written(tmp_path, land))
    assert np.isnan(found["wava"]).sum() == 1
    assert (found["fwetl"] == 1).all()


def changed(land, name, value, units=None):
    land = land.copy()
    land[name] = land[name] * 0 + value
    return land.assign({name: land[name].assign_attrs({"units": units} if units else {})})


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda d: d.drop_vars(["beta", "lai"]),
            r"lacks beta \(shape.*, lai \(leaf area",
        ),
        (lambda d: changed(d, "wcap", -9999), r"'wcap' .* is -9999 mm at lat 0, lon 0.*missing"),
        (lambda d: changed(d, "fveg", 50), r"'fveg' .* is 50 at month 0, lat 0, lon 0"),
        (lambda d: changed(d, "topo_std", 1, "hPa"), r"'topo_std' is in 'hPa', .* known are m, km"),
        (lambda d: d.isel(month=slice(6)), r"'fveg' has the axes .*12 months"),
        (lambda d: d.assign(lsm=d["fveg"]), r"'lsm' has the axes"),
        (lambda d: d.rename(lat="rows"), r"cannot tell rows from columns"),
    ],
)
def test_wrong_land_surfaces_are_refused(tmp_path, change, message):
    path = written(tmp_path, change(flat_land(LAT, LON)))
    with pytest.raises(ValueError, match=message) as error:
        read_land_surface(path)
    assert "rows from" in message or str(path) in str(error.value)


def test_unreadable_land_surface_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*absent\.nc"):
        read_land_surface(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("no netcdf")
    with pytest.raises(ValueError, match=r"text\.nc cannot be opened"):
        read_land_surface(tmp_path / "text.nc")
    path = written(tmp_path, flat_land(LAT, LON))
    with pytest.raises(ValueError, match=r"land\.nc has no field 'b'; it has lsm"):
        read_land_surface(path, names={"beta": "b"})


# three rows of four; the last column is sea, the cell in row 1, column 1 a sink of its own
ROWS = np.array([[0, 0, 1, 0], [0, 1, 1, 1], [1, 1, 1, 2]])
COLS = np.array([[1, 2, 2, 3], [0, 1, 3, 3], [0, 1, 2, 3]])


@pytest.mark.parametrize("north_first", [True, False])
def test_next_cells_of_a_file(tmp_path, north_first):
    lat = LAT if north_first else LAT[::-1]
    land = flat_land(lat, LON, lsm=np.array([[1, 1, 1, 0]] * 3))
    land = land.assign(rout_lat=(("lat", "lon"), ROWS), rout_lon=(("lat", "lon"), COLS))
    # as it comes from a file, with what the file says of missing values
    domain = Domain.from_d8(next_cells(read_land_surface(written(tmp_path, land))), "nextxy")
    assert domain.size == 9
    place = list(zip(domain.row.tolist(), domain.col.tolist(), strict=True))
    for cell, (i, j) in enumerate(place):
        to = domain.network.downstream[cell]
        there = (int(ROWS[i, j]), int(COLS[i, j]))
        leaves = there == (i, j) or there[1] == 3
        assert to == -1 if leaves else place[to] == there
    assert not domain.report.warnings


def test_next_cells_of_hydropy_equal_its_routing(data):
    routing = np.load(data("hydropy_reference/routing_2001.npz"))
    land = xr.Dataset(
        {
            "lsm": (("lat", "lon"), (routing["landarea"] > 0) * 1.0),
            "rout_lat": (("lat", "lon"), routing["rout_row"]),
            "rout_lon": (("lat", "lon"), routing["rout_col"]),
        },
        coords={"lat": 85 - 10.0 * np.arange(18), "lon": -175 + 10.0 * np.arange(36)},
    )
    domain = Domain.from_d8(next_cells(land), "nextxy")
    assert domain.size == (routing["landarea"] > 0).sum()
    to = np.where(routing["sink"], -1, routing["rout_row"] * 36 + routing["rout_col"])
    here = domain.row * 36 + domain.col
    downstream = domain.network.downstream
    on_land = np.isin(to[domain.row, domain.col], here)
    np.testing.assert_array_equal(here[downstream[on_land]], to[domain.row, domain.col][on_land])
    assert (downstream[~on_land] == -1).all() and (~on_land).any()


def test_wrong_next_cells_are_refused():
    land = flat_land(LAT, LON)
    with pytest.raises(ValueError, match="has no rout_lat"):
        next_cells(land)
    cut = land.assign(rout_lat=(("lat", "lon"), ROWS + 180.0), rout_lon=(("lat", "lon"), COLS))
    with pytest.raises(ValueError, match=r"180, 1 at row 0, column 0 .*keeps the indices"):
        next_cells(cut)
    gap = land.assign(rout_lat=(("lat", "lon"), ROWS * 1.0), rout_lon=(("lat", "lon"), COLS))
    gap["rout_lat"][1, 1] = np.nan
    with pytest.raises(ValueError, match=r"nan, 1 at row 1, column 1"):
        next_cells(gap)
