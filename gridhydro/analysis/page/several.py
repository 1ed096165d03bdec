"""What a report shows of an ensemble of runs, or of the folds of a cross-validation."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.analysis.page.contents import Contents, plain, read, read_scores, read_series
from gridhydro.analysis.page.layers import Layer, upstream_area
from gridhydro.base.damage import reading
from gridhydro.model.ensemble import SPREAD, seeds
from gridhydro.model.run_folder import finished
from gridhydro.training import splits

FLOWS = "discharge_ensemble.nc"
_BAND = (0.05, 0.95)
_MEND = "`gridhydro evaluate` writes it again"


@dataclass
class Several(Contents):
    """Runs that differ by their seed, whose mean is shown; or folds, of which each gauge is shown
    as by the one that holds it out. Settings, domain and observations are those of the first.

    members  what each has, by the name of its folder; each: scores of all runs, a row for every
             gauge, period and `member`; None where there is one run for each gauge
    splits   of folds, in the order of the members
    """

    members: dict[str, Contents] = field(default_factory=dict)
    each: pd.DataFrame | None = None
    splits: Sequence[splits.Split] = ()

    @property
    def runs(self) -> dict[str, Contents]:
        """All runs by their place in the folder: of folds with several seeds those of all."""
        return dict(_runs(self))

    @property
    def seeds(self) -> int:
        """Seeds of each fold, or of the ensemble; 0 of folds with one run each."""
        first = next(iter(self.members.values()))
        return len(self.members) if not self.splits else getattr(first, "seeds", 0)

    @property
    def commands(self) -> list[str]:
        """What makes all of them again."""
        name = self.folder.resolve().name
        if self.domain_file is None:
            return [
                f"ensemble = gridhydro.Ensemble.load({name!r}, forcing)",
                "ensemble.discharge()",
            ]
        place, begun = next(iter(self.runs.items()))
        given = begun.given(but=("fold", "seed") if self.seeds else ("fold",))
        given += [f"--seeds {self.seeds}"] if self.seeds else []
        verb, quoted = "cross-validate" if self.splits else "train", shlex.quote(name)
        file = shlex.quote(f"{name}/{place}/domain.toml")
        again = " ".join([f"gridhydro {verb} {file}", *given, f"--out {quoted}-again"])
        return [again] if self.splits else [again, f"gridhydro evaluate {quoted}"]


def _runs(several: Several, before: str = "") -> Iterator[tuple[str, Contents]]:
    for name, one in several.members.items():
        if isinstance(one, Several):
            yield from _runs(one, f"{before}{name}/")
        else:
            yield f"{before}{name}", one


def folds(folder: Path) -> list[Path]:
    """Folders of folds with finished runs, in their order."""
    found = [p for p in folder.glob("fold-*") if p.name.removeprefix("fold-").isdecimal()]
    found = [path for path in found if finished(path) or seeds(path)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("fold-")))


def read_several(folder: Path) -> Several | None:
    """What lies in the folder of an ensemble or of a cross-validation; None where it is neither.

    ValueError for folds that are not all trained, and where a file is damaged.
    """
    if seeds(folder):
        return _read_seeds(folder)
    return _read_folds(folder) if folds(folder) else None


def _read_seeds(folder: Path, series: bool = True) -> Several:
    members = {path.name: read(path, series=False) for path in seeds(folder)}
    found = _together(folder, members)
    tables = [one.scores.assign(member=n) for n, one in members.items() if one.scores is not None]
    found.each = pd.concat(tables, ignore_index=True) if tables else None
    if series:
        observed = folder / next(iter(members)) / "discharge_observed.csv"
        found.observed = read_series(observed)
        found.simulated, found.band, count = _flows(folder)
        if count not in (None, len(members)):
            found.warnings.append(
                f"the hydrographs are of {count} runs ({FLOWS}), and {len(members)} lie in the "
                f"folder: {_MEND}"
            )
    return found


def _read_folds(folder: Path) -> Several:
    places, kept = folds(folder), folder / "splits.json"
    if not kept.exists():
        raise ValueError(
            f"{folder} has folds of a cross-validation that is not whole ({kept.name} is missing): "
            f"`gridhydro cross-validate` goes on with it; what is finished, such as {places[0]}, "
            "has a report of its own"
        )
    made = splits.load(kept)
    if len(made) != len(places):
        raise ValueError(f"{kept} has {len(made)} folds, and {len(places)} lie in the folder")
    members = {
        path.name: read(path, series=False) if finished(path) else _read_seeds(path, series=False)
        for path in places
    }
    found = _together(folder, members)
    found.splits = made
    by_seed = read_scores(folder / "metrics_by_seed.csv")
    if by_seed is not None:
        found.each = by_seed.assign(member="seed-" + by_seed["seed"].astype(str))
    parts = [_held_out(path, split.test_gauges) for path, split in zip(places, made, strict=True)]
    order = [plain(name) for name in found.domain.gauges.index]
    joined = [_joined(tables, order) for tables in zip(*parts, strict=True)]
    found.simulated, found.observed = joined[:2]
    found.band = None if joined[2] is None else (joined[2], joined[3])
    return found


def _together(folder: Path, members: dict[str, Contents]) -> Several:
    """What the members have in common, with maps of their mean and of their spread."""
    first = next(iter(members.values()))
    shared = {one.name: getattr(first, one.name) for one in fields(Contents)}
    shared |= {
        "folder": folder, "layers": _layers(list(members.values())), "history": None, "water": None,
        "scores": read_scores(folder / "metrics.csv"), "warnings": _warnings(members),
        "simulated": None, "observed": None, "truth": None,
    }  # fmt: skip
    return Several(**shared, members=members)


def _layers(members: list[Contents]) -> list[Layer]:
    """Mean of each map over the members, and of two or more its standard deviation (n - 1)."""
    maps = [
        {one.name: one for one in member.layers
         if one.name != "upstream_area" and not one.name.endswith(SPREAD)}
        for member in members
    ]  # fmt: skip
    means, spreads = [], []
    for name, first in maps[0].items():
        if not all(name in one for one in maps):
            continue
        values = np.stack([one[name].values for one in maps])
        means.append(Layer(name, first.long_name, first.unit, values.mean(0)))
        if len(maps) > 1:
            unit = "K" if first.unit == "degC" else first.unit
            told = f"{first.long_name}, standard deviation over the runs"
            spreads.append(Layer(f"{name}{SPREAD}", told, unit, values.std(0, ddof=1)))
    return [*means, *spreads, *upstream_area(members[0].domain)]


def _warnings(members: dict[str, Contents]) -> list[str]:
    """Each once, with the members that it is of where it is not of all."""
    texts: dict[str, list[str]] = {}
    for name, one in members.items():
        for text in one.warnings:
            texts.setdefault(text, []).append(name)
    return [
        text if len(names) == len(members) else f"{', '.join(names)}: {text}"
        for text, names in texts.items()
    ]


def _flows(folder: Path):
    """Mean discharge of the runs, what 5 and 95 % of them stay below, and how many they are; None
    of each where none was written, or for the band of a single run."""
    path = folder / FLOWS
    if not path.exists():
        return None, None, None
    with reading(path, "runs of an ensemble", _MEND), xr.open_dataset(path) as data:
        mean = data["discharge"].transpose("time", "gauge").to_pandas().rename(columns=plain)
        count = data.sizes["member"]
        if count < 2:
            return mean, None, count
        quantiles = data["discharge_quantiles"].transpose("quantile", "time", "gauge")
        low, high = (
            quantiles.sel(quantile=level, method="nearest").to_pandas().rename(columns=plain)
            for level in _BAND
        )
        return mean, (low, high), count


def _held_out(folder: Path, gauges: Sequence[str]) -> list[pd.DataFrame | None]:
    """Of a fold, at the gauges that it holds out: simulated, observed, and the ends of the band."""
    if finished(folder):
        simulated, band, first = read_series(folder / "discharge.csv"), None, folder
    else:
        simulated, band, _ = _flows(folder)
        first = seeds(folder)[0]
    tables = [simulated, read_series(first / "discharge_observed.csv"), *(band or (None, None))]
    names = {plain(name) for name in gauges}
    return [None if t is None else t[[c for c in t if c in names]] for t in tables]


def _joined(tables: Sequence[pd.DataFrame | None], order: list[str]) -> pd.DataFrame | None:
    there = [table for table in tables if table is not None]
    if not there:
        return None
    joined = pd.concat(there, axis=1)
    return joined[[name for name in order if name in joined]]
