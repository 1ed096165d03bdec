"""Which gauges and days a model is trained on, and which it is tested on.

Splits are plain data: made once, kept as JSON beside a run, and read back to repeat it. What they
hold does not depend on the order of the gauges, nor on the version of a random generator: gauges
are ranked by a hash of the seed and their id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridhydro.base import periods
from gridhydro.base.arguments import names as names_of
from gridhydro.base.damage import read_json, reading
from gridhydro.base.files import replace
from gridhydro.base.periods import Period


@dataclass(frozen=True)
class Split:
    """Gauges (ids as text, sorted) and periods (first and last day, YYYY-MM-DD, both included).

    ValueError when a day of a gauge would be both trained on and tested, when no gauge is left,
    and for periods that cannot be read or end before they begin.
    """

    name: str
    train_gauges: tuple[str, ...]
    test_gauges: tuple[str, ...]
    train_period: Period
    test_period: Period

    def __post_init__(self):
        for use in ("train", "test"):
            gauges = _distinct(getattr(self, f"{use}_gauges"), f"the split '{self.name}', {use}")
            object.__setattr__(self, f"{use}_gauges", tuple(sorted(gauges)))
            period = periods.days(getattr(self, f"{use}_period"), f"{use} period", by_day=True)
            object.__setattr__(self, f"{use}_period", period)
        both = set(self.train_gauges) & set(self.test_gauges)
        if both and periods.overlap(self.train_period, self.test_period):
            raise ValueError(
                f"the split '{self.name}' would test on what it trains on: {len(both)} gauges, "
                f"such as {min(both)}, are in both, and {_text(self.train_period)} overlaps "
                f"{_text(self.test_period)}"
            )

    def without(self, gauges: Iterable[str]) -> Split:
        """The same, not trained on some gauges; ValueError where none is left to train on."""
        left = tuple(gauge for gauge in self.train_gauges if gauge not in set(gauges))
        if not left:
            raise ValueError("no gauge is left to train on: hold fewer of them out")
        return replace_fields(self, train_gauges=left)

    def to_json(self) -> dict:
        """Plain lists and texts."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Split:
        """The split of `to_json`; ValueError for keys that are missing or not known."""
        names = {field.name for field in fields(cls)}
        if set(content) != names:
            differ = sorted(names ^ set(content))
            raise ValueError(f"a split has {', '.join(sorted(names))}; check {', '.join(differ)}")
        found: dict[str, Any] = {k: v if k == "name" else tuple(v) for k, v in content.items()}
        return cls(**found)


def temporal(gauges: Sequence, train: Period, test: Period) -> Split:
    """The same gauges in another period, which must not overlap."""
    gauges = _distinct(gauges)
    return Split("temporal", gauges, gauges, train, test)


def hold_out(
    gauges: Sequence, held_out: Sequence, period: Period, test_period: Period | None = None
) -> Split:
    """These gauges but for some, which are held out; periods may be months or years too.

    test_period  the same period if left out
    """
    gauges, held_out = (
        _distinct(names_of(name, given), name)
        for name, given in (("gauges", gauges), ("held_out", held_out))
    )
    unknown = [gauge for gauge in held_out if gauge not in gauges]
    if unknown:
        some = ", ".join(gauges[:20]) + (", ..." if len(gauges) > 20 else "")
        raise ValueError(f"no gauge is called {', '.join(unknown)}; there is {some}")
    left = [gauge for gauge in gauges if gauge not in set(held_out)]
    if not left:
        raise ValueError("no gauge is left to train on: hold fewer of them out")
    train, test = (periods.days(given) for given in (period, test_period or period))
    return Split("held_out", tuple(left), held_out, train, test)


def pub(gauges: Sequence, period: Period, folds: int = 10, seed: int = 0) -> list[Split]:
    """Prediction in ungauged basins: every gauge is tested once, by a model not trained on it.

    `folds` random parts of the gauges, sizes differing by at most one, all in one period.
    """
    return _hold_out("pub", gauges, _folds(gauges, folds, seed), period, period)


def spatiotemporal(
    gauges: Sequence, train: Period, test: Period, folds: int = 10, seed: int = 0
) -> list[Split]:
    """Other gauges in another period: the folds of `pub`, and periods that do not overlap."""
    train = periods.days(train, "train period", by_day=True)
    test = periods.days(test, "test period", by_day=True)
    if periods.overlap(train, test):
        raise ValueError(
            f"{_text(train)} and {_text(test)} overlap: a spatiotemporal split tests in another "
            "period, `pub` in the same"
        )
    return _hold_out("spatiotemporal", gauges, _folds(gauges, folds, seed), train, test)


