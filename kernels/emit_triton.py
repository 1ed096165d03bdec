"""Prints a column's forward and adjoint kernels for the GPU.

One program owns a block of cells (x components) and loops over time with the states in registers.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import replace

from gridhydro.kernels.newton import Newton
from gridhydro.kernels.spec import Spec
from gridhydro.kernels.trace import Program, Symbol
from gridhydro.kernels.vocabulary import OPERATIONS

_HEADER = '''"""{title}, printed by gridhydro: change the column, not this file.

Arrays: forcing (F, T, N); static (K, N*M), dynamic (D, T, N*M) parameters; initial and final
(S, N*M) states; outputs (O, T, {last}); averages (A, R, {last}) over periods: day t counts with
share_of_day[t] in the mean of period_of_day[t]; trajectory {trajectory}.
N cells, M = {components} components, last axis fastest; weights of embedded networks (W,); handed
(H, T * sub-steps, N*M), what the gradient of the weights is made from.
"""

import triton
import triton.language as tl


@triton.jit
def tanh(x):
    # 1.4426950408889634 is log2(e)
    return 1.0 - 2.0 / (tl.exp2(x * (2.0 * 1.4426950408889634)) + 1.0)


@triton.jit
def {name}({arguments}, cells, days, every, period_count, {constants}):
'''

FORWARD_ARRAYS = (
    "forcing", "static", "dynamic", "initial", "weights", "period_of_day", "share_of_day",
    "outputs", "averages", "final", "missed", "trajectory",
)  # fmt: skip
ADJOINT_ARRAYS = (
    "forcing", "static", "dynamic", "weights", "weights_again", "trajectory", "kept",
    "period_of_day", "share_of_day", "d_outputs", "d_averages", "d_final", "d_forcing", "d_static",
    "d_dynamic", "d_initial", "handed",
)  # fmt: skip


def padded(components: int) -> int:
    """Components filled up to a power of two, as Triton's tiles must be."""
    return 1 << (components - 1).bit_length()


def forward(spec: Spec) -> str:
    """Source of a module with the kernel `forward`."""
    spec = replace(spec, hoisted=False)
    w = _Writer(spec)
    w.place()
    w.load("static", spec.static, "{k} * lanes + lane", other=1.0)
    w.lines(spec.derive)
    w.load("initial", spec.states, "{k} * lanes + lane")
    if spec.scheme.implicit:
        w.zeros(["sum_missed"])
    w.zeros([f"mean_{name}" for name in spec.averaged])
    with w.loop("for t in range(days):"):
        w("day = tl.cast(t, tl.int64)")
        with w.loop(f"if every > {int(spec.scheme.implicit)}:"), w.loop("if t % every == 0:"):
            w("kept_day = tl.cast(t // every, tl.int64)")
            w.store("trajectory", _row(spec, "kept_day"), spec.states)
        w.load_day(spec.step)
        step = spec.newton.final if spec.scheme.implicit else spec.step
        values = [_value(step.outputs[name]) for name in spec.results]
        if spec.scheme.substeps > 1:
            w.zeros([f"sum_{name}" for name in spec.results])
        with w.substeps():
            if spec.scheme.implicit:
                w.solve(spec.newton)
            w.lines(step)
            if spec.scheme.substeps > 1:
                for k, name in enumerate(spec.results):
                    sums = name in spec.rates
                    w(f"{f'sum_{name} +=' if sums else f'sum_{name} ='} {values[k]}")
                values = [f"sum_{name}" for name in spec.results]
            if spec.scheme.substeps == 1:  # before the states move on: an output may be one
                w.results(values)
            w.move(spec.states, [step.outputs[f"next_{name}"] for name in spec.states])
            if spec.scheme.implicit:
                w(f"sum_missed += {_value(step.outputs['missed'])}")
                with w.loop("if every == 1:"):
                    w(f"row = {w.substep_of('day')}")
                    w.store("trajectory", _row(spec, "row"), spec.states)
        if spec.scheme.substeps > 1:
            w.results(values)
    w.store("final", "{k} * lanes + lane", spec.states)
    if spec.scheme.implicit:
        w.store("missed", "{k} * lanes + lane", ["sum_missed"])
    return _module(spec, "forward", FORWARD_ARRAYS, ["BLOCK: tl.constexpr"], w)


