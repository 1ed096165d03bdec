"""Tables and figures of what `python -m benchmarks.pub_scaling` left in a folder.

python -m benchmarks.pub_scaling_page --data FOLDER --runs RUNS [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.camels import PERIODS
from benchmarks.camels_page import wet
from benchmarks.pub_scaling import NEAREST, SCORES, SHARES, VARIANTS, read
from gridhydro.evaluation import plot_scores, plots
from gridhydro.evaluation.tables import to_markdown

RESULTS = Path(__file__).parent / "results" / "pub_scaling"
ORDER = [*VARIANTS, NEAREST]
KEYS = ["variant", "share", "fold", "draw"]
METRICS = {"kge_2012": "KGE", "nse": "NSE"}
PAIRS = (
    ("27 attributes", "8 attributes"), ("8 attributes", "8 linear"),
    ("8 attributes", "no attributes"), ("8 attributes", NEAREST),
)  # fmt: skip
# median KGE of Tsai et al. (2021, doi:10.1038/s41467-021-26107-z), figure 6b, by share in %
PUBLISHED = {2: 0.38, 25: 0.54}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    scores, jobs = collect(options.runs / "held-out")
    scores, folds = finished(scores)
    site = at_sites(options.runs)
    excess = wet(read(options.data))
    options.out.mkdir(parents=True, exist_ok=True)
    medians = of_jobs(scores).join(jobs, on=KEYS)
    medians.round(4).to_csv(options.out / "medians.csv", index=False)
    sections = {f"Folds {', '.join(map(str, folds))}": told(scores, folds)}
    for period, days in PERIODS.items():
        some = scores[scores["period"] == period]
        sections[f"Basins held out, {'-'.join(days)}"] = curves(some)
    without = scores[(scores["period"] == "training") & ~scores["gauge"].isin(excess)]
    sections[f"The first without the {len(excess)} basins with more flow than rain"] = curves(
        without
    )
    sections["Differences of the medians of each fold"] = differences(scores)
    if site is not None:
        sections["Calibrated at the basins themselves"] = own(site, scores)
    sections["Choice of steps, on basins that fold 0 trains on"] = choices(options.runs)
    sections["Cost"] = costs(jobs)
    text = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items() if text)
    (options.out / "tables.md").write_text(text + "\n")
    print(text)
    first = scores[scores["period"] == "training"]
    plots.save(scaling(first, site), options.out / "scaling.png", dpi=85)
    plots.save(plot_scores.cdf(at_most(first), "kge_2012"), options.out / "cdf.png", dpi=85)


def collect(runs: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of all jobs below a folder, a row per site and period, and what is told of each job,
    by variant, share, fold and draw."""
    tables, about = [], []
    for file in sorted(runs.glob("*/share-*/fold-*/job.json")):
        *_, variant, share, place, _ = file.parts
        _, fold, _, draw = place.split("-")
        name = next(v for v in ORDER if v.replace(" ", "-") == variant)
        job = dict(zip(KEYS, (name, float(share.split("-")[1]), int(fold), int(draw)), strict=True))
        table = pd.read_csv(file.parent / "scores.csv", dtype={"gauge": str})
        tables.append(table.assign(**job))
        content = json.loads(file.read_text())
        about.append(job | {k: content.get(k) for k in ("basins", "steps", "seconds", "loss")})
    if not tables:
        raise SystemExit(f"there is no finished job below {runs}")
    jobs = pd.DataFrame(about).set_index(KEYS)
    return pd.concat(tables, ignore_index=True)[KEYS + SCORES], jobs


def finished(scores: pd.DataFrame) -> tuple[pd.DataFrame, list[int]]:
    """The scores of the folds of which every variant has every share and draw.

    While no fold is whole, those of the shares and draws that all variants have.
    """
    jobs = scores[KEYS].drop_duplicates()
    whole = jobs.groupby("fold").size() == jobs["variant"].nunique() * sum(SHARES.values())
    if whole.any():
        folds = sorted(whole.index[whole])
        return scores[scores["fold"].isin(folds)], folds
    common = jobs.groupby(KEYS[1:])["variant"].nunique() == jobs["variant"].nunique()
    kept = scores.merge(common[common].index.to_frame(index=False))
    return kept, sorted(kept["fold"].unique())


def of_jobs(scores: pd.DataFrame) -> pd.DataFrame:
    """Medians over the sites of each job and period."""
    groups = scores.groupby([*KEYS, "period"], sort=False)
    return groups[SCORES[2:]].median().join(groups.size().rename("sites")).reset_index()


