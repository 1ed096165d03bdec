"""Texts as files of NetCDF keep them."""

from __future__ import annotations

import xarray as xr


def text_encoding(data: xr.Dataset) -> dict[str, dict]:
    """Name -> encoding of each variable of texts, as characters of one length.

    HDF5 crashes on texts of any length when a file that has them is open twice, as a notebook that
    looks at a file has it open.
    """
    return {str(name): {"dtype": "S1"} for name, v in data.variables.items() if _of_texts(v)}


def _of_texts(variable: xr.Variable) -> bool:
    # where there are none, there is no length
    if variable.dtype.kind not in "OUT" or not variable.size:
        return False
    return all(isinstance(text, str) for text in variable.values.ravel())
