"""Small raster domains with holes, attributes and series of their cells, for convolutions."""

import numpy as np
import torch
import xarray as xr

from gridhydro.domain.domain import Domain


def holed_domain(seed=0, shape=(9, 8)) -> Domain:
    """Cells that all end in themselves, some missing, with an empty row and column around."""
    cells = np.random.default_rng(seed).random(shape) < 0.6
    cells[:2] = cells[:, 0] = cells[:, -1] = False
    cells[4, 1:-1] = True
    coords = {"y": np.arange(shape[0])[::-1] * 1000.0, "x": np.arange(shape[1]) * 1000.0}
    raster = xr.DataArray(np.where(cells, 5, 0), coords, ("y", "x"))
    return Domain.from_d8(raster, "keypad", crs="EPSG:3035")


def attributes_of(domain: Domain, seed=1) -> dict[str, np.ndarray]:
    """Three attributes in units of very different size."""
    rng = np.random.default_rng(seed)
    low, high = [0, 200, 1e5], [1, 2500, 1.01e5]
    return dict(zip(("sand", "elevation", "pressure"), rng.uniform(low, high, (domain.size, 3)).T,
                    strict=True))  # fmt: skip


def series_of(domain: Domain, count=2, days=9, seed=2) -> torch.Tensor:
    """(V, T, N), float64."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(count, days, domain.size, generator=generator, dtype=torch.float64)
    return 20 + 5 * values
