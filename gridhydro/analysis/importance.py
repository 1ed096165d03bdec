"""Importance of attributes to the parameterization network: expected gradients.

Erion et al. (2021, doi:10.1038/s42256-021-00343-w): the attribution of an attribute to a parameter
in a cell is the mean of (x - x') df/dx at points drawn on the line between the cell's attributes x
and those x' of cells drawn at random. Summed over the attributes it is how far the cell's parameter
is from the mean. Captum's GradientShap is this method.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.base.arguments import seed_of, whole
from gridhydro.base.progress import progress_bar
from gridhydro.model.model import Model
from gridhydro.nets import Parameterization

# rows that a network reads at once: cells x draws
ROWS = 2**18


@dataclass(frozen=True)
class Draws:
    """The random points of expected gradients.

    count  for each cell; the error falls with their root
    seed   the same gives the same
    """

    count: int = 200
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "count", whole("draws", self.count, 1))
        object.__setattr__(self, "seed", seed_of(self.seed))


def expected_gradients(
    model: Model, draws: Draws = Draws(), *, progress: bool = True
) -> xr.Dataset:
    """Attributions of every attribute to every learned parameter, in fractions of its range.

    attribution (parameter, attribute, y, x), (parameter, attribute, gauge) for lumped basins, is
    that of each cell; importance (parameter, attribute) its mean absolute value over the cells. The
    unit is the range of the parameter, of logarithms where it is learned so: 0.1 is a tenth of it.
    Components are averaged. ImportError without captum; ValueError for a network that reads the
    weather, or no attributes.
    """
    shap = _captum()
    network, attributes = _fully_connected(model.network), model.attributes
    cells = torch.arange(len(attributes)).split(max(1, ROWS // draws.count))
    found = np.empty((len(network.learned), len(network.names), len(attributes)), np.float32)
    model.eval()
    with _seeded(draws.seed):
        method = shap(Position(network))
        rows = range(len(found))
        for row in progress_bar(rows, desc="expected gradients", unit="parameter", shown=progress):
            for part in cells:
                given = method.attribute(
                    attributes[part], baselines=attributes, n_samples=draws.count,
                    stdevs=0.0, additional_forward_args=(row,),
                )  # fmt: skip
                found[row][:, part] = given.detach().T.cpu().numpy()
    return _dataset(model, network, found)


class Position(torch.nn.Module):
    """Attributes (N, A) -> where a parameter lies in its range, from 0 to 1, summed over the cells.

    Captum takes gradients of every cell's value; those of their sum are the same, and one.
    """

    def __init__(self, network: Parameterization):
        super().__init__()
        self.network = network

    def forward(self, attributes, row: int):
        network, ranges = self.network, self.network.ranges
        theta = network(attributes)[network.learned[row].name]
        theta = torch.log(theta) if ranges.logarithmic[row] else theta
        return ((theta - ranges.low[row]) / ranges.span[row]).mean(-1).sum().reshape(1)


def _captum():
    try:
        from captum.attr import GradientShap
    except ImportError as error:
        raise ImportError(
            "expected gradients need captum: pip install 'gridhydro[analyses]'"
        ) from error
    return GradientShap


def _fully_connected(network) -> Parameterization:
    """The network; ValueError for one of another kind."""
    if network.reads_weather:
        raise ValueError(
            "this network reads its parameters off the weather too: expected gradients are of "
            "networks that read attributes alone"
        )
    if type(network) is not Parameterization:
        raise ValueError(
            f"{type(network).__name__} does not read the attributes of one cell at a time: "
            "expected gradients are of fully connected networks"
        )
    return network


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The global generators of torch and numpy, which captum draws from, left as they were."""
    before = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)


def _dataset(model: Model, network: Parameterization, found: np.ndarray) -> xr.Dataset:
    names = {
        "parameter": np.array([field.name for field in network.learned], object),
        "attribute": np.array(network.names, object),
    }
    unit = {"units": "1"}
    maps = model.domain.unpack(
        found, "attribution", unit | {"long_name": "expected gradient, fraction of the range"},
        tuple(names), names,
    )  # fmt: skip
    importance = np.abs(found).mean(-1, dtype=np.float64)
    about = unit | {
        "long_name": "mean absolute expected gradient, fraction of the parameter's range"
    }
    result = xr.Dataset({"importance": (tuple(names), importance, about), "attribution": maps})
    return result.assign_attrs(title="expected gradients of the parameterization network")


def table(importance: xr.Dataset) -> pd.DataFrame:
    """Attributes by parameters, the attribute that counts most over all parameters first."""
    values = importance["importance"].transpose("attribute", "parameter").to_pandas()
    return values.loc[values.sum(axis=1).sort_values(ascending=False).index]
