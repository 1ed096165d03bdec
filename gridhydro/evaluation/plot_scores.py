"""Figures of many gauges: distributions of scores, maps of points, simulated against reference.

As in `gridhydro.evaluation.plots`, every function returns a Figure that `plots.save` writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from gridhydro.columns.column import Field
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import transform
from gridhydro.domain.map_colours import Limits, colour_bar, quantity, title
from gridhydro.domain.map_frame import Frame, dress, name_axes
from gridhydro.domain.map_layers import ground, places
from gridhydro.evaluation import metrics, spread
from gridhydro.evaluation.plots import map_panels
from gridhydro.evaluation.tables import place_of

# told apart by colour-blind readers, and by their dashes in black and white
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
DASHES = ("-", "--", "-.", ":")
LABELS = {
    "nse": "NSE", "kge": "KGE", "kge_2012": "KGE (2012)", "correlation": "correlation",
    "bias": "bias", "percent_bias": "percent bias", "fhv": "FHV", "flv": "FLV",
    "fhv_abs": "absolute FHV", "flv_abs": "absolute FLV", "rmse": "RMSE", "ubrmse": "ubRMSE",
    "rmse_low": "RMSE of low flows", "rmse_high": "RMSE of high flows", "crps": "CRPS",
    "coverage_90": "coverage of 90 %", "width_90": "width of 90 %",
}  # fmt: skip
UNITS = dict.fromkeys(metrics.PERCENT, "%")
EFFICIENCIES = ("nse", "kge", "kge_2012")
SHOWN = (-0.5, 1.0)  # of efficiencies: they have no lower bound


def cdf(
    tables: Mapping[str, pd.DataFrame],
    metric: str = "nse",
    unit: str | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Fraction of the gauges (tiles, cells) whose score is at most a value, a curve per model with
    its median.

    unit    of scores in the unit of the flow (rmse, ...), such as "mm d-1"; the table's own unit
            if left out
    limits  of the axis: -0.5 to 1 for efficiencies, else the middle 96 % of all; the fractions that
            lie beyond stand in the legend. Those without a score are left out and counted there
    ValueError if there is no such score.
    """
    scores, what = {}, place_of(next(iter(tables.values())))
    unit = unit or _unit_of(metric, *tables.values())
    for name, table in tables.items():
        if metric not in table:
            raise ValueError(f"the table of {name} has no column '{metric}'")
        scores[name] = table[metric].to_numpy(float)
    values = np.concatenate([v[np.isfinite(v)] for v in scores.values()])
    if not values.size:
        raise ValueError(f"no {what} has a {metric}: there is nothing to draw")
    low, high = limits or (SHOWN if metric in EFFICIENCIES else _middle(values))
    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    axis = figure.subplots()
    for i, (name, given) in enumerate(scores.items()):
        known = np.sort(given[~np.isnan(given)])
        fraction = np.arange(1, known.size + 1) / known.size if known.size else known
        axis.step(
            np.concatenate([[-np.inf], known]), np.concatenate([[0.0], fraction]), where="post",
            color=COLOURS[i % len(COLOURS)], ls=DASHES[i % len(DASHES)], lw=1.6,
            label=_told(name, given, low, high, what),
        )  # fmt: skip
    axis.set_xlim(low, high)
    axis.set_ylim(0, 1)
    axis.axhline(0.5, color="0.75", lw=0.8, zorder=0)
    axis.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    axis.set_xlabel(quantity(LABELS.get(metric, metric), unit))
    axis.set_ylabel(f"{what}s / %")
    axis.grid(alpha=0.25)
    figure.legend(loc="outside upper left", fontsize=8.5, frameon=False)
    return figure


def _told(name: str, given: np.ndarray, low: float, high: float, what: str) -> str:
    known = given[~np.isnan(given)]
    if not known.size:
        return f"{name}: no score at {given.size} {what}s"
    text = f"{name}: median {np.median(known):.3g}, {known.size} {what}s"
    for beyond, side in ((known < low, f"below {low:.3g}"), (known > high, f"above {high:.3g}")):
        if beyond.any():
            text += f", {100 * beyond.mean():.2g} % {side}"
    missing = given.size - known.size
    return f"{text}, {missing} without" if missing else text


