"""Results as a table while they come, as CSV with the machine in its header, and as a figure."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

KINDS = {"forward": "#8fb8de", "adjoint": "#1f5f99"}
NAMES = ("M/s", "MB", "floor", "ratio")
LABELS = {"forward": "forward", "adjoint": "forward + adjoint"}
FORMATS = {
    "best_s": ".4g", "median_s": ".4g", "msteps": ".4g", "memory_mb": ".0f", "floor": ".1%",
    "ratio": ".3g",
}  # fmt: skip
COLUMNS = ("case", "code", "size", *(f"{k}_{m}" for k in KINDS for m in FORMATS), "runs", "note")


def print_rows(rows: Iterable[dict]) -> list[dict]:
    """Print each row as it comes, and keep them all."""
    headings = "".join(f" {name:>8}" for name in ("best s", "median s", *NAMES))
    print(f"{'case':15}{'code':24}{'size':27}" + "".join(f"| {LABELS[k]:54}" for k in KINDS) + "|")
    print(" " * 66 + f"|{headings} " * 2 + "| note")
    kept = []
    for row in rows:
        kept.append(row)
        print(f"{row['case']:15}{row['code']:24}{row['size']:27}{_cells(row)}| {row['note']}")
    print(
        "M/s: million cell-steps a second; MB: most memory held during a run; floor: fraction of "
        "the speed at\nwhich the bytes that must move could move; ratio: times that the first row "
        "of the case is faster"
    )
    return kept


def _cells(row: dict) -> str:
    text = ""
    for kind in KINDS:
        text += "|"
        for measure, digits in FORMATS.items():
            value = row.get(f"{kind}_{measure}", math.nan)
            text += " " + ("" if math.isnan(value) else f"{value:{digits}}").rjust(8)
        text += " "
    return text


def write_csv(path: Path, rows: list[dict], header: dict[str, str]) -> None:
    with open(path, "w", newline="") as file:
        for key, value in header.items():
            file.write(f"# {key}: {value}\n")
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})


def write_figure(path: Path, rows: list[dict], header: dict[str, str], unit: str) -> None:
    """Bars of the speed of every code, one panel for each case."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    measured = [row for row in rows if "runs" in row]
    cases = list(dict.fromkeys(row["case"] for row in measured))
    groups = [[row for row in measured if row["case"] == case] for case in cases]
    figure, panels = pyplot.subplots(
        len(cases), 1, squeeze=False, sharex=True, layout="constrained",
        figsize=(8, 1.1 + sum(0.55 * len(group) + 0.55 for group in groups)),
        height_ratios=[len(group) + 0.6 for group in groups],
    )  # fmt: skip
    top = max(row.get(f"{kind}_msteps", 0) for row in measured for kind in KINDS)
    low = min(row[f"{k}_msteps"] for row in measured for k in KINDS if f"{k}_msteps" in row)
    for panel, case, group in zip(panels[:, 0], cases, groups, strict=True):
        for place, row in enumerate(group):
            for offset, (kind, colour) in zip((-0.2, 0.2), KINDS.items(), strict=True):
                speed = row.get(f"{kind}_msteps")
                if speed:
                    panel.barh(place + offset, speed, 0.38, color=colour)
                    panel.text(speed * 1.06, place + offset, f"{speed:.3g}", va="center", size=8)
        panel.set_yticks(range(len(group)), [_label(row, group) for row in group], size=8)
        panel.set_ylim(len(group) - 0.4, -0.6)
        panel.set_xscale("log")
        panel.set_xlim(low / 3, top * 3)
        panel.set_title(f"{case}: {group[0]['size']}", loc="left", size=9)
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1, 0].set_xlabel(unit)
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colour) for colour in KINDS.values()]
    figure.legend(
        handles,
        list(LABELS.values()),
        loc="outside upper right",
        ncols=2,
        frameon=False,
        fontsize=8,
    )
    machine = header.get("gpu", header["cpu"])
    figure.suptitle(f"{machine}, {header['date']}", x=0.01, ha="left", size=8)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _label(row: dict, group: list[dict]) -> str:
    twins = [other for other in group if other["code"] == row["code"]]
    label = f"{row['code']}\n{row['note'].split(', ')[-1]}" if len(twins) > 1 else row["code"]
    return label if row["size"] == group[0]["size"] else f"{label}\n{row['size']}"
