"""Tables and figures of what the two studies of surrogates left in their folders.

python -m benchmarks.surrogate_page --runs FOLDER [FOLDER] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.dates import DateFormatter, MonthLocator
from matplotlib.figure import Figure

from gridhydro.evaluation import plots
from gridhydro.evaluation.tables import to_markdown
from gridhydro.surrogate import Runs, load

RESULTS = Path(__file__).parent / "results" / "surrogate"
COLOURS = {"hidden": "0.3", "surrogate": "#c8553d", "adjoint": "#1f5f99"}
RUNS = 3  # shown as series


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    text = []
    for folder in options.runs:
        cost = json.loads((folder / "cost.json").read_text())
        name = load(folder / "surrogate").label
        scores, maps = (pd.read_csv(folder / f"{n}.csv", dtype={"gauge": str}, na_filter=False)
                        for n in ("scores", "maps"))  # fmt: skip
        fidelity = pd.read_csv(folder / "fidelity.csv")
        tables = {"fidelity": fidelity, "scores": _wide(scores), "maps": correlations(maps)}
        for kind, table in tables.items():
            table.round(4).to_csv(options.out / f"{name}-{kind}.csv", index=False)
            text.append(f"## {name}: {kind}\n\n{to_markdown(table)}")
        text.append(f"## {name}: cost\n\n{json.dumps(cost)}")
        plots.save(parameters(maps), options.out / f"{name}-parameters.png", dpi=70)
        plots.save(series(folder), options.out / f"{name}-series.png", dpi=70)
    (options.out / "tables.md").write_text("\n\n".join(text) + "\n")
    print("\n\n".join(text))


def _wide(scores: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds: a row for each way, training and group of sites, NSE of each output."""
    scores = scores.assign(nse=scores["nse"].astype(float))
    keys = ["target", "way", "run", "sites"]
    table = scores.groupby([*keys, "output"])["nse"].mean().unstack("output")
    return table.reset_index()


def correlations(maps: pd.DataFrame) -> pd.DataFrame:
    """Of each parameter over all sites: between ways, with the truth, between seeds of a way."""
    names = [c for c in maps if c not in ("way", "target", "seed", "gauge", "seen")]
    held = {
        key: part.set_index("gauge")[names].astype(float)
        for key, part in maps.groupby(["way", "target", "seed"])
    }
    hidden = held.pop(next(key for key in held if key[0] == "hidden"))
    rows = []
    for target in sorted({key[1] for key in held}):
        found = {(way, seed): v for (way, t, seed), v in held.items() if t == target}
        ways = sorted({way for way, _ in found})
        pairs = {f"{way} and truth": [(v, hidden) for (w, _), v in found.items() if w == way]
                 for way in ways}  # fmt: skip
        for way in ways:
            seeds = [v for (w, _), v in found.items() if w == way]
            pairs[f"{way}, two seeds"] = list(pairwise(seeds))
        if len(ways) == 2:
            pairs["surrogate and adjoint"] = [
                (found["surrogate", seed], v) for (w, seed), v in found.items() if w == "adjoint"
            ]
        for label, both in pairs.items():
            if both:
                r = {n: np.mean([np.corrcoef(a[n], b[n])[0, 1] for a, b in both]) for n in names}
                rows.append({"target": target, "between": label, **r})
    return pd.DataFrame(rows)


def parameters(maps: pd.DataFrame) -> Figure:
    """What was learned at each site against the truth: a column a parameter, a row a training."""
    names = [c for c in maps if c not in ("way", "target", "seed", "gauge", "seen")]
    hidden = maps[maps["way"] == "hidden"].set_index("gauge")
    targets = [t for t in maps["target"].unique() if t]
    figure = Figure(figsize=(2.1 * len(names), 2.3 * len(targets) + 0.4), layout="constrained")
    panels = figure.subplots(len(targets), len(names), squeeze=False)
    for row, target in zip(panels, targets, strict=True):
        for panel, name in zip(row, names, strict=True):
            for way in ("adjoint", "surrogate"):
                part = maps[(maps["way"] == way) & (maps["target"] == target)]
                part = part[part["seed"].astype(int) == 0].set_index("gauge")
                if len(part):
                    panel.plot(hidden[name], part.loc[hidden.index, name], ".", ms=3.5,
                               color=COLOURS[way], label=way)  # fmt: skip
            ends = [hidden[name].min(), hidden[name].max()]
            panel.plot(ends, ends, color="0.6", lw=0.8, zorder=0)
            panel.tick_params(labelsize=7)
            panel.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel(f"learned from\n{target}", size=8)
    for panel, name in zip(panels[0], names, strict=True):
        panel.set_title(name, size=8, loc="left")
    panels[0, 0].legend(fontsize=7, frameon=False)
    figure.supxlabel("hidden", size=8)
    return figure


def series(folder: Path) -> Figure:
    """Runs that the surrogate has not seen, beside the model: those in the middle of the scores."""
    emulator, runs = load(folder / "surrogate"), Runs.read(folder / "runs.nc")
    _, unseen = runs.split(0.1, 0)
    unseen = unseen.select(np.arange(min(60, unseen.size)))
    found = emulator.predict(unseen)
    days = slice(730, 730 + 730)
    figure = Figure(figsize=(11, 2.1 * len(emulator.fluxes)), layout="constrained")
    panels = figure.subplots(len(emulator.fluxes), RUNS, squeeze=False, sharex=True)
    for row, field in zip(panels, emulator.fluxes, strict=True):
        truth, ours = unseen.series(field)[days], found[field.name].values[days]
        error = ((ours - truth) ** 2).sum(0) / ((truth - truth.mean(0)) ** 2).sum(0)
        order = np.argsort(error)
        chosen = order[np.round(np.array([0.1, 0.5, 0.9]) * (len(order) - 1)).astype(int)]
        for panel, k, which in zip(row, chosen, ("good", "median", "poor"), strict=True):
            panel.plot(unseen.times[days], truth[:, k], color="0.3", lw=0.9, label="model")
            panel.plot(unseen.times[days], ours[:, k], color=COLOURS["surrogate"], lw=0.8,
                       label="surrogate")  # fmt: skip
            panel.set_title(
                f"{field.name}, {which} run: NSE {1 - error[k]:.2f}", size=8, loc="left"
            )
            panel.tick_params(labelsize=7)
            panel.xaxis.set_major_locator(MonthLocator([1, 7]))
            panel.xaxis.set_major_formatter(DateFormatter("%Y-%m"))
            panel.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel(field.unit, size=8)
    panels[0, 0].legend(fontsize=7, frameon=False)
    return figure


if __name__ == "__main__":
    main()
