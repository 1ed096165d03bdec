"""River routing as plain loops in PyTorch: what the kernels compute and are tested against."""

from __future__ import annotations

import torch

from .periods import averaged


def route(runoff, release, storage, network, instant, reservoirs, substeps, periods, transit=True):
    """Follow the water through `network` sub-step by sub-step, differentiably.

    runoff (T, N) in U d-1, release (N,) the fraction of its content that each reservoir of a cell
    hands on in a sub-step, storage (6, N) in U: five reservoirs and the water in transit towards
    the cell. instant (N,) marks the cells that receive what leaves upstream within the same
    sub-step, reservoirs (N,) is the length of the cascade. `network` is anything with the
    arrays `downstream` and `level_start`, the downstream cell on exactly the next level. `periods`
    has the row (T,) and the weight (T,) of each day in `count` averages.

    Returns outflow (T, N) in U d-1, the final storage, and what is in the reservoirs of a cell at
    the end of a day, averaged over periods (R, N), with `transit` together with what is in transit
    towards the cell. The scheme is that of HydroPy 1.0.2:
    y = inflow; for each reservoir R += y, y = release R, R -= y; then y + runoff / substeps
    leaves the cell, so that local runoff bypasses the reservoirs of its own cell.
    """
    stores, arriving = list(storage[:5]), storage[5]
    levels = list(zip(network.level_start[:-1], network.level_start[1:], strict=True))
    downstream = torch.as_tensor(network.downstream, device=runoff.device)
    outflow, content = [], []
    active = torch.arange(5, device=runoff.device)[:, None] < reservoirs
    for day in range(runoff.shape[0]):
        left = torch.zeros_like(release)
        for _ in range(substeps):
            leaving: list[torch.Tensor] = []
            sent: list[torch.Tensor] = []
            for start, stop in levels:
                cells = slice(start, stop)
                inflow = torch.zeros_like(release[cells])
                if start > 0:
                    above = slice(start - leaving[-1].numel(), start)
                    inflow = inflow.index_add(0, downstream[above] - start, leaving[-1])
                y = arriving[cells] + torch.where(instant[cells], inflow, 0)
                sent.append(torch.where(instant[cells], 0, inflow))
                for number in range(5):
                    hands_on = active[number, cells]
                    filled = stores[number][cells] + y
                    out = release[cells] * filled
                    y = torch.where(hands_on, out, y)
                    kept = torch.where(hands_on, filled - out, stores[number][cells])
                    stores[number] = torch.cat(
                        [stores[number][:start], kept, stores[number][stop:]]
                    )
                leaving.append(y + runoff[day, cells] / substeps)
            left = left + torch.cat(leaving)
            arriving = torch.cat(sent)
        outflow.append(left)
        held = torch.where(active, torch.stack(stores), 0).sum(0)
        content.append(held + arriving if transit else held)
    averages = averaged(torch.stack(content)[None], periods)[0]
    return torch.stack(outflow), torch.stack([*stores, arriving]), averages
