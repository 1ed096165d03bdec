"""What a model of the generated catchment found of its truth: tables, maps, months."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gridhydro.columns.column import Field
from gridhydro.evaluation import plots
from gridhydro.evaluation.plots import OBSERVED, SIMULATED, dated, one_legend
from gridhydro.io.csv_tables import write_table
from gridhydro.model.river import SECONDS, VELOCITY, flow_length
from gridhydro.model.run import Run
from gridhydro.synthetic.catchment import SyntheticCatchment
from gridhydro.synthetic.catchment_observations import RIVER
from gridhydro.synthetic.catchment_structure import Structure

FILLING = 365  # days at the start, while stores find to where they are, that are not compared


def of_fluxes(run: Run, truth: Structure, out: Path) -> pd.DataFrame:
    """A row for each flux and store: how its map of means and its months fit the true ones; writes
    recovery.csv, and recovery.png and recovery_months.png beside the other figures."""
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
    write_table(out / "recovery.csv", table)
    figure = plots.cell_maps(domain, maps[0], truth.fields, truth=maps[1], called="simulated")
    plots.save(figure, out / "figures" / "recovery.png")
    plots.save(_months(courses), out / "figures" / "recovery_months.png")
    return table


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
    """A row for each parameter: how its learned map fits the true one; writes recovery.csv and
    recovery.png. For a twin, whose truth is the model with other parameters."""
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
    write_table(out / "recovery.csv", table)
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
