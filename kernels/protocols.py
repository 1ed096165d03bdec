"""What the kernels ask of a column: the kernels know no column model by name."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Protocol

# What a step computes with: a Tensor, or a Symbol or a plain number while it is traced. Symbols
# go through torch's functions by __torch_function__, which the types of these do not say.
Value = Any


class Named(Protocol):
    """What a step knows by its name."""

    @property
    def name(self) -> str: ...


class Quantity(Named, Protocol):
    """A state, forcing, parameter, property or flux."""

    @property
    def unit(self) -> str: ...


class Network(Named, Protocol):
    """A small network inside the step: see `embedded`."""

    @property
    def scales(self) -> Sequence[float]: ...
    @property
    def hidden(self) -> Sequence[int]: ...


class ColumnModel(Protocol):
    """The fields of a column and the physics of a step, as `step` or as `tendency`.

    `parts`: of how many equal parts of a day `step` is one.
    """

    @property
    def name(self) -> str: ...
    @property
    def parts(self) -> int: ...
    @property
    def states(self) -> Sequence[Quantity]: ...
    @property
    def forcings(self) -> Sequence[Quantity]: ...
    @property
    def parameters(self) -> Sequence[Quantity]: ...
    @property
    def properties(self) -> Sequence[Quantity]: ...
    @property
    def fluxes(self) -> Sequence[Quantity]: ...
    @property
    def networks(self) -> Sequence[Network]: ...

    def step(self, s: SimpleNamespace, x: SimpleNamespace, p: SimpleNamespace) -> Any: ...

    def tendency(
        self, s: SimpleNamespace, x: SimpleNamespace, p: SimpleNamespace, dt: float
    ) -> Any: ...


class ReachModel(Protocol):
    """The fields of a river reach and the physics of a sub-step."""

    @property
    def name(self) -> str: ...
    @property
    def states(self) -> Sequence[Quantity]: ...
    @property
    def parameters(self) -> Sequence[Quantity]: ...
    @property
    def properties(self) -> Sequence[Quantity]: ...
    @property
    def series(self) -> Sequence[Quantity]: ...
    @property
    def fluxes(self) -> Sequence[Quantity]: ...

    @property
    def in_a_row(self) -> int: ...

    def step(self, s: SimpleNamespace, inflow, lateral_inflow, p: SimpleNamespace) -> Any: ...
