"""Areas that end at gauges: all cells upstream of one, or those between it and the next ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from gridhydro.base.arguments import names as texts
from gridhydro.domain.domain import Domain
from gridhydro.domain.network import follow
from gridhydro.domain.tiles import Tiles


@dataclass(frozen=True, eq=False)
class Regions:
    """K regions of a domain of N cells and G gauges.

    names    (K,) the gauge that each region drains to
    cells    (K, N) scipy CSR, 1 where a cell is in a region
    gauges   (K, G) scipy CSR, what flows out: 1 for the gauge that a region drains to, -1 for those
             that flow into it
    area     (K,) m2, of land
    between  whether regions end at the next gauges upstream
    """

    names: np.ndarray
    cells: scipy.sparse.csr_array
    gauges: scipy.sparse.csr_array
    area: np.ndarray
    between: bool

    @classmethod
    def of(
        cls, domain: Domain, gauges: Sequence[str] | None = None, between: bool = False
    ) -> Regions:
        """Regions of these gauges (names; all of the domain if left out).

        between  each only down from the next gauges among them. ValueError where two of them lie in
                 one cell, or a gauge is not known
        """
        known = [str(name) for name in domain.gauges.index]
        names = known if gauges is None else texts("gauges", gauges)
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            what = f"no gauge is called '{unknown[0]}'" if unknown else "no gauge is named"
            raise ValueError(f"{what}; the domain has {', '.join(known) or 'none'}")
        rank = np.array([known.index(name) for name in names])
        outlets, count = domain.gauge_cells[rank], len(names)
        out = (np.arange(count), rank)
        if between:
            row, cell, into, above = _between(domain, outlets, names)
            parts = np.concatenate([out[0], into]), np.concatenate([out[1], rank[above]])
            signs = np.repeat([1.0, -1.0], [count, into.size])
        else:
            upstream = [domain.network.upstream_cells(outlet) for outlet in outlets]
            row = np.repeat(np.arange(count), [len(found) for found in upstream])
            cell, parts, signs = np.concatenate(upstream), out, np.ones(count)
        cells = _matrix(np.ones(cell.size), (row, cell), (count, domain.size))
        flows = _matrix(signs, parts, (count, len(known)))
        return cls(np.array(names, object), cells, flows, cells @ domain.area, between)

    def __repr__(self) -> str:
        kind = "between gauges" if self.between else "upstream of gauges"
        return f"Regions: {len(self.names)} {kind}, {self.area.min() / 1e6:.0f} km2 and more"

    def depth(self, volume: np.ndarray, cells=slice(None)) -> np.ndarray:
        """Mean depth (K,) mm of volumes m3 in all cells, or in those of `cells` (others have 0)."""
        return self.cells[:, cells] @ volume / self.area * 1000

    def outflow(self, volume: np.ndarray, gauges=slice(None)) -> np.ndarray:
        """Depth (K,) mm of what flows out, of volumes m3 at all gauges, or at those of `gauges`.

        NaN where the volume at a gauge of the region is.
        """
        return self.gauges[:, gauges] @ volume / self.area * 1000

    def tiles(self, domain: Domain) -> Tiles:
        """The same areas as tiles, for what is averaged over them."""
        weights = scipy.sparse.csr_array(
            scipy.sparse.diags_array(1 / self.area)
            @ self.cells
            @ scipy.sparse.diags_array(domain.area)
        )
        count = len(self.names)
        return Tiles(self.names.astype(str), np.full((count, 4), np.nan), np.ones(count), weights)


def _between(domain: Domain, outlets: np.ndarray, names: list[str]):
    """Pairs (region, its cell) and pairs (region, gauge that flows into it)."""
    order = np.argsort(outlets, kind="stable")
    twice = np.flatnonzero(np.diff(outlets[order]) == 0)
    if twice.size:
        one, other = names[order[twice[0]]], names[order[twice[0] + 1]]
        raise ValueError(
            f"the gauges {one} and {other} lie in one cell, with nothing between them: name one "
            "of them"
        )
    cut = domain.network.downstream.copy()
    cut[outlets] = -1
    region = np.full(domain.size, -1)
    region[outlets] = np.arange(outlets.size)
    region = region[follow(cut)[0]]  # of the first gauge that a cell drains to; -1: of none
    below = domain.network.downstream[outlets]
    into = np.where(below < 0, -1, region[below])
    inside, above = np.flatnonzero(region >= 0), np.flatnonzero(into >= 0)
    return region[inside], inside, into[above], above


def _matrix(values, places, shape) -> scipy.sparse.csr_array:
    return scipy.sparse.coo_array((values, places), shape=shape).tocsr()
