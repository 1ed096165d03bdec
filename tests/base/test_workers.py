"""Blocks that a Dask client's workers prepare: in order, the same numbers, and said."""

import os
import threading
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import torch
import xarray as xr

from gridhydro.base import workers
from gridhydro.base.workers import spread
from gridhydro.columns import column
from gridhydro.domain.layers import Layers
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.stream import OneSeries
from tests.support.small_stores import CHUNKS, domain_in, weather, written

HBV = column("hbv")


@contextmanager
def cluster():
    """A client of two threads in this process."""
    distributed = pytest.importorskip("distributed", reason="needs gridhydro[dask]")
    options = dict(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None)
    with distributed.LocalCluster(**options) as here, distributed.Client(here) as client:
        yield client


def prepared(source, data, domain, folder) -> list:
    """All that goes by blocks, of a source and of the raster in it."""
    forcing = Forcing.open(source, domain, HBV)
    fine = data["precipitation"]
    return [
        Forcing.read(forcing, domain, HBV).values,
        Forcing.read(forcing, domain, HBV, cache=folder, progress=False).values,
        torch.from_numpy(domain.aggregate(fine, gaps=True).values),
        torch.from_numpy(domain.regrid(fine).values),
    ]


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", ["a.nc", "a.zarr", "dask"])
def test_a_preparation_by_workers_has_the_numbers_of_one_without(
    tmp_path, monkeypatch, name, capfd
):
    monkeypatch.setattr("gridhydro.base.windows.NUMBERS", 40 * 20)  # several blocks
    monkeypatch.setattr("gridhydro.domain.layers._BLOCK", 40 * 20)
    data = weather()
    domain = domain_in(data)
    source = written(data, tmp_path / ("a.zarr" if name == "dask" else name))
    opened = xr.open_dataset(source, chunks=None, decode_coords="all")
    if name == "dask":
        source = opened = data.chunk(dict(zip(("time", "lat", "lon"), CHUNKS, strict=True)))
    alone = prepared(source, opened, domain, tmp_path / "one")
    assert "Dask" not in capfd.readouterr().err
    used = {OneSeries: set(), Layers: set()}
    block, read = OneSeries.block, Layers.read

    def noted_block(*arguments):
        used[OneSeries].add(threading.get_ident())
        return block(*arguments)

    def noted_read(*arguments):
        used[Layers].add(threading.get_ident())
        return read(*arguments)

    monkeypatch.setattr(OneSeries, "block", noted_block)
    monkeypatch.setattr(Layers, "read", noted_read)
    with cluster():
        together = prepared(source, opened, domain, tmp_path / "two")
    assert all(each and threading.get_ident() not in each for each in used.values())
    assert all(torch.equal(a.nan_to_num(-1), b.nan_to_num(-1))
               for a, b in zip(alone, together, strict=True))  # fmt: skip
    assert capfd.readouterr().err.count("blocks are prepared by Dask: 2 threads of 1 workers") == 1


@pytest.mark.end_to_end
def test_workers_go_only_some_blocks_ahead_and_their_errors_are_those_of_the_work():
    begun = []

    def work(number):
        begun.append(number)
        if number == 11:
            raise ValueError("block 11 is wrong")
        return list(spread(lambda k: number + k, [0, 1]))  # within a worker nothing is spread

    with cluster():
        found = spread(work, range(40))
        assert [next(found) for _ in range(3)] == [[0, 1], [1, 2], [2, 3]]
        assert max(begun) < 8
        with pytest.raises(ValueError, match="block 11 is wrong"):
            list(found)
        assert max(begun) < 20


def test_what_a_block_elsewhere_warns_of_comes_home():
    def work(number):
        warnings.warn(f"odd {number % 2}", UserWarning, stacklevel=1)
        return number

    told = [workers._worked(work, number, home=0) for number in range(3)]
    assert told[1] == (1, [(UserWarning, "odd 1")])
    with pytest.warns(UserWarning, match="odd 1"):
        assert workers._worked(work, 1, home=os.getpid()) == (1, [])

    class Done:
        def __init__(self, result):
            self.result = lambda: result

    said: set[str] = set()
    with pytest.warns(UserWarning) as heard:
        ahead = workers.deque(map(Done, told))
        assert [workers._taken(ahead, said) for _ in range(3)] == [0, 1, 2]
    assert [str(one.message) for one in heard] == ["odd 0", "odd 1"]


def test_what_cannot_be_sent_is_done_here(monkeypatch):
    class Client:
        def scatter(self, work, hash):
            raise TypeError("cannot pickle it")

    monkeypatch.setattr(workers, "_client", Client)
    with pytest.warns(UserWarning, match="cannot be sent .*cannot pickle it.*done here"):
        assert list(spread(np.negative, [1, 2])) == [-1, -2]
