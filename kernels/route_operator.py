"""Routing as an operator of torch, and its adjoint as another: see `operators.py`."""

from __future__ import annotations

from hashlib import blake2b
from types import ModuleType, SimpleNamespace

import torch

from gridhydro.kernels.operators import Interned, cotangents, key_of, last_use, operator, traced
from gridhydro.kernels.periods import Periods
from gridhydro.kernels.reach_spec import ReachSpec
from gridhydro.kernels.route_tables import once_per_network

# as long as the process: they are few, and their kernels live as long
REACHES: Interned[ReachSpec] = Interned(
    "it stands for a river reach and its sub-steps. Compiled code that comes from another process "
    "needs one run with the same reach in this one before it"
)
# as long as the process: they are small
ASKED: Interned[tuple[int, ...]] = Interned(
    "it stands for the cells whose outflow is asked for. Compiled code that comes from another "
    "process needs one run with the same cells in this one before it"
)
# as long as somebody holds them, or another network that is equal: they are large
NETWORKS: Interned = Interned(
    "it stands for a river network. Compiled code, and a gradient through it, needs the network, "
    "or one that is equal, for as long as it runs: keep the network (or the model) until then",
    weak=True,
)


def network_key(network) -> str:
    """The key of a network, by which `NETWORKS` has one like it while this one lives."""
    return _key_and_twin(network)[0]


@once_per_network
def _key_and_twin(network):
    """The key, and the equal network that is found by it if that is another one: so it lives."""
    arrays = (network.downstream, network.level_start, network.upstream_start, network.upstream)
    digests = (blake2b(array.tobytes(), digest_size=12).hexdigest() for array in arrays)
    key = key_of(f"network of {network.downstream.size} cells", *digests)
    twin = NETWORKS.one(key, network)
    return key, None if twin is network else twin


def launcher(backend: str, device: torch.device) -> ModuleType:
    """The kernels of a backend, "numba" or "triton"; ValueError on a device that it cannot use."""
    if backend == "numba":
        from gridhydro.kernels import route_numba

        return route_numba
    # triton exists on Linux only: the CPU backend works without
    from triton import knobs

    from gridhydro.kernels import route_triton

    if device.type != "cuda" and not knobs.runtime.interpret:
        raise ValueError(
            f"the Triton backend routes CUDA tensors, these are on {device}; for its slow "
            "interpreter set TRITON_INTERPRET=1 before the start"
        )
    return route_triton


def _case(
    like, instant, row, weight, depth, place, served, periods, asked, reach, network, backend,
    substeps, tile_days, every, on_its_way, spent, above, others,
):  # fmt: skip
    """Kernels, spec, network and options of a call."""
    options = SimpleNamespace(
        instant=instant.contiguous(), periods=Periods(row, weight, periods), substeps=substeps,
        tile_days=tile_days, every=every, transit=on_its_way, depth=depth.contiguous(),
        place=place.contiguous(), served=served.contiguous(), asked=asked, spent=spent,
        above=ASKED[above] if above else None, others=others,
    )  # fmt: skip
    return launcher(backend, like.device), REACHES[reach], NETWORKS[network], options


def _forward(runoff, parameters, properties, states, transit, series, *rest):
    """Outflow, final states and transit, averages, fluxes, and what the adjoint starts from, as
    `route_numba.forward` says."""
    kernels, spec, network, options = _case(runoff, *rest)
    options.periods.check()
    return kernels.forward(
        spec, network, options, runoff.contiguous(), torch.cat([parameters, properties]),
        states.contiguous(), transit.contiguous(), series.contiguous(),
    )  # fmt: skip


