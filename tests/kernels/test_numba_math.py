"""The polynomials of numba_math against numpy, in units of the last place."""

import numpy as np
import pytest

from gridhydro.kernels import build, numba_math

_MODULE = """
import math

from numba import {real} as real, int32, int64, njit

from gridhydro.kernels.numba_math import bits_from_float, float_from_bits, select

{functions}


@njit
def apply(function, x, y):
    for i in range(x.size):
        y[i] = function(x[i])
"""


@pytest.fixture(scope="module", params=["float32", "float64"])
def evaluate(request):
    """A function: name, numbers -> values of that function in the precision at hand."""
    real = request.param
    functions = "\n".join(numba_math.source(real).values())
    module = build.load(f"mathematics_{real}", _MODULE.format(real=real, functions=functions))

    def values(name, x):
        x = np.asarray(x, real)
        y = np.empty_like(x)
        module.apply(getattr(module, name), x, y)
        return y

    values.real = np.dtype(real)
    return values


def ulps(found, x, function):
    """Distance from the exact value, in the last place of the precision of `found`."""
    wide = np.longdouble if found.dtype == np.float64 else np.float64
    exact = function(x.astype(wide))
    return np.max(
        np.abs(found.astype(wide) - exact) / np.spacing(np.abs(exact.astype(found.dtype)))
    )


def spread(real, low, high, n=20001):
    return np.random.default_rng(0).uniform(low, high, n).astype(real)


def test_exp2_is_accurate(evaluate):
    for low, high in [(-1e-3, 1e-3), (-1, 1), (-30, 30), (-120, 120)]:
        x = spread(evaluate.real, low, high)
        assert ulps(evaluate("exp2", x), x, np.exp2) < 2
    whole = np.arange(-126, 128)
    exact = np.ldexp(np.ones(1, evaluate.real), whole)  # numpy's own exp2 rounds here
    assert np.array_equal(evaluate("exp2", whole), exact)


def test_exp2_saturates(evaluate):
    info = np.finfo(evaluate.real)
    high, low = evaluate("exp2", [1e30, -1e30])
    assert info.max / 4 < high <= info.max and 0 < low <= info.tiny
    assert np.array_equal(evaluate("exp2", [np.inf, -np.inf]), [high, low])


def test_log2_is_accurate(evaluate):
    for low, high in [(0.1, 10), (0.7, 1.4), (1 - 1e-3, 1 + 1e-3), (1e3, 1e6)]:
        x = spread(evaluate.real, low, high)
        assert ulps(evaluate("log2", x), x, np.log2) < 4
    whole = np.arange(-126, 128)
    powers = np.ldexp(np.ones(1, evaluate.real), whole)
    assert np.array_equal(evaluate("log2", powers), whole)
    limits = np.asarray([np.finfo(evaluate.real).max, np.finfo(evaluate.real).tiny], evaluate.real)
    assert ulps(evaluate("log2", limits), limits, np.log2) < 2


def test_tanh_is_accurate(evaluate):
    for high in (1e-6, 1e-3, 0.3, 1, 5, 30):
        x = spread(evaluate.real, -high, high)
        assert ulps(evaluate("tanh", x), x, np.tanh) < 5
    assert np.array_equal(evaluate("tanh", [0, -1e30, 1e30, -np.inf, np.inf]), [0, -1, 1, -1, 1])


def test_sqrt_equals_numpy(evaluate):
    x = spread(evaluate.real, 0, 1e4)
    assert np.array_equal(evaluate("sqrt", x), np.sqrt(x))


@pytest.mark.parametrize("name", ["exp2", "log2", "tanh", "sqrt"])
def test_nan_stays_nan_in_every_function(evaluate, name):
    assert np.isnan(evaluate(name, [np.nan])).all()
