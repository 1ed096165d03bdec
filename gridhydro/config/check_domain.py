"""Check of a domain file: all that `gridhydro train` would refuse, before it is begun."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gridhydro.base.report import REFUSED, Doors, Report
from gridhydro.config import calibrate_domain
from gridhydro.config.build_model import build_model
from gridhydro.config.load import Setup, load
from gridhydro.config.score_domain import refuse_unscored
from gridhydro.config.train_domain import fitted_discharge, keywords, refuse_used
from gridhydro.training.calibration.prepare import prepare
from gridhydro.training.check import check, looked_at


def check_domain(
    domain: str | Path,
    data: str | Path | None = None,
    out: str | Path | None = None,
    *,
    changes: Mapping[str, object] | None = None,
) -> tuple[Setup | None, Report]:
    """What a domain file says, read (None where that is refused), and the report on it.

    out      the folder of the run, if that is to be looked at as well
    changes  as for `train_domain`

    Errors are what `train_domain` would refuse with before its first step, of a file with
    [calibration] `calibrate_domain` as well; those of sections that do not hang together are told
    at once. Nothing is run or written.
    """
    report = Report()
    doors = Doors(report)
    changes = {name: value for name, value in (changes or {}).items() if value is not None}
    if out is not None:
        doors(_look_at, Path(out), changes)
    setup = doors(load, domain, data, changes, doors)
    if setup is REFUSED:
        return None, _once(report)
    doors(refuse_unscored, setup)
    asked = doors(keywords, setup, None, progress=False)
    model = doors(build_model, setup, setup.training.seed)
    if model is REFUSED or asked is REFUSED:
        report = setup.domain.report + report
    else:
        given = model, setup.forcing, "hbv", fitted_discharge(setup)
        report = check(*given, **asked) + report
    if "calibration" in setup.sections and setup.domain.lumped and setup.training.fit_discharge:
        report += _of_calibration(setup)
    return setup, _once(report)


def _look_at(out: Path, changes: Mapping[str, object]) -> None:
    with looked_at(out):
        refuse_used(out, changes, resume=False)


def _of_calibration(setup: Setup) -> Report:
    """What a calibration to discharge by the file would refuse."""
    report = Report()
    doors = Doors(report)
    asked = doors(calibrate_domain.keywords, setup, progress=False)
    model = doors(calibrate_domain.free_model, setup, setup.training.seed)
    if model is not REFUSED and asked is not REFUSED:
        prepare(model, setup.forcing, setup.discharge, doors=doors, **asked)
    return report


def _once(report: Report) -> Report:
    """What several doors say once, and best with the place in the file."""
    found = []
    for texts in (report.errors, report.warnings, report.notes):
        texts = list(dict.fromkeys(texts))
        found.append([t for t in texts if not any(other.endswith(f": {t}") for other in texts)])
    return Report(*found)