def label_of(metric: str, *tables: pd.DataFrame) -> str:
    """Name and unit of a score of these tables, as an axis has them."""
    return quantity(LABELS.get(metric, metric), _unit_of(metric, *tables))


def _unit_of(metric: str, *tables: pd.DataFrame) -> str:
    """Unit of a score: percent, that of the tables' series where they say it, or none."""
    units = {unit for table in tables if "unit" in table for unit in table["unit"]}
    if metric in (*metrics.IN_UNIT, *spread.IN_UNIT) and len(units) == 1:
        return units.pop()
    return UNITS.get(metric, "1")


def point_map(
    longitude,
    latitude,
    values,
    long_name: str,
    unit: str = "1",
    *,
    limits: tuple[float, float] | None = None,
    centre: float | None = None,
    marked=None,
    domain: Domain | None = None,
) -> Figure:
    """Points at longitude and latitude (N,) in degrees, coloured by values (N,): gauges or cells.

    limits  of the colours: all values if left out, without outliers, with arrows at the end of the
            colour bar that is exceeded
    marked  (N,) bool: gauges held out, which are diamonds; a legend says so
    centre  makes the colours diverge from this value, as far above as below it: 0 for biases
    domain  a raster, on whose rivers they lie: the map is that of the domain
    Those without a value are hollow.
    """
    x, y = np.asarray(longitude, float), np.asarray(latitude, float)
    beneath = domain is not None and not domain.lumped
    frame = Frame.of(domain) if beneath else Frame.around(x, y)
    wide, high = frame.size(6.2, 6.4)
    figure = Figure(figsize=(wide + 1.5, high + 0.9), layout="constrained")
    axis = figure.subplots()
    if domain is not None and beneath:
        x, y = (v * frame.unit for v in transform(x, y, "EPSG:4326", frame.crs))
        ground(axis, domain, frame)
    label = quantity(long_name, unit)
    _points(
        figure, axis, x, y, values, label, limits, centre, size=36 if beneath else 16, marked=marked
    )
    occupied = np.hstack([places(domain, frame), [x, y]]) if beneath else (x, y)
    dress(axis, frame, occupied)
    name_axes(axis, frame)
    return figure


def score_map(
    longitude, latitude, table: pd.DataFrame, metric: str = "nse", unit=None, domain=None
) -> Figure:
    """Map of one score; positions as Series by gauge, or in the order of the rows of the table.

    Gauges held out are diamonds. Efficiencies go from 0 to 1, biases diverge from 0; the period
    stands above, where there is one.
    domain  as for `point_map`
    ValueError for a row without a position.
    """
    longitude = _of_rows("longitude", longitude, table)
    latitude = _of_rows("latitude", latitude, table)
    limits = (0.0, 1.0) if metric in (*EFFICIENCIES, "correlation") else None
    centre = 0.0 if metric in ("bias", "percent_bias", "fhv", "flv") else None
    name, unit = LABELS.get(metric, metric), unit or _unit_of(metric, table)
    held = table["gauge_use"].to_numpy() == "held out" if "gauge_use" in table else None
    figure = point_map(
        longitude, latitude, table[metric], name, unit, limits=limits, centre=centre,
        marked=held if held is not None and not held.all() else None, domain=domain,
    )  # fmt: skip
    periods = list(table["period"].unique()) if "period" in table else []
    if len(periods) == 1:
        figure.axes[0].set_title(str(periods[0]), fontsize=10, loc="left")
    return figure


def _of_rows(name: str, given, table: pd.DataFrame):
    """Positions in the order of the rows of a table, from a Series by gauge; others as they are."""
    if not isinstance(given, pd.Series):
        return given
    found = given.rename(index=str).reindex(table[place_of(table)].astype(str))
    if found.isna().any():
        raise ValueError(f"the {name} of {found.index[found.isna()][0]} is not given")
    return found


