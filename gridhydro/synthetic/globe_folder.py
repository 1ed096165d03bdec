"""The generated globe as an ordinary data folder, which the domain file globe reads.

Nothing of the record is ever held whole: weather is made, run through the true model and written
in blocks of days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
import zarr

from gridhydro.base import files
from gridhydro.base.arguments import seed_of, whole
from gridhydro.base.quantities import SERIES
from gridhydro.columns import column
from gridhydro.domain.packing import axes
from gridhydro.io.csv_tables import write_csv
from gridhydro.model.river import VELOCITY
from gridhydro.synthetic.amazon_weather import rounded
from gridhydro.synthetic.catchment_observations import observe
from gridhydro.synthetic.globe import SyntheticGlobe, make_globe
from gridhydro.synthetic.globe_land import ATTRIBUTES

WEATHER = ("precipitation", "temperature")
NOISE = 0.05  # of discharge
_NUMBERS = 2**25  # of a raster series that are in memory at once
_MOST = 60  # days of a block
_CHUNK = 120  # cells along a side of a chunk


def write_globe(
    out: str | Path, network: str | Path, resolution: float = 0.5, years: int = 10, seed: int = 0,
    say: Callable[[str], object] = lambda text: None,
) -> SyntheticGlobe:  # fmt: skip
    """Generate the globe of this seed and write it as a data folder; returns it.

    out      a new or empty folder, which is there when it is whole
    network, resolution, years  as for `make_globe`
    say      what is told of the progress

    flow_direction.tif      PCRaster's codes (y, x)
    attributes.nc           eight rasters (y, x)
    weather.zarr            precipitation and temperature (time, y, x)
    gauges.csv              name, lon, lat, use ("trained", "basin", "gauge"), area_km2
    discharge.csv           m3 s-1, days by gauges: of the true model, with errors and gaps
    truth_parameters.nc     the true parameters of HBV and its rivers (y, x)

    ValueError for a folder that holds something, and for what `make_globe` refuses.
    """
    seed, years = seed_of(seed), whole("years", years, 1, 200)
    with files.new_folder(out) as folder:
        say(f"generating rivers, land and truth at {resolution:g} degrees (seed {seed})")
        world = make_globe(network, resolution, years, seed)
        world.directions.rio.to_raster(folder / "flow_direction.tif", compress="deflate")
        _write_maps(world, world.attributes, ATTRIBUTES, folder / "attributes.nc")
        known = {f.name: (f.unit, f.long_name) for f in (*column("hbv").parameters, VELOCITY)}
        _write_maps(world, world.parameters, known, folder / "truth_parameters.nc")
        discharge = _write_days(world, folder / "weather.zarr", say)
        write_csv(folder / "gauges.csv", world.gauges)
        observed = observe(discharge, seed, noise=NOISE).rename_axis("time")
        write_csv(folder / "discharge.csv", observed, float_format="%.5g")
    return world


def _blocks(world: SyntheticGlobe) -> Iterator[slice]:
    """The days of the weather, the spin-up's too, some at a time; the first year begins one."""
    step = _step(world)
    for start, stop in ((0, world.spinup), (world.spinup, len(world.weather.times))):
        for first in range(start, stop, step):
            yield slice(first, min(first + step, stop))


def _step(world: SyntheticGlobe) -> int:
    """The days of a block."""
    return max(1, min(_MOST, _NUMBERS // int(np.prod(world.domain.shape))))


@torch.no_grad()
def _write_days(world: SyntheticGlobe, path: Path, say) -> pd.DataFrame:
    """Write the weather, and run it through the true model: its discharge, days by gauges."""
    model, series = world.true_model(), _store(world, path)
    state, year, found = None, None, []
    for days in _blocks(world):
        if year != (year := world.weather.times[days.start].year):
            say(f"weather and discharge of {year}")
        values = world.weather.days(days)
        run = model(values, state)
        state = run.state
        if days.start < world.spinup:
            continue
        found.append(run.discharge.double().numpy())
        place = slice(days.start - world.spinup, days.stop - world.spinup)
        for name, row in zip(WEATHER, values, strict=False):
            series[name][place] = _raster(world, rounded(row.numpy()))
    zarr.consolidate_metadata(path, zarr_format=2)
    return pd.DataFrame(np.concatenate(found), world.times, world.domain.gauges.index)


def _store(world: SyntheticGlobe, path: Path) -> dict[str, zarr.Array]:
    """The series of a new store with its axes, nothing in them yet."""
    domain = world.domain
    coords = axes(domain.raster_grid) | {"time": world.times}
    empty = xr.Dataset(coords=coords).rio.write_crs(domain.crs)
    empty.to_zarr(path, mode="w", zarr_format=2, consolidated=False)
    group = zarr.open_group(path, mode="a", zarr_format=2)
    shape = (len(world.times), *domain.shape)
    chunks = (min(_step(world), shape[0]), *(min(_CHUNK, size) for size in domain.shape))
    found = {}
    for name in WEATHER:
        about = SERIES[name]
        found[name] = group.create_array(
            name, shape=shape, chunks=chunks, dtype="float32", fill_value=np.nan,
            attributes={
                "_ARRAY_DIMENSIONS": ["time", "y", "x"], "units": about.unit,
                "long_name": about.long_name, "standard_name": about.standard_name,
                "grid_mapping": "spatial_ref",
            },
        )  # fmt: skip
    return found


def _raster(world: SyntheticGlobe, values: np.ndarray) -> np.ndarray:
    domain = world.domain
    raster = np.full((len(values), *domain.shape), np.nan, dtype=np.float32)
    raster[:, domain.row, domain.col] = values
    return raster


def _write_maps(world: SyntheticGlobe, maps, about, path: Path) -> None:
    """One variable after the other, as rasters take more than twice the memory of cells."""
    for number, (name, values) in enumerate(maps.items()):
        unit, long_name = about[name]
        attrs = {"units": unit, "long_name": long_name}
        raster = world.domain.unpack(values.astype(np.float32), name, attrs, ())
        packed = {"zlib": True, "complevel": 1, "shuffle": True, "grid_mapping": "spatial_ref"}
        raster.to_dataset().to_netcdf(path, mode="a" if number else "w", encoding={name: packed})