def pur(
    gauges: Sequence,
    period: Period,
    regions: Mapping | Sequence | None = None,
    *,
    longitude: Mapping | Sequence | None = None,
    groups: int | None = None,
    held_out: str | Iterable[str] | None = None,
    test_period: Period | None = None,
) -> list[Split]:
    """Prediction in ungauged regions: whole regions are held out, one in each split.

    regions      label of every gauge, in their order or by id
    longitude    instead of labels: degrees, cut into `groups` bands from west to east with equally
                 many gauges (west to east they are called band_1, band_2, ...)
    held_out     the regions to hold out; each of them if left out
    test_period  the same period if left out
    """
    gauges = _distinct(gauges)
    if (regions is None) == (longitude is None):
        raise ValueError("give either the regions or the longitudes of the gauges")
    labels = _bands(gauges, longitude, groups) if regions is None else _by_gauge(gauges, regions)
    unknown = [gauge for gauge, label in labels.items() if pd.isna(label)]
    if unknown:
        raise ValueError(f"{len(unknown)} gauges have no region, such as {unknown[0]}")
    members: dict[str, list[str]] = {}
    for gauge, label in labels.items():
        members.setdefault(str(label), []).append(gauge)
    if len(members) < 2:
        raise ValueError(f"all gauges lie in {next(iter(members))}: none would be left to train on")
    held_out = sorted(members) if held_out is None else held_out
    held_out = [held_out] if isinstance(held_out, str) else held_out
    wanted = list(dict.fromkeys(map(str, held_out)))
    for region in wanted:
        if region not in members:
            raise ValueError(
                f"no gauge lies in '{region}'; regions are {', '.join(sorted(members))}"
            )
    parts = {region: members[region] for region in wanted}
    return _hold_out("pur", gauges, parts, period, test_period or period)


def save(splits: Split | Iterable[Split], path: str | Path) -> None:
    """Write splits to a JSON file, replaced in one step."""
    splits = [splits] if isinstance(splits, Split) else list(splits)
    text = json.dumps({"splits": [split.to_json() for split in splits]}, indent=1)
    replace(Path(path), lambda p: p.write_text(text))


def load(path: str | Path) -> list[Split]:
    """The splits of `save`; ValueError naming the file where they cannot be read."""
    path, what, mend = Path(path), "splits as written by `splits.save`", "write them again"
    content = read_json(path, what, mend)
    with reading(path, what, mend):
        return [Split.from_json(split) for split in content["splits"]]


def _hold_out(kind: str, gauges, parts: Mapping, train: Period, test: Period) -> list[Split]:
    gauges = set(_distinct(gauges))
    return [
        Split(f"{kind}_{part}", tuple(gauges - set(tested)), tuple(tested), train, test)
        for part, tested in parts.items()
    ]


def _folds(gauges: Sequence, folds: int, seed: int) -> dict[str, list[str]]:
    gauges = _distinct(gauges)
    if not isinstance(folds, (int, np.integer)) or not 2 <= folds <= len(gauges):
        raise ValueError(
            f"{folds} folds of {len(gauges)} gauges: choose from 2 to the number of gauges"
        )
    ranked = sorted(gauges, key=lambda g: hashlib.sha256(f"{seed}/{g}".encode()).digest())
    width = len(str(folds))
    return {f"{i + 1:0{width}d}": ranked[i::folds] for i in range(folds)}


def _bands(gauges: tuple[str, ...], longitude, groups: int | None) -> dict[str, str]:
    if not isinstance(groups, (int, np.integer)) or not 2 <= groups <= len(gauges):
        raise ValueError(
            f"groups={groups} of {len(gauges)} gauges: choose from 2 to the number of gauges"
        )
    place = _by_gauge(gauges, longitude)
    for gauge, degrees in place.items():
        if not -180 <= float(degrees) <= 360:
            raise ValueError(f"the longitude of {gauge} is {degrees}, not degrees")
    ordered = sorted(gauges, key=lambda gauge: (float(place[gauge]), gauge))
    bands = np.array_split(ordered, groups)
    width = len(str(groups))
    return {str(g): f"band_{i + 1:0{width}d}" for i, band in enumerate(bands) for g in band}


def _by_gauge(gauges: tuple[str, ...], values) -> dict[str, Any]:
    """Values by gauge, from a mapping (or a Series), or from a sequence in the same order."""
    if isinstance(values, (Mapping, pd.Series)):
        known = {str(gauge): value for gauge, value in values.items()}
        missing = [gauge for gauge in gauges if gauge not in known]
        if missing:
            raise ValueError(
                f"{len(missing)} gauges are not among the values, such as {missing[0]}"
            )
        return {gauge: known[gauge] for gauge in gauges}
    values = list(values)
    if len(values) != len(gauges):
        raise ValueError(f"{len(values)} values for {len(gauges)} gauges: one each, in their order")
    return dict(zip(gauges, values, strict=True))


def _distinct(gauges: Iterable, what: str = "the list") -> tuple[str, ...]:
    if isinstance(gauges, str):
        raise ValueError(f"{what} has '{gauges}' for its gauges: give a list of ids")
    gauges = tuple(map(str, gauges))
    if not gauges:
        raise ValueError(f"{what} has no gauges")
    index = pd.Index(gauges)
    if index.has_duplicates:
        raise ValueError(f"{what} has the gauge {index[index.duplicated()][0]} twice")
    return gauges


def _text(period: Period) -> str:
    return " to ".join(period)