def parameter_points(
    longitude, latitude, values: Mapping[str, np.ndarray], fields: Sequence[Field]
) -> Figure:
    """Parameters of lumped basins, name -> (N,), as points: a panel each, with its unit.

    What `plots.cell_maps` is for grids.
    """
    frame = Frame.around(longitude, latitude)
    figure, panels = map_panels(frame, len(fields), most=3)
    for number, (axis, field) in enumerate(zip(panels[:, 0], fields, strict=True)):
        label = quantity(field.name, field.unit)
        _points(figure, axis, longitude, latitude, values[field.name], label, size=7)
        dress(axis, frame, (longitude, latitude), furniture=number == 0)
        title(axis, field.long_name)
    name_axes(figure, frame)
    return figure


def against(simulated: pd.Series, reference: pd.Series, long_name: str, unit: str = "1") -> Figure:
    """Simulated over reference, a point for each gauge of both, with the line of equality.

    The title tells correlation, root mean square error and the number of gauges.
    ValueError if no gauge has both.
    """
    both = pd.concat(
        [simulated.rename(index=str), reference.rename(index=str)],
        axis=1, join="inner", keys=["simulated", "reference"],
    ).dropna()  # fmt: skip
    if both.empty:
        raise ValueError("no gauge has both a simulated and a reference value")
    s, r = both["simulated"].to_numpy(float), both["reference"].to_numpy(float)
    figure = Figure(figsize=(4.4, 4.4), layout="constrained")
    axis = figure.subplots()
    low, high = min(s.min(), r.min()), max(s.max(), r.max())
    edge = 0.04 * (high - low) or 0.5
    axis.plot([low - edge, high + edge], [low - edge, high + edge], color="0.6", lw=0.9, zorder=0)
    axis.scatter(r, s, s=14, color=COLOURS[0], alpha=0.55, linewidths=0)
    axis.set_xlim(low - edge, high + edge)
    axis.set_ylim(low - edge, high + edge)
    axis.set_aspect("equal")
    for locate in (axis.xaxis, axis.yaxis):
        locate.set_major_locator(MaxNLocator(6))
    axis.set_xlabel(quantity(f"{long_name}, reference", unit))
    axis.set_ylabel(quantity(f"{long_name}, simulated", unit))
    error = f"{metrics.rmse(s, r):.3g}" + (f" {unit}" if unit != "1" else "")
    title = f"r = {metrics.correlation(s, r):.3f}, RMSE {error}, {s.size} gauges"
    axis.set_title(title, fontsize=10, loc="left")
    axis.grid(alpha=0.25)
    return figure


def _points(
    figure, axis, x, y, values, label, limits=None, centre=None, size=16, marked=None
) -> None:  # fmt: skip
    x, y, v = (np.asarray(given, float) for given in (x, y, values))
    if not x.shape == y.shape == v.shape or x.ndim != 1:
        raise ValueError(
            f"longitude, latitude and values are of one length: {x.shape}, {y.shape}, {v.shape}"
        )
    known = np.isfinite(v)
    if not known.any():
        raise ValueError(f"there is no value to draw: {label}")
    ends = Limits.of(v, limits, centre)
    style = {"s": size, "zorder": 5}
    axis.scatter(x[~known], y[~known], facecolors="none", edgecolors="0.6", linewidths=0.6, **style)
    apart = marked is not None and np.any(marked)
    held = np.asarray(marked, bool) if apart else np.zeros(v.size, bool)
    for chosen, marker, label_of, larger in (
        (known & ~held, "o", "trained", 1.0), (known & held, "D", "held out", 1.25)
    ):  # fmt: skip
        points = axis.scatter(
            x[chosen], y[chosen], c=v[chosen], norm=ends.norm, marker=marker,
            cmap="viridis" if centre is None else "RdBu", edgecolors="0.2",
            linewidths=0.25 * larger**6, label=label_of, **style | {"s": size * larger},
        )  # fmt: skip
    if apart:
        figure.legend(loc="outside lower right", ncols=2, fontsize=8.5, frameon=False)
    colour_bar(figure, points, axis, label, ends)


def _middle(values: np.ndarray) -> tuple[float, float]:
    """Limits that a few outliers do not block: the middle 96 %, or around a constant."""
    low, high = np.quantile(values, [0.02, 0.98])
    if low == high:
        low, high = values.min(), values.max()
    pad = 0 if high > low else max(abs(high) * 0.05, 0.5)
    return float(low - pad), float(high + pad)
