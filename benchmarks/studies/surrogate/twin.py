"""Parameters learned through a surrogate of a model that hides them: weather, truth, scores.

The weather is that of CAMELS-US basins. The model itself makes the truth, from parameters that
are functions of the basins' attributes and, to a third, of nothing that is told. Surrogates are
sampled, and parameters learned, at some of the basins; all are scored, and always by runs of the
model itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

import gridhydro as gh
from gridhydro import io
from gridhydro.columns.column import Field
from gridhydro.inputs import basins
from gridhydro.surrogate.sampling import within

ATTRIBUTES = ("aridity", "p_seasonality", "slope_mean", "frac_forest", "sand_frac", "soil_porosity")
RECORD = ("1985", "1998")  # the model's own spin-up is in the function
SAMPLED = ("1987", "1992")
TRAINING, TEST = ("1989", "1992"), ("1994", "1998")
SPREAD = 2.0  # of a hidden parameter before the sigmoid that brings it into its range
UNTOLD = 1 / 3  # fraction of its variance that attributes do not tell


@dataclass(frozen=True)
class BlackBox:
    """A model as a surrogate is made of it, and what its parameters are learned from.

    function  many runs in one call, see `gridhydro.surrogate.sample`
    targets   name of a training -> the outputs that it is given; "runoff" as discharge
    fixed     of the model's own column, where it has one, beside the parameters
    """

    name: str
    function: Callable
    parameters: tuple[Field, ...]
    outputs: tuple[Field, ...]
    targets: Mapping[str, tuple[str, ...]]
    frozen: float = 1.0  # largest fraction of snow in the precipitation of a basin
    noise: float = 0.03  # of observed fractions, as SMAP's; a tenth of runoff
    column: str | None = None
    fixed: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Twin:
    """Basins with weather, attributes and the truth, (time, gauge).

    trained  those that surrogates are sampled from and parameters learned at
    """

    domain: gh.Domain
    attributes: dict
    forcing: xr.Dataset
    hidden: dict[str, np.ndarray]
    truth: xr.Dataset
    observed: xr.Dataset
    trained: list[str]

    @property
    def split(self) -> gh.Split:
        """Trained on these basins, tested on the others, in another period."""
        others = [name for name in self.domain.gauges.index if name not in self.trained]
        return gh.splits.hold_out(self.domain.gauges.index, others, TRAINING, TEST)


def make_twin(
    box: BlackBox, data: Path, count: int = 100, trained: float = 0.8, seed: int = 0
) -> Twin:
    """The truth at so many basins, spread over those that the model is for; `trained` is the
    fraction of them that is trained on."""
    folder, random = data / "camels_us_400", np.random.default_rng(seed)
    found = io.read_basins(folder / "timeseries.nc", attributes=folder / "attributes.csv")
    found = found.sel(time=slice(*RECORD))
    found = found.isel(gauge=np.flatnonzero(found["frac_snow"].values <= box.frozen))
    found = found.isel(gauge=np.linspace(0, found.sizes["gauge"] - 1, count).astype(int))
    parts = basins.of_dataset(found, "hbv", attributes=ATTRIBUTES, pet="oudin")
    known = np.stack([parts.attributes[name] for name in ATTRIBUTES])
    known = (known - known.mean(1, keepdims=True)) / known.std(1, keepdims=True)
    hidden = {}
    for field in box.parameters:
        told, untold = random.standard_normal(len(known)) @ known, random.standard_normal(count)
        mixed = (1 - UNTOLD) ** 0.5 * told / told.std() + UNTOLD**0.5 * untold
        hidden[field.name] = within(field, 1 / (1 + np.exp(-SPREAD * mixed)))
    forcing = parts.forcing.load()
    truth = run(box, forcing, hidden)
    observed = truth.copy()
    for field in box.outputs:
        error = random.standard_normal(truth[field.name].shape)
        size = box.noise if field.unit == "1" else 0.1 * truth[field.name]
        observed[field.name] = (
            (truth[field.name] + size * error).clip(min=0).assign_attrs(units=field.unit)
        )
    names = [str(g) for g in found["gauge"].values]
    some = sorted(random.choice(count, round(trained * count), replace=False))
    return Twin(
        parts.domain, parts.attributes, forcing, hidden, truth, observed, [names[k] for k in some]
    )


def run(box: BlackBox, forcing: xr.Dataset, parameters: Mapping[str, np.ndarray]) -> xr.Dataset:
    """The model itself at every basin, outputs (time, gauge)."""
    found = box.function(forcing.rename(gauge="run"), parameters)
    return xr.Dataset(
        {f.name: (("time", "gauge"), found[f.name], f.attrs) for f in box.outputs},
        {"time": forcing["time"], "gauge": forcing["gauge"]},
    )
