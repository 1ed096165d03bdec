"""The map and the hydrographs of a report, side by side, and the periods that they mark."""

from __future__ import annotations

import numpy as np

from gridhydro.analysis.page.contents import Contents
from gridhydro.evaluation.plot_hydrographs import GROUNDS


def where_html(contents: Contents, where: dict | None, series: dict | None, told: str) -> str:
    """Map and hydrograph side by side, or what is lacking for them."""
    if where is None:
        left = "<p>The places of the basins are not known: there is no map of them.</p>"
    else:
        coarse = where.get("step", 1)
        note = f"; every {coarse}th cell is drawn" if coarse > 1 else ""
        boxes = "".join(
            f'<label><input type="checkbox" id="show-{key}" checked> {title}</label>'
            for key, title in (("rivers", "rivers"), ("borders", "coasts and borders"))
            if where[key]
        )
        layer = "cells" if where["cells"] else "basins"
        left = f"""<div class="controls">
<label>{layer} <select id="layer"></select></label>
<label>gauges <select id="score"></select></label>
{boxes}</div>
<svg id="map" role="img" aria-label="map of the run"></svg>
<div class="bar" id="layer-bar"></div><div class="bar" id="score-bar"></div>
<p class="readout" id="readout"></p>
<div class="controls"><button id="closer" type="button">closer</button>
<button id="further" type="button">further</button> <button id="all" type="button">all</button>
<span class="soft">click a gauge; drag to move{note}; dashed gauges were held out</span></div>"""
    if series is None:
        right = "<p>No discharge lies in the folder: there are no hydrographs.</p>"
    else:
        keys = "".join(
            f'<span><i class="key ground" style="background:{colour}"></i>{name}</span>'
            for name, colour in GROUNDS.items()
            if name in dict(marked(contents, series))
        )
        lack = "" if contents.observed is not None else "; no observations lie in the folder"
        mean, band = "simulated", ""
        if contents.band is not None:
            mean = "mean of the runs"
            ground = '<i class="key ground" style="background:#b9d6ea"></i>'
            band = f"<span>{ground}5 to 95 % of them</span>"
        right = f"""<h3 id="hydrograph-title"></h3>
<p class="soft" id="hydrograph-scores"></p>
<div class="controls"><label>gauge <select id="gauge"></select></label>
<label>days <select id="year"></select></label>
<label><input type="checkbox" id="log"> logarithmic</label></div>
<div id="hydrograph"></div>
<p class="controls soft"><span><i class="key" style="color:#5a9fd0"></i>{mean}</span>{band}
<span><i class="key" style="color:#222;border-width:1px"></i>observed</span>{keys}
<span>{told}{lack}</span></p>"""
    return f'<div class="both"><div>{left}</div><div>{right}</div></div>'


def marked(contents: Contents, series: dict | None):
    """Periods by name, with the spin-up where the series begin before the first."""
    periods = contents.periods
    if periods and series is not None:
        start = min(first for first, _ in periods.values())
        if series["start"] < start:
            before = np.datetime64(start) - np.timedelta64(1, "D")
            return [("spin-up", (series["start"], str(before))), *periods.items()]
    return list(periods.items())
