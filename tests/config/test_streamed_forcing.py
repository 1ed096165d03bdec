"""Weather of a domain file that stays in its files: the numbers of reading all, and its faults."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from gridhydro.config.load import load
from gridhydro.config.train_domain import train_domain
from gridhydro.inputs.stream import Stream
from tests.support.small_amazon import LAT, LON

DAYS = pd.date_range("2003-01-01", "2003-12-31")
FILE = """
[domain]
flow_direction = "ldd.nc"
coding = "ldd"

[gauge_table]
file = "gauges.csv"
discharge = "discharge.csv"

{forcing}

[model]
network = "none"

[training]
period = ["2003-05", "2003-08"]
validation = ["2003-09", "2003-12"]
batches = {{ gauges = 2, days = 40, warmup = 60 }}
cache = true
"""
FORCING = """
[forcing.precipitation]
file = "rain.nc"
[forcing.temperature]
file = "warm.nc"
missing = -99
[forcing.potential_evapotranspiration]
file = "demand.nc"
"""
WEATHER = """
[weather]
pet = "oudin"
[weather.precipitation]
file = "rain.nc"
[weather.temperature]
file = "warm.nc"
missing = -99
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rain on the grid of the domain, warmth with the south above, wider, in K and with a code in
    the sea, demand on cells of half the size."""
    folder, random = tmp_path_factory.mktemp("streamed"), np.random.default_rng(0)
    codes = np.full((6, 6), 6.0)
    codes[:, -1], codes[-1, -1] = 2, 5
    coords = {"lat": LAT, "lon": LON}
    ldd = xr.DataArray(codes, coords, ("lat", "lon"), "ldd")
    ldd.to_netcdf(folder / "ldd.nc")

    def written(name, unit, lat, lon, values, file):
        shape = len(DAYS), len(lat), len(lon)
        array = (("time", "lat", "lon"), values(shape).astype(np.float32), {"units": unit})
        data = xr.Dataset({name: array}, {"time": DAYS, "lat": lat, "lon": lon})
        if name == "tas":
            data[name][:, :, -1] = -99  # beyond the domain
        data.to_netcdf(folder / file)

    written("precipitation", "kg m-2 s-1", LAT, LON, lambda s: random.random(s) / 8000, "rain.nc")
    wide = np.append(LON, LON[-1] + 1)
    written("tas", "K", LAT[::-1], wide, lambda s: 280 + 20 * random.random(s), "warm.nc")
    half = [np.sort(np.concatenate([axis - 0.25, axis + 0.25])) for axis in (LAT, LON)]
    written("demand", "mm d-1", *half, lambda s: 4 * random.random(s), "demand.nc")
    gauges = pd.DataFrame({"name": ["a", "b"], "lon": LON[-1], "lat": LAT[[-1, 2]]})
    gauges.assign(area_km2=[36 * 12300, 18 * 12300]).to_csv(folder / "gauges.csv", index=False)
    flow = pd.DataFrame(random.random((len(DAYS), 2)) * 9000 + 9000, DAYS, ["a", "b"])
    flow.to_csv(folder / "discharge.csv", index_label="time")
    return folder


def setup(folder, forcing, *pairs):
    text = FILE.format(forcing=forcing)
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    (folder / "domain.toml").write_text(text)
    return load(folder / "domain.toml", folder)


@pytest.mark.parametrize("forcing", [FORCING, WEATHER], ids=["forcing", "weather"])
def test_series_that_stay_in_their_files_are_those_that_are_read(folder, forcing):
    streamed = setup(folder, forcing)
    held = setup(folder, forcing, ("cache = true", ""))
    assert isinstance(streamed.forcing.values, Stream) and streamed.forcing.fields
    assert [f.name for f in streamed.forcing.fields] == [f.name for f in held.forcing.fields]
    assert streamed.forcing.method == held.forcing.method
    # Forcing of files is read whole; what lies before the warm-up of [weather] is not
    first = held.forcing.times[0]
    assert (
        first
        == streamed.forcing.times[0]
        == pd.Timestamp("2003-01-01" if forcing == FORCING else "2003-03-02")
    )
    torch.testing.assert_close(
        streamed.forcing.values[:], held.forcing.values, rtol=2e-6, atol=1e-5
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"rain.nc"', '"snow.nc"', r"\[forcing.precipitation\].*there is no file .*snow\.nc"),
        ('file = "demand.nc"', "constant = 2.0", None),
        ("warmup = 60", "warmup = 200", r"warmup = 200 of the minibatches need days from 2002-10"),
    ],
)
def test_what_cannot_be_streamed_is_told(folder, old, new, message):
    if message is None:
        with pytest.warns(UserWarning, match="held in memory all the same: .* is a constant"):
            assert not isinstance(setup(folder, FORCING, (old, new)).forcing.values, Stream)
        return
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        setup(folder, FORCING, (old, new))


def test_a_code_is_refused_where_it_is_read(folder):
    streamed = setup(folder, FORCING, ("missing = -99", ""))
    with xr.open_dataset(folder / "warm.nc") as warm:
        damaged = warm.load().copy(deep=True)
    damaged["tas"][200, 2, 2] = -99
    damaged.to_netcdf(folder / "damaged.nc")
    streamed = setup(folder, FORCING, ("missing = -99", ""), ('"warm.nc"', '"damaged.nc"'))
    with pytest.raises(ValueError, match=r"temperature.*-99.*2003-07-20"):
        streamed.forcing.values[:]


def test_training_by_the_shells_cache_is_that_of_memory(folder, tmp_path):
    """The packed copy is gone with the process, and the scores are those of series in memory."""
    text = FILE.format(forcing=WEATHER).replace('network = "none"', 'network = "free"')
    (folder / "train.toml").write_text(text.replace("cache = true", ""))
    options = dict(epochs=1, progress=False)
    tables = [
        train_domain(folder / "train.toml", folder, tmp_path / str(cache), cache=cache, **options)
        for cache in (False, True)
    ]
    pd.testing.assert_frame_equal(*tables, rtol=1e-4)
    assert not [path for path in (tmp_path / "True").iterdir() if path.stat().st_size > 10**7]
