"""River routing as plain loops in PyTorch: what the kernels compute and are tested against."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from gridhydro.kernels.periods import averaged
from gridhydro.kernels.vocabulary import OneConvention


def route(reach, network, options, runoff, static, states, transit, series):
    """Follow the water through `network` sub-step by sub-step, differentiably.

    reach     a `ReachModel`, the physics of a cell
    network   anything with the arrays `downstream` and `level_start`, the downstream cell on
              exactly the next level
    options   `instant` (N,) marks the cells that receive what leaves upstream within the same
              sub-step, the others in the next; `substeps` a day; `periods` with the row (T,) and
              the weight (T,) of each day in `count` averages; `transit`, whether these count the
              water on its way to each cell
    runoff    (T, N) a day, the lateral inflow in equal parts; `options.depth` (N,) is the volume of
              one unit of it, in any unit of volume U
    static    (K, N) parameters of the reach, then its properties
    states    (S, N) in U; transit (N,) U, the water on its way towards each cell
    series    (F, T, J) the series of the reach, of cells with a place `options.served` (N,) in them

    Returns outflow (T, G) in U d-1 of the cells that have a `options.place` (N,) in it, not -1,
    final states, final transit, the water in each cell at the end of a day, averaged over periods
    (R, N), and the fluxes of the reach (E, T, J) in U d-1.
    """
    names = [field.name for field in (*reach.parameters, *reach.properties)]
    levels = list(zip(network.level_start[:-1], network.level_start[1:], strict=True))
    downstream = torch.as_tensor(network.downstream, device=runoff.device)
    instant, outflow, content = options.instant, [], []
    names += [field.name for field in reach.series]
    told = [field.name for field in reach.fluxes]
    fluxes = runoff.new_zeros(len(told), len(runoff), series.shape[2])
    served = (options.served >= 0).nonzero()[:, 0]
    column = options.served[served].long()
    for day in range(runoff.shape[0]):
        left = torch.zeros_like(transit)
        today = transit.new_zeros(len(series), len(transit))
        today = today.index_copy(1, served, series[:, day, column])
        known = torch.cat([static, today])
        of_day = transit.new_zeros(len(told), len(transit))
        for _ in range(options.substeps):
            leaving: list[torch.Tensor] = []
            sent: list[torch.Tensor] = []
            after: list[torch.Tensor] = []
            taken: list[torch.Tensor] = []
            for start, stop in levels:
                cells = slice(start, stop)
                inflow = torch.zeros_like(transit[cells])
                if start > 0:
                    above = slice(start - leaving[-1].numel(), start)
                    inflow = inflow.index_add(0, downstream[above] - start, leaving[-1])
                arriving = transit[cells] + torch.where(instant[cells], inflow, 0)
                sent.append(torch.where(instant[cells], 0, inflow))
                lateral = runoff[day, cells] * options.depth[cells] / options.substeps
                now, out, *more = _step(
                    reach, names, states[:, cells], arriving, lateral, known[:, cells]
                )
                after.append(now)
                taken += [torch.stack([one[name] for name in told]) for one in more if told]
                leaving.append(out)
            left = left + torch.cat(leaving)
            of_day = of_day + torch.cat(taken, 1) if taken else of_day
            transit, states = torch.cat(sent), torch.cat(after, 1)
        outflow.append(left)
        fluxes[:, day, column] = of_day[:, served]
        content.append(states.sum(0) + (transit if options.transit else 0))
    means = averaged(torch.stack(content)[None], options.periods)[0]
    there = (options.place >= 0).nonzero()[:, 0]
    shown = torch.zeros(options.asked, dtype=torch.long, device=runoff.device)
    shown[options.place[there].long()] = there
    return torch.stack(outflow)[:, shown], states, transit, means, fluxes


def _step(reach, names, states, inflow, lateral_inflow, static):
    """New states (S, n), outflow (n,) and, where there are, fluxes by name of one sub-step."""
    fields = [field.name for field in reach.states]
    with OneConvention():
        after, *rest = reach.step(
            SimpleNamespace(**dict(zip(fields, states, strict=True))),
            inflow,
            lateral_inflow,
            SimpleNamespace(**dict(zip(names, static, strict=True))),
        )
    return torch.stack([after[name] for name in fields]), *rest
