"""Hydrographs of some gauges, from the best to the worst score, and what long records hide.

As in `gridhydro.evaluation.plots`, every function returns a Figure that `plots.save` writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from gridhydro.evaluation.plots import OBSERVED, SIMULATED, dated

GAUGES = 6  # of one figure, unless others are asked for
LONG, YEARS = 8, 5  # of a series of more years the last ones are drawn: the panels have all
# of the ground behind the days of a period, by its name; others have the last one
GROUNDS = {"spin-up": "#dcdcdc", "training": "#fbefd5", "validation": "#e3f1e1"}
OTHER = "#e9e4f3"
MONTHS = list("JFMAMJJASOND")
LEAST = 1e-3  # m3 s-1, below which an axis of logarithms does not go


def hydrographs(
    observed: pd.DataFrame,
    simulated: pd.DataFrame,
    scores: pd.DataFrame | None = None,
    *,
    periods: Mapping[str, tuple[str, str]] | None = None,
    gauges: Sequence[str] | None = None,
    log: bool = False,
) -> Figure:
    """Observed on top of simulated discharge (days by gauges, m3 s-1): a row for each gauge, with
    the series, the flow duration curve and the monthly climatology of all days that have both.

    scores   table of `Run.evaluate`: of more than 6 gauges, 6 from the best to the worst NSE of its
             last period are drawn; without it the largest ones. Which is said
    periods  first and last day by name ("training", "validation", ...), marked by the ground; the
             days before the first are the spin-up
    gauges   names, instead
    log      discharge on axes of logarithms
    Of more than 8 years the last 5 are drawn as series, which is said.
    ValueError for a gauge that is not simulated.
    """
    chosen = _chosen(observed, simulated, scores, gauges)
    figure = Figure(figsize=(12.5, 2.3 * len(chosen) + 0.9), layout="constrained")
    panels = figure.subplots(
        len(chosen), 3, squeeze=False, width_ratios=(5.4, 1.5, 1.5), sharex="col"
    )
    marked = _marked(periods or {}, simulated.index)
    first, last = simulated.index[0], simulated.index[-1]
    if last - pd.DateOffset(years=LONG) > first:
        first = last - pd.DateOffset(years=YEARS)
    for row, (name, rank) in zip(panels, chosen.items(), strict=True):
        known = observed[name] if name in observed else pd.Series(np.nan, simulated.index)
        pair = pd.DataFrame({"observed": known, "simulated": simulated[name]}, simulated.index)
        _series(row[0], pair.loc[first:], marked, log)
        row[0].set_title(title_of(name, scores, rank), fontsize=9, loc="left", parse_math=False)
        scored = pair if not marked else pair.loc[_behind_spinup(marked) :]
        both = scored.dropna() if scored["observed"].notna().any() else scored
        _duration(row[1], both, log)
        _climatology(row[2], both)
    for axis, text in zip(panels[0], ("", "flow duration", "months"), strict=True):
        if text:
            axis.set_title(text, fontsize=9, loc="left")
    panels[-1, 1].set_xlabel("days with more / %", fontsize=8)
    _legend(figure, panels[0, 0], marked, first)
    parts = []
    if len(simulated.columns) > len(chosen):
        by = ", from the best to the worst NSE" if any(chosen.values()) else ""
        parts.append(f"{len(chosen)} of {len(simulated.columns)} gauges{by}")
    if first > simulated.index[0]:
        whole = (simulated.index[-1] - simulated.index[0]).days / 365.25
        parts.append(f"series: the last {YEARS} of {whole:.0f} years")
    if parts:
        figure.suptitle("; ".join(parts), fontsize=9, x=0.01, ha="left")
    figure.supylabel("discharge / m$^3$ s$^{-1}$", fontsize=9)
    return figure


def _chosen(observed, simulated, scores, gauges) -> dict[str, str]:
    """Names of the gauges that are drawn, with what is said of their rank."""
    if gauges is not None:
        names = [gauges] if isinstance(gauges, str) else list(gauges)
        for name in names:
            if name not in simulated:
                raise ValueError(f"there is no gauge '{name}'; there is {', '.join(simulated)}")
        return dict.fromkeys(names, "")
    names = [n for n in simulated if n in observed and observed[n].notna().any()] or list(simulated)
    ranked = ranks_of(scores)
    names = [name for name in ranked if name in names] or names
    if len(names) <= GAUGES:
        return dict.fromkeys(names, "")
    if not ranked:
        largest = simulated[names].mean().sort_values(ascending=False).index[:GAUGES]
        return dict.fromkeys(largest, "")
    places = np.linspace(0, len(names) - 1, GAUGES).round().astype(int)
    middle = places[np.abs(places - (len(names) - 1) / 2).argmin()]
    words = {int(places[0]): "best", int(middle): "median", int(places[-1]): "worst"}
    return {
        names[p]: words.get(int(p), f"{100 * (1 - p / (len(names) - 1)):.0f} % are worse")
        for p in places
    }


def ranks_of(scores: pd.DataFrame | None) -> list[str]:
    """The gauges from the best to the worst NSE of the last period that is scored."""
    if scores is None or not len(scores):
        return []
    last = scores[scores["period"] == scores["period"].iloc[-1]]
    last = last.dropna(subset="nse").sort_values("nse", ascending=False, kind="stable")
    return [str(name) for name in last["gauge"]]


def title_of(name: str, scores: pd.DataFrame | None, rank: str = "") -> str:
    """A gauge with its scores by period, and whether it was held out."""
    if scores is None:
        return str(name)
    rows = scores[scores["gauge"].astype(str) == str(name)]
    parts = [
        f"{row['period']}: NSE {row['nse']:.2f}, KGE {row['kge']:.2f}"
        for row in rows.to_dict("records")
    ]
    use = set(rows["gauge_use"]) if "gauge_use" in rows else set()
    told = [text for text in (rank, "held out" if use == {"held out"} else "") if text]
    return "   ".join([f"{name} ({', '.join(told)})" if told else str(name), *parts])


def _marked(periods: Mapping, days: pd.DatetimeIndex) -> dict[str, tuple]:
    """First and last day of the periods by name, with those before the first of them."""
    found = {name: (pd.Timestamp(a), pd.Timestamp(b)) for name, (a, b) in periods.items()}
    if found:
        start = min(first for first, _ in found.values())
        if start > days[0]:
            found = {"spin-up": (days[0], start - pd.Timedelta(1, "D")), **found}
    return found


def _behind_spinup(marked: Mapping) -> pd.Timestamp:
    return min(first for name, (first, _) in marked.items() if name != "spin-up")


def _series(axis, pair: pd.DataFrame, marked: Mapping, log: bool) -> None:
    axis.plot(pair.index, pair["simulated"], color=SIMULATED, lw=2.0, alpha=0.75, label="simulated")
    if pair["observed"].notna().any():
        axis.plot(pair.index, pair["observed"], color=OBSERVED, lw=0.7, zorder=3, label="observed")
    ends = pair.index[0], pair.index[-1]
    for name, (first, last) in marked.items():
        if first <= ends[1] and last >= ends[0]:
            colour = GROUNDS.get(name, OTHER)
            a, b = max(first, ends[0]), min(last + pd.Timedelta(1, "D"), ends[1])
            axis.axvspan(a, b, color=colour, zorder=0, lw=0)
    axis.set_xlim(*ends)
    _flow_axis(axis, pair, log)
    dated(axis)


def _flow_axis(axis, pair: pd.DataFrame, log: bool) -> None:
    if not log:
        axis.set_ylim(bottom=0)
        return
    values = pair.to_numpy()
    above = values[values > LEAST]
    axis.set_yscale("log")
    if above.size:
        axis.set_ylim(max(float(np.quantile(above, 0.001)) * 0.7, LEAST), above.max() * 1.4)


def _duration(axis, both: pd.DataFrame, log: bool) -> None:
    """Flows from the largest to the smallest over the part of the days that have more."""
    for name, colour, wide in (("simulated", SIMULATED, 2.2), ("observed", OBSERVED, 0.9)):
        flow = np.sort(both[name].dropna().to_numpy())[::-1]
        if flow.size:
            part = 100 * (np.arange(flow.size) + 0.5) / flow.size
            axis.plot(part, np.maximum(flow, LEAST), color=colour, lw=wide)
    # curves of duration are read by their low end
    axis.set_yscale("log")
    axis.set_xlim(0, 100)
    _flow_axis(axis, both, True)
    _small(axis)


def _climatology(axis, both: pd.DataFrame) -> None:
    """Means of the calendar months."""
    means = both.groupby(both.index.month).mean().reindex(range(1, 13))
    for name, colour, wide in (("simulated", SIMULATED, 2.2), ("observed", OBSERVED, 1.0)):
        if means[name].notna().any():
            axis.plot(range(1, 13), means[name], color=colour, lw=wide, marker=".", ms=3)
    axis.set_xticks(range(1, 13), MONTHS)
    axis.set_ylim(bottom=0)
    _small(axis)


def _small(axis) -> None:
    axis.tick_params(labelsize=7.5, labelbottom=True)
    axis.grid(alpha=0.25)


def _legend(figure: Figure, axis, marked: Mapping, first) -> None:
    handles, labels = axis.get_legend_handles_labels()
    for name, (_, last) in marked.items():
        if last > first:
            handles.append(Patch(color=GROUNDS.get(name, OTHER)))
            labels.append(name)
    # above the panels, where it covers no curve and no title
    figure.legend(
        handles, labels, loc="outside upper right", ncols=len(labels), fontsize=9, frameon=False
    )
