"""The hydrographs of a report, as numbers that a page draws."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhydro.analysis.page.contents import Contents
from gridhydro.analysis.page.map_data import CODES, held_out, packed
from gridhydro.base.steps import steps_a_day
from gridhydro.evaluation.plot_hydrographs import ranks_of

VALUES = 2_000_000  # of all series by day; of more they are means of weeks, or of months
STEPS = (("D", "means of the day"), ("7D", "means of seven days"), ("MS", "means of the month"))


def series_data(contents: Contents) -> tuple[dict | None, str]:
    """Series of every gauge, and what is said of them; None without any."""
    simulated, observed = contents.simulated, contents.observed
    if simulated is None or not len(simulated):
        return None, ""
    band = contents.band
    if steps_a_day(pd.DatetimeIndex(simulated.index)) > 1:  # the page draws days
        simulated = simulated.resample("D").mean()
        observed = None if observed is None else observed.resample("D").mean()
        band = None if band is None else tuple(end.resample("D").mean() for end in band)
    simulated.columns = simulated.columns.astype(str)
    names = list(simulated)
    if observed is not None:
        observed.columns = observed.columns.astype(str)
        observed = observed.reindex(simulated.index)
    values = (2 if band is None else 4) * len(names) * len(simulated)
    step, told = STEPS[0 if values <= VALUES else 1 if values / 7 <= VALUES else 2]
    if step != "D":
        simulated = simulated.resample(step).mean()
        observed = None if observed is None else observed.resample(step).mean()
        band = None if band is None else tuple(end.resample(step).mean() for end in band)
    held = held_out(contents)
    gauges: dict[str, dict] = {}
    for name in names:
        pair = [simulated[name].to_numpy(float)]
        if observed is not None and name in observed and observed[name].notna().any():
            pair.append(observed[name].to_numpy(float))
        there = band is not None and all(name in end for end in band)
        ends = [end[name].to_numpy(float) for end in band] if there and band else []
        known = [v[np.isfinite(v)] for v in (*pair, *ends)]
        top = float(max((v.max(initial=0.0) for v in known), default=0.0)) or 1.0
        codes = [_coded(v, top) for v in pair]
        gauges[name] = {
            "simulated": codes[0], "observed": codes[1] if len(codes) > 1 else None,
            "top": top, "held": name in held, "told": _told(contents.scores, name),
        }  # fmt: skip
        if ends:
            gauges[name]["band"] = [_coded(v, top) for v in ends]
    start = simulated.index[0]
    ranked = [name for name in ranks_of(contents.scores) if name in gauges]
    first = ranked[len(ranked) // 2] if ranked else names[0]
    return {
        "start": f"{start:%Y-%m-%d}", "days": [int(d) for d in (simulated.index - start).days],
        "gauges": gauges, "unit": "m³ s⁻¹", "first": first,
    }, told  # fmt: skip


def _coded(values: np.ndarray, top: float) -> str:
    """Square roots of flows in two bytes: small flows keep their digits."""
    part = np.sqrt(np.clip(values, 0, None) / top)
    return packed(np.where(np.isfinite(values), np.round(part * CODES), CODES + 1), "<u2")


def _told(scores: pd.DataFrame | None, name: str) -> str:
    """The scores of a gauge in a line."""
    if scores is None:
        return ""
    rows = scores[scores["gauge"] == name]
    return "; ".join(
        f"{row['period']}: NSE {row['nse']:.2f}, KGE {row['kge']:.2f}, "
        f"bias {row['percent_bias']:+.0f} %"
        for row in rows.to_dict("records")
    )
