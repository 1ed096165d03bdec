"""Series that stay in their files: only what is needed is read, with the numbers of all."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from gridhydro.base.windows import lazily
from gridhydro.columns import column
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.pet import pet_of
from gridhydro.inputs.pet_lazy import lazy_pet
from gridhydro.io import packed_file
from tests.support.small_basins import small_basins
from tests.support.small_stores import CHUNKS, COLS, ROWS, domain_in, weather, written

HBV = column("hbv")
BOX = tuple(slice(part.start, part.stop, 1) for part in (ROWS, COLS))


@pytest.mark.parametrize("name", ["a.nc", "a.zarr"])
def test_an_opened_forcing_has_the_numbers_of_a_read_one(tmp_path, name):
    data = weather()
    domain = domain_in(data)
    whole = Forcing.read(data, domain, HBV)
    opened = Forcing.open(written(data, tmp_path / name), domain, HBV)
    assert opened.times.equals(whole.times) and opened.size == domain.size == 19
    assert torch.equal(opened.block(slice(50, 131)), whole.values[:, 50:131])
    assert torch.equal(opened.values[1, [3, 150, 7]], whole.values[1, [3, 150, 7]])
    starts, cells = torch.tensor([0, 180, 77]), torch.tensor([4, 18, 4])
    assert torch.equal(opened.window(starts, 20, cells), whole.window(starts, 20, cells))
    assert torch.equal(Forcing.read(opened, domain, HBV).values, whole.values)
    part = Forcing.open(tmp_path / name, domain, HBV, period=("2001-02", "2001-03"))
    assert torch.equal(part.values[:], whole.values[:, whole.between("2001-02", "2001-03")])


def watched(data: xr.Dataset, asked: list) -> xr.Dataset:
    """The same, nothing in memory; `asked` notes each window that is read."""

    def of(array: xr.DataArray) -> xr.Variable:
        def compute(window):
            asked.append(window)
            return array.isel(window).values

        windows = lazily(compute, array.dims, array.shape, array.dtype)
        chunks = {"preferred_chunks": dict(zip(array.dims, CHUNKS, strict=True))}
        return xr.Variable(array.dims, windows, array.attrs, chunks)

    return data.assign({name: of(array) for name, array in data.items()})


def numbers(window: dict) -> int:
    return int(np.prod([part.stop - part.start for part in window.values()]))


def test_only_the_box_around_the_cells_is_read_once_and_by_whole_chunks(monkeypatch):
    data, asked = weather(), []
    domain = domain_in(data)
    whole = Forcing.read(data, domain, HBV)
    lazy = watched(data, asked)
    assert torch.equal(Forcing.read(lazy, domain, HBV).values, whole.values)
    assert all((w["lat"], w["lon"]) == BOX for w in asked)
    assert sum(map(numbers, asked)) == 3 * 200 * 20
    asked.clear()
    monkeypatch.setattr("gridhydro.base.windows.NUMBERS", 150 * 20)
    opened = Forcing.open(lazy, domain, HBV)
    assert not asked
    assert [part.stop for part in opened.values.parts()] == [128, 200]  # two chunks, and the rest
    opened.block(slice(130, 140))
    assert [w["time"] for w in asked] == [slice(130, 140, 1)] * 3


# name -> what is on a day, and whether the series can have it: another block of it has rain like it
SUSPECTS = {
    "rain": ("precipitation", 999.0, True),
    "code of rain": ("precipitation", 999.0, False),
    "code of frost": ("temperature", -99.0, False),
}


@pytest.mark.parametrize("name", SUSPECTS)
def test_what_a_block_suspects_is_judged_by_the_whole_series(name):
    variable, value, possible = SUSPECTS[name]
    data = weather().isel(time=slice(0, 180))
    domain = domain_in(data)
    data["precipitation"] = (data["precipitation"] * 86400).round().assign_attrs(units="mm d-1")
    data["temperature"] = (data["temperature"] - 273.15).round().assign_attrs(units="degC")
    data[variable][100, 7, 10] = value
    data["precipitation"][160, 7, 10] = 900.0 if possible else 9.0  # in a block of its own
    opened = Forcing.open(watched(data, asked := []), domain, HBV)
    block = slice(64, 128)
    if possible:
        whole = Forcing.read(data, domain, HBV)
        assert torch.equal(opened.block(block), whole.values[:, block])
        assert slice(0, 180, 1) in [w["time"] for w in asked]  # the whole series was passed over
        asked.clear()
        opened.block(block)
        assert len(asked) == 3  # and is known from then on
        return
    for read in (lambda: Forcing.read(data, domain, HBV), lambda: opened.block(block)):
        with pytest.raises(ValueError, match=rf"{variable} is {value:g} .* on 2001-04-11 in row 1"):
            read()


def test_a_flood_is_no_wrong_unit():
    """A day of 300 mm everywhere: the mean of a block of it is beyond that of any climate."""
    data = weather()
    data["precipitation"][66] = 300 / 86400
    domain = domain_in(data)
    opened = Forcing.open(data, domain, HBV)
    whole = Forcing.read(data, domain, HBV)
    assert torch.equal(opened.block(slice(66, 67)), whole.values[:, 66:67])
    data["precipitation"] = data["precipitation"] * 86400  # and its unit is left as it was
    data["precipitation"].attrs["units"] = "kg m-2 s-1"
    with pytest.raises(ValueError, match="'precipitation' says 'kg m-2 s-1', but is"):
        Forcing.open(data, domain, HBV).block(slice(0, 64))


def test_what_does_not_fit_is_refused_at_once_and_values_with_their_days(tmp_path):
    data = weather()
    domain = domain_in(data)
    with pytest.raises(ValueError, match="the forcing lacks temperature"):
        Forcing.open(data.drop_vars("temperature"), domain, HBV)
    other = data.assign_coords(lon=data["lon"] + 0.2)
    with pytest.raises(ValueError, match="is on another grid"):
        Forcing.open(other, domain, HBV)
    data["temperature"][70, 7, 10] = np.nan
    opened = Forcing.open(written(data, tmp_path / "a.zarr"), domain, HBV)
    assert opened.block(slice(0, 64)).shape == (3, 64, 19)
    with pytest.raises(ValueError) as raised:
        opened.block(slice(64, 128))
    said = str(raised.value)
    assert said.startswith(f"{tmp_path / 'a.zarr'}: temperature is missing on 2001-03-12 in row 1")
    assert said.endswith("(of the days 2001-03-06 to 2001-05-08)")
    (tmp_path / "a.zarr" / "precipitation" / "1.1.1").write_bytes(b"no chunk")
    (tmp_path / "a.zarr" / "precipitation" / "1.1.2").write_bytes(b"no chunk")
    with pytest.raises((OSError, ValueError), match=r"a.zarr: 'precipitation' cannot be read"):
        Forcing.open(tmp_path / "a.zarr", domain, HBV).block(slice(64, 128))


def test_a_store_elsewhere_is_read_by_its_address(tmp_path):
    data = weather()
    domain = domain_in(data)
    written(data, "memory://elsewhere.zarr")
    opened = Forcing.open("memory://elsewhere.zarr", domain, HBV)
    assert torch.equal(opened.values[:], Forcing.read(data, domain, HBV).values)
    assert opened.values.key() is None  # nobody can tell whether it has changed
    with pytest.raises(FileNotFoundError, match="there is no Zarr store at memory://none"):
        Forcing.open("memory://none.zarr", domain, HBV)
    if importlib.util.find_spec("s3fs") is None:
        with pytest.raises(ImportError, match=r"pip install 'gridhydro\[remote\]'"):
            Forcing.open("s3://bucket/store.zarr", domain, HBV)


def test_series_of_dask_are_computed_by_the_block(monkeypatch):
    pytest.importorskip("dask")
    monkeypatch.setattr("gridhydro.base.windows.NUMBERS", 130 * 20)  # two chunks and a bit
    data = weather()
    domain = domain_in(data)
    opened = Forcing.open(data.chunk(time=64, lat=5, lon=6), domain, HBV)
    assert [part.stop for part in opened.values.parts()] == [128, 200]
    assert torch.equal(opened.values[:], Forcing.read(data, domain, HBV).values)


def test_basins_are_opened_too():
    data = small_basins()
    from gridhydro.inputs.basins import of_dataset

    parts = of_dataset(data, HBV, pet="given")
    opened = Forcing.open(parts.forcing, parts.domain, HBV)
    whole = Forcing.read(parts.forcing, parts.domain, HBV)
    assert torch.equal(opened.values[:], whole.values)
    assert torch.equal(Forcing.read(opened, parts.domain, HBV).values, whole.values)


@pytest.mark.parametrize("how", ["regrid", "aggregate"])
def test_rasters_are_brought_over_by_the_window(how):
    data, asked = weather(), []
    fine = domain_in(data)
    if how == "regrid":  # from half a degree to a quarter
        box = data["temperature"].isel(lat=slice(0, 1), lon=slice(0, 1))
        axes = {d: np.arange(8) * 0.25 * s + float(box[d][0]) + 2.6 * s
                for d, s in (("lat", -1), ("lon", 1))}  # fmt: skip
    else:  # to a degree
        axes = {"lat": 47.0 - np.arange(4), "lon": 12.0 + np.arange(3)}
    from gridhydro.domain.domain import Domain

    shape = tuple(len(a) for a in axes.values())
    raster = xr.DataArray(np.ones(shape, "u1"), axes, ("lat", "lon"))
    domain = Domain.from_d8(raster, "esri", crs="EPSG:4326")
    whole = getattr(domain, how)(data)
    lazy = getattr(domain, how)(watched(data, asked), lazy=True)
    assert max(map(numbers, asked)) < 14 * 20  # a layer of each, which tells the kind of number
    asked.clear()
    xr.testing.assert_identical(lazy["temperature"][60:70].load(), whole["temperature"][60:70])
    assert [w["time"] for w in asked] == [slice(60, 70, 1)]
    opened = Forcing.open(lazy, domain, HBV)
    assert torch.equal(opened.values[:], Forcing.read(whole, domain, HBV).values)
    assert fine.size


def test_evapotranspiration_of_a_raster_is_computed_around_the_cells(tmp_path):
    data = weather().drop_vars("potential_evapotranspiration")
    domain = domain_in(data)
    made = data.assign(potential_evapotranspiration=pet_of(data, "oudin"))
    whole = Forcing.read(made, domain, HBV)
    opened = Forcing.open(written(data, tmp_path / "a.nc"), domain, HBV, pet="oudin")
    assert opened.method == "oudin"
    assert torch.equal(opened.values[:], whole.values)
    lazy = lazy_pet(watched(data, asked := []), "oudin")
    assert max(map(numbers, asked)) == 1
    xr.testing.assert_identical(lazy[3:9, 2:5].load(), pet_of(data, "oudin")[3:9, 2:5])


def test_what_evapotranspiration_is_made_of_is_judged_by_all_days():
    data = weather()
    pressure = xr.full_like(data["temperature"], 94_000.0).assign_attrs(units="Pa")
    pressure[100, 3, 4] = 99_999.0  # a code, or high pressure, as on other days there
    radiation = xr.full_like(pressure, 120.0).assign_attrs(units="W m-2")
    with_code = data.assign(surface_pressure=pressure.copy(), net_radiation=radiation)
    pressure[:50, 3, 4] = 98_000.0
    data = data.assign(surface_pressure=pressure, net_radiation=radiation)
    lazy = lazy_pet(data, "priestley_taylor")
    expected = pet_of(data, "priestley_taylor")
    xr.testing.assert_identical(lazy[80:120].load(), expected[80:120])
    with pytest.raises(ValueError, match=r"surface_pressure is 99999 Pa on 2001-04-11"):
        lazy_pet(with_code, "priestley_taylor")[80:120].load()


def test_a_packed_copy_is_made_once_and_goes_on_where_it_was_broken_off(tmp_path, monkeypatch):
    data = weather()
    domain = domain_in(data)
    path, cache = written(data, tmp_path / "a.zarr"), tmp_path / "cache"
    whole = Forcing.read(data, domain, HBV)
    monkeypatch.setattr("gridhydro.base.windows.NUMBERS", 64 * 20)  # pieces of a chunk each
    monkeypatch.setattr(packed_file, "_NOTED", 1)
    opened = Forcing.open(path, domain, HBV)
    pieces, real = [], type(opened.values).__getitem__

    def read(self, key):
        pieces.append(key[1])
        if len(pieces) == 3:
            raise KeyboardInterrupt
        return real(self, key)

    monkeypatch.setattr(type(opened.values), "__getitem__", read)
    with pytest.raises(KeyboardInterrupt):
        Forcing.read(opened, domain, HBV, cache=cache, progress=False)
    again = Forcing.read(Forcing.open(path, domain, HBV), domain, HBV, cache=cache, progress=False)
    assert [p.start for p in pieces] == [0, 64, 128, 128, 192]  # the third piece, and the last
    assert torch.equal(again.values, whole.values) and again.packed
    assert again.values.is_contiguous()  # the cells of a day together
    Forcing.read(Forcing.open(path, domain, HBV), domain, HBV, cache=cache, progress=False)
    assert len(pieces) == 5  # nothing was read again
    (folder,) = cache.iterdir()
    assert [file.name for file in folder.iterdir()] == ["values"]
    written_then = opened.values.key(), (path / "temperature" / "0.0.0").stat().st_mtime_ns
    os.utime(path / "temperature" / "0.0.0", ns=(0, written_then[1] + 1))
    assert Forcing.open(path, domain, HBV).values.key() != written_then[0]
    data["temperature"] += 1
    other = Forcing.open(written(data, path), domain, HBV)
    changed = Forcing.read(other, domain, HBV, cache=cache, progress=False)
    assert changed.values[1].mean() > whole.values[1].mean() + 0.9


SCRIPT = """
import resource, sys
import numpy as np, zarr
import torch
import gridhydro as gh
from gridhydro.columns import column
from tests.support.small_stores import domain_in
import xarray as xr

