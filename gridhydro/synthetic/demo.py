"""`gridhydro demo`: train on a generated catchment whose truth is known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from gridhydro.analysis.page.write import report as write_report
from gridhydro.domain.domain import Domain
from gridhydro.model.model import Model
from gridhydro.model.run import Run
from gridhydro.model.run_folder import saving
from gridhydro.nets.options import ParameterNetwork
from gridhydro.synthetic import recovery
from gridhydro.synthetic.catchment import SyntheticCatchment, make_catchment
from gridhydro.synthetic.catchment_observations import (
    KNOWN,
    RIVER,
    observe,
    observe_as_real,
    simplified,
    true_discharge,
)
from gridhydro.synthetic.catchment_structure import Structure, measured, structure
from gridhydro.training.options import Optimizer, Session
from gridhydro.training.splits import hold_out
from gridhydro.training.train import train

TRAINING, VALIDATION = ("2002", "2004"), ("2005", "2006")
# the hidden function is smooth: a small network finds it sooner than a large one
HIDDEN, LEARNING_RATE = (32,), 0.01


def demo(
    out: str | Path = "gridhydro-demo",
    *,
    epochs: int = 250,
    seed: int = 7,
    progress: bool = True,
    twin: bool = False,
) -> tuple[Run, pd.DataFrame, pd.DataFrame]:
    """Generate a catchment, train on most of its gauges, compare with the truth, write all of it.

    twin  the truth is the model itself with other parameters, and its gauges err little; otherwise
          it is another model, HydroPy's, its gauges are noisy and patchy, and its precipitation is
          not known exactly

    Returns the run, the scores (trained and held-out gauges, training and validation period) and
    the recovery table: of a twin the correlation of each learned parameter with its true map, else
    how fluxes and stores fit the true ones.
    """
    out = Path(out)
    if (out / "checkpoint").exists():
        shutil.rmtree(out / "checkpoint")  # the demo always starts anew
    domain, world, discharge, truth = experiment(seed, twin)
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
    with saving(out) as part:
        run.save(part, scores=scores, discharge=discharge)
        recovery.of_world(run, seed, twin, part)
        if truth is None:
            table = recovery.of_parameters(run, world, part)
        else:
            table = recovery.of_fluxes(run, truth, part)
    write_report(out)
    return run, scores, table


def experiment(
    seed: int, twin: bool
) -> tuple[Domain, SyntheticCatchment, pd.DataFrame, Structure | None]:
    """Domain, what a model is given of the catchment, observed discharge, and the truth of another
    structure; None for a twin, whose truth lies in the catchment."""
    world = make_catchment(seed)
    domain = Domain.from_d8(world.ldd, "ldd", gauges=world.gauges)
    if twin:
        world = simplified(world)
        return domain, world, observe(true_discharge(domain, world), seed), None
    truth = structure(domain, world)
    return domain, measured(world, seed), observe_as_real(truth.discharge, seed), truth


def report(out: Path, run: Run, scores: pd.DataFrame, table: pd.DataFrame) -> str:
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
    lines += _recovered(table)
    lines.append(f"written to {out}: metrics.csv, recovery.csv, parameters.nc and .tif, fluxes.nc,")
    lines.append("  figures (recovery.png shows found maps beside the true ones), and")
    lines.append("  report.html: map, hydrographs and scores on one page, open it in a browser")
    return "\n".join(lines)


def _recovered(table: pd.DataFrame) -> list[str]:
    """What was found of the truth, and what not."""
    if "parameter" in table:
        ordered = table.sort_values("correlation", ascending=False)
        pairs = [f"{r.parameter} {r.correlation:.2f}" for r in ordered.itertuples()]
        return [
            "correlation of learned with true parameter maps:",
            *("  " + "   ".join(pairs[i : i + 6]) for i in range(0, len(pairs), 6)),
            recovery.OF_PARAMETERS,
        ]
    title, width = (
        "beside the true ones, which another model made:",
        2 + max(map(len, table["quantity"])),
    )
    lines = [f"{title:<{width}}   map  month  bias"]
    for row in table.itertuples():
        bias = 100 * (row.mean_simulated / row.mean_true - 1)
        told = f"{row.correlation_map:5.2f}  {row.correlation_months:5.2f}  {bias:+4.0f} %"
        lines.append(f"{'  ' + row.quantity:<{width}}  {told}")
    return [*lines, recovery.OF_FLUXES]
