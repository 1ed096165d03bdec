"""Prints a column's forward and adjoint kernels for the GPU.

One program owns a block of cells (x components) and loops over time with the states in registers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gridhydro.kernels.spec import Spec
from gridhydro.kernels.trace import Program, Symbol
from gridhydro.kernels.writer_triton import TANH, Writer, padded, used, value

__all__ = ["ADJOINT_ARRAYS", "FORWARD_ARRAYS", "adjoint", "forward", "padded"]

_HEADER = '''"""{title}, printed by gridhydro: change the column, not this file.

Arrays: forcing (F, T, N); static (K, N*M), dynamic (D, T, N*M) parameters; initial and final
(S, N*M) states; outputs (O, T, {last}); averages (A, R, {last}) over periods: day t counts with
share_of_day[t] in the mean of period_of_day[t]; trajectory {trajectory}.
N cells, M = {components} components, last axis fastest; weights of embedded networks (W,); handed
(H, T * sub-steps, N*M), what the gradient of the weights is made from.
{policy}
Offsets within a series are of the type INDEX, 32 bits wide where that is enough for all of them.
"""

import triton
import triton.language as tl


{tanh}


@triton.jit
def {name}({arguments}, cells, days, every, period_count, {constants}):
'''

_FORWARD_CHOICES = ("DAILY", "SPACED", "AHEAD", "INDEX", "BLOCK")
_ADJOINT_CHOICES = ("RECOMPUTE", "AHEAD", "INDEX", "BLOCK")
_POLICY = {
    "forward": "States are stored every day (DAILY), before every `every`-th (SPACED), or never.",
    "adjoint": "States are read day by day, or made again from every `every`-th day's (RECOMPUTE).",
}

FORWARD_ARRAYS = (
    "forcing", "static", "dynamic", "initial", "weights", "period_of_day", "share_of_day",
    "outputs", "averages", "final", "missed", "trajectory",
)  # fmt: skip
ADJOINT_ARRAYS = (
    "forcing", "static", "static_again", "dynamic", "weights", "weights_again", "trajectory",
    "kept", "period_of_day", "share_of_day", "d_outputs", "d_averages", "d_final", "d_forcing",
    "d_static", "d_dynamic", "d_initial", "handed",
)  # fmt: skip


def forward(spec: Spec) -> str:
    """Source of a module with the kernel `forward`.

    It stores the states of every day (DAILY), those before every `every`-th day (SPACED) or none:
    `every` is then all days, and the loop over the days between is one.
    """
    spec = replace(spec, hoisted=False)
    implicit, substeps = spec.scheme.implicit, spec.scheme.substeps
    w = Writer(spec)
    w.place()
    w.load("static", spec.static)
    w.lines(spec.derive)
    w.load("initial", spec.states)
    if implicit:
        w.zeros(["sum_missed"])
    w.zeros([f"mean_{name}" for name in spec.averaged])
    w.series("forcing", used(spec.forcings, spec.step), spec.forcings, "all_days * all_cells")
    w.series("dynamic", used(spec.dynamic, spec.step), spec.dynamic, "all_days * lanes")
    w.series("outputs", spec.outputs, spec.outputs, f"all_days * {w.width}", "into_")
    w.series("trajectory", spec.states, spec.states, "lanes", "kept_")
    w.at_day("0")
    w(f"kept_at, kept_row = tl.cast(lane, INDEX), tl.cast({len(spec.states)} * lanes, INDEX)")
    if spec.averaged:
        w("this_period = tl.load(period_of_day)")
    step = spec.newton.final if implicit else spec.step
    daily = w.daily(spec.step)
    w.read_first(daily, "", "0", "days")
    with w.block("for start in range(0, days, every):"):
        with w.block("if SPACED:"):
            w.keep()
        with w.block("for t in range(start, min(start + every, days)):"):
            if not implicit:
                with w.block("if DAILY:"):
                    w.keep()
            w.read_day(daily, "+", "t + 1", "days")
            values = [value(step.outputs[name]) for name in spec.results]
            if substeps > 1:
                w.zeros([f"sum_{name}" for name in spec.results])
            with w.substeps():
                if implicit:
                    w.solve(spec.newton)
                w.lines(step)
                if substeps > 1:
                    for k, name in enumerate(spec.results):
                        sums = name in spec.rates
                        w(f"{f'sum_{name} +=' if sums else f'sum_{name} ='} {values[k]}")
                    values = [f"sum_{name}" for name in spec.results]
                if substeps == 1:  # before the states move on: an output may be one
                    w.results(values)
                w.move(spec.states, [step.outputs[f"next_{name}"] for name in spec.states])
                if implicit:
                    w(f"sum_missed += {value(step.outputs['missed'])}")
                    with w.block("if DAILY:"):
                        w.keep()
            if substeps > 1:
                w.results(values)
            w.move_days("+")
            w.on(daily)
    w.store("final", spec.states)
    if implicit:
        w.store("missed", ["sum_missed"])
    return _module(spec, "forward", FORWARD_ARRAYS, _FORWARD_CHOICES, w)


def adjoint(spec: Spec) -> str:
    """Source of a module with the kernel `adjoint`.

    It reads every day's states from the trajectory, as one segment of all days, or with RECOMPUTE
    those before every `every`-th day, and computes the days between again.
    """
    spec = replace(spec, hoisted=False)
    w = Writer(spec)
    back = spec.step_adjoint
    summed = [n for n in (*spec.static, *spec.derived) if _flows(back, n)]
    w.place()
    w.load("static", spec.static)
    w.lines(spec.derive)
    w.load("d_final", [f"d_next_{name}" for name in spec.states])
    w.zeros([f"sum_{name}" for name in summed])
    _places(w, back)
    w("segments = (days + every - 1) // every")
    with w.block("for back in range(segments):"):
        w("start = (segments - 1 - back) * every")
        w("stop = min(start + every, days)")
        with w.block("if RECOMPUTE:"):
            _again(w)
        daily = [*w.daily(back), *w.seeded(), *(w.stored() if spec.scheme.substeps == 1 else [])]
        w.read_first(daily, "-", "start", "stop")
        with w.block("for i in range(stop - start):"):
            w.move_days("-")
            if spec.scheme.substeps == 1:
                w("kept_at -= kept_row")
            w.read_day(daily, "-", "i + 1", "stop - start")
            w.seed()
            _day_backwards(w, back, summed)
            w.on(daily)
        with w.block("if RECOMPUTE:"):
            w("tl.debug_barrier()")
    # by another name, or the compiler would hold all that leads to a derived quantity day by day
    w.load("static_again", spec.static)
    for name in spec.derived:
        w(f"d_{name} = {f'sum_{name}' if name in summed else '0.0'}")
    w.lines(spec.derive_adjoint)
    totals = []
    for name in spec.static:
        parts = [value(spec.derive_adjoint.outputs[f"d_{name}"])]
        totals.append(" + ".join([f"sum_{name}"] * (name in summed) + parts))
    w.store("d_static", totals)
    w.store("d_initial", [f"d_next_{name}" for name in spec.states])
    return _module(spec, "adjoint", ADJOINT_ARRAYS, _ADJOINT_CHOICES, w)


def _places(w: Writer, back: Program) -> None:
    """Where all that an adjoint reads and writes by day begins, and the offsets behind its end."""
    spec, substeps = w.spec, w.spec.scheme.substeps
    days, states = f"{substeps} * all_days" if substeps > 1 else "all_days", len(spec.states)
    taken = used(spec.forcings, back, spec.advance)
    w.series("forcing", taken, spec.forcings, "all_days * all_cells")
    taken = used(spec.dynamic, back, spec.advance)
    w.series("dynamic", taken, spec.dynamic, "all_days * lanes")
    seeds = [f"d_{name}" for name in spec.outputs]
    w.series("d_outputs", seeds, seeds, f"all_days * {w.width}")
    gradients = [f"d_{name}" for name in spec.dynamic]
    w.series("d_dynamic", gradients, gradients, "all_days * lanes", "into_")
    if spec.forcing_gradient:
        gradients = [f"d_{name}" for name in spec.forcings]
        w.series("d_forcing", gradients, gradients, "all_days * all_cells", "into_")
    handed = [f"handed_{k}" for k in range(len(spec.handed))]
    w.series("handed", handed, handed, f"{days} * lanes", "into_")
    w("rows = kept if RECOMPUTE else trajectory")
    w.series("rows", spec.states, spec.states, "lanes", "kept_")
    w.at_day("all_days")
    w(f"kept_at = tl.cast({days} * {states} * lanes + lane, INDEX)")
    w(f"kept_row = tl.cast({states} * lanes, INDEX)")
    if spec.handed and substeps > 1:
        w(f"handed_at = tl.cast({days} * lanes + lane, INDEX)")
    if spec.averaged:
        w("this_period = tl.full([], -1, tl.int32)")
        shape = "[BLOCK, 1]" if w.by_cell and w.tiled else w.shape
        for name in spec.averaged:
            w(f"mean_d_{name} = tl.zeros({shape}, tl.{spec.real})")


def _again(w: Writer) -> None:
    """The days of a segment once more, from the states stored before the first of them."""
    spec = w.spec
    w(f"first = tl.cast(start // every, tl.int64) * {len(spec.states)}")
    w.load("trajectory", spec.states, "first")
    w.move_days("-", "stop - start")
    w("kept_at = tl.cast(lane, INDEX)")
    again = spec.newton_again.final if spec.scheme.implicit else spec.advance
    daily = w.daily(spec.advance)
    w.read_first(daily, "", "start", "stop")
    with w.block("for t in range(start, stop):"):
        w.read_day(daily, "+", "t + 1", "stop")
        with w.substeps():
            if spec.scheme.implicit:
                w.solve(spec.newton_again)
            else:
                w.keep()
            w.lines(again)
            w.move(spec.states, [again.outputs[f"next_{n}"] for n in spec.states])
            if spec.scheme.implicit:
                w.keep()
        w.move_days("+")
        w.on(daily)
    w("tl.debug_barrier()  # what is kept is read back below, maybe by another thread")


def _day_backwards(w: Writer, back: Program, summed: list[str]) -> None:
    """A day's adjoint, sub-step by sub-step, and what it gives for daily inputs."""
    spec, substeps = w.spec, w.spec.scheme.substeps
    daily = [*spec.dynamic, *(spec.forcings if spec.forcing_gradient else [])]
    onward = (
        [f"d_next_{name}" for name in spec.states],
        [back.outputs[f"d_{name}"] for name in spec.states],
    )
    if substeps > 1:
        w.zeros([f"sum_{name}" for name in daily])
    with w.substeps():
        if substeps > 1:
            w("kept_at -= kept_row")
            w.read(w.stored())
        # by another name, or the compiler would load once and hold all weights
        w.lines(back, backward="weights_again")
        for name in summed:
            w(f"sum_{name} += {value(back.outputs[f'd_{name}'])}")
        if spec.handed and substeps > 1:
            w(f"handed_at -= {w.lane_row}")
        handed_at = "handed_at" if substeps > 1 else w.lane_at
        for k, name in enumerate(spec.handed):
            one = value(back.outputs[name])
            w(f"tl.store(into_handed_{k} + {handed_at}, {one}, mask=there)")
        if substeps > 1:
            for name in daily:
                w(f"sum_{name} += {value(back.outputs[f'd_{name}'])}")
            # what counts at the end of the day was the first here
            for name in spec.results:
                if name not in spec.rates:
                    w(f"d_{name} = tl.zeros_like(d_{name})")
            w.move(*onward)
    sums = {name: value(back.outputs[f"d_{name}"]) for name in daily}
    if substeps > 1:
        sums = {name: f"sum_{name}" for name in daily}
    for name in spec.dynamic:
        w(f"tl.store(into_d_{name} + {w.lane_at}, {sums[name]}, mask=there)")
    if spec.forcing_gradient:
        for name in spec.forcings:
            w.total(f"into_d_{name}", sums[name])
    if substeps == 1:  # after what may be handed out as it came in
        w.move(*onward)


def _module(
    spec: Spec, name: str, arrays: Iterable[str], constants: Iterable[str], w: Writer
) -> str:
    header = _HEADER.format(
        title=f"{name.title()} kernel of {spec.title} for the GPU, {spec.real}",
        trajectory=spec.trajectory,
        policy=_POLICY[name],
        last="N" if spec.mean else "N*M",
        components=spec.components,
        name=name,
        tanh=TANH,
        arguments=", ".join(arrays),
        constants=", ".join(f"{constant}: tl.constexpr" for constant in constants),
    )
    return header + "\n".join(w.text) + "\n"


def _flows(program: Program, name: str) -> bool:
    return isinstance(program.outputs[f"d_{name}"], Symbol)
