"""Figures of the soil moisture study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from benchmarks.map_panel import draw, frame_of
from benchmarks.studies.soil_moisture.land import CELL, NORTH, WEST
from benchmarks.studies.soil_moisture.world import DENSITIES, NOISE
from gridhydro.columns import column
from gridhydro.domain.map_colours import Limits, colour_bar, quantity, title
from gridhydro.domain.map_frame import name_axes
from gridhydro.evaluation.plot_scores import COLOURS

LOOK = {"default": "#777777", "gA": COLOURS[0], "gz": COLOURS[2], "sceua": COLOURS[1]}
SPOKEN = {
    "default": "mid-range", "gA": "network of attributes, gA",
    "gz": "network of attributes and history, gz", "sceua": "SCE-UA in each cell",
}  # fmt: skip
MAPPED = ("FC", "beta", "LP", "gamma")


def curves(table: pd.DataFrame, level: float) -> Figure:
    """Error of the test years against epochs, a panel a density, every seed a line."""
    densities = [d for d in DENSITIES if d in set(table["density"])]
    figure = Figure(figsize=(4.2 * len(densities), 3.9), layout="constrained")
    panels = figure.subplots(1, len(densities), sharey=True, squeeze=False).ravel()
    for axis, density in zip(panels, densities, strict=True):
        some = table[table["density"] == density]
        for (method, seed), line in some.groupby(["method", "seed"]):
            label = (
                SPOKEN[method] if seed == some.loc[some.method == method, "seed"].min() else None
            )
            axis.plot(line["epoch"], line["median"], color=LOOK[method], lw=1.5, label=label)
        axis.axhline(level, color="0.6", lw=0.9, ls="--")
        axis.axhline(NOISE, color="0.6", lw=0.9, ls=":")
        axis.set_xscale("log")
        axis.set_title(f"{density}: one cell in {DENSITIES[density]}²", fontsize=10, loc="left")
        axis.set_xlabel("epochs: runs of each cell")
        axis.grid(alpha=0.25)
    panels[0].set_ylabel("RMSE of soil wetness, test years / no unit")
    panels[0].text(1, NOISE, " noise of the observations", fontsize=8, color="0.4", va="bottom")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, fontsize=9, frameon=False)
    return figure


def scaling(jobs: pd.DataFrame) -> Figure:
    """What more cells bring: error at trained cells and at neighbours, ET, epochs."""
    panels = {
        "trained, RMSE": "RMSE, trained cells / no unit",
        "all neighbours, RMSE": "RMSE, all neighbours / no unit",
        "all neighbours, spread of bias": "spread of bias, all neighbours / no unit",
        "all neighbours, ET RMSE": "RMSE of mean ET, all neighbours / mm yr$^{-1}$",
        "epochs": "epochs to a functional model",
    }
    figure = Figure(figsize=(3.4 * len(panels), 3.6), layout="constrained")
    axes = figure.subplots(1, len(panels))
    at = {d: (160 * 256) / step**2 for d, step in DENSITIES.items()}
    for axis, (name, label) in zip(axes, panels.items(), strict=True):
        for method, table in jobs.reset_index().groupby("method", observed=True):
            if method == "default":
                continue
            groups = table.groupby("density", observed=True)[name]
            x = [at[d] for d in groups.groups]
            mean, low, high = groups.mean(), groups.min(), groups.max()
            axis.errorbar(
                x, mean, [mean - low, high - mean], color=LOOK[method], marker="o", ms=4,
                capsize=3, label=SPOKEN[method],
            )  # fmt: skip
        axis.set_xscale("log")
        if name == "epochs" and jobs[name].notna().any():
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter(ScalarFormatter())
        axis.set_xticks(list(at.values()), [f"{n:.0f}" for n in at.values()])
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xlabel("cells trained on")
        axis.set_title(label, fontsize=9, loc="left")
        axis.grid(alpha=0.25)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, fontsize=9, frameon=False)
    return figure


def boxes(scores: pd.DataFrame, density: str = "s8") -> Figure:
    """Scores over trained cells and their own neighbours, first seed."""
    some = _first(scores, density)
    metrics = {"bias": "bias", "ubrmse": "ubRMSE", "rmse": "RMSE", "correlation": "correlation"}
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    methods = [m for m in LOOK if m in set(some["method"])]
    for axis, (name, label) in zip(figure.subplots(1, len(metrics)), metrics.items(), strict=True):
        for k, method in enumerate(methods):
            mine = some[some["method"] == method]
            parts = [mine[mine["where"] == "trained"], mine[mine["own"]]]
            drawn = axis.boxplot(
                [p[name].dropna() for p in parts], positions=[3 * k, 3 * k + 1], widths=0.8,
                whis=(5, 95), showfliers=False, patch_artist=True,
                medianprops=dict(color="black"),
            )  # fmt: skip
            for box, shade in zip(drawn["boxes"], (1.0, 0.45), strict=True):
                box.set(facecolor=LOOK[method], alpha=shade)
        axis.set_xticks([3 * k + 0.5 for k in range(len(methods))], methods)
        axis.set_title(f"{label} / no unit", fontsize=10, loc="left")
        axis.grid(alpha=0.25, axis="y")
    figure.suptitle(
        f"{density}, test years: trained cells (left) and the cells three rows north and three "
        "columns east (right, pale); box: quartiles, whiskers 5 to 95 %",
        fontsize=9, x=0.01, ha="left",
    )  # fmt: skip
    return figure


def evapotranspiration(scores: pd.DataFrame, density: str = "s8") -> Figure:
    """Mean evapotranspiration of the cells over that of the truth, first seed."""
    some = _first(scores, density)
    some = some[some["where"] == "trained"]
    methods = [m for m in LOOK if m in set(some["method"])]
    figure = Figure(figsize=(3.3 * len(methods), 3.5), layout="constrained")
    panels = figure.subplots(1, len(methods), sharex=True, sharey=True, squeeze=False).ravel()
    for axis, method in zip(panels, methods, strict=True):
        mine = some[some["method"] == method]
        axis.scatter(mine["et_truth"], mine["et"], s=5, color=LOOK[method], alpha=0.6, lw=0)
        ends = mine["et_truth"].min(), mine["et_truth"].max()
        axis.plot(ends, ends, color="0.3", lw=0.9)
        error = mine["et"] - mine["et_truth"]
        axis.set_title(
            f"{method}: r {mine['et'].corr(mine['et_truth']):.3f}, "
            f"RMSE {np.sqrt((error**2).mean()):.0f}, bias {error.mean():+.0f}",
            fontsize=9, loc="left",
        )  # fmt: skip
        axis.set_xlabel("truth / mm yr$^{-1}$")
        axis.grid(alpha=0.25)
    panels[0].set_ylabel(f"evapotranspiration, {density} / mm yr$^{{-1}}$")
    return figure


def maps(scores: pd.DataFrame) -> Figure:
    """Parameters of the trained cells at the highest density, first seed."""
    densest = [d for d in DENSITIES if d in set(scores["density"])][-1]
    some = _first(scores, densest)
    some = some[(some["where"] == "trained") & (some["method"] != "default")]
    methods = [m for m in LOOK if m in set(some["method"])]
    bounds = {f.name: f for f in column("hbv").parameters}
    figure = Figure(figsize=(3.7 * len(MAPPED), 2.9 * len(methods)), layout="constrained")
    axes = figure.subplots(len(methods), len(MAPPED), squeeze=False, sharex=True, sharey=True)
    for k, name in enumerate(MAPPED):
        limits = Limits.of(some[name])
        for axis, method in zip(axes[:, k], methods, strict=True):
            grid = some[some["method"] == method].pivot(index="row", columns="col", values=name)
            raster = xr.DataArray(
                grid.to_numpy(float),
                {"lat": NORTH - CELL * (grid.index.to_numpy() + 0.5),
                 "lon": WEST + CELL * (grid.columns.to_numpy() + 0.5)},
                ("lat", "lon"),
            )  # fmt: skip
            # its land is generated: coasts would be those of another
            first = not k and method == methods[0]
            image = draw(axis, raster, limits, furniture=first, lines=False)
            title(axis, f"{bounds[name].long_name}, {method}")
        label = quantity(name, bounds[name].unit)
        colour_bar(figure, image, list(axes[:, k]), label, limits, location="bottom")
    name_axes(figure, frame_of(raster))
    return figure


def _first(scores: pd.DataFrame, density: str) -> pd.DataFrame:
    """A density's jobs of the first seed; of the sparsest there is, where it is not there."""
    densities = set(scores["density"])
    some = scores[scores["density"] == (density if density in densities else min(densities))]
    return some[some["seed"] == some["seed"].min()]
