"""How a training is to go: what `gridhydro.train` takes beside the model and its data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gridhydro.base.arguments import whole
from gridhydro.base.report import STRICT, Doors
from gridhydro.evaluation.losses import loss as loss_named
from gridhydro.observations.storage_target import StorageTarget
from gridhydro.observations.targets import Target
from gridhydro.training.batches import Batches
from gridhydro.training.options import Checkpoints, Optimizer, Session, SpinUp, as_options
from gridhydro.training.splits import Split


@dataclass(frozen=True)
class Plan:
    """The keywords of `gridhydro.train`, which says what they mean."""

    period: tuple[str, str] | Split
    targets: Target | StorageTarget | Sequence[Target | StorageTarget] = ()
    loss: str | Callable = "nse"
    spinup: SpinUp | int = SpinUp()
    epochs: int = 150
    optimizer: Optimizer | str = Optimizer()
    batches: Batches | None = None
    checkpoints: Checkpoints | str | Path | None = None
    session: Session = Session()

    def options(self, doors: Doors = STRICT) -> Options:
        """All that needs no data, each as its own kind; ValueError for what is wrong by itself."""
        kept = self.checkpoints
        doors(loss_named, self.loss)
        return Options(
            doors(whole, "epochs", self.epochs, 0),
            doors(as_options, SpinUp, self.spinup),
            doors(as_options, Optimizer, self.optimizer),
            None if kept is None else doors(as_options, Checkpoints, kept),
            doors(Session.of, self.session),
            doors(Batches.of, self.batches),
        )

    def watched(self, progress: bool) -> Plan:
        """The same with or without a bar."""
        if not isinstance(self.session, Session):
            return self
        return replace(self, session=replace(self.session, progress=progress))


@dataclass(frozen=True)
class Options:
    """Those of a plan that are groups of options."""

    epochs: int
    spinup: SpinUp
    optimizer: Optimizer
    checkpoints: Checkpoints | None
    session: Session
    batches: Batches | None
