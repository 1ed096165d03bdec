"""Check of a model's input before it is run: all that a run would refuse."""

from __future__ import annotations

import xarray as xr

from gridhydro.columns import column as column_named
from gridhydro.columns.column import Column
from gridhydro.domain.check import Report
from gridhydro.domain.domain import Domain
from gridhydro.inputs.forcing import Forcing


def check(domain: Domain, forcing: xr.Dataset | Forcing, column: str | Column = "hbv") -> Report:
    """Report of the domain's own findings, and of what a run of the column refuses of `forcing`.

    forcing  Dataset (time, y, x), of lumped basins (time, gauge), as for `gridhydro.train`; or a
             `Forcing`, whose values were checked when it was read
    """
    return domain.report + Forcing.check(forcing, domain, column_named(column))
