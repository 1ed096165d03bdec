"""Storage from GRACE as several studies read it."""

from __future__ import annotations

import pandas as pd

import gridhydro as gh


def middles(storage: gh.StorageObservations) -> pd.DatetimeIndex:
    """The day in the middle of each solution."""
    return pd.DatetimeIndex(storage.start + (storage.end - storage.start) / 2)