def adjoint(spec: Spec) -> str:
    """Source of a module with the kernel `adjoint`."""
    spec = replace(spec, hoisted=False)
    w = _Writer(spec)
    back = spec.step_adjoint
    summed = [n for n in (*spec.static, *spec.derived) if _flows(back, n)]
    w.place()
    w.load("static", spec.static, "{k} * lanes + lane", other=1.0)
    w.lines(spec.derive)
    w.load("d_final", [f"d_next_{name}" for name in spec.states], "{k} * lanes + lane")
    w.zeros([f"sum_{name}" for name in summed])
    daily = [*spec.dynamic, *(spec.forcings if spec.forcing_gradient else [])]
    onward = (
        [f"d_next_{name}" for name in spec.states],
        [back.outputs[f"d_{name}"] for name in spec.states],
    )
    w("segments = (days + every - 1) // every")
    with w.loop("for back in range(segments):"):
        w("start = (segments - 1 - back) * every")
        w("stop = min(start + every, days)")
        with w.loop("if RECOMPUTE:"):
            w("first = tl.cast(start // every, tl.int64)")
            w.load("trajectory", spec.states, _row(spec, "first"))
            with w.loop("for t in range(start, stop):"):
                w("day = tl.cast(t, tl.int64)")
                w.load_day(spec.advance)
                with w.substeps():
                    w(f"slot = {w.substep_of('day - start')}")
                    if spec.scheme.implicit:
                        w.solve(spec.newton_again)
                        again = spec.newton_again.final
                    else:
                        w.store("kept", _row(spec, "slot"), spec.states)
                        again = spec.advance
                    w.lines(again)
                    w.move(spec.states, [again.outputs[f"next_{n}"] for n in spec.states])
                    if spec.scheme.implicit:
                        w.store("kept", _row(spec, "slot"), spec.states)
            w("tl.debug_barrier()  # what is kept is read back below, maybe by another thread")
        with w.loop("for i in range(stop - start):"):
            w("day = tl.cast(stop - 1 - i, tl.int64)")
            w.load_day(back)
            w.load_seeds()
            if spec.scheme.substeps > 1:
                w.zeros([f"sum_{name}" for name in daily])
            with w.substeps(backwards=True):
                with w.loop("if RECOMPUTE:"):
                    w(f"slot = {w.substep_of('day - start')}")
                    w.load("kept", spec.states, _row(spec, "slot"))
                with w.loop("else:"):
                    w(f"row = {w.substep_of('day')}")
                    w.load("trajectory", spec.states, _row(spec, "row"))
                # by another name, or the compiler would load once and hold all weights
                w.lines(back, backward="weights_again")
                for name in summed:
                    w(f"sum_{name} += {_value(back.outputs[f'd_{name}'])}")
                handed = [_value(back.outputs[name]) for name in spec.handed]
                w.store("handed", _handed(spec, w.substep_of("day")), handed)
                if spec.scheme.substeps > 1:
                    for name in daily:
                        w(f"sum_{name} += {_value(back.outputs[f'd_{name}'])}")
                    # what counts at the end of the day was the first here
                    for name in spec.results:
                        if name not in spec.rates:
                            w(f"d_{name} = tl.zeros_like(d_{name})")
                    w.move(*onward)
            sums = {name: _value(back.outputs[f"d_{name}"]) for name in daily}
            if spec.scheme.substeps > 1:
                sums = {name: f"sum_{name}" for name in daily}
            dynamic = [sums[name] for name in spec.dynamic]
            w.store("d_dynamic", "({k} * all_days + day) * lanes + lane", dynamic)
            if spec.forcing_gradient:
                w.sums("d_forcing", [sums[name] for name in spec.forcings])
            if spec.scheme.substeps == 1:  # after what may be handed out as it came in
                w.move(*onward)
        with w.loop("if RECOMPUTE:"):
            w("tl.debug_barrier()")
    for name in spec.derived:
        w(f"d_{name} = {f'sum_{name}' if name in summed else '0.0'}")
    w.lines(spec.derive_adjoint)
    totals = []
    for name in spec.static:
        parts = [_value(spec.derive_adjoint.outputs[f"d_{name}"])]
        totals.append(" + ".join([f"sum_{name}"] * (name in summed) + parts))
    w.store("d_static", "{k} * lanes + lane", totals)
    w.store("d_initial", "{k} * lanes + lane", [f"d_next_{name}" for name in spec.states])
    constants = ["RECOMPUTE: tl.constexpr", "BLOCK: tl.constexpr"]
    return _module(spec, "adjoint", ADJOINT_ARRAYS, constants, w)


def _module(spec: Spec, name: str, arrays: Iterable[str], constants: list[str], w: _Writer) -> str:
    header = _HEADER.format(
        title=f"{name.title()} kernel of {spec.title} for the GPU, {spec.real}",
        trajectory=spec.trajectory,
        last="N" if spec.mean else "N*M",
        components=spec.components,
        name=name,
        arguments=", ".join(arrays),
        constants=", ".join(constants),
    )
    return header + "\n".join(w.text) + "\n"


