"""How well a basin would be simulated with other values of two parameters: a surface of KGE.

What Song et al. (2024, doi:10.5194/hess-28-3051-2024, figures 8 and A3) draw to see what a scheme
does to the parameters that are learned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gridhydro.base.arguments import names as names_of
from gridhydro.base.arguments import one_of, required, whole
from gridhydro.base.periods import as_texts
from gridhydro.evaluation import metrics
from gridhydro.model.model import Model
from gridhydro.model.run import Run
from gridhydro.model.scored import WARMUP
from gridhydro.observations.discharge import discharge_table

REACH = 0.25  # of the bounds of a parameter, to either side


@torch.no_grad()
def kge_surface(
    run: Run, discharge, gauge: str, period: tuple[str, str],
    parameters: Sequence[str] = ("FC", "beta"), values: int = 15,
) -> xr.DataArray:  # fmt: skip
    """KGE of a lumped basin over two of its parameters, (values, values), no unit.

    All days and parallel sets of a parameter are shifted from what the network gives by the same
    amount, up to a quarter of its bounds to either side, and end at its bounds. The coordinates
    are the means over days and sets in the period, in the parameter's unit; `chosen`, an attribute,
    has those without a shift, which lie in the middle where `values` is odd. Each run begins with
    empty stores up to a year before the period.
    ValueError for a raster, a gauge or parameter that is not there, and one that is not learned.
    """
    model, record = run.model, run.record()
    if not (isinstance(model, Model) and model.domain.lumped):
        raise ValueError("surfaces of KGE are of lumped basins with a column")
    model.refuse_steps("a surface of KGE")
    count, days = whole("values", values, 2), record.between(*as_texts(period))
    observed = discharge_table(discharge, model.domain)
    one_of("gauge", gauge, [name for name in model.domain.gauges.index if name in observed])
    learned = {field.name: field for field in model.network.learned}
    first, second = (one_of("parameter", n, learned) for n in names_of("parameters", parameters))
    cell = torch.tensor([list(model.domain.gauges.index).index(gauge)])
    begin, before = max(days.start - WARMUP, 0), min(days.start, WARMUP)
    weather = record.window(torch.tensor([begin]), days.stop - begin, cell, torch.device("cpu"))
    model = model.cpu().eval()
    given = model.cell_parameters(weather, cell)
    axes = {
        name: _shifted(given[name], learned[name], count, before) for name in (first, second)
    }  # fmt: skip
    # a lane for each point: rows of the first parameter, columns of the second
    lanes = count * count
    row, column = torch.arange(lanes) // count, torch.arange(lanes) % count
    taken = {name: _lanes(one, lanes) for name, one in given.items()}
    taken[first], taken[second] = axes[first][0][..., row, :], axes[second][0][..., column, :]
    found = model.run(
        weather.expand(-1, -1, lanes).contiguous(), None, (), taken, cell.expand(lanes).contiguous()
    )
    simulated = required("discharge", found.discharge)[before:].numpy().astype(float)
    series = observed[gauge].reindex(record.times[days]).to_numpy(float)
    scores = [metrics.kge(simulated[:, k], series) for k in range(lanes)]
    coords = {
        name: (name, means, {"units": learned[name].unit, "long_name": learned[name].long_name})
        for name, (_, means, _) in axes.items()
    }
    attrs = dict(
        long_name="Kling-Gupta efficiency", units="1", gauge=gauge,
        chosen=[float(axes[name][2]) for name in (first, second)],
    )  # fmt: skip
    shaped = np.reshape(scores, (count, count))
    return xr.DataArray(shaped, coords, (first, second), "kge", attrs)


def _lanes(values: torch.Tensor, lanes: int) -> torch.Tensor:
    """A parameter (1, M) or (T, 1, M) of every lane."""
    shape = (*values.shape[:-2], lanes, values.shape[-1])
    return values.expand(shape).contiguous()


def _shifted(given: torch.Tensor, field, count: int, before: int):
    """A parameter with each shift, (count, M) or (T, count, M), their means in the days behind
    those `before`, and the mean without a shift."""
    low, high = field.bounds
    shifts = torch.linspace(-REACH, REACH, count)[:, None] * (high - low)
    shifted = (given + shifts).clamp(low, high)
    scored = shifted[before:].mean(0) if shifted.ndim == 3 else shifted
    own = given[before:] if given.ndim == 3 else given
    return shifted.contiguous(), scored.mean(-1).numpy().astype(float), own.mean()


def figure(surfaces: Sequence[xr.DataArray]) -> Figure:
    """A panel for each surface, of one model: contours of KGE, the network's values as a circle."""
    across = min(len(surfaces), 4)
    down = -(-len(surfaces) // across)
    shown = Figure(figsize=(3.1 * across + 0.6, 3.0 * down), layout="constrained")
    panels = shown.subplots(down, across, squeeze=False).ravel()
    for axis, surface in zip(panels, surfaces, strict=False):
        first, second = surface.dims
        drawn = axis.contourf(surface[first], surface[second], surface.T, levels=12, cmap="viridis")
        shown.colorbar(drawn, ax=axis, shrink=0.9).set_label("KGE / no unit", fontsize=8)
        axis.plot(*surface.attrs["chosen"], "o", mfc="none", mec="white", ms=9, mew=1.6)
        axis.set_title(f"gauge {surface.attrs['gauge']}", fontsize=10)
        for name, label in ((first, axis.set_xlabel), (second, axis.set_ylabel)):
            unit = surface[name].attrs["units"]
            label(f"{name} / {unit if unit != '1' else 'no unit'}")
        axis.xaxis.set_major_locator(MaxNLocator(5))
    for axis in panels[len(surfaces) :]:
        axis.remove()
    return shown
