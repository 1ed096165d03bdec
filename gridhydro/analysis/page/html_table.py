"""Tables of a report, as HTML."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape

import numpy as np
import pandas as pd


def table(
    frame: pd.DataFrame,
    texts: Collection[str] = (),
    gauges: bool = False,
    long: Collection[str] = (),
    links: Mapping[str, str] | None = None,
    main: Collection[str] = (),
) -> str:
    """A table that is sorted by its heads.

    texts, long  columns that are no numbers, and those of them whose lines are broken
    gauges       a click on a row chooses the hydrograph of what stands first in it
    links        where what stands first in a row leads to; main: first cells of rows that stand out
    """
    heads = "".join(
        f'<th class="{"text" if name in texts else ""}">{escape(str(name))}</th>' for name in frame
    )
    rows = []
    for row in frame.to_dict("records"):
        cells = [
            _element(value, "text long" if name in long else "text" if name in texts else "",
                     (links or {}).get(str(value)) if not place else None)
            for place, (name, value) in enumerate(row.items())
        ]  # fmt: skip
        first = str(next(iter(row.values())))
        of = f' data-gauge="{escape(first)}"' if gauges else ""
        of += ' class="main"' if first in main else ""
        rows.append(f"<tr{of}>{''.join(cells)}</tr>")
    return (
        f'<div class="wide"><table class="sortable"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _element(value, kind: str, link: str | None) -> str:
    raw = f' data-value="{value:.8g}"' if isinstance(value, float) and value == value else ""
    text = escape(cell(value))
    text = text if link is None else f'<a href="{escape(link)}">{text}</a>'
    return f'<td class="{kind}"{raw}>{text}</td>'


def cell(value) -> str:
    """A value as it stands in a table."""
    if isinstance(value, float):
        if not np.isfinite(value):
            return "none" if np.isnan(value) else str(value)
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)
