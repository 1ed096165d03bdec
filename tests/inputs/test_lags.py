"""Lag times: HydroPy's own, worked numbers, and distances on rasters of every kind."""

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import brentq

from gridhydro.domain.domain import Domain
from gridhydro.inputs.lags import cover_weight, lags, river_distance, velocity
from gridhydro.inputs.land_surface import land_surface
from gridhydro.io import next_cells
from tests.support.hydropy_land import flat_land, row_domain

LON = np.arange(-70.25, -67, 0.5)
LAT = np.array([-2.75, -3.25, -3.75])


@pytest.fixture(scope="module")
def cell():
    """Area and distance to the east of a half-degree cell at 3.25 degrees south."""
    domain = row_domain(LAT, LON, crs="+proj=longlat +R=6371000")
    distance, _ = river_distance(domain, np.zeros(domain.size), domain.area)
    here = np.flatnonzero((domain.row == 1) & (domain.col == 2))[0]
    return domain.area[here], distance[here]


def test_lags_equal_those_of_hydropy(data):
    reference = np.load(data("hydropy_reference/columns_2001.npz"))
    para = {name[5:]: reference[name] for name in reference if name.startswith("para_")}
    roughness = np.maximum(0, (para["topo_std"] - 100) / (para["topo_std"] + 1000))
    hilly = para["slope_avg"] > 0  # the others need to know where their rivers go
    found = lags(
        para["area"], 1e5, 10.0, para["slope_avg"], roughness, para["flake"], para["fwetl"]
    )
    assert hilly.sum() == 30
    np.testing.assert_allclose(found.surface[hilly], reference["lag_land"][hilly], rtol=1e-13)
    np.testing.assert_allclose(found.groundwater, reference["lag_base"], rtol=1e-13)


def test_river_lags_equal_those_of_hydropy(data):
    columns = np.load(data("hydropy_reference/columns_2001.npz"))
    routing = np.load(data("hydropy_reference/routing_2001.npz"))
    lat, lon = 85 - 10.0 * np.arange(18), -175 + 10.0 * np.arange(36)
    network = {"lsm": np.ones((18, 36))}
    network |= {"rout_lat": routing["rout_row"], "rout_lon": routing["rout_col"]}
    fields = {name: (("lat", "lon"), values) for name, values in network.items()}
    domain = Domain.from_d8(next_cells(xr.Dataset(fields, {"lat": lat, "lon": lon})), "nextxy")
    # the sphere that the reference has its areas from, and the elevations that are known
    band = np.sin(np.radians(lat + 5)) - np.sin(np.radians(lat - 5))
    area = domain.pack(np.repeat(6371e3**2 * np.radians(10) * band[:, None], 36, 1))
    place = tuple(columns["rowcol"].T)
    known = np.where(routing["landarea"] > 0, np.nan, 0.0)
    known[place] = columns["para_srftopo"]
    distance, drop = river_distance(domain, domain.pack(known), area)
    # a sink of HydroPy has no drop at all; in a domain it keeps its river
    drop = np.where(domain.network.downstream < 0, 0.0, drop)

    fields = {n: np.zeros((18, 36)) for n in ("slope_avg", "flake", "fwetl")}
    for name, raster in fields.items():
        raster[place] = columns[f"para_{name}"]
    fields = {name: domain.pack(raster) for name, raster in fields.items()}
    found = lags(area, distance, drop, fields["slope_avg"], 0.0, fields["flake"], fields["fwetl"])
    sampled = domain.pack(np.isin(np.arange(18 * 36), place[0] * 36 + place[1]).reshape(18, 36))
    there = sampled & np.isfinite(drop)
    assert there.sum() == 15  # of the others the next cell's elevation is not known
    np.testing.assert_allclose(
        found.river[there], domain.pack(routing["lag_river"])[there], rtol=1e-12
    )
    np.testing.assert_array_equal(found.reservoirs[there], domain.pack(routing["ncasc"])[there])


