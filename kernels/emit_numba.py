"""Prints a column's forward and adjoint kernels for the CPU.

A block of 64 lanes (cells, or cells x components) is taken through the whole series. All its
quantities are rows of one small workspace, so the lane loop touches a single array at constant
offsets: LLVM sees that lanes are independent and vectorises it without checks.
"""

from __future__ import annotations

from gridhydro.kernels import numba_math
from gridhydro.kernels.launch import AHEAD, LANES
from gridhydro.kernels.spec import Spec
from gridhydro.kernels.trace import Program, Symbol
from gridhydro.kernels.vocabulary import OPERATIONS

_HEADER = '''"""{title}, printed by gridhydro: change the column, not this file.

Arrays: forcing (F, T, N); static (K, N*M), dynamic (D, T, N*M) parameters; initial and final
(S, N*M) states; outputs (O, T, {last}); trajectory (ceil(T / every), S, N*M), the states
before every `every`-th day. N cells, M = {components} components, last axis fastest; weights of
embedded networks, and their gradients by block of cells, flat.
"""

import math

import numpy as np
from numba import {real} as real, int32, int64, uint64, njit as compile_cached

from gridhydro.kernels.numba_math import bits_from_float, float_from_bits, prefetch, select

OPTIONS = dict(nogil=True, error_model="numpy", fastmath={{"nsz", "contract"}})
LANES = {lanes}  # values computed together
COMPONENTS = {components}
CELLS = LANES // COMPONENTS  # cells in one block of lanes
AHEAD = {ahead}  # days between asking for a row and using it

# rows of the workspace: one quantity each, LANES values a row
{rows}


def njit(function):
    return compile_cached(function, **OPTIONS)

'''

# unsigned counters: numba would look for negative indices, and LLVM could not vectorise the copies
_MOVING = """
@njit
def fetch_ahead(source, t, first, last):
    if 0 <= t < source.shape[1]:
        for k in range(source.shape[0]):
            for i in range(first, last, 16):
                prefetch(source, k, t, i)


@njit
def load_row(w, row, source, cell, width):
    base, first, count = uint64(row * LANES), uint64(cell * COMPONENTS), uint64(width * COMPONENTS)
    for l in range(count):
        w[base + l] = source[first + l]
    for l in range(count, uint64(LANES)):  # idle lanes repeat the first
        w[base + l] = w[base]


@njit
def store_row(w, row, target, cell, width):
    base, first = uint64(row * LANES), uint64(cell * COMPONENTS)
    for l in range(uint64(width * COMPONENTS)):
        target[first + l] = w[base + l]


@njit
def load(w, row, source, cell, width):
    for k in range(source.shape[0]):
        load_row(w, row + k, source[k], cell, width)


@njit
def store(w, row, target, cell, width):
    for k in range(target.shape[0]):
        store_row(w, row + k, target[k], cell, width)


@njit
def load_day(w, row, source, t, cell, width):
    for k in range(source.shape[0]):
        load_row(w, row + k, source[k, t], cell, width)


@njit
def store_day(w, row, target, t, cell, width):
    for k in range(target.shape[0]):
        store_row(w, row + k, target[k, t], cell, width)


@njit
def load_shared(w, row, source, t, cell, width, share):
    for k in range(source.shape[0]):
        values, base, first = source[k, t], uint64((row + k) * LANES), uint64(cell)
        for c in range(uint64(width)):
            for m in range(uint64(COMPONENTS)):
                w[base + c * uint64(COMPONENTS) + m] = values[first + c] * share


@njit
def store_sum(w, row, target, t, cell, width, share):
    for k in range(target.shape[0]):
        values, base, first = target[k, t], uint64((row + k) * LANES), uint64(cell)
        for c in range(uint64(width)):
            total = real(0.0)
            for m in range(uint64(COMPONENTS)):
                total += w[base + c * uint64(COMPONENTS) + m]
            values[first + c] = total * share


@njit
def store_total(w, row, target, width):
    for k in range(target.size):
        total, base = 0.0, uint64((row + k) * LANES)
        for l in range(uint64(width * COMPONENTS)):
            total += w[base + l]
        target[k] = total


@njit
def move(source, target, start, count):
    for i in range(uint64(start), uint64(start + count)):
        target[i] = source[i]
"""

