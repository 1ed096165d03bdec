"""The weather in a Dataset, of basins or of a grid, as tensors in our units."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from gridhydro.base import calendar, refuse
from gridhydro.base.quantities import COORDINATES, SERIES
from gridhydro.base.units import conversion
from gridhydro.domain.grid import cell_dims, known_crs, read_crs, transform
from gridhydro.inputs import meteorology as met
from gridhydro.inputs.series import looked_at


class Weather:
    """Variables by our names (`base.quantities`) as tensors over (time, cells or y, x).

    What the Dataset lacks is made from others where that is possible, else NaN and noted in
    `lacking`.
    whole  all days of which `data` is a window, of the same places
    """

    def __init__(
        self, data: xr.Dataset, wind_height: float, albedo: float, whole: xr.Dataset | None = None
    ):
        if not isinstance(data, xr.Dataset):
            raise ValueError(f"the weather is an xarray Dataset, not a {type(data).__name__}")
        if "time" not in data.coords:
            raise ValueError("the dataset has no coordinate 'time'")
        self.data, self.wind_height, self.albedo, self.whole = data, wind_height, albedo, whole
        space = cell_dims(data)
        self.dims = ("time", *space)
        self.lacking: list[str] = []
        days = calendar.days_of_each(data["time"], "the dataset: 'time'", data).day_of_year
        of_year = torch.as_tensor(np.array(days, dtype=np.float32))
        self.day = of_year.reshape(-1, *(1 for _ in space))

    def has(self, *names: str) -> bool:
        """Whether all these variables are there."""
        return all(name in self.data.variables for name in names)

    def get(self, name: str, unit: str | None = None) -> Tensor:
        """A variable, in its unit of `base.quantities`, or in another.

        ValueError without units, with an axis that is not of the cells, and for codes for missing
        values and what the quantity cannot be.
        """
        if not self.has(name):
            return self.lack(name)
        array = self.data[name]
        if not array.attrs.get("units"):
            raise ValueError(f"'{name}' has no units: set dataset['{name}'].attrs['units']")
        target = unit or SERIES[name].unit
        conversion(name, array.attrs["units"], target, "the dataset")
        others = [d for d in array.dims if d not in self.dims]
        long = [d for d in others if array.sizes[d] != 1]
        if long:
            raise ValueError(f"'{name}' has the axis '{long[0]}', which is none of {self.dims}")
        array = array.squeeze(others, drop=True)
        dims = [d for d in self.dims if d in array.dims]
        shape = [array.sizes.get(d, 1) for d in self.dims]
        whole = None
        if self.whole is not None and "time" in array.dims:
            whole = self.whole[name].squeeze(others, drop=True)
        values = looked_at(array, target, whole).transpose(*dims).values.reshape(shape)
        return torch.as_tensor(np.ascontiguousarray(values, dtype=np.float32))

    def lack(self, what: str) -> Tensor:
        """NaN; notes in `lacking` what is not there."""
        self.lacking.append(what)
        return torch.tensor(float("nan"))

    @property
    def temperature(self) -> Tensor:
        """Daily mean air temperature, degC: given, or the mean of minimum and maximum."""
        if self.has("temperature"):
            return self.get("temperature")
        if self.has("temperature_min", "temperature_max"):
            return (self.get("temperature_min") + self.get("temperature_max")) / 2
        return self.lack("temperature")

    @property
    def range(self) -> tuple[Tensor, Tensor]:
        """Daily minimum and maximum of the air temperature, degC."""
        return self.get("temperature_min"), self.get("temperature_max")

    @property
    def vapour_pressure(self) -> Tensor:
        """Actual vapour pressure, Pa: given, or from dew point or humidity."""
        if self.has("vapour_pressure"):
            return self.get("vapour_pressure")
        if self.has("dewpoint_temperature"):
            return met.saturation_vapour_pressure(self.get("dewpoint_temperature"))
        if self.has("relative_humidity"):
            both = self.has("temperature_min", "temperature_max")
            low, high = self.range if both else (self.temperature,) * 2
            return self.get("relative_humidity") / 100 * met.mean_saturation(low, high)
        if self.has("specific_humidity"):
            return met.vapour_pressure_of_humidity(self.get("specific_humidity"), self.pressure)
        return self.lack(
            "vapour_pressure, dewpoint_temperature, relative_humidity or specific_humidity"
        )

    @property
    def wind(self) -> Tensor:
        """Wind speed at 2 m, m s-1, from that at `wind_height`."""
        if self.has("wind_speed"):
            speed = self.get("wind_speed")
        elif self.has("eastward_wind", "northward_wind"):
            speed = torch.hypot(self.get("eastward_wind"), self.get("northward_wind"))
        else:
            return self.lack("wind_speed, or eastward_wind and northward_wind")
        return met.wind_at_2m(speed, self.wind_height)

    @property
    def elevation(self) -> Tensor:
        """Elevation, m."""
        name = next((n for n in ("elevation", "elev_mean") if self.has(n)), None)
        return self.lack("elevation") if name is None else self.get(name, "m")

    @property
    def pressure(self) -> Tensor:
        """Air pressure, Pa: given, or from the elevation."""
        if self.has("surface_pressure"):
            return self.get("surface_pressure")
        if not self.has("elevation") and not self.has("elev_mean"):
            return self.lack("surface_pressure or elevation")
        return met.air_pressure(self.elevation)

    @property
    def net_radiation(self) -> Tensor:
        """Net radiation, W m-2: given, or from net or downwelling parts."""
        if self.has("net_radiation"):
            return self.get("net_radiation")
        if self.has("net_shortwave_radiation", "net_longwave_radiation"):
            return self.get("net_shortwave_radiation") + self.get("net_longwave_radiation")
        if self.has("shortwave_radiation", "longwave_radiation"):
            return met.net_radiation_of_both(
                self.get("shortwave_radiation"), self.get("longwave_radiation"),
                self.temperature, self.albedo,
            )  # fmt: skip
        if self.has("shortwave_radiation"):
            return met.net_radiation(
                self.get("shortwave_radiation"), self.vapour_pressure, *self.range,
                self.latitude, self.day, self.elevation, self.albedo,
            )  # fmt: skip
        return self.lack(
            "net_radiation, or net_shortwave_radiation and net_longwave_radiation, or "
            "shortwave_radiation"
        )

    @property
    def latitude(self) -> Tensor:
        """(cells) or (y, x), degrees north; (y, 1) where all cells of a row have the same."""
        space = self.dims[1:]
        for name in ("latitude", "lat"):
            if self.has(name) and set(self.data[name].dims) <= set(space):
                dims = [d for d in space if d in self.data[name].dims]
                shape = [self.data[name].sizes.get(d, 1) for d in space]
                degrees = _on_earth(self.data[name].transpose(*dims)).reshape(shape)
                return torch.as_tensor(np.array(degrees, dtype=np.float32))
        if len(space) < 2:
            return self.lack("the coordinate latitude")
        across, down = (self.data[dim].values for dim in space[::-1])
        crs = read_crs(self.data)
        if crs.equals(known_crs("EPSG:4326"), ignore_axis_order=True):
            across = across[:1]  # that of a row is that of all its cells, which are many
        x, y = np.meshgrid(across, down)
        degrees = transform(x, y, crs, "EPSG:4326")[1]
        return torch.as_tensor(np.asarray(degrees, dtype=np.float32))


def _on_earth(latitude: xr.DataArray) -> np.ndarray:
    """Degrees north; ValueError naming the place of a latitude that is missing, or is none."""

    def place(*at: int) -> str:
        where = zip(latitude.dims, at, strict=True)
        return ", ".join(
            f"at {dim} {latitude[dim].values[i] if dim in latitude.coords else i}"
            for dim, i in where
        )

    name = str(latitude.name)
    values = refuse.numbers(name, latitude.values, place)
    refuse.missing(name, values, place, "give it, or leave the place out")
    refuse.outside(name, values, place, COORDINATES["latitude"], "give it in degrees north")
    return values
