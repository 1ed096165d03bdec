"""NSE, KGE and RMSE, one formula each, on arrays of numpy and of torch alike.

Scores of one series (`evaluation.metrics`), losses with gradients over many gauges
(`evaluation.losses`) and losses of many parameter sets (`training.calibration.losses`) differ in
how they leave out what is not observed and in what they do where a formula has no value. So every
formula takes the mean over the observed times as a function, and the square root; those of NSE and
KGE give what is lacking to 1, which is small and exact where a fit is good.

What a formula divides by may be zero, or what rounding has left of zero: `varies` and `has_mean`
say whether a series has a variance, and a mean, to divide by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

# observations are kept in single precision, of seven digits: what varies less, as a fraction of its
# size, is constant
RESOLUTION = 1e-6
# a mean smaller than this, as a fraction of the mean size of the values, is that of anomalies: of
# values that are rounded to three digits it may be rounding alone. Values of one sign have a mean
LEAST_MEAN = 1e-3


def varies(highest, lowest):
    """Whether values between these two differ by more than rounding; not where there are none."""
    return highest - lowest > RESOLUTION * (abs(highest) + abs(lowest)) / 2


def has_mean(values, mean: Callable):
    """Whether the mean of values is more than what is left of values of both signs."""
    return abs(mean(values)) > LEAST_MEAN * mean(abs(values))


class Moments(NamedTuple):
    """Means, standard deviations and covariance of simulated and observed series."""

    mean_simulated: Any
    mean_observed: Any
    spread_simulated: Any
    spread_observed: Any
    covariance: Any

    @classmethod
    def of(cls, simulated, observed, mean: Callable, root: Callable) -> Moments:
        """Those of two series, with the mean over the observed times."""
        mean_s, mean_o = mean(simulated), mean(observed)
        from_s, from_o = simulated - mean_s, observed - mean_o
        spreads = root(mean(from_s**2)), root(mean(from_o**2))
        return cls(mean_s, mean_o, *spreads, mean(from_s * from_o))


def squared_error(simulated, observed, mean: Callable):
    """Mean squared error, squared unit of the series."""
    return mean((simulated - observed) ** 2)


def variance(values, mean: Callable):
    """Mean squared departure from the mean, squared unit of the series."""
    return mean((values - mean(values)) ** 2)


def rmse(simulated, observed, mean: Callable, root: Callable):
    """Root mean square error, unit of the series."""
    return root(squared_error(simulated, observed, mean))


def unexplained(simulated, observed, mean: Callable, of=None):
    """1 - Nash-Sutcliffe efficiency (Nash & Sutcliffe 1970): squared error / variance.

    of  the variance, where it is not that of these observations
    """
    of = variance(observed, mean) if of is None else of
    return squared_error(simulated, observed, mean) / of


def correlation(moments: Moments, least: Callable | None = None):
    """Pearson's correlation coefficient.

    least  (spread, observed spread) -> the simulated spread that is divided by, where a constant
           simulation has to have a correlation
    """
    spread, observed = moments.spread_simulated, moments.spread_observed
    return moments.covariance / ((least(spread, observed) if least else spread) * observed)


def kge_distance(moments: Moments, root: Callable, least: Callable | None = None):
    """1 - Kling-Gupta efficiency (Gupta et al. 2009, eq. 9), with the ratio of deviations."""
    spread = moments.spread_simulated / moments.spread_observed
    mean = moments.mean_simulated / moments.mean_observed
    return _distance(correlation(moments, least), spread, mean, root)


def kge_2012_distance(moments: Moments, root: Callable):
    """1 - Kling-Gupta efficiency of Kling et al. (2012), by coefficients of variation."""
    spread = moments.spread_simulated / moments.spread_observed
    mean = moments.mean_simulated / moments.mean_observed
    return _distance(correlation(moments), spread / mean, mean, root)


def _distance(r, spread, mean, root: Callable):
    return root((r - 1) ** 2 + (spread - 1) ** 2 + (mean - 1) ** 2)
