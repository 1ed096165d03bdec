"""Check of a model's input before it is run: all that a run would refuse."""

from __future__ import annotations

from types import SimpleNamespace

import torch
import xarray as xr

from gridhydro.base.units import depth_of_flow
from gridhydro.columns import column as column_named
from gridhydro.columns.column import Column
from gridhydro.domain.check import Report
from gridhydro.domain.domain import Domain
from gridhydro.inputs.forcing import Forcing
from gridhydro.observations import runoff_ratio
from gridhydro.observations.discharge import discharge_table


def check(
    domain: Domain, forcing: xr.Dataset | Forcing, column: str | Column = "hbv", discharge=None
) -> Report:
    """Report of the domain's own findings, and of what a run of the column refuses of `forcing`.

    forcing    Dataset (time, y, x), of lumped basins (time, gauge), as for `gridhydro.train`; or a
               `Forcing`, whose values were checked when it was read
    discharge  observed, as for `gridhydro.train`: its values, and its mean against precipitation
    """
    column = column_named(column)
    found = domain.report + Forcing.check(forcing, domain, column)
    return found if discharge is None else found + _of_discharge(domain, forcing, column, discharge)


def _of_discharge(domain: Domain, forcing, column: Column, discharge) -> Report:
    """What training refuses of observed discharge, and what deserves a look."""
    rain = [f for f in column.forcings if f.name in column.water_in and f.unit == "mm d-1"]
    try:
        table = discharge_table(discharge, domain)
        gauges = list(domain.gauges.index)
        if not set(gauges) & set(table.columns):
            raise ValueError(
                f"there is no discharge of the gauges {', '.join(gauges[:5])}; it has "
                f"{', '.join(table.columns[:5])}: name them alike"
            )
    except ValueError as error:
        return Report(errors=[str(error)])
    try:
        weather = Forcing.read(forcing, domain, SimpleNamespace(forcings=tuple(rain)))
    except ValueError:
        return Report()  # of the forcing, where it is an error already
    table = table.reindex(index=weather.times, columns=gauges)
    depth = table * depth_of_flow(domain.gauges["network_area_km2"])
    observed = Forcing(weather.times, torch.tensor(depth.to_numpy(float, copy=True))[None])
    days = slice(0, len(weather.times))
    return runoff_ratio.report(observed, weather, rain, column.water_in, domain, days)
