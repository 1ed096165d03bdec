"""Tiles: the large areas over which storage is compared with GRACE."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse
import torch

from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import Grid, find, known_crs, nearest, spacing, transform


@dataclass(frozen=True, eq=False)
class Tiles:
    """K areas made of the cells of a domain.

    names   (K,) text, such as "4.5S 61.5W" (the centre), or the names of lumped basins
    bounds  (K, 4) west, south, east, north, degrees; NaN for lumped basins
    fraction  (K,) of the tile's area that the domain covers, in [0, 1]
    matrix  (K, N) scipy CSR, the weight of each cell's area in the mean of the tile: rows sum to 1
    """

    names: np.ndarray
    bounds: np.ndarray
    fraction: np.ndarray
    matrix: scipy.sparse.csr_array
    _copies: dict = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, domain: Domain, size_degrees: float = 3.0, minimum: float = 0.5) -> Tiles:
        """Square tiles, counted from 180 W and 90 S, that the domain covers.

        minimum  the fraction of a tile's area that has to be cells of the domain
        A cell on the edge between tiles belongs to both in parts. Weights are those of
        `domain.area`. ValueError if no tile is left, or the size does not divide the globe.
        """
        if domain.lumped:
            raise ValueError("lumped basins lie in no raster: use Tiles.of_basins")
        if domain.reaches is not None:
            raise ValueError(
                "tiles are of the cells of a raster: a vector network has none, and water storage "
                "is not compared on it"
            )
        grid, size = domain.raster_grid, float(size_degrees)
        counts = (180 / size, 360 / size) if size > 0 else (0.5, 0.5)
        if any(abs(c - round(c)) > 1e-9 for c in counts):
            raise ValueError(f"tiles of {size:g} degrees do not divide the globe: choose a divisor")
        lat, lon = ((np.arange(round(c)) + 0.5) * size for c in counts)
        earth = grid.crs if grid.geographic else known_crs("EPSG:4326")
        globe = Grid(lat - 90, lon - 180, earth)
        tile, cell, part = _pieces(domain, globe, size)
        found, rank = np.unique(tile, return_inverse=True)
        covered = part * grid.cell_area()[domain.row, domain.col][cell]
        fraction = np.bincount(rank, covered) / globe.cell_area().ravel()[found]
        kept = fraction >= minimum
        if not kept.any():
            raise ValueError(
                f"the domain covers at most {fraction.max():.0%} of a tile of {size:g} degrees, "
                f"and minimum={minimum:g} is asked for: choose smaller tiles, or a lower minimum"
            )
        area = scipy.sparse.coo_array(
            (part * domain.area[cell], (rank, cell)), shape=(found.size, domain.size)
        ).tocsr()[kept]
        row, col = np.divmod(found[kept], globe.x.size)
        centre = np.stack([globe.x[col], globe.y[row]] * 2, axis=1)
        bounds = centre + size / 2 * np.array([-1, -1, 1, 1])
        names = np.array([_name(*edges) for edges in bounds])
        return cls(names, bounds, np.minimum(fraction[kept], 1.0), _rows_to_one(area))

    @classmethod
    def of_basins(cls, domain: Domain) -> Tiles:
        """A tile for every basin of a lumped domain, named as the basin is.

        ValueError for a raster.
        """
        if not domain.lumped:
            raise ValueError("the domain is a raster: use Tiles.of")
        names = np.array(domain.gauges.index, dtype=str)
        matrix = scipy.sparse.eye_array(domain.size, format="csr")
        return cls(names, np.full((domain.size, 4), np.nan), np.ones(domain.size), matrix)

    @property
    def size(self) -> int:
        """Number of tiles."""
        return len(self.names)

    def __repr__(self) -> str:
        cells = np.unique(self.matrix.indices).size
        return f"Tiles: {self.size}, over {cells} of {self.matrix.shape[1]} cells"

    def check(self, domain: Domain) -> None:
        """ValueError if these are the tiles of another domain."""
        cells = self.matrix.shape[1]
        if cells != domain.size:
            raise ValueError(
                f"the tiles are of {cells} cells, the domain has {domain.size}: "
                "make them from this domain"
            )

    def only(self, tiles: np.ndarray, cells: np.ndarray) -> Tiles:
        """Some of the tiles over some of the cells, in this order, which all their area lies in."""
        rows = self.matrix[tiles][:, cells]
        return Tiles(self.names[tiles], self.bounds[tiles], self.fraction[tiles], rows)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Means over the tiles (R, K) of values (R, N), with gradients; a row alone: (N,) -> (K,).

        Cells outside all tiles do not matter unless they are NaN or infinite in a tile's row.
        ValueError for values of another number of cells.
        """
        if values.shape[-1] != self.matrix.shape[1] or values.ndim not in (1, 2):
            raise ValueError(
                f"values are (R, {self.matrix.shape[1]}) for these tiles, not {tuple(values.shape)}"
            )
        if values.ndim == 1:
            return self.mean(values[None])[0]
        return (self._torch(values.dtype, values.device) @ values.T).T

    def _torch(self, dtype, device) -> torch.Tensor:
        key = dtype, device
        if key not in self._copies:
            parts = (self.matrix.indptr, self.matrix.indices, self.matrix.data)
            start, cell, weight = map(torch.from_numpy, parts)
            with warnings.catch_warnings():  # torch calls CSR a beta in every process
                warnings.filterwarnings("ignore", message="Sparse")
                self._copies[key] = torch.sparse_csr_tensor(
                    start.long(), cell.long(), weight, self.matrix.shape, dtype=dtype,
                    device=device, check_invariants=False,
                )  # fmt: skip
        return self._copies[key]


def _pieces(domain, globe, size):
    """The tile, the cell and the part of the cell of every piece of a cell in a tile, (E,) each."""
    grid = domain.grid
    degrees = abs(spacing(grid.y)) * (1.0 if grid.geographic else grid.metre / 111e3)
    # points within a cell: enough to split one that an edge runs through, one if it is tiny
    count = max(1, int(np.ceil(8 * degrees / size)))
    offsets = (np.arange(count) + 0.5) / count - 0.5
    cells = np.arange(domain.size)
    keys = []
    for down in offsets * spacing(grid.y):
        for right in offsets * spacing(grid.x):
            x, y = grid.x[domain.col] + right, grid.y[domain.row] + down
            lon, lat = transform(x, y, grid.crs, globe.crs)
            row = nearest(find(globe.y, lat), globe.y.size)
            col = nearest(find(globe.x, lon, 360.0), globe.x.size)
            keys.append((row * globe.x.size + col) * domain.size + cells)
    pieces, times = np.unique(np.concatenate(keys), return_counts=True)
    tile, cell = np.divmod(pieces, domain.size)
    return tile, cell, times / count**2


def _rows_to_one(matrix) -> scipy.sparse.csr_array:
    scale = scipy.sparse.diags_array(1 / np.asarray(matrix.sum(axis=1)))
    return scipy.sparse.csr_array(scale @ matrix)


def _name(west, south, east, north) -> str:
    lat, lon = (south + north) / 2, (west + east) / 2
    return f"{abs(lat):g}{'N' if lat >= 0 else 'S'} {abs(lon):g}{'E' if lon >= 0 else 'W'}"
