"""Readers of rasters, series and discharge."""

from gridhydro.io.discharge import read_discharge
from gridhydro.io.raster import read_raster
from gridhydro.io.series import read_series

__all__ = ["read_discharge", "read_raster", "read_series"]