path, days, rows, cols = sys.argv[1], 3653, 1130, 1130
group = zarr.open_group(path, mode="w", zarr_format=2)

def made(name, dims, shape, chunks, **attrs):
    fill = np.nan if len(shape) == 3 else None
    array = group.create_array(name, shape=shape, chunks=chunks, dtype="f4" if fill else "f8",
                               fill_value=fill, compressors="auto")
    array.attrs.update(_ARRAY_DIMENSIONS=dims, **attrs)
    return array

made("time", ["time"], (days,), (days,), units="days since 2001-01-01")[:] = np.arange(days)
made("lat", ["lat"], (rows,), (rows,))[:] = 60 - 0.01 * np.arange(rows)
made("lon", ["lon"], (cols,), (cols,))[:] = 5 + 0.01 * np.arange(cols)
rng = np.random.default_rng(0)
for name, unit in (("precipitation", "mm d-1"), ("temperature", "degC"),
                   ("potential_evapotranspiration", "mm d-1")):
    series = made(name, ["time", "lat", "lon"], (days, rows, cols), (366, 64, 64), units=unit)
    series[:, 600:610, 704:714] = rng.gamma(2, 2, (days, 10, 10)).astype("f4")
zarr.consolidate_metadata(path)
axes = {"lat": 60 - 0.01 * np.arange(600, 610), "lon": 5 + 0.01 * np.arange(704, 714)}
raster = xr.DataArray(np.ones((10, 10), "u1"), axes, ("lat", "lon"))
domain = gh.Domain.from_d8(raster, "esri", crs="EPSG:4326")

def status(key):
    (line,) = (line for line in open("/proc/self/status") if line.startswith(key))
    return int(line.split()[1]) * 1024

now = status("VmSize")
resource.setrlimit(resource.RLIMIT_AS, (now + 10**9, now + 10**9))
before = status("VmRSS")
hbv = column("hbv")
data = xr.open_zarr(path, chunks=None)
whole = gh.Forcing.read(data, domain, hbv)
opened = gh.Forcing.open(path, domain, hbv)
assert torch.equal(opened.values[:], whole.values)
packed = gh.Forcing.read(opened, domain, hbv, cache=sys.argv[2], progress=False)
assert torch.equal(packed.values, whole.values)
print(data.nbytes / 1e9, (status("VmHWM") - before) / 1e9)
"""


@pytest.mark.end_to_end
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measured as Linux tells it")
def test_56_gb_of_which_a_hundred_cells_need_little_take_little_memory(tmp_path):
    """The chunks around the cells are written; all others are not there."""
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "huge.zarr"), str(tmp_path / "cache")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr[-3000:]
    logical, peak = map(float, found.stdout.split())
    assert logical > 55 and peak < 0.6
