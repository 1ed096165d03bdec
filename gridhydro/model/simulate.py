"""Run a column over many cells and days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import index

import torch
from torch import Tensor

from gridhydro.base.arguments import one_of
from gridhydro.columns import column as column_named
from gridhydro.columns.column import Column, Embedded, Field
from gridhydro.kernels import SPECS, Scheme, Spec, column_op, embedded
from gridhydro.kernels.launch import undisturbed
from gridhydro.kernels.operators import constant
from gridhydro.kernels.schemes import SEQUENTIAL
from gridhydro.model.stepping import PeriodMeans, Stepping
from gridhydro.nets.embedded import EmbeddedNetwork

# what comes of the components: their mean, or the series of each; else it is a weighted mean
COMPONENTS = ("mean", "separate")


@undisturbed
def simulate(
    column: str | Column,
    forcing: Mapping[str, Tensor] | Tensor,
    parameters: Mapping[str, Tensor],
    *,
    properties: Mapping[str, Tensor] | None = None,
    initial: Mapping[str, Tensor] | None = None,
    outputs: Sequence[str] | None = None,
    means: PeriodMeans | None = None,
    components: str | Tensor = "mean",
    networks: Mapping[str, EmbeddedNetwork] | None = None,
    scheme: str | Scheme | Stepping = "sequential",
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Take every cell through the days of the forcing; differentiable in all that goes in.

    N cells, T days, M components (parallel parameter sets of a cell under the same forcing).

    Parameters
    ----------
    column : a name such as "hbv", or a Column.
    forcing : one (T, N) tensor per forcing of the column, in the unit of its field, or all of them
        stacked in the column's order as one (F, T, N) tensor, which saves a copy.
    parameters : one tensor per parameter: (N,) or (N, M) held through the run, (T, N, M) by day.
    properties : of a column that has any, one tensor each: (N,), held through the run; no gradient.
    initial : states at the start, (N,) or (N, M) each; the column's initial values if left out.
    outputs : names of fluxes or end-of-day states to return; the column's runoff if left out.
    means : further outputs, returned as means over periods.
    components : "mean" averages the outputs over the components, "separate" returns those of each;
        or what each component counts in the average, (N, M): positive, with the sum 1 in each
        cell, which is not checked (take a softmax). The states that a run ends with are those of
        each component in any case.
    networks : an EmbeddedNetwork for each network that the column declares, by its name.
    scheme : how time is stepped within the day, by name, or a `Stepping` that also says what is
        kept for the gradient, which backend runs, and how many steps a day the T are, if not one.

    Returns
    -------
    outputs : name -> (T, N), or (T, N, M) of separate components; of period means (R, N) or
        (R, N, M).
    final : state -> (N, M), to be handed in as `initial` of a run that goes on from here.
    """
    column, properties = column_named(column), properties or {}
    outputs, averaged, averages = _wanted(column, outputs, means)
    mean, weights = _over(components)
    stepping = Stepping.of(scheme)
    column = stepping.column(column)
    column.refuse_step(Scheme.of(stepping.scheme) == SEQUENTIAL)
    weather = _forcing(column, forcing)
    _check_names("parameters", column.parameters, parameters)
    if column.advance is not None:
        if stepping.scheme != SEQUENTIAL:
            raise ValueError(
                f"'{column.name}' has no scheme '{stepping.scheme}': it takes whole days"
            )
        return column.advance(
            weather, parameters, initial, outputs, averages, averaged, mean, weights
        )
    days, cells = weather.shape[1:]
    counts = [p.shape[-1] for p in parameters.values() if p.ndim > 1]
    # `index`: a plain number where torch traces for any size, too
    count = index(max(counts)) if counts else 1
    daily = [f for f in column.parameters if parameters[f.name].ndim == 3]
    _check_names("properties", column.properties, properties)
    held = [(f, parameters[f.name]) for f in column.parameters if f not in daily]
    held += [(f, properties[f.name].detach()) for f in column.properties]
    static = [_lanes(f, value, (cells, count), weather) for f, value in held]
    dynamic = [_lanes(f, parameters[f.name], (days, cells, count), weather) for f in daily]
    if weights is not None:
        static.append(_component_weights(weights, cells, count, weather))
    scheme = Scheme.of(stepping.scheme)
    choices = (
        column, outputs, tuple(f.name for f in daily), count, mean, str(weather.dtype)[6:],
        weights is not None, averaged, scheme.name, index(scheme.substeps),
        index(scheme.iterations),
    )  # fmt: skip
    values, final = column_op(
        # plain loops run what no kernel can be printed of
        _spec(*choices) if stepping.backend == "torch" else _key(*choices),
        weather,
        torch.stack(static) if static else weather.new_empty(0, cells * count),
        torch.stack(dynamic) if dynamic else weather.new_empty(0, days, cells * count),
        _initial(column, initial, cells, count, weather),
        stepping.storage,
        stepping.backend,
        _network_weights(column, networks, weather),
        averages,
    )
    if not mean:
        values = [value.unflatten(-1, (cells, count)) for value in values]
    final = final.unflatten(-1, (cells, count))
    return (
        dict(zip((*outputs, *averaged), values, strict=True)),
        dict(zip((f.name for f in column.states), final, strict=True)),
    )


