"""Specification of one kernel: the traced programs and the choices that are printed into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache

from gridhydro.kernels import embedded
from gridhydro.kernels.newton import Newton
from gridhydro.kernels.operators import key_of
from gridhydro.kernels.protocols import ColumnModel
from gridhydro.kernels.schemes import SEQUENTIAL, Scheme, stored
from gridhydro.kernels.trace import COMPONENT_WEIGHT, Program, adjoint, trace
from gridhydro.kernels.vocabulary import COSTLY


@dataclass(frozen=True)
class Spec:
    """A column with the outputs asked for, its dynamic parameters, components and scheme.

    `mean` gives outputs averaged over the components; with `weighted`, each component counts as
    much as its `component_weight` says, a last static parameter (all 1: the plain mean).
    `averaged` are outputs too, written not by day but as means over periods of days.
    `forcing_gradient` makes the adjoint hand out the gradient to the forcing as well. `hoisted`
    computes what embedded networks make of static parameters alone once, before the time loop.
    """

    column: ColumnModel
    outputs: tuple[str, ...]
    dynamic: tuple[str, ...] = ()
    components: int = 1
    mean: bool = True
    real: str = "float32"
    forcing_gradient: bool = False
    weighted: bool = False
    hoisted: bool = True
    scheme: Scheme = SEQUENTIAL
    averaged: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "scheme", self.scheme.of_column(self.column))

    @cached_property
    def states(self) -> list[str]:
        return [f.name for f in self.column.states]

    @cached_property
    def forcings(self) -> list[str]:
        return [f.name for f in self.column.forcings]

    @cached_property
    def static(self) -> list[str]:
        names = [f.name for f in self.column.parameters if f.name not in self.dynamic]
        names += [f.name for f in self.column.properties]
        return names + [COMPONENT_WEIGHT] * self.weighted

    @cached_property
    def constant(self) -> set[str]:
        """Properties, and what derives from them alone: no gradient is wanted."""
        properties = {f.name for f in self.column.properties}
        learned = [*(n for n in self.static if n not in properties), *self.weights]
        return properties | (set(self.derived) - self.derive.reached(learned))

    @cached_property
    def weights(self) -> list[str]:
        """Names of the weights of all networks inside the step; all cells use the same weights."""
        return [name for network in self.column.networks for name in embedded.names(network)]

    @cached_property
    def results(self) -> list[str]:
        """All that is put out: by day, then averaged over periods."""
        return [*self.outputs, *self.averaged]

    @cached_property
    def rates(self) -> list[str]:
        """Outputs that are means over the day; all others are values at its end."""
        at_end = {*self.states, *stored(self.column)}
        return [name for name in self.results if name not in at_end]

    @cached_property
    def newton(self) -> Newton:
        """The programs of an implicit sub-step."""
        return self._newton(self.results, self.rates)

    @cached_property
    def newton_again(self) -> Newton:
        """The same without outputs, for days that are only computed again."""
        return self._newton((), ())

    def _newton(self, outputs, rates) -> Newton:
        taken = [line.name for line in self.derive.lines]
        return Newton(self.step, self.states, outputs, rates, self.real, taken)

    @cached_property
    def key(self) -> str:
        """A text for the schema of an operator: equal keys, here or in another process, have equal
        kernels."""
        names = [[q.name for q in group] for group in (self.column.states, self.column.forcings)]
        choices = [getattr(self, f.name) for f in fields(self) if f.name != "column"]
        return key_of(
            self.column.name, names, self.static, sorted(self.constant), self.weights,
            self.column.networks, choices, self.derive, self.step,
        )  # fmt: skip

    @property
    def title(self) -> str:
        scheme = "" if self.scheme == SEQUENTIAL else f" by the scheme {self.scheme}"
        return f"the column '{self.column.name}'{scheme}"

    @property
    def trajectory(self) -> str:
        """Shape and content of the trajectory, as the header of a printed kernel says it."""
        if not self.scheme.implicit:
            return "(ceil(T / every), S, N*M), the states\nbefore every `every`-th day"
        return (
            "(rows, S, N*M), the states\n"
            "before every `every`-th day, or, with every = 1, after each sub-step"
        )

    def rows(self, days: int, every: int) -> int:
        """States stored in the trajectory for the adjoint."""
        if self.scheme.implicit and every == 1:  # those that were solved for, each of them
            return days * self.scheme.substeps
        return -(-days // every) if every else 0

    def recomputes(self, every: int) -> bool:
        """Whether the adjoint has to compute states again that the trajectory lacks."""
        return every > 1 or (self.scheme.substeps > 1 and not self.scheme.implicit)

    @cached_property
    def _programs(self) -> tuple[Program, Program]:
        derive, step = trace(self.column, self.dynamic, self.scheme, self.hoisted)
        if self.weighted:
            derive.input(COMPONENT_WEIGHT)
            step.weigh(self.results)
        step.keep({n: step.outputs[n] for n in (*self._next_states, *self.results)})
        derive.keep({n: v for n, v in derive.outputs.items() if n in step.used()})
        return derive, step

    @property
    def _next_states(self) -> list[str]:
        return [f"next_{name}" for name in self.states]

    @cached_property
    def advance(self) -> Program:
        """The step without its outputs, for days that are only recomputed."""
        return self.advancing()

    @cached_property
    def advance_saving(self) -> Program:
        """The same, which also gives what `saved` names."""
        return self.advancing(self.saved)

    def advancing(self, saved: Iterable[str] = (), outputs: Iterable[str] = ()) -> Program:
        """The step to the next states, with some of its outputs and of its lines."""
        _, step = trace(self.column, self.dynamic, self.scheme, self.hoisted)
        lines = {line.name: line for line in step.lines}
        wanted = {name: step.outputs[name] for name in (*self._next_states, *outputs)}
        step.keep(wanted | {name: lines[name] for name in saved})
        return step

    @cached_property
    def saved(self) -> list[str]:
        """Costly lines of the step whose values its adjoint needs; none of what is solved."""
        if self.scheme.implicit:
            return []
        costly = [line.name for line in self.step.lines if line.operation in COSTLY]
        used = self._step_adjoint(costly).used()
        return [name for name in costly if name in used]

    @property
    def derive(self) -> Program:
        return self._programs[0]

    @property
    def step(self) -> Program:
        return self._programs[1]

    @cached_property
    def derived(self) -> list[str]:
        """Quantities of static parameters alone, computed once before the time loop."""
        return list(self.derive.outputs)

    @cached_property
    def step_adjoint(self) -> Program:
        """Takes states, forcing, parameters and `d_` of what the step gives; gives `d_` of them.

        For the weights of networks it gives what their gradient can be made from: see `handed`.
        """
        return self._step_adjoint((), summing=False)

    @cached_property
    def handed(self) -> list[str]:
        """Daily outputs of `step_adjoint`: a network's inputs and `d_` of its output, by call."""
        return list(self.step_adjoint.outputs)[: sum(len(c.inputs) + 1 for c in self.step.calls)]

    @cached_property
    def step_adjoint_saved(self) -> Program:
        """The same, with what `saved` names among its inputs, and with `d_` of the weights."""
        return self._step_adjoint(self.saved)

    def _step_adjoint(self, given: Iterable[str], summing: bool = True) -> Program:
        wanted = [*self.states, *self.static, *self.dynamic, *self.derived]
        if summing:
            wanted += self.weights
        if self.forcing_gradient:
            wanted += self.forcings
        if self.scheme.implicit:
            return self._learned(self.newton.adjoint(wanted, calls=not summing))
        return self._learned(
            adjoint(self.step, self.step.outputs, wanted, given, calls=not summing)
        )

    def _learned(self, back: Program) -> Program:
        """An adjoint without what leads to the gradient of constants."""
        if self.constant:
            kept = {n: 0.0 if n[2:] in self.constant else v for n, v in back.outputs.items()}
            back.keep(kept)
        return back

    @cached_property
    def derive_adjoint(self) -> Program:
        return self._learned(adjoint(self.derive, self.derived, self.static))

    @cached_property
    def derive_adjoint_saved(self) -> Program:
        return self._learned(adjoint(self.derive, self.derived, [*self.static, *self.weights]))

    @lru_cache  # noqa: B019  specs are few and live as long as the process
    def with_forcing_gradient(self, wanted: bool) -> Spec:
        return self if wanted == self.forcing_gradient else replace(self, forcing_gradient=wanted)
