"""The parts of a report of several runs that are text, tables and curves."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd

from gridhydro.analysis.page.contents import Contents
from gridhydro.analysis.page.html_table import cell, table
from gridhydro.analysis.page.several import Several
from gridhydro.base.words import count_of
from gridhydro.evaluation.plot_scores import LABELS
from gridhydro.evaluation.spread import LEVEL, SPREAD
from gridhydro.model.run_folder import REPORT

MEAN, ALL = "mean of the runs", "all gauges"
SHOWN = ("nse", "kge", "correlation", "percent_bias", "rmse")
_BLUE = "#2a7fbf"


def headline(contents: Several) -> str:
    """What they are, in a few words."""
    runs = len(contents.runs)
    if not contents.splits:
        return f"ensemble of {count_of(runs, 'run')} that differ by their seed"
    each = f" with {contents.seeds} seeds each" if contents.seeds else ""
    return f"cross-validation of {len(contents.members)} folds{each}"


def members(contents: Several, beside: Path) -> str:
    """The scores of all runs, beside those of their mean, and how far the runs are apart; links
    lead from the folder `beside`, where the page lies."""
    found = {name: _link(one.folder, beside) for name, one in contents.members.items()}
    links = {name: link for name, link in found.items() if link is not None}
    known = "a name leads to the report of the run" if links else "they have no reports"
    scores = contents.scores
    if scores is None or not len(scores):
        names = ", ".join(
            f'<a href="{escape(links[name])}">{escape(name)}</a>' if name in links else escape(name)
            for name in contents.members
        )
        return f"<p>They were not scored together: {names}.</p>"
    text = _folds(contents, links) if contents.splits else ""
    if contents.each is not None:
        heading = f"<h3>Seeds</h3>{_seeds_told(contents)}" if contents.splits else ""
        text += heading + _beside_the_mean(contents, {} if contents.splits else links)
    told = f'<p class="soft">Medians over the gauges; {known}. {_units(scores)}</p>'
    return told + text + _spread(scores) + _by_gauge(contents)


def _link(folder: Path, beside: Path) -> str | None:
    """Where a report lies; None where there is none."""
    if not (folder / REPORT).exists():
        return None
    return quote(Path(os.path.relpath(folder / REPORT, beside)).as_posix())


def _units(scores: pd.DataFrame) -> str:
    unit = (
        f"RMSE in {escape(str(scores['unit'].iloc[0]))}, biases" if "unit" in scores else "Biases"
    )
    return f"{unit} in %."


def _groups(scores: pd.DataFrame) -> list[tuple[str, ...]]:
    """Period and use of the gauges, as far as scores have them: the last period, and gauges that
    were trained on, come first."""
    order = list(dict.fromkeys(scores["period"]))[::-1]
    found = scores[_by(scores)].drop_duplicates().itertuples(index=False, name=None)
    return sorted(found, key=lambda key: (order.index(key[0]), "trained" not in key))


def _by(scores: pd.DataFrame) -> list[str]:
    return ["period", *(["gauge_use"] if "gauge_use" in scores else [])]


def _of(scores: pd.DataFrame, group: tuple[str, ...]) -> pd.DataFrame:
    for name, value in zip(_by(scores), group, strict=True):
        scores = scores[scores[name] == value]
    return scores


def _medians(scores: pd.DataFrame) -> dict:
    return {LABELS[name]: float(scores[name].median()) for name in SHOWN if name in scores}


def _beside_the_mean(contents: Several, links: dict[str, str]) -> str:
    """A table for each period and use of the gauges: the mean of the runs, then each run."""
    scores, each, parts = contents.scores, contents.each, []
    assert scores is not None and each is not None
    for group in _groups(scores):
        mean = _of(scores, group)
        rows = [{"run": MEAN, **_medians(mean)}]
        runs = _of(each, group).groupby("member", sort=False)
        rows += [{"run": str(name), **_medians(some)} for name, some in runs]
        frame = pd.DataFrame(rows)
        number = count_of(len(mean), "gauge")
        parts.append(
            f"<div><h3>{escape(', '.join(group))}, {number}</h3>"
            f"{table(frame, ('run',), links=links, main=(MEAN,))}<p>{_beats(frame)}</p></div>"
        )
    return f'<div class="pair">{"".join(parts)}</div>'


def _beats(frame: pd.DataFrame) -> str:
    """How the mean stands to the runs."""
    mean, runs = frame["NSE"].iloc[0], frame["NSE"].iloc[1:].dropna()
    if len(runs) < 2 or not np.isfinite(mean):
        return ""
    return (
        f"Median NSE of the runs {runs.min():.3f} to {runs.max():.3f}; that of their mean is "
        f"higher than that of {int((mean > runs).sum())} of {len(runs)}."
    )


def _seeds_told(contents: Several) -> str:
    return (
        f'<p class="soft">Every gauge by the run of a seed, or by the mean of the {contents.seeds} '
        "seeds, that it was held out of.</p>"
    )


def _folds(contents: Several, links: dict[str, str]) -> str:
    """A table for each period: all gauges, each by the fold that holds it out, then the folds."""
    scores, parts = contents.scores, []
    assert scores is not None
    for period in list(dict.fromkeys(scores["period"]))[::-1]:
        some = scores[scores["period"] == period]
        rows: list[dict] = [{"fold": ALL, "held out": "", "gauges": len(some), **_medians(some)}]
        for number, (name, split) in enumerate(zip(contents.members, contents.splits, strict=True)):
            mine = some[some["fold"] == number]
            rows.append(
                {"fold": name, "held out": split.name, "gauges": len(mine), **_medians(mine)}
            )
        frame = pd.DataFrame(rows)
        parts.append(
            f"<h3>{escape(period)}, each gauge by the fold that holds it out</h3>"
            f"{table(frame, ('fold', 'held out'), links=links, main=(ALL,))}"
        )
    return "".join(parts)


def _spread(scores: pd.DataFrame) -> str:
    """CRPS, coverage and width of the runs, and what they say."""
    if not all(name in scores and scores[name].notna().any() for name in SPREAD):
        return ""
    rows, by = [], _by(scores)
    for group in _groups(scores):
        some = _of(scores, group)
        medians = {LABELS[name]: float(some[name].median()) for name in SPREAD}
        rows.append(dict(zip(by, group, strict=True)) | {"gauges": len(some)} | medians)
    covered = [float(_of(scores, group)["coverage_90"].median()) for group in _groups(scores)]
    row, coverage = next((n, c) for n, c in enumerate(covered, 1) if np.isfinite(c))
    sure = (
        "the runs are surer of themselves than they are right: what they have in common, weather "
        "and structure, errs too" if coverage < LEVEL - 0.05
        else "the runs are farther apart than they err" if coverage > LEVEL + 0.05
        else "the spread is as large as the error"
    )  # fmt: skip
    frame = pd.DataFrame(rows).rename(columns={"gauge_use": "use"})
    unit = f" in {escape(str(scores['unit'].iloc[0]))}" if "unit" in scores else ""
    return (
        '<h3>Spread of the runs</h3><p class="soft">Medians over the gauges, CRPS and width'
        f"{unit}. In row {row} {coverage:.0%} of the observations lie within the central "
        f"{LEVEL:.0%} of the runs: {sure}.</p>{table(frame, ('period', 'use'))}"
    )


def _by_gauge(contents: Several) -> str:
    """A place for the curve of the gauges, and what it is of."""
    if not _ordered(contents):
        return ""
    band = "" if contents.each is None else "; the band goes from the worst to the best run of each"
    line = "gauges as by the fold that holds them out" if contents.each is None else MEAN
    period = _last(contents)
    return (
        f"<h3>NSE of every gauge, {escape(period)}</h3>"
        f'<p class="soft">From the lowest to the highest: {line}{band}. NSE below -1 is drawn '
        'at -1.</p><div id="curve-gauges"></div>'
    )


def _last(contents: Several) -> str:
    assert contents.scores is not None
    return str(contents.scores["period"].iloc[-1])


def _ordered(contents: Several) -> dict:
    """The curve of NSE over the gauges; nothing for fewer than two."""
    scores, each = contents.scores, contents.each
    if scores is None or not len(scores):
        return {}
    period = _last(contents)
    known = scores[(scores["period"] == period) & scores["nse"].notna()].sort_values("nse")
    if len(known) < 2:
        return {}
    curve = {
        "x": list(range(1, len(known) + 1)), "unit": "NSE",
        "zero": False, "high": 240,
        "lines": [{"name": "nse", "y": _texts(known["nse"]), "colour": _BLUE, "width": 1.8}],
    }  # fmt: skip
    if each is not None:
        runs = each[each["period"] == period].groupby("gauge")["nse"]
        ends = {"low": runs.min(), "high": runs.max()}
        curve["band"] = {n: _texts(values.reindex(known["gauge"])) for n, values in ends.items()}
    return curve


def _texts(values: pd.Series) -> list[float | None]:
    return [float(f"{max(v, -1.0):.4g}") if np.isfinite(v) else None for v in values]


def curves(contents: Several) -> dict:
    """Charts by the element that they are drawn in."""
    found = {}
    if ordered := _ordered(contents):
        found["curve-gauges"] = ordered
    runs = _trained(contents)
    if runs:
        longest = max(runs.values(), key=len)
        losses = [
            [float(f"{v:.6g}") if np.isfinite(v) else None for v in history["loss"]]
            + [None] * (len(longest) - len(history))
            for history in runs.values()
        ]
        known = [v for loss in losses for v in loss if v is not None]
        found["curve-loss"] = {
            "x": longest["epoch"].tolist(), "unit": "loss over epochs, a line a run",
            "log": bool(known) and min(known) > 0 and max(known) > 5 * min(known), "zero": False,
            "high": 240,
            "lines": [{"name": name, "y": loss, "colour": _BLUE, "width": 1.1}
                      for name, loss in zip(runs, losses, strict=True)],
        }  # fmt: skip
    return found


def _trained(contents: Several) -> dict[str, pd.DataFrame]:
    """The courses of the trainings of two epochs or more, by run."""
    every = {name: one.history for name, one in contents.runs.items()}
    return {name: one for name, one in every.items() if one is not None and len(one) > 1}


def training(contents: Contents) -> str:
    """The courses of all trainings."""
    assert isinstance(contents, Several)
    runs = _trained(contents)
    if not runs:
        return "<p>No course of a training lies in the folder.</p>"
    last = [float(history["loss"].iloc[-1]) for history in runs.values()]
    took = [h["seconds"].sum() for h in runs.values() if "seconds" in h]
    time = f", {np.sum(took) / 60:.0f} minutes in all" if took and np.sum(took) >= 120 else ""
    return (
        f"<p>{len(runs)} runs{time}: loss in the last epoch {cell(min(last))} to {cell(max(last))}."
        '</p><div id="curve-loss"></div>'
    )


def settings(contents: Several) -> str:
    """Whose settings stand below, and how those of the others differ."""
    first = next(iter(contents.runs))
    differ = "seed" if not contents.splits else (
        "gauges and their seed" if contents.seeds else "gauges"
    )  # fmt: skip
    return f'<p class="soft">Of {escape(first)}; the others differ by their {differ}.</p>'
