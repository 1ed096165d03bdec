"""Places at the door: tables of gauges, positions, areas of basins, and what is no raster."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro import Domain

CODES = np.array([[1, 4, 16], [1, 4, 16], [1, 0, 16]], "u1")


def codes(values=CODES):
    coords = {"lat": [46.0, 45.5, 45.0], "lon": [5.0, 5.5, 6.0]}
    return xr.DataArray(values, coords, ("lat", "lon"), "d8")


def with_gauge(**gauge):
    return Domain.from_d8(codes(), "esri", gauges=[{"name": "a"} | gauge])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_band_of_one_is_no_axis_of_flow_directions(axis):
    one = codes().expand_dims(band=[1], axis=axis)
    found, plain = Domain.from_d8(one, "esri"), Domain.from_d8(codes(), "esri")
    assert (found.network.downstream == plain.network.downstream).all()
    two = codes().expand_dims(band=[1, 2], axis=axis)
    with pytest.raises(ValueError, match=r"has 2 dimensions, this one is over .*band \(2\).*isel"):
        Domain.from_d8(two, "esri")


@pytest.mark.parametrize("given", [CODES, codes().to_dataset(), CODES.tolist(), None])
def test_what_is_no_raster_is_refused_by_a_sentence(given):
    with pytest.raises(ValueError, match="flow directions are a DataArray with coordinates, not a"):
        Domain.from_d8(given, "esri")


@pytest.mark.parametrize("resolution", ["1", True, [1.0]])
def test_a_resolution_is_a_number(resolution):
    with pytest.raises(ValueError, match=r"resolution is .*, should be a number"):
        Domain.from_d8(codes(), "esri", resolution=resolution)


def test_a_position_that_is_in_no_degrees_or_exchanged_is_suspected():
    with pytest.raises(ValueError, match="the raster is in degrees, and these are none: give lon"):
        with_gauge(x=4058119.0, y=2935597.0)
    with pytest.raises(ValueError, match="none: give lon"):
        with_gauge(x=5.5, y=91.0)
    with pytest.raises(ValueError, match=r"are x and y \(or lon and lat\) exchanged\?"):
        with_gauge(lon=45.5, lat=5.5)
    with pytest.raises(ValueError, match=r"lies outside the raster .*\); no cell"):
        with_gauge(lon=15.5, lat=45.5)
    with pytest.raises(ValueError, match=r"lies outside the raster .*\); no cell"):
        with_gauge(lon=45.5, lat=50.0)
    assert with_gauge(lon=365.5, lat=45.0).gauges["cell"].item() == 8


def test_projected_positions_are_not_held_against_degrees():
    raster = codes().rename(lat="y", lon="x").assign_coords(y=[3e3, 2e3, 1e3], x=[1e3, 2e3, 3e3])
    with pytest.raises(ValueError, match=r"lies outside the raster .*\); no cell"):
        Domain.from_d8(raster, "esri", crs="EPSG:3035", gauges=[{"name": "a", "x": 9e4, "y": 9e4}])


@pytest.mark.parametrize("name", [None, np.nan, pd.NA])
def test_a_gauge_has_a_name(name):
    with pytest.raises(ValueError, match="the gauge in row 2 of the table has no name"):
        Domain.from_d8(
            codes(), "esri", gauges=[{"name": n, "lon": 5.5, "lat": 45.0} for n in ("a", name)]
        )


@pytest.mark.parametrize("gauges", ["gauges.csv", {"name": "a", "lon": 5.5, "lat": 45.0}])
def test_what_is_no_table_of_gauges_is_refused(gauges):
    with pytest.raises(ValueError, match="gauges are a table, a GeoDataFrame, or a list of dicts"):
        Domain.from_d8(codes(), "esri", gauges=gauges)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (dict(area_km2=[1.0, 1.2e10]), r"the area is 1.2e\+10 km2 of basin 'b', but .* give it in"),
        (dict(area_km2=[1.0, -9999]), "the area of basin 'b' is not above zero"),
        (dict(area_km2=[1.0, 0]), "the area of basin 'b' is not above zero"),
        (dict(area_km2=[1.0, np.nan]), "the area of basin 'b' is not above zero"),
        (dict(area_km2=[1.0, "x"]), "the area is 'x' of basin 'b', which is no number"),
        (dict(latitude=[91.0, 0]), "the latitude is 91 degrees_north of basin 'a', but -90 to 90"),
        (dict(latitude=[-9999.0, 0]), "the latitude is -9999 degrees_north of basin 'a'"),
        (dict(longitude=[0.0, 361]), "the longitude is 361 degrees_east of basin 'b'"),
        (dict(latitude=["5N", 0]), "the latitude is '5N' of basin 'a', which is no number"),
        (dict(latitude=[5.0]), r"2 names were given, but latitudes of shape \(1,\)"),
    ],
)
def test_places_and_areas_of_basins_are_those_that_there_are(given, said):
    with pytest.raises(ValueError, match=said):
        Domain.of_basins(**{"area_km2": [1.0, 2.0], "names": ["a", "b"]} | given)


def test_places_of_basins_may_be_unknown_and_go_around_the_globe():
    domain = Domain.of_basins([1e7, 2], ["a", "b"], [-90, np.nan], [-180, 360])
    assert domain.gauges["x"].tolist() == [-180, 360] and domain.gauges["y"].isna()["b"]
