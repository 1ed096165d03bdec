"""The operations a column may use: one row each, for numba, for Triton, and its adjoint.

Rules that keep values and gradients the same on every backend and in the reference:

- A kink has one convention: on a tie the *second* argument of `minimum` and `maximum`, and the
  bound of `clamp`, wins and takes the whole gradient (torch itself splits it, or passes it to the
  store). `KINKED` holds these functions; tracing and the reference loop both use them.
- What is missing stays missing: `minimum`, `maximum` and `clamp` give NaN where either argument is
  NaN, so that no store is filled on from a day without weather.
- A power is `exp2(b log2 a)`, small whole powers are products. The base must be positive: guard
  the base in the physics, never the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import torch
from torch.overrides import TorchFunctionMode

LN2 = log(2.0)


@dataclass(frozen=True)
class Operation:
    """An operation: the code that is printed for it, and the cotangents of its arguments.

    `adjoint(g, y, *arguments)` gets the cotangent and the value of the result and returns one
    cotangent per argument, None where an argument has none.
    """

    numba: str
    triton: str
    adjoint: Callable
    fold: Callable | None = None  # the value for plain numbers


def _same(text: str, adjoint: Callable, fold: Callable | None = None) -> Operation:
    return Operation(text, text, adjoint, fold)


def _no_gradient(g, y, *arguments):
    return (None,) * len(arguments)


def _where_adjoint(g, y, c, a, b):
    return None, torch.where(c, g, 0.0), torch.where(c, 0.0, g)


def _divide_adjoint(g, y, a, b):
    to_dividend = g * reciprocal(b)
    return to_dividend, -(to_dividend * y)


def reciprocal(b):
    return 1.0 / b


def _tanh_adjoint(g, y, a):
    return (g * (1.0 - y * y),)


def _compare(sign: str) -> Operation:
    return _same(f"{{0}} {sign} {{1}}", _no_gradient)


def _minimum_adjoint(g, y, a, b):
    second = a >= b
    return torch.where(second, 0.0, g), torch.where(second, g, 0.0)


def _maximum_adjoint(g, y, a, b):
    second = a <= b
    return torch.where(second, 0.0, g), torch.where(second, g, 0.0)


def _extreme(which: str, adjoint: Callable, fold: Callable) -> Operation:
    # one instruction of a GPU, and on a CPU one where an argument is a plain number
    triton = f"tl.{which}({{0}}, {{1}}, propagate_nan=tl.PropagateNan.ALL)"
    return Operation(f"{which}_of({{0}}, {{1}})", triton, adjoint, fold)


OPERATIONS: dict[str, Operation] = {
    "add": _same("{0} + {1}", lambda g, y, a, b: (g, g), fold=lambda a, b: a + b),
    "sub": _same("{0} - {1}", lambda g, y, a, b: (g, -g), fold=lambda a, b: a - b),
    "mul": _same("{0} * {1}", lambda g, y, a, b: (g * b, g * a), fold=lambda a, b: a * b),
    "div": _same("{0} / {1}", _divide_adjoint, fold=lambda a, b: a / b),
    "neg": _same("-{0}", lambda g, y, a: (-g,), fold=lambda a: -a),
    "where": Operation("select({0}, {1}, {2})", "tl.where({0}, {1}, {2})", _where_adjoint),
    "minimum": _extreme("minimum", _minimum_adjoint, min),
    "maximum": _extreme("maximum", _maximum_adjoint, max),
    "lt": _compare("<"),
    "le": _compare("<="),
    "gt": _compare(">"),
    "ge": _compare(">="),
    "eq": _compare("=="),
    "ne": _compare("!="),
    "logical_and": _same("{0} & {1}", _no_gradient),
    "logical_or": _same("{0} | {1}", _no_gradient),
    "logical_not": Operation("not {0}", "{0} == 0", _no_gradient),
    "exp2": Operation("exp2({0})", "tl.exp2({0})", lambda g, y, a: (g * (y * LN2),)),
    "log2": Operation("log2({0})", "tl.log2({0})", lambda g, y, a: (g * reciprocal(a * LN2),)),
    "sqrt": Operation("sqrt({0})", "tl.sqrt({0})", lambda g, y, a: (g * (0.5 / y),)),
    "tanh": _same("tanh({0})", _tanh_adjoint),
    # of the layers of a network, which add it up: digits near 0, which cost instructions of a GPU,
    # are nothing there
    "quick_tanh": Operation("tanh({0})", "quick_tanh({0})", _tanh_adjoint),
}

CONDITIONS = {name for name, row in OPERATIONS.items() if row.adjoint is _no_gradient}

# worth keeping from a recomputed day until its adjoint, where memory is a cache away
COSTLY = {"exp2", "log2", "sqrt", "tanh", "quick_tanh", "div"}


def _minimum(a, b):
    if (trace := _traced(a, b)) is not None:
        return trace(torch.minimum, (), (a, b))
    return torch.where((a >= b) | _missing(b), b, a)


def _maximum(a, b):
    if (trace := _traced(a, b)) is not None:
        return trace(torch.maximum, (), (a, b))
    return torch.where((a <= b) | _missing(b), b, a)


def _traced(a, b) -> Callable | None:
    """What calls a function of two values of which one is a symbol; None for tensors."""
    known = (int, float, torch.Tensor)
    return next((v.__torch_function__ for v in (a, b) if not isinstance(v, known)), None)


def _missing(b):
    return b != b


def _clamp(x, min=None, max=None):
    x = x if min is None else _maximum(x, min)
    return x if max is None else _minimum(x, max)


def _relu(x, inplace=False):
    return _maximum(x, 0.0)


def _abs(x):
    return torch.where(x < 0, -x, x)


KINKED: dict[str, Callable] = {
    "minimum": _minimum,
    "maximum": _maximum,
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": _maximum,
    "clamp_max": _minimum,
    "relu": _relu,
    "abs": _abs,
}


def _pow(a, b):
    if isinstance(b, (int, float)):
        if b == int(b) and 0 < b <= 4:
            return a if b == 1 else _pow(a, b - 1) * a
        if b == 0.5:
            return torch.sqrt(a)
    return torch.exp2(b * (log(a) / LN2 if isinstance(a, (int, float)) else torch.log2(a)))


# functions that are spelt with others; torch's own serve in the reference
COMPOSED: dict[str, Callable] = {
    "pow": _pow,
    "square": lambda x: x * x,
    "reciprocal": reciprocal,
    "exp": lambda x: torch.exp2(x * (1 / LN2)),
    "log": lambda x: torch.log2(x) * LN2,
    "sigmoid": lambda x: 1.0 / (1.0 + torch.exp2(x * (-1 / LN2))),
    "rsub": lambda a, b: b - a,
    "clone": lambda x: x,
}

SYNONYMS = {
    "true_divide": "div",
    "divide": "div",
    "multiply": "mul",
    "subtract": "sub",
    "negative": "neg",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
    "not_equal": "ne",
    "absolute": "abs",
}


class OneConvention(TorchFunctionMode):
    """Within it, torch's kinked functions follow the convention above; all else is untouched."""

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        name = getattr(function, "__name__", "").strip("_")
        with_torch = KINKED.get(SYNONYMS.get(name, name), function)
        return with_torch(*arguments, **(keywords or {}))
