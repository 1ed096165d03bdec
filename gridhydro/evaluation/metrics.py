"""Scores of simulated against observed discharge.

Every score takes two series of one length and unit. Days without an observation (NaN) count
nowhere; a NaN simulated on an observed day makes the score NaN rather than dropping the day. A
score that is not defined (no variance but rounding, no flow or mean to divide by, fewer than two
days) is NaN.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhydro.evaluation import formulas

LOW, HIGH = 0.3, 0.02  # fractions of the days called low and high flow


def nse(simulated, observed) -> float:
    """Nash-Sutcliffe efficiency (Nash & Sutcliffe 1970): 1 - squared error / variance."""
    s, o = _pairs(simulated, observed)
    if not _varies(o):
        return np.nan
    return float(1 - formulas.unexplained(s, o, np.mean))


def kge(simulated, observed) -> float:
    """Kling-Gupta efficiency (Gupta et al. 2009), with the ratio of standard deviations."""
    s, o = _pairs(simulated, observed)
    if not _varies(o) or not formulas.has_mean(o, np.mean):
        return np.nan
    return float(1 - formulas.kge_distance(_moments(s, o), np.sqrt)) if _varies(s) else np.nan


def kge_2012(simulated, observed) -> float:
    """Kling-Gupta efficiency of Kling et al. (2012), with the ratio of variation coefficients."""
    s, o = _pairs(simulated, observed)
    if not (_varies(o) and formulas.has_mean(o, np.mean) and formulas.has_mean(s, np.mean)):
        return np.nan
    return float(1 - formulas.kge_2012_distance(_moments(s, o), np.sqrt)) if _varies(s) else np.nan


def correlation(simulated, observed) -> float:
    """Pearson's correlation coefficient."""
    s, o = _pairs(simulated, observed)
    if not _varies(s) or not _varies(o):
        return np.nan
    return float(formulas.correlation(_moments(s, o)))


def bias(simulated, observed) -> float:
    """Mean error: simulated minus observed, unit of the series."""
    s, o = _pairs(simulated, observed)
    return float(np.mean(s - o)) if o.size else np.nan


def percent_bias(simulated, observed) -> float:
    """Simulated minus observed volume, percent of the observed."""
    return _percent_bias(*_pairs(simulated, observed))


def rmse(simulated, observed) -> float:
    """Root mean square error, unit of the series."""
    s, o = _pairs(simulated, observed)
    return float(formulas.rmse(s, o, np.mean, np.sqrt)) if o.size else np.nan


def ubrmse(simulated, observed) -> float:
    """Root mean square error of the departures from the mean (Entekhabi et al. 2010)."""
    s, o = _pairs(simulated, observed)
    return rmse(s - s.mean(), o - o.mean()) if o.size else np.nan


def fhv(simulated, observed, absolute: bool = False) -> float:
    """Percent bias of the top 2 % flows of the flow duration curve (Yilmaz et al. 2008).

    `absolute` sums the magnitudes of the differences instead (Song et al. 2024).
    """
    return _percent_bias(*_high(simulated, observed), absolute)


def flv(simulated, observed, absolute: bool = False) -> float:
    """Percent bias of the bottom 30 % flows of the flow duration curve.

    After Yilmaz et al. (2008), but of the flows themselves and not of their logarithms, as in
    Feng et al. (2022). `absolute` as for `fhv`.
    """
    return _percent_bias(*_low(simulated, observed), absolute)


def rmse_low(simulated, observed) -> float:
    """Root mean square error between the bottom 30 % of both flow duration curves."""
    return rmse(*_low(simulated, observed))


def rmse_high(simulated, observed) -> float:
    """Root mean square error between the top 2 % of both flow duration curves."""
    return rmse(*_high(simulated, observed))


def fhv_abs(simulated, observed) -> float:
    """`fhv` of the magnitudes of the differences."""
    return fhv(simulated, observed, absolute=True)


def flv_abs(simulated, observed) -> float:
    """`flv` of the magnitudes of the differences."""
    return flv(simulated, observed, absolute=True)


def residual_cv(simulated, observed) -> float:
    """Standard deviation of the errors over the observed mean, no unit."""
    s, o = _pairs(simulated, observed)
    if not o.size or not formulas.has_mean(o, np.mean):
        return np.nan
    return float(np.std(s - o) / abs(np.mean(o)))


