"""Tables and figures of what `python -m benchmarks.camels` left in a folder.

python -m benchmarks.camels_page --data FOLDER --runs OUT [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd
import xarray as xr

from benchmarks.camels import PERIODS, VARIANTS
from gridhydro.analysis import untrained_variables
from gridhydro.base.files import replace
from gridhydro.base.units import depth_of_flow
from gridhydro.columns import column
from gridhydro.config.load import load
from gridhydro.evaluation import metrics, plot_scores, plots
from gridhydro.evaluation.baseflow import baseflow_index
from gridhydro.evaluation.tables import compare, to_markdown

METRICS = ("nse", "kge", "correlation", "percent_bias", "fhv", "flv", "rmse_low", "rmse_high")
MAPPED = ("beta", "FC", "K2", "gamma", "route_a", "route_b")
RESULTS = Path(__file__).parent / "results" / "camels_us_400"


def folders(runs: Path, study: str, variant: str) -> list[Path]:
    """Finished jobs of a variant."""
    found = (runs / study / variant.replace(" ", "-")).glob("seed-*")
    return sorted(f for f in found if (f / "job.json").exists())


def scores(folder: Path, period: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"scores-{period}.csv", dtype={"gauge": str})


def wet(setup) -> list[str]:
    """Basins with more discharge than precipitation over the test period: an error of the data."""
    period = slice(*PERIODS["test"])
    q, p = setup.discharge.sel(time=period), setup.forcing["precipitation"].sel(time=period)
    excess = q.mean("time") > p.where(q.notnull()).mean("time")
    return [str(g) for g in excess["gauge"].values[excess.values]]


def mean_of_seeds(found: list[Path], setup) -> pd.DataFrame:
    """Scores of the mean discharge of several runs, as those of one."""
    parts = []
    for folder in found:
        with xr.open_dataset(folder / "discharge.nc") as file:
            parts.append(file["discharge"].transpose("time", "gauge").load().to_pandas())
    depth = depth_of_flow(setup.domain.gauges["network_area_km2"])
    simulated = sum(parts) / len(parts) * depth
    observed = setup.discharge.to_pandas().reindex(simulated.index)
    return metrics.table(simulated, observed[list(simulated)], "test")


def temporal(runs: Path, out: Path, setup, excluded: list[str]) -> str:
    tables = {}
    for variant in VARIANTS:
        found = folders(runs, "temporal", variant)
        for folder in found:
            name = variant if folder.name == "seed-0" else f"{variant}, {folder.name}"
            tables[name] = scores(folder, "test")
        if len(found) > 1:
            tables[f"{variant}, mean of {len(found)} seeds"] = mean_of_seeds(found, setup)
    parts = []
    for title, exclude in (
        ("all basins", None),
        (f"without the {len(excluded)} basins whose flow exceeds their rain", excluded),
    ):
        table = compare(tables, METRICS, exclude)
        parts.append(f"Medians over {title}, {'-'.join(PERIODS['test'])}:\n\n{to_markdown(table)}")
    firsts = {name: table for name, table in tables.items() if "seed" not in name}
    for metric in ("nse", "kge"):
        plots.save(plot_scores.cdf(firsts, metric), out / f"temporal-{metric}.png")
    pd.concat(t.assign(model=n) for n, t in tables.items()).round(4).to_csv(
        out / "temporal.csv", index=False
    )
    return "\n\n".join(parts)


def held_out(runs: Path, out: Path, study: str) -> str:
    """Scores of basins (regions) that no model of the fold has seen, in both periods.

    Of the folds that all models have finished.
    """
    found = {v: {f.name: f for f in folders(runs, study, v)} for v in VARIANTS}
    found = {variant: jobs for variant, jobs in found.items() if jobs}
    if not found:
        return ""
    jobs = sorted(set.intersection(*(set(jobs) for jobs in found.values())))
    if not jobs:
        return ""
    epochs = {
        v: json.loads((jobs_of[jobs[0]] / "job.json").read_text())["epochs"]
        for v, jobs_of in found.items()
    }
    parts = [f"{', '.join(jobs)}; epochs: {', '.join(f'{v} {n}' for v, n in epochs.items())}."]
    tables = {}
    for period, days in PERIODS.items():
        tables = {
            variant: pd.concat([scores(jobs_of[job], period) for job in jobs])
            for variant, jobs_of in found.items()
        }
        tables = {v: t[t["gauge_use"] == "held out"] for v, t in tables.items()}
        parts.append(
            f"Held-out basins, {'-'.join(days)}:\n\n{to_markdown(compare(tables, METRICS))}"
        )
    plots.save(plot_scores.cdf(tables, "nse"), out / f"{study}-nse.png")
    return "\n\n".join(parts)


def nobody_trained_on(runs: Path, out: Path, setup, data: Path) -> str:
    """Baseflow index, evapotranspiration and storage against what is known of them."""
    period = slice(*PERIODS["test"])
    q = setup.discharge.sel(time=period).to_pandas()
    p = setup.forcing["precipitation"].sel(time=period).to_pandas()
    index = baseflow_index(q)
    lost = p.where(q.notna()).mean() - q.mean()
    grace = None
    if (data / "camels_us_400" / "grace_twsa.nc").exists():
        grace = untrained_variables.read_storage(data / "camels_us_400" / "grace_twsa.nc")
    rows = {}
    for variant in VARIANTS:
        for folder in folders(runs, "temporal", variant)[:1]:
            if not (folder / "storage.nc").exists():
                continue
            means = pd.read_csv(folder / "untrained.csv", dtype={"gauge": str}).set_index("gauge")
            share = means["routed_baseflow"] / means["runoff"]
            bfi = untrained_variables.spatial(share, index)
            et = untrained_variables.spatial(means["actual_evapotranspiration"], lost[lost > 0])
            row = {
                "BFI correlation": bfi["correlation"], "BFI rmse": bfi["rmse"],
                "ET correlation": et["correlation"], "ET error mm d-1": et["bias"],
            }  # fmt: skip
            if grace is not None:
                row["TWSA correlation"] = storage(folder, grace)
            rows[variant] = row
            if variant in ("static", "dynamic"):
                figure = plot_scores.against(share, index, "baseflow index")
                plots.save(figure, out / f"bfi-{variant}.png")
    return to_markdown(pd.DataFrame(rows).T.rename_axis("model")) if rows else ""


def storage(folder: Path, grace: xr.DataArray) -> float:
    """Median over the basins of the correlation of monthly total storage with GRACE."""
    with xr.open_dataset(folder / "storage.nc") as file:
        simulated = file["total_storage"].load().to_pandas()
    monthly = grace.to_pandas().groupby(lambda day: day.to_period("M").to_timestamp()).mean()
    months = simulated.index.intersection(monthly.index)
    sites = [s for s in monthly if s in simulated]
    return float(simulated.loc[months, sites].corrwith(monthly.loc[months, sites]).median())


def parameters(runs: Path, out: Path, setup) -> None:
    """Maps of some parameters of a sequential and an implicit model."""
    longitude, latitude = setup.domain.lonlat
    fields = {f.name: f for f in column("hbv").parameters}
    for variant in ("static", "implicit"):
        for folder in folders(runs, "temporal", variant)[:1]:
            table = pd.read_csv(folder / "parameters.csv")
            shown = [fields[name] for name in MAPPED if name in fields]
            values = {f.name: table[f.name].to_numpy() for f in shown}
            figure = plot_scores.parameter_points(longitude, latitude, values, shown)
            plots.save(figure, out / f"parameters-{variant}.png")


def maps(runs: Path, out: Path, setup) -> None:
    longitude, latitude = (pd.Series(v, setup.domain.gauges.index) for v in setup.domain.lonlat)
    for variant in ("dynamic", "lstm"):
        for folder in folders(runs, "temporal", variant)[:1]:
            figure = plot_scores.score_map(longitude, latitude, scores(folder, "test"))
            plots.save(figure, out / f"nse-{variant}.png")


def costs(runs: Path) -> str:
    rows = []
    for job in sorted(runs.glob("*/*/*/job.json")):
        about = json.loads(job.read_text())
        study, variant, seed = job.parts[-4:-1]
        rows.append(
            dict(study=study, model=variant, job=seed, epochs=about["epochs"],
                 threads=about["threads"], seconds=about["seconds"])
        )  # fmt: skip
    return to_markdown(pd.DataFrame(rows))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.camels_page", description=__doc__)
    parser.add_argument("--domain", default="camels_us_400")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    setup = load(options.domain, options.data)
    sections = {
        "Temporal": temporal(options.runs, options.out, setup, wet(setup)),
        "Ungauged basins (PUB)": held_out(options.runs, options.out, "pub"),
        "Ungauged region (PUR)": held_out(options.runs, options.out, "pur"),
        "What nobody trained on": nobody_trained_on(options.runs, options.out, setup, options.data),
        "Cost": costs(options.runs),
    }
    maps(options.runs, options.out, setup)
    parameters(options.runs, options.out, setup)
    text = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items() if text)
    replace(options.out / "tables.md", lambda p: p.write_text(text + "\n"))
    print(text)


if __name__ == "__main__":
    main()
