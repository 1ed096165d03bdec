"""CAMELS of other countries than the US: series of each gauge, and tables of attributes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base.files import existing
from gridhydro.base.units import depth_of_flow
from gridhydro.io.camels_attributes import attributes_of
from gridhydro.io.camels_layouts import LAYOUTS, Layout
from gridhydro.io.camels_series import (
    by_gauge,
    by_quantity,
    days_of_all,
    lacking,
    with_mean_temperature,
)
from gridhydro.io.schema import refuse_codes, refuse_outside, series_attrs, wanted_basins


def read_camels(
    folder: str | Path,
    country: str,
    basins: Iterable[str] | str | Path | None = None,
    period: tuple[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Basins of a CAMELS data set of another country, a basins dataset (see `io.schema`) in memory.

    folder   of the data set as it is unpacked: its files are found wherever they are below it
    country  one of `LAYOUTS`: "gb", "de", "ch", "fr", "dk", "br", "cl", "aus". Those of others are
             in Caravan's layout too, see `read_caravan`
    basins   None (all), ids, or a text file of ids; no other basin is read
    period   two dates, months or years, both included; None: the days that all basins have of
             precipitation and temperature
    names    our name -> the data set's column (of "cl" and "aus" its file), where it has several
             for one quantity: names={"precipitation": "precipitation_SILO"}; else the first of
             the layout is read, for all basins
    Discharge is that over the area of the basin; days of no observation are NaN. Temperature that
    the data set has not is the mean of minimum and maximum. Weather that is missing is refused
    where it is used; a series that some basins have not is told. Tables of attributes that have no
    row for a basin leave it missing. ValueError or FileNotFoundError naming file, line and column.
    """
    folder = existing(folder)
    if country not in LAYOUTS:
        raise ValueError(
            f"country is one of {', '.join(LAYOUTS)}, not '{country}': others are read in "
            "Caravan's layout, with read_caravan"
        )
    layout = LAYOUTS[country]
    read = by_gauge if layout.files else by_quantity
    series = read(folder, layout, lambda known: wanted_basins(basins, known, folder), names or {})
    gauges = list(series.files)
    found, averaged = with_mean_temperature(series.found)
    days = days_of_all(found, gauges, period, series.files)
    without = lacking(found, gauges)
    if without:
        warnings.warn(f"{folder}: {'; '.join(without)}", stacklevel=2)
    nothing = np.full(len(days), np.nan, np.float32)
    values = {
        name: np.stack(
            [of[g].reindex(days).to_numpy(np.float32) if g in of else nothing for g in gauges], 1
        )
        for name, of in found.items()
    }
    for name, array in values.items():
        refuse_codes(name, array, days, gauges, folder)
    static = attributes_of(gauges, folder, layout)
    if series.volumes:
        values["discharge"] = _over_area(values["discharge"], static, layout)
    for name, array in values.items():
        refuse_outside(name, array, days, gauges, folder)
    attrs = {"source": layout.source}
    if averaged:
        attrs["processing"] = "temperature is the mean of minimum and maximum"
    data = xr.Dataset(
        {name: (("time", "gauge"), array, series_attrs(name)) for name, array in values.items()},
        {"time": days, "gauge": gauges},
        attrs,
    )
    return data.assign(static.data_vars).assign_coords(static.coords)


def _over_area(flow: np.ndarray, static: xr.Dataset, layout: Layout) -> np.ndarray:
    """Discharge in m3 s-1 as mm d-1; ValueError without the areas of the basins."""
    if "area" not in static.coords:
        raise ValueError(
            f"the discharge of {layout.source} is in m3 s-1, and no table has the areas of its "
            f"basins: {', '.join(layout.tables)}"
        )
    return (flow * depth_of_flow(static["area"].values)).astype(np.float32)
