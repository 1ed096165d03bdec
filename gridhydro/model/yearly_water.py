"""Where the water of a run goes, year by year: what a simulation that is there already can tell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from gridhydro.base.steps import length_of
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel

CHANGE = "storage_change"
_DAYS = 366  # of a forcing that are looked at in one go


def yearly_water(
    model: CellModel, record: Forcing, means: Mapping[str, np.ndarray], starts: pd.DatetimeIndex
) -> pd.DataFrame | None:
    """A row a calendar year, columns in mm over the area of all cells: what brings water, what
    takes it, and what is left of both, the change of the water stored (storage_change).

    means   flux -> (P, N) mm d-1, means over days or months, which begin on `starts` (P,)
    None for a column of which not all fluxes are there, or whose forcing stays in its file.
    """
    column = model.column
    rows = [i for i, field in enumerate(record.fields) if field.name in column.water_in]
    if (
        not isinstance(record.values, torch.Tensor)
        or not column.water_in
        or len(rows) < len(column.water_in)
        or not set(column.water_out) <= set(means)
    ):
        return None
    times = record.times
    weight = model.domain.area / model.domain.area.sum()
    year = times.year
    table = pd.DataFrame({"year": np.unique(year)})
    count = record.steps_a_day
    table["days"] = np.bincount(year - year[0])[table["year"] - year[0]] // count
    for row in rows:
        daily = np.concatenate([
            record.block(slice(first, first + _DAYS), "cpu")[row].double().numpy() @ weight
            for first in range(0, len(times), _DAYS)
        ])  # fmt: skip
        daily = daily / count
        table[record.fields[row].name] = np.bincount(year - year[0], daily)[table["year"] - year[0]]
    ends = starts[1:].append(pd.DatetimeIndex([times[-1] + length_of(times)]))
    length = ((ends - starts) / pd.Timedelta(1, "D")).to_numpy()
    for name in column.water_out:
        sums = (means[name].astype(np.float64) @ weight) * length
        table[name] = np.bincount(starts.year - year[0], sums)[table["year"] - year[0]]
    brought = table[[record.fields[row].name for row in rows]].sum(axis=1)
    table[CHANGE] = brought - table[list(column.water_out)].sum(axis=1)
    return table
