"""Other codes on the same cells and days. Each is optional, and only called, never copied."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np
import torch

from benchmarks.speed.contest import Contestant, require_close
from gridhydro.base.units import depth_of_flow
from gridhydro.columns import column

HBV = column("hbv")


def invite(make: Callable, *arguments) -> Contestant:
    """The contestant that `make` builds, or one that says why it stays away."""
    try:
        return make(*arguments)
    except Exception as error:
        absent = isinstance(error, ModuleNotFoundError)
        why = f"not installed ({error.name})" if absent else f"{type(error).__name__}: {error}"
        return Contestant(make.__name__.replace("_", " "), "", 0, absent=why.split("\n")[0][:160])


def hydrodl2(problem) -> Contestant:
    """Hbv_1_1p: the same equations in eager torch; its unit hydrograph cannot be switched off."""
    module = import_module("hydrodl2.models.hbv.hbv_1_1p")
    count = len(HBV.parameters)
    config = {"dynamic_params": {}, "nmul": problem.components}
    model = module.Hbv_1_1p(config, device=torch.device(problem.device))
    raw = torch.logit(problem.fractions).permute(1, 0, 2).reshape(problem.cells, -1)
    raw = torch.cat([raw, torch.zeros(problem.cells, 2, device=raw.device)], 1).requires_grad_()
    assert model.learnable_param_count == count * problem.components + 2
    weather = problem.weather.permute(1, 2, 0).contiguous()

    def discharge(days=problem.days):
        given = {"x_phy": weather[:days]}
        result = model(given, raw.expand(days, -1, -1))
        return result["streamflow_no_rout"][:, :, 0]

    def forward():
        with torch.no_grad():
            discharge()

    def compare(days=60):
        days = min(days, problem.days)
        with torch.no_grad():
            require_close(discharge(days), problem.runoff()[:days], 1e-3, "gridhydro")

    return Contestant(
        "hydrodl2", problem.size, problem.steps, forward,
        lambda: torch.autograd.grad(discharge(), raw, problem.cotangent), compare,
        eager=True, patience=300, note="Hbv_1_1p, the same equations and parameters, eager",
    )  # fmt: skip


def jfuse(problem) -> Contestant:
    """FUSE with the PRMS decisions in JAX: 9 stores instead of 5, discharge only."""
    import jax

    if problem.device == "cuda" and jax.default_backend() != "gpu":
        raise RuntimeError("its JAX has no CUDA")
    from jfuse.fuse import create_fuse_model, fuse_simulate

    model = create_fuse_model("prms", problem.cells)
    rain, warmth, demand = (jax.numpy.asarray(row.cpu().numpy()) for row in problem.weather)
    weather, start = (rain, demand, warmth), model.default_state()
    parameters = model.default_params()

    def discharge(parameters, weather, remat):
        return fuse_simulate(weather, start, parameters, model.config, remat_scan=remat)[0]

    # each pass with the setting that is quicker for it
    forward = jax.jit(lambda p, w: discharge(p, w, False))
    gradient = jax.jit(jax.value_and_grad(lambda p, w: discharge(p, w, True).mean()))

    def check():
        _plausible(np.asarray(forward(parameters, weather)), problem)
        slopes = np.stack(jax.tree.leaves(gradient(parameters, weather)[1]))
        if not (np.all(np.isfinite(slopes)) and np.any(slopes)):
            raise ValueError("its gradient is zero or not finite")

    return Contestant(
        "jfuse", problem.size, problem.steps,
        lambda: jax.block_until_ready(forward(parameters, weather)),
        lambda: jax.block_until_ready(gradient(parameters, weather)), check,
        note=f"FUSE-PRMS (other equations, snow included), jit on {jax.default_backend()}",
    )  # fmt: skip


def smash(problem, threads: int = 1) -> Contestant:
    """hydro-smash: snow, GR4 and its lightest routing on its own mesh of the Lez, Fortran."""
    if problem.device != "cpu":
        raise RuntimeError("runs on a CPU only")
    package = import_module("smash")
    days = problem.days
    end = np.datetime64("2001-01-01") + np.timedelta64(days, "D")
    setup = dict(
        snow_module="ssn", hydrological_module="gr4", routing_module="lag0", dt=86400.0,
        start_time="2001-01-01", end_time=str(end), compute_mean_atmos=False,
    )  # fmt: skip
    _, mesh = package.factory.load_dataset("Lez")
    model = package.Model(setup, mesh)
    shape = model.atmos_data.prcp.shape
    rows = problem.weather[:, :, : shape[0] * shape[1]].cpu().numpy()
    rows = [np.resize(row.T, shape).astype(np.float32) for row in rows]
    warm = rows[1] > 0
    model.atmos_data.prcp, model.atmos_data.snow = rows[0] * warm, rows[0] * ~warm
    model.atmos_data.temp, model.atmos_data.pet = rows[1], rows[2]
    model.response_data.q = np.ones_like(model.response_data.q)
    common = {"ncpu": threads, "verbose": False}
    back = dict(mapping="distributed", common_options=common, return_options={"grad": True})
    # discharge of the largest gauge, m3 s-1, as mm d-1 over its area
    depth = depth_of_flow(float(mesh["area"].max()) / 1e6)

    def check():
        model.forward_run(common_options=common)
        _plausible(model.response.q.max(axis=0) * depth, problem)
        if not np.any(model.backward_run(**back).grad):
            raise ValueError("its gradient is zero")

    cells = int(mesh["active_cell"].sum())
    return Contestant(
        f"hydro-smash, {threads} thread{'s' * (threads > 1)}", f"{cells} cells x 1 x {days} d",
        cells * days, lambda: model.forward_run(common_options=common),
        lambda: model.backward_run(**back), check,
        note="ssn-gr4-lag0 (other equations, routing included), gradient of 1 - NSE",
    )  # fmt: skip


def smash_2(problem) -> Contestant:
    return smash(problem, 2)


def _plausible(discharge: np.ndarray, problem) -> None:
    """Other equations and initial stores: not the same water, but no more than there can be."""
    rain = float(problem.weather[0].mean())
    mean = float(np.mean(discharge))
    most = rain + 500 / problem.days  # stores that are full at the start run out
    if not (np.all(np.isfinite(discharge)) and np.min(discharge) >= 0 and 0 < mean < most):
        raise ValueError(f"mean discharge {mean:.2g} of {rain:.2g} mm d-1 rain is not plausible")
