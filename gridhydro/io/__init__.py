"""Readers of rasters, series and discharge, and of data sets of basins."""

from gridhydro.io.basins import read_basins, write_basins
from gridhydro.io.camels import read_camels
from gridhydro.io.camels_us import read_camels_us
from gridhydro.io.caravan import read_caravan
from gridhydro.io.discharge import read_discharge
from gridhydro.io.grace import read_grace
from gridhydro.io.grdc import read_grdc
from gridhydro.io.gridded import Reading, open_weather
from gridhydro.io.hydropy import next_cells, read_land_surface
from gridhydro.io.lakes import read_lakes
from gridhydro.io.raster import open_raster, read_raster
from gridhydro.io.reaches import read_reaches
from gridhydro.io.series import read_series
from gridhydro.io.wfdei import read_wfdei

__all__ = [
    "Reading",
    "next_cells",
    "open_raster",
    "open_weather",
    "read_basins",
    "read_camels",
    "read_camels_us",
    "read_caravan",
    "read_discharge",
    "read_grace",
    "read_grdc",
    "read_lakes",
    "read_land_surface",
    "read_raster",
    "read_reaches",
    "read_series",
    "read_wfdei",
    "write_basins",
]