_FORWARD = """
@njit
def forward_blocks(
    first, last, every, forcing, static, dynamic, initial, weights, outputs, final, trajectory
):
    days, cells = forcing.shape[1], forcing.shape[2]
    w = np.zeros(ROWS * LANES + weights.size, np.{real})
    w[ROWS * LANES :] = weights
    for block in range(first, last):
        cell = block * CELLS
        width = min(CELLS, cells - cell)
        load(w, STATES, initial, cell, width)
        load(w, STATIC, static, cell, width)
        derive(w)
        for t in range(days):
            if every > 0 and t % every == 0:
                store(w, STATES, trajectory[t // every], cell, width)
            fetch_ahead(forcing, t + AHEAD, cell, cell + width)
            fetch_ahead(outputs, t + AHEAD, cell, cell + width)
            load_shared(w, FORCING, forcing, t, cell, width, real(1.0))
            load_day(w, DYNAMIC, dynamic, t, cell, width)
            step(w)
            {write}
        store(w, STATES, final, cell, width)


forward = compile_cached(forward_blocks.py_func, cache=True, **OPTIONS)
"""

_ADJOINT = """
@njit
def adjoint_blocks(
    first, last, every, forcing, static, dynamic, weights, trajectory, d_outputs, d_final,
    d_forcing, d_static, d_dynamic, d_initial, d_weights,
):
    days, cells = forcing.shape[1], forcing.shape[2]
    w = np.zeros(ROWS * LANES + weights.size, np.{real})
    w[ROWS * LANES :] = weights
    # within one segment: the states before each day, and what else of the day is worth keeping
    kept = np.empty((every, STATIC * LANES), np.{real})
    for block in range(first, last):
        cell = block * CELLS
        width = min(CELLS, cells - cell)
        load(w, STATIC, static, cell, width)
        derive(w)
        w[D_STATIC * LANES : ROWS * LANES] = real(0.0)
        load(w, D_STATES, d_final, cell, width)
        for index in range(trajectory.shape[0] - 1, -1, -1):
            start, stop = index * every, min((index + 1) * every, days)
            load(w, STATES, trajectory[index], cell, width)
            for t in range(start, stop):
                move(w, kept[t - start], STATES * LANES, (SAVED - STATES) * LANES)
                fetch_ahead(forcing, t + AHEAD, cell, cell + width)
                load_shared(w, FORCING, forcing, t, cell, width, real(1.0))
                load_day(w, DYNAMIC, dynamic, t, cell, width)
                advance(w)
                move(w, kept[t - start], SAVED * LANES, (STATIC - SAVED) * LANES)
            for t in range(stop - 1, start - 1, -1):
                move(kept[t - start], w, STATES * LANES, STATIC * LANES)
                fetch_ahead(d_outputs, t - AHEAD, cell, cell + width)
                load_shared(w, FORCING, forcing, t, cell, width, real(1.0))
                load_day(w, DYNAMIC, dynamic, t, cell, width)
                {read}
                step_adjoint(w)
                store_sum(w, D_FORCING, d_forcing, t, cell, width, real(1.0))
                store_day(w, D_DYNAMIC, d_dynamic, t, cell, width)
        derive_adjoint(w)
        store(w, D_STATIC, d_static, cell, width)
        store(w, D_STATES, d_initial, cell, width)
        store_total(w, D_WEIGHTS, d_weights[block], width)


adjoint = compile_cached(adjoint_blocks.py_func, cache=True, **OPTIONS)
"""


class _Layout:
    """The rows of the workspace, group by group; behind them single numbers for all lanes."""

    def __init__(self, numbers: list[str], **groups: list[str]):
        self.numbers, self.groups = numbers, groups
        self._first, self.rows = {}, 0
        for name, quantities in groups.items():
            self._first[name] = self.rows
            self.rows += len(quantities)

    def __call__(self, group: str, prefix: str = "") -> dict[str, int]:
        """Offset of each quantity of a group, under its name behind `prefix`."""
        first = self._first[group]
        return {f"{prefix}{q}": (first + i) * LANES for i, q in enumerate(self.groups[group])}

    def shared(self) -> dict[str, int]:
        """Place of each single number."""
        return {name: self.rows * LANES + k for k, name in enumerate(self.numbers)}

    def source(self) -> str:
        lines = [
            f"{name} = {self._first[name]}" + (f"  # {', '.join(names)}" if names else "")
            for name, names in self.groups.items()
        ]
        return "\n".join([*lines, f"ROWS = {self.rows}"])


def _layout(spec: Spec, saved: list[str] = (), **more: list[str]) -> _Layout:
    return _Layout(
        spec.weights,
        STATES=spec.states,
        SAVED=list(saved),
        STATIC=spec.static,
        DYNAMIC=spec.dynamic,
        FORCING=spec.forcings,
        DERIVED=spec.derived,
        **more,
    )


def _inputs(at: _Layout) -> dict[str, int]:
    return at("STATES") | at("STATIC") | at("DYNAMIC") | at("FORCING") | at("DERIVED")


