"""Tables and figures of what `python -m benchmarks.camels_storage` left in a folder.

python -m benchmarks.camels_storage_page --data FOLDER --runs RUNS [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.camels_storage import DOMAIN, PERIODS, observed, read, score_storage
from gridhydro.analysis import untrained_variables
from gridhydro.evaluation import plots
from gridhydro.evaluation.baseflow import baseflow_index
from gridhydro.evaluation.plot_scores import COLOURS, DASHES
from gridhydro.evaluation.tables import to_markdown

RESULTS = Path(__file__).parent / "results" / f"{DOMAIN}_storage"
NAMES = {0.0: "discharge alone", 0.5: "both, 0.5", 1.0: "storage alone"}  # others: "both, weight"
STORED = ("nse", "centred", "correlation", "departures", "rmse", "spread")
SNOW = 0.3  # of the precipitation
SHAPES = ("beta", "FC", "LP", "gamma", "PERC", "K1", "K2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    setup, storage = read(options.data)
    seen = observed(setup, storage)
    jobs = collect(options.runs, seen)
    wet = more_flow_than_rain(setup)
    share = pd.Series(setup.attributes["frac_snow"], setup.domain.gauges.index)
    snowy = share.astype(float) >= SNOW
    options.out.mkdir(parents=True, exist_ok=True)
    sections = {
        "Medians over all basins": medians(jobs),
        f"Medians without the {len(wet)} basins whose flow exceeds their rain": medians(jobs, wet),
        "What storage in the loss changes, test period": changes(jobs, snowy),
        "Mean anomaly of the test period": drift(jobs, seen),
        "What nobody trained on, and parameters (medians), test period": beside(jobs, setup),
    }
    text = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    (options.out / "tables.md").write_text(text + "\n")
    print(text)
    plots.save(distributions(jobs), options.out / "scores.png", dpi=85)
    plots.save(series(jobs, seen, setup), options.out / "series.png", dpi=70)


def collect(runs: Path, seen: pd.DataFrame) -> dict[tuple[float, int], dict]:
    """(weight, seed) -> about, tables of discharge and storage (by site and period), series."""
    found = {}
    for file in sorted(runs.glob("weight-*/seed-*/job.json")):
        about = json.loads(file.read_text())
        tables = [pd.read_csv(file.parent / "scores-discharge.csv", dtype={"gauge": str})]
        simulated = pd.read_csv(file.parent / "storage.csv", index_col=0, parse_dates=True)
        tables.append(score_storage(simulated, seen))
        discharge, stored = (t.set_index(["period", "gauge"]) for t in tables)
        means = pd.read_csv(file.parent / "means.csv", dtype={"gauge": str}).set_index("gauge")
        found[about["weight"], about["seed"]] = dict(
            about=about, discharge=discharge, storage=stored, series=simulated, means=means
        )
    return found


def more_flow_than_rain(setup) -> list[str]:
    """Basins with more discharge than precipitation over both periods: an error of the data."""
    days = slice(PERIODS["training"][0], PERIODS["test"][1])
    q, p = setup.discharge.sel(time=days), setup.forcing["precipitation"].sel(time=days)
    excess = q.mean("time") > p.where(q.notnull()).mean("time")
    return [str(g) for g in excess["gauge"].values[excess.values]]


def medians(jobs, without=()) -> str:
    rows = []
    for period in PERIODS:
        for (weight, seed), job in jobs.items():
            q, s = (
                job[k].loc[period].drop(without, errors="ignore") for k in ("discharge", "storage")
            )
            row = {"period": period, "trained on": label(weight)}
            row |= {"seed": str(seed), "Q NSE": q["nse"].median(), "Q KGE": q["kge"].median()}
            row |= {f"S {name}": s[name].median() for name in STORED}
            rows.append(row | {"seconds": job["about"]["seconds"]})
    return to_markdown(pd.DataFrame(rows))


def gains(jobs, weight: float, seed: int, period: str = "test") -> pd.DataFrame:
    """What each basin gains in NSE of discharge and of storage (centred) by this weight."""
    job, base = jobs[weight, seed], jobs[0.0, seed]
    parts = {"discharge": ("discharge", "nse"), "storage": ("storage", "centred")}
    differences = {
        name: job[kind].loc[period, metric] - base[kind].loc[period, metric]
        for name, (kind, metric) in parts.items()
    }
    return pd.DataFrame(differences).dropna()


def changes(jobs, snowy: pd.Series) -> str:
    """Gains of basins whose precipitation is snow for a large part, and of the others."""
    groups = {f"snow {SNOW:.0%} or more": snowy, "others": ~snowy, "all": snowy | ~snowy}
    rows = []
    for weight, seed in jobs:
        if weight == 0 or (0.0, seed) not in jobs:
            continue
        gain = gains(jobs, weight, seed)
        spreads = [jobs[w, seed]["storage"].loc["test", "spread"] for w in (0.0, weight)]
        for group, members in groups.items():
            some = gain[members.reindex(gain.index)]
            row = {"trained on": label(weight), "seed": str(seed), "basins": group}
            row["number"] = len(some)
            for name in gain:
                row[f"median gain, {name}"] = some[name].median()
                row[f"better at, {name} %"] = 100 * (some[name] > 0).mean()
            row["S spread, discharge alone"], row["S spread"] = (
                s[some.index].median() for s in spreads
            )
            rows.append(row)
    return to_markdown(pd.DataFrame(rows))


def drift(jobs, seen: pd.DataFrame) -> str:
    """How far the mean of the test period is from that of the training."""
    days = slice(*PERIODS["test"])
    found = [f"GRACE {seen.loc[days].mean().median():.1f}"]
    for (weight, seed), job in jobs.items():
        mean = job["series"].loc[days].mean().median()
        found.append(f"{label(weight)}, seed {seed}: {mean:.1f}")
    return "Median over the basins, mm: " + "; ".join(found) + "."


def label(weight: float) -> str:
    return NAMES.get(weight, f"both, {weight:g}")


def beside(jobs, setup) -> str:
    days = slice(*PERIODS["test"])
    q = setup.discharge.sel(time=days).to_pandas()
    p = setup.forcing["precipitation"].sel(time=days).to_pandas()
    index = baseflow_index(q)
    lost = p.where(q.notna()).mean() - q.mean()
    rows = []
    for (weight, seed), job in jobs.items():
        means = job["means"]
        flow = untrained_variables.spatial(means["routed_baseflow"] / means["runoff"], index)
        taken = untrained_variables.spatial(means["actual_evapotranspiration"], lost[lost > 0])
        row = {"trained on": label(weight), "seed": str(seed)}
        row |= {"BFI correlation": flow["correlation"], "ET correlation": taken["correlation"]}
        row |= {"ET error mm d-1": taken["bias"]}
        rows.append(row | {name: means[name].median() for name in SHAPES})
    return to_markdown(pd.DataFrame(rows))


def distributions(jobs) -> Figure:
    """Distributions of both NSE over the basins, and what one gains against the other."""
    figure = Figure(figsize=(12.5, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    seed = min(seed for _, seed in jobs)
    shown = {w: job for (w, s), job in jobs.items() if s == seed}
    panels = ((left, "discharge", "nse", "NSE of discharge"),
              (middle, "storage", "centred", "NSE of storage, centred"))  # fmt: skip
    for axis, kind, metric, title in panels:
        for i, (weight, job) in enumerate(sorted(shown.items())):
            values = np.sort(job[kind].loc["test", metric].dropna())
            share = np.arange(1, values.size + 1) / values.size * 100
            name = f"{label(weight)}: {np.median(values):.2f}"
            axis.step(values, share, where="post", color=COLOURS[i], ls=DASHES[i], label=name)
        axis.set_xlim(-0.5, 1)
        axis.set_ylim(0, 100)
        axis.set_xlabel(title)
        axis.set_ylabel("basins / %")
        axis.grid(alpha=0.25)
        axis.legend(fontsize=8, frameon=False, loc="upper left", title="median")
    if {(0.0, seed), (0.5, seed)} <= set(jobs):
        gain = gains(jobs, 0.5, seed)
        right.axhline(0, color="0.6", lw=0.8)
        right.axvline(0, color="0.6", lw=0.8)
        right.scatter(*gain[["discharge", "storage"]].clip(-0.5, 0.5).T.to_numpy(), s=9, alpha=0.6)
        right.set_xlabel("gain in NSE of discharge, both, 0.5")
        right.set_ylabel("gain in centred NSE of storage, both, 0.5")
        right.set_title("cut to -0.5 and 0.5", fontsize=9, loc="right")
        right.grid(alpha=0.25)
    return figure


def series(jobs, seen: pd.DataFrame, setup) -> Figure:
    """Storage of two basins: those with the median, and nearly the largest gain (90 %)."""
    seed = min(seed for _, seed in jobs)
    order = gains(jobs, 0.5, seed)["storage"].sort_values()
    sites = [order.index[int(q * (len(order) - 1))] for q in (0.5, 0.9)]
    titles = setup.discharge["gauge_name"].to_series()
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    start = pd.Timestamp(PERIODS["test"][0])
    for axis, site in zip(figure.subplots(2, 1, sharex=True), sites, strict=True):
        axis.plot(seen.index, seen[site], color=plots.OBSERVED, lw=1.8, label="GRACE")
        told = []
        for i, weight in enumerate(w for w in NAMES if (w, seed) in jobs):
            job = jobs[weight, seed]
            values = job["series"][site]
            axis.plot(values.index, values, color=COLOURS[i], lw=1.2, label=NAMES[weight])
            q, s = (
                job[k].loc[("test", site), m]
                for k, m in (("discharge", "nse"), ("storage", "centred"))
            )
            told.append(f"{NAMES[weight]}: {q:.2f}, {s:.2f}")
        axis.set_title(
            f"{site} {titles[site]}   NSE of discharge, centred NSE of storage (test) - "
            + "; ".join(told),
            fontsize=8.5, loc="left",
        )  # fmt: skip
        axis.axvline(start, color="0.4", lw=0.8, ls=":")
        axis.grid(alpha=0.25)
        axis.margins(x=0.01)
    axis.annotate(" test", (start, 0.96), xycoords=("data", "axes fraction"), va="top")
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=4, frameon=False)
    figure.supylabel("anomaly of water storage / mm", fontsize=10)
    return figure


if __name__ == "__main__":
    main()
