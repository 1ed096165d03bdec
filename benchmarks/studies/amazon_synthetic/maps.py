"""Maps of the generated Amazon: the truth, and what the jobs found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr


@dataclass(frozen=True)
class Found:
    """world, the folder of the truth; jobs, split -> configuration -> folder of a finished job."""

    world: Path
    jobs: dict[str, dict[str, Path]]

    @cached_property
    def truth(self) -> xr.Dataset:
        """The true parameters, (y, x) each."""
        return _loaded(self.world / "truth_parameters.nc")

    @cached_property
    def true_pet_error(self) -> xr.DataArray:
        """What Penman-Monteith lacks of the truth, (time, y, x) mm d-1."""
        return _loaded(self.world / "truth_pet_error.nc")["pet_error"]

    def parameters(self, name: str) -> xr.Dataset:
        """What a configuration learned in the temporal split."""
        return _loaded(self.jobs["temporal"][name] / "parameters.nc")

    def pet_error(self, name: str = "Hybrid(Q,S)+") -> xr.DataArray:
        """The mean error that its correction found, (y, x) mm d-1."""
        return _loaded(self.jobs["temporal"][name] / "pet_error.nc")["pet_error"]


def _loaded(path: Path) -> xr.Dataset:
    with xr.open_dataset(path) as file:
        return file.load()


def correlation(found, truth) -> float:
    """Over the cells that both have; NaN where what is found is the same everywhere."""
    a, b = (np.asarray(v, float).ravel() for v in (found, truth))
    there = np.isfinite(a) & np.isfinite(b)
    if not there.any() or np.ptp(a[there]) == 0:
        return np.nan
    return float(np.corrcoef(a[there], b[there])[0, 1])