def forward(spec: Spec) -> str:
    """Source of a module with `forward(first, last, every, ...)` over blocks of cells."""
    at = _layout(spec, OUTPUTS=spec.outputs)
    functions = [
        _function("derive", at, spec.derive, at("STATIC"), at("DERIVED")),
        _function("step", at, spec.step, _inputs(at), at("STATES", "next_") | at("OUTPUTS")),
    ]
    write = (
        "store_sum(w, OUTPUTS, outputs, t, cell, width, real(1.0 / COMPONENTS))"
        if spec.mean
        else "store_day(w, OUTPUTS, outputs, t, cell, width)"
    )
    return _module(spec, "Forward", at, functions, _FORWARD.format(real=spec.real, write=write))


def adjoint(spec: Spec) -> str:
    """Source of a module with `adjoint(first, last, every, ...)` over blocks of cells."""
    at = _layout(
        spec,
        spec.saved,
        SEEDS=spec.outputs,
        D_STATES=spec.states,
        D_DYNAMIC=spec.dynamic,
        D_FORCING=spec.forcings if spec.forcing_gradient else [],
        D_STATIC=spec.static,
        D_DERIVED=spec.derived,
        D_WEIGHTS=spec.weights,
    )
    seeds = at("D_STATES", "d_next_") | at("SEEDS", "d_")
    daily = at("D_STATES", "d_") | at("D_DYNAMIC", "d_") | at("D_FORCING", "d_")
    summed = at("D_STATIC", "d_") | at("D_DERIVED", "d_") | at("D_WEIGHTS", "d_")
    after = at("STATES", "next_") | at("SAVED")
    functions = [
        _function("derive", at, spec.derive, at("STATIC"), at("DERIVED")),
        _function("advance", at, spec.advance_saving, _inputs(at), after),
        _function(
            "step_adjoint",
            at,
            spec.step_adjoint_saved,
            _inputs(at) | at("SAVED") | seeds,
            daily,
            summed,
        ),
        _function(
            "derive_adjoint",
            at,
            spec.derive_adjoint_saved,
            at("STATIC") | at("D_DERIVED", "d_"),
            {},
            at("D_STATIC", "d_") | at("D_WEIGHTS", "d_"),
        ),
    ]
    read = (
        "load_shared(w, SEEDS, d_outputs, t, cell, width, real(1.0 / COMPONENTS))"
        if spec.mean
        else "load_day(w, SEEDS, d_outputs, t, cell, width)"
    )
    return _module(spec, "Adjoint", at, functions, _ADJOINT.format(real=spec.real, read=read))


def _module(spec: Spec, kind: str, at: _Layout, functions: list[str], loop: str) -> str:
    body = "\n\n".join([_MOVING.strip(), *functions, loop.strip()])
    mathematics = numba_math.source(spec.real)
    used = [text.strip() for name, text in mathematics.items() if f" {name}(" in body]
    header = _HEADER.format(
        title=f"{kind} kernel of the column '{spec.column.name}' for the CPU, {spec.real}",
        last="N" if spec.mean else "N*M",
        components=spec.components,
        real=spec.real,
        lanes=LANES,
        ahead=AHEAD,
        rows=at.source(),
    )
    return header + "\n" + "\n\n\n".join([*used, body]) + "\n"


def _function(
    name: str,
    at: _Layout,
    program: Program,
    inputs: dict[str, int],
    outputs: dict[str, int],
    sums: dict[str, int] | None = None,
) -> str:
    """One lane loop: load the inputs that are used, the lines, store or add the outputs."""
    used, shared = program.used(), at.shared()
    numbers = [f"    {n} = w[{shared[n]}]\n" for n in program.inputs if n in used & shared.keys()]
    loads = [f"{n} = w[{inputs[n]} + l]" for n in program.inputs if n in used - shared.keys()]
    lines = [_line(line) for line in program.lines]
    results = {key: _value(value) for key, value in program.outputs.items()}
    stores = [f"w[{offset} + l] = {results[key]}" for key, offset in outputs.items()]
    stores += [
        f"w[{offset} + l] += {results[key]}"
        for key, offset in (sums or {}).items()
        if isinstance(program.outputs[key], Symbol)
    ]
    body = "\n        ".join([*loads, *lines, *stores]) or "pass"
    head = f"@njit\ndef {name}(w):\n{''.join(numbers)}"
    return f"{head}    for l in range(LANES):\n        {body}\n"


def _line(line: Symbol) -> str:
    arguments = [_value(a) for a in line.arguments]
    return f"{line.name} = {OPERATIONS[line.operation].numba.format(*arguments)}"


def _value(value: Symbol | float) -> str:
    return value.name if isinstance(value, Symbol) else f"real({value!r})"
