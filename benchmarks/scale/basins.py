"""Sixteen thousand generated basins over 46 years, trained on in minibatches from a packed copy.

A Zarr store of rain, warmth and discharge is generated a group of basins at a time, read lazily and
packed by `Session(cache=...)`; then minibatches of windows are drawn, and steps of training taken.
Rows: what each part takes, and what memory the process holds: its own, and pages of the file, which
the system takes back when others need them, and the most of both in each part. Store and copy are
deleted at the end.
"""

from __future__ import annotations

import csv
import itertools
import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
import zarr

import gridhydro as gh
from benchmarks import options
from benchmarks.machine import describe
from benchmarks.scale.apart import GIGABYTE, Watch, apart
from gridhydro.base.ahead import Ahead
from gridhydro.inputs import basins as lumped
from gridhydro.inputs.pet import oudin
from gridhydro.io import read_basins
from gridhydro.model.model import Model
from gridhydro.synthetic.random_fields import persistent
from gridhydro.training.plan import Plan
from gridhydro.training.prepare import prepare

BASINS, YEARS = 16_000, 46
ATTRIBUTES = 20
FIRST = "1975-01-01"
CHUNK = (1500, 1000)  # days and basins of a chunk
BATCHES = gh.Batches(gauges=100, days=365, warmup=365)
MODELS = {
    "MLP, 1 component": dict(network="mlp", components=1),
    "LSTM, 16 components": dict(
        network=gh.ParameterNetwork("lstm", hidden=(32, 64, 32), dynamic=("beta", "gamma")),
        components=16,
    ),
}
HEAD = (
    "part", "model", "basins", "days", "batches", "seconds", "cpu", "waiting", "own_gb", "file_gb",
    "peak_gb", "others",
)  # fmt: skip


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--basins", type=int, default=BASINS, help="%(default)s by default")
    parser.add_argument("--years", type=int, default=YEARS, help="%(default)s by default")
    parser.add_argument(
        "--steps", type=int, default=100, help="of training, %(default)s by default"
    )
    parser.add_argument("--threads", type=int, default=2, help="%(default)s by default")
    parser.add_argument(
        "--scratch", type=Path, help="folder for store and copy; the system's if left out"
    )
    out = options.RESULTS / "scale"
    parser.add_argument("--out", type=Path, default=out, help="folder for the results")


def main(given: Namespace) -> list[dict]:
    given.out.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="basins-", dir=given.scratch))
    header = {"command": given.command} | describe("cpu")
    kept: list[dict] = []
    try:
        with open(given.out / "basins.csv", "w", newline="") as file:
            file.writelines(f"# {key}: {value}\n" for key, value in header.items())
            writer = csv.DictWriter(file, HEAD, restval="", lineterminator="\n")
            writer.writeheader()
            for call, more in ((generate, ()), (learn, (given.steps,))):
                given_to = scratch / "basins.zarr", given.basins, given.years, *more
                found = apart(call, *given_to, threads=given.threads)
                for row in found.pop("rows"):
                    row = {"basins": given.basins} | found | row
                    kept.append(_told(row))
                    writer.writerow(kept[-1])
                    print(kept[-1], flush=True)
    finally:
        shutil.rmtree(scratch)
    return kept


def _told(row: dict) -> dict:
    return {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items() if k in HEAD}


