"""Figures of the study of ungauged basins."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.studies.pub_scaling.job import FRACTIONS
from benchmarks.studies.pub_scaling.scores import METRICS, Found, at_most, pooled, present
from gridhydro.evaluation import plot_scores

# median KGE of Tsai et al. (2021, doi:10.1038/s41467-021-26107-z), figure 6b, by percent
PUBLISHED = {2: 0.38, 25: 0.54}


def scaling(found: Found) -> Figure:
    """Median of the basins held out over the fraction trained on; bars: standard deviation of the
    medians of the folds."""
    figure = Figure(figsize=(11.5, 4.6), layout="constrained")
    first, axes = found.first, figure.subplots(1, 2)
    for axis, (metric, label) in zip(axes, METRICS.items(), strict=True):
        _curves(axis, first, metric)
        if found.calibrated is not None:
            own = found.calibrated
            here = own[own["gauge"].isin(first["gauge"]) & (own["period"] == "training")]
            axis.axhline(here[metric].median(), color="0.45", lw=1, label="calibrated there")
        if metric == "kge_2012":
            axis.plot(
                list(PUBLISHED), list(PUBLISHED.values()), "D", color="0.45", mfc="none",
                label="Tsai et al. (2021), their basins",
            )  # fmt: skip
        axis.set_xscale("log")
        axis.set_xlim(1.6, 112)
        axis.set_xticks(list(FRACTIONS), [f"{fraction:g}" for fraction in FRACTIONS])
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.minorticks_off()
        axis.set_xlabel("basins trained on / % of all")
        axis.set_ylabel(f"median {label} of basins held out")
        axis.grid(alpha=0.25)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _curves(axis, scores, metric: str) -> None:
    """A line for each variant, with the spread over the folds."""
    found, variants = pooled(scores, metric), present(scores)
    for i, variant in enumerate(variants):
        some = found.xs(variant, level="variant")
        apart = 1.025 ** (i - (len(variants) - 1) / 2)  # bars beside each other
        axis.errorbar(
            some.index * apart, some["median"], some["sd"], label=variant, lw=1.6, capsize=2,
            elinewidth=0.8, color=plot_scores.COLOURS[i], ls=plot_scores.DASHES[i % 4],
            marker="o", ms=4,
        )  # fmt: skip


def distribution(found: Found) -> Figure:
    return plot_scores.cdf(at_most(found.first), "kge_2012")