class _Writer:
    """The body of a kernel, line by line."""

    def __init__(self, spec: Spec):
        self.spec, self.indent = spec, 1
        self.text: list[str] = []
        self.tiled = spec.components > 1
        self.shape = f"[BLOCK, {padded(spec.components)}]" if self.tiled else "[BLOCK]"

    def __call__(self, line: str) -> None:
        self.text.append("    " * self.indent + line)

    def loop(self, head: str) -> _Indented:
        self(head)
        return _Indented(self)

    def place(self) -> None:
        """Lines for the cells and lanes that this program owns; offsets are 64-bit from here on."""
        m = self.spec.components
        self("cell = tl.cast(tl.program_id(0), tl.int64) * BLOCK + tl.arange(0, BLOCK)")
        if self.tiled:
            self("alone = cell")
            self("cell = cell[:, None]")
            self(f"component = tl.arange(0, {padded(m)})[None, :]")
            self(f"there = (cell < cells) & (component < {m})")
            self(f"lane = cell * {m} + component")
        else:
            self("there = cell < cells")
            self("lane = cell")
        self("all_days = tl.cast(days, tl.int64)")
        self("all_cells = tl.cast(cells, tl.int64)")
        if self.spec.averaged:
            self("all_periods = tl.cast(period_count, tl.int64)")
        self(f"lanes = all_cells * {m}")

    @contextmanager
    def substeps(self, backwards: bool = False):
        """A loop over the sub-steps of a day; none where the day is one."""
        n = self.spec.scheme.substeps
        if n == 1:
            yield
            return
        with self.loop(f"for part in range({n}):"):
            self(f"j = {f'{n - 1} - part' if backwards else 'part'}")
            yield

    def substep_of(self, day: str) -> str:
        """Number of the sub-step, counted from the start of day 0."""
        n = self.spec.scheme.substeps
        return day if n == 1 else f"({day}) * {n} + j"

    def zeros(self, names: Iterable[str]) -> None:
        for name in names:
            self(f"{name} = tl.zeros({self.shape}, tl.{self.spec.real})")

    def solve(self, newton: Newton) -> None:
        """Trial after trial, until all lanes of the program are solved."""
        guess, iteration = newton.guess, newton.iteration
        carried = [name for name in iteration.outputs if name != "unsolved"]
        self.lines(guess)
        names = [f"previous_{name}" for name in newton.states]
        self.move(names, [guess.outputs[name] for name in names])
        self.zeros(name for name in carried if name.startswith(("accepted_", "direction_")))
        names = [*newton.states, "best", "damping"]
        self.move(names, [guess.outputs[name] for name in names])
        self("unsolved, trials = tl.full([], 1, tl.int32), tl.full([], 0, tl.int32)")
        with self.loop(f"while (unsolved > 0) & (trials < {self.spec.scheme.iterations}):"):
            self.lines(iteration)
            self.move(carried, [iteration.outputs[name] for name in carried])
            condition = iteration.outputs["unsolved"].name
            self(f"unsolved = tl.max(tl.where({condition}, 1, 0), axis=None)")
            self("trials += 1")

    def load(self, array, names, offset, mask="there", other=0.0) -> None:
        for k, name in enumerate(names):
            self(f"{name} = tl.load({array} + {offset.format(k=k)}, mask={mask}, other={other})")

    def load_day(self, program: Program) -> None:
        used = program.used()
        for array, names, offset in (
            ("forcing", self.spec.forcings, "({k} * all_days + day) * all_cells + cell"),
            ("dynamic", self.spec.dynamic, "({k} * all_days + day) * lanes + lane"),
        ):
            for k, name in enumerate(names):
                if name in used:
                    mask = "cell < cells" if array == "forcing" else "there"
                    other = 0.0 if array == "forcing" else 1.0
                    place = offset.format(k=k)
                    self(f"{name} = tl.load({array} + {place}, mask={mask}, other={other})")

    def load_seeds(self) -> None:
        """Cotangents of the outputs of a day: its own, and what it adds to those of its period."""
        seeds = [f"d_{name}" for name in self.spec.results]
        daily, averaged = seeds[: len(self.spec.outputs)], seeds[len(self.spec.outputs) :]
        place, mask = ("cell", "cell < cells") if self.spec.mean else ("lane", "there")
        size = "all_cells" if self.spec.mean else "lanes"
        self.load("d_outputs", daily, f"({{k}} * all_days + day) * {size} + {place}", mask)
        if averaged:
            self.period()
            offset = f"({{k}} * all_periods + this_period) * {size} + {place}"
            self.load("d_averages", averaged, offset, mask)
            for name in averaged:
                self(f"{name} = {name} * this_share")
        if self.spec.mean and self.tiled:
            for name in seeds:
                self(f"{name} = {name} * {1 / self.spec.components!r}")

    def period(self) -> None:
        self("this_period = tl.cast(tl.load(period_of_day + day), tl.int64)")
        self("this_share = tl.load(share_of_day + day)")

    def lines(self, program: Program, backward: str = "weights") -> None:
        """The lines of a program; in its adjoint half weights come from the array `backward`."""
        weights = {name: k for k, name in enumerate(self.spec.weights)}
        for line in program.lines:
            array = backward if line.name.startswith("d_") else "weights"
            for value in line.arguments:  # registers are few: load a weight where it is used
                if isinstance(value, Symbol) and value.name in weights:
                    self(f"{value.name} = tl.load({array} + {weights[value.name]})")
            values = [_value(a) for a in line.arguments]
            # the language takes plain numbers as float32 where no other says what they are
            if line.operation == "where" and all(isinstance(a, float) for a in line.arguments[1:]):
                values[1] = f"tl.full([], {values[1]}, tl.{self.spec.real})"
            if line.operation in ("minimum", "maximum"):
                values = [
                    v if isinstance(a, Symbol) else f"tl.full([], {v}, tl.{self.spec.real})"
                    for a, v in zip(line.arguments, values, strict=True)
                ]
                if self.spec.real == "float64":
                    self(f"{line.name} = {_chosen(line, *values)}")
                    continue
            self(f"{line.name} = {OPERATIONS[line.operation].triton.format(*values)}")

    def store(self, array: str, offset: str, values: Iterable[str]) -> None:
        for k, value in enumerate(values):
            self(f"tl.store({array} + {offset.format(k=k)}, {value}, mask=there)")

    def results(self, values: list[str]) -> None:
        """Outputs of a day, and at the end of each period the averages over it."""
        daily, averaged = values[: len(self.spec.outputs)], self.spec.averaged
        self.outputs("outputs", daily)
        if not averaged:
            return
        self.period()
        for name, value in zip(averaged, values[len(daily) :], strict=True):
            self(f"mean_{name} += {value} * this_share")
        self("next_period = tl.cast(tl.load(period_of_day + day + 1), tl.int64)")
        with self.loop("if next_period != this_period:"):
            self.outputs("averages", [f"mean_{n}" for n in averaged], "all_periods + this_period")
        for name in averaged:
            self(f"mean_{name} = tl.where(next_period != this_period, 0.0, mean_{name})")

    def outputs(self, array: str, values: list[str], row: str = "all_days + day") -> None:
        """The mean of the components of each cell, or every component."""
        if self.spec.mean:
            self.sums(array, values, 1 / self.spec.components, row)
        else:
            self.store(array, f"({{k}} * {row}) * lanes + lane", values)

    def sums(self, array: str, values: list[str], factor=1.0, row="all_days + day") -> None:
        """Values by cell: the sum over its components, times `factor`."""
        if not self.tiled:
            self.store(array, f"({{k}} * {row}) * lanes + lane", values)
            return
        for k, value in enumerate(values):
            place = f"{array} + ({k} * {row}) * all_cells + alone"
            total = f"tl.sum(tl.where(there, {value}, 0.0), axis=1)"
            self(f"tl.store({place}, {total} * {factor!r}, mask=alone < cells)")

    def move(self, names: list[str], values: list[Symbol | float]) -> None:
        """Give the loop's variables their values for the next turn, all at once."""
        for name, value in zip(names, values, strict=True):
            if isinstance(value, Symbol):
                text = f"tl.broadcast_to({value.name}, {self.shape})"
            else:
                text = f"tl.full({self.shape}, {value!r}, tl.{self.spec.real})"
            self(f"new_{name} = {text}")
        for name in names:
            self(f"{name} = new_{name}")


