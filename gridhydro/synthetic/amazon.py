"""A synthetic Amazon: the real river network below generated weather and land.

The network and the dates of the GRACE solutions are real. Weather, land surface and the truth that
a model is to find are generated from one seed (`amazon_climate`,
`amazon_weather`, `amazon_land`, `amazon_truth`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.files import existing
from gridhydro.domain.domain import Domain
from gridhydro.inputs.climate import climate_means
from gridhydro.inputs.land_surface import land_surface
from gridhydro.synthetic.amazon_climate import climate
from gridhydro.synthetic.amazon_land import amazon, as_file, elevation, land_fields
from gridhydro.synthetic.amazon_truth import parameters, pet_error
from gridhydro.synthetic.amazon_weather import reference_evapotranspiration, weather
from gridhydro.synthetic.amazon_world import SyntheticAmazon
from gridhydro.synthetic.catchment import gauge_cells

YEARS = (2001, 2016)
GAUGES, MAIN_RIVER = 24, (0.79, 0.37, 0.22, 0.12, 0.05)  # fractions of the basin
DDM30 = "ddm30/ddm30_global_30min.nc"
GRACE = "grace/twsa_csr_rl06_1deg_south_america.nc"


def make_amazon(data: str | Path, seed: int = 0, years: tuple[int, int] = YEARS) -> SyntheticAmazon:
    """The synthetic Amazon of this seed, from the first to the last of `years`.

    `data` is the folder that holds `DDM30` and `GRACE`; FileNotFoundError naming what it lacks.
    """
    network, dates = existing(Path(data) / DDM30), existing(Path(data) / GRACE)
    ground, sky, hidden = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    river, window = amazon(network)
    means = climate(river, elevation(river, window), ground)
    file = as_file(river, window, land_fields(river, window, means, ground))
    gauges = _gauges(river)
    domain = Domain.from_d8(
        window["flow_direction"], "watergap", gauges=gauges, mask=window["mask"], crs="EPSG:4326",
        area=window["continental_area"].assign_attrs(units="km2"),
    )  # fmt: skip
    land = land_surface(domain, file)
    domain = land.land_domain()
    times, series = weather(domain, means, years, sky)
    reference = reference_evapotranspiration(series)
    attributes = land.attributes(_climate_means(domain, times, series, reference))
    told = {str(name): domain.pack(raster) for name, raster in attributes.items()}
    return SyntheticAmazon(
        domain, file, times, series, attributes,
        parameters=parameters(domain, told, hidden),
        pet_error=pet_error(series, told, reference),
        gauges=gauges,
        grace=_grace(dates, times),
    )  # fmt: skip


def _gauges(domain: Domain) -> pd.DataFrame:
    """G01 to G05 up the main river, then the largest tributaries before they join."""
    area = domain.network.accumulate(domain.area) / 1e6
    cells = gauge_cells(area, domain.network.downstream, MAIN_RIVER, GAUGES)
    lon, lat = (axis[cells] for axis in domain.lonlat)
    names = pd.Index([f"G{number:02d}" for number in range(1, GAUGES + 1)], name="name")
    return pd.DataFrame({"lon": lon, "lat": lat, "area_km2": area[cells].round()}, index=names)


def _climate_means(domain, times, series, reference) -> xr.Dataset:
    weather = {
        "temperature": (series["temperature"], "degC"),
        "precipitation": (series["precipitation"], "mm d-1"),
        "potential_evapotranspiration": (reference, "mm d-1"),
    }
    dims = ("time", "cell")  # as rasters they would take twice the memory
    days = {n: xr.Variable(dims, v, {"units": unit}) for n, (v, unit) in weather.items()}
    means = climate_means(xr.Dataset(days, {"time": times}))
    return means.map(lambda v: domain.unpack(v.values, v.name, v.attrs, ()))


def _grace(path: Path, times: pd.DatetimeIndex) -> pd.DataFrame:
    with xr.open_dataset(path) as file:
        dates = file[["time_start", "time_end"]].to_dataframe()
    end = times[-1] + pd.Timedelta(days=1)
    return dates[(dates["time_start"] >= times[0]) & (dates["time_end"] <= end)]
