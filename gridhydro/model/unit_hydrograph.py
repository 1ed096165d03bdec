"""The gamma unit hydrograph: how a lumped basin's runoff is spread over the days after it.

Equations: Feng et al. (2022, doi:10.1029/2022WR032404): u(t) = t^(aa-1) exp(-t/th) /
(Gamma(aa) th^aa) with aa = a + 0.1 and th = b + 0.5, at t = 0.5, 1.5, ..., 14.5 d, its sum made 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gridhydro.base.arguments import one_of
from gridhydro.columns.column import Field, fields
from gridhydro.columns.components import over_components

# what is routed: the mean of the components, or each of them
METHODS = ("mean", "components")
# flows of the column behind the unit hydrograph go by their name with this in front
ROUTED = "routed_"
DAYS = 15
ROUTE_A, ROUTE_B = SHAPE = fields(
    "route_a 1 [0, 2.9]: shape of the unit hydrograph",
    "route_b d [0, 6.5]: time scale of the unit hydrograph",
)


@dataclass(frozen=True)
class UnitHydrograph:
    """Routing of lumped basins by the gamma unit hydrograph, whose two parameters are learned.

    of  "mean": the mean of the components is routed; "components": each has its own hydrograph
    """

    of: str = "mean"

    def __post_init__(self):
        one_of("of", self.of, METHODS)

    @property
    def parameters(self) -> tuple[Field, ...]:
        """Its parameters, of every basin."""
        return SHAPE

    @property
    def properties(self) -> tuple[Field, ...]:
        """Nothing else has to be known of a basin."""
        return ()


def ordinates(a: Tensor, b: Tensor, *, steps_a_day: int = 1) -> Tensor:
    """Fractions of the runoff that leave after 0, 1, ... 14 days, (15, ...), of a and b (...).

    Of parts of a day after 0, 1, ... of them, (15 * steps_a_day, ...): u(t) in their middles.
    """
    shape, scale = a + 0.1, b + 0.5
    t = torch.arange(DAYS * steps_a_day, dtype=a.dtype, device=a.device) + 0.5
    t = t if steps_a_day == 1 else t / steps_a_day
    t = t.view(-1, *[1] * a.ndim)
    # the constant Gamma(aa) th^aa falls out when the sum is made 1
    logarithm = (shape - 1) * torch.log(t) - t / scale
    return torch.softmax(logarithm, dim=0)


def convolve(
    runoff: Tensor, fractions: Tensor, before: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Routed runoff, and the last 14 days of what came in, to be handed on as `before`.

    runoff (T, ...) in any unit, fractions (15, ...), before (14, ...) the days before the first one
    (none if left out); or as many parts of days. Differentiable in all three.
    """
    count = len(fractions)
    if before is None:
        before = runoff.new_zeros(count - 1, *runoff.shape[1:])
    whole = torch.cat([before, runoff])
    days = runoff.shape[0]
    if count > DAYS:  # of parts of days: too many terms for a graph of them
        fractions = fractions.expand(
            count, *torch.broadcast_shapes(fractions.shape[1:], runoff.shape[1:])
        )
        return _Convolved.apply(whole, fractions), whole[days:]
    parts = (whole[count - 1 - k : count - 1 - k + days] * fractions[k] for k in range(count))
    routed = sum(parts, runoff.new_zeros(()))
    return routed, whole[days:]


class _Convolved(torch.autograd.Function):
    """Sums of the last K of whole (K - 1 + T, ...) by fractions (K, ...), (T, ...), term by term in
    place: in the same order on every day, and without a graph of K terms."""

    @staticmethod
    def forward(ctx, whole: Tensor, fractions: Tensor) -> Tensor:
        ctx.save_for_backward(whole, fractions)
        count = len(fractions)
        found = whole.new_zeros(len(whole) - count + 1, *whole.shape[1:])
        for k, part in enumerate(fractions):
            found.addcmul_(whole[count - 1 - k : count - 1 - k + len(found)], part)
        return found

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor):  # torch's has any arguments
        whole, fractions = ctx.saved_tensors
        count, length = len(fractions), len(gradient)
        to_whole, to_fractions = torch.zeros_like(whole), torch.empty_like(fractions)
        for k, part in enumerate(fractions):
            days = slice(count - 1 - k, count - 1 - k + length)
            to_whole[days].addcmul_(gradient, part)
            to_fractions[k] = (gradient * whole[days]).sum(0)
        return to_whole, to_fractions


def route(
    flows: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
    weights: Tensor | None,
    method: str,
    before: Mapping[str, Tensor] | None,
    steps_a_day: int = 1,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Flows behind the unit hydrograph, ROUTED + name -> (T, N), and the tails, for `before`.

    flows       name -> (T, N), or (T, N, M) where each of the components is routed
    parameters  route_a and route_b (N, M)
    weights     of the components (N, M); None: all alike
    method      one of METHODS
    ValueError where `before` is given and lacks one of the flows.
    """
    fractions = _fractions(parameters, weights, method, steps_a_day)
    found, tails = {}, {}
    for name, flow in flows.items():
        if before and name not in before:
            raise ValueError(f"the state does not carry '{name}': ask for '{ROUTED}{name}' before")
        flow, tails[name] = convolve(flow, fractions, before[name] if before else None)
        found[ROUTED + name] = over_components(flow, weights)
    return found, tails


def under_way(
    flow: Tensor,
    parameters: Mapping[str, Tensor],
    weights: Tensor | None,
    method: str,
    before: Tensor | None = None,
    steps_a_day: int = 1,
) -> Tensor:
    """Water of a flow still to come at the end of each day or step, (T, N) in its unit times a day.

    flow (T, N) or (T, N, M), and before (14, ...) as what came in on the days before; the other
    arguments are those of `route`, and flow in = flow behind it + the change of this.
    """
    # of what came k days ago, the fractions of the days after k are still to come
    left = 1 - _fractions(parameters, weights, method, steps_a_day).cumsum(0)
    left = left if steps_a_day == 1 else left / steps_a_day
    return over_components(convolve(flow, left, before)[0], weights)


def _fractions(
    parameters: Mapping[str, Tensor], weights: Tensor | None, method: str, steps_a_day: int
) -> Tensor:
    """The ordinates of each basin, (15, N) or (15, N, M); arguments as for `route`."""
    shapes = [parameters[field.name] for field in SHAPE]
    if method == "mean":  # one shape, averaged as the flow is
        shapes = [over_components(shape[None], weights)[0] for shape in shapes]
    return ordinates(*shapes, steps_a_day=steps_a_day)