METRICS = {
    "nse": nse,
    "kge": kge,
    "kge_2012": kge_2012,
    "correlation": correlation,
    "bias": bias,
    "percent_bias": percent_bias,
    "rmse": rmse,
    "ubrmse": ubrmse,
    "fhv": fhv,
    "flv": flv,
    "fhv_abs": fhv_abs,
    "flv_abs": flv_abs,
    "rmse_low": rmse_low,
    "rmse_high": rmse_high,
}


# of `METRICS` that are in the unit of the series, and in percent; the others have no unit
IN_UNIT = ("bias", "rmse", "ubrmse", "rmse_low", "rmse_high")
PERCENT = ("percent_bias", "fhv", "flv", "fhv_abs", "flv_abs")


def table(
    simulated: pd.DataFrame, observed: pd.DataFrame, period: str = "all", unit: str | None = None
) -> pd.DataFrame:
    """All scores, a row per observed gauge: gauge, period, scores, days with an observation.

    Both frames have time as the index and a column per gauge, in one unit, which the column `unit`
    tells if it is given; they are compared on the times they share, and gauges only simulated are
    left out. Those of `IN_UNIT` are in the unit of the series, those of `PERCENT` in percent.
    ValueError if an observed gauge is not simulated or no time is shared.
    """
    unknown = [str(gauge) for gauge in observed.columns if gauge not in simulated.columns]
    if unknown:
        raise ValueError(
            f"observed but not simulated: {', '.join(unknown)}; "
            f"simulated are {', '.join(map(str, simulated.columns))}"
        )
    times = simulated.index.intersection(observed.index)
    if times.empty:
        raise ValueError(
            f"simulated {_span(simulated.index)} and observed {_span(observed.index)} share "
            "no time; check the period and the time of day of both"
        )
    gauges, rows = observed.columns, []
    said = {} if unit is None else {"unit": unit}
    # once for all gauges: the look-up of times would cost as much as the scores
    series = (f.loc[times, gauges].to_numpy(float).T for f in (simulated, observed))
    for gauge, s, o in zip(gauges, *series, strict=True):
        scores = {name: metric(s, o) for name, metric in METRICS.items()}
        days = int((~np.isnan(o)).sum())
        rows.append({"gauge": gauge, "period": period, **said, **scores, "days": days})
    return pd.DataFrame(rows, columns=["gauge", "period", *said, *METRICS, "days"])


def _span(index) -> str:
    return f"{index[0]} to {index[-1]}" if len(index) else "(empty)"


def _pairs(simulated, observed) -> tuple[np.ndarray, np.ndarray]:
    s, o = np.asarray(simulated, float), np.asarray(observed, float)
    if s.ndim != 1 or s.shape != o.shape:
        raise ValueError(f"two series of one length, please: got {s.shape} and {o.shape}")
    valid = ~np.isnan(o)
    return s[valid], o[valid]


def _varies(values) -> bool:
    # not by the standard deviation: rounding of the mean gives a constant series a small one
    return values.size > 1 and bool(formulas.varies(values.max(), values.min()))


def _low(simulated, observed) -> tuple[np.ndarray, np.ndarray]:
    s, o = _sorted(simulated, observed)
    return s[: round(LOW * o.size)], o[: round(LOW * o.size)]


def _high(simulated, observed) -> tuple[np.ndarray, np.ndarray]:
    s, o = _sorted(simulated, observed)
    first = min(round((1 - HIGH) * o.size), max(o.size - 1, 0))  # at least the highest flow
    return s[first:], o[first:]


def _sorted(simulated, observed) -> tuple[np.ndarray, np.ndarray]:
    s, o = _pairs(simulated, observed)
    if np.isnan(s).any():  # sorting would hide it at the end
        s = np.full(s.shape, np.nan)
    return np.sort(s), np.sort(o)


def _percent_bias(s, o, absolute: bool = False) -> float:
    if not o.size or not formulas.has_mean(o, np.mean):
        return np.nan
    difference = np.abs(s - o) if absolute else s - o
    return float(100 * difference.sum() / o.sum())


def _moments(s, o) -> formulas.Moments:
    return formulas.Moments.of(s, o, np.mean, np.sqrt)
