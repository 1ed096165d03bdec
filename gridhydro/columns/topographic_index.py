"""The saturated area of TOPMODEL, of a topographic index that is distributed as a gamma variable.

The logarithm of the index, ln(m), follows a gamma distribution from 3 upwards, of a given mean and
shape (Sivapalan et al. 1987, doi:10.1029/WR023i012p02266); where transmissivity falls as a power of
the deficit, its n-th root takes its place (Clark et al. 2008, doi:10.1029/2007WR006735).

The area is the incomplete gamma function Q(shape, x). For whole shapes that is a polynomial times
exp(-x); for others Q(shape + 2, x) is interpolated between whole shapes of 2 to 9, and Q(shape, x)
follows by its recurrence. Within shapes of 2 to 5 it is off by 7e-5 of the cell at most.
"""

from math import factorial, log, pi

import torch

LEAST = 3.0  # ln(m), of the logarithm of the index
_NODES = range(2, 10)  # whole shapes that are interpolated between
# bases of powers and arguments of logarithms are held above this
TINY = 1e-6
# of 1 - chi / n: below it the mean of the n-th root of the index is none
NARROW = 0.1


def spread(p):
    """Scale of the gamma distribution, ln(m), and the logarithm of 1 - scale / n."""
    scale = (p.loglamb - LEAST) / p.tishape
    return scale, torch.log(torch.clamp(1 - scale / p.qb_powr, min=NARROW))


def mean_index(p):
    """The n-th power of the mean of the n-th root of the topographic index, m."""
    _, narrow = spread(p)
    return torch.exp(LEAST - p.qb_powr * p.tishape * narrow)


def saturated_area(filling, p):
    """Fraction of the cell whose index is above what saturates, from S2 / its capacity."""
    scale, narrow = spread(p)
    filled = torch.log(torch.clamp(filling, min=TINY))
    beyond = (p.qb_powr / scale) * (-p.tishape * narrow - filled)
    area = upper_gamma(p.tishape, torch.clamp(beyond, min=TINY))
    return torch.clamp(area, min=0, max=1)


def upper_gamma(shape, x):
    """The regularized upper incomplete gamma function Q(shape, x), for shapes of 2 to 5."""
    terms = _polynomial(shape + 2)
    total = terms[-1]
    for term in reversed(terms[:-1]):
        total = total * x + term
    lower = _reciprocal_gamma(shape)
    power = torch.exp(shape * torch.log(x)) * (lower + lower / (shape + 1) * x)
    return torch.exp(-x) * (total - power)


def _polynomial(shape) -> list:
    """Coefficients of x^j in exp(x) Q(shape, x), interpolated between whole shapes."""
    away = [shape - node for node in _NODES]
    weights = []
    for k, node in enumerate(_NODES):
        product = 1.0
        for j, other in enumerate(_NODES):
            if j != k:
                product = product * (away[j] * (1 / (node - other)))
        weights.append(product)
    found, left = [1.0] * _NODES[0], 1.0  # the weights add up to one
    for j in range(_NODES[0], _NODES[-1]):
        left = left - weights[j - _NODES[0]]
        found.append(left)
    return [value * (1 / factorial(j)) for j, value in enumerate(found)]


def _reciprocal_gamma(shape):
    """1 / Gamma(shape + 1), by Stirling's series at shape + 5."""
    z = shape + 5
    series = (1 / 12 - (1 / 360 - 1 / 1260 / (z * z)) / (z * z)) / z
    logarithm = (z - 0.5) * torch.log(z) - z + 0.5 * log(2 * pi) + series
    steps = (shape + 1) * (shape + 2) * (shape + 3) * (shape + 4)
    return steps * torch.exp(-logarithm)
