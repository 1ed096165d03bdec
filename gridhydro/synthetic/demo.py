"""`gridhydro demo`: train on a generated catchment whose true parameters are known."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from gridhydro.analysis.page.write import report as write_report
from gridhydro.columns.column import Field
from gridhydro.domain.domain import Domain
from gridhydro.evaluation import plots
from gridhydro.io.csv_tables import write_table
from gridhydro.model.model import Model
from gridhydro.model.river import SECONDS, VELOCITY, flow_length
from gridhydro.model.run import Run
from gridhydro.nets.options import ParameterNetwork
from gridhydro.synthetic.catchment import SyntheticCatchment, make_catchment
from gridhydro.synthetic.catchment_observations import (
    KNOWN,
    RIVER,
    observe,
    simplified,
    true_discharge,
)
from gridhydro.training.options import Optimizer, Session
from gridhydro.training.splits import hold_out
from gridhydro.training.train import train

TRAINING, VALIDATION = ("2002", "2004"), ("2005", "2006")
# the hidden function is smooth: a small network finds it sooner than a large one
HIDDEN, LEARNING_RATE = (32,), 0.01


def demo(
    out: str | Path = "gridhydro-demo", *, epochs: int = 250, seed: int = 7, progress: bool = True
) -> tuple[Run, pd.DataFrame, pd.DataFrame]:
    """Generate a catchment, train on most of its gauges, compare with the truth, write all of it.

    Returns the run, the scores (trained and held-out gauges, training and validation period) and
    the recovery table: for each parameter the correlation of its learned with its true map.
    """
    out = Path(out)
    if (out / "checkpoint").exists():
        shutil.rmtree(out / "checkpoint")  # the demo always starts anew
    world = simplified(make_catchment(seed))
    domain = Domain.from_d8(world.ldd, "ldd", gauges=world.gauges)
    discharge = observe(true_discharge(domain, world), seed)
    model = Model(
        domain,
        attributes=world.attributes,
        network=ParameterNetwork(hidden=HIDDEN, seed=seed),
        fixed=KNOWN,
        routing=RIVER,
    )
    held_out = list(world.gauges.index[~world.gauges["train"]])
    run = train(
        model,
        world.forcing,
        discharge,
        period=hold_out(world.gauges.index, held_out, TRAINING),
        epochs=epochs,
        optimizer=Optimizer(learning_rate=LEARNING_RATE),
        checkpoints=out,
        session=Session(progress=progress),
    )
    periods = {"training": TRAINING, "validation": VALIDATION}
    scores = pd.concat([run.evaluate(discharge, p, name=name) for name, p in periods.items()])
    run.save(out, scores=scores, discharge=discharge)
    recovery = _recovery(run, world, out)
    write_report(out)
    return run, scores, recovery


def _recovery(run: Run, world: SyntheticCatchment, out: Path) -> pd.DataFrame:
    """Correlations of learned with true maps; writes recovery.csv and a figure of pairs."""
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


def report(out: Path, run: Run, scores: pd.DataFrame, recovery: pd.DataFrame) -> str:
    """The outcome in a few lines for the terminal, honest about what it is."""
    later = scores[scores["period"] == "validation"]
    trained, seconds = (later["gauge_use"] == "trained").sum(), run.history["seconds"].sum()
    lines = [
        "",
        f"a generated catchment of {run.model.domain.size} cells; nothing in it is measured",
        f"trained on {trained} gauges, {'-'.join(TRAINING)}, in {seconds:.0f} s; "
        f"scored in {'-'.join(VALIDATION)}:",
    ]
    for use, rows in later.groupby("gauge_use"):
        lines.append(
            f"  {use:9s} {len(rows):2d} gauges   median NSE {rows['nse'].median():.3f}   "
            f"KGE {rows['kge'].median():.3f}   lowest KGE {rows['kge'].min():.3f}"
        )
    lines.append("correlation of learned with true parameter maps:")
    ordered = recovery.sort_values("correlation", ascending=False)
    pairs = [f"{r.parameter} {r.correlation:.2f}" for r in ordered.itertuples()]
    lines += ["  " + "   ".join(pairs[i : i + 6]) for i in range(0, len(pairs), 6)]
    lines.append(
        "what discharge does not tell stays unknown: low values are no failure of training"
    )
    lines.append(f"written to {out}: metrics.csv, recovery.csv, parameters.nc and .tif, fluxes.nc,")
    lines.append("  figures (recovery.png shows the learned maps beside the true ones), and")
    lines.append("  report.html, which shows all of it: open it in a browser")
    return "\n".join(lines)
