"""What a step over a minibatch of a raster needs does not depend on how long the record is, or on
how many cells the domain has beside those that are run."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.columns import column
from gridhydro.io import packed_file
from gridhydro.training.plan import Plan
from gridhydro.training.prepare import prepare
from tests.support.forks import Fork
from tests.support.peak_memory import peak_of

ROWS, COLUMNS, YEAR = 40, 25, 365
# MiB that steps may take beyond those of the small record: held in memory, or where all pages count
# that were read of the packed copy, the long one and the wide one would have 200 more
MARGIN = 110
CASES = {"small": (2, ROWS), "long": (50, ROWS), "wide": (2, 25 * ROWS)}  # years, rows
BATCHES = gh.Batches(gauges=2, days=200, warmup=100, cells=8 * COLUMNS)


def made(years: int, rows: int, folder: str):
    """A training on rivers that flow east along every row, of which eight have gauges."""
    codes = np.full((rows, COLUMNS), 6.0)
    coords = {"y": np.arange(rows)[::-1] * 1e4, "x": np.arange(COLUMNS) * 1e4}
    gauges = pd.DataFrame({"name": list("abcdefgh"), "x": coords["x"][-1], "y": coords["y"][:8]})
    ldd = xr.DataArray(codes, coords, ("y", "x"))
    domain = gh.Domain.from_d8(ldd, "ldd", gauges=gauges, crs="EPSG:3035")
    slope = xr.DataArray(np.random.default_rng(0).random(codes.shape), coords, ("y", "x"))
    slope = slope.assign_attrs(units="degree").to_dataset(name="slope").rio.write_crs("EPSG:3035")
    model = gh.Model(domain, "hbv", slope, network=gh.ParameterNetwork(hidden=(4,)))
    times = pd.date_range("1980-01-01", periods=years * YEAR)
    random, most = np.random.default_rng(1), np.array([12, 20, 4], np.float32)[:, None, None]

    def weather(days):
        size = 3, days.stop - days.start, domain.size
        return random.random(size, dtype=np.float32) * most

    shape = 3, len(times), domain.size
    pieces = [slice(day, day + 73) for day in range(0, len(times), 73)]
    values = packed_file.packed(folder, shape, weather, progress=False, by_day=True, pieces=pieces)
    forcing = gh.Forcing(times, values, True, column("hbv").forcings)
    flow = pd.DataFrame(random.random((len(times), 8)) * 900, times, list("abcdefgh"))
    plan = Plan(
        (str(times[100].date()), str(times[-1].date())), batches=BATCHES,
        session=gh.Session(progress=False),
    )  # fmt: skip
    return prepare(model, forcing, flow, plan, plan.options())


def work(years: int, rows: int, folder: str, steps: int = 12) -> None:
    """All that goes before a training, steps over minibatches all over the record, and of the
    domain of few cells a run over it in blocks, of which each has all cells."""
    ready = made(years, rows, folder)
    drawn = ready.loop.rivers.draws(0)
    length, draws = drawn[0], sorted(drawn[1], key=lambda one: one.start)
    for number in np.linspace(0, len(draws) - 1, steps).astype(int):
        ready.loop.step([ready.loop.rivers.batch(draws[number], length)], 0)
    if rows == ROWS:
        ready.data.drift()


@pytest.mark.end_to_end
@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel for the peak")
def test_minibatches_of_a_long_record_and_a_large_domain_take_the_memory_of_small_ones(tmp_path):
    peaks = json.loads(Fork("-m", __name__, tmp_path).printed())
    assert max(peaks["long"], peaks["wide"]) < peaks["small"] + MARGIN, peaks


if __name__ == "__main__":
    torch.set_num_threads(1)
    work(2, ROWS, sys.argv[1], 1)  # compiles
    print(json.dumps({name: peak_of(work, *case, sys.argv[1]) for name, case in CASES.items()}))
