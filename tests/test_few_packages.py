"""Models run on tensors where the packages of rasters, files and figures are not installed."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys

MISSING = {
    "rioxarray", "rasterio", "affine", "pyflwdir", "pyproj", "geopandas", "shapely", "netCDF4",
    "zarr", "h5py", "scipy", "matplotlib", "safetensors", "tqdm",
}


class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ImportError(f"'{name}' is not to be had here")


sys.meta_path.insert(0, Refuse())
import numpy as np
import torch
import xarray

import gridhydro as gh

hbv = gh.COLUMNS["hbv"]
forcing = torch.rand(3, 30, 4) * 10
values = {f.name: torch.full((4,), sum(f.range) / 2).requires_grad_() for f in hbv.parameters}
values["beta"] = torch.tensor([1.5, 2.0, 2.5, 3.0]).requires_grad_()
outputs, _ = gh.simulate("hbv", forcing, values, outputs=("runoff",))

# a confluence, a river behind it, water that leaves
network, order = gh.Network.from_downstream(np.array([2, 2, 3, -1]))
lag = torch.tensor(0.5).requires_grad_()
discharge, _ = gh.route(outputs["runoff"][:, order], network, lag, 2)
discharge.sum().backward()
assert values["beta"].grad.abs().min() > 0 and lag.grad.abs() > 0

domain = gh.Domain.of_basins([100.0, 200.0, 300.0, 400.0], ["a", "b", "c", "d"])
attributes = {"slope": np.array([0.1, 0.5, 0.2, 0.9])}
model = gh.Model(domain, "hbv", attributes, routing=gh.UnitHydrograph())
model.fit_inputs(forcing)
model(forcing).discharge.sum().backward()
assert all(weight.grad.isfinite().all() for weight in model.parameters())

try:
    xarray.DataArray([[1.0]], dims=("y", "x")).rio
except AttributeError:
    pass
else:
    raise AssertionError("rioxarray was there")
"""


@pytest.mark.end_to_end
def test_models_run_on_tensors_without_packages_for_rasters_and_files():
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
