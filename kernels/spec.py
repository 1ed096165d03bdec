"""What one kernel is to do: the traced programs and the choices that are printed into it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from gridhydro.kernels.trace import Program, adjoint, trace


@dataclass(frozen=True)
class Spec:
    """A column with the outputs asked for, its dynamic parameters and its components.

    `mean` gives outputs averaged over the components, `forcing_gradient` makes the adjoint hand
    out the gradient to the forcing as well.
    """

    column: object
    outputs: tuple[str, ...]
    dynamic: tuple[str, ...] = ()
    components: int = 1
    mean: bool = True
    real: str = "float32"
    forcing_gradient: bool = False

    @cached_property
    def states(self) -> list[str]:
        return [f.name for f in self.column.states]

    @cached_property
    def forcings(self) -> list[str]:
        return [f.name for f in self.column.forcings]

    @cached_property
    def static(self) -> list[str]:
        return [f.name for f in self.column.parameters if f.name not in self.dynamic]

    @cached_property
    def _programs(self) -> tuple[Program, Program]:
        derive, step = trace(self.column, self.dynamic)
        step.keep({n: step.outputs[n] for n in (*self._next_states, *self.outputs)})
        derive.keep({n: v for n, v in derive.outputs.items() if n in step.used()})
        return derive, step

    @property
    def _next_states(self) -> list[str]:
        return [f"next_{name}" for name in self.states]

    @cached_property
    def advance(self) -> Program:
        """The step without its outputs, for days that are only recomputed."""
        _, step = trace(self.column, self.dynamic)
        step.keep({name: step.outputs[name] for name in self._next_states})
        return step

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
        wanted = [*self.states, *self.static, *self.dynamic, *self.derived]
        if self.forcing_gradient:
            wanted += self.forcings
        return adjoint(self.step, self.step.outputs, wanted)

    @cached_property
    def derive_adjoint(self) -> Program:
        return adjoint(self.derive, self.derived, self.static)

    @lru_cache  # noqa: B019  specs are few and live as long as the process
    def with_forcing_gradient(self, wanted: bool) -> Spec:
        return self if wanted == self.forcing_gradient else replace(self, forcing_gradient=wanted)