def pooled(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Of each share and variant: median over the sites of all folds, meaned over the draws, and
    the standard deviation (sd) of the medians of the folds."""
    keys = ["share", "variant"]
    draws = scores.groupby([*keys, "draw"])[metric].median()
    folds = scores.groupby([*keys, "fold", "draw"])[metric].median().groupby([*keys, "fold"]).mean()
    return pd.DataFrame({"median": draws.groupby(keys).mean(), "sd": folds.groupby(keys).std()})


def told(scores: pd.DataFrame, folds: list[int]) -> str:
    sites = scores["gauge"].nunique()
    draws = "; ".join(f"{share:g} %: {number}" for share, number in SHARES.items())
    return f"{len(folds)} folds, {sites} basins held out. Draws of the basins trained on: {draws}."


def curves(scores: pd.DataFrame) -> str:
    """A row per share, a column per variant and metric: median, and its spread over the folds."""
    columns = {}
    for metric, label in METRICS.items():
        found = pooled(scores, metric)
        for variant in present(scores):
            some = found.xs(variant, level="variant")
            texts = map(spread, some["median"], some["sd"])
            columns[f"{label}, {variant}"] = pd.Series(list(texts), some.index)
    return to_markdown(shares_first(pd.DataFrame(columns)))


def spread(value: float, sd: float, form: str = ".3f") -> str:
    """A value and its spread, without it where there is one fold."""
    return f"{value:{form}}" + (f" ± {sd:.3f}" if pd.notna(sd) else "")


def shares_first(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_axis([f"{share:g} %" for share in table.index]).rename_axis("share")


def present(scores: pd.DataFrame) -> list[str]:
    return [v for v in ORDER if v in set(scores["variant"])]


def differences(scores: pd.DataFrame) -> str:
    """What one variant has more than another in the same fold: mean, standard deviation over the
    folds, and in how many of them it is above zero."""
    medians = of_jobs(scores[scores["period"] == "training"])
    rows = {}
    for metric, label in METRICS.items():
        table = medians.groupby(["share", "fold", "variant"])[metric].mean().unstack("variant")
        for one, other in PAIRS:
            if {one, other} <= set(table):
                gain = (table[one] - table[other]).groupby("share")
                rows[f"{label}: {one} - {other}"] = gain.agg(
                    lambda g: f"{spread(g.mean(), g.std(), '+.3f')}, {(g > 0).sum()} of {len(g)}"
                )
    return to_markdown(shares_first(pd.DataFrame(rows))) if rows else ""


def at_sites(runs: Path) -> pd.DataFrame | None:
    file = runs / "calibrated" / "scores.csv"
    return pd.read_csv(file, dtype={"gauge": str}) if file.exists() else None


def own(site: pd.DataFrame, scores: pd.DataFrame) -> str:
    site = site[site["gauge"].isin(scores["gauge"])]
    table = site.groupby("period", sort=False)[list(METRICS)].median()
    table.insert(0, "basins", site.groupby("period").size())
    return to_markdown(table.rename(columns=METRICS))


def choices(runs: Path) -> str:
    """Median KGE and NSE of basins that were trained on otherwise, by number of steps."""
    rows = []
    for folder in sorted(runs.glob("choice-*-steps"), key=lambda f: int(f.name.split("-")[1])):
        scores, jobs = collect(folder)
        scores = scores[scores["period"] == "training"]
        for (share, variant), some in scores.groupby(["share", "variant"]):
            medians = some.groupby("draw")[list(METRICS)].median().mean()
            here = jobs.xs((variant, share), level=("variant", "share"))
            rows.append(
                {"share": f"{share:g} %", "variant": variant, "steps": int(here["steps"].mean()),
                 "KGE": medians["kge_2012"], "NSE": medians["nse"], "loss": here["loss"].mean()}
            )  # fmt: skip
    if not rows:
        return ""
    return to_markdown(pd.DataFrame(rows).sort_values(["share", "variant", "steps"], key=in_order))


def in_order(column: pd.Series) -> pd.Series:
    """Shares by their size, not by their text."""
    return column.str.rstrip(" %").astype(float) if column.name == "share" else column


def costs(jobs: pd.DataFrame) -> str:
    """Seconds of training of a job, and of all of a share."""
    seconds = jobs["seconds"].dropna().groupby("share")
    table = pd.DataFrame(
        {
            "basins": jobs["basins"].groupby("share").first(),
            "steps": jobs.loc[jobs["seconds"].notna(), "steps"].groupby("share").median(),
            "jobs": seconds.size(), "seconds each": seconds.mean(), "seconds": seconds.sum(),
        }
    )  # fmt: skip
    return to_markdown(shares_first(table), digits=0)


def scaling(scores: pd.DataFrame, site: pd.DataFrame | None) -> Figure:
    """Median of the basins held out over the share trained on; bars: standard deviation of the
    medians of the folds."""
    figure = Figure(figsize=(11.5, 4.6), layout="constrained")
    variants = present(scores)
    for axis, (metric, label) in zip(figure.subplots(1, 2), METRICS.items(), strict=True):
        found = pooled(scores, metric)
        for i, variant in enumerate(variants):
            some = found.xs(variant, level="variant")
            apart = 1.025 ** (i - (len(variants) - 1) / 2)  # bars beside each other
            axis.errorbar(
                some.index * apart, some["median"], some["sd"], label=variant, lw=1.6, capsize=2,
                elinewidth=0.8, color=plot_scores.COLOURS[i], ls=plot_scores.DASHES[i % 4],
                marker="o", ms=4,
            )  # fmt: skip
        if site is not None:
            here = site[site["gauge"].isin(scores["gauge"]) & (site["period"] == "training")]
            axis.axhline(here[metric].median(), color="0.45", lw=1, label="calibrated there")
        if metric == "kge_2012":
            axis.plot(
                list(PUBLISHED), list(PUBLISHED.values()), "D", color="0.45", mfc="none",
                label="Tsai et al. (2021), their basins",
            )  # fmt: skip
            handles, labels = axis.get_legend_handles_labels()
        axis.set_xscale("log")
        axis.set_xlim(1.6, 112)
        axis.set_xticks(list(SHARES), [f"{share:g}" for share in SHARES])
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.minorticks_off()
        axis.set_xlabel("basins trained on / % of all")
        axis.set_ylabel(f"median {label} of basins held out")
        axis.grid(alpha=0.25)
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def at_most(scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Scores of each variant where it was trained on the largest share, one row per site."""
    some = scores[(scores["share"] == scores["share"].max()) & (scores["draw"] == 0)]
    return {variant: some[some["variant"] == variant] for variant in present(some)}


if __name__ == "__main__":
    main()
