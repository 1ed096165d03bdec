"""The generated catchment as an ordinary data folder, with a domain file that trains on it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from gridhydro.base import files
from gridhydro.base.arguments import seed_of
from gridhydro.domain.domain import Domain
from gridhydro.io.csv_tables import write_csv
from gridhydro.synthetic.catchment import HELD_OUT, SyntheticCatchment
from gridhydro.synthetic.catchment_grid import dataset
from gridhydro.synthetic.catchment_observations import KNOWN
from gridhydro.synthetic.catchment_structure import Structure
from gridhydro.synthetic.demo import HIDDEN, LEARNING_RATE, TRAINING, VALIDATION, experiment

_DOMAIN_FILE = """\
# A generated catchment of {cells} cells of 2 km, seed {seed}: nothing in it is measured.
# Data: the folder of this file. To train on it:
#
#   gridhydro train FOLDER/domain.toml --data FOLDER
#
# and compare {compared}.

[domain]
flow_direction = "flow_direction.tif"
coding = "ldd" # PCRaster's; others are "esri", "watergap", "nextxy", ...

[gauge_table] # where the gauges are, and their daily discharge, a column for each
file = "gauges.csv"
discharge = "discharge.csv"
units = "m3 s-1"

[attributes] # rasters from which the network learns the parameters; of any resolution
{attributes}

[forcing] # daily rasters; units are read from the files
{forcing}

[model]
column = "hbv"
network = {{ hidden = {hidden} }} # small: what it is to find is smooth
fixed = {fixed} # discharge says little of these

[training]
period = {training}
validation = {validation}
spinup = 365 # days before the period, in which the stores fill
epochs = 250
optimizer = {{ learning_rate = {learning_rate} }}
held_out = {held_out} # gauges that are scored only
seed = {seed}
"""


def write_catchment(out: str | Path, seed: int = 7, twin: bool = False) -> Path:
    """Generate the catchment of this seed and write it as a data folder; returns its domain file.

    out   a new or empty folder, which is there when it is whole
    twin  as for `demo`

    domain.toml             the domain file
    flow_direction.tif      D8 directions (y, x), PCRaster's coding
    attributes.nc           rasters (y, x)
    forcing.nc              precipitation, temperature, potential_evapotranspiration (time, y, x)
    gauges.csv              name, x, y, area_km2
    discharge.csv           m3 s-1, days by gauges: of the true model, with errors and gaps
    truth_parameters.nc     the true parameters, and the lag of each river reservoir in days
    truth_fluxes.nc         true fluxes and stores, means of months; not of a twin

    Raises ValueError for a folder that holds something already.
    """
    seed = seed_of(seed)
    with files.new_folder(out) as folder:
        domain, world, discharge, truth = experiment(seed, twin)
        world.ldd.rio.to_raster(folder / "flow_direction.tif")
        _write(world.attributes, folder / "attributes.nc")
        _write(world.forcing, folder / "forcing.nc")
        _write(world.truth if truth is None else truth.parameters, folder / "truth_parameters.nc")
        if truth is not None:
            _write(_fluxes(domain, truth), folder / "truth_fluxes.nc")
        write_csv(folder / "gauges.csv", world.gauges.drop(columns="train"))
        _write_discharge(discharge, folder / "discharge.csv")
        (folder / "domain.toml").write_text(
            _domain_file(world, domain.size, seed, twin), encoding="utf-8"
        )
    return Path(out) / "domain.toml"


def _write(dataset: xr.Dataset, path: Path) -> None:
    packed = {"zlib": True, "complevel": 1, "shuffle": True}
    encoding = {
        name: packed | {k: v for k, v in raster.encoding.items() if k == "grid_mapping"}
        for name, raster in dataset.items()
    }
    dataset.to_netcdf(path, encoding=encoding)


def _write_discharge(discharge: pd.DataFrame, path: Path) -> None:
    write_csv(path, discharge.rename_axis("time"))


def _fluxes(domain: Domain, truth: Structure) -> xr.Dataset:
    """Means of the months (time, y, x) of what the water did."""
    times = truth.discharge.index
    found = {}
    for field in truth.fields:
        daily = xr.DataArray(truth.series[field.name], {"time": times}, ("time", "cell"))
        means = daily.resample(time="MS").mean()
        coords = {"time": means["time"].values}
        found[field.name] = domain.unpack(means.values, field.name, field.attrs, ("time",), coords)
    return dataset(found)


def _domain_file(world: SyntheticCatchment, cells: int, seed: int, twin: bool) -> str:
    compared = "fluxes.nc of the run with truth_fluxes.nc"
    if twin:
        compared = "parameters.nc of the run with truth_parameters.nc"
    return _DOMAIN_FILE.format(
        compared=compared,
        cells=cells,
        seed=seed,
        attributes="\n".join(
            f'{name} = {{ file = "attributes.nc", variable = "{name}", '
            f'units = "{raster.attrs["units"]}", long_name = "{raster.attrs["long_name"]}" }}'
            for name, raster in world.attributes.items()
        ),
        forcing="\n".join(
            f'{name} = {{ file = "forcing.nc", variable = "{name}" }}' for name in world.forcing
        ),
        hidden=list(HIDDEN),
        fixed="{ " + ", ".join(f"{name} = {value}" for name, value in KNOWN.items()) + " }",
        training=_list(TRAINING),
        validation=_list(VALIDATION),
        learning_rate=LEARNING_RATE,
        held_out=_list(HELD_OUT),
    )


def _list(texts) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"
