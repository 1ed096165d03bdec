"""Sites side by side: the misfit of many parameter sets of each, in one call of the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gridhydro import hydrograph
from gridhydro.forcing import Forcing
from gridhydro.misfits import RELATIVE, misfit
from gridhydro.model import Model
from gridhydro.nets.base import MARGIN
from gridhydro.observed import observations
from gridhydro.simulate import simulate
from gridhydro.training import _training_gauges

# simulated values that are held at once
_VALUES = 2**23
# of runoff, the days before that the unit hydrograph still brings
_BEFORE = hydrograph.DAYS - 1


@dataclass(frozen=True, eq=False)
class Observed:
    """One observed series a site: `values` (L, K), NaN where there is none, of the output `name`
    in its unit; `cells` (K,) of the domain; `gauges` are their names, if they have any."""

    name: str
    cells: Tensor
    values: Tensor
    gauges: tuple[str, ...] = ()

    @classmethod
    def discharge(cls, discharge, model: Model, forcing: Forcing, days: slice, gauges=None):
        """Of lumped basins, as depth; ValueError for rasters and for gauges without any."""
        if model.domain.grid is not None:
            raise ValueError(
                "discharge at a gauge of a raster is the water of all cells above it: no cell's "
                "parameters can be searched alone. Take gridhydro.train, lumped basins, or a target"
                " that is observed on cells"
            )
        names = _training_gauges(model, gauges, ())
        device = model.area.device
        found, cells = observations(discharge, forcing.times, days, model, names, device, None)
        return cls(model.column.runoff, cells, found.values[0, days][:, cells], tuple(names))


class Sites:
    """Called with shares of the parameters' ranges (n, M, P) and places (n,) among the sites, it
    runs them all and gives their misfits (n, M)."""

    def __init__(
        self, model: Model, forcing: Forcing, seen: Observed, days: slice, spinup: int, loss: str
    ):
        self.model, self.seen, self.spinup, self.loss = model, seen, spinup, loss
        self.rows = searched(model, seen.name)
        record = slice(days.start - spinup, days.stop)
        self.weather = forcing.values[:, record][:, :, seen.cells].contiguous()
        if loss in RELATIVE:
            low, high = (seen.values.nan_to_num(end) for end in (torch.inf, -torch.inf))
            alike = low.amin(0) >= high.amax(0)
            self._refuse(alike, f"have no two different observations, which '{loss}' takes")

    @torch.no_grad()
    def __call__(self, points: Tensor, places: Tensor) -> Tensor:
        size = max(1, _VALUES // (self.weather.shape[1] * points.shape[1]))
        parts = zip(points.split(size), places.split(size), strict=True)
        return torch.cat([self._misfits(*part) for part in parts])

    def _misfits(self, points: Tensor, places: Tensor) -> Tensor:
        model, cells = self.model, self.seen.cells[places]
        all_of_them = len(places) == self.weather.shape[2]
        weather = self.weather if all_of_them else self.weather[:, :, places].contiguous()
        parameters = model.network.named(raw(model, self.rows, points.transpose(1, 2)))
        properties = model.cell_properties(cells)
        name = self.seen.name
        outputs, _ = simulate(
            model.column, weather, {f.name: parameters[f.name] for f in model.column.parameters},
            properties={f.name: properties[f.name] for f in model.column.properties},
            outputs=(name,), mean=False, scheme=model.scheme, storage=model.storage,
            backend=model.backend,
        )  # fmt: skip
        series, spinup = outputs[name], self.spinup
        if name == model.column.runoff and model.unit_hydrograph is not None:
            first = max(spinup - _BEFORE, 0)
            shares = hydrograph.ordinates(*(parameters[f.name] for f in hydrograph.SHAPE))
            series, spinup = hydrograph.convolve(series[first:], shares)[0], spinup - first
        return misfit(self.loss, series[spinup:], self.seen.values[:, places])

    def refuse_infinite(self, lowest: Tensor) -> None:
        """ValueError naming the sites (K,) at which nothing finite was found."""
        self._refuse(~lowest.isfinite(), "have no finite run: look at their forcing")

    def _refuse(self, wrong: Tensor, why: str) -> None:
        if wrong.any():
            places = wrong.nonzero().flatten().tolist()
            domain = self.model.domain
            names = ", ".join(domain.name_cell(int(self.seen.cells[p])) for p in places[:5])
            raise ValueError(f"{len(places)} of {len(wrong)} sites {why}: {names}")


def searched(model: Model, name: str) -> list[int]:
    """Which of the learned parameters an output of cells depends on; the others are left alone."""
    names = [f.name for f in model.column.parameters]
    if name == model.column.runoff and model.unit_hydrograph is not None:
        names += [f.name for f in hydrograph.SHAPE]
    rows = [row for row, f in enumerate(model.network.learned) if f.name in names]
    if not rows:
        raise ValueError(f"nothing is left to search: all parameters of '{name}' are fixed")
    return rows


def raw(model: Model, rows: list[int], shares: Tensor) -> Tensor:
    """Raw values (n, Q, M) of all learned parameters, from shares of the ranges (n, P, M) of some.

    Those left out are 0, in the middle. A bound is kept as near as the ranges allow.
    """
    values = shares.new_zeros(len(shares), len(model.network.learned), shares.shape[2])
    values[:, rows] = torch.logit(shares, MARGIN)
    return values.to(model.network.raw)


@torch.no_grad()
def put(model: Model, cells: Tensor, rows: list[int], shares: Tensor) -> None:
    """Make shares (K, P) those of the model's cells (K,)."""
    model.network.raw[cells] = raw(model, rows, shares[..., None])
