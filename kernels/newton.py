"""Backward Euler as straight-line programs: Newton's iterations, and the adjoint of what they find.

Sought are the states S with F(S) = S - previous - inflow(S) = 0, where inflow is the tendency over
the sub-step. The Jacobian is written out line by line from the traced tendency, where it is not
zero; conservation of water makes it an M-matrix within each group of stores that feed each other,
so that elimination needs no pivoting.

- Where a trial does not lower the sum of |F|, the step to it is halved, sixteen times in a row, as
  far as across a store that runs over within a hundredth of its capacity; then it is taken all the
  same: the trial lies just across a kink, and the slope on this side led there.
- What is handed on is previous + inflow(S): whatever is left of F, the fluxes close the balance.
- Where F of one store is not a number, nothing is solved for, and no store or rate is a number.
- The adjoint solves J' lambda = cotangent of S, once (discretize, then optimize; Song et al. 2024,
  doi:10.5194/hess-28-3051-2024). lambda is the cotangent of the states before, and that of the
  inflow; the iterations leave no trace in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

import torch

from gridhydro.kernels.protocols import Value
from gridhydro.kernels.trace import (
    Program,
    assigned_name,
    copy_lines,
    make_unique,
    pull_back,
    push_forward,
)
from gridhydro.kernels.vocabulary import COSTLY

# the most that may be left of F, as a fraction of 1 mm and all water in the stores: a little more
# than rounding
TOLERANCE = {"float32": 2e-6, "float64": 1e-12}
FIRST = 1e30  # more than is ever left: the first trial is taken
CROSS = 2**-16  # where the damping has come down to this, a trial is taken as it is

Values = dict[str, Value]


class Newton:
    """The programs of one implicit sub-step, from the traced inflow into each store.

    inflow       gives `next_<state>`, what flows into a store, and the outputs by name
    outputs      those wanted; but for `rates`, they belong to the states at the end
    taken        names of variables around these programs
    """

    def __init__(self, inflow: Program, states, outputs, rates, real: str, taken: Iterable[str]):
        self.inflow, self.states, self.outputs = inflow, list(states), list(outputs)
        self.rates, self.tolerance, self.taken = list(rates), TOLERANCE[real], set(taken)

    @cached_property
    def guess(self) -> Program:
        """The program from the states before to the first trial, that of forward Euler."""
        program = Program()
        at, states = copy_lines(self.inflow, program), self._inputs(program)
        values = {f"previous_{name}": state for name, state in states.items()}
        for name, state in states.items():
            trial = (state + at(self.inflow.outputs[f"next_{name}"])).clamp(min=0.0)
            values[name] = trial
        # names apart from those of the iterations, or their loop would carry them along
        return self._kept(program, values | {"best": FIRST, "damping": 1.0}, "first_")

    @cached_property
    def residual(self) -> Program:
        """A trial: `residual_<state>`, `trial_<rate>`, `saved`, and the condition `unsolved`."""
        program, at, left, unsolved = self._trial()
        values = {f"residual_{name}": value for name, value in left.items()}
        values |= {f"trial_{name}": at(self.inflow.outputs[name]) for name in self.rates}
        lines = {line.name: line for line in self.inflow.lines}
        values |= {f"saved_{name}": at(lines[name]) for name in self.saved}
        return self._kept(program, values | {"unsolved": unsolved})

    @cached_property
    def saved(self) -> list[str]:
        """Costly lines of the inflow whose values the direction needs as well."""
        costly = [line.name for line in self.inflow.lines if line.operation in COSTLY]
        used = self._direction(costly).used()
        return [name for name in costly if name in used]

    @cached_property
    def direction(self) -> Program:
        """The next trial, from `residual_<state>` and `saved` of the last."""
        return self._direction(self.saved)

    def _direction(self, given: Iterable[str]) -> Program:
        program = Program()
        at = copy_lines(self.inflow, program, given)
        left = self._inputs(program, "residual_")
        unsolved = self._unsolved(program, left)
        return self._kept(program, self._next_trial(program, at, left, unsolved))

    @cached_property
    def iteration(self) -> Program:
        """A trial and the next one, for those that hold all of it in registers."""
        program, at, left, unsolved = self._trial()
        values = self._next_trial(program, at, left, unsolved) | {"unsolved": unsolved}
        return self._kept(program, values)

    @cached_property
    def finish(self) -> Program:
        """`next_<state>`, outputs and `missed`, from `residual_<state>` and `trial_<rate>`."""
        program = Program()
        left = self._inputs(program, "residual_")
        rates = {name: program.input(f"trial_{name}") for name in self.rates}
        unsolved = self._unsolved(program, left)
        return self._kept(program, self._results(program, left, rates, unsolved))

    @cached_property
    def final(self) -> Program:
        """The last trial and what `finish` makes of it in one program."""
        program, at, left, unsolved = self._trial()
        rates = {name: at(self.inflow.outputs[name]) for name in self.rates}
        return self._kept(program, self._results(program, left, rates, unsolved))

    def adjoint(self, wanted: Iterable[str], calls: bool = False) -> Program:
        """Takes the states at the end and `d_next_<state>`, `d_<output>`; gives `d_<wanted>`.

        With `calls`, first what `trace.pull_back` hands out of calls of networks.
        """
        program = Program()
        at = copy_lines(self.inflow, program)
        seeds = {name: program.input(f"d_{name}") for name in self.outputs}
        direct, _ = pull_back(self.inflow, program, at, seeds)
        cotangents = {n: program.input(f"d_next_{n}") + direct.get(n, 0.0) for n in self.states}
        jacobian = self._jacobian(program, at)
        before = _solve({(b, a): v for (a, b), v in jacobian.items()}, cotangents)
        seeds |= {f"next_{name}": value for name, value in before.items()}
        found, handed = pull_back(self.inflow, program, at, seeds)
        found = {f"d_{name}": (found | before).get(name, 0.0) for name in wanted}
        return self._kept(program, handed | found if calls else found)

    def _kept(self, program: Program, values: Values, prefix: str = "") -> Program:
        """The program with these outputs, its lines named after the statements they are from."""
        program.keep(values)
        for line in program.lines:
            line.name = prefix + (line.name or assigned_name(*line.source))
        make_unique(program, self.taken)
        return program

    def _inputs(self, program: Program, prefix: str = "") -> Values:
        return {name: program.input(f"{prefix}{name}") for name in self.states}

    def _trial(self):
        program = Program()
        at = copy_lines(self.inflow, program)
        states, previous = self._inputs(program), self._inputs(program, "previous_")
        left = {
            name: states[name] - previous[name] - at(self.inflow.outputs[f"next_{name}"])
            for name in self.states
        }
        return program, at, left, self._unsolved(program, left)

    def _unsolved(self, program: Program, left: Values) -> Value:
        water = _sum(self._inputs(program).values())
        tolerable = self.tolerance * (1.0 + water)
        unsolved = _size(left) > tolerable  # false for what is not a number: it stays as it is
        return unsolved

    def _next_trial(self, program: Program, at: Callable, left: Values, unsolved) -> Values:
        states, size = self._inputs(program), _size(left)
        damping: Value = program.input("damping")
        best: Value = program.input("best")
        better = (size < best) | (damping <= CROSS)
        step = _solve(self._jacobian(program, at), {name: -value for name, value in left.items()})
        best = torch.where(better, size, best)
        damping = torch.where(better, (4.0 * damping).clamp_max(1.0), 0.5 * damping)
        values = {"best": best, "damping": damping}
        for name, state in states.items():
            accepted: Value = program.input(f"accepted_{name}")
            base = torch.where(better, state, accepted)
            direction: Value = program.input(f"direction_{name}")
            way = torch.where(better, step[name], direction)
            trial = (base + damping * way).clamp(min=0.0)
            trial = torch.where(unsolved, trial, state)
            values |= {name: trial, f"accepted_{name}": base, f"direction_{name}": way}
        return values

    def _end(self, program: Program, left: Values) -> tuple[Values, Value]:
        states = self._inputs(program)
        missing = 0.0 * _size(left)  # 0, or NaN: states that were not solved for are none
        end = {name: (states[name] - left[name] + missing).clamp(min=0.0) for name in self.states}
        return end, missing

    def _results(self, program: Program, left: Values, rates: Values, unsolved) -> Values:
        end, missing = self._end(program, left)
        at = copy_lines(self.inflow, program, instead=end)
        values = {f"next_{name}": value for name, value in end.items()}
        values |= {name: rate + missing for name, rate in rates.items()}
        at_end = [name for name in self.outputs if name not in self.rates]
        values |= {name: at(self.inflow.outputs[name]) for name in at_end}
        return values | {"missed": program.emit("where", (unsolved, 1.0, 0.0))}

    def _jacobian(self, program: Program, at: Callable) -> dict[tuple[str, str], Value]:
        """Jacobian of F, by (row, column); entries that are always zero are left out."""
        of = push_forward(self.inflow, program, at, self.states)
        entries: dict[tuple[str, str], Value] = {(name, name): 1.0 for name in self.states}
        for row in self.states:
            for column, slope in of(self.inflow.outputs[f"next_{row}"]).items():
                entry = entries.get((row, column), 0.0) - slope
                entries[row, column] = entry
        return entries


def _solve(matrix: dict[tuple[str, str], Value], right: Values) -> Values:
    """Solve a sparse system by elimination without pivoting, line by line."""
    matrix, right, order = dict(matrix), dict(right), list(right)
    inverse: Values = {}
    for k, column in enumerate(order):
        pivot = 1.0 / matrix[column, column]
        inverse[column] = pivot
        for row in order[k + 1 :]:
            if (row, column) not in matrix:
                continue
            factor = matrix[row, column] * pivot
            rest = right[row] - factor * right[column]
            right[row] = rest
            for other in order[k + 1 :]:
                if (column, other) in matrix:
                    entry = matrix.get((row, other), 0.0) - factor * matrix[column, other]
                    matrix[row, other] = entry
    solution: Values = {}
    for row in reversed(order):
        rest = right[row]
        for column, found in solution.items():
            if (row, column) in matrix:
                rest = rest - matrix[row, column] * found
        found = rest * inverse[row]
        solution[row] = found
    return {name: solution[name] for name in order}


def _sum(values: Iterable[Value]):
    total: Value = 0.0
    for value in values:
        total = total + value
    return total


def _size(left: Values):
    sizes = [abs(value) for value in left.values()]
    return _sum(sizes)
