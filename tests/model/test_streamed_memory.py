"""Thirty years take the memory of one."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.columns import column
from gridhydro.inputs.stream import Stream
from gridhydro.model.run import Run
from tests.support.forks import Fork
from tests.support.peak_memory import peak_of

ROWS, COLUMNS, YEAR = 40, 25, 365
# MiB that thirty years may take beyond one: in memory their series of one flux alone have 42, and
# those of the forcing 125
MARGIN = 16
KINDS = ("out.zarr", "out", "scores")


class Weather(Stream):
    """The same year over and over, made when it is asked for."""

    def __init__(self, days: int, cells: int):
        wet = torch.rand(3, YEAR, cells, generator=torch.Generator().manual_seed(0))
        self.year, self.shape = (
            wet * torch.tensor([12.0, 20.0, 4.0])[:, None, None],
            (3, days, cells),
        )

    def __getitem__(self, key):
        rows, days = key
        return self.year[rows][:, np.arange(self.shape[1])[days] % YEAR]


def made(years: int) -> Run:
    codes = np.full((ROWS, COLUMNS), 6.0)  # every row flows east
    coords = {"y": np.arange(ROWS)[::-1] * 1e4, "x": np.arange(COLUMNS) * 1e4}
    gauges = pd.DataFrame({"name": ["a"], "x": [coords["x"][-1]], "y": [0.0]})
    ldd = xr.DataArray(codes, coords, ("y", "x"))
    domain = gh.Domain.from_d8(ldd, "ldd", gauges=gauges, crs="EPSG:3035")
    model = gh.Model(domain, "hbv", network="none")
    times = pd.date_range("1990-01-01", periods=years * YEAR)
    weather = Weather(len(times), domain.size)
    return Run.of(model, gh.Forcing(times, weather, fields=column("hbv").forcings))


def work(years: int, kind: str, folder: str) -> None:
    """What is measured, on a run of so many years."""
    run = made(years)
    if kind == "scores":
        run.discharge()
    else:
        run.simulate(outputs=["soil_moisture"], out=f"{folder}/{years}/{kind}", progress=False)


@pytest.mark.end_to_end
@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel for the peak")
def test_thirty_years_take_the_memory_of_one(tmp_path):
    """Of a store, of a folder and of scores; in a process that has done nothing before."""
    peaks = json.loads(Fork("-m", __name__, tmp_path).printed())
    assert len(peaks) == len(KINDS)
    for kind, (one, thirty) in peaks.items():
        assert abs(thirty - one) < MARGIN, (kind, one, thirty)


if __name__ == "__main__":
    made(1).simulation(["soil_moisture"])  # compiles
    made(1).simulation()
    print(
        json.dumps({kind: [peak_of(work, y, kind, sys.argv[1]) for y in (1, 30)] for kind in KINDS})
    )
