"""What a run of a generated world is compared with: the truth behind it, which is known."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.analysis.page.html_table import table
from gridhydro.analysis.page.layers import Layer
from gridhydro.base.damage import read_json, reading
from gridhydro.domain.domain import Domain
from gridhydro.evaluation.plots import OBSERVED, SIMULATED
from gridhydro.io.csv_tables import read_table
from gridhydro.model.run_folder import MEND

# of a run folder: a sentence on the world, how well each quantity was found, its means of the
# months (month, quantity, unit, simulated, true), and maps (of, y, x), of: what was found, and true
WORLD, TABLE = "generated.json", "recovery.csv"
MONTHS, MAPS = "recovery_months.csv", "recovery.nc"
_HEADS = {
    "correlation": "r of maps", "correlation_map": "r of maps", "correlation_months": "r of months",
    "mean_learned": "mean learned", "mean_simulated": "mean simulated", "mean_true": "mean true",
    "bias": "bias / %",
}  # fmt: skip


@dataclass
class Truth:
    """What is known of a generated world.

    world   a sentence on it, and a note on what is found of such a one
    table   a row a quantity, how it was found
    months  means over the area: month, quantity, unit, simulated, true; None where none lie there
    layers  maps of what was found, each before the true one
    """

    world: str
    note: str
    table: pd.DataFrame
    months: pd.DataFrame | None
    layers: list[Layer]


def read_truth(folder: Path, domain: Domain) -> Truth | None:
    """The truth beside a run; None of a run that has none."""
    path = folder / WORLD
    if not path.exists():
        return None
    told = read_json(path, "what a generated world is", MEND)
    months = folder / MONTHS
    return Truth(
        str(told["world"]),
        str(told.get("note", "")),
        read_table(folder / TABLE, ("unit",), ("mean_true",)),
        read_table(months, ("quantity",), ("simulated", "true"), parse_dates=["month"])
        if months.exists()
        else None,
        _layers(folder / MAPS, domain),
    )


def _layers(path: Path, domain: Domain) -> list[Layer]:
    """Both maps of each quantity in the same colours."""
    found = []
    with reading(path, "maps of a run beside true ones", MEND), xr.open_dataset(path) as data:
        for name, raster in domain.maps(data).items():
            both = [np.asarray(domain.pack(raster.sel(of=of)), float) for of in raster["of"].values]
            for of, values in zip(raster["of"].values, both, strict=True):
                found.append(Layer(
                    f"{name}_{of}", f"{raster.attrs.get('long_name', name)}, {of}",
                    str(raster.attrs.get("units", "1")), values, colours=np.concatenate(both),
                ))  # fmt: skip
    return found


def truth(found: Truth) -> str:
    """The table of what was found, and a place for the chart of each quantity."""
    shown = found.table.copy()
    first = "quantity" if "quantity" in shown else "parameter"
    mean = "mean_simulated" if "mean_simulated" in shown else "mean_learned"
    shown["bias"] = 100 * (shown[mean] / shown["mean_true"] - 1)
    what = "fluxes and stores" if first == "quantity" else "parameters that were learned"
    text = (
        f'<p class="soft">How far the {what} are the true ones: of maps it is the correlation over '
        f"the cells, and the map above shows both. {escape(found.note)}</p>"
        + table(shown.rename(columns=_HEADS), (first, "unit"), long=(first,))
    )
    if found.months is None:
        return text
    keys = "".join(
        f'<span><i class="key" style="color:{colour}"></i>{name}</span>'
        for name, colour in (("simulated", SIMULATED), ("true", OBSERVED))
    )
    charts = "".join(
        f'<div><h3>{escape(name)}</h3><div id="truth-{i}"></div></div>'
        for i, name in enumerate(dict.fromkeys(found.months["quantity"]))
    )
    return (
        f'{text}<h3>Means of the months over the catchment</h3><p class="controls soft">{keys}</p>'
        f'<div class="pair">{charts}</div>'
    )


def truth_curves(found: Truth) -> dict:
    """The charts of the months, by the element that they are drawn in."""
    if found.months is None:
        return {}
    curves = {}
    for i, (_, rows) in enumerate(found.months.groupby("quantity", sort=False)):
        lines = [
            {"name": name, "colour": colour, "width": width,
             "y": [float(f"{v:.5g}") if np.isfinite(v) else None for v in rows[name]]}
            for name, colour, width in (("simulated", SIMULATED, 2.2), ("true", OBSERVED, 1.0))
        ]  # fmt: skip
        days = (rows["month"] - pd.Timestamp(0)).dt.days
        curves[f"truth-{i}"] = {
            "x": (days * 86_400_000).tolist(), "dated": True, "high": 190,
            "unit": str(rows["unit"].iloc[0]), "lines": lines,
        }  # fmt: skip
    return curves
