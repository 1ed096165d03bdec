"""Models of vector networks: a raster's cells as reaches give what the raster gives."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro import Domain
from gridhydro.inputs.attributes import attribute_values
from gridhydro.io import read_raster
from gridhydro.model.bed_slope import river_slope
from gridhydro.model.river import SECONDS, Ends, River, flow_length
from gridhydro.model.run_gis import layers_of
from tests.support.small_world import small_world
from tests.support.vector_networks import LAYOUT, cells_as_reaches

REACHES = ["linear_cascade", pytest.param("muskingum_cunge", marks=pytest.mark.thorough)]


@pytest.fixture(scope="module")
def moselle(data):
    """The 794 cells of the upper Moselle, the same as reaches in random order, and where each cell
    is among them."""
    directions = read_raster(data("mhm_moselle/morph/fdir.asc"), crs="EPSG:3035")
    perl = {"name": "398", "x": 4058119.0, "y": 2935597.0, "area_km2": 11522.0}
    raster = Domain.from_d8(directions, "esri", resolution=4000, gauges=[perl]).crop()
    table, ids = cells_as_reaches(raster)
    gauge = {"name": "398", "reach": ids[raster.gauge_cells[0]], "area_km2": 11522.0}
    vector = Domain.from_network(table, **LAYOUT, gauges=[gauge])
    return raster, vector, vector.reaches.places(ids)


def test_network_of_the_moselle_is_that_of_its_raster(moselle):
    raster, vector, places = moselle
    assert raster.size == vector.size == 794
    down = raster.network.downstream
    below = np.where(down < 0, -1, places[down])
    np.testing.assert_array_equal(vector.network.downstream[places], below)
    np.testing.assert_array_equal(vector.area[places], raster.area)
    np.testing.assert_array_equal(flow_length(vector)[places], flow_length(raster))
    table = "network_area_km2"
    np.testing.assert_allclose(vector.gauges[table], raster.gauges[table], rtol=1e-14)
    np.testing.assert_array_equal(
        raster.network.strahler_order(), raster.to_geodataframe("cells")["stream_order"]
    )


@pytest.mark.parametrize("reach", REACHES)
def test_rivers_and_gradients_of_the_moselle_are_those_of_its_raster(moselle, reach):
    raster, vector, places = moselle
    river = River(reach=reach)
    rng = np.random.default_rng(1)
    size, days = raster.size, 12
    runoff = torch.from_numpy(rng.gamma(0.5, 4.0, (days, size)))
    values = {f.name: torch.from_numpy(rng.uniform(*f.range, (size, 1))) for f in river.parameters}
    known = {f.name: torch.from_numpy(rng.uniform(1e-3, 1e-2, size)) for f in river.properties}
    weight = torch.from_numpy(rng.standard_normal((days, 1)))
    found = []
    order = np.argsort(places)  # the cell that each reach is
    for domain, rows in ((raster, slice(None)), (vector, order)):
        depth = runoff[:, rows].clone().requires_grad_()
        own = {n: v[rows].clone().requires_grad_() for n, v in values.items()}
        fixed = {n: v[rows] for n, v in known.items()}
        length, area = torch.as_tensor(flow_length(domain)), torch.as_tensor(domain.area)
        cells = torch.tensor(domain.gauge_cells)
        flow, stored, *_ = river.discharge(
            depth, domain, area, length, own, fixed, None, None, ends=Ends(cells)
        )
        (flow * weight).sum().backward()
        back = places if domain is vector else slice(None)
        grads = [depth.grad[:, back], *(v.grad[back] for v in own.values()), stored[:, back]]
        found.append([flow.detach(), *(g.detach() for g in grads)])
    for one, other in zip(*found, strict=True):
        # rounding: rivers that meet are summed in another order
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12 * float(one.abs().max()))


def test_rivers_of_reaches_in_the_order_of_the_raster_are_its_own_to_the_last_bit(moselle):
    raster, _, _ = moselle
    table, ids = cells_as_reaches(raster)
    same = Domain.from_network(table.set_index("seg").loc[ids].reset_index(), **LAYOUT)
    np.testing.assert_array_equal(same.reaches.ids, ids)
    runoff = torch.from_numpy(np.random.default_rng(0).gamma(0.5, 4.0, (12, raster.size)))
    speed = {"river_velocity": torch.full((raster.size, 1), 0.7, dtype=torch.float64)}
    flows = []
    for domain in (raster, same):
        length, area = torch.as_tensor(flow_length(domain)), torch.as_tensor(domain.area)
        flows.append(River().discharge(runoff, domain, area, length, speed, {}, None, None)[0])
    assert torch.equal(*flows)


def test_rivers_between_confluences_are_a_network_of_their_own(moselle):
    raster, _, _ = moselle
    columns = {"id": "from_cell", "downstream": "to_cell", "length": "length_km",
               "upstream_area": "upstream_km2"}  # fmt: skip
    lon, lat = (values[raster.gauge_cells[0]] for values in raster.lonlat)
    gauge = {"name": "398", "lon": lon, "lat": lat, "area_km2": 11522.0}
    with pytest.warns(UserWarning, match="2 reaches drain to one that is not in the table"):
        found = Domain.from_network(
            raster.to_geodataframe("rivers"), columns=columns, gauges=[gauge]
        )
    area = raster.gauges.loc["398", "network_area_km2"]
    assert found.gauges.loc["398", "network_area_km2"] == pytest.approx(area, rel=5e-3)
    # single cells beside a confluence are no reach: their land is that of the one below
    assert found.size < raster.size
    assert found.area.sum() == pytest.approx(raster.area.sum(), rel=5e-3)


def chain(**columns) -> Domain:
    """Four reaches in a row, of which the second has no land, and the third no length."""
    made = {"id": [1, 2, 3, 4], "down": [2, 3, 4, 0], "length_km": [5.0, 5, 0, 5],
            "area_km2": [10.0, 0, 30, 40], "slope": [1e-3, -1, np.nan, 2e-3]}  # fmt: skip
    names = {"id": "id", "downstream": "down", "length": "length_km", "area": "area_km2"}
    return Domain.from_network(
        pd.DataFrame(made | columns).iloc[::-1], columns=names | {"slope": "slope"}, gauges="all"
    )


@pytest.mark.parametrize("reach", REACHES)
def test_no_water_is_lost_in_reaches_without_land_or_length(reach):
    domain, river = chain(), River(reach=reach)
    size, days = domain.size, 400
    runoff = torch.zeros(days, size, dtype=torch.float64)
    runoff[:5] = 7.0
    values = {
        f.name: torch.full((size, 1), np.sqrt(np.prod(f.range)) or 0.5, dtype=torch.float64)
        for f in river.parameters
    }
    known = {f.name: torch.full((size,), 1e-3, dtype=torch.float64) for f in river.properties}
    length, area = torch.as_tensor(flow_length(domain)), torch.as_tensor(domain.area)
    averages = gh.Averages(torch.zeros(days, dtype=torch.int32), torch.ones(days).double(), 1)
    flow, stored, means, _ = river.discharge(
        runoff.requires_grad_(), domain, area, length, values, known, None, None, averages
    )
    out = flow.sum(0)[domain.network.outlets[0]] * SECONDS + stored.sum()
    assert float(out.detach()) == pytest.approx(35 * 80e6 / 1000, rel=1e-12)
    assert means.isfinite().all()
    flow.sum().backward()
    assert runoff.grad.isfinite().all()
    assert (runoff.grad[:, domain.reaches.places([2])] == 0).all()


def test_slopes_of_reaches_are_taken_by_channels():
    domain = chain()
    with pytest.warns(
        UserWarning, match="1 of 4 reaches fall by less than 0.0001, or climb, and the"
    ):
        slope = river_slope(domain)
    expected = {1: 1e-3, 2: 1e-4, 3: 1e-4, 4: 2e-3}
    np.testing.assert_array_equal(slope, [expected[i] for i in domain.reaches.ids])
    with pytest.warns(UserWarning, match="of 4 reaches fall"):
        model = gh.Model(domain, network="free", routing=River(reach="muskingum_cunge"))
    np.testing.assert_array_equal(model.exact()["properties"][0], slope)
    given = {"river_slope": np.full(4, 0.5)}
    model = gh.Model(
        domain, network="free", routing=River(reach="muskingum_cunge"), properties=given
    )
    assert (model.exact()["properties"] == 0.5).all()
    with pytest.raises(ValueError, match="the reaches have no slopes: give their column"):
        river_slope(chain(slope=np.nan))
    with pytest.raises(ValueError, match="reaches of a vector network have no neighbours"):
        gh.Model(domain, attributes={"a": np.ones(4)}, correction="conv3d")


def test_attributes_of_a_table_are_found_by_id():
    domain = chain()
    table = pd.DataFrame({"sand": [1.0, 2, 3, 4], "rock": ["a", "b", "a", "a"]}, [1, 2, 3, 4])
    found = attribute_values(domain, table)
    np.testing.assert_array_equal(found["sand"], domain.reaches.ids)
    np.testing.assert_array_equal(found["rock: b"], domain.reaches.ids == 2)
    with pytest.raises(ValueError, match="'sand' has no values for 1 of 4 reaches: 3"):
        attribute_values(domain, table.drop(index=3))


def by_id(domain: Domain, data: xr.Dataset, ids) -> xr.Dataset:
    """Rasters of a domain as values by reach, in the order of the ids turned round."""
    lead = {n: ("time",) if "time" in data[n].dims else () for n in data}
    values = {n: ((*lead[n], "COMID"), domain.pack(data[n]), data[n].attrs) for n in data}
    coords = {"COMID": ids} | ({"time": data["time"]} if "time" in data.dims else {})
    return xr.Dataset(values, coords).isel(COMID=slice(None, None, -1))


def test_a_run_of_a_vector_network_is_that_of_the_raster(tmp_path):
    raster, attributes, forcing, discharge = small_world()
    forcing = forcing.isel(time=slice(330))
    table, ids = cells_as_reaches(raster)
    gauges = raster.gauges.reset_index()[["name", "area_km2"]].assign(reach=ids[raster.gauge_cells])
    vector = Domain.from_network(table, **LAYOUT, gauges=gauges)
    runs = []
    for domain, own in ((raster, (attributes, forcing)), (vector, None)):
        own = own or tuple(by_id(raster, one, ids) for one in (attributes, forcing))
        network = gh.ParameterNetwork(hidden=(8,), seed=1)
        model = gh.Model(domain, "hbv", own[0], network=network)
        runs.append(
            gh.train(model, own[1], discharge, period=("2001-07", "2001-09"), epochs=2, spinup=100)
        )
    losses = [run.history["loss"].to_numpy(float) for run in runs]
    np.testing.assert_allclose(*losses, rtol=1e-3)  # single precision
    of_raster, of_reaches = (run.simulate(period=("2001-07", "2001-10")) for run in runs)
    np.testing.assert_allclose(of_reaches["discharge"], of_raster["discharge"], rtol=2e-2)
    assert of_reaches["runoff"].dims == ("time", "reach")
    named = of_reaches["gauge_reach"].to_series().to_dict()
    assert named == dict(zip(raster.gauges.index, ids[raster.gauge_cells], strict=True))

    runs[1].save(tmp_path / "run")
    again = gh.load(tmp_path / "run")
    assert again.model.domain.reaches.ids.tolist() == vector.reaches.ids.tolist()
    saved = pd.read_csv(tmp_path / "run" / "parameters.csv", index_col="reach")
    assert saved.index.tolist() == vector.reaches.ids.tolist()
    assert not (tmp_path / "run" / "parameters").exists()  # no maps of a raster
    layers = layers_of(again)
    assert list(layers) == ["basins", "cells", "gauges"]
    velocity = again.mean_parameters()["river_velocity"]
    np.testing.assert_array_equal(layers["cells"]["river_velocity"], velocity)
    assert "507 reaches" in gh.report(tmp_path / "run").read_text()
