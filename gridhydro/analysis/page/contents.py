"""What a report shows, read from the folder of a run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from gridhydro.analysis.page.layers import Layer, layers_of
from gridhydro.analysis.page.truth import Truth, read_truth
from gridhydro.base.damage import read_json, reading
from gridhydro.base.folders import place
from gridhydro.base.periods import days
from gridhydro.domain.domain import Domain
from gridhydro.io.csv_tables import read_table
from gridhydro.io.delimited import GUARDED
from gridhydro.io.text_files import read_text
from gridhydro.model import run_folder
from gridhydro.model.drift import HIDDEN, Drift

WARNINGS = "warnings.json"  # told while a domain file was trained
# what took the place of keys of the domain file -> the option of `gridhydro train`; for `sections`,
# which recipes give, there is none
_CHANGED = {
    "configuration": "--configuration", "storage_weight": "--storage-weights",
    "balance": "--balance", "fold": "--fold",
}  # fmt: skip


@dataclass
class Contents:
    """A run as its folder has it.

    index      run.json
    layers     maps of parameters, of fluxes and of the area upstream
    scores     metrics.csv; simulated, observed: discharge, days by gauges, m3 s-1
    history    the course of the training; water: its budget by year, mm
    warnings   of the domain, of the training and of what is found here
    domain_file, source  of a training by a domain file: its text, and what it was begun with
    band       of an ensemble: discharge that 5 and 95 % of its runs stay below, as `simulated`
    truth      of a generated world, see `truth.Truth`
    """

    folder: Path
    index: dict
    domain: Domain
    layers: list[Layer]
    scores: pd.DataFrame | None
    simulated: pd.DataFrame | None
    observed: pd.DataFrame | None
    history: pd.DataFrame | None
    water: pd.DataFrame | None
    warnings: list[str]
    domain_file: str | None = None
    source: dict = field(default_factory=dict)
    band: tuple[pd.DataFrame, pd.DataFrame] | None = None
    truth: Truth | None = None

    @property
    def training(self) -> dict:
        """The settings of the training."""
        return self.index["training"]

    @property
    def calibrated(self) -> bool:
        """Whether it was calibrated, each basin by itself, and not trained."""
        return self.training.get("method") == "sceua"

    @property
    def periods(self) -> dict[str, tuple[str, str]]:
        """First and last day of the training and of what was scored, by name."""
        found = {name: tuple(period) for name, period in self.index.get("periods", {}).items()}
        if not found and self.training.get("period"):
            found["training"] = tuple(self.training["period"])
        return {name: days(period) for name, period in found.items()}

    @property
    def commands(self) -> list[str]:
        """What makes the run again, and goes on from it."""
        name = shlex.quote(self.folder.resolve().name)
        if self.domain_file is None:
            return [
                f"run = gridhydro.load({self.folder.resolve().name!r}, forcing)",
                "run.simulate()",
            ]
        verb = "calibrate" if self.calibrated else "train"
        given = self.given()
        again = " ".join([f"gridhydro {verb} {name}/domain.toml", *given, f"--out {name}-again"])
        return [again, f"gridhydro evaluate {name}", f"gridhydro run {name} --out series.nc"]

    def given(self, but: Sequence[str] = ()) -> list[str]:
        """The options that it was begun with, of a training `but` some of them."""
        found = [f"--data {shlex.quote(self.source['data'])}"] if "data" in self.source else []
        found += _calibrated_with(self.training) if self.calibrated else [
            f"{flag} {shlex.quote(str(self.source[key]))}"
            for key, flag in _CHANGED.items() if key in self.source and key not in but
        ]  # fmt: skip
        kept = [key for key in ("epochs", "seed") if key in self.training and key not in but]
        return found + [f"--{key} {self.training[key]}" for key in kept]


def _calibrated_with(settings: dict) -> list[str]:
    """The options of `gridhydro calibrate` for these settings of a calibration."""
    options = {"complexes": "--complexes", "max_runs": "--runs"}
    given = [f"{flag} {settings[key]}" for key, flag in options.items() if key in settings]
    target = next(iter(settings.get("fitted") or ["discharge"]))
    return given if target == "discharge" else [f"--target {shlex.quote(str(target))}", *given]


def read(folder: Path, series: bool = True) -> Contents:
    """All that is there of a finished run; without its `series` of discharge where not asked for.

    FileNotFoundError where nothing is finished, ValueError where a file is damaged, naming it.
    """
    index = run_folder.index(folder)
    path = place(folder, run_folder.DOMAIN)
    with reading(path, "the domain of a run", run_folder.MEND):
        domain = Domain.from_file(path)
    file = folder / "domain.toml"
    source = folder / "source.json"
    truth = read_truth(folder, domain)
    layers, beside = layers_of(folder, domain), [] if truth is None else truth.layers
    shown = {one.name.rpartition("_")[0] for one in beside}  # NAME_simulated, NAME_true
    return Contents(
        folder=folder,
        index=index,
        domain=domain,
        layers=[*beside, *(one for one in layers if one.name not in shown)],
        scores=read_scores(folder / "metrics.csv"),
        simulated=read_series(folder / "discharge.csv") if series else None,
        observed=read_series(folder / "discharge_observed.csv") if series else None,
        history=_table(folder / run_folder.HISTORY),
        water=_table(folder / "water.csv"),
        warnings=_warnings(folder, domain, index["training"]),
        domain_file=read_text(file) if file.exists() else None,
        source=read_json(source, "what a run was begun with", "remove it")
        if source.exists()
        else {},
        truth=truth,
    )


def _table(path: Path, kinds: dict | None = None) -> pd.DataFrame | None:
    return read_table(path, dtype=kinds) if path.exists() else None


def read_scores(path: Path) -> pd.DataFrame | None:
    """Scores with the names of the gauges as they are; None without the file."""
    table = _table(path, {"gauge": str})
    return None if table is None else table.assign(gauge=table["gauge"].map(plain))


def read_series(path: Path) -> pd.DataFrame | None:
    """Days by gauges; None without the file."""
    if not path.exists():
        return None
    table = read_table(path, comment="#", index_col=0, parse_dates=True)
    return table.rename(columns=plain)


def plain(name) -> str:
    """A name as it is, without the apostrophe that keeps spreadsheets from computing it."""
    return str(name)[1:] if str(name).startswith(GUARDED) else str(name)


def _warnings(folder: Path, domain: Domain, training: dict) -> list[str]:
    texts = [*domain.report.errors, *domain.report.warnings]
    path = folder / WARNINGS
    if path.exists():
        texts += map(str, read_json(path, "the warnings of a training", "remove it")["warnings"])
    if training.get("storage_drift"):
        drift = Drift(**training["storage_drift"])
        if drift.hidden > HIDDEN:
            texts.append(f"the stores were not settled when the scored days began: {drift.line}")
    return list(dict.fromkeys(texts))
