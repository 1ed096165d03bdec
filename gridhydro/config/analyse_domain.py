"""All analyses of a run in a folder: water budgets, evapotranspiration, importance."""

from __future__ import annotations

import tomllib
from pathlib import Path

from gridhydro.analysis.evapotranspiration import Observed
from gridhydro.analysis.report import analyse
from gridhydro.config.load import Setup
from gridhydro.io import read_grace
from gridhydro.io.text_files import read_text
from gridhydro.model.run import Run


def analyse_run(
    run: Run,
    setup: Setup,
    out: Path,
    period: tuple[str, str] | None = None,
    grace: Path | None = None,
    progress: bool = True,
) -> dict[str, str]:
    """Write the analyses of a run into a folder; what was left out by name, and why.

    period  the training period if left out
    grace   file or folder of anomalies of storage, for its change in the water balance
    """
    storage = None
    if grace is not None:
        domain = None if setup.domain.lumped else setup.domain
        storage = read_grace(grace, domain=domain)
    observed = None
    if setup.discharge is not None or storage is not None:
        observed = Observed(setup.discharge, storage)
    period = period or setup.training.period
    found = analyse(
        run, out, period, observed=observed, weather=setup.forcing, progress=progress
    )  # fmt: skip
    return found["left_out"]


def grace_of(setup: Setup) -> Path | None:
    """The folder, or the one file, of the section [grace] of the domain file; None without any."""
    given = tomllib.loads(read_text(setup.source)).get("grace", {})
    files = list(given.get("files", []))
    if given.get("folder") is not None:
        return setup.data / given["folder"]
    return setup.data / files[0] if len(files) == 1 else None
