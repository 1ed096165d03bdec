"""Records larger than memory: packed, computed and moved by the window."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.cli import main
from gridhydro.columns import column
from gridhydro.inputs import forcing as forcing_module
from gridhydro.inputs import pet, pet_lazy
from gridhydro.inputs.basins import with_pet
from gridhydro.inputs.forcing import Forcing
from gridhydro.io import packed_file, write_basins
from tests.support.lumped import BATCHES, basins, fit, model, weights
from tests.support.small_basins import FILE, PERIOD, small_basins


def test_forcing_packed_on_disk_is_the_same_training(tmp_path, capsys):
    parts = basins()
    lstm = model()
    run = gh.train(
        lstm,
        parts.forcing,
        parts.discharge,
        period=PERIOD,
        epochs=2,
        batches=BATCHES,
        session=gh.Session(cache=tmp_path, progress=False),
    )
    assert not capsys.readouterr().err  # no bars either
    assert not list(tmp_path.iterdir())  # the files go with the process
    assert torch.equal(weights(run), weights(fit()))
    assert run.forcing.values.stride()[-1] == len(run.forcing.times)  # days of a basin together


def test_of_a_record_on_disk_only_windows_go_to_a_device(tmp_path):
    parts = basins()
    packed = Forcing.read(parts.forcing, parts.domain, column("hbv"), cache=tmp_path)
    again = Forcing.read(packed, parts.domain, column("hbv"), device="meta")
    assert again.values.data_ptr() == packed.values.data_ptr()
    cells = torch.tensor([3, 5])
    assert packed.window(torch.tensor([7, 9]), 4, cells, "meta").device.type == "meta"
    starts = torch.tensor([7, 9])
    expected = packed.values[:, [7, 8, 9, 10], 3]
    assert torch.equal(packed.window(starts, 4, cells)[:, :, 0], expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("batches", [BATCHES, None])
def test_training_on_a_gpu_from_a_record_on_disk(batches, tmp_path):
    parts = basins()
    run = gh.train(
        model("lstm"),
        parts.forcing,
        parts.discharge,
        period=PERIOD,
        epochs=2,
        batches=batches,
        session=gh.Session(device="cuda", cache=tmp_path, progress=False),
    )
    assert run.forcing.values.device.type == "cpu"
    assert np.isfinite(run.discharge().values).all() and run.parameters


def test_evapotranspiration_is_computed_by_the_window(monkeypatch):
    asked = []

    def watched(data, method, **options):
        asked.append(data.sizes["time"])
        return pet.pet_of_window(data, method, **options)

    monkeypatch.setattr(pet_lazy, "pet_of_window", watched)
    data = small_basins()
    lazy = with_pet(data, column("hbv"), "oudin")["potential_evapotranspiration"]
    assert asked == [1]  # whether the method has what it needs
    whole = pet.pet_of(data, "oudin")
    xr.testing.assert_identical(lazy[40:47].load(), whole[40:47].assign_attrs(method="oudin"))
    assert asked == [1, 7]
    np.testing.assert_array_equal(lazy[5, 3], whole[5, 3])
    np.testing.assert_array_equal(lazy.isel(gauge=[7, 2], time=9), whole.isel(gauge=[7, 2], time=9))
    with pytest.raises(ValueError, match="hargreaves needs temperature_min"):
        with_pet(data, column("hbv"), "hargreaves")


@pytest.mark.parametrize("count", [2, 24])
def test_evapotranspiration_by_parts_of_a_day_is_that_of_its_day(count):
    data = small_basins().isel(time=slice(0, 5), gauge=slice(0, 3)).load()
    days = data.indexes["time"]
    times = pd.date_range(days[0], periods=5 * count, freq=pd.Timedelta("1D") / count)
    swing = xr.DataArray(np.tile(np.linspace(-6, 6, count), 5), {"time": times}, ["time"])
    parts = data.isel(time=np.repeat(np.arange(5), count)).assign_coords(time=times)
    parts["temperature"] = parts["temperature"] + swing.astype(np.float32)
    lazy = with_pet(parts, column("hbv"), "oudin")["potential_evapotranspiration"]
    whole = pet.pet_of(data, "oudin").isel(time=np.repeat(np.arange(5), count))
    for places in (slice(None), slice(0, count), slice(1, count + 1), [0, 2 * count, count - 1]):
        found, expected = lazy.isel(time=places).load(), whole.isel(time=places)
        np.testing.assert_allclose(found, expected.transpose(*found.dims), rtol=1e-5)


@pytest.mark.end_to_end
@pytest.mark.parametrize("where", ["file", "flag"])
def test_a_domain_file_or_a_flag_asks_for_the_cache(where, tmp_path, monkeypatch):
    folders = []
    packed = packed_file.packed

    def watched(folder, *args, **options):
        folders.append(folder)
        return packed(folder, *args, **options)

    monkeypatch.setattr(packed_file, "packed", watched)
    write_basins(small_basins(), tmp_path / "basins.nc")
    text = FILE.replace("epochs = 2", "epochs = 1" + ("\ncache = true" if where == "file" else ""))
    (tmp_path / "sample.toml").write_text(text.replace('"given"', '"oudin"'))
    out = tmp_path / "run"
    more = ["--cache"] if where == "flag" else []
    arguments = ["train", str(tmp_path / "sample.toml"), "--data", str(tmp_path), "--out", str(out)]
    assert main([*arguments, *more]) == 0
    assert folders == [out, out]  # forcing and discharge


def test_what_is_noted_of_a_copy_that_has_gone_is_not_believed(tmp_path):
    rows, shape = np.arange(24, dtype=np.float32).reshape(2, 4, 3), (2, 4, 3)

    def copied():
        found = packed_file.packed(
            tmp_path, shape, lambda days: rows[:, days], name="copy", progress=False
        )
        np.testing.assert_array_equal(found.numpy(), rows)

    copied()
    (tmp_path / "copy" / "values").unlink()
    (tmp_path / "copy" / "days").write_text("3")
    copied()


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel what is held")
def test_pages_that_are_let_go_count_no_longer_and_keep_their_numbers(tmp_path):
    def held():
        lines = Path("/proc/self/status").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("RssFile")) / 1024

    shape = (2, 300, 20_000)  # 46 MiB
    random = np.random.default_rng(0)
    values = random.random(shape, dtype=np.float32)
    packed = packed_file.packed(
        tmp_path, shape, lambda days: values[:, days], progress=False, by_day=True
    )
    packed_file.let_go(packed)
    empty = held()
    assert packed.sum().isfinite() and held() > empty + 40
    packed_file.let_go(packed[1, 30:])  # any part of it stands for the file
    assert held() < empty + 20  # libraries have pages too
    np.testing.assert_array_equal(packed.numpy(), values)
    packed[0, 3] = 7  # what is written stays, too
    packed_file.let_go(packed)
    assert (packed[0, 3] == 7).all()
    other = torch.ones(5)
    packed_file.let_go(other)
    assert (other == 1).all()


@pytest.mark.parametrize("packed", [False, True])
def test_some_days_of_some_cells_are_those_of_the_record(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(forcing_module, "_NUMBERS", 60)  # looked for seven days at a time
    values = torch.rand(2, 30, 8)
    if packed:
        values = packed_file.packed(
            tmp_path, (2, 30, 8), lambda d, v=values: v[:, d].numpy(), progress=False, by_day=True
        )
    days = pd.date_range("2001", periods=30)
    record, cells = Forcing(days, values, packed), torch.tensor([6, 0, 3])
    for chosen in (slice(4, 27), slice(9, 9)):
        found = record.part(chosen, cells)
        assert torch.equal(found, values[:, chosen][..., cells]) and found.is_contiguous()
