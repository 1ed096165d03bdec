"""Land surfaces for tests: of the reference columns of HydroPy, and of a small raster."""

import numpy as np
import xarray as xr

from gridhydro.domain.domain import Domain
from gridhydro.io.hydropy import FIELDS

MONTHLY = ("fveg", "lai")
NAMES = [f"column {i:02d}" for i in range(31)]


def reference_land(path) -> tuple[Domain, xr.Dataset]:
    """Lumped basins and their land surface from columns_2001.npz."""
    columns = np.load(path)
    dims = {2: ("month", "gauge"), 1: ("gauge",)}
    fields = {
        name: (dims[columns[f"para_{name}"].ndim], columns[f"para_{name}"])
        for name in FIELDS
        if f"para_{name}" in columns
    }
    land = xr.Dataset(fields, coords={"gauge": NAMES})
    domain = Domain.of_basins(columns["para_area"] / 1e6, NAMES, latitude=columns["lat"])
    return domain, land


def flat_land(lat, lon, **changed) -> xr.Dataset:
    """A land surface (lat, lon) of plain fields; arrays or numbers in `changed` replace them."""
    values = dict(
        lsm=1.0, srftopo=100.0, topo_std=50.0, slope_avg=5e-3, wcap=200.0, wava=120.0, wmin=30.0,
        wmax=400.0, beta=0.3, fveg=0.5, lai=3.0, flake=0.0, fwetl=0.0, perm=0.0,
    )  # fmt: skip
    shape = len(lat), len(lon)
    found = {}
    for name, value in (values | changed).items():
        lead = (12,) if name in MONTHLY else ()
        value = np.reshape(value, (12, 1, 1)) if np.size(value) == 12 and lead else value
        dims = (*("month",) * len(lead), "lat", "lon")
        found[name] = (dims, np.broadcast_to(value, (*lead, *shape)).astype(float))
    return xr.Dataset(found, coords={"lat": np.asarray(lat, float), "lon": np.asarray(lon, float)})


def row_domain(lat, lon, eastward=True, crs=None, dims=("lat", "lon")) -> Domain:
    """A domain whose rivers run along the rows, in the order of the columns or against it."""
    codes = np.full((len(lat), len(lon)), 6 if eastward else 4)
    codes[:, -1 if eastward else 0] = 5
    coords = dict(zip(dims, (np.asarray(lat, float), np.asarray(lon, float)), strict=True))
    return Domain.from_d8(xr.DataArray(codes, coords, dims), "ldd", crs=crs)
