"""A calibration made ready: every door that its input passes before the first run of the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from gridhydro.base import periods
from gridhydro.base.arguments import one_of
from gridhydro.base.periods import as_texts as period_of
from gridhydro.base.report import STRICT, Doors
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel
from gridhydro.training.calibration.losses import LOSSES
from gridhydro.training.calibration.objective import CellLosses, Observed, free
from gridhydro.training.calibration.sceua import SCEUA
from gridhydro.training.options import Session, SpinUp, as_options
from gridhydro.training.splits import Split


@dataclass(frozen=True)
class Ready:
    """A calibration before its first run; about: its settings."""

    forcing: Forcing
    days: slice
    spinup: int
    observed: Observed
    losses: CellLosses
    about: dict


def prepare(
    model: CellModel,
    forcing,
    discharge,
    *,
    target,
    period,
    spinup,
    loss,
    method,
    session,
    doors: Doors = STRICT,
) -> Ready:
    """Read and check all that a calibration takes; the arguments are those of `calibrate`."""
    before = doors(_days_before, spinup)
    doors(_refuse, model, method, session)
    place = doors(lambda one: Session.of(one).place, session)
    doors(model.to, place)
    weather = doors(Forcing.read, forcing, model.domain, model, device=place, doors=doors)
    split = period if isinstance(period, Split) else None
    period = doors(period_of, period) if split is None else split.train_period
    days = doors(_days, weather, period, before)
    observed = doors(_observed, discharge, target, model, weather, days, split)
    loss = doors(_loss, loss, target)
    losses = doors(CellLosses, model, weather, observed, days, before, loss)
    return doors(
        _ready, model, method, session, split, period, target, weather, days, before, observed,
        losses,
    )  # fmt: skip


def _ready(
    model, method, session, split, period, target, weather, days, before, observed, losses
) -> Ready:
    method.population(len(losses.rows))
    about = model.options | dict(
        method="sceua", **asdict(method), period=list(period), spinup=before, loss=losses.loss,
        target=observed.about, seed=session.seed, gauges=list(observed.gauges),
        cells=len(observed.cells), pet=weather.method,
        split=None if split is None else split.to_json(),
        fitted=["discharge" if target is None else target.name],
    )  # fmt: skip
    return Ready(weather, days, before, observed, losses, about)


def _loss(loss, target) -> str:
    return one_of("loss", loss or ("nse" if target is None else target.loss), LOSSES)


def _days_before(spinup: SpinUp | int) -> int:
    """The days of a spin-up; ValueError for what only a training does."""
    spinup = as_options(SpinUp, spinup)
    if spinup.cycles or spinup.near_equilibrium:
        raise ValueError("a calibration spins up by days alone: leave cycles and start out")
    return spinup.days


def _refuse(model: CellModel, method: SCEUA, session: Session) -> None:
    """ValueError for a model whose cells cannot be calibrated alone, and for unused options."""
    if not isinstance(method, SCEUA):
        raise ValueError(f"method is a gridhydro.SCEUA(complexes=..., ...), not {method!r}")
    model.refuse_steps("a calibration")
    if model.column.networks:
        raise ValueError(
            f"the column '{model.column.name}' has a network that all cells share: train it"
        )
    network = free(model)
    if model.components > 1 or network.weighted or model.correction is not None:
        raise ValueError(
            "one set of parameters is calibrated in every cell: make the model without components, "
            "their weights and a correction, or train it"
        )
    Session.of(session)
    for name in ("cache", "validation", "callbacks"):
        if getattr(session, name):
            raise ValueError(f"a calibration has no use for {name}: leave it out of the session")


def _days(forcing: Forcing, period: tuple[str, str], spinup: int) -> slice:
    """The days that are scored; ValueError where the spin-up does not fit before them."""
    days = periods.within(forcing.times, period, "the forcing")
    if days.start < spinup:
        raise ValueError(
            f"the spin-up needs {spinup} days before {forcing.times[days.start]:%Y-%m-%d}, the "
            f"forcing has {days.start}: begin the period later, or take spinup={days.start}"
        )
    return days


def _observed(discharge, target, model, forcing, days: slice, split: Split | None) -> Observed:
    if (target is None) == (discharge is None):
        raise ValueError("one series is fitted in each cell: give either discharge or a target")
    if target is None:
        return Observed.discharge(discharge, model, forcing, days, split)
    return Observed.target(target, model, forcing, days, split)
