"""A small raster on the equator with everything that a distributed training takes, as files."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from tests.support.hydropy_land import flat_land

LAT, LON = np.arange(5.5, -0.5, -1.0), np.arange(-62.5, -56.5, 1.0)
DAYS = pd.date_range("2003-01-01", "2005-12-31")
UNITS = {
    "precipitation": "mm d-1", "temperature": "degC", "specific_humidity": "1",
    "surface_pressure": "Pa", "wind_speed": "m s-1", "shortwave_radiation": "W m-2",
    "longwave_radiation": "W m-2",
}  # fmt: skip
FILE = """
[landsurface]
file = "landsurface.nc"
attributes = "21"

[weather]
file = "weather.nc"

[gauge_table]
file = "gauges.csv"
discharge = "discharge.csv"

[grace]
files = ["twsa.nc"]
baseline = ["2004", "2004"]

[model]
configuration = "Hybrid(Q,S)"
network = { hidden = [8] }

[training]
period = ["2004-01-01", "2004-12-31"]
validation = ["2005-01-01", "2005-12-31"]
spinup = 300
epochs = 2
"""


def land() -> xr.Dataset:
    """36 cells of land that drain east along the rows, and the last column south to the sea."""
    rng = np.random.default_rng(0)
    shape = LAT.size, LON.size
    data = flat_land(
        LAT, LON, srftopo=rng.uniform(50, 400, shape), wcap=rng.uniform(200, 500, shape),
        fwetl=rng.uniform(0, 0.2, shape), slope_avg=rng.uniform(1e-3, 1e-2, shape),
    )  # fmt: skip
    row, col = np.indices(shape)
    last = col == LON.size - 1
    data["rout_lat"] = ("lat", "lon"), np.where(last, np.minimum(row + 1, shape[0] - 1), row)
    data["rout_lon"] = ("lat", "lon"), np.where(last, col, col + 1)
    return data


def weather(rng) -> xr.Dataset:
    season = np.sin(2 * np.pi * DAYS.day_of_year.to_numpy() / 365)[:, None, None]
    noise = rng.standard_normal((len(DAYS), LAT.size, LON.size))
    values = {
        "precipitation": np.maximum(5 + 4 * season + 4 * noise, 0),
        "temperature": 26 + season + 0.5 * noise,
        "specific_humidity": 0.016 + 0.001 * season + 0 * noise,
        "surface_pressure": 1e5 + 100 * noise,
        "wind_speed": 2 + 0.5 * np.tanh(noise),
        "shortwave_radiation": 200 - 30 * season - 10 * noise,
        "longwave_radiation": 400 + 5 * noise,
    }
    coords = {"time": DAYS, "lat": LAT, "lon": LON}
    return xr.Dataset(
        {
            name: (("time", "lat", "lon"), v.astype(np.float32), {"units": UNITS[name]})
            for name, v in values.items()
        },
        coords,
    )


def write(folder: Path) -> Path:
    """All files, and small.toml, into the folder; returns the domain file."""
    rng = np.random.default_rng(1)
    land().to_netcdf(folder / "landsurface.nc")
    sky = weather(rng)
    sky.to_netcdf(folder / "weather.nc")
    # a river of slow water: half of the rain, smoothed over weeks, from the cells above
    rain = sky["precipitation"].mean(("lat", "lon")).to_series()
    slow = rain.ewm(30).mean()
    places = {"out": (-57.5, 0.5, 36), "east": (-57.5, 2.5, 24), "west": (-58.5, 4.5, 5)}
    pd.DataFrame([{"name": n, "lon": x, "lat": y} for n, (x, y, _) in places.items()]).to_csv(
        folder / "gauges.csv", index=False
    )
    area = 12321e6 / 1000 / 86400  # m3 s-1 of 1 mm d-1 in a cell
    discharge = pd.DataFrame({n: 0.4 * slow * area * c for n, (_, _, c) in places.items()})
    discharge.to_csv(folder / "discharge.csv")
    twsa(slow).to_netcdf(folder / "twsa.nc")
    (folder / "small.toml").write_text(FILE)
    return folder / "small.toml"


def twsa(slow: pd.Series) -> xr.Dataset:
    """Storage by month that follows the slow water."""
    months = slow.groupby(slow.index.to_period("M")).mean()
    start = months.index.to_timestamp().to_numpy()
    end = (months.index + 1).to_timestamp().to_numpy()
    values = 30 * (months.to_numpy() - months.mean())[:, None, None]
    values = (values * np.ones((1, LAT.size, LON.size))).astype(np.float32)
    coords = {"time": start + (end - start) / 2, "lat": LAT, "lon": LON}
    data = xr.Dataset({"twsa": (("time", "lat", "lon"), values, {"units": "mm"})}, coords)
    return data.assign_coords(time_start=("time", start), time_end=("time", end))
