"""A file of GRACE as GSFC writes it on its own mascons: two bands of unequal width."""

from pathlib import Path

import netCDF4
import numpy as np

# cm, (mascon, solution)
VALUES = np.outer(np.arange(1, 7), np.sin(np.arange(4)) * 10)


def write_native_mascons(path: Path) -> None:
    """Four in the south, of which the third is water, two in the north; four solutions."""
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("one", 1), ("mascons", 6), ("times", 4)):
            file.createDimension(name, size)
        for name, row in {
            "mascon/lat_center": [-0.5] * 4 + [0.5] * 2, "mascon/lat_span": [1.0] * 6,
            "mascon/lon_center": [45.0, 135, 225, 315, 0, 180],
            "mascon/lon_span": [90.0] * 4 + [180.0] * 2,
            "mascon/location": [80, 80, 90, 80, 80, 80],
            "time/ref_days_first": [95, 123, 213, 244], "time/ref_days_last": [120, 137, 243, 273],
        }.items():  # fmt: skip
            group, variable = name.split("/")
            dims = ("one", "mascons" if group == "mascon" else "times")
            file.createGroup(group).createVariable(variable, "f8", dims)[:] = [row]
        solution = file.createGroup("solution").createVariable("cmwe", "f8", ("mascons", "times"))
        solution[:] = VALUES