@constant
def _key(*choices) -> str:
    """The key of the spec of these choices. A trace does not look in here; it is made again for
    another column or other choices."""
    spec = _spec(*choices)
    return SPECS.hold(spec.key, spec)


@lru_cache(maxsize=256)
def _spec(column, outputs, dynamic, components, mean, real, weighted, averaged, *scheme) -> Spec:
    return spec_of(
        column, outputs, dynamic, components, mean, real, weighted, Scheme(*scheme), averaged
    )


@lru_cache(maxsize=256)
def spec_of(
    column, outputs, dynamic, components, mean, real, weighted=False, scheme=SEQUENTIAL,
    averaged=(),
) -> Spec:  # fmt: skip
    """One spec for each combination, so that a column is traced and printed once."""
    if not 1 <= components <= 64:
        raise ValueError(f"a cell has 1 to 64 components, not {components}")
    if real not in ("float32", "float64"):
        raise ValueError(f"columns run in float32 or float64: convert the forcing, now {real}")
    return Spec(
        column, outputs, dynamic, components, mean, real, weighted=weighted, scheme=scheme,
        averaged=averaged,
    )  # fmt: skip


def _wanted(column: Column, outputs, means: PeriodMeans | None):
    """Names of what is wanted by day and as means over periods, and these periods."""
    averaged, averages = ((), None) if means is None else (tuple(means.outputs), means.averages)
    usual = () if averaged or column.runoff is None else (column.runoff,)
    outputs = tuple(dict.fromkeys(outputs or usual))
    for name in (*outputs, *averaged):
        column.output(name)
    if twice := set(outputs) & set(averaged):
        raise ValueError(f"'{min(twice)}' is asked for by day and averaged: choose one")
    return outputs, averaged, averages


def _forcing(column: Column, forcing) -> Tensor:
    if isinstance(forcing, Tensor):
        if forcing.ndim != 3 or forcing.shape[0] != len(column.forcings):
            names = ", ".join(f.name for f in column.forcings)
            raise ValueError(
                f"packed forcing has the shape ({len(column.forcings)}, T, N) for {names}, "
                f"not {tuple(forcing.shape)}"
            )
        return forcing.contiguous()
    _check_names("forcings", column.forcings, forcing)
    shapes = {name: tuple(value.shape) for name, value in forcing.items()}
    if len(set(shapes.values())) != 1 or len(next(iter(shapes.values()))) != 2:
        raise ValueError(f"every forcing has the same shape (T, N); got {shapes}")
    return torch.stack([forcing[f.name] for f in column.forcings])


def _check_names(kind: str, fields: Sequence[Field | Embedded], given: Mapping) -> None:
    names = {f.name for f in fields}
    missing, unknown = sorted(names - set(given)), sorted(set(given) - names)
    if missing or unknown:
        raise ValueError(
            f"the column takes the {kind} {', '.join(f.name for f in fields) or '(none)'}; "
            f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}"
        )


def _lanes(field: Field, value: Tensor, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """One value per lane: (N,), (N, 1), (N, M) or (T, N, M) made (..., N*M)."""
    value = value.to(like) if value.ndim > 1 else value.to(like).unsqueeze(-1)
    try:
        return value.expand(shape).flatten(-2)
    except RuntimeError:
        raise ValueError(
            f"'{field.name}' has the shape {tuple(value.shape)}, which does not fit "
            f"{shape[-2]} cells x {shape[-1]} components"
            + (f" x {shape[0]} days" * (len(shape) > 2))
        ) from None


def _over(components: str | Tensor) -> tuple[bool, Tensor | None]:
    """Whether outputs are averaged over the components, and by what weights."""
    if isinstance(components, Tensor):
        return True, components
    return one_of("components", components, COMPONENTS) == "mean", None


def _component_weights(weights: Tensor, cells: int, components: int, like: Tensor):
    if tuple(weights.shape) != (cells, components):
        raise ValueError(
            f"component weights have the shape {tuple(weights.shape)}; it must be (N, M), here "
            f"{cells} cells x {components} components"
        )
    # the mean of M products with M times the weights is the weighted sum
    return (weights.to(like) * components).flatten()


def _network_weights(column: Column, networks, like: Tensor) -> Tensor:
    networks = networks or {}
    _check_names("networks", column.networks, networks)
    rows = [networks[n.name].weights().to(like) for n in column.networks]
    for network, row in zip(column.networks, rows, strict=True):
        if len(row) != embedded.count(network):
            raise ValueError(
                f"the network '{network.name}' has {embedded.count(network)} weights in the column "
                f"'{column.name}', but {len(row)} in the module given: make that from the column's"
            )
    return torch.cat(rows) if rows else like.new_empty(0)


def _initial(column: Column, initial, cells: int, components: int, like: Tensor) -> Tensor:
    if initial is None:
        rows = [like.new_full((cells * components,), f.initial) for f in column.states]
    else:
        _check_names("states", column.states, initial)
        rows = [_lanes(f, initial[f.name], (cells, components), like) for f in column.states]
    return torch.stack(rows)