class _Indented:
    def __init__(self, writer: _Writer):
        self.writer = writer

    def __enter__(self):
        self.writer.indent += 1

    def __exit__(self, *error):
        self.writer.indent -= 1


def _row(spec: Spec, index: str) -> str:
    """Address of state k in row `index` of a trajectory."""
    return f"({index} * {len(spec.states)} + {{k}}) * lanes + lane"


def _handed(spec: Spec, index: str) -> str:
    """Address of row k of what the sub-step `index` hands out."""
    return f"({{k}} * all_days * {spec.scheme.substeps} + {index}) * lanes + lane"


def _chosen(line: Symbol, a: str, b: str) -> str:
    """A minimum or maximum by comparison: double precision has no instruction for either, and what
    stands in for it takes more registers than there are."""
    sign = ">=" if line.operation == "minimum" else "<="
    second = f"{a} {sign} {b}"
    if isinstance(line.arguments[1], Symbol):  # which may be missing where the first is not
        second = f"({second}) | ({b} != {b})"
    return f"tl.where({second}, {b}, {a})"


def _flows(program: Program, name: str) -> bool:
    return isinstance(program.outputs[f"d_{name}"], Symbol)


def _value(value: Symbol | float) -> str:
    return value.name if isinstance(value, Symbol) else repr(value)