def held() -> dict[str, float]:
    """Memory of this process, GB: its own, and pages of files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return {
        "own_gb": int(kilobytes["RssAnon"]) * 1024 / GIGABYTE,
        "file_gb": int(kilobytes["RssFile"]) * 1024 / GIGABYTE,
    }


def days_of(years: int) -> pd.DatetimeIndex:
    return pd.date_range(FIRST, periods=round(365.25 * years))


def generate(path: Path, basins: int, years: int) -> dict:
    """The store: days by basins, some basins at a time; discharge is what two linear stores make
    of the rain that is left."""
    times, random, clock = days_of(years), np.random.default_rng(0), Watch()
    lat = random.uniform(-55, 70, basins)
    attributes = {f"a{k}": ("gauge", random.standard_normal(basins)) for k in range(ATTRIBUTES)}
    names = [f"b{number:05d}" for number in range(basins)]
    whole = xr.Dataset(attributes, {"time": times, "gauge": names}).assign_coords(
        latitude=("gauge", lat), longitude=("gauge", random.uniform(-180, 180, basins)),
        area=("gauge", random.uniform(100, 5000, basins), {"units": "km2"}),
    )  # fmt: skip
    whole.to_zarr(path, zarr_format=2, consolidated=False)
    group, series = zarr.open_group(path, mode="a", zarr_format=2), {}
    units = {"precipitation": "mm d-1", "temperature": "degC", "discharge": "mm d-1"}
    shape = len(times), basins
    chunks = tuple(min(pair) for pair in zip(CHUNK, shape, strict=True))
    for name, unit in units.items():
        attrs = {"_ARRAY_DIMENSIONS": ["time", "gauge"], "units": unit}
        series[name] = group.create_array(
            name,
            shape=shape,
            chunks=chunks,
            dtype="float32",
            attributes=attrs,
            compressors=None,
            fill_value=np.nan,
        )
    with clock("generate"):
        for first in range(0, basins, chunks[1]):
            of = slice(first, min(first + chunks[1], basins))
            for name, values in zip(units, _group(times, lat[of], random), strict=True):
                series[name][:, of] = values
    zarr.consolidate_metadata(path, zarr_format=2)
    return {"rows": [_row("generate", clock, times)]}


def _group(times: pd.DatetimeIndex, lat: np.ndarray, random) -> list[np.ndarray]:
    """Rain mm d-1, warmth degC and discharge mm d-1 of some basins, (T, n) float32."""
    import torch
    from scipy.signal import lfilter

    day = np.array(times.day_of_year, dtype=np.float32)[:, None]
    size = len(times), lat.size
    noise = persistent(random.standard_normal(size, dtype=np.float32), 0.5)
    rain = (np.maximum(noise - 0.4, 0) ** 1.5 * 12).astype(np.float32)
    noise = persistent(random.standard_normal(size, dtype=np.float32), 0.7)
    season = -np.cos(2 * np.pi * (day - 20) / 365.25) * np.sign(lat) * (1 + 0.2 * np.abs(lat))
    warmth = (26 - 0.006 * lat**2 + season + 3 * noise).astype(np.float32)
    demand = oudin(*(torch.as_tensor(v, dtype=torch.float32) for v in (warmth, lat, day))).numpy()
    left = np.maximum(rain - 0.5 * demand, 0)
    slow = lfilter([0.02], [1, -0.98], left, axis=0).astype(np.float32)
    quick = lfilter([0.3], [1, -0.7], left, axis=0).astype(np.float32)
    return [rain, warmth, 0.5 * (slow + quick)]


def learn(path: Path, basins: int, years: int, steps: int) -> dict:
    """Pack once, then for each model so many minibatches alone, for what the loader takes, and so
    many steps of training, which read ahead as a training does."""
    clock, times = Watch(), days_of(years)
    with clock("open"):
        parts = lumped.of_dataset(read_basins(path), pet="oudin")
    rows = [_row("open", clock, times)]
    forcing: xr.Dataset | gh.Forcing = parts.forcing
    for name, given in MODELS.items():
        model = Model(parts.domain, "hbv", parts.attributes, routing=gh.UnitHydrograph(), **given)
        packing = "pack" if not isinstance(forcing, gh.Forcing) else "pack discharge again"
        with clock(packing):
            ready = _ready(model, forcing, parts.discharge, times, path.parent / "packed")
        forcing = ready.data.forcing
        rows.append(_row(packing, clock, times))
        if steps:
            rows += [row | {"model": name} for row in _steps(ready, times, steps)]
    return {"rows": rows}


def _ready(model: Model, forcing, discharge, times: pd.DatetimeIndex, cache: Path):
    period = str(times[int(BATCHES.before)].date()), str(times[-1].date())
    plan = Plan(period, batches=BATCHES, session=gh.Session(cache=cache, progress=False))
    return prepare(model, forcing, discharge, plan, plan.options())


def _steps(ready, times: pd.DatetimeIndex, steps: int) -> Iterator[dict]:
    """Rows of the loader and of steps, the first of which loads the kernels."""
    clock, epochs = Watch(), (ready.data.epoch(number, 0) for number in itertools.count())
    batches = itertools.chain.from_iterable(epochs)
    ready.loop.step([next(batches)], 0)
    with clock("loader"):
        for _ in range(steps):
            next(batches)
    yield _row("loader", clock, times, steps)
    with Ahead(itertools.islice(batches, steps)) as ahead, clock("step"):
        for batch in ahead:
            ready.loop.step([batch], 0)
    yield _row("step", clock, times, steps) | {"waiting": ahead.waited / clock.seconds["step_s"]}


def _row(part: str, clock: Watch, times: pd.DatetimeIndex, count: int = 0) -> dict:
    row = {"part": part, "days": len(times), "batches": count} | held()
    return (
        row
        | {"seconds": clock.seconds[f"{part}_s"], "cpu": clock.seconds[f"{part}_cpu"]}
        | {"peak_gb": clock.peaks[part]}
    )
