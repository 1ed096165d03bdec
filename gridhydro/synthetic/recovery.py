"""What a model of the generated catchment found of its truth: tables, maps, months.

They go into the folder of the run, where its report finds them (`analysis/page/truth.py`).
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from gridhydro.analysis.page import truth as page
from gridhydro.base.files import replace
from gridhydro.columns.column import Field
from gridhydro.domain.domain import Domain
from gridhydro.evaluation import plots
from gridhydro.evaluation.plots import OBSERVED, SIMULATED, dated, one_legend
from gridhydro.io import export
from gridhydro.io.csv_tables import write_table
from gridhydro.model.river import SECONDS, VELOCITY, flow_length
from gridhydro.model.run import Run
from gridhydro.synthetic.catchment import SyntheticCatchment
from gridhydro.synthetic.catchment_observations import RIVER
from gridhydro.synthetic.catchment_structure import Structure

_OTHER = (
    "The truth is another model, HydroPy; its gauges are noisy and patchy, and its precipitation "
    "is known with errors only, as of a real catchment."
)
_TWIN = "The truth is the model itself with other parameters, and its gauges err little."
# what the comparison shows of all such worlds
OF_FLUXES = "how much water a soil holds is not told by discharge, how it changes is"
OF_PARAMETERS = "what discharge does not tell stays unknown: low values are no failure of training"
FILLING = 365  # days at the start, while stores find to where they are, that are not compared


def of_fluxes(run: Run, truth: Structure, out: Path) -> pd.DataFrame:
    """A row for each flux and store: how its map of means and its months fit the true ones; writes
    recovery.csv, recovery_months.csv and recovery.nc, and recovery.png and recovery_months.png
    beside the other figures."""
    domain, times = run.model.domain, run.record().times
    found = run.simulation(tuple(truth.series)).outputs
    months = times[FILLING:].to_period("M")
    weight = domain.area / domain.area.sum()
    maps: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = ({}, {})
    rows, courses = [], {}
    for field in truth.fields:
        pair = [found[field.name].numpy()[FILLING:], truth.series[field.name][FILLING:]]
        means = [values.mean(axis=0, dtype=np.float64) for values in pair]
        course = [pd.Series(v @ weight, times[FILLING:]).groupby(months).mean() for v in pair]
        rows.append({
            "quantity": field.long_name, "unit": field.unit,
            "correlation_map": np.corrcoef(*means)[0, 1],
            "correlation_months": np.corrcoef(*course)[0, 1],
            "mean_simulated": float(means[0] @ weight), "mean_true": float(means[1] @ weight),
        })  # fmt: skip
        for into, values in zip(maps, means, strict=True):
            into[field.name] = values
        courses[field] = course
    table = pd.DataFrame(rows)
    write_table(out / page.TABLE, table)
    write_table(out / page.MONTHS, pd.concat([_course(f, *pair) for f, pair in courses.items()]))
    _write_maps(out, domain, truth.fields, {"simulated": maps[0], "true": maps[1]})
    figure = plots.cell_maps(domain, maps[0], truth.fields, truth=maps[1], called="simulated")
    plots.save(figure, out / "figures" / "recovery.png")
    plots.save(_months(courses), out / "figures" / "recovery_months.png")
    return table


def of_world(run: Run, seed: int, twin: bool, out: Path) -> None:
    """Write what the catchment is, of this seed: that nothing in it is measured."""
    told = (
        f"A generated catchment of {run.model.domain.size} cells (seed {seed}): nothing in it is "
        f"measured. {_TWIN if twin else _OTHER}"
    )
    note = OF_PARAMETERS if twin else OF_FLUXES
    text = json.dumps({"world": told, "note": f"{note[0].upper()}{note[1:]}."}, indent=1)
    replace(out / page.WORLD, partial(Path.write_text, data=text, encoding="utf-8"))


def _course(field: Field, simulated: pd.Series, true: pd.Series) -> pd.DataFrame:
    days = simulated.index.to_timestamp().strftime("%Y-%m-%d")
    told = {"month": days, "quantity": field.long_name, "unit": field.unit}
    return pd.DataFrame({**told, "simulated": simulated.to_numpy(), "true": true.to_numpy()})


def _write_maps(out: Path, domain: Domain, fields, maps: dict[str, dict[str, np.ndarray]]) -> None:
    """Maps (of, y, x) of what was found and of the truth."""
    of = {"of": list(maps)}
    found = {
        f.name: domain.unpack(
            np.stack([m[f.name] for m in maps.values()]), f.name, f.attrs, ("of",), of
        )
        for f in fields
    }
    export.write_dataset(out / page.MAPS, xr.Dataset(found), "maps beside the true ones")


def _months(courses: dict[Field, list[pd.Series]]) -> Figure:
    """Means of months over the catchment, simulated and true, a panel for each."""
    figure = Figure(figsize=(9.5, 1.9 * len(courses) + 0.5), layout="constrained")
    panels = figure.subplots(len(courses), 1, squeeze=False).ravel()
    for axis, (field, (simulated, true)) in zip(panels, courses.items(), strict=True):
        time = simulated.index.to_timestamp()
        axis.plot(time, simulated, color=SIMULATED, lw=2.2, alpha=0.8, label="simulated")
        axis.plot(time, true, color=OBSERVED, lw=1.0, label="true")
        axis.set_title(f"{field.long_name} / {field.unit}", fontsize=9, loc="left")
        axis.margins(x=0)
        dated(axis)
    one_legend(figure, panels, len(courses))
    return figure


def of_parameters(run: Run, world: SyntheticCatchment, out: Path) -> pd.DataFrame:
    """A row for each parameter: how its learned map fits the true one; writes recovery.csv,
    recovery.nc and recovery.png. For a twin, whose truth is the model with other parameters."""
    domain, learned = run.model.domain, run.parameters
    truth = {str(n): domain.pack(world.truth[n]) for n in world.truth if n in learned}
    lag = domain.pack(world.truth["river_lag"])
    truth[VELOCITY.name] = flow_length(domain) / lag / SECONDS / RIVER.reservoirs
    rows, maps, shown = [], {}, []
    for field in run.model.fields:
        if field not in run.model.network.learned:
            continue
        values = domain.pack(learned[field.name])
        rows.append(_compare(field, values, truth[field.name]))
        maps[field.name] = values
        shown.append(field)
    table = pd.DataFrame(rows)
    write_table(out / page.TABLE, table)
    _write_maps(out, domain, shown, {"learned": maps, "true": truth})
    figure = plots.cell_maps(domain, maps, shown, truth=truth)
    plots.save(figure, out / "figures" / "recovery.png")
    return table


def _compare(field: Field, learned: np.ndarray, true: np.ndarray) -> dict:
    return {
        "parameter": field.name,
        "unit": field.unit,
        "correlation": np.corrcoef(learned, true)[0, 1],
        "mean_learned": learned.mean(),
        "mean_true": true.mean(),
    }