@pytest.mark.parametrize("order", [1, -1])
def test_doors_lag_of_a_river_mouth_is_that_to_the_sea_cell(order):
    """As if the sea were a cell of the domain: it is HydroPy's next cell, with its elevation."""
    lat, lon = LAT[::order], LON
    level = np.broadcast_to(np.linspace(800, 0, len(LON)), (len(LAT), len(LON))) + 0.0
    level[:, -1] = -50
    rows, cols = np.indices(level.shape)
    down = np.minimum(cols + 1, len(LON) - 1)  # all rivers go east, the last column is the sea
    land = flat_land(lat, lon, srftopo=level)
    land["rout_lat"], land["rout_lon"] = (("lat", "lon"), rows), (("lat", "lon"), down)
    found = []
    for sea in (1.0, 0.0):
        here = land.copy(deep=True)
        here["lsm"][:, -1] = sea
        if not sea:
            here["srftopo"][:, -1] = np.nan
        domain = Domain.from_d8(next_cells(here), "nextxy", crs="EPSG:4326")
        known = land_surface(domain, here).defaults["river_lag"]
        found.append(domain.unpack(known).values[:, : len(LON) - 1])
    assert np.isfinite(found[1]).all()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    # indices of another file lead nowhere: as without any
    bare = here.drop_vars(["rout_lat", "rout_lon"])
    plain = land_surface(domain, bare).defaults["river_lag"]
    here["rout_lat"] = here["rout_lat"] + 40
    with pytest.warns(UserWarning, match=f"no cell beside {len(LAT)} of {len(LAT)} river mouths"):
        again = land_surface(domain, here).defaults["river_lag"]
    np.testing.assert_array_equal(again, plain)
    mouth = domain.network.downstream < 0
    assert (plain[mouth] > 1.2 * known[mouth]).all()


@pytest.mark.parametrize("slope, days", [(5e-4, 24.0), (5e-3, 19.0), (5e-2, 15.1)])
def test_surface_lag_of_a_slope(cell, slope, days):
    assert lags(*cell, 5.0, slope, 0.0).surface == pytest.approx(days, abs=0.05)


@pytest.mark.parametrize("drop, days", [(0.1, 0.207), (5, 0.140), (50, 0.111), (500, 0.088)])
def test_river_lag_of_a_drop(cell, drop, days):
    found = lags(*cell, drop, 5e-3, 0.0)
    assert found.river == pytest.approx(days, abs=5e-4)
    assert found.reservoirs == 5


@pytest.mark.parametrize("roughness, days", [(0, 376), (0.2, 464), (0.5, 738)])
def test_groundwater_lag_of_rough_terrain(cell, roughness, days):
    # the numbers are of a diameter rounded to 62.7 km, and rounded themselves
    assert lags(*cell, 5.0, 5e-3, roughness).groundwater == pytest.approx(days, abs=0.6)


@pytest.mark.parametrize(
    "fraction, lake, wetland",
    [(0.4, 20.5, 20.3), (0.5, 37.1, 32.9), (0.6, 192, 86), (1.0, 725, 121)],
)
def test_surface_lag_of_lakes_and_wetlands(cell, fraction, lake, wetland):
    args = (*cell, 20.0, 5e-3, 0.0)
    assert lags(*args, lake=fraction).surface == pytest.approx(lake, rel=4e-3)
    assert lags(*args, wetland=fraction).surface == pytest.approx(wetland, rel=6e-3)


@pytest.mark.parametrize(
    "fraction, lake, wetland, reservoirs",
    [(0.5, 0.40, 0.38, 3), (0.6, 7.3, 4.8, 1), (1.0, 64, 10.7, 1)],
)
def test_river_lag_of_lakes_and_wetlands(cell, fraction, lake, wetland, reservoirs):
    args = (*cell, 20.0, 5e-3, 0.0)
    in_lakes, in_wetlands = lags(*args, lake=fraction), lags(*args, wetland=fraction)
    assert in_lakes.river == pytest.approx(lake, rel=0.015)
    assert in_wetlands.river == pytest.approx(wetland, rel=0.015)
    assert in_lakes.reservoirs == in_wetlands.reservoirs == reservoirs


def test_cover_weight_of_lakes_by_hand():
    expected = [5.312e-4, 0.074933, 0.5, 0.925067, 0.999469]
    np.testing.assert_allclose(cover_weight([0.2, 0.4, 0.5, 0.6, 0.8]), expected, rtol=1e-4)


def test_wetlands_slow_what_lakes_have_left(cell):
    both = lags(*cell, 20.0, 5e-3, 0.0, lake=0.55, wetland=0.55)
    only = lags(*cell, 20.0, 5e-3, 0.0, lake=0.55)
    assert both.surface > only.surface and both.river > only.river