def _forward_like(runoff, parameters, properties, states, transit, series, *rest):
    kernels, spec, network, options = _case(runoff, *rest)
    days, size = runoff.shape
    tiles = -(-days // options.every) if options.every else 0
    return (
        runoff.new_empty(days, options.asked),
        states.new_empty(states.shape),
        transit.new_empty(size),
        runoff.new_empty(options.periods.count, size),
        series.new_empty(len(spec.column.told), days, series.shape[2]),
        states.new_empty(tiles, *states.shape),
        transit.new_empty(tiles, size),
        runoff.new_empty(kernels.handed_shape(network, options, days)),
    )


def _keep(ctx, inputs, output):
    runoff, parameters, properties, _, _, series, *network_and_periods, served = inputs[:12]
    options = inputs[12:]
    _, final, _, _, fluxes, *start = output
    every, network = options[7], options[3]
    # the runoff is read where the rivers run once more; else its days are those of the outflow
    kept = runoff if every else runoff.new_empty(0, runoff.shape[1])
    # where it starts from is a result, if an empty one: it carries what the adjoint is not given
    ctx.save_for_backward(
        kept, parameters, properties, series, *network_and_periods, served, *start
    )  # fmt: skip
    ctx.options, ctx.days, ctx.states = options, len(runoff), len(final)
    ctx.fluxes = tuple(fluxes.shape)
    ctx.network = NETWORKS[network]  # so that the key is known when the gradient is made
    ctx.set_materialize_grads(False)  # there is none to what the adjoint starts from


def _backward(ctx, d_outflow, d_states, d_transit, d_averages, d_fluxes, *_):
    runoff, *kept = ctx.saved_tensors
    (periods, asked), size = ctx.options[:2], runoff.shape[1]
    shapes = (ctx.days, asked), (ctx.states, size), (size,), (periods, size), ctx.fluxes
    given = d_outflow, d_states, d_transit, d_averages, d_fluxes
    found = cotangents(runoff, shapes, given)
    *options, spent, above, _ = ctx.options
    others = any(one is not None for one in given[1:])
    # an operator returns none of its arguments: only what is no trace puts the gradient there
    spent = spent and not traced([runoff]) and last_use()
    d_runoff, d_parameters, d_states, d_transit, d_series = route_adjoint(
        runoff, *kept[:3], *kept[9:], *found, *kept[3:9], *options, spent, above, others
    )
    return d_runoff, d_parameters, None, d_states, d_transit, d_series, *[None] * 18


def _adjoint(
    runoff, parameters, properties, series, states_before, transit_before, handed, d_outflow,
    d_states, d_transit, d_averages, d_fluxes, *rest,
):  # fmt: skip
    """Gradients to runoff, parameters (0 where the reach learns none), states, transit, series."""
    kernels, spec, network, options = _case(runoff, *rest)
    tensors = (
        states_before, transit_before, series, handed, d_outflow, d_states, d_transit, d_averages,
        d_fluxes,
    )  # fmt: skip
    tensors = tuple(t.contiguous() for t in tensors)
    if not options.every:  # nothing reads the runoff where rivers do not run once more
        runoff = runoff.new_empty(len(d_outflow), runoff.shape[1])
    d_runoff, d_static, d_states, d_transit, d_series = kernels.adjoint(
        spec, network, options, runoff.contiguous(),
        torch.cat([parameters, properties]), *tensors,
    )  # fmt: skip
    return d_runoff, d_static[: len(parameters)], d_states, d_transit, d_series


def _adjoint_like(
    runoff, parameters, properties, series, states_before, transit_before, handed, d_outflow,
    d_states, d_transit, d_averages, d_fluxes, *rest,
):  # fmt: skip
    d_runoff = runoff.new_empty(len(d_outflow), runoff.shape[1])
    return d_runoff, *(
        values.new_empty(values.shape) for values in (parameters, d_states, d_transit, series)
    )


_OPTIONS = (
    "Tensor instant, Tensor row, Tensor weight, Tensor depth, Tensor place, Tensor served, "
    "SymInt periods, SymInt asked, str reach, str network, "
    "str backend, SymInt substeps, SymInt tile_days, SymInt every, bool on_its_way, bool spent, "
    "str above, bool others"
)
route = operator(
    "route(Tensor runoff, Tensor parameters, Tensor properties, Tensor states, Tensor transit, "
    f"Tensor series, {_OPTIONS}) -> (Tensor outflow, Tensor final, Tensor arriving, "
    "Tensor averages, Tensor fluxes, Tensor states_before, Tensor transit_before, Tensor handed)",
    _forward, _forward_like, _keep, _backward,
)  # fmt: skip
route_adjoint = operator(
    "route_adjoint(Tensor runoff, Tensor parameters, Tensor properties, Tensor series, "
    "Tensor states_before, Tensor transit_before, Tensor handed, Tensor d_outflow, "
    f"Tensor d_states, Tensor d_transit, Tensor d_averages, Tensor d_fluxes, {_OPTIONS}) "
    "-> (Tensor d_runoff, Tensor d_parameters, Tensor d_states, Tensor d_transit, "
    "Tensor d_series)",
    _adjoint, _adjoint_like,
)  # fmt: skip