def test_factors_multiply_and_velocity_has_a_floor(cell):
    plain, twice = lags(*cell, 5.0, 5e-3, 0.0), lags(*cell, 5.0, 5e-3, 0.0, factors=(2, 3, 4))
    for name, factor in (("surface", 2), ("groundwater", 3), ("river", 4)):
        assert getattr(twice, name) == pytest.approx(factor * getattr(plain, name))
    np.testing.assert_allclose(velocity([0.0, 1e-20, 1.0]), [0.1, 0.1, 2.0])


def test_without_slopes_the_river_tells_the_surface_lag(data):
    """A flat column of HydroPy: the drop that gives its river lag gives its surface lag, too."""
    columns = np.load(data("hydropy_reference/columns_2001.npz"))
    (flat,) = np.flatnonzero(columns["para_slope_avg"] == 0)
    row, col = columns["rowcol"][flat]
    river = np.load(data("hydropy_reference/routing_2001.npz"))["lag_river"][row, col]
    # it drains to the next cell in its row
    sides = np.sin(np.radians([90 - 10 * row, 80 - 10 * row]))
    distance = 6371e3 * (sides[0] - sides[1])

    def found(drop):
        cover = (columns[f"para_{name}"][flat] for name in ("flake", "fwetl"))
        return lags(columns["para_area"][flat], distance, drop, 0.0, 0.0, *cover)

    drop = brentq(lambda d: found(d).river - river, 0.1, 5000, xtol=1e-10)
    assert found(drop).surface == pytest.approx(columns["lag_land"][flat], rel=1e-11)


def test_river_distances_on_a_regional_raster_are_those_of_the_globe():
    """Half a degree is half a degree, whatever the raster covers: pi R / rows would be 20 times."""
    domain = row_domain(LAT, LON)
    distance, _ = river_distance(domain, np.zeros(domain.size), domain.area)
    inner = domain.network.downstream >= 0
    degree = np.pi / 180 * 6371e3
    expected = 0.5 * degree * np.cos(np.radians(domain.y[domain.row]))
    # a cell is as wide as on average, 3e-6 less than in its middle
    np.testing.assert_allclose(distance[inner], expected[inner], rtol=5e-6)
    np.testing.assert_allclose(
        distance[~inner], 2 * np.sqrt(domain.area[~inner] / np.pi), rtol=1e-12
    )


def test_river_distances_do_not_jump_at_the_date_line():
    across = row_domain([0.5, -0.5], [178.5, 179.5, 180.5, 181.5])
    plain = row_domain([0.5, -0.5], [8.5, 9.5, 10.5, 11.5])
    distances = [river_distance(d, np.zeros(d.size), d.area)[0] for d in (across, plain)]
    np.testing.assert_allclose(*distances, rtol=1e-9)
    globe = row_domain([0.5, -0.5], np.arange(-179.5, 180))
    codes = np.full((2, 360), 6)
    codes[:, 100] = 5  # from column 101 on water goes once around
    coords = {"lat": globe.y, "lon": globe.x}
    around = Domain.from_d8(xr.DataArray(codes, coords, ("lat", "lon")), "ldd")
    distance, _ = river_distance(around, np.zeros(around.size), around.area)
    last = (around.network.downstream >= 0) & (around.col == 359)
    assert last.sum() == 2
    np.testing.assert_allclose(distance[last], distance[around.col == 200], rtol=1e-9)


def test_river_distances_on_a_projected_raster():
    x, y = 4e6 + 1000.0 * np.arange(5), 3e6 - 1000.0 * np.arange(3)
    domain = row_domain(y, x, crs="EPSG:3035", dims=("y", "x"))
    distance, _ = river_distance(domain, np.zeros(domain.size), domain.area)
    np.testing.assert_allclose(distance[domain.network.downstream >= 0], 1000.0)


def test_river_drops_have_a_smallest_value():
    domain = row_domain(LAT, LON)
    level = np.array([50.0, 20, 30, 30, -5, -8, -50])[domain.col]
    _, drop = river_distance(domain, level, domain.area)
    # uphill and level there is the smallest drop; below the sea counts as the sea
    expected = np.array([30, 0.1, 0.1, 30, 0.1, 0.1, 0.1])
    np.testing.assert_allclose(drop, expected[domain.col])


def test_river_distance_of_lumped_basins_is_their_diameter():
    domain = Domain.of_basins([100.0, 400.0], ["a", "b"])
    distance, drop = river_distance(domain, np.array([10.0, 20.0]), domain.area)
    np.testing.assert_allclose(distance, 2 * np.sqrt(np.array([1e8, 4e8]) / np.pi))
    np.testing.assert_allclose(drop, 0.1)
